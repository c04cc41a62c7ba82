"""The first events of a segment, as TensorFlow writes them."""

from asyncsummary.header import DROPS_NOTHING, file_version, session_start
from asyncsummary.protos import START, Event
from asyncsummary.records import scan
from tests.support.golden import GOLDEN_EVENTS


def test_file_version_is_tensorflows() -> None:
    """Byte for byte the first 40 of the golden file, given the seconds in its name."""
    assert file_version(1795171448) == GOLDEN_EVENTS.read_bytes()[:40]


def test_session_start() -> None:
    """A START with the highest step, so that no reader drops a point for it."""
    (payload,), _ = scan(session_start(12.5, "resumed"))
    event = Event.FromString(payload)
    assert (event.wall_time, event.step, event.session_log.status, event.session_log.msg) == (12.5, DROPS_NOTHING, START, "resumed")
