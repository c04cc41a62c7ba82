"""Which array is a value? For every kind that takes numbers, from numpy, Python, or a tensor of any library."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError


def as_array(value: Any, tag: object) -> NDArray[Any]:
    """Look at the value as an array, without a copy where that is possible.

    numpy, anything with ``__array__`` or ``__dlpack__``, and nested sequences. A tensor that tracks gradients or lives on a device
    says so through ``detach`` and ``cpu``.

    Raises:
        InvalidTypeError: it cannot be made an array; the message names the tag.
    """
    try:
        if hasattr(value, "detach") and hasattr(value, "cpu"):
            value = value.detach().cpu()
        if str(getattr(value, "dtype", "")) == "torch.bfloat16":
            value = value.float()  # numpy has no such type, and torch gives it none
        elif callable(getattr(value, "numpy", None)):
            value = value.numpy()  # of a TensorFlow scalar, __array__ may give no array
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.from_dlpack(value)
        return np.asarray(value)
    except Exception as error:  # the value's own conversion can raise anything
        raise InvalidTypeError(f"value of tag {tag!r}: cannot be made an array: {error}", tag) from error


def with_python_floats(value: Any, tag: object) -> NDArray[Any]:
    """Look at the value as an array in which Python's own floats are float32; those beyond it become infinite. Raises as ``as_array``."""
    array = as_array(value, tag)
    if python_kind(value) is not float or array.dtype.kind not in "fiu":  # floats among strings, say, are for the caller to refuse
        return array
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def is_real(array: NDArray[Any]) -> bool:
    """Return whether the array holds real numbers: float16/32/64, bfloat16, int8..64, uint8..64; no bool."""
    return array.dtype.kind in "fiu" or array.dtype.name == "bfloat16"


def finite_float32(array: NDArray[Any], argument: str, tag: object) -> NDArray[np.float32]:
    """Return a private copy of real numbers as float32. Raises InvalidSummaryError if one is not finite, as such or only in float32."""
    with np.errstate(over="ignore"):
        numbers = np.array(array, np.float32)
    if not np.isfinite(numbers).all():
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must be finite, in float32", tag)
    return numbers


def python_kind(value: Any) -> type | None:
    """Return what the innermost elements of nested lists and tuples are, None for anything that has a dtype of its own.

    The original gives Python numbers other dtypes than numpy does: int32 and float32.
    """
    while isinstance(value, list | tuple):
        if not value:
            return float
        value = value[0]
    return type(value) if type(value) in {bool, int, float, str, bytes, complex} else None
