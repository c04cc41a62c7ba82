"""Records as they lie in a spool."""

from asyncsummary.protos import Event, Summary, Value
from asyncsummary.records import frame


def records(*steps: int) -> bytes:
    """Return the records of scalars at these steps."""
    summary = Summary(value=[Value(tag="t", simple_value=1.0)])
    return b"".join(frame(Event(wall_time=1.0, step=step, summary=summary).SerializeToString()) for step in steps)
