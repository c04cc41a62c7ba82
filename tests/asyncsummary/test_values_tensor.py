"""Tensors: dtypes, shapes, strings and metadata, as the original writes them."""

import warnings
from typing import Any

import numpy as np
import pytest
from tensorboard.util import tensor_util

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import PluginData, SummaryMetadata
from asyncsummary.values import limits
from asyncsummary.values.tensor import DATA_TYPES, metadata_bytes, tensor_proto, tensor_value


@pytest.mark.parametrize("dtype", [name for name in DATA_TYPES if name not in {"bfloat16", "uint32", "uint64"}])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)])
def test_dtypes_and_shapes(dtype: str, shape: tuple[int, ...]) -> None:
    """TensorBoard makes the same array of it again."""
    from tensorboard.compat.proto import tensor_pb2

    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    theirs: Any = tensor_pb2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of numpy's, in TensorBoard's reading of half
        found = tensor_util.make_ndarray(theirs.TensorProto.FromString(tensor_proto(array, "t").SerializeToString()))
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert (found == array).all()


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (1, 3, []),
        (2**31 - 1, 3, []),
        (2**31, 9, []),
        ([1, -(2**31) - 1], 9, [2]),
        (1.5, 1, []),
        ([1, 2.5], 1, [2]),
        (True, 10, []),
        ([], 1, [0]),
        ("x", 7, []),
        ([["a"], ["b"]], 7, [2, 1]),
        (np.array([1.0]), 2, [1]),
        (np.array([">f4"]), 7, [1]),
        ([1, 2j], 18, [2]),
        ([1.0, 2j], 18, [2]),
        ([2**62, 2.5], 1, [2]),
        ([1, 2**63, 0.5], 1, [3]),
        ([1, np.inf], 1, [2]),
        ([-(2**63), 2**63 - 1], 9, [2]),
        ([np.str_("a"), "b"], 7, [2]),
        ([np.array(["a", "b"]), ["c", "d"]], 7, [2, 2]),
    ],
)
def test_python_values(value: Any, dtype: int, shape: list[int]) -> None:
    """Have the original's dtypes, not numpy's."""
    proto = tensor_proto(value, "t")
    assert (proto.dtype, [dim.size for dim in proto.tensor_shape.dim]) == (dtype, shape)


def test_big_endian() -> None:
    """Is turned around."""
    assert tensor_proto(np.array([1], ">i4"), "t").tensor_content == b"\1\0\0\0"


def test_strings() -> None:
    """Are UTF-8; bytes stay as they are, null bytes too."""
    assert list(tensor_proto(["é", b"\xff\0\0"], "t").string_val) == ["é".encode(), b"\xff\0\0"]
    assert list(tensor_proto(b"a\0", "t").string_val) == [b"a\0"]
    assert tensor_proto("x", "t").tensor_content == b""


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), InvalidTypeError),
        ([object()], InvalidTypeError),
        (np.array(["2020-01-01"], "M8[D]"), InvalidTypeError),
        ([[1], [1, 2]], InvalidTypeError),
        (2**63, InvalidSummaryError),
        (["a", 1], InvalidTypeError),
        ([1, "a"], InvalidTypeError),
        ([1.5, "a"], InvalidTypeError),
        ([True, "a"], InvalidTypeError),
        ([[1, 2], ["a", b"b"]], InvalidTypeError),
        ([np.float32(1), "a"], InvalidTypeError),
        ([1, None], InvalidTypeError),
        ([1, np.timedelta64(1, "s")], InvalidTypeError),
        ([["a", "b"], ["c"]], InvalidTypeError),
        ([["a", np.zeros(3)], ["b", np.zeros(2)]], InvalidTypeError),
        ([[["a", "b"], ["c", "d"]], np.zeros((2, 3))], InvalidTypeError),
    ],
)
def test_what_is_no_tensor(value: Any, kind: type[Exception]) -> None:
    """Is refused in words that name the tag."""
    with pytest.raises(kind, match="of tag 'my/tag'"):
        tensor_proto(value, "my/tag")


@pytest.mark.parametrize(
    "value", [[2**63], [1, 2**63], [2**63, -1], [[1, 2], [3, 2**64 - 1]], [-1, 2**64 - 1], [1, -(2**70)], [1.5, 2**70], [1, 10**5000]]
)
def test_integers_beyond_int64(value: list[Any]) -> None:
    """Are refused in lists as they are alone, whatever numpy makes of their company."""
    for given in (value, value[-1], tuple(value)):
        if given != -1:
            with pytest.raises(InvalidSummaryError, match=r"value of tag 't': .* is out of range for int64"):
                tensor_proto(given, "t")


@pytest.mark.parametrize("value", ["\ud800", ["a", "\ud800"], np.array(["a", "\ud800"]), np.array(["\ud800"], object)])
def test_text_that_is_no_unicode(value: Any) -> None:
    """Cannot be written."""
    with pytest.raises(InvalidSummaryError, match=r"value of tag 't': '\\ud800' is no UTF-8"):
        tensor_proto(value, "t")


def test_complex_numbers() -> None:
    """Stay complex among others."""
    assert tensor_proto([1, 2j], "t").tensor_content == np.array([1, 2j]).tobytes()


def test_metadata() -> None:
    """Messages and bytes; nothing, or nothing in it, leaves the field away."""
    made = SummaryMetadata(plugin_data=PluginData(plugin_name="p", content=b"\1"))
    given: list[Any] = [made, made.SerializeToString()]
    for metadata in given:
        assert tensor_value(1.0, metadata, "t").metadata == made
    nothing: list[Any] = [None, "", b"", SummaryMetadata()]
    for metadata in nothing:
        assert not tensor_value(1.0, metadata, "t").HasField("metadata")


def test_large_unsigned_integers() -> None:
    """TensorFlow has them, though TensorBoard's reader does not."""
    proto = tensor_proto(np.array([2**64 - 1], np.uint64), "t")
    assert (proto.dtype, proto.tensor_content) == (23, b"\xff" * 8)
    assert tensor_proto(np.array([1], np.uint32), "t").dtype == 22


@pytest.mark.parametrize(("metadata", "kind"), [(3, InvalidTypeError), ("text", InvalidTypeError), (b"\xff\xff", InvalidSummaryError)])
def test_bad_metadata(metadata: Any, kind: type[Exception]) -> None:
    """Is refused in words that name the tag."""
    with pytest.raises(kind, match="metadata of tag 't'"):
        metadata_bytes(metadata, "t")


def test_more_than_a_message_can_hold() -> None:
    """Is refused before it is copied."""
    with pytest.raises(InvalidSummaryError, match="value of tag 't': 4294967296 bytes, and a summary can have 2147418112 at the most"):
        tensor_proto(np.broadcast_to(np.float32(0), (1 << 15, 1 << 15)), "t")


@pytest.mark.parametrize("value", [["ab", "é"], [b"abc", b"d"], "éé"])
def test_more_strings_than_a_message_can_hold(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are refused, too; what counts are their bytes."""
    monkeypatch.setattr(limits, "MOST_BYTES", 4)
    tensor_proto(value, "t")
    monkeypatch.setattr(limits, "MOST_BYTES", 3)
    with pytest.raises(InvalidSummaryError, match="value of tag 't': 4 bytes, and a summary can have 3 at the most"):
        tensor_proto(value, "t")
