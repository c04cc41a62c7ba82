"""Our message definitions beside TensorBoard's own: the same fields, and no clash with them in one process."""

import subprocess
import sys
from typing import Any

import pytest
from tensorboard.compat.proto import event_pb2, summary_pb2

from asyncsummary.protos import Event, SessionLog, Summary, SummaryMetadata, Value
from asyncsummary.records import scan
from tests.support.golden import GOLDEN_EVENTS

theirs_summary: Any = summary_pb2  # made at run time, so that type checkers know nothing of it
theirs_event: Any = event_pb2
TensorBoardEvent = theirs_event.Event


def test_golden_events_mean_the_same() -> None:
    """Field for field what TensorBoard's own definitions read."""
    payloads, _ = scan(GOLDEN_EVENTS.read_bytes())
    for payload in payloads:
        ours, theirs = Event.FromString(payload), TensorBoardEvent.FromString(payload)
        assert ours.WhichOneof("what") == theirs.WhichOneof("what")
        assert (ours.wall_time, ours.step) == (theirs.wall_time, theirs.step)
        assert [(v.tag, v.WhichOneof("value")) for v in ours.summary.value] == [
            (v.tag, v.WhichOneof("value")) for v in theirs.summary.value
        ]
        assert [v.metadata.plugin_data.plugin_name for v in ours.summary.value] == [
            v.metadata.plugin_data.plugin_name for v in theirs.summary.value
        ]


def test_every_field_of_ours_is_one_of_tensorboards() -> None:
    """Same number, same name, in every message that both have."""
    pairs: list[tuple[Any, Any]] = [
        (Event, TensorBoardEvent),
        (Summary, theirs_summary.Summary),
        (Value, theirs_summary.Summary.Value),
        (SummaryMetadata, theirs_summary.SummaryMetadata),
    ]
    for ours, theirs in pairs:
        known = {field.number: field.name for field in theirs.DESCRIPTOR.fields}
        for field in ours.DESCRIPTOR.fields:
            assert known[field.number] == field.name


def test_session_log() -> None:
    """The status numbers are those of TensorBoard's enum."""
    event = TensorBoardEvent.FromString(Event(session_log=SessionLog(status=1, msg="m")).SerializeToString())
    assert type(event.session_log).SessionStatus.Name(event.session_log.status) == "START"


@pytest.mark.parametrize(
    "order", ["import asyncsummary, tensorboard.compat.proto.event_pb2", "import tensorboard.compat.proto.event_pb2, asyncsummary"]
)
def test_no_clash_with_tensorboard(order: str) -> None:
    """Whichever of the two is imported first."""
    code = f"{order}; from asyncsummary.protos import Event; print(Event(step=3).step)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "3\n"
