"""The error trees are as their modules draw them."""

import re
from types import ModuleType

import pytest

import asyncsummary
from asyncsummary import errors
from asyncsummary_storage import errors as storage_errors


@pytest.mark.parametrize(("module", "root"), [(errors, "SummaryError"), (storage_errors, "StorageError")])
def test_the_tree_that_is_drawn(module: ModuleType, root: str) -> None:
    """Every class is in the drawing, below the class that it is derived from."""
    drawn: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (module.__doc__ or "").splitlines():
        found = re.match(r"([ │]*)(?:[├└]── )?(\w+Error)\b", line)
        if found:
            depth = len(found.group(1)) + (4 if "──" in line else 0)
            path = [(other, name) for other, name in path if other < depth]
            drawn[found.group(2)] = path[-1][1] if path else ""
            path.append((depth, found.group(2)))
    classes = {name: kind for name, kind in vars(module).items() if isinstance(kind, type) and kind.__module__ == module.__name__}
    assert drawn.pop(root) == ""
    for name, parent in drawn.items():
        assert issubclass(classes[name], classes[parent]), name
    assert set(classes) - {root, "InvalidTypeError"} == set(drawn)


def test_all_are_exported() -> None:
    """Whoever catches one finds it at the top."""
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.SummaryError):
            assert getattr(asyncsummary, name) is kind
            assert name in asyncsummary.__all__


class Unshowable:
    """Something whose repr is broken."""

    def __repr__(self) -> str:
        raise RuntimeError("not now")


def test_how_a_value_is_shown() -> None:
    """By the beginning of its repr; by its type where it has none."""
    assert errors.shown("a\ud800") == "'a\\ud800'"
    assert errors.shown(list(range(100)), 10) == "[0, 1, 2, "
    assert errors.shown(10**5000) == "<int>"
    assert errors.shown([10**5000]) == "<list>"
    assert errors.shown(Unshowable()) == "<Unshowable>"


def test_whether_a_retry_can_help() -> None:
    """Is said by the class, or by the error itself."""
    assert storage_errors.ThrottledError("", 3.0).retriable
    assert storage_errors.OutcomeUnknownError("").retriable
    assert not storage_errors.AccessDeniedError("").retriable
    assert not errors.InvalidSummaryError("").retriable
    assert errors.QueueFullError("").retriable
    assert errors.OpenError("", retriable=True).retriable
