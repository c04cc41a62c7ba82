"""Where does a batch go: at the end of the open segment, or into the next one? Pure.

A run must have tens of segments, whatever its length: TensorBoard on S3 loads a run of 1 object in 4 s, of 100 in 25 s, and of 1,000
not in 400 s. An object, on the other hand, is written again as a whole at each append, so it must not grow for ever. Both hold when
the limit grows with the run: a segment may have an eighth of what the run's writer has written, within bounds.
"""

import enum
from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


class Placement(enum.Enum):
    """What becomes of the open segment when the next batch comes."""

    APPEND = "append"
    """Only the new bytes go to storage."""

    REWRITE = "rewrite"
    """The open segment's content goes to storage again, longer."""

    ROLL = "roll"
    """The open segment is finished; the batch begins the next one."""


@dataclass(frozen=True, slots=True)
class SegmentLimits:
    """How large a segment gets, in bytes: an eighth of the run, but at least ``floor`` and at most ``ceiling``."""

    floor: int
    ceiling: int

    def __post_init__(self) -> None:
        if not 0 < self.floor <= self.ceiling:
            raise ValueError(f"a segment's limits must be 0 < floor <= ceiling, got {self.floor} and {self.ceiling}")

    def at(self, run_bytes: int) -> int:
        """Return the limit when the writer has committed so many bytes in all its segments."""
        return min(max(self.floor, run_bytes // 8), self.ceiling)


# Local files grow in place. They roll only so that a resume, which scans the last segment, does not take minutes.
IN_PLACE_LIMITS = SegmentLimits(256 * MIB, 1024 * MIB)
# The ceiling bounds the memory that holds the open segment, and the bytes that one small flush sends again.
REWRITE_LIMITS = SegmentLimits(256 * KIB, 8 * MIB)


def place(size: int, incoming: int, run_bytes: int, limits: SegmentLimits, *, rewrites: bool) -> Placement:
    """Return where ``incoming`` bytes go when the open segment has ``size`` bytes.

    A segment that is within its limit takes the batch as a whole, so a batch is never split over two segments.
    """
    if size + incoming > limits.at(run_bytes) and size > limits.at(run_bytes) // 4:
        return Placement.ROLL
    return Placement.REWRITE if rewrites else Placement.APPEND
