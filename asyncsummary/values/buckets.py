"""How many numbers are in each of the 1,551 buckets of tf.contrib.summary? Looked up by their top bits, where that is enough.

The positive limits begin at 1e-12 and grow by a tenth up to 1e20; then comes the largest double. The negative ones mirror them, and 0.0
stands between. A number belongs to the first limit that is above it, the largest double to the last bucket.

The numbers that are, rounded to float32, the same in their top 18 bits (sign, exponent, nine bits of the fraction) are a *cell*. It is at
most a 512th wide, and limits are a tenth apart: so hardly any cell has a limit in it, and none has two. Numbers of a cell with a limit are
compared with that; of all others the cell says the bucket. Doubles are rounded for it: no limit is so near to the end of a cell that this
could take them to the other side of it.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.values.memory import scratches

LARGEST = float(np.finfo(np.float64).max)

_CELL_BITS = 18
_LOWER_BITS = 32 - _CELL_BITS


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
    limits = limits_of_buckets()
    cell, bits, code = scratches(len(numbers), np.intp, np.uint32, np.uint16)
    floats: NDArray[Any] = numbers
    if numbers.dtype != np.float32:
        floats = bits.view(np.float32)
        with np.errstate(all="ignore"):
            floats[...] = numbers
    np.right_shift(floats.view(np.uint32), _LOWER_BITS, out=bits)
    cell[...] = bits
    _codes_of_cells().take(cell, out=code, mode="wrap")  # no cell is out of the table; this mode is the fastest
    compared = np.flatnonzero(code >= len(limits))
    lower = code.take(compared) - np.uint16(len(limits))
    code[compared] = lower + (numbers.take(compared) >= limits.take(lower))
    cell[...] = code
    counts += np.bincount(cell, minlength=len(limits))


@lru_cache(maxsize=1)
def _codes_of_cells() -> NDArray[np.uint16]:
    """Return, for each cell, its bucket; or, where a limit is in it, the bucket below that, and the number of buckets in addition."""
    limits = limits_of_buckets()
    one_end = np.arange(1 << _CELL_BITS, dtype=np.uint32) << _LOWER_BITS
    other_end = one_end | ((1 << _LOWER_BITS) - 1)
    with np.errstate(all="ignore"):  # there are cells of infinities and NaNs, too
        ends = np.sort(np.stack([one_end, other_end]).view(np.float32), axis=0).astype(np.float64)
    first, last = np.minimum(np.searchsorted(limits, ends, side="right"), len(limits) - 1)
    codes: NDArray[np.uint16] = np.where(first == last, first, first + len(limits)).astype(np.uint16)
    return codes
