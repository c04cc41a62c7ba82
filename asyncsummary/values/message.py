"""What is the Summary message of a value? For those who want the message itself, rather than have it written."""

from collections.abc import Callable, Mapping
from typing import Any

from asyncsummary.protos import Summary, Value
from asyncsummary.values.content import Content
from asyncsummary.values.figure import close_figures, figure_content, figures_of
from asyncsummary.values.histogram_forms import histogram_form, raw_histogram_content, ready_buckets_content
from asyncsummary.values.mesh import mesh_content
from asyncsummary.values.pictures import image_form
from asyncsummary.values.plugin import Ready
from asyncsummary.values.pr_curve import pr_curve_content, pr_curve_raw_content
from asyncsummary.values.scalar import scalar_value
from asyncsummary.values.sound import audio_form
from asyncsummary.values.tensor import tensor_value
from asyncsummary.values.text import text_content
from asyncsummary.values.video import video_content


def summary_of(kind: str, tag: str, arguments: Mapping[str, Any]) -> Summary:
    """Return the Summary that ``kind`` makes, under a whole tag, of the other arguments of the module-level function of that name.

    Raises:
        InvalidSummaryError: as the writer's method of that name.
    """
    return KINDS[kind](tag, **arguments).summary()


def _scalar(tag: str, tensor: Any) -> Content:
    return Ready(Summary(value=[Value(tag=tag, simple_value=scalar_value(tensor, tag))]))


def _generic(tag: str, tensor: Any, metadata: Any) -> Content:
    return Ready(Summary(value=[tensor_value(tensor, metadata, tag)]))


def _histogram(tag: str, tensor: Any, **rest: Any) -> Content:
    return histogram_form(tensor, tag, **rest)


def _histogram_buckets(tag: str, **arguments: Any) -> Content:
    return ready_buckets_content(tag=tag, **arguments)


def _histogram_raw(tag: str, bucket_limits: Any, bucket_counts: Any, **fields: Any) -> Content:
    return raw_histogram_content(fields, bucket_limits, bucket_counts, tag)


def _image(tag: str, tensor: Any, **rest: Any) -> Content:
    return image_form(tensor, tag, **rest)


def _audio(tag: str, tensor: Any, **rest: Any) -> Content:
    return audio_form(tensor, tag, **rest)


def _figure(tag: str, tensor: Any, close: Any, description: Any) -> Content:
    figures = figures_of(tensor, tag)
    try:
        return figure_content(figures, tag, description)
    finally:
        if close:
            close_figures(figures)


def _video(tag: str, tensor: Any, **rest: Any) -> Content:
    return video_content(tensor, tag, **rest)


def _text(tag: str, tensor: Any, description: Any) -> Content:
    return text_content(tensor, tag, description)


def _pr_curve(tag: str, **arguments: Any) -> Content:
    return pr_curve_content(tag=tag, **arguments)


def _pr_curve_raw(tag: str, description: Any, **rows: Any) -> Content:
    return pr_curve_raw_content(list(rows.values()), tag, description)


def _mesh(tag: str, **arguments: Any) -> Content:
    return mesh_content(tag=tag, **arguments)


KINDS: dict[str, Callable[..., Content]] = {
    "scalar": _scalar,
    "generic": _generic,
    "histogram": _histogram,
    "histogram_buckets": _histogram_buckets,
    "histogram_raw": _histogram_raw,
    "image": _image,
    "audio": _audio,
    "figure": _figure,
    "video": _video,
    "text": _text,
    "pr_curve": _pr_curve,
    "pr_curve_raw": _pr_curve_raw,
    "mesh": _mesh,
}
"""The kinds that have a tag, by the names of their functions."""
