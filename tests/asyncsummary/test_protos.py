"""Our message definitions: the bytes that TensorFlow wrote. These run under every protobuf that is admitted."""

from asyncsummary.protos import Event
from asyncsummary.records import scan
from tests.support.golden import GOLDEN_EVENTS


def test_golden_events_pass_through() -> None:
    """Every event that TensorFlow wrote parses, and serialises to the same bytes."""
    payloads, _ = scan(GOLDEN_EVENTS.read_bytes())
    assert len(payloads) == 29
    for payload in payloads:
        assert payload == Event.FromString(payload).SerializeToString()


def test_unknown_fields_survive() -> None:
    """A newer writer's fields are kept when a message is parsed and serialised."""
    data = Event(wall_time=1.0, step=2).SerializeToString() + b"\xfa\x07\x03abc"
    assert data == Event.FromString(data).SerializeToString()
