"""Buckets: the limits, and for each number the bucket that a binary search finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from asyncsummary.values.buckets import LARGEST, count_buckets, limits_of_buckets

SMALLEST = 5e-324
finite = st.floats(allow_nan=False, allow_infinity=False)
positive_bits = st.integers(0, int(np.array(LARGEST).view(np.uint64)))


def counted(numbers: NDArray[np.float32] | NDArray[np.float64]) -> list[int]:
    """Return how many of the numbers are in each bucket."""
    counts = np.zeros(1551, np.intp)
    count_buckets(numbers, counts)
    return list(map(int, counts))


def searched(numbers: NDArray[np.floating]) -> list[int]:
    """Return the same by a binary search over the limits."""
    limits = limits_of_buckets()
    buckets = np.minimum(np.searchsorted(limits, numbers.astype(np.float64), side="right"), len(limits) - 1)
    return list(map(int, np.bincount(buckets, minlength=len(limits))))


def agree(numbers: NDArray[np.float32] | NDArray[np.float64]) -> bool:
    """Say whether all of them together are in the same buckets, and every seventh by itself, so that mistakes cannot make up for others."""
    return counted(numbers) == searched(numbers) and all(counted(numbers[i::7].copy()) == searched(numbers[i::7]) for i in range(7))


def test_limits() -> None:
    """1,551 of them, mirrored around 0."""
    limits = limits_of_buckets()
    assert len(limits) == 1551
    assert (limits[0], limits[775], limits[-1]) == (-LARGEST, 0.0, LARGEST)
    assert (limits[776], limits[777], limits[-2]) == (1e-12, 1.1000000000000002e-12, 9.920775621859783e19)
    assert (limits == -limits[::-1]).all()


@pytest.mark.parametrize("towards", [-np.inf, None, np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_around_each_limit(towards: float | None, dtype: type[np.floating]) -> None:
    """At it, and one step of each type of number below and above."""
    with np.errstate(over="ignore", under="ignore"):
        at = limits_of_buckets().astype(dtype)
        numbers = at if towards is None else np.nextafter(at, dtype(towards))
    finite = numbers[np.isfinite(numbers)]
    assert len(finite) >= 700
    for number in finite:
        assert counted(np.array([number], dtype)) == searched(np.array([number]))


def ends_of_cells() -> NDArray[np.float32]:
    """Return the first and the last finite float of those that have their top 18 bits in common, in two columns."""
    tops = np.arange(1 << 18, dtype=np.uint32) << 14
    ends = np.stack([tops, tops | np.uint32((1 << 14) - 1)], axis=1).view(np.float32)
    finite = ends[np.isfinite(ends).all(axis=1)]
    assert len(finite) == 2 * 255 * (1 << 9)
    return finite


def test_the_ends_of_each_cell() -> None:
    """Floats of a cell go one way, so the first and the last of them, and what is beside them, tell. At most one limit is between them."""
    ends = ends_of_cells()
    with np.errstate(over="ignore"):
        beside = np.concatenate([ends, np.nextafter(ends, np.float32(np.inf)), np.nextafter(ends, np.float32(-np.inf))])
    assert agree(beside[np.isfinite(beside)])
    buckets = np.minimum(np.searchsorted(limits_of_buckets(), ends.astype(np.float64), side="right"), 1550)
    assert (np.ptp(buckets, axis=1) <= 1).all()


@pytest.mark.parametrize("towards", [-np.inf, np.inf])
def test_doubles_that_round_to_the_ends_of_each_cell(towards: float) -> None:
    """Up to half of a float's step beyond: those just before the middle, at it, and just behind it."""
    ends = ends_of_cells().reshape(-1)
    with np.errstate(over="ignore"):
        middle = (ends.astype(np.float64) + np.nextafter(ends, np.float32(towards))) / 2
    doubles = np.concatenate([middle, np.nextafter(middle, -np.inf), np.nextafter(middle, np.inf)])
    assert agree(doubles[np.isfinite(doubles)])


def test_limits_between_a_float_and_the_next() -> None:
    """Where a limit is so near to the end of a cell that doubles on its other side are rounded into the cell."""
    limits = limits_of_buckets()[1:-1]
    near = np.concatenate([limits, np.nextafter(limits, -np.inf), np.nextafter(limits, np.inf), limits * (1 + 2e-8), limits * (1 - 2e-8)])
    assert all(counted(np.array([number])) == searched(np.array([number])) for number in near)


@pytest.mark.parametrize(
    ("number", "bucket"),
    [
        (0.0, 776),
        (-0.0, 776),
        (SMALLEST, 776),
        (-SMALLEST, 775),
        (1e-12, 777),
        (-1e-12, 775),
        (LARGEST, 1550),
        (np.nextafter(LARGEST, 0), 1550),
        (-LARGEST, 1),
    ],
)
def test_extremes(number: float, bucket: int) -> None:
    """Zeros, denormals, and the largest doubles."""
    assert np.flatnonzero(counted(np.array([number]))).tolist() == [bucket]


@given(st.lists(finite | positive_bits.map(lambda bits: float(np.array(bits, np.uint64).view(np.float64))), max_size=60))
def test_any_numbers(numbers: list[float]) -> None:
    """Numbers as people write them, and any pattern of bits."""
    doubles = np.array(numbers, np.float64)
    assert agree(doubles)
    with np.errstate(over="ignore", under="ignore"):
        floats = doubles.astype(np.float32)
    assert agree(floats[np.isfinite(floats)])


@given(st.integers(0, 1550), st.integers(-300, 300))
def test_near_a_limit(bucket: int, steps: int) -> None:
    """Some hundred doubles to each side."""
    limit = abs(limits_of_buckets()[bucket])
    bits = min(max(int(limit.view(np.uint64)) + steps, 0), int(np.array(LARGEST).view(np.uint64)))
    doubles = np.array([bits], np.uint64).view(np.float64) * np.array([1.0, -1.0])
    assert agree(doubles)


@pytest.mark.parametrize(("dtype", "unsigned"), [(np.float64, np.uint64), (np.float32, np.uint32)])
def test_a_million_numbers(dtype: type[np.floating], unsigned: type[np.unsignedinteger]) -> None:
    """Of any pattern of bits."""
    numbers = np.random.default_rng(0).integers(0, np.iinfo(unsigned).max, 1_000_000, dtype=unsigned, endpoint=True).view(dtype)
    assert agree(numbers[np.isfinite(numbers)])


def test_counts_are_added() -> None:
    """To those that are there."""
    counts = np.full(1551, 5, np.intp)
    count_buckets(np.array([0.0, 1.0]), counts)
    assert counts.sum() == 5 * 1551 + 2
    assert counts[776] == 6
