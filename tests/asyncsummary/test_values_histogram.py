"""Histograms: the limits, the merging, and random values against a straightforward reference."""

import bisect
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.histogram import LARGEST, histogram_content, histogram_proto, limits_of_buckets

finite = st.floats(allow_nan=False, allow_infinity=False)


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


def test_limits() -> None:
    """1,551 of them, mirrored around 0."""
    limits = limits_of_buckets()
    assert len(limits) == 1551
    assert (limits[0], limits[775], limits[-1]) == (-LARGEST, 0.0, LARGEST)
    assert (limits[776], limits[777], limits[-2]) == (1e-12, 1.1000000000000002e-12, 9.920775621859783e19)
    assert (limits == -limits[::-1]).all()


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
    proto = histogram_proto(np.array(values))
    assert (list(proto.bucket_limit), list(proto.bucket)) == reference(values)
    assert (proto.min, proto.max, proto.num) == (min(values), max(values), len(values))
    total = squares = np.float64(0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        for value in np.array(values):
            total, squares = total + value, squares + value * value
    assert proto.sum == total or (np.isnan(total) and np.isnan(proto.sum))
    assert proto.sum_squares == squares


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
