"""How many numbers are in each of the 1,551 buckets of tf.contrib.summary? Looked up by their top 16 bits, then one comparison.

The positive limits begin at 1e-12 and grow by a tenth up to 1e20; then comes the largest double. The negative ones mirror them, and 0.0
stands between. A number belongs to the first limit that is above it, the largest double to the last bucket.

The numbers that have their top 16 bits in common (sign, exponent, and four bits of a double's fraction or seven of a float's) are a *cell*.
It is at most a sixteenth wide, and limits are a tenth apart, so a number is in the bucket of its cell's lowest number or in the next one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.values.memory import scratch

LARGEST = float(np.finfo(np.float64).max)

_CELL_BITS = 16


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of float32 or float64.

    For each: the bucket of its lowest number, and the first number of the type that is not in it any more; infinity where all of them are.
    """

    unsigned: np.dtype[np.unsignedinteger[Any]]
    lower_bits: int
    buckets: NDArray[np.intp]
    ends: NDArray[np.floating[Any]]


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


def count_buckets(numbers: NDArray[np.float32] | NDArray[np.float64], counts: NDArray[np.intp]) -> None:
    """Add to the count of each bucket how many of the finite numbers of a contiguous array are in it.

    Each step looks at the whole array, since between two steps other threads may take Python's lock.
    """
    cells = _cells(numbers.dtype)
    cell, lowest, end = (scratch(numbers.shape, dtype) for dtype in (np.intp, np.intp, numbers.dtype))
    np.right_shift(numbers.view(cells.unsigned), cells.lower_bits, out=cell, casting="unsafe")
    cells.buckets.take(cell, out=lowest, mode="wrap")  # no cell is out of the table; this mode is the fastest
    cells.ends.take(cell, out=end, mode="wrap")
    in_next = lowest.take(np.flatnonzero(numbers >= end))
    np.add.at(counts, lowest, 1)  # a third faster than bincount, which keeps Python's lock all the while, as this does
    np.subtract.at(counts, in_next, 1)
    np.add.at(counts, in_next + 1, 1)


@lru_cache(maxsize=2)
def _cells(dtype: np.dtype[np.floating[Any]]) -> _Cells:
    unsigned = np.dtype(f"u{dtype.itemsize}")
    lower_bits = 8 * dtype.itemsize - _CELL_BITS
    limits = limits_of_buckets()
    with np.errstate(all="ignore"):  # there are cells of infinities and NaNs, too, which no number is in
        one_end = np.arange(1 << _CELL_BITS, dtype=unsigned) << lower_bits
        other_end = one_end | ((1 << lower_bits) - 1)
        ends = np.sort(np.stack([one_end, other_end]).view(dtype).astype(np.float64), axis=0)
        lowest, highest = np.minimum(np.searchsorted(limits, ends, side="right"), len(limits) - 1)
        beyond = np.where(lowest < highest, limits[lowest], np.inf)
        rounded = beyond.astype(dtype)
        rounded = np.where(rounded < beyond, np.nextafter(rounded, dtype.type(np.inf)), rounded)
    return _Cells(unsigned, lower_bits, lowest.astype(np.intp), rounded)
