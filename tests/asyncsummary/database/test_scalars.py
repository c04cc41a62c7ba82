"""Scalars in their own dtype."""

from typing import Any

import numpy as np
import pytest

from asyncsummary.database.scalars import kept_scalar, kept_series, packed, unpacked
from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.steps import GlobalStep
from asyncsummary.values.tensor import DATA_TYPES

CASES: list[tuple[Any, str, Any]] = [
    (0.1, "float32", 0.1),
    (7, "int32", 7),
    (-(2**31), "int32", -(2**31)),
    (2**31, "int64", 2**31),
    (-(2**63), "int64", -(2**63)),
    (np.float64(0.1), "float64", 0.1),
    (np.float64(1e300), "float64", 1e300),
    (np.float32(0.1), "float32", 0.1),
    (np.float16(1.5), "float16", 1.5),
    *((np.dtype(name).type(5), name, 5) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")),
    (np.uint64(2**64 - 1), "uint64", 2**64 - 1),
    ([5.0, 6.0], "float32", 5.0),
    ([[5, 6]], "int32", 5),
    (np.array([[0.25, 1.0]]), "float64", 0.25),
    (np.array([3], ">i8"), "int64", 3),
    (float("nan"), "float32", float("nan")),
    (float("-inf"), "float32", float("-inf")),
]


@pytest.mark.parametrize(("value", "dtype", "expected"), CASES)
def test_dtypes(value: Any, dtype: str, expected: Any) -> None:
    """Python's floats are float32, its ints int32 or int64; the first element of an array; all else as it is."""
    kept = kept_scalar(value, "t")
    assert kept == (DATA_TYPES[dtype], np.array(expected, np.dtype(dtype).newbyteorder("<")).tobytes())


def test_a_global_step() -> None:
    """Is an int64 variable there."""
    step = GlobalStep()
    step.assign(12)
    assert kept_scalar(step, "t") == (DATA_TYPES["int64"], (12).to_bytes(8, "little"))


@pytest.mark.parametrize("value", [True, np.bool_(True), "1", None, 1j, np.complex64(1), object(), np.array([True])])
def test_what_is_no_number(value: Any) -> None:
    """Is a TypeError that names the tag."""
    with pytest.raises(InvalidTypeError, match="'the tag'"):
        kept_scalar(value, "the tag")


@pytest.mark.parametrize(("value", "message"), [(1e300, "float32"), (2**63, "int64"), ([], "empty"), (10**400, "out of range")])
def test_what_is_out_of_range(value: Any, message: str) -> None:
    """As Python numbers are in the original; and an empty array has no number."""
    with pytest.raises(InvalidSummaryError, match=f"'the tag'.*{message}"):
        kept_scalar(value, "the tag")


def test_a_dtype_that_tensorflow_has_not() -> None:
    """Is told."""
    with pytest.raises(InvalidTypeError, match="float128 scalars unsupported"):
        kept_scalar(np.longdouble(1), "t")


def test_a_series_of_what_no_database_holds() -> None:
    """Is told with its tag."""
    with pytest.raises(InvalidTypeError, match="'the tag': float128 scalars unsupported"):
        kept_series(np.array([1], np.longdouble), "the tag")


def test_a_series_beyond_int64() -> None:
    """Is refused as a scalar is."""
    with pytest.raises(InvalidSummaryError, match="value of tag 't': 9223372036854775808 is out of range for int64"):
        kept_series([2**63], "t")


@pytest.mark.parametrize("step", [0, -1, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("value", [np.int8(1), 7, np.float64(0.1), np.uint64(0)])
def test_packed(value: Any, step: int) -> None:
    """It comes out as it went in."""
    kept = kept_scalar(value, "t")
    assert unpacked(packed(kept, 3, step, 123.5)) == (3, kept[0], step, 123.5, kept[1])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1.0, 2.0], None),
        (np.array([1.0], np.float32), None),
        (np.array([1.0]), "float64"),
        ([1, 2], "int32"),
        ([1, 2**40], "int64"),
        (np.array([1], ">u2"), "uint16"),
        ([], None),
        ([1, 2.5], None),
    ],
)
def test_series(values: Any, dtype: str | None) -> None:
    """None where the dtype is that of event files."""
    kept = kept_series(values, "t")
    assert (None if kept is None else kept.dtype.name) == dtype
    if kept is not None:
        assert kept.tolist() == list(values)
