"""Tensors as rows, and back: every dtype, wherever its numbers are in the message."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.database import tensors
from asyncsummary.database.tensors import Tensor, number_of, proto_of, tensor_of
from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import TensorProto
from asyncsummary.values.tensor import DATA_TYPES, STRING, tensor_proto

DTYPES = sorted(DATA_TYPES.keys() - {"bool", "bfloat16"})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "text"), [((), ""), ((0, 3), "0,3"), ((2, 3), "2,3"), ((4,), "4")])
def test_every_dtype(dtype: str, shape: tuple[int, ...], text: str) -> None:
    """Little-endian bytes, the dtype's number, and the shape in words."""
    array = np.arange(1, 1 + int(np.prod(shape))).reshape(shape).astype(dtype)
    tensor = tensor_of(tensor_proto(array, "t"), "t")
    assert tensor == Tensor(DATA_TYPES[dtype], text, array.astype(array.dtype.newbyteorder("<")).tobytes())
    assert proto_of(tensor) == tensor_proto(array, "t")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hello", Tensor(STRING, "", b"hello")),
        (b"", Tensor(STRING, "", b"")),
        (["a", b"b\0c", ""], Tensor(STRING, "3", None, (b"a", b"b\0c", b""))),
        ([["a"], ["b"]], Tensor(STRING, "2,1", None, (b"a", b"b"))),
        ([["é"]], Tensor(STRING, "1,1", None, ("é".encode(),))),
    ],
)
def test_strings(value: Any, expected: Tensor) -> None:
    """A scalar string is the data; others are in rows of their own."""
    proto = tensor_proto(value, "t")
    assert tensor_of(proto, "t") == expected
    assert proto_of(expected) == proto


@pytest.mark.parametrize(
    ("field", "dtype", "entries", "expected"),
    [
        ("float_val", "float32", [1.5], [1.5, 1.5, 1.5]),
        ("float_val", "float32", [], [0.0, 0.0, 0.0]),
        ("double_val", "float64", [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]),
        ("double_val", "float64", [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3]),
        ("int_val", "int32", [-7, 8], [-7, 8, 8]),
        ("int_val", "uint8", [200], [200, 200, 200]),
        ("int_val", "int8", [-1, 2], [-1, 2, 2]),
        ("int_val", "int16", [-3, 4, 5], [-3, 4, 5]),
        ("int64_val", "int64", [2**62 + 1, 2, 3], [2**62 + 1, 2, 3]),
        ("uint32_val", "uint32", [2**32 - 1], [2**32 - 1] * 3),
        ("uint64_val", "uint64", [2**64 - 1, 1, 0], [2**64 - 1, 1, 0]),
        ("half_val", "float16", [0x3E00, 0x3C00], [1.5, 1.0, 1.0]),
        ("scomplex_val", "complex64", [1.0, 2.0], [1 + 2j] * 3),
        ("dcomplex_val", "complex128", [1.0, 2.0, 3.0, 4.0], [1 + 2j, 3 + 4j, 3 + 4j]),
    ],
)
def test_numbers_in_fields_of_their_type(field: str, dtype: str, entries: list[Any], expected: list[Any]) -> None:
    """Other writers put them there. Where there are fewer than the shape says, the last one is repeated, as TensorFlow reads them."""
    proto = TensorProto(dtype=DATA_TYPES[dtype])
    proto.tensor_shape.dim.add(size=3)
    getattr(proto, field).extend(entries)
    assert tensor_of(proto, "t").data == np.array(expected, np.dtype(dtype).newbyteorder("<")).tobytes()


@pytest.mark.parametrize("dtype", ["bool", "bfloat16"])
def test_dtypes_that_the_original_refuses(dtype: str) -> None:
    """Are refused in its words, with the tag."""
    with pytest.raises(InvalidTypeError, match=f"tag 'the tag': {dtype} tensors unsupported"):
        tensor_of(TensorProto(dtype=DATA_TYPES[dtype], tensor_content=b"\1\0"), "the tag")


def shaped(*sizes: int, **fields: Any) -> TensorProto:
    proto = TensorProto(**fields)
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (shaped(3, dtype=1, tensor_content=b"1234"), "4 bytes are no tensor of shape"),
        (shaped(dtype=0), "dtype number 0"),
        (shaped(dtype=101), "dtype number 101"),
        (shaped(-1, dtype=1), "not known as a whole"),
        (shaped(1 << 20, 1 << 20, dtype=1), "more than SQLite takes"),
        (shaped(2, dtype=STRING, tensor_content=b"\1\1ab"), "strings in tensor_content"),
    ],
)
def test_what_is_no_tensor(proto: TensorProto, message: str) -> None:
    """Is told with the tag, before anything is made of it."""
    with pytest.raises(InvalidSummaryError, match=f"tag 'the tag': .*{message}"):
        tensor_of(proto, "the tag")


@given(st.lists(st.floats(width=32), max_size=20))
def test_bytes_come_back(values: list[float]) -> None:
    """NaNs of any bits included."""
    proto = tensor_proto(np.array(values, np.float32), "t")
    assert proto_of(tensor_of(proto, "t")) == proto


def test_the_number_of_a_scalar() -> None:
    """Only a tensor of no dimensions, of a dtype of numbers, and of its bytes, holds one."""
    assert number_of(Tensor(9, "", (7).to_bytes(8, "little"))) == np.int64(7)
    for tensor in (Tensor(9, "1", bytes(8)), Tensor(9, "", bytes(4)), Tensor(STRING, "", b"hello"), Tensor(1, "", None)):
        assert number_of(tensor) is None


def test_what_sqlite_cannot_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strings, too, have a limit."""
    monkeypatch.setattr(tensors, "LARGEST_BLOB", 3)
    with pytest.raises(InvalidSummaryError, match="'the tag': a string is longer than SQLite takes"):
        tensor_of(tensor_proto(["fine", "abcd"], "the tag"), "the tag")
