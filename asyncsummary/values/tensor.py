"""How does any array become a TensorProto? For ``generic``, by the rules of tf.contrib.summary.

Numbers go into ``tensor_content``, little-endian, scalars too; strings into ``string_val``, as UTF-8. Python ints are int32 where they
fit, else int64; Python floats are float32. An empty list is float32 of shape [0].
"""

from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.protos import SummaryMetadata, TensorProto, Value
from asyncsummary.values.array import as_array, python_kind
from asyncsummary.values.given import typed, utf8
from asyncsummary.values.limits import require_encodable

STRING = 7
_LARGEST = 2**63 - 1
# TensorFlow's DataType numbers by numpy's names.
DATA_TYPES = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "complex64": 8,
    "int64": 9,
    "bool": 10,
    "bfloat16": 14,
    "uint16": 17,
    "complex128": 18,
    "float16": 19,
    "uint32": 22,
    "uint64": 23,
}


def tensor_value(value: Any, metadata: Any, tag: str) -> Value:
    """Return the Summary.Value of an array of numbers, bools or strings, with metadata if there are any.

    Raises:
        InvalidTypeError: objects, numbers among strings, rows of different lengths, or types that TensorFlow does not have.
        InvalidSummaryError: integers of Python's beyond int64, text that has no UTF-8, or more than a message can hold.
    """
    found = Value(tag=tag, tensor=tensor_proto(value, tag))
    serialised = metadata_bytes(metadata, tag)
    if serialised:
        found.metadata.ParseFromString(serialised)
    return found


def tensor_proto(value: Any, tag: object) -> TensorProto:
    """Return the TensorProto of an array."""
    array = _as_numbers_or_strings(value, tag)
    proto = TensorProto()
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if array.dtype.kind in "US" or array.dtype == object:
        proto.dtype = STRING
        strings = [_string(item, tag) for item in array.reshape(-1).tolist()]
        require_encodable(sum(map(len, strings)), tag)
        proto.string_val.extend(strings)
        return proto
    if array.dtype.name not in DATA_TYPES:
        raise InvalidTypeError(f"value of tag {tag!r}: dtype {array.dtype} has no counterpart in an event file", tag)
    require_encodable(int(array.nbytes), tag)
    proto.dtype = DATA_TYPES[array.dtype.name]
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    proto.tensor_content = np.ascontiguousarray(little_endian).tobytes()
    return proto


def metadata_bytes(metadata: Any, tag: object) -> bytes:
    """Return serialised SummaryMetadata: of a message of any library's making, of bytes, or of nothing.

    Raises:
        InvalidTypeError: something else.
        InvalidSummaryError: bytes that are no SummaryMetadata.
    """
    if metadata is None or metadata == "":
        return b""
    if isinstance(metadata, Message):
        return metadata.SerializeToString()
    if not isinstance(metadata, bytes):
        raise InvalidTypeError(f"metadata of tag {tag!r}: must be SummaryMetadata or bytes, got {type(metadata).__name__}", tag)
    try:
        SummaryMetadata.FromString(metadata)
    except DecodeError as error:
        raise InvalidSummaryError(f"metadata of tag {tag!r}: these {len(metadata)} bytes are no SummaryMetadata: {error}", tag) from error
    return metadata


def _as_numbers_or_strings(value: Any, tag: object) -> NDArray[Any]:
    kind = python_kind(value)
    if kind in {str, bytes}:
        return _objects(value, tag)  # numpy's own strings lose null bytes at their ends
    array = as_array(value, tag)
    if array.dtype.kind in "US" and isinstance(value, list | tuple):
        return _objects(value, tag)  # numpy makes strings of the numbers beside them
    if array.dtype == object and isinstance(value, int | list | tuple):
        _require_int64(array, tag)
    if kind not in {int, float} or array.dtype.kind not in "fiu":
        return array
    if array.dtype.kind == "f":
        if kind is int:
            _require_floats_among(value, array, tag)
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    if array.dtype.kind == "u":
        _require_int64(array.max(initial=0, keepdims=True), tag)
    fits = not array.size or (int(array.min()) >= -(2**31) and int(array.max()) < 2**31)
    return array.astype(np.int32 if fits else np.int64)


def _objects(value: Any, tag: object) -> NDArray[Any]:
    try:
        return np.array(value, dtype=object)
    except Exception as error:  # shapes within may not fit, and an element's own conversion can raise anything
        raise InvalidTypeError(f"value of tag {tag!r}: cannot be made an array: {error}", tag) from error


def _require_floats_among(value: Any, array: NDArray[Any], tag: object) -> None:
    """See that a list was made floats for a float in it, and not for ints that int64 and uint64 do not hold together."""
    if array.size and float(np.abs(array).max()) > _LARGEST:
        items = _objects(value, tag)
        if all(isinstance(item, int | np.integer) for item in items.flat):
            _require_int64(items, tag)


def _require_int64(array: NDArray[Any], tag: object) -> None:
    for item in array.reshape(-1).tolist():
        if isinstance(item, int | np.integer) and not -_LARGEST - 1 <= item <= _LARGEST:
            raise InvalidSummaryError(f"value of tag {tag!r}: {shown(item)} is out of range for int64", tag)


def _string(item: object, tag: object) -> bytes:
    if isinstance(item, bytes):
        return item
    if isinstance(item, str):
        return utf8(item, "value", tag)
    raise InvalidTypeError(f"value of tag {tag!r}: must hold numbers, bools or strings, and one kind only, got {typed(item)}", tag)
