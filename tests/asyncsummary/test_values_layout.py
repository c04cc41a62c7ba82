"""Layouts of custom scalars: TensorBoard's own messages, and what is refused."""

from typing import Any

import pytest
from tensorboard.plugins.custom_scalar import layout_pb2

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.layout import layout_content
from tests.support.plugin_summaries import assert_same, tensorboards

theirs_layout: Any = layout_pb2  # made at run time, so that type checkers know nothing of it
MAPPING = {
    "losses": {"all": ["Multiline", ["loss.*", "accuracy"]], "band": ["Margin", ["loss", "loss/low", "loss/high"]]},
    "two bands": {"both": ("Margin", [["a", "b", "c"], ("d", "e", "f")])},
}


def their_layout() -> Any:
    """Return what the mapping means."""
    pb = theirs_layout
    band = pb.MarginChartContent.Series(value="loss", lower="loss/low", upper="loss/high")
    both = [pb.MarginChartContent.Series(value=v, lower=low, upper=high) for v, low, high in ("abc", "def")]
    return pb.Layout(
        category=[
            pb.Category(
                title="losses",
                chart=[
                    pb.Chart(title="all", multiline=pb.MultilineChartContent(tag=["loss.*", "accuracy"])),
                    pb.Chart(title="band", margin=pb.MarginChartContent(series=[band])),
                ],
            ),
            pb.Category(title="two bands", chart=[pb.Chart(title="both", margin=pb.MarginChartContent(series=both))]),
        ]
    )


@pytest.mark.parametrize("form", ["mapping", "message", "bytes"])
def test_the_same_as_tensorboards_own(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each of its forms."""
    message = their_layout()
    given = {"mapping": MAPPING, "message": message, "bytes": message.SerializeToString()}[form]
    assert_same(layout_content(given).summary(), tensorboards("custom_scalar.summary", monkeypatch).pb(message))


@pytest.mark.parametrize(
    ("layout", "kind", "message"),
    [
        (5, InvalidTypeError, "layout: must be a mapping, a Layout message or its bytes, got int"),
        (b"\xff\xff", InvalidSummaryError, "2 bytes are no serialised Layout"),
        ({}, InvalidSummaryError, "has no categories"),
        (b"", InvalidSummaryError, "has no categories"),
        ({"a": []}, InvalidTypeError, "category 'a' must map titles to charts"),
        ({"a": {"b": ["Pie", ["t"]]}}, InvalidSummaryError, r"chart 'b' must be \['Multiline'"),
        ({"a": {"b": ["Multiline", "t"]}}, InvalidSummaryError, "chart 'b' must be"),
        ({"a": {"b": ["Multiline", ["("]]}}, InvalidSummaryError, r"'\(' in chart 'b' is no regular expression"),
        ({"a": {"b": ["Multiline", [5]]}}, InvalidTypeError, "must be str, got 5"),
        ({"a": {"b": ["Margin", ["t", "u"]]}}, InvalidSummaryError, r"chart 'b' must have \[tag, lower tag, upper tag\]"),
        ({"a": {"b": ["Margin", []]}}, InvalidSummaryError, "chart 'b' must have"),
        ({"a": {"b": [["Multiline"], ["t"]]}}, InvalidSummaryError, r"chart 'b' must be \['Multiline'"),
        ({"a": {"b": ["Multiline", ["a{99999999999999999999}"]]}}, InvalidSummaryError, "in chart 'b' is no regular expression"),
        ({"\ud800": {"b": ["Multiline", ["t"]]}}, InvalidSummaryError, r"'\\ud800' is no UTF-8"),
        ({"a": {"\ud800": ["Multiline", ["t"]]}}, InvalidSummaryError, r"'\\ud800' is no UTF-8"),
        ({"a": {"b": ["Margin", ["t", "\ud800", "t"]]}}, InvalidSummaryError, r"'\\ud800' is no UTF-8"),
        ({10**5000: []}, InvalidTypeError, "category <int> must map titles to charts"),
        ({5: {"b": ["Multiline", ["t"]]}}, InvalidTypeError, "titles and tags must be str, got 5"),
    ],
)
def test_what_is_refused(layout: Any, kind: type[InvalidSummaryError], message: str) -> None:
    """With the chart and the reason."""
    with pytest.raises(kind, match=message):
        layout_content(layout)
