"""Events as rows, by the kind of each value."""

import numpy as np
import pytest

from asyncsummary.database import rows
from asyncsummary.database.rows import EventRows, Metadata, TensorRow, event_rows
from asyncsummary.database.tensors import Tensor
from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import (
    Audio,
    Event,
    HistogramProto,
    Image,
    PluginData,
    SessionLog,
    Summary,
    SummaryMetadata,
    TaggedRunMetadata,
    TensorProto,
    Value,
)
from asyncsummary.values.buckets import LARGEST
from asyncsummary.values.histogram import histogram_proto

DBL_MIN = 2.2250738585072014e-308
FULL = SummaryMetadata(plugin_data=PluginData(plugin_name="plugin", content=b"\1"), display_name="name", summary_description="words")
TENSOR = TensorProto(dtype=1, float_val=[2.0])


def rows_of(*values: Value) -> tuple[TensorRow, ...]:
    return event_rows(Event(wall_time=12.5, step=-3, summary=Summary(value=values)).SerializeToString()).tensors


@pytest.mark.parametrize(
    ("value", "plugin", "tensor"),
    [
        (Value(simple_value=1.5), "scalars", Tensor(1, "", np.float32(1.5).tobytes())),
        (Value(simple_value=float("nan")), "scalars", Tensor(1, "", b"\0\0\xc0\x7f")),
        (Value(tensor=TENSOR), "", Tensor(1, "", np.float32(2).tobytes())),
        (
            Value(histo=HistogramProto(bucket_limit=[1.0, 2.0, LARGEST], bucket=[0.0, 5.0, 0.0])),
            "histograms",
            Tensor(2, "3,3", np.array([[DBL_MIN, 1, 0], [1, 2, 5], [2, LARGEST, 0]], "<f8").tobytes()),
        ),
        (Value(histo=HistogramProto()), "histograms", Tensor(2, "0,3", b"")),
        (
            Value(image=Image(width=20, height=3, colorspace=1, encoded_image_string=b"png")),
            "images",
            Tensor(7, "3", None, (b"20", b"3", b"png")),
        ),
        (Value(audio=Audio(sample_rate=8000, encoded_audio_string=b"wav")), "audio", Tensor(7, "1,2", None, (b"wav", b""))),
    ],
)
def test_kinds(value: Value, plugin: str, tensor: Tensor) -> None:
    """Each as TensorFlow has it; a plugin that the metadata do not name is forced where the kind has one, and others are kept."""
    value.tag = "a tag: as it is"
    assert rows_of(value) == (TensorRow("a tag: as it is", Metadata(plugin), -3, 12.5, tensor),)
    value.metadata.CopyFrom(FULL)
    assert rows_of(value)[0].metadata == Metadata("plugin", "name", b"\1", "words")
    value.metadata.plugin_data.plugin_name = ""
    assert rows_of(value)[0].metadata == Metadata(plugin, "name", b"\1", "words")


def test_an_empty_histogram() -> None:
    """Has one bucket, from the smallest to the largest."""
    (row,) = rows_of(Value(tag="t", histo=histogram_proto(np.zeros(0))))
    assert row.tensor == Tensor(2, "1,3", np.array([DBL_MIN, LARGEST, 0.0]).tobytes())


def test_several_values() -> None:
    """A row for each that has content."""
    found = rows_of(Value(tag="a", simple_value=1.0), Value(tag="nothing"), Value(tag="b", tensor=TENSOR))
    assert [row.tag for row in found] == ["a", "b"]


@pytest.mark.parametrize(
    "event",
    [
        Event(wall_time=1.0, file_version="brain.Event:2"),
        Event(wall_time=1.0, session_log=SessionLog(status=1)),
        Event(wall_time=1.0, tagged_run_metadata=TaggedRunMetadata(tag="t", run_metadata=b"x")),
        Event(wall_time=1.0, meta_graph_def=b"x"),
        Event(wall_time=1.0, summary=Summary()),
        Event(wall_time=1.0),
    ],
)
def test_events_that_leave_no_rows(event: Event) -> None:
    """Whatever is neither a summary with values nor a graph."""
    found = event_rows(event.SerializeToString())
    assert found == EventRows(1.0)
    assert not found


def test_graphs() -> None:
    """Have rows of their own."""
    found = event_rows(Event(wall_time=1.0, graph_def=b"\n\x03\n\x01a").SerializeToString())
    assert found
    assert found.graph is not None
    assert found.graph.nodes == ((0, "a", "", "", b""),)


def test_bad_histograms() -> None:
    """Name their tag."""
    with pytest.raises(InvalidSummaryError, match="'the tag': has 1 limits of buckets and 2 counts"):
        rows_of(Value(tag="the tag", histo=HistogramProto(bucket_limit=[1.0], bucket=[1.0, 2.0])))


def test_images_that_sqlite_cannot_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name their tag."""
    monkeypatch.setattr(rows, "LARGEST_BLOB", 3)
    with pytest.raises(InvalidSummaryError, match="'the tag': has more bytes than SQLite takes"):
        rows_of(Value(tag="the tag", image=Image(encoded_image_string=b"abcd")))
