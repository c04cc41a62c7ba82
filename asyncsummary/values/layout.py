"""What is the layout of the custom scalars dashboard? Categories of charts, each of the curves of several tags."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import DecodeError, Message

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.plugin_protos import Category, Chart, Layout, MarginChartContent, MultilineChartContent, Series
from asyncsummary.protos import Summary
from asyncsummary.values.given import typed, utf8
from asyncsummary.values.plugin import Ready, plugin_value, strings

TAG = "custom_scalars__config__"


def layout_content(layout: Any) -> Ready:
    """Return the summary of a layout: a Layout message of any library's making, its bytes, or a mapping.

    The mapping is torch's: ``{category: {chart: ["Multiline", [regex, ...]], chart: ["Margin", [tag, lower tag, upper tag]]}}``; a margin
    chart may have several such triples: ``["Margin", [[tag, lower, upper], ...]]``.

    Raises:
        InvalidTypeError: something else.
        InvalidSummaryError: bytes that are no Layout, no categories, a chart that is neither, a regular expression that is none, or text
            that has no UTF-8.
    """
    made = _layout(layout)
    if not made.category:
        raise InvalidSummaryError("layout: has no categories", TAG)
    tensor = strings(made.SerializeToString(), shape=())
    return Ready(Summary(value=[plugin_value(TAG, tensor, "custom_scalars")]))


def _layout(layout: Any) -> Layout:
    if isinstance(layout, Mapping):
        return Layout(category=[_category(title, charts) for title, charts in layout.items()])
    if isinstance(layout, Message) and layout.DESCRIPTOR.name == "Layout":
        layout = layout.SerializeToString()
    if not isinstance(layout, bytes):
        raise InvalidTypeError(f"layout: must be a mapping, a Layout message or its bytes, got {type(layout).__name__}", TAG)
    try:
        return Layout.FromString(layout)
    except DecodeError as error:
        raise InvalidSummaryError(f"layout: these {len(layout)} bytes are no serialised Layout: {error}", TAG) from error


def _category(title: Any, charts: Any) -> Category:
    if not isinstance(charts, Mapping):
        raise InvalidTypeError(f"layout: category {shown(title)} must map titles to charts, got {type(charts).__name__}", TAG)
    return Category(title=_str(title), chart=[_chart(_str(name), chart) for name, chart in charts.items()])


def _chart(title: str, chart: Any) -> Chart:
    if not _is_chart(chart):
        raise InvalidSummaryError(f"layout: chart {title!r} must be ['Multiline', [...]] or ['Margin', [...]], got {shown(chart, 80)}", TAG)
    kind, tags = chart
    if kind == "Multiline":
        return Chart(title=title, multiline=MultilineChartContent(tag=[_regex(tag, title) for tag in tags]))
    triples = tags if all(_is_list(triple) for triple in tags) else [tags]
    if not triples or any(len(triple) != 3 for triple in triples):
        raise InvalidSummaryError(f"layout: chart {title!r} must have [tag, lower tag, upper tag], got {shown(tags, 80)}", TAG)
    series = [Series(value=_str(value), lower=_str(lower), upper=_str(upper)) for value, lower, upper in triples]
    return Chart(title=title, margin=MarginChartContent(series=series))


def _is_chart(value: Any) -> bool:
    if not isinstance(value, Sequence) or len(value) != 2 or not isinstance(value[0], str):
        return False
    return value[0] in {"Multiline", "Margin"} and _is_list(value[1])


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _regex(tag: Any, title: str) -> str:
    try:
        re.compile(_str(tag))
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidSummaryError(f"layout: {tag!r} in chart {title!r} is no regular expression: {error}", TAG) from error
    return str(tag)


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidTypeError(f"layout: titles and tags must be str, got {typed(value)}", TAG)
    utf8(value, "layout", TAG)
    return value
