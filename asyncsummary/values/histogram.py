"""How do many numbers become a histogram? Counted by bucket, and summed up, as tf.contrib.summary does.

Numbers are looked at in chunks that stay in the processor's cache, so that little memory is needed beside the values. Both sums are made
one value after the other, from 0.0, in double: numpy's own sum would round otherwise. Runs of empty buckets are merged into one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import HistogramProto, Summary, Value
from asyncsummary.values.array import as_array, is_real
from asyncsummary.values.buckets import LARGEST, buckets_of, limits_of_buckets

_CHUNK = 1 << 14


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
    flat = _as_double(array) if array.dtype == np.longdouble else array.flatten()
    if flat.dtype.kind not in "iu":
        finite = np.isfinite(flat)
        if not finite.all():
            what = "Nan" if np.isnan(flat).any() else "Infinity"
            raise InvalidSummaryError(f"{what} in summary histogram for: {tag}", tag)
    return HistogramContent(tag, flat)


def histogram_proto(values: NDArray[Any]) -> HistogramProto:
    """Return the histogram of finite real numbers, of which there may be none."""
    if not values.size:
        return HistogramProto(min=LARGEST, max=-LARGEST, bucket_limit=[LARGEST], bucket=[0.0])
    limits = limits_of_buckets()
    counts = np.zeros(len(limits), np.intp)
    lowest, highest, total, squares = np.inf, -np.inf, 0.0, 0.0
    with np.errstate(all="ignore"):
        for start in range(0, values.size, _CHUNK):
            doubles = values[start : start + _CHUNK].astype(np.float64)
            counts += np.bincount(buckets_of(doubles), minlength=len(limits))
            # Of 0.0 and -0.0, the first one is kept: by argmin, and by min and max of two.
            lowest, highest = min(lowest, doubles[doubles.argmin()]), max(highest, doubles[doubles.argmax()])
            total, squares = _added(total, doubles), _added(squares, doubles * doubles)
    used_limits, used_counts = _merged(limits, counts)
    return HistogramProto(
        min=float(lowest),
        max=float(highest),
        num=float(values.size),
        sum=total,
        sum_squares=squares,
        bucket_limit=used_limits.tolist(),
        bucket=used_counts.tolist(),
    )


def _as_double(array: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        return array.astype(np.float64).reshape(-1)


def _added(total: float, doubles: NDArray[np.float64]) -> float:
    """Add the numbers one after the other. numpy adds in pairs, but subtracts in order, which rounds as adding does."""
    return 0.0 - float(np.subtract.reduce(doubles, initial=-total))


def _merged(limits: NDArray[np.float64], counts: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Keep the buckets that are used, and of each run of empty ones the last."""
    used = counts > 0
    followed_by_used = np.append(used[1:], True)
    kept = used | followed_by_used
    return limits[kept], counts[kept]
