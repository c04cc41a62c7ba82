"""Text: what TensorBoard's own writer makes of it, and what is refused."""

from typing import Any

import numpy as np
import pytest

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.text import text_content
from tests.support.plugin_summaries import assert_same, tensorboards


@pytest.mark.parametrize(
    "text",
    [
        "*hello*",
        "",
        "ünï ✓ \0 end\0",
        b"bytes",
        ["one", "two"],
        [["a", "b"], ["c", b"d"], ["e", "ü"]],
        np.array(["one", "longer"]),
        np.array([["a", "b"]], dtype=object),
    ],
)
def test_the_same_as_tensorboards_own(text: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tag, metadata and strings, at any rank."""
    theirs = tensorboards("text.summary_v2", monkeypatch).text_pb("a/tag", text, description="about *it*")
    assert_same(text_content(text, "a/tag", "about *it*").summary(), theirs)


def test_a_table() -> None:
    """Keeps its shape, and its order by rows."""
    (value,) = text_content([["a", "b", "c"], ["d", "e", "f"]], "t").summary().value
    assert [dim.size for dim in value.tensor.tensor_shape.dim] == [2, 3]
    assert b"".join(value.tensor.string_val) == b"abcdef"
    assert value.metadata.plugin_data.plugin_name == "text"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (5, InvalidTypeError, "text of tag 't': must be strings, got 5 of type int"),
        (None, InvalidTypeError, "got None"),
        (["a", 5], InvalidTypeError, "got 5 of type int"),
        (np.zeros(2), InvalidTypeError, "must be strings"),
        ([], InvalidSummaryError, r"is empty \(shape \(0,\)\)"),
        ([["a"], ["b", "c"]], InvalidSummaryError, "rows have different lengths"),
        ([[["a"]]], InvalidSummaryError, r"rank 0, 1 or 2, got shape \(1, 1, 1\)"),
        (b"\xff", InvalidSummaryError, "is no UTF-8"),
        ("\ud800", InvalidSummaryError, "is no UTF-8"),
    ],
)
def test_what_is_refused(text: Any, kind: type[InvalidSummaryError], message: str) -> None:
    """With the tag and the reason."""
    with pytest.raises(kind, match=message):
        text_content(text, "t")


def test_a_description_is_text() -> None:
    """And nothing else."""
    with pytest.raises(InvalidTypeError, match="description of tag 't': must be a str, got int"):
        text_content("a", "t", 5)
    with pytest.raises(InvalidSummaryError, match=r"description of tag 't': .* is no UTF-8"):
        text_content("a", "t", "\ud800")


def test_more_than_a_message_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is refused here, not where it is encoded."""
    monkeypatch.setattr("asyncsummary.values.limits.MOST_BYTES", 10)
    with pytest.raises(InvalidSummaryError, match="value of tag 't': 12 bytes, and a summary can have 10 at the most"):
        text_content(["123456", "123456"], "t")
