"""Rows as Events: what was written comes back, as far as a database knows it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.database.events import event_of_row
from asyncsummary.database.rows import Metadata, TensorRow, event_rows
from asyncsummary.database.tensors import Tensor, tensor_of
from asyncsummary.protos import Event, PluginData, Summary, SummaryMetadata, Value
from asyncsummary.values.audio import audio_batch
from asyncsummary.values.histogram import histogram_content
from asyncsummary.values.image import image_batch
from asyncsummary.values.tensor import tensor_proto


def there(value: Value) -> TensorRow:
    (row,) = event_rows(Event(wall_time=1.5, step=4, summary=Summary(value=[value])).SerializeToString()).tensors
    return row


def back(row: TensorRow) -> Value:
    event = Event.FromString(event_of_row(row.tag, row.metadata, row.step, row.time, row.tensor))
    assert (event.wall_time, event.step) == (row.time, row.step)
    (value,) = event.summary.value
    return value


@pytest.mark.parametrize(
    "value",
    [
        Value(tag="t", simple_value=1.5),
        Value(tag="t", tensor=tensor_proto([[1, 2]], "t")),
        Value(tag="t", tensor=tensor_proto(["a", "b"], "t")),
        Value(tag="t", tensor=tensor_proto("a", "t")),
        image_batch(np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3), None, 1, "t").summary().value[0],
        image_batch(np.zeros((1, 2, 4, 1), np.uint8), None, 1, "t").summary().value[0],
        image_batch(np.zeros((1, 2, 4, 4), np.uint8), None, 1, "t").summary().value[0],
        audio_batch([[[0.0, 0.5], [1.0, -1.0], [0.1, 0.2]]], 44100, 1, "t").summary().value[0],
        histogram_content([], "t").summary().value[0],
    ],
)
@pytest.mark.parametrize("metadata", [None, SummaryMetadata(display_name="name", summary_description="words")])
def test_kinds_come_back(value: Value, metadata: SummaryMetadata | None) -> None:
    """With metadata where there were some. A forced plugin is one then, too."""
    expected = Value()
    expected.CopyFrom(value)
    if metadata is not None:
        expected.metadata.CopyFrom(metadata)
    row = there(expected)
    if metadata is not None:
        expected.metadata.plugin_data.CopyFrom(PluginData(plugin_name=row.metadata.plugin_name))
    assert back(row) == expected


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=50))
def test_histograms(values: list[float]) -> None:
    """Have the same buckets and number; their extremes are no further out than the buckets are. The way back ends in the same row."""
    first = histogram_content(values, "t").summary().value[0]
    row = there(first)
    found = back(row)
    assert found.histo.bucket_limit == first.histo.bucket_limit
    assert found.histo.bucket == first.histo.bucket
    assert found.histo.num == len(values)
    assert np.isfinite([found.histo.sum, found.histo.sum_squares]).all()
    assert found.histo.min <= first.histo.min <= first.histo.max <= found.histo.max
    assert there(found) == row


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (np.float16(1.5), "simple_value"),
        (np.int64(7), "simple_value"),
        (np.int64(2**24 + 1), "tensor"),
        (np.uint64(2**63), "simple_value"),
        (np.float64(0.5), "tensor"),
        (np.float64(0.1), "tensor"),
        (np.float32("nan"), "simple_value"),
        (np.float64("nan"), "tensor"),
    ],
)
def test_scalars_of_other_dtypes(number: Any, kind: str) -> None:
    """Are float32 where that is exact, else doubles; a double stays one."""
    row = TensorRow("t", Metadata("scalars"), 1, 1.0, tensor_of(tensor_proto(number, "t"), "t"))
    value = back(row)
    assert value.WhichOneof("value") == kind
    found = value.simple_value if kind == "simple_value" else np.frombuffer(value.tensor.tensor_content, "<f8")[0]
    np.testing.assert_equal(found, float(number))
    assert (value.metadata.plugin_data.plugin_name == "scalars") is (kind == "tensor")


@pytest.mark.parametrize(
    ("plugin", "tensor"),
    [
        ("scalars", Tensor(8, "", bytes(8))),
        ("scalars", Tensor(1, "2", bytes(8))),
        ("histograms", Tensor(2, "1,3", np.array([0.0, 1.0, 2.0]).tobytes())),
        ("histograms", Tensor(2, "2,3", np.array([2.2250738585072014e-308, 1.0, 2.0, 5.0, 6.0, 1.0]).tobytes())),
        ("histograms", Tensor(1, "3", bytes(12))),
        ("images", Tensor(7, "4", None, (b"1", b"1", b"\x89PNG", b"\x89PNG"))),
        ("images", Tensor(7, "3", None, (b"1", b"1", b"GIF89a"))),
        ("images", Tensor(7, "3", None, (b"x", b"1", b"\x89PNG\r\n\x1a\n" + bytes(20)))),
        ("audio", Tensor(7, "1,2", None, (b"ID3", b""))),
        ("audio", Tensor(7, "1,2", None, (b"RIFF" + bytes(60), b""))),
        ("audio", Tensor(7, "1,2", None, (b"RIFF", b"a label"))),
        ("text", Tensor(7, "1", None, (b"words",))),
    ],
)
def test_what_looks_otherwise_stays_a_tensor(plugin: str, tensor: Tensor) -> None:
    """With its metadata, so that its plugin finds it."""
    row = TensorRow("t", Metadata(plugin), 1, 1.0, tensor)
    value = back(row)
    assert value.WhichOneof("value") == "tensor"
    assert there(value) == TensorRow("t", Metadata(plugin), 4, 1.5, tensor)
