"""Which bytes is the record of one scalar? Written one by one, where numpy would take longer to start up (``encode`` has the layout).

Only time, step and value change from one scalar of a tag to the next. What protobuf makes of the rest is kept for each tag.
"""

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache

from asyncsummary.protos import Event, Summary, Value
from asyncsummary.records import frames

WALL_TIME, STEP = 0x09, 0x10
"""The keys of an Event's wall_time and step."""
TIME_BYTES = 9
VALUE_BYTES = 4
"""What wall_time takes with its key, and a value without."""
_TIME_KEY, _STEP_KEY = bytes([WALL_TIME]), bytes([STEP])
_pack_time = struct.Struct("<d").pack
_pack_value = struct.Struct("<f").pack
_NO_TIME = bytes(8)


class ScalarRecords:
    """Writes scalars of one tag table, ``tags`` by number. Two threads at once do no harm."""

    def __init__(self, tags: Sequence[bytes]) -> None:
        self._tags = tags
        self._tails: list[bytes] = []

    def of(self, scalars: Iterable[tuple[int, int, float, float]]) -> bytes:
        """Return the records of scalars: of each the number of its tag, step, value and wall_time."""
        if len(self._tails) < len(self._tags):
            self._tails = [*self._tails, *map(scalar_tail, self._tags[len(self._tails) :])]
        tails = self._tails
        return frames([_time_field(time) + _step_field(step) + tails[tag] + _pack_value(value) for tag, step, value, time in scalars])


def scalar_event(tag: bytes, step: int, value: float, wall_time: float) -> bytes:
    """Return the serialised Event of one scalar, by protobuf."""
    summary = Summary(value=[Value(tag=tag.decode(), simple_value=value)])
    return Event(wall_time=wall_time, step=step, summary=summary).SerializeToString()


def scalar_tail(tag: bytes) -> bytes:
    """Return what comes behind the step in the serialised Event of a scalar, but for the four bytes of its value, which are the last."""
    return scalar_event(tag, 0, 1.0, 1.0)[TIME_BYTES:-VALUE_BYTES]


def _time_field(time: float) -> bytes:
    packed = _pack_time(time)
    return b"" if packed == _NO_TIME else _TIME_KEY + packed


@lru_cache
def _step_field(step: int) -> bytes:
    if not step:
        return b""
    field, rest = bytearray(_STEP_KEY), step & (1 << 64) - 1
    while rest > 0x7F:
        field.append(rest & 0x7F | 0x80)
        rest >>= 7
    field.append(rest)
    return bytes(field)
