"""How are accepted summaries held until they are encoded? In columns, so that a batch can be encoded as a whole.

Scalars, of which there are many, cost 24 bytes each in four columns. Whatever else is written comes as an Event, serialised or still to
be, and keeps its place among the scalars.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asyncsummary.records import FRAME_BYTES

SCALAR_EVENT_BYTES = 61
"""The most that a scalar's record takes besides its tag: 16 for the frame, 9 wall_time, 11 step, 3 x 6 for lengths, 5 value, and 2."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """An Event that is encoded when its batch is, because that takes time; it holds about ``size`` bytes until then."""

    encode: Callable[[], bytes]
    size: int


Payload = bytes | Deferred
"""A serialised Event, or one that will be."""


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

    @property
    def takes_time(self) -> bool:
        """Whether something in it is encoded only now."""
        return any(isinstance(payload, Deferred) for _, payload in self.events)

    def pieces(self, scalars: int) -> Iterator["Batch"]:
        """Yield the batch in pieces of at most so many scalars, each with the events that belong there."""
        events = list(self.events)
        for start in range(0, max(self.scalars, 1), scalars):
            stop = start + scalars
            is_last = stop >= self.scalars
            count = len(events) if is_last else sum(1 for place, _ in events if place < stop)
            here, events = events[:count], events[count:]
            rows = slice(start, stop)
            yield Batch(
                self.tags[rows],
                self.steps[rows],
                self.values[rows],
                self.times[rows],
                tuple((place - start, payload) for place, payload in here),
            )


@dataclass(slots=True)
class Columns:
    """A growing batch."""

    tags: "array[int]" = field(default_factory=lambda: array("i"))
    steps: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("f"))
    times: "array[float]" = field(default_factory=lambda: array("d"))
    events: list[tuple[int, Payload]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.times) + len(self.events)

    def batch(self) -> Batch:
        """Return what was gathered. The columns are shared, not copied: gather no more in this object."""
        return Batch(
            np.frombuffer(self.tags, np.int32),
            np.frombuffer(self.steps, np.int64),
            np.frombuffer(self.values, np.float32),
            np.frombuffer(self.times, np.float64),
            tuple(self.events),
        )


def scalar_size(tag: bytes) -> int:
    """Return how many bytes a scalar of that tag takes in the file, at the most."""
    return SCALAR_EVENT_BYTES + len(tag)


def event_size(payload: Payload) -> int:
    """Return about how many bytes an Event takes in the queue, or in the file."""
    return FRAME_BYTES + (payload.size if isinstance(payload, Deferred) else len(payload))
