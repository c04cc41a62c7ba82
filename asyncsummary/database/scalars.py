"""Which number is a scalar in a database? The one that was given, in its own dtype: an event file has float32 only. Pure."""

import operator
import struct
from collections.abc import Callable
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from asyncsummary.database.tensors import FLOAT
from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.values.array import as_array, python_kind
from asyncsummary.values.scalar import scalar_value
from asyncsummary.values.tensor import DATA_TYPES

PLAIN_TYPES: frozenset[type] = frozenset({float, np.float32})
"""Values of just these types are float32, or out of its range."""
Kept = tuple[int, bytes]
"""A DataType number, and the bytes of the number, little-endian."""

_INT32, _INT64 = (np.iinfo(kind) for kind in (np.int32, np.int64))
_INT32_NUMBER, _INT64_NUMBER = DATA_TYPES["int32"], DATA_TYPES["int64"]
_pack_int32, _pack_int64 = struct.Struct("<i").pack, struct.Struct("<q").pack
# numpy's own numbers, of which nothing else needs to be known.
_EXACT: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    np.dtype(name).type: (DATA_TYPES[name], struct.Struct(f"<{code}").pack)
    for name, code in {
        "float64": "d",
        "float16": "e",
        "int8": "b",
        "int16": "h",
        "int32": "i",
        "int64": "q",
        "uint8": "B",
        "uint16": "H",
        "uint32": "I",
        "uint64": "Q",
    }.items()
}
_HEAD = struct.Struct("<iiqd")


class PackedScalar(bytes):
    """A scalar on its way through the queue, in the place of an Event: the number of its tag, dtype, step, wall_time, and the number.

    The columns of the queue have no room for it: their values are float32.
    """

    __slots__ = ()


def packed(kept: Kept, tag_number: int, step: int, wall_time: float) -> PackedScalar:
    """Return a scalar as it waits."""
    return PackedScalar(_HEAD.pack(tag_number, kept[0], step, wall_time) + kept[1])


def unpacked(scalar: PackedScalar) -> tuple[int, int, int, float, bytes]:
    """Return the number of its tag, dtype, step, wall_time and the bytes of the number."""
    return (*_HEAD.unpack_from(scalar), scalar[_HEAD.size :])


def kept_scalar(value: Any, tag: str) -> Kept:
    """Return the first number of a value in the dtype that it has in tf.contrib.summary: Python floats are float32, ints int32 or int64.

    Raises:
        InvalidTypeError: no real number, or of a dtype that no database holds (bool, bfloat16).
        InvalidSummaryError: an empty array, or out of range.
    """
    exact = _EXACT.get(type(value))
    if exact is not None:
        return exact[0], exact[1](value)
    if type(value) is int:
        return _integer(value, tag)
    number = scalar_value(value, tag)
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return _kept(np.float32(number), tag) if isinstance(value, float) else _integer(value, tag)
    if isinstance(value, SupportsIndex) and not hasattr(value, "__array__"):
        return _kept(np.int64(operator.index(value)), tag)  # a GlobalStep, for one, which is an int64 variable
    kind = python_kind(value)
    first = as_array(value, tag).reshape(-1)[0]
    if kind is int:
        return _integer(int(first), tag)
    return _kept(np.float32(number) if kind is float else first, tag)


def kept_series(values: Any, tag: str) -> NDArray[Any] | None:
    """Return numbers in the dtype that a database keeps, little-endian; None if that is float32, as in event files.

    Raises:
        InvalidTypeError: a dtype that no database holds.
    """
    kind = python_kind(values)
    array = as_array(values, tag)
    if kind is float or array.dtype == np.float32 or array.dtype.kind not in "fiu":
        if array.dtype.name == "bfloat16":
            raise _unsupported(array.dtype, tag)
        return None  # numbers of other kinds are refused where all series are checked
    if kind is int and array.dtype.kind == "f":
        return None  # ints and floats are floats together
    if kind is int:
        if array.dtype.kind == "u" and array.size:
            _integer(int(array.max()), tag)
        fits = not array.size or (int(array.min()) >= _INT32.min and int(array.max()) <= _INT32.max)
        array = array.astype(np.int32 if fits else np.int64)
    if array.dtype.name not in DATA_TYPES:
        raise _unsupported(array.dtype, tag)
    return np.array(array, array.dtype.newbyteorder("<"))


def _kept(number: Any, tag: str) -> Kept:
    array = np.asarray(number)
    if array.dtype.name not in DATA_TYPES or array.dtype.name == "bfloat16":
        raise _unsupported(array.dtype, tag)
    return DATA_TYPES[array.dtype.name], array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _integer(value: int, tag: str) -> Kept:
    if _INT32.min <= value <= _INT32.max:
        return _INT32_NUMBER, _pack_int32(value)
    if not _INT64.min <= value <= _INT64.max:
        raise InvalidSummaryError(f"value of tag {tag!r}: {shown(value)} is out of range for int64", tag)
    return _INT64_NUMBER, _pack_int64(value)


def _unsupported(dtype: "np.dtype[Any]", tag: str) -> InvalidTypeError:
    return InvalidTypeError(f"value of tag {tag!r}: {dtype} scalars unsupported in databases", tag)


def is_float32(kept: Kept) -> bool:
    """Whether it can wait in the queue as event files' scalars do."""
    return kept[0] == FLOAT
