"""Which number is a scalar in a database? The one that was given, in its own dtype: an event file has float32 only. Pure."""

import operator
from functools import lru_cache
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from asyncsummary.database.tensors import FLOAT
from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import Event, PluginData, Summary, SummaryMetadata, TensorProto, Value
from asyncsummary.values.array import as_array, python_kind
from asyncsummary.values.scalar import scalar_value
from asyncsummary.values.tensor import DATA_TYPES

PLAIN_TYPES = frozenset({float, np.float32})
"""Values of just these types are float32, or out of its range."""
Kept = tuple[int, bytes]
"""A DataType number, and the bytes of the number, little-endian."""

_INT32, _INT64 = (np.iinfo(kind) for kind in (np.int32, np.int64))


def kept_scalar(value: Any, tag: str) -> Kept:
    """Return the first number of a value in the dtype that it has in tf.contrib.summary: Python floats are float32, ints int32 or int64.

    Raises:
        InvalidTypeError: no real number, or of a dtype that no database holds (bool, bfloat16).
        InvalidSummaryError: an empty array, or out of range.
    """
    number = scalar_value(value, tag)
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return _kept(np.float32(number) if isinstance(value, float) else _integer(value, tag), tag)
    if isinstance(value, SupportsIndex) and not hasattr(value, "__array__"):
        return _kept(np.int64(operator.index(value)), tag)  # a GlobalStep, for one, which is an int64 variable
    kind = python_kind(value)
    first = as_array(value, tag).reshape(-1)[0]
    if kind is int:
        return _kept(_integer(int(first), tag), tag)
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
    if kind is int:
        fits = not array.size or (int(array.min()) >= _INT32.min and int(array.max()) <= _INT32.max)
        array = array.astype(np.int32 if fits else np.int64)
    if array.dtype.name not in DATA_TYPES:
        raise _unsupported(array.dtype, tag)
    return np.array(array, array.dtype.newbyteorder("<"))


def scalar_event(kept: Kept, tag: str, wall_time: float, step: int) -> bytes:
    """Return the serialised Event of a scalar whose dtype is kept: a tensor of no dimensions, for the plugin of scalars."""
    before, after = _around(kept[0], len(kept[1]), tag)
    return Event(wall_time=wall_time, step=step).SerializeToString() + before + kept[1] + after


@lru_cache(maxsize=4096)
def _around(dtype: int, width: int, tag: str) -> tuple[bytes, bytes]:
    """Return the bytes of the Event before and after the number."""
    tensor = TensorProto(dtype=dtype, tensor_content=bytes(width))
    tensor.tensor_shape.SetInParent()
    metadata = SummaryMetadata(plugin_data=PluginData(plugin_name="scalars"))
    event = Event(summary=Summary(value=[Value(tag=tag, tensor=tensor, metadata=metadata)])).SerializeToString()
    end = len(event) - len(SummaryMetadata.SerializeToString(metadata)) - 2
    return event[: end - width], event[end:]


def _kept(number: Any, tag: str) -> Kept:
    array = np.asarray(number)
    if array.dtype.name not in DATA_TYPES or array.dtype.name == "bfloat16":
        raise _unsupported(array.dtype, tag)
    return DATA_TYPES[array.dtype.name], array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _integer(value: int, tag: str) -> "np.int32 | np.int64":
    if not _INT64.min <= value <= _INT64.max:
        raise InvalidSummaryError(f"value of tag {tag!r}: {value!r:.60} is out of range for int64", tag)
    return np.int32(value) if _INT32.min <= value <= _INT32.max else np.int64(value)


def _unsupported(dtype: "np.dtype[Any]", tag: str) -> InvalidTypeError:
    return InvalidTypeError(f"value of tag {tag!r}: {dtype} scalars unsupported in databases", tag)


def is_float32(kept: Kept) -> bool:
    """Whether it can wait in the queue as event files' scalars do."""
    return kept[0] == FLOAT
