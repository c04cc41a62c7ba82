"""Our message definitions beside TensorBoard's own: the same fields, and no clash with them in one process."""

import subprocess
import sys
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from tensorboard.compat.proto import event_pb2, summary_pb2

from asyncsummary import plugin_protos
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


def test_every_field_of_a_plugins_message_is_one_of_tensorboards() -> None:
    """Same number, same name, and a type that is the same on the wire."""
    from tensorboard.plugins.audio import plugin_data_pb2 as audio
    from tensorboard.plugins.custom_scalar import layout_pb2
    from tensorboard.plugins.hparams import api_pb2
    from tensorboard.plugins.hparams import plugin_data_pb2 as hparams
    from tensorboard.plugins.mesh import plugin_data_pb2 as mesh
    from tensorboard.plugins.pr_curve import plugin_data_pb2 as pr_curve
    from tensorboard.plugins.projector import projector_config_pb2

    files: list[Any] = [audio, layout_pb2, api_pb2, hparams, mesh, pr_curve, projector_config_pb2]
    theirs = {name: message for file in files for name, message in file.DESCRIPTOR.message_types_by_name.items()}
    theirs["Series"] = theirs["MarginChartContent"].nested_types_by_name["Series"]
    theirs["HParamsEntry"] = theirs["SessionStartInfo"].nested_types_by_name["HparamsEntry"]
    theirs["PlainValue"] = theirs["HParamsEntry"].fields_by_name["value"].message_type
    theirs["ListValue"] = theirs["HParamInfo"].fields_by_name["domain_discrete"].message_type
    ours = [value for value in vars(plugin_protos).values() if hasattr(value, "DESCRIPTOR")]
    assert len(ours) == 23
    enum = FieldDescriptor.TYPE_ENUM
    for message in ours:
        known = {field.number: (field.name, field.type) for field in theirs[message.DESCRIPTOR.name].fields}
        for field in message.DESCRIPTOR.fields:
            name, kind = known[field.number]
            assert (name, FieldDescriptor.TYPE_INT32 if kind == enum else kind) == (field.name, field.type)


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
