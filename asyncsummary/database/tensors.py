"""How does a TensorProto lie in a database, and back? As a dtype, a shape in words, and bytes, or strings in rows of their own. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import TensorProto
from asyncsummary.values.tensor import DATA_TYPES, STRING

FLOAT, DOUBLE = DATA_TYPES["float32"], DATA_TYPES["float64"]
LARGEST_BLOB = 1_000_000_000
"""SQLite's own limit of one value, in bytes."""
_UNSUPPORTED = {DATA_TYPES["bool"]: "bool", DATA_TYPES["bfloat16"]: "bfloat16"}
_NUMPY = {number: np.dtype(name).newbyteorder("<") for name, number in DATA_TYPES.items() if number not in _UNSUPPORTED}

# Where messages of other makers keep their numbers, by dtype: a field, and how one of its entries becomes a number.
_FIELDS: dict[str, tuple[str, ...]] = {
    "float_val": ("float32",),
    "double_val": ("float64",),
    "int_val": ("int32", "uint8", "int16", "int8", "uint16"),
    "int64_val": ("int64",),
    "uint32_val": ("uint32",),
    "uint64_val": ("uint64",),
    "scomplex_val": ("complex64",),
    "dcomplex_val": ("complex128",),
    "half_val": ("float16",),
}
_FIELD_OF = {DATA_TYPES[name]: field for field, names in _FIELDS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What the columns dtype, shape and data of a row say, and the strings that belong to it.

    ``shape`` is "2,3" for [2, 3], "" for a scalar. ``data`` is little-endian, the string itself for a scalar string, and None where the
    contents are ``strings``.
    """

    dtype: int
    shape: str
    data: bytes | None
    strings: tuple[bytes, ...] = ()


def tensor_of(proto: TensorProto, tag: str) -> Tensor:
    """Return the tensor as a database holds it.

    Raises:
        InvalidTypeError: a dtype that no database holds: bool and bfloat16, as in the original, and what is no tensor's dtype at all.
        InvalidSummaryError: the contents do not fit the shape, or are more than a value in SQLite can be.
    """
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    if min(sizes, default=0) < 0:
        raise InvalidSummaryError(f"value of tag {tag!r}: its shape {sizes} is not known as a whole", tag)
    shape, count = ",".join(map(str, sizes)), math.prod(sizes)
    if proto.dtype == STRING:
        return _strings(proto, shape, count, tag)
    if proto.dtype in _UNSUPPORTED:
        raise InvalidTypeError(f"value of tag {tag!r}: {_UNSUPPORTED[proto.dtype]} tensors unsupported in databases", tag)
    if proto.dtype not in _NUMPY:
        raise InvalidTypeError(f"value of tag {tag!r}: tensors of TensorFlow's dtype number {proto.dtype} unsupported in databases", tag)
    width = _NUMPY[proto.dtype].itemsize
    if count * width > LARGEST_BLOB:
        raise InvalidSummaryError(f"value of tag {tag!r}: {count * width} bytes are more than SQLite takes as one value", tag)
    data = proto.tensor_content or _numbers(proto, count)
    if len(data) != count * width:
        raise InvalidSummaryError(f"value of tag {tag!r}: {len(data)} bytes are no tensor of shape {sizes}", tag)
    return Tensor(proto.dtype, shape, data)


def proto_of(tensor: Tensor) -> TensorProto:
    """Return the message of a tensor that a database holds."""
    proto = TensorProto(dtype=tensor.dtype)
    proto.tensor_shape.SetInParent()
    for size in tensor.shape.split(",") if tensor.shape else ():
        proto.tensor_shape.dim.add(size=int(size))
    if tensor.dtype == STRING:
        proto.string_val.extend(tensor.strings if tensor.data is None else [tensor.data])
    else:
        proto.tensor_content = tensor.data or b""
    return proto


def number_of(tensor: Tensor) -> "np.generic | None":
    """Return the number that a tensor of no dimensions holds, None if it holds none."""
    if tensor.shape or tensor.data is None or tensor.dtype not in _NUMPY or len(tensor.data) != _NUMPY[tensor.dtype].itemsize:
        return None
    found: np.generic = np.frombuffer(tensor.data, _NUMPY[tensor.dtype])[0]
    return found


def _strings(proto: TensorProto, shape: str, count: int, tag: str) -> Tensor:
    if proto.tensor_content:
        raise InvalidSummaryError(f"value of tag {tag!r}: strings in tensor_content are not understood; string_val is", tag)
    strings = _filled(proto.string_val, count, b"")
    if max(map(len, strings), default=0) > LARGEST_BLOB:
        raise InvalidSummaryError(f"value of tag {tag!r}: a string is longer than SQLite takes as one value", tag)
    if not shape:
        return Tensor(STRING, "", strings[0])
    return Tensor(STRING, shape, None, tuple(strings))


def _numbers(proto: TensorProto, count: int) -> bytes:
    """Return the numbers of one of the typed fields as bytes."""
    kind = _NUMPY[proto.dtype]
    entries: Iterable[Any] = getattr(proto, _FIELD_OF[proto.dtype])
    if kind.kind == "c":
        flat = list(entries)
        entries = [complex(real, imaginary) for real, imaginary in zip(flat[::2], flat[1::2], strict=False)]
    filled = _filled(entries, count, 0)
    if kind.name == "float16":  # its bits, as integers
        return np.array(filled, "<u4").astype("<u2").tobytes()
    widest = {"i": "<i8", "u": "<u8" if kind.itemsize == 8 else "<i8"}.get(kind.kind, kind)  # what is too large for its dtype is cut off
    return np.array(filled, widest).astype(kind).tobytes()


def _filled(entries: Iterable[Any], count: int, zero: Any) -> list[Any]:
    """Return so many entries; where there are fewer, the last is repeated, as TensorFlow reads its messages."""
    found = list(entries)[:count]
    return found + [found[-1] if found else zero] * (count - len(found))
