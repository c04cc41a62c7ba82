"""Names of users, experiments and runs: TensorFlow's patterns, and its answers."""

import re

import pytest

from asyncsummary.database.names import EXPERIMENT, RUN, USER, checked_name
from asyncsummary.errors import InvalidArgumentError, InvalidTypeError


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        *((EXPERIMENT, name) for name in ("", "a" * 256, "\x7f", "é 中", "a/b", "ends\n", "..")),
        *((RUN, name) for name in ("", "a" * 512, "2026-11-20 12:00", "ends\n")),
        *((USER, name) for name in ("a", "a-b", "A9", "a" * 31, "Z-9", "a--b")),
    ],
)
def test_names_that_tensorflow_takes(pattern: re.Pattern[str], name: str) -> None:
    """Are taken as they are."""
    assert checked_name("name", name, pattern) == name


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        *((EXPERIMENT, name) for name in ("a" * 257, "a\nb", "\0", "\x1f", "<", "a>b", "ends\n\n")),
        *((RUN, name) for name in ("a" * 513, "\0", "a\tb", "<run>")),
        *((USER, name) for name in ("", "-hi", "hi-", "@", "9a", "a_b", "a.b", "a" * 32, "é", "a b", "\0")),
    ],
)
def test_names_that_it_does_not_take(pattern: re.Pattern[str], name: str) -> None:
    """Are named, with the argument and the pattern, in a ValueError."""
    with pytest.raises(InvalidArgumentError, match=f"^{re.escape(f'the_argument ({name!r}) must match {pattern.pattern}')}$"):
        checked_name("the_argument", name, pattern)


def test_bytes() -> None:
    """b"" is how the original is told that there is no user; other bytes are read as UTF-8 and checked."""
    assert checked_name("user_name", b"", USER) == ""
    assert checked_name("run_name", "é".encode(), RUN) == "é"
    with pytest.raises(InvalidArgumentError, match="must match"):
        checked_name("user_name", b"9a", USER)
    with pytest.raises(InvalidArgumentError, match="no UTF-8"):
        checked_name("run_name", b"\xff", RUN)


@pytest.mark.parametrize("name", [5, 1.5, ["a"], object()])
def test_other_types(name: object) -> None:
    """Are a TypeError, as there."""
    with pytest.raises(InvalidTypeError, match="run_name: must be a str"):
        checked_name("run_name", name, RUN)


def test_a_name_that_utf8_cannot_encode() -> None:
    """A lone surrogate would fail in SQLite, long after the call."""
    with pytest.raises(InvalidArgumentError, match="UTF-8"):
        checked_name("run_name", "a\ud800", RUN)
