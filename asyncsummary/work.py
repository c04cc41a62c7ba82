"""What goes to storage in one append? A batch, or a part of it that is not too large, with the room that it holds in the queue."""

from dataclasses import dataclass, replace

import numpy as np

from asyncsummary.columns import Batch, Upload, event_size
from asyncsummary.journal import Attempt
from asyncsummary.tags import TagTable

LARGEST_WORK = 16 << 20
"""Bounds the memory that holds encoded records. A single summary may be larger."""
SMALL_REST = 4 << 20
"""Larger works have an append of their own: it costs little beside theirs, and to join them takes memory for both once more."""
SMALL_APPEND = 1 << 20
"""Less is on its way for so short a time that nothing need be made ready meanwhile."""


@dataclass(slots=True, eq=False)  # a work is equal to itself only
class Work:
    """``count`` accepted summaries, of which ``kept`` are written, and ``recovered`` ones of earlier processes.

    It holds ``room`` summaries and ``size`` bytes of the queue's. ``ordered`` once the batch is as it goes out, ``data`` once it is
    encoded, ``is_sent`` once that is committed: so that whatever is cancelled can be done again from where it was. ``attempt``: an earlier
    process began to append just this, and nobody knows how that ended.
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
    is_spooled: bool = False
    is_sent: bool = False
    uploaded: int = 0
    """How many of its uploads are stored."""

    @property
    def is_small(self) -> bool:
        """Whether its append takes no longer than others do."""
        return self.data is None or len(self.data) < SMALL_APPEND

    @property
    def uploads(self) -> list[Upload]:
        """The files that are not stored yet."""
        return [] if self.batch is None else self.batch.uploads[self.uploaded :]


def may_join(first: Work, second: Work) -> bool:
    """Say whether an encoded work and a small rest behind it may be one append: both are nothing but records, not sent or spooled yet."""
    if first.data is None or any(work.uploads or work.late is not None or work.is_spooled or work.attempt for work in (first, second)):
        return False
    return second.size <= SMALL_REST and len(first.data) + second.size <= LARGEST_WORK


def joined(first: Work, second: Work) -> Work:
    """Return two encoded works as one."""
    assert first.data is not None
    assert second.data is not None
    both = replace(first, batch=None, data=first.data + second.data)
    both.count += second.count
    both.room += second.room
    both.size += second.size
    both.kept += second.kept
    return both


def divided(work: Work, tags: TagTable) -> list[Work]:
    """Return an ordered work as works of about ``LARGEST_WORK`` at the most. What was taken out of the batch counts with the first."""
    if work.batch is None or work.size <= LARGEST_WORK or len(work.batch) < 2:
        return [work]
    parts = -(-work.size // LARGEST_WORK)
    largest = work.size // parts + work.size // (50 * parts) + 1  # of about the same size, rather than full ones and a small rest
    works = []
    for batch in _cut(work.batch, tags, largest):
        size = tags.total(batch.tags) + sum(event_size(payload) for _, payload in batch.events)
        works.append(Work(batch, len(batch), len(batch), size, len(batch), ordered=True))
    rest = replace(work, batch=works[0].batch, kept=works[0].kept)
    rest.count -= sum(other.count for other in works[1:])
    rest.room -= sum(other.room for other in works[1:])
    rest.size -= sum(other.size for other in works[1:])
    return [rest, *works[1:]]


def _cut(batch: Batch, tags: TagTable, largest: int) -> list[Batch]:
    """Cut a batch where more than ``largest`` bytes would come together."""
    ends = np.cumsum(tags.sizes_of(batch.tags))  # how many bytes the first scalars have
    cuts: list[tuple[int, int]] = []  # how many scalars and how many events come before each
    done = used = 0
    for index, (place, payload) in enumerate([*batch.events, (batch.scalars, b"")]):
        while done < place:
            before = int(ends[done - 1]) if done else 0
            fitting = min(place, int(np.searchsorted(ends, before + largest - used, side="right")))
            if fitting < place:
                fitting = max(fitting, done + (not used))
                cuts.append((fitting, index))
                used = 0
            else:
                used += int(ends[fitting - 1]) - before
            done = fitting
        if index < len(batch.events):
            if used and used + event_size(payload) > largest:
                cuts.append((done, index))
                used = 0
            used += event_size(payload)
    return [part for part in batch.parts(cuts) if len(part)]
