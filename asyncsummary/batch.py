"""When does what was accepted become a batch? Pure: the pipeline asks, with the time passed in."""

import math
from dataclasses import dataclass

NOW = 0.0
NEVER = math.inf
EARLY_SECONDS = 1e-3
"""Event loops round their timers up to milliseconds, and the append itself takes time, too."""
BURST_SECONDS = 2e-3
BURST_SUMMARIES = 4096
"""So long, and up to so many, a batch that is due by its number waits for more of what its writers write without a pause: an append
costs as much as hundreds of summaries do."""


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """``max_queue``: a batch is due when more than this many summaries wait; None leaves it to the bytes.

    ``flush_seconds``: a batch is due at the latest so long after its first summary. ``max_bytes``: a batch is due when so many bytes
    wait, whatever their number, so that callers need not stop at a full queue. ``first_at_once``: the first summary of a file
    does not wait.
    """

    max_queue: int | None
    flush_seconds: float
    max_bytes: int
    first_at_once: bool = False

    @property
    def due_count(self) -> int | None:
        """The number of waiting summaries at which a batch is due."""
        return None if self.max_queue is None else self.max_queue + 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in the queue: how many summaries, about how many bytes, how long the first one has, whether nothing went before it."""

    summaries: int
    bytes: int
    seconds: float
    is_first: bool = False


def due_in(policy: BatchPolicy, waiting: Waiting, *, wanted: bool) -> float:
    """Return in how many seconds a batch is due: ``NOW``, ``NEVER``, or something between.

    ``wanted``: somebody flushes or closes, or finds no room.
    """
    if not waiting.summaries:
        return NEVER
    if wanted or waiting.bytes >= policy.max_bytes or (policy.first_at_once and waiting.is_first):
        return NOW
    if policy.due_count is not None and waiting.summaries >= policy.due_count:
        return NOW
    left = policy.flush_seconds - waiting.seconds - EARLY_SECONDS
    return left if left > EARLY_SECONDS else NOW


def may_grow(policy: BatchPolicy, waiting: Waiting, seconds: float) -> bool:
    """Say whether a batch that has been due for ``seconds``, and that nobody waits for, may wait one more turn of the event loop.

    Only one that is due for its number alone: neither its bytes nor its time want it gone.
    """
    if waiting.bytes >= policy.max_bytes or waiting.summaries >= BURST_SUMMARIES:
        return False
    return seconds < BURST_SECONDS and waiting.seconds + BURST_SECONDS + EARLY_SECONDS < policy.flush_seconds
