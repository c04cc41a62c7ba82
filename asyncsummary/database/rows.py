"""Which rows does an Event become? By the kind of each of its values, as tf.contrib.summary writes them. Pure."""

from dataclasses import dataclass

import numpy as np

from asyncsummary.database.graphs import GraphRows, graph_rows
from asyncsummary.database.tensors import DOUBLE, FLOAT, LARGEST_BLOB, Tensor, tensor_of
from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import Audio, Event, HistogramProto, Image, SummaryMetadata, Value
from asyncsummary.values.tensor import STRING

SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)
"""What the original has as the left edge of the first bucket: C++'s DBL_MIN, which is no large negative number, but 2.2e-308."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What Tags and Descriptions say of a tag. Absent is empty."""

    plugin_name: str
    display_name: str = ""
    plugin_data: bytes = b""
    description: str = ""


@dataclass(frozen=True, slots=True)
class TensorRow:
    """A value of a tag at a step; ``time`` in seconds since the epoch."""

    tag: str
    metadata: Metadata
    step: int
    time: float
    tensor: Tensor


@dataclass(frozen=True, slots=True)
class EventRows:
    """What becomes of one Event. One without values, and one that is neither a Summary nor a graph, becomes nothing."""

    time: float
    tensors: tuple[TensorRow, ...] = ()
    graph: GraphRows | None = None

    def __bool__(self) -> bool:
        return bool(self.tensors) or self.graph is not None


SCALAR = Metadata("scalars")
# What a tag's plugin is if its metadata name none, by the kind of its first value.
_PLUGINS = {"simple_value": "scalars", "histo": "histograms", "image": "images", "audio": "audio", "tensor": ""}


def event_rows(payload: bytes) -> EventRows:
    """Return the rows of a serialised Event.

    Raises:
        InvalidSummaryError: a value or a graph that no database holds; the message names the tag.
    """
    event = Event.FromString(payload)
    match event.WhichOneof("what"):
        case "graph_def":
            return EventRows(event.wall_time, graph=graph_rows(event.graph_def))
        case "summary":
            rows = (_row(value, event) for value in event.summary.value)
            return EventRows(event.wall_time, tuple(row for row in rows if row is not None))
        case _:
            return EventRows(event.wall_time)


def _row(value: Value, event: Event) -> TensorRow | None:
    kind = value.WhichOneof("value")
    match kind:
        case "simple_value":
            tensor = Tensor(FLOAT, "", np.array(value.simple_value, "<f4").tobytes())
        case "tensor":
            tensor = tensor_of(value.tensor, value.tag)
        case "histo":
            tensor = _histogram(value.histo, value.tag)
        case "image":
            tensor = _image(value.image)
        case "audio":
            tensor = _audio(value.audio)
        case _:
            return None
    if max(map(len, tensor.strings), default=0) > LARGEST_BLOB:
        raise InvalidSummaryError(f"value of tag {value.tag!r}: has more bytes than SQLite takes as one value", value.tag)
    return TensorRow(value.tag, metadata_of(value.metadata, _PLUGINS[kind]), event.step, event.wall_time, tensor)


def metadata_of(given: SummaryMetadata, plugin_name: str) -> Metadata:
    """Return what the database says of a tag; ``plugin_name`` where the metadata name none."""
    plugin = given.plugin_data
    return Metadata(plugin.plugin_name or plugin_name, given.display_name, plugin.content, given.summary_description)


def _histogram(histogram: HistogramProto, tag: str) -> Tensor:
    """Return [k, 3] doubles: left edge, right edge and count of each bucket."""
    limits, counts = np.array(histogram.bucket_limit, "<f8"), np.array(histogram.bucket, "<f8")
    if len(limits) != len(counts):
        raise InvalidSummaryError(f"histogram of tag {tag!r}: has {len(limits)} limits of buckets and {len(counts)} counts", tag)
    rows = np.empty((len(limits), 3), "<f8")
    rows[1:, 0] = limits[:-1]
    rows[:1, 0] = SMALLEST_NORMAL
    rows[:, 1], rows[:, 2] = limits, counts
    return Tensor(DOUBLE, f"{len(limits)},3", rows.tobytes())


def _image(image: Image) -> Tensor:
    size = (str(image.width).encode(), str(image.height).encode())
    return Tensor(STRING, "3", None, (*size, image.encoded_image_string))


def _audio(audio: Audio) -> Tensor:
    return Tensor(STRING, "1,2", None, (audio.encoded_audio_string, b""))
