"""Buckets: the limits, and for each number the bucket that a binary search finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from asyncsummary.values.buckets import LARGEST, buckets_of, limits_of_buckets

SMALLEST = 5e-324
finite = st.floats(allow_nan=False, allow_infinity=False)
positive_bits = st.integers(0, int(np.array(LARGEST).view(np.uint64)))


def searched(doubles: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the buckets by a binary search over the limits."""
    limits = limits_of_buckets()
    return np.minimum(np.searchsorted(limits, doubles, side="right"), len(limits) - 1)


def test_limits() -> None:
    """1,551 of them, mirrored around 0."""
    limits = limits_of_buckets()
    assert len(limits) == 1551
    assert (limits[0], limits[775], limits[-1]) == (-LARGEST, 0.0, LARGEST)
    assert (limits[776], limits[777], limits[-2]) == (1e-12, 1.1000000000000002e-12, 9.920775621859783e19)
    assert (limits == -limits[::-1]).all()


@pytest.mark.parametrize("towards", [-np.inf, None, np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_around_each_limit(towards: float | None, dtype: type[np.floating]) -> None:
    """At it, and one step of each type of number below and above."""
    with np.errstate(over="ignore", under="ignore"):
        at = limits_of_buckets().astype(dtype)
        numbers = at if towards is None else np.nextafter(at, dtype(towards))
    doubles = numbers[np.isfinite(numbers)].astype(np.float64)
    assert len(doubles) >= 700
    assert (buckets_of(doubles) == searched(doubles)).all()


def test_the_edges_of_each_cell() -> None:
    """All doubles whose top 16 bits are the same go one way, so the first and the last of them, and what is beside them, tell."""
    tops = np.arange(1 << 16, dtype=np.uint64) << np.uint64(48)
    rest = (1 << 48) - 1
    numbers = np.concatenate([(tops | np.uint64(low)).view(np.float64) for low in (0, 1, rest // 2, rest - 1, rest)])
    doubles = numbers[np.isfinite(numbers)]
    assert len(doubles) == 5 * 2 * 16 * 2047
    assert (buckets_of(doubles) == searched(doubles)).all()


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
    assert buckets_of(np.array([number])).tolist() == [bucket]


@given(st.lists(finite | positive_bits.map(lambda bits: float(np.array(bits, np.uint64).view(np.float64))), max_size=60))
def test_any_numbers(numbers: list[float]) -> None:
    """Numbers as people write them, and any pattern of bits."""
    doubles = np.array(numbers, np.float64)
    assert (buckets_of(doubles) == searched(doubles)).all()


@given(st.integers(0, 1550), st.integers(-300, 300))
def test_near_a_limit(bucket: int, steps: int) -> None:
    """Some hundred doubles to each side."""
    limit = abs(limits_of_buckets()[bucket])
    bits = min(max(int(limit.view(np.uint64)) + steps, 0), int(np.array(LARGEST).view(np.uint64)))
    doubles = np.array([bits], np.uint64).view(np.float64) * np.array([1.0, -1.0])
    assert (buckets_of(doubles) == searched(doubles)).all()


def test_a_million_numbers() -> None:
    """Of any pattern of bits."""
    numbers = np.random.default_rng(0).integers(0, 1 << 64, 1_000_000, dtype=np.uint64).view(np.float64)
    doubles = numbers[np.isfinite(numbers)]
    assert (buckets_of(doubles) == searched(doubles)).all()
