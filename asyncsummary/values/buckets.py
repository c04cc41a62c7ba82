"""Which of the 1,551 buckets of tf.contrib.summary is a number in? Looked up by the top 16 bits of a double, then one comparison.

The positive limits begin at 1e-12 and grow by a tenth up to 1e20; then comes the largest double. The negative ones mirror them, and 0.0
stands between. A number belongs to the first limit that is above it, the largest double to the last bucket.

The doubles that have their top 16 bits in common (sign, exponent and four bits of the fraction) are a *cell*. It is at most a sixteenth
wide, and limits are a tenth apart, so a number is in the bucket of its cell's lowest number or in the next one.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LARGEST = float(np.finfo(np.float64).max)

_LOWER_BITS = np.uint64(48)
_CELLS = 1 << 16


@lru_cache(maxsize=1)
def limits_of_buckets() -> NDArray[np.float64]:
    """Return the 1,551 upper limits, ascending."""
    positive = []
    limit = 1e-12
    while limit < 1e20:
        positive.append(limit)
        limit *= 1.1
    positive.append(LARGEST)
    return np.array([*(-limit for limit in reversed(positive)), 0.0, *positive])


def buckets_of(doubles: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bucket of each finite double of a contiguous array."""
    lowest, ends = _tables()
    cells = (doubles.view(np.uint64) >> _LOWER_BITS).view(np.int64)
    buckets = lowest.take(cells)
    buckets += doubles >= ends.take(buckets)
    return buckets


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the bucket of each cell's lowest number, and where each bucket ends (the last one nowhere)."""
    first = np.arange(_CELLS, dtype=np.uint64) << _LOWER_BITS
    is_negative = np.signbit(first.view(np.float64))
    lowest = np.where(is_negative, first | ((np.uint64(1) << _LOWER_BITS) - np.uint64(1)), first).view(np.float64)
    limits = limits_of_buckets()
    buckets = np.searchsorted(limits, lowest, side="right")
    return np.minimum(buckets, len(limits) - 1), np.append(limits[:-1], np.inf)
