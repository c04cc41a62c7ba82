"""Graphs of models: Keras configurations and ONNX files as TensorBoard gets them, and what is refused. torch is in tests/with_torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tensorboard.compat.proto import graph_pb2
from tensorboard.plugins.graph import keras_util

from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError, InvalidTypeError
from asyncsummary.values.keras import keras_content
from asyncsummary.values.onnx import onnx_graph_bytes
from asyncsummary.values.torch_graph import torch_graph_bytes

messages: Any = graph_pb2  # made at run time, so that type checkers know nothing of it
CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "sequential",
        "layers": [
            {"class_name": "Dense", "config": {"name": "dense", "dtype": "float32", "units": 4}},
            {"class_name": "Activation", "config": {"name": "relu", "dtype": "float32", "activation": "relu"}},
        ],
    },
}


class Model:
    """Something like a Keras model."""

    def __init__(self, config: Any) -> None:
        self._config = config

    def to_json(self) -> str:
        if self._config is None:
            raise NotImplementedError("this model is code")
        return json.dumps(self._config)


@pytest.mark.parametrize("model", [CONFIG, json.dumps(CONFIG), json.dumps(CONFIG).encode(), Model(CONFIG)])
def test_a_keras_model(model: Any) -> None:
    """Is its configuration, in the form of tf.summary, and TensorBoard makes a graph of it."""
    (value,) = keras_content(model, "t").summary().value
    assert (value.metadata.plugin_data.plugin_name, value.metadata.plugin_data.content) == ("graph_keras_model", b"1")
    graph = keras_util.keras_model_to_graph_def(json.loads(value.tensor.string_val[0]))
    assert [(node.name, list(node.input)) for node in graph.node] == [("sequential/dense", []), ("sequential/relu", ["sequential/dense"])]


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        (5, InvalidTypeError, "model of tag 't': must be a Keras model, or its configuration, got int"),
        (Model(None), InvalidSummaryError, "model of tag 't': has no configuration: this model is code"),
        ("no json", InvalidSummaryError, "model of tag 't': is no JSON"),
        ("[1]", InvalidSummaryError, "its JSON configures no layers"),
        ({"config": {"layers": [5]}}, InvalidSummaryError, "its JSON configures no layers"),
        (json.dumps(CONFIG).replace("relu", "\ud800"), InvalidSummaryError, "model of tag 't': .* is no UTF-8"),
        ({"config": object()}, InvalidSummaryError, "cannot be written as JSON"),
    ],
)
def test_what_is_no_keras_model(model: Any, kind: type[InvalidSummaryError], message: str) -> None:
    """With the reason."""
    with pytest.raises(kind, match=message):
        keras_content(model, "t")


def classifier() -> onnx.ModelProto:
    """Return a small model, as exporters name things."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["/conv/out"], name="/conv/Conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1], auto_pad="NOTSET"),
        helper.make_node("Split", ["/conv/out"], ["a", "b"], axis=1),
        helper.make_node("Add", ["a", "b"], ["y"], name="/Add"),
        helper.make_node("LeakyRelu", ["y"], ["z"], name="/Add", alpha=0.25),
    ]
    shape: list[str | int | None] = ["batch", 3, 8, 8]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.zeros((6, 3, 3, 3), np.float32), "w")],
    )
    return helper.make_model(graph)


@pytest.mark.parametrize("form", ["message", "bytes", "path", "str"])
def test_an_onnx_model(form: str, tmp_path: Path) -> None:
    """Has its operations, each with a name of its own, fed by those that make its inputs."""
    model = classifier()
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    given: Any = {"message": model, "bytes": model.SerializeToString(), "path": path, "str": str(path)}[form]
    graph = messages.GraphDef.FromString(onnx_graph_bytes(given))
    assert [(node.name, node.op, list(node.input)) for node in graph.node] == [
        ("x", "Placeholder", []),
        ("w", "Const", []),
        ("conv/Conv", "Conv", ["x", "w"]),
        ("a", "Split", ["conv/Conv"]),
        ("Add", "Add", ["a", "a:1"]),
        ("Add_1", "LeakyRelu", ["Add"]),
        ("outputs/z", "Identity", ["Add_1"]),
    ]
    attributes = {node.name: node.attr for node in graph.node}
    assert [dim.size for dim in attributes["x"]["shape"].shape.dim] == [-1, 3, 8, 8]
    assert attributes["w"]["dtype"].type == 1
    assert [attributes["conv/Conv"][name].s for name in ("kernel_shape", "auto_pad")] == [b"[3, 3]", b"NOTSET"]
    assert (attributes["a"]["axis"].s, attributes["Add_1"]["alpha"].s) == (b"1", b"0.25")


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        (5, InvalidTypeError, "model: must be a path, an ONNX ModelProto or its bytes, got int"),
        (b"\xff\xff", InvalidSummaryError, "these 2 bytes are no ONNX model"),
        (b"", InvalidSummaryError, "without operations"),
        ("\ud800", InvalidSummaryError, "is no path"),
        ("a\0b", InvalidSummaryError, "is no path: embedded null byte"),
        ("no such file", InvalidSummaryError, "'no such file' cannot be read: No such file"),
    ],
)
def test_what_is_no_onnx_model(model: Any, kind: type[InvalidSummaryError], message: str) -> None:
    """With the reason."""
    with pytest.raises(kind, match=message):
        onnx_graph_bytes(model)


def test_what_is_no_torch_module() -> None:
    """Is refused also where there is no torch."""
    with pytest.raises(InvalidArgumentError, match=r"model: must be a torch.nn.Module, got int"):
        torch_graph_bytes(5, None)
