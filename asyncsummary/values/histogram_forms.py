"""Which tensor is a histogram, of buckets of equal width or of ready-made ones? Rows of left edge, right edge and count, as in TF2."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import HistogramProto, Summary, Value
from asyncsummary.values.array import as_array, is_real
from asyncsummary.values.content import Content
from asyncsummary.values.given import description_of
from asyncsummary.values.histogram import histogram_content
from asyncsummary.values.limits import count_of
from asyncsummary.values.plugin import Ready, plugin_value
from asyncsummary.values.tensor import tensor_proto

_MOST_BUCKETS = 1 << 24


@dataclass(frozen=True, slots=True)
class Buckets:
    """Finite values that were checked and copied, flat, and how many buckets they go into."""

    tag: str
    values: NDArray[Any]
    count: int
    description: str

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return int(self.values.nbytes) + 24 * self.count + 64

    def summary(self) -> Summary:
        """Count, and return the histogram."""
        return _summary(self.tag, rows_of(self.values, self.count), self.description)


def buckets_content(value: Any, tag: str, buckets: Any, description: object = None) -> Buckets:
    """Check values of any shape and take a private copy; they will be counted in ``buckets`` buckets of equal width.

    Raises:
        InvalidTypeError: not real numbers, ``buckets`` that is no integer, or a description that is no str.
        InvalidSummaryError: a NaN or an infinity, values further apart than the largest double, or a number of buckets below 1 or
            above 2^24.
    """
    count, about = count_of("buckets", buckets, tag, 1, _MOST_BUCKETS), description_of(description, tag)
    values = histogram_content(value, tag).values
    with np.errstate(over="ignore"):
        if values.size and not np.isfinite(float(values.max()) - float(values.min())):
            raise InvalidSummaryError(f"values of tag {tag!r}: are further apart than the largest double", tag)
    return Buckets(tag, values, count, about)


def histogram_form(value: Any, tag: str, buckets: Any = None, description: object = None) -> Content:
    """Check values for the form that is asked for: that of tf.contrib.summary, or TF2's with ``buckets``. Raises as those."""
    if buckets is not None:
        return buckets_content(value, tag, buckets, description)
    if description is not None:
        raise InvalidSummaryError(f"description of tag {tag!r}: is for histograms with a number of buckets only", tag)
    return histogram_content(value, tag)


def rows_of(values: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Return [count, 3]: left edge, right edge and number of values of each bucket.

    Of no values all rows are zeros; of equal ones all edges are that value, and the last row has them all.
    """
    rows = np.zeros((count, 3))
    if not values.size:
        return rows
    doubles = values.astype(np.float64)
    lowest, highest = doubles.min(), doubles.max()
    if lowest == highest:
        rows[:, :2], rows[-1, 2] = lowest, values.size
        return rows
    width = (highest - lowest) / count
    with np.errstate(divide="ignore", invalid="ignore"):  # the width of denormal numbers may round to 0
        indices = np.nan_to_num(np.floor((doubles - lowest) / width), posinf=count - 1)
    edges = np.linspace(lowest, highest, count + 1)
    rows[:, 0], rows[:, 1] = edges[:-1], edges[1:]
    rows[:, 2] = np.bincount(np.minimum(indices, count - 1).astype(np.int64), minlength=count)
    return rows


def ready_buckets_content(counts: Any, edges: Any, tag: str, description: object = None) -> Ready:
    """Return the summary of buckets that were counted elsewhere, as ``numpy.histogram`` returns them: [k] counts, [k + 1] edges.

    Raises:
        InvalidTypeError: not real numbers.
        InvalidSummaryError: lengths that do not fit, edges that descend, negative counts, or numbers that are not finite.
    """
    numbers, limits = _vector(counts, "counts", tag), _vector(edges, "edges", tag)
    if len(limits) != len(numbers) + 1 or not len(numbers):
        raise InvalidSummaryError(f"edges of tag {tag!r}: must be one more than counts, got {len(limits)} and {len(numbers)}", tag)
    _require_ascending(limits, "edges", tag)
    _require_counts(numbers, "counts", tag)
    return Ready(_summary(tag, np.stack([limits[:-1], limits[1:], numbers], axis=1), description))


def raw_histogram_content(fields: dict[str, Any], bucket_limits: Any, bucket_counts: Any, tag: str) -> Ready:
    """Return the summary of a HistogramProto whose fields are all known: ``min``, ``max``, ``num``, ``sum``, ``sum_squares``, buckets.

    Raises:
        InvalidTypeError: not real numbers.
        InvalidSummaryError: lengths that differ, limits that descend, negative counts, or numbers that are not finite.
    """
    limits, counts = _vector(bucket_limits, "bucket_limits", tag), _vector(bucket_counts, "bucket_counts", tag)
    if len(limits) != len(counts) or not len(counts):
        raise InvalidSummaryError(f"bucket_limits of tag {tag!r}: as many as bucket_counts, got {len(limits)} and {len(counts)}", tag)
    _require_ascending(limits, "bucket_limits", tag)
    _require_counts(counts, "bucket_counts", tag)
    numbers = {name: float(_vector([value], name, tag)[0]) for name, value in fields.items()}
    proto = HistogramProto(bucket_limit=limits.tolist(), bucket=counts.tolist(), **numbers)
    return Ready(Summary(value=[Value(tag=tag, histo=proto)]))


def _summary(tag: str, rows: NDArray[np.float64], description: object) -> Summary:
    return Summary(value=[plugin_value(tag, tensor_proto(rows, tag), "histograms", description=description)])


def _vector(value: Any, argument: str, tag: str) -> NDArray[np.float64]:
    array = as_array(value, tag)
    if not is_real(array):
        raise InvalidTypeError(f"{argument} of tag {tag!r}: must be real numbers, got {array.dtype}", tag)
    if array.ndim != 1:
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must be a vector, got shape {array.shape}", tag)
    if not np.isfinite(array).all():
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must be finite", tag)
    return array.astype(np.float64)


def _require_ascending(limits: NDArray[np.float64], argument: str, tag: str) -> None:
    if (np.diff(limits) < 0).any():
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must ascend", tag)


def _require_counts(counts: NDArray[np.float64], argument: str, tag: str) -> None:
    if (counts < 0).any():
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must not be negative", tag)
