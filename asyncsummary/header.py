"""Which events begin a segment, and which say that a session begins? Pure.

TensorBoard's Python reader takes a SessionLog START for a restart, unless it is the first one of the run, and then drops all points
whose step is not below the START's. So that a later START with a step can have that effect, one has to be there from the beginning. But a
writer never knows which steps will come again: others may write to the same run, and an evaluator counts in other steps than a trainer.
So our own STARTs carry the highest step there is, and drop nothing.
"""

from asyncsummary.protos import START, Event, SessionLog
from asyncsummary.records import frame

FILE_VERSION = "brain.Event:2"
DROPS_NOTHING = 2**63 - 1


def file_version(seconds: int) -> bytes:
    """Return the first record of a segment; its wall_time is the time in the segment's name."""
    return frame(Event(wall_time=float(seconds), file_version=FILE_VERSION).SerializeToString())


def session_start(wall_time: float, message: str) -> bytes:
    """Return the record that says that a writer begins, or goes on."""
    log = SessionLog(status=START, msg=message)
    return frame(Event(wall_time=wall_time, step=DROPS_NOTHING, session_log=log).SerializeToString())
