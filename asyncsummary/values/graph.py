"""Which bytes are a graph? Serialised GraphDefs, of messages of any library's making or as they are."""

from typing import Any

from google.protobuf.message import DecodeError, Message

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import GraphDef
from asyncsummary.values.given import utf8


def graph_bytes(graph: Any) -> bytes:
    """Return a serialised GraphDef: of a GraphDef message, of anything with ``as_graph_def`` (a tf.Graph), or of bytes.

    A tf.Graph is asked for its shapes, too. Empty bytes are an empty graph.

    Raises:
        InvalidTypeError: something else.
        InvalidSummaryError: bytes, or a str, that are no GraphDef.
    """
    if hasattr(graph, "as_graph_def"):
        graph = graph.as_graph_def(add_shapes=True)
    if isinstance(graph, Message):
        if graph.DESCRIPTOR.name != "GraphDef":
            raise InvalidTypeError(f"param: must be a GraphDef, got a {graph.DESCRIPTOR.name} message")
        return graph.SerializeToString()
    if isinstance(graph, str):
        graph = utf8(graph, "param")
    if not isinstance(graph, bytes | bytearray | memoryview):
        raise InvalidTypeError(f"param: must be a GraphDef, its bytes, or a graph that can make one, got {type(graph).__name__}")
    data = bytes(graph)
    try:
        GraphDef.FromString(data)
    except DecodeError as error:
        raise InvalidSummaryError(f"param: these {len(data)} bytes are no serialised GraphDef: {error}") from error
    return data
