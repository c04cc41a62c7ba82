"""Graphs: what can be made a GraphDef, and what is refused."""

from typing import Any

import pytest

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import Event, GraphDef, NodeDef
from asyncsummary.values.graph import graph_bytes

GRAPH = GraphDef(node=[NodeDef(name="hi", op="NoOp")])


class Graph:
    """Looks like a tf.Graph."""

    def as_graph_def(self, add_shapes: bool) -> GraphDef:
        assert add_shapes
        return GRAPH


@pytest.mark.parametrize("graph", [GRAPH, GRAPH.SerializeToString(), bytearray(GRAPH.SerializeToString()), Graph(), "\n\n\n\2hi\x12\4NoOp"])
def test_graphs(graph: Any) -> None:
    """Messages, bytes, and what can make one."""
    assert graph_bytes(graph) == b"\n\n\n\2hi\x12\4NoOp"


def test_an_empty_graph() -> None:
    """Is a graph, and present in its event."""
    assert graph_bytes(b"") == b""
    assert Event(graph_def=b"").WhichOneof("what") == "graph_def"


@pytest.mark.parametrize(
    ("graph", "kind", "message"),
    [
        (b"\xff\xff", InvalidSummaryError, "no serialised GraphDef"),
        ("x", InvalidSummaryError, "no serialised GraphDef"),
        ("\ud800", InvalidSummaryError, "is no UTF-8"),
        (3, InvalidTypeError, "must be a GraphDef"),
        (None, InvalidTypeError, "must be a GraphDef"),
        (Event(), InvalidTypeError, "got a Event message"),
    ],
)
def test_refused(graph: Any, kind: type[Exception], message: str) -> None:
    """In words that name the argument."""
    with pytest.raises(kind, match=f"param: .*{message}"):
        graph_bytes(graph)
