"""What TensorBoard's own plugins write: their summary functions, and how ours are held against them."""

import importlib
import sys
import types
from typing import Any

import numpy as np
import pytest
from tensorboard.compat.proto import summary_pb2
from tensorboard.util import tensor_util

from asyncsummary.protos import Summary

_messages: Any = summary_pb2  # made at run time, so that type checkers know nothing of it
TheirSummary = _messages.Summary


def tensorboards(plugin: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a module of ``tensorboard.plugins`` whose functions that make messages work without TensorFlow."""
    stand_in: Any = types.ModuleType("tensorflow")
    stand_in.make_tensor_proto = lambda values, dtype=None: tensor_util.make_tensor_proto(values, dtype)
    stand_in.Summary, stand_in.SummaryMetadata = TheirSummary, _messages.SummaryMetadata
    stand_in.string, stand_in.float32, stand_in.float64 = np.object_, np.float32, np.float64
    stand_in.int32, stand_in.uint8 = np.int32, np.uint8
    compat: Any = types.ModuleType("tensorflow.compat")
    compat.v1, compat.as_bytes = stand_in, str.encode
    stand_in.compat = compat
    for name, module in (("tensorflow", stand_in), ("tensorflow.compat", compat), ("tensorflow.compat.v1", stand_in)):
        monkeypatch.setitem(sys.modules, name, module)
    found = importlib.import_module(f"tensorboard.plugins.{plugin}")
    if hasattr(found, "tf"):
        monkeypatch.setattr(found, "tf", stand_in)
    return found


def assert_same(ours: Summary, theirs: Any, *, tag: str | None = None) -> None:
    """See that a summary has the tags, metadata and tensors of theirs; tensors may be laid out otherwise.

    ``tag``: what theirs would be called in ours.
    """
    read = TheirSummary.FromString(ours.SerializeToString())
    assert [value.tag for value in read.value] == [value.tag if tag is None else tag for value in theirs.value]
    for our, their in zip(read.value, theirs.value, strict=True):
        expected = type(their.metadata).FromString(their.metadata.SerializeToString())
        assert our.metadata == expected
        assert our.tensor.dtype == their.tensor.dtype
        our_array, their_array = tensor_util.make_ndarray(our.tensor), tensor_util.make_ndarray(their.tensor)
        assert our_array.shape == their_array.shape
        assert (our_array == their_array).all()
