"""How do many numbers become a histogram? By the 1,551 bucket limits of tf.contrib.summary.

The positive limits begin at 1e-12 and grow by a tenth up to 1e20; then comes the largest double. The negative ones mirror them, and 0.0
stands between. A value belongs to the first limit that is above it. Runs of empty buckets are merged into one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import HistogramProto, Summary, Value
from asyncsummary.values.array import as_array, is_real

LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class HistogramContent:
    """Values that were checked and copied, flat."""

    tag: str
    values: NDArray[Any]

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return int(self.values.nbytes) + 64

    def summary(self) -> Summary:
        """Return the histogram as the one value of a Summary."""
        return Summary(value=[Value(tag=self.tag, histo=histogram_proto(self.values))])


def histogram_content(value: Any, tag: str) -> HistogramContent:
    """Check values of any shape and take a private copy.

    Raises:
        InvalidTypeError: not real numbers (bools are none).
        InvalidSummaryError: a NaN or an infinity among them.
    """
    array = as_array(value, tag)
    if not is_real(array):
        raise InvalidTypeError(f"values of tag {tag!r}: must be real numbers, got dtype {array.dtype}", tag)
    flat = np.array(array, copy=True).reshape(-1)
    if flat.dtype.kind not in "iu":
        finite = np.isfinite(flat)
        if not finite.all():
            what = "Nan" if np.isnan(flat).any() else "Infinity"
            raise InvalidSummaryError(f"{what} in summary histogram for: {tag}", tag)
    return HistogramContent(tag, flat)


def histogram_proto(values: NDArray[Any]) -> HistogramProto:
    """Return the histogram of finite real numbers, of which there may be none."""
    doubles = values.astype(np.float64)
    if not doubles.size:
        return HistogramProto(min=LARGEST, max=-LARGEST, bucket_limit=[LARGEST], bucket=[0.0])
    limits, counts = _merged(limits_of_buckets(), _counts(doubles))
    with np.errstate(over="ignore"):
        # Summed one after the other, as the original does; numpy's own sum would round otherwise.
        total, squares = float(np.cumsum(doubles)[-1]), float(np.cumsum(doubles * doubles)[-1])
    return HistogramProto(
        min=float(doubles.min()),
        max=float(doubles.max()),
        num=float(doubles.size),
        sum=total,
        sum_squares=squares,
        bucket_limit=limits.tolist(),
        bucket=counts.tolist(),
    )


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


def _counts(doubles: NDArray[np.float64]) -> NDArray[np.float64]:
    limits = limits_of_buckets()
    buckets = np.searchsorted(limits, doubles, side="right")
    buckets = np.minimum(buckets, len(limits) - 1)  # the largest double itself belongs to the last bucket
    return np.bincount(buckets, minlength=len(limits)).astype(np.float64)


def _merged(limits: NDArray[np.float64], counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the buckets that are used, and of each run of empty ones the last."""
    used = counts > 0
    followed_by_used = np.append(used[1:], True)
    kept = used | followed_by_used
    return limits[kept], counts[kept]
