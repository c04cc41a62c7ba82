"""Graphs as rows, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.database.graphs import graph_bytes_of, graph_rows
from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import GraphDef, NodeDef

VERSIONS = b'"\x02\x08\x15'
ATTRIBUTE = b"*\x07\n\x01a\x12\x02\x18\x03"


def graph(*nodes: NodeDef) -> bytes:
    return GraphDef(node=nodes).SerializeToString() + VERSIONS


def test_inputs() -> None:
    """x, y:1 and ^z, as TensorFlow's own test has them."""
    add = NodeDef.FromString(ATTRIBUTE)
    add.name, add.op, add.device = "add", "Add", "/cpu:0"
    add.input.extend(["x", "y:1", "^z"])
    rows = graph_rows(graph(NodeDef(name="x", op="A"), NodeDef(name="y", op="A"), NodeDef(name="z", op="NoOp"), add))
    assert rows.rest == VERSIONS
    assert rows.nodes == ((0, "x", "A", "", b""), (1, "y", "A", "", b""), (2, "z", "NoOp", "", b""), (3, "add", "Add", "/cpu:0", ATTRIBUTE))
    assert rows.inputs == ((3, 0, 0, 0, 0), (3, 1, 1, 1, 0), (3, 2, 2, 0, 1))


def test_an_input_that_comes_later() -> None:
    """Loops are what graphs have."""
    rows = graph_rows(graph(NodeDef(name="a", input=["b"]), NodeDef(name="b", input=["a:2"])))
    assert rows.inputs == ((0, 0, 1, 0, 0), (1, 0, 0, 2, 0))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([NodeDef(name="a", input=["missing"])], "Could not find node: missing .*'a'"),
        ([NodeDef(name="a", input=["^missing"])], "Could not find node: missing"),
        ([NodeDef(name="a", input=["a:x"])], "Bad NodeDef.input: a:x .*'a'"),
        ([NodeDef(name="a", input=["a:-1"])], "Bad NodeDef.input: a:-1"),
        ([NodeDef(name="a", input=["a:99999999999999999999"])], "Bad NodeDef.input"),
        ([NodeDef(name="a"), NodeDef(name="a")], "nodes 0 and 1 have one name, 'a'"),
    ],
)
def test_what_is_no_graph(nodes: list[NodeDef], message: str) -> None:
    """Is told in the original's words, and which node it is."""
    with pytest.raises(InvalidSummaryError, match=message):
        graph_rows(graph(*nodes))


def test_what_is_no_message() -> None:
    """Is told, too."""
    with pytest.raises(InvalidSummaryError, match="3 bytes are no serialised GraphDef"):
        graph_rows(b"\n\xff\xff")


@given(st.data())
def test_there_and_back(data: st.DataObject) -> None:
    """Any graph comes back as it was."""
    names = data.draw(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters=":^"), min_size=1, max_size=5), unique=True, max_size=6)
    )
    inputs = st.lists(st.tuples(st.sampled_from(["{}", "^{}", "{}:1", "{}:27"]), st.sampled_from(names or ["a"])), max_size=4)
    nodes = [
        NodeDef(name=name, op=data.draw(st.sampled_from(["", "Add"])), input=[form.format(of) for form, of in data.draw(inputs)])
        for name in names
    ]
    rows = graph_rows(graph(*nodes))
    assert GraphDef.FromString(graph_bytes_of(rows.rest, rows.nodes, rows.inputs)) == GraphDef.FromString(graph(*nodes))


def test_an_empty_graph() -> None:
    """Is one."""
    assert graph_rows(b"") == graph_rows(graph_bytes_of(b"", [], []))
