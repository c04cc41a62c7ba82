"""How do many numbers become a histogram? Counted by bucket, and summed up, as tf.contrib.summary does.

Numbers are looked at in chunks, so that little memory is needed beside the values; not in smaller ones, since numpy gives Python's lock to
other threads at every step, and has to get it back. Both sums are made one value after the other, from 0.0, in double: numpy's own sum
would round otherwise. Runs of empty buckets are merged into one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import HistogramProto, Summary, Value
from asyncsummary.values.array import as_array, is_real
from asyncsummary.values.buckets import LARGEST, count_buckets, limits_of_buckets
from asyncsummary.values.memory import copied, scratch

_CHUNK = 1 << 17
_BUCKET_LIMIT, _BUCKET = 6, 7  # fields of HistogramProto
_LENGTH_DELIMITED = 2


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
    flat = _as_double(array) if array.dtype == np.longdouble else copied(array).reshape(-1)
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
            chunk = values[start : start + _CHUNK]
            doubles = scratch(chunk.shape, np.float64)
            doubles[...] = chunk
            numbers = chunk if chunk.dtype == np.float32 else doubles
            count_buckets(numbers, counts)
            # Of 0.0 and -0.0, the first one is kept: by argmin, and by min and max of two.
            lowest, highest = min(lowest, numbers[numbers.argmin()]), max(highest, numbers[numbers.argmax()])
            total = _added(total, doubles)
            squares = _added(squares, np.multiply(doubles, doubles, out=doubles))
    proto = HistogramProto(min=float(lowest), max=float(highest), num=float(values.size), sum=total, sum_squares=squares)
    used_limits, used_counts = _merged(limits, counts)
    proto.MergeFromString(_packed(_BUCKET_LIMIT, used_limits) + _packed(_BUCKET, used_counts))  # lists of numbers take five times as long
    return proto


def _as_double(array: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        return array.astype(np.float64).reshape(-1)


def _added(total: float, doubles: NDArray[np.float64]) -> float:
    """Add the numbers one after the other. numpy adds in pairs, but subtracts in order, which rounds as adding does."""
    return 0.0 - float(np.subtract.reduce(doubles, initial=-total))


def _merged(limits: NDArray[np.float64], counts: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Keep the buckets that are used, and of each run of empty ones the last."""
    used = counts > 0
    kept = used.copy()
    kept[:-1] |= used[1:]
    kept[-1] = True
    return limits[kept], counts[kept]


def _packed(field: int, numbers: NDArray[Any]) -> bytes:
    """Return a repeated field of doubles as protobuf writes it: the field's key, how many bytes come, and the doubles."""
    doubles = numbers.astype("<f8").tobytes()
    head, length = bytearray([field << 3 | _LENGTH_DELIMITED]), len(doubles)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + doubles
