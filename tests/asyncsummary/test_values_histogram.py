"""Histograms: edges, the merging, sums made one after the other, and random values against a straightforward reference."""

import bisect
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import HistogramProto
from asyncsummary.values.buckets import LARGEST, limits_of_buckets
from asyncsummary.values.histogram import histogram_content, histogram_proto

finite = st.floats(allow_nan=False, allow_infinity=False)
dtypes = ["float64", "float32", "float16", "int8", "uint8", "int16", "int32", "int64", "uint64"]


def reference(values: list[float]) -> tuple[list[float], list[float]]:
    """Sort the values one by one, then merge the empty buckets."""
    limits = limits_of_buckets().tolist()
    counts = [0.0] * len(limits)
    for value in values:
        counts[min(bisect.bisect_right(limits, value), len(limits) - 1)] += 1
    kept_limits, kept_counts = [], []
    for index, (limit, count) in enumerate(zip(limits, counts, strict=True)):
        if count or index + 1 == len(limits) or counts[index + 1]:
            kept_limits.append(limit)
            kept_counts.append(count)
    return kept_limits, kept_counts


def one_by_one(values: list[float]) -> HistogramProto:
    """Do as the original does, for one value after the other."""
    lowest, highest = LARGEST, -LARGEST
    total = squares = np.float64(0.0)
    with np.errstate(over="ignore"):
        for value in np.array(values):
            lowest, highest = value if value < lowest else lowest, value if value > highest else highest
            total, squares = total + value, squares + value * value
    limits, counts = reference(values)
    return HistogramProto(min=lowest, max=highest, num=len(values), sum=total, sum_squares=squares, bucket_limit=limits, bucket=counts)


def at_once(values: NDArray[Any]) -> HistogramProto:
    """Do the same by numpy's own means, of which none looks at bits or chunks."""
    doubles = values.astype(np.float64)
    limits = limits_of_buckets()
    counts = np.bincount(np.minimum(np.searchsorted(limits, doubles, side="right"), len(limits) - 1), minlength=len(limits))
    kept = (counts > 0) | np.append(counts[1:] > 0, True)
    from_zero = np.append(0.0, doubles)
    with np.errstate(over="ignore", under="ignore"):
        total, squares = np.cumsum(from_zero)[-1], np.cumsum(from_zero * from_zero)[-1]
    return HistogramProto(
        min=doubles[np.argmin(doubles)],
        max=doubles[np.argmax(doubles)],
        num=len(doubles),
        sum=total,
        sum_squares=squares,
        bucket_limit=limits[kept],
        bucket=counts[kept],
    )


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        (0.0, 1e-12),
        (-0.0, 1e-12),
        (1e-12, 1.1000000000000002e-12),
        (-1e-12, 0.0),
        (1.0, 1.0089710279437536),
        (1e20, LARGEST),
        (LARGEST, LARGEST),
        (-LARGEST, -9.920775621859783e19),
    ],
)
def test_edges(value: float, limit: float) -> None:
    """A value belongs to the first limit that is above it."""
    proto = histogram_proto(np.array([value]))
    assert dict(zip(proto.bucket_limit, proto.bucket, strict=True))[limit] == 1.0


def test_one_value() -> None:
    """An empty bucket before it, and one after it."""
    proto = histogram_proto(np.array([1.0]))
    assert list(proto.bucket_limit) == [0.917246389039776, 1.0089710279437536, LARGEST]
    assert list(proto.bucket) == [0.0, 1.0, 0.0]


def test_no_values() -> None:
    """An empty histogram is one that TensorBoard can show."""
    proto = histogram_proto(np.zeros(0))
    assert (proto.min, proto.max, proto.num) == (LARGEST, -LARGEST, 0.0)
    assert (list(proto.bucket_limit), list(proto.bucket)) == ([LARGEST], [0.0])


@given(st.lists(finite, min_size=1, max_size=60))
def test_random_values(values: list[float]) -> None:
    """As the reference says, with exact minimum and maximum, and sums made one after the other."""
    assert histogram_proto(np.array(values)).SerializeToString() == one_by_one(values).SerializeToString()


@given(st.sampled_from(dtypes), st.integers(0, 2**32), st.integers(1, 300_000))
def test_random_bits(dtype: str, seed: int, number: int) -> None:
    """Of every type, through more than one chunk: byte for byte what a binary search and sums in order give."""
    kind = np.dtype(dtype)
    values = np.frombuffer(np.random.default_rng(seed).bytes(number * kind.itemsize), kind)
    values = values[np.isfinite(values)]
    proto = histogram_proto(values)
    if len(values):
        assert proto.SerializeToString() == at_once(values).SerializeToString()


@pytest.mark.parametrize("number", [1, 131_071, 131_072, 131_073, 262_144, 400_001])
@pytest.mark.parametrize("dtype", dtypes)
def test_chunks(number: int, dtype: str) -> None:
    """Leave no trace in the result."""
    values = (np.random.default_rng(number).normal(size=number) * 30).astype(np.int8).astype(dtype) * np.array(0.37).astype(dtype)
    assert histogram_proto(values).SerializeToString() == at_once(values).SerializeToString()


@pytest.mark.parametrize(
    ("values", "lowest", "highest"),
    [([0.0, -0.0, 1.0], 0.0, 1.0), ([1.0, -0.0, 0.0], -0.0, 1.0), ([-1.0, -0.0, 0.0], -1.0, -0.0), ([0.0] * 140_000 + [-0.0], 0.0, 0.0)],
)
def test_the_first_zero_is_kept(values: list[float], lowest: float, highest: float) -> None:
    """Of two that are equal and differ in sign, as the original does, which replaces its minimum by smaller ones only."""
    proto = histogram_proto(np.array(values))
    assert (str(proto.min), str(proto.max)) == (str(lowest), str(highest))


def test_the_sum_of_negative_zeros() -> None:
    """Begins with 0.0, as the original's, and so is 0.0."""
    assert str(histogram_proto(np.array([-0.0])).sum) == "0.0"


def test_a_sum_that_overflows() -> None:
    """Is infinite, without a warning."""
    proto = histogram_proto(np.array([LARGEST, LARGEST, -LARGEST]))
    assert (proto.sum, proto.sum_squares) == (np.inf, np.inf)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint64"])
def test_dtypes_and_shapes(dtype: str) -> None:
    """Real numbers of any kind and shape, a single one too."""
    content = histogram_content(np.arange(6).reshape(2, 3).astype(dtype), "t")
    assert content.summary().value[0].histo.num == 6.0
    assert histogram_content(np.array(2).astype(dtype), "t").summary().value[0].histo.sum == 2.0


def test_the_values_are_copied() -> None:
    """What the caller does to the array later does not matter."""
    array = np.ones(3)
    content = histogram_content(array, "t")
    array[:] = 5.0
    assert content.summary().value[0].histo.sum == 3.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.nan], "Nan in summary histogram for: my/tag"),
        ([np.inf], "Infinity in summary histogram for: my/tag"),
        (np.array([-np.inf], np.float16), "Infinity in summary histogram for: my/tag"),
        (np.array([np.longdouble("1e400")]), "Infinity in summary histogram for: my/tag"),
    ],
)
def test_what_is_not_finite(values: Any, message: str) -> None:
    """Is refused, by the original's words."""
    with pytest.raises(InvalidSummaryError, match=message):
        histogram_content(values, "my/tag")


@pytest.mark.parametrize("values", [[True], 1j, "x", [None], [[1], [1, 2]]])
def test_what_is_no_number(values: Any) -> None:
    """Is refused in words that name the tag."""
    with pytest.raises(InvalidTypeError, match="of tag 'my/tag'"):
        histogram_content(values, "my/tag")
