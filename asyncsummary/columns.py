"""How are accepted summaries held until they are encoded? In columns, so that a batch can be encoded as a whole.

Scalars, of which there are many, cost 24 bytes each: a row of four numbers, packed one behind the other. numpy reads them as columns.
Whatever else is written comes as an Event, serialised or still to be, and keeps its place among the scalars.
"""

import itertools
import struct
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.records import FRAME_BYTES

SCALAR_EVENT_BYTES = 61
"""The most that a scalar's record takes besides its tag: 16 for the frame, 9 wall_time, 11 step, 3 x 6 for lengths, 5 value, and 2."""

pack_row = struct.Struct("=qdfi").pack
"""Make a row of a step, a wall_time, a value and the number of a tag. What is out of int64, or rounds to none of float32's finite numbers,
raises ``struct.error`` or OverflowError, and so does a step that is no integer; infinities and NaNs are values like others."""
ROW_BYTES = 24
ROW = np.dtype([("step", "=i8"), ("time", "=f8"), ("value", "=f4"), ("tag", "=i4")])

_pack_head = struct.Struct("=qd").pack


class RowsPacker:
    """Makes rows of scalars of certain tags at one step, together: the same as ``pack_row``, in a fraction of the time."""

    __slots__ = ("_fields", "_pack")

    def __init__(self, numbers: Sequence[int]) -> None:
        self._pack = struct.Struct("=" + "16sfi" * len(numbers)).pack
        self._fields: list[Any] = [None] * (3 * len(numbers))
        self._fields[2::3] = numbers

    def __call__(self, step: Any, wall_time: float, values: Collection[Any]) -> bytes:
        """Return a row for each value. Raises what ``pack_row`` does, and ValueError if there are more or fewer values than tags."""
        head = _pack_head(step, wall_time)
        fields = self._fields  # the same list each time: it is filled and read without anything in between
        fields[::3] = [head] * len(values)
        fields[1::3] = values
        return self._pack(*fields)


@dataclass(frozen=True, slots=True)
class Deferred:
    """An Event that is encoded when its batch is, because that takes time; it holds about ``size`` bytes until then."""

    encode: Callable[[], bytes]
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """Files that belong beside the event files; it holds about ``size`` bytes until they are there.

    ``files`` makes them, by name, which takes time. When they are stored, ``amend`` makes of what the file ``index`` holds what it is to
    hold: it may have been written by others.
    """

    files: Callable[[], Mapping[str, bytes]]
    index: str
    amend: Callable[[bytes], bytes]
    size: int


Payload = bytes | Deferred | Upload
"""A serialised Event, or one that will be; or no Event at all, but files."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Accepted summaries on their way to storage; equal places in the columns are one scalar.

    ``tags`` holds numbers of the writer's ``TagTable`` (int32), ``steps`` int64, ``values`` float32, ``times`` float64 seconds since
    the epoch. ``events`` are other Events, each with the number of scalars that were accepted before it.
    """

    tags: NDArray[np.int32]
    steps: NDArray[np.int64]
    values: NDArray[np.float32]
    times: NDArray[np.float64]
    events: tuple[tuple[int, Payload], ...] = ()

    @property
    def scalars(self) -> int:
        """The number of scalars."""
        return len(self.tags)

    def __len__(self) -> int:
        return len(self.tags) + len(self.events)

    def rows(self) -> bytes:
        """Return the scalars as ``Columns`` keeps them."""
        rows = np.empty(self.scalars, ROW)
        rows["tag"], rows["step"], rows["value"], rows["time"] = self.tags, self.steps, self.values, self.times
        return rows.tobytes()

    @property
    def uploads(self) -> list[Upload]:
        """The files in it, in the order of acceptance."""
        return [payload for _, payload in self.events if isinstance(payload, Upload)]

    def only_uploads(self) -> "Batch":
        """Return a batch of the files alone, which does not hold the memory of the rest."""
        nothing = rows_of(b"")
        return Batch(nothing["tag"], nothing["step"], nothing["value"], nothing["time"], tuple((0, upload) for upload in self.uploads))

    @property
    def takes_time(self) -> bool:
        """Whether something in it is encoded only now."""
        return any(isinstance(payload, Deferred) for _, payload in self.events)

    def pieces(self, scalars: int, events: int) -> "list[Batch]":
        """Return the batch in pieces of at most so many scalars, and so many events, each with what belongs there."""
        if self.scalars <= scalars and len(self.events) <= events:
            return [self]
        places = [place for place, _ in self.events]
        cuts = {(stop, bisect_left(places, stop)) for stop in range(scalars, self.scalars, scalars)}
        cuts.update((places[first], first) for first in range(events, len(places), events))
        return self.parts(sorted(cuts))

    def parts(self, cuts: Sequence[tuple[int, int]]) -> "list[Batch]":
        """Return the batch cut into parts: each cut says how many scalars and how many events come before it."""
        bounds = [(0, 0), *cuts, (self.scalars, len(self.events))]
        return [self._part(*start, *stop) for start, stop in itertools.pairwise(bounds)]

    def _part(self, start: int, first: int, stop: int, last: int) -> "Batch":
        rows = slice(start, stop)
        events = tuple((place - start, payload) for place, payload in self.events[first:last])
        return Batch(self.tags[rows], self.steps[rows], self.values[rows], self.times[rows], events)


@dataclass(slots=True)
class Columns:
    """A growing batch. An append to ``rows`` puts a whole scalar in, or, whatever interrupts it, none of it."""

    rows: bytearray = field(default_factory=bytearray)
    events: list[tuple[int, Payload]] = field(default_factory=list)

    @property
    def scalars(self) -> int:
        """The number of scalars."""
        return len(self.rows) // ROW_BYTES

    def __len__(self) -> int:
        return len(self.rows) // ROW_BYTES + len(self.events)

    def batch(self) -> Batch:
        """Return what was gathered. The rows are shared, not copied: gather no more in this object."""
        rows = rows_of(self.rows)
        return Batch(rows["tag"], rows["step"], rows["value"], rows["time"], tuple(self.events))

    def cut_off(self, count: int) -> "Columns":
        """Take ``count`` of the oldest out, and return them."""
        events = sum(1 for number, (place, _) in enumerate(self.events) if place + number < count)
        scalars = count - events
        gone = Columns(self.rows[: scalars * ROW_BYTES], self.events[:events])
        del self.rows[: scalars * ROW_BYTES]
        self.events = [(place - scalars, payload) for place, payload in self.events[events:]]
        return gone


def rows_of(data: "bytes | bytearray", start: int = 0) -> NDArray[Any]:
    """Return rows as a structured array, from number ``start`` on. While it lives, a bytearray cannot grow."""
    return np.frombuffer(data, ROW, offset=start * ROW_BYTES) if len(data) > start * ROW_BYTES else np.empty(0, ROW)


def scalar_size(tag: bytes) -> int:
    """Return how many bytes a scalar of that tag takes in the file, at the most."""
    return SCALAR_EVENT_BYTES + len(tag)


def event_size(payload: Payload) -> int:
    """Return about how many bytes an Event takes in the queue, or in the file."""
    return FRAME_BYTES + (payload.size if isinstance(payload, Deferred | Upload) else len(payload))
