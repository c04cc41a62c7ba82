"""Which values are scalars, and which bytes are events."""

import math
from typing import Any

import numpy as np
import pytest

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import Event
from asyncsummary.values.event import event_bytes
from asyncsummary.values.scalar import scalar_value


class Tensor:
    """Looks like a tensor that tracks gradients on a device."""

    def __init__(self, value: Any, attached: bool = True) -> None:
        self.value, self.attached = value, attached

    def detach(self) -> "Tensor":
        return Tensor(self.value, attached=False)

    def cpu(self) -> "Tensor":
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.attached:
            raise RuntimeError("cannot be converted while it tracks gradients")
        return np.asarray(self.value, dtype)


class HalfPrecision:
    """Looks like a bfloat16 tensor of torch, which numpy cannot hold."""

    dtype = "torch.bfloat16"

    def detach(self) -> "HalfPrecision":
        return self

    def cpu(self) -> "HalfPrecision":
        return self

    def float(self) -> Any:
        return np.float32(0.5)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("Got unsupported ScalarType BFloat16")


class EagerScalar:
    """Looks like a TensorFlow scalar whose ``__array__`` gives a number instead of an array."""

    def numpy(self) -> Any:
        return np.float32(1.25)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return 1.25


class OnlyDLPack:
    """Gives its data through DLPack alone."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (0.5, 0.5),
        (-0.0, -0.0),
        (math.inf, math.inf),
        (2**53 + 1, float(2**53 + 1)),
        (10**30, 1e30),
        (3.4028235e38, 3.4028235e38),
        (np.float16(0.5), 0.5),
        (np.float64(1e300), math.inf),
        (np.int8(-3), -3.0),
        (np.uint64(2**64 - 1), 2.0**64),
        (np.array(2.5), 2.5),
        (np.array([1.0, 2.0]), 1.0),
        ([[3.0]], 3.0),
        ((4, 5), 4.0),
        (Tensor(1.5), 1.5),
        (OnlyDLPack(np.array([2.5], np.float32)), 2.5),
        (HalfPrecision(), 0.5),
        (EagerScalar(), 1.25),
    ],
)
def test_numbers(value: Any, number: float) -> None:
    """Each as the float32 that the original writes."""
    assert np.float32(number) == np.float32(scalar_value(value, "t"))


def test_nan() -> None:
    """Is a value like others."""
    assert math.isnan(scalar_value(math.nan, "t"))
    assert math.isnan(scalar_value(np.float32("nan"), "t"))


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.True_,
        np.array([True]),
        1j,
        np.complex64(1j),
        "1.0",
        b"1",
        np.array("x"),
        None,
        object(),
        {},
        {1: 2},
        [None],
        [1, "x"],
        lambda: 1,
    ],
)
def test_what_is_no_number(value: Any) -> None:
    """Is refused in words that name the argument and the tag."""
    with pytest.raises(InvalidTypeError, match="value of tag 'train/loss'") as caught:
        scalar_value(value, "train/loss")
    assert caught.value.tag == "train/loss"
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "is empty"),
        (np.zeros((0, 3)), r"is empty \(shape \(0, 3\)\)"),
        (1e300, "out of range"),
        (-1e39, "out of range"),
        (10**400, "out of range"),
        pytest.param(10**5000, "<int> is out of range", id="5000 digits"),
    ],
)
def test_numbers_that_cannot_be_written(value: Any, message: str) -> None:
    """An empty array has no first element; a Python number beyond float32 is a mistake."""
    with pytest.raises(InvalidSummaryError, match=f"value of tag 't': .*{message}"):
        scalar_value(value, "t")


class Unshowable:
    """Something whose repr is broken."""

    def __repr__(self) -> str:
        raise RuntimeError("not now")


def test_what_cannot_be_shown() -> None:
    """Is named by its type."""
    with pytest.raises(InvalidTypeError, match="value of tag 't': must be a real number, got <Unshowable> of type Unshowable"):
        scalar_value(Unshowable(), "t")


def test_ragged_lists() -> None:
    """Cannot be made an array."""
    with pytest.raises(InvalidTypeError, match="cannot be made an array"):
        scalar_value([[1, 2], [3]], "t")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_events_are_copied(kind: Any) -> None:
    """As they are, unknown fields included, whatever the caller does to the buffer later."""
    data = Event(wall_time=123.5, step=42).SerializeToString() + b"\xfa\x07\x03abc"
    given = kind(bytearray(data)) if kind is memoryview else kind(data)
    copied = event_bytes(given)
    assert (bytes, data) == (type(copied), copied)


def test_an_empty_event() -> None:
    """Is an event."""
    assert event_bytes(b"") == b""


@pytest.mark.parametrize("event", [Event(), "text", None, 3])
def test_what_is_not_bytes(event: Any) -> None:
    """Must be serialised by whoever knows its type."""
    with pytest.raises(InvalidTypeError, match="event: must be a serialised Event as bytes"):
        event_bytes(event)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (b"\xff\xff\xff", "are no serialised Event"),
        (Event(wall_time=math.nan).SerializeToString(), "wall_time is nan"),
        (Event(wall_time=math.inf).SerializeToString(), "wall_time is inf"),
    ],
)
def test_bad_events(event: bytes, message: str) -> None:
    """Are refused, since readers would stumble over them."""
    with pytest.raises(InvalidSummaryError, match=message):
        event_bytes(event)
