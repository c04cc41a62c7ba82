"""Which graph is an ONNX model? Its operations, with their inputs, constants and shapes, as a GraphDef.

The file is read by messages of our own, so that no other package is needed: of onnx.proto only what is looked at. Operations keep their
names, without the slash that exporters put before them; those without one are called by their first output.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError, Message

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.schema import messages

_ONNX = messages(
    "asyncsummary.onnx",
    {
        "Model": {"graph": "7 Graph"},
        "Graph": {"node": "1 Node *", "name": "2 string", "initializer": "5 Tensor *", "input": "11 Value *", "output": "12 Value *"},
        "Node": {"input": "1 string *", "output": "2 string *", "name": "3 string", "op_type": "4 string", "attribute": "5 Attribute *"},
        "Attribute": {
            "name": "1 string",
            "f": "2 float",
            "i": "3 int64",
            "s": "4 bytes",
            "floats": "7 float *",
            "ints": "8 int64 *",
            "strings": "9 bytes *",
            "type": "20 int32",
        },
        "Tensor": {"dims": "1 int64 *", "data_type": "2 int32", "name": "8 string"},
        "Value": {"name": "1 string", "type": "2 Type"},
        "Type": {"tensor_type": "1 TensorType"},
        "TensorType": {"elem_type": "1 int32", "shape": "2 Shape"},
        "Shape": {"dim": "1 Dimension *"},
        "Dimension": {"dim_value": "1 int64 |value", "dim_param": "2 string |value"},
    },
)
_GRAPH = messages(
    "asyncsummary.graph",
    {
        "GraphDef": {"node": "1 NodeDef *", "versions": "4 Versions"},
        "Versions": {"producer": "1 int32"},
        "NodeDef": {"name": "1 string", "op": "2 string", "input": "3 string *", "attr": "5 Entry *"},
        "Entry": {"key": "1 string", "value": "2 Attr"},
        "Attr": {"s": "2 bytes |value", "type": "6 int32 |value", "shape": "7 Shape |value"},
        "Shape": {"dim": "2 Dim *"},
        "Dim": {"size": "1 int64"},
    },
)
_FIELDS = {1: "f", 2: "i", 3: "s", 6: "floats", 7: "ints", 8: "strings"}
"""Of an attribute, by its type; tensors and graphs are not shown."""
# ONNX's TensorProto.DataType to TensorFlow's DataType.
_TYPES = {1: 1, 2: 4, 3: 6, 4: 17, 5: 5, 6: 3, 7: 9, 8: 7, 9: 10, 10: 19, 11: 2, 12: 22, 13: 23, 14: 8, 15: 18, 16: 14}
_LONGEST_ATTRIBUTE = 200
_PRODUCER = 22  # of GraphDefs that no TensorFlow has made


def onnx_graph_bytes(model: Any) -> bytes:
    """Return an ONNX model as a serialised GraphDef: of a path, a ModelProto, or its bytes. May read a file.

    Raises:
        InvalidTypeError: something else.
        InvalidSummaryError: no file, or none of ONNX.
    """
    found = _ONNX["Model"]()
    data = _bytes(model)
    try:
        found.ParseFromString(data)
    except DecodeError as error:
        raise InvalidSummaryError(f"model: these {len(data)} bytes are no ONNX model: {error}") from error
    if not found.graph.node:
        raise InvalidSummaryError(f"model: these {len(data)} bytes are an ONNX model without operations, or none")
    return _graph_def(found.graph)


def _bytes(model: Any) -> bytes:
    if isinstance(model, bytes | bytearray | memoryview):
        return bytes(model)
    if isinstance(model, Message) and model.DESCRIPTOR.name == "ModelProto":
        return model.SerializeToString()
    if not isinstance(model, str | os.PathLike):
        raise InvalidTypeError(f"model: must be a path, an ONNX ModelProto or its bytes, got {type(model).__name__}")
    try:
        return Path(model).read_bytes()
    except OSError as error:
        raise InvalidSummaryError(f"model: {os.fspath(model)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidSummaryError(f"model: {os.fspath(model)!r} is no path: {error}") from error


def _graph_def(graph: Any) -> bytes:
    taken: set[str] = set()
    places: dict[str, str] = {}  # of each tensor, the node that makes it, as an input names it
    nodes = []
    constants = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        if value.name not in constants:
            places[value.name] = name = _unique(value.name, taken)
            kind = value.type.tensor_type
            nodes.append(_node(name, "Placeholder", [], _typed(kind.elem_type, (dim.dim_value or -1 for dim in kind.shape.dim))))
    for tensor in graph.initializer:
        places[tensor.name] = name = _unique(tensor.name, taken)
        nodes.append(_node(name, "Const", [], _typed(tensor.data_type, tensor.dims)))
    names = [_unique(node.name or next(iter(node.output), node.op_type), taken) for node in graph.node]
    for name, node in zip(names, graph.node, strict=True):
        places.update({output: name if not index else f"{name}:{index}" for index, output in enumerate(node.output)})
    for name, node in zip(names, graph.node, strict=True):
        attributes = [_entry(attribute.name, s=_shown(attribute)) for attribute in node.attribute if attribute.type in _FIELDS]
        nodes.append(_node(name, node.op_type, [places[tensor] for tensor in node.input if tensor in places], attributes))
    for value in graph.output:
        inputs = [places[value.name]] if value.name in places else []
        kind = value.type.tensor_type
        attributes = _typed(kind.elem_type, (dim.dim_value or -1 for dim in kind.shape.dim))
        nodes.append(_node(_unique(f"outputs/{value.name.lstrip('/')}", taken), "Identity", inputs, attributes))
    made: bytes = _GRAPH["GraphDef"](node=nodes, versions=_GRAPH["Versions"](producer=_PRODUCER)).SerializeToString()
    return made


def _node(name: str, op: str, inputs: list[str], attributes: list[Any]) -> Any:
    return _GRAPH["NodeDef"](name=name, op=op, input=inputs, attr=attributes)


def _typed(data_type: int, sizes: Iterable[int]) -> list[Any]:
    shape = _GRAPH["Shape"](dim=[_GRAPH["Dim"](size=size) for size in sizes])
    return [_entry("dtype", type=_TYPES.get(data_type, 0)), _entry("shape", shape=shape)]


def _entry(key: str, **value: Any) -> Any:
    return _GRAPH["Entry"](key=key, value=_GRAPH["Attr"](**value))


def _shown(attribute: Any) -> bytes:
    """Return the value of an attribute as it is shown."""
    value = getattr(attribute, _FIELDS[attribute.type])
    if isinstance(value, bytes):
        return value[:_LONGEST_ATTRIBUTE]
    if isinstance(value, int | float):
        return f"{value:g}".encode() if isinstance(value, float) else str(value).encode()
    items = [item.decode("utf-8", "replace") if isinstance(item, bytes) else f"{item:g}" for item in value]
    return f"[{', '.join(items)}]".encode()[:_LONGEST_ATTRIBUTE]


def _unique(name: str, taken: set[str]) -> str:
    """Return a name that was not used before; slashes make scopes, so there is none at the beginning."""
    plain = name.replace(":", "_").lstrip("/") or "unnamed"
    found, count = plain, 0
    while found in taken:
        count += 1
        found = f"{plain}_{count}"
    taken.add(found)
    return found
