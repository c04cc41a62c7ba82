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


@pytest.mark.parametrize(("dtype", "unsigned", "rest"), [(np.float64, np.uint64, (1 << 48) - 1), (np.float32, np.uint32, (1 << 16) - 1)])
def test_the_edges_of_each_cell(dtype: type[np.floating], unsigned: type[np.unsignedinteger], rest: int) -> None:
    """All numbers whose top 16 bits are the same go one way, so the first and the last of them, and what is beside them, tell."""
    tops = np.arange(1 << 16, dtype=unsigned) * unsigned(rest + 1)
    cells = np.stack([(tops | unsigned(low)).view(dtype) for low in (0, 1, rest // 2, rest - 1, rest)], axis=1)
    exponents = {np.float64: 2047, np.float32: 255}[dtype]
    fractions = (1 << 15) // (exponents + 1)
    finite = cells[np.isfinite(cells).all(axis=1)]
    assert len(finite) == 2 * exponents * fractions
    assert agree(finite.reshape(-1))
    buckets = np.minimum(np.searchsorted(limits_of_buckets(), finite.astype(np.float64), side="right"), 1550)
    assert (np.ptp(buckets, axis=1) <= 1).all()


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
