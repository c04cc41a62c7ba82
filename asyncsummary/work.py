"""What goes to storage in one append? A batch, or a part of it that is not too large, with the room that it holds in the queue."""

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import Batch, Upload, event_size
from asyncsummary.errors import InvalidSummaryError
from asyncsummary.journal import Attempt
from asyncsummary.tags import TagTable

LARGEST_WORK = 16 << 20
"""Bounds the memory that holds encoded records. A single summary may be larger."""
SMALL_REST = 4 << 20
"""Larger works have an append of their own: it costs little beside theirs, and to join them takes memory for whole once more."""
MOST_TOGETHER = 16
"""Flushes may come faster than an upload ends: what comes after so many waits in the queue, and is one work then."""
SMALL_APPEND = 1 << 20
"""Less is on its way for so short a time that nothing need be made ready meanwhile."""


@dataclass(slots=True, eq=False)  # a work is equal to itself only
class Work:
    """``count`` accepted summaries, of which ``kept`` are written, and ``recovered`` ones of earlier processes.

    It holds ``room`` summaries and ``size`` bytes of the queue's. ``ordered`` once the batch is as it goes out, ``data`` once it is
    encoded, ``is_sent`` once that is committed: so that whatever is cancelled can be done again from where it was. ``attempt``: an earlier
    process began to append just this, and nobody knows how that ended; ``stored``: so many bytes of it, which need not be appended again.
    """

    batch: Batch | None
    count: int
    room: int
    size: int
    kept: int
    recovered: int = 0
    ordered: bool = False
    late: Batch | None = None
    data: bytes | None = None
    attempt: Attempt | None = None
    stored: int = 0
    is_spooled: bool = False
    is_sent: bool = False
    uploaded: int = 0
    """How many of its uploads are stored."""
    failed: list[InvalidSummaryError] = field(default_factory=list)
    """Why summaries of it were dropped that could not be encoded; told when the others are safe."""

    @classmethod
    def from_spool(cls, data: bytes, count: int, kept: int, recovered: int, attempt: Attempt | None) -> Self:
        """Return what is encoded already, and has no room in the queue."""
        return cls(None, count, 0, 0, kept, recovered, ordered=True, data=data, attempt=attempt, is_spooled=True)

    @property
    def unspooled_bytes(self) -> int:
        """How many encoded bytes are nowhere else."""
        return len(self.data) if self.data and not self.is_spooled else 0

    @property
    def left(self) -> int:
        """How many are not dropped, and not in the late run."""
        return self.kept + (0 if self.late is None else len(self.late))

    @property
    def is_small(self) -> bool:
        """Whether its append takes no longer than others do."""
        return self.data is None or len(self.data) < SMALL_APPEND

    @property
    def is_plain(self) -> bool:
        """Whether it is nothing but records, of which nothing was sent or spooled yet."""
        return not (self.uploads or self.late is not None or self.is_spooled or self.is_sent or self.attempt)

    @property
    def uploads(self) -> list[Upload]:
        """The files that are not stored yet."""
        return [] if self.batch is None else self.batch.uploads[self.uploaded :]


def together(works: Iterable[Work]) -> int:
    """Return how many of the first works may be one append: the first one, and small rests behind it."""
    count = size = 0
    for work in works:
        size += work.size if work.data is None else len(work.data)
        if count and (count == MOST_TOGETHER or work.size > SMALL_REST or size > LARGEST_WORK or not work.is_plain):
            break
        count += 1
        if not work.is_plain:
            break
    return count


def has_room(work: Work, rest: int) -> bool:
    """Say whether so many bytes more may go with an encoded work, as one append."""
    return work.is_plain and rest <= SMALL_REST and len(work.data or b"") + rest <= LARGEST_WORK


def joined(works: Sequence[Work]) -> Work:
    """Return encoded works as one, which needs memory for all of them once more for a moment."""
    whole = replace(works[0], batch=None, data=b"".join(work.data or b"" for work in works))
    for work in works[1:]:
        whole.count += work.count
        whole.room += work.room
        whole.size += work.size
        whole.kept += work.kept
        whole.failed = whole.failed + work.failed
    return whole


def next_of(behind: deque[Work]) -> Work:
    """Take off the next work: the first one, or as one those that are encoded and go together."""
    ready = list(itertools.takewhile(lambda work: work.data is not None, itertools.islice(behind, together(behind))))
    if len(ready) < 2:
        return behind.popleft()
    for _ in ready:
        behind.popleft()
    return joined(ready)


def divided(work: Work, tags: TagTable) -> list[Work]:
    """Return an ordered work as works of about ``LARGEST_WORK`` at the most. What was taken out of the batch counts with the first."""
    if work.batch is None or work.size <= LARGEST_WORK or len(work.batch) < 2:
        return [work]
    parts = -(-work.size // LARGEST_WORK)
    largest = work.size // parts + work.size // (50 * parts) + 1  # of about the same size, rather than full ones and a small rest
    ends = tags.ends_of(work.batch.tags)
    works: list[Work] = []
    done = 0
    for batch in _cut(work.batch, ends, largest):
        size = int(ends[done + batch.scalars] - ends[done]) + sum(event_size(payload) for _, payload in batch.events)
        works.append(Work(batch, len(batch), len(batch), size, len(batch), ordered=True))
        done += batch.scalars
    rest = replace(work, batch=works[0].batch, kept=works[0].kept)
    rest.count -= sum(other.count for other in works[1:])
    rest.room -= sum(other.room for other in works[1:])
    rest.size -= sum(other.size for other in works[1:])
    return [rest, *works[1:]]


def _cut(batch: Batch, ends: NDArray[np.int64], largest: int) -> list[Batch]:
    """Cut a batch, of which the first n scalars have ``ends[n]`` bytes, where more than ``largest`` bytes would come together."""
    cuts: list[tuple[int, int]] = []  # how many scalars and how many events come before each
    done = used = 0
    for index, (place, payload) in enumerate([*batch.events, (batch.scalars, b"")]):
        while done < place:
            before = int(ends[done])
            fitting = min(place, int(np.searchsorted(ends, before + largest - used, side="right")) - 1)
            if fitting < place:
                fitting = max(fitting, done + (not used))
                cuts.append((fitting, index))
                used = 0
            else:
                used += int(ends[fitting]) - before
            done = fitting
        if index < len(batch.events):
            if used and used + event_size(payload) > largest:
                cuts.append((done, index))
                used = 0
            used += event_size(payload)
    return [part for part in batch.parts(cuts) if len(part)]
