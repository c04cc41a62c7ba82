"""Where does a batch go, and how: at the end of the open segment, or into the next one? Pure.

A run must have tens of segments, whatever its length: TensorBoard on S3 loads a run of 1 object in 4 s, of 100 in 25 s, and of 1,000
not in 400 s. But an object that is written again as a whole at each append must stay small. Three things are weighed:

- rewriting costs one request, and sends the segment's bytes again each time;
- extending (the storage copies what it has) sends only the new bytes, but costs two to four requests, and on S3 works from 5 MiB on;
- rolling costs nothing at once, and one more segment to load for ever.

So a segment may first have a tenth of what the run has: the number of segments grows with the logarithm of the run, and a flush sends a
twentieth of the run on average. When the run has ``BIG_RUN`` bytes, that is dearer than to grow one segment up to the size from which on
it can be extended; from then on segments are large and are extended. Batches of a twentieth of that size get there in twenty flushes,
so they begin at once.
"""

import enum
from dataclasses import dataclass

from asyncsummary_storage import Growth, Terms

KIB = 1024
MIB = 1024 * KIB

SHARE = 10
SMALLEST_SEGMENT = 52 * KIB
BIG_RUN = 8800 * KIB
BIG_BATCH_SHARE = 20
LARGEST_REWRITTEN = 8 * MIB
"""Bounds the memory that holds a segment which is rewritten, and the bytes that one small flush sends again."""
LARGEST_EXTENDED = 512 * MIB
"""The storage copies that much per flush at the most: a second or two."""
BIG_BATCH = 2 * MIB
BIG_BATCH_OF_RUN = 20
"""A batch of so many bytes, and of such a share of the run, begins a segment of its own rather than extend one: one request instead of
two to four, and nothing is copied. As runs grow it becomes rarer, so these are tens of segments at the most, too."""
LARGEST_IN_PLACE = 1024 * MIB
SMALLEST_IN_PLACE = 256 * MIB
"""Segments that grow in place roll only so that a resume, which scans the last one, does not take minutes."""


class Placement(enum.Enum):
    """What becomes of the open segment when the next batch comes."""

    APPEND = "append"
    """Only the new bytes go to storage."""

    REWRITE = "rewrite"
    """The open segment's content goes to storage again, longer."""

    EXTEND = "extend"
    """Only the new bytes go to storage, which copies the rest itself."""

    ROLL = "roll"
    """The open segment is finished; the batch begins the next one."""


@dataclass(frozen=True, slots=True)
class Open:
    """The open segment: its size in bytes, and how many appends it has taken."""

    size: int
    appends: int


def place(segment: Open, incoming: int, run_bytes: int, terms: Terms, largest: int | None = None) -> Placement:
    """Return where ``incoming`` bytes go when the run has ``run_bytes`` in all its segments.

    A segment that is within its limit takes the batch as a whole, so a batch is never split over two segments. ``largest`` is the
    user's own limit of a segment's size.
    """
    limit = limit_at(run_bytes, incoming, terms)
    if largest is not None:
        limit = min(limit, largest)
    if segment.size + incoming > limit and segment.size > limit // 4:
        return Placement.ROLL
    if terms.most_appends is not None and segment.appends >= terms.most_appends:
        return Placement.ROLL
    if terms.growth is Growth.IN_PLACE:
        return Placement.APPEND
    if terms.extend_from is not None and segment.size >= terms.extend_from:
        is_big = incoming >= BIG_BATCH and incoming * BIG_BATCH_OF_RUN >= run_bytes
        return Placement.ROLL if is_big else Placement.EXTEND
    return Placement.REWRITE


def limit_at(run_bytes: int, incoming: int, terms: Terms) -> int:
    """Return how large a segment may get, in bytes."""
    if terms.growth is Growth.IN_PLACE:
        return min(max(SMALLEST_IN_PLACE, run_bytes // SHARE), LARGEST_IN_PLACE)
    if terms.extend_from is None:
        return min(max(SMALLEST_SEGMENT, run_bytes // SHARE), LARGEST_REWRITTEN)
    if run_bytes >= BIG_RUN or incoming * BIG_BATCH_SHARE >= terms.extend_from:
        return LARGEST_EXTENDED
    return max(SMALLEST_SEGMENT, run_bytes // SHARE)


def wait_before(now: float, last_write: float | None, terms: Terms) -> float:
    """Return for how many seconds the same segment must not be written again, so that the storage need not refuse it."""
    if last_write is None:
        return 0.0
    return max(0.0, last_write + terms.seconds_between_writes - now)
