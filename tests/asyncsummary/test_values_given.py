"""Checks of arguments that several kinds have: text, lists, labels, descriptions."""

from typing import Any

import numpy as np
import pytest

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.given import description_of, labels_of, listed, utf8


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
