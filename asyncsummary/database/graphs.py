"""How does a graph lie in a database, and back? A row for each node, a row for each of its inputs, and what is left of it. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import GraphDef, NodeDef

NodeRow = tuple[int, str, str, str, bytes]
"""node_id (its place in the graph), node_name, op, device, and the rest of the NodeDef."""
InputRow = tuple[int, int, int, int, int]
"""node_id, idx (which of its inputs), input_node_id, input_node_idx (which output of that), is_control."""


@dataclass(frozen=True, slots=True)
class GraphRows:
    """A graph: ``rest`` is the GraphDef without its nodes."""

    rest: bytes
    nodes: tuple[NodeRow, ...]
    inputs: tuple[InputRow, ...]


def graph_rows(data: bytes) -> GraphRows:
    """Return the rows of a serialised GraphDef.

    Raises:
        InvalidSummaryError: no GraphDef, two nodes of one name, or an input that is none: the original's words, and which node.
    """
    try:
        graph = GraphDef.FromString(data)
    except DecodeError as error:
        raise InvalidSummaryError(f"graph: these {len(data)} bytes are no serialised GraphDef: {error}") from error
    numbers: dict[str, int] = {}
    nodes: list[NodeRow] = []
    inputs: list[tuple[int, int, str]] = []
    for number, node in enumerate(graph.node):
        if node.name in numbers:
            raise InvalidSummaryError(f"graph: nodes {numbers[node.name]} and {number} have one name, {node.name!r}")
        numbers[node.name] = number
        inputs += [(number, index, name) for index, name in enumerate(node.input)]
        nodes.append((number, node.name, node.op, node.device, _rest_of(node)))
    del graph.node[:]
    found = tuple((number, index, *_input(name, numbers, nodes[number][1])) for number, index, name in inputs)
    return GraphRows(graph.SerializeToString(), tuple(nodes), found)


def graph_bytes_of(rest: bytes, nodes: Iterable[NodeRow], inputs: Iterable[InputRow]) -> bytes:
    """Return the serialised GraphDef of rows, which are in the order of node_id and idx."""
    graph = GraphDef.FromString(rest)
    rows = list(nodes)
    names = {number: name for number, name, *_ in rows}
    inputs_of: defaultdict[int, list[str]] = defaultdict(list)
    for number, _, source, output, is_control in inputs:
        name = names[source]
        inputs_of[number].append(f"^{name}" if is_control else f"{name}:{output}" if output else name)
    for number, name, op, device, node_rest in rows:
        node = graph.node.add()
        node.ParseFromString(node_rest or b"")
        node.name, node.op, node.device = name or "", op or "", device or ""
        node.input.extend(inputs_of[number])
    return graph.SerializeToString()


def _rest_of(node: NodeDef) -> bytes:
    rest = NodeDef()
    rest.CopyFrom(node)
    for field in ("name", "op", "device", "input"):
        rest.ClearField(field)
    return rest.SerializeToString()


def _input(text: str, numbers: dict[str, int], node: str) -> tuple[int, int, int]:
    """Return input_node_id, input_node_idx and is_control of "name", "name:2" or "^name"."""
    is_control = text.startswith("^")
    name, colon, output = text.removeprefix("^").partition(":")
    if colon and not (output.isascii() and output.isdigit() and len(output) < 10):
        raise InvalidSummaryError(f"graph: Bad NodeDef.input: {text} (of node {node!r})")
    if name not in numbers:
        raise InvalidSummaryError(f"graph: Could not find node: {name} (an input of node {node!r})")
    return numbers[name], int(output or 0), int(is_control)
