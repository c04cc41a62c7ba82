"""Which array is a value? For every kind that takes numbers, from numpy, Python, or a tensor of any library."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidTypeError


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


def is_real(array: NDArray[Any]) -> bool:
    """Return whether the array holds real numbers: float16/32/64, bfloat16, int8..64, uint8..64; no bool."""
    return array.dtype.kind in "fiu" or array.dtype.name == "bfloat16"


def python_kind(value: Any) -> type | None:
    """Return what the innermost elements of nested lists and tuples are, None for anything that has a dtype of its own.

    The original gives Python numbers other dtypes than numpy does: int32 and float32.
    """
    while isinstance(value, list | tuple):
        if not value:
            return float
        value = value[0]
    return type(value) if type(value) in {bool, int, float, str, bytes, complex} else None
