"""Checks of arguments that several kinds have: text, lists, labels, descriptions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.steps import as_step
from asyncsummary.values.given import description_of, labels_of, listed, utf8
from asyncsummary.values.histogram_forms import buckets_content
from asyncsummary.values.image import image_batch
from asyncsummary.values.pr_curve import pr_curve_content
from asyncsummary.values.scalar import scalar_value
from tests.support.scalar_calls import Broken


def test_text() -> None:
    """Is UTF-8; half of a surrogate pair is not."""
    assert utf8("é ✓", "argument") == "é ✓".encode()
    with pytest.raises(InvalidSummaryError, match=r"^text of tag 't': 'a\\ud800' is no UTF-8 \(surrogates not allowed\)$") as caught:
        utf8("a\ud800", "text", "t")
    assert caught.value.tag == "t"
    with pytest.raises(InvalidSummaryError, match=r"^trial_id: "):
        utf8("\ud800", "trial_id")


def test_descriptions() -> None:
    """Are str, or nothing."""
    assert (description_of("*about*", "t"), description_of(None, "t")) == ("*about*", "")


@pytest.mark.parametrize(("description", "kind"), [(5, InvalidTypeError), (b"about", InvalidTypeError), ("\ud800", InvalidSummaryError)])
def test_what_is_no_description(description: Any, kind: type[InvalidSummaryError]) -> None:
    """Is refused by name."""
    with pytest.raises(kind, match="description of tag 't': "):
        description_of(description, "t")


@pytest.mark.parametrize("labels", [["a", "b"], ("a", "b"), np.array(["a", "b"]), iter(["a", "b"]), {"a": 1, "b": 2}])
def test_labels(labels: Any) -> None:
    """May come in any iterable."""
    assert labels_of(labels, "t") == ["a", "b"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (5, "must be a list, got 5 of type int"),
        (None, "must be a list, got None of type NoneType"),
        (np.array("a"), "must be a list"),
        (["a", None], "must be str, got None of type NoneType"),
        ([b"a"], "must be str, got b'a' of type bytes"),
    ],
)
def test_what_is_no_labels(labels: Any, message: str) -> None:
    """Is refused; None within, too."""
    with pytest.raises(InvalidTypeError, match=f"labels of tag 't': {message}"):
        labels_of(labels, "t")


def test_a_list_without_a_tag() -> None:
    """Is named by its argument alone."""
    with pytest.raises(InvalidTypeError, match=r"^metrics: must be a list, got 5"):
        listed(5, "metrics")


class Deleted:
    """Looks like an array whose memory was given to somebody else: every way to look into it raises."""

    def __index__(self) -> int:
        raise RuntimeError("Array has been deleted with shape=int32[].")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("Array has been deleted with shape=int32[].")


@pytest.mark.parametrize("given", [Broken(), Deleted()])
@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("value", lambda given: scalar_value(given, "t")),
        ("step", lambda given: as_step(given, "t")),
        ("max_images", lambda given: image_batch(np.zeros((1, 1, 1, 1), np.uint8), None, given, "t")),
        ("buckets", lambda given: buckets_content([1.0], "t", given)),
        ("num_thresholds", lambda given: pr_curve_content([True], [0.5], "t", given)),
    ],
)
def test_whatever_a_conversion_raises(argument: str, call: Callable[[Any], object], given: Any) -> None:
    """Is told with the argument and the tag."""
    with pytest.raises(InvalidTypeError, match=f"{argument} of tag 't': ") as caught:
        call(given)
    assert caught.value.tag == "t"
