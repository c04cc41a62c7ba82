"""What does TF1's FileWriter make of the messages it is given? Events, with a tag's metadata in its first summary only. Pure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import DecodeError, Message

from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.protos import Event, MetaGraphDef, RunMetadata, SessionLog, Summary, TaggedRunMetadata
from asyncsummary.steps import as_step
from asyncsummary.values.given import typed, utf8
from asyncsummary.values.graph import graph_bytes


def legacy_step(global_step: Any) -> int:
    """Return ``int(global_step)``, 0 (which is not written) for None. A fraction is cut off and '8' is 8, as in the original.

    Raises:
        InvalidArgumentError: not a number, or out of int64.
    """
    if global_step is None:
        return 0
    try:
        number = int(global_step)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidTypeError(f"global_step: must be an integer, got {shown(global_step)}") from error
    return as_step(number, None, "global_step")


def message_bytes(message: Any, kind: str, argument: str) -> bytes:
    """Return the bytes of a message of that kind, of any library's making, or of its serialised form.

    Raises:
        InvalidTypeError: something else.
    """
    if isinstance(message, Message) and message.DESCRIPTOR.name == kind:
        return message.SerializeToString()
    if isinstance(message, bytes | bytearray | memoryview):
        return bytes(message)
    raise InvalidTypeError(f"{argument}: must be a {kind} message or its bytes, got {type(message).__name__}")


@contextmanager
def used(tags: set[str], seen: set[str]) -> Iterator[Callable[[bool], None]]:
    """Let tags be seen from now on; no longer if what uses them is not accepted: it raises, or the caller is told False."""
    seen |= tags
    accepted = False

    def note(was_accepted: bool) -> None:
        nonlocal accepted
        accepted = was_accepted

    try:
        yield note
    finally:
        if not accepted:
            seen -= tags


def summary_event(summary: Any, seen_tags: set[str], wall_time: float, global_step: Any) -> tuple[bytes, set[str]]:
    """Return the Event of a Summary, and those of its tags that were not seen before; metadata of others are left out.

    The summary itself stays as it is.

    A tag counts as seen even if its first value had no metadata, as in the original.

    Raises:
        InvalidSummaryError: bytes that are no Summary.
    """
    data = message_bytes(summary, "Summary", "summary")
    try:
        copy = Summary.FromString(data)
    except DecodeError as error:
        raise InvalidSummaryError(f"summary: these {len(data)} bytes are no serialised Summary: {error}") from error
    event = Event(wall_time=wall_time, step=legacy_step(global_step), summary=copy)
    new: set[str] = set()
    for value in event.summary.value:
        if value.tag in seen_tags or value.tag in new:
            value.ClearField("metadata")
        else:
            new.add(value.tag)
    return event.SerializeToString(), new


def session_log_event(session_log: Any, wall_time: float, global_step: Any) -> bytes:
    """Return the Event of a SessionLog.

    Raises:
        InvalidSummaryError: bytes that are no SessionLog.
    """
    data = message_bytes(session_log, "SessionLog", "session_log")
    try:
        log = SessionLog.FromString(data)
    except DecodeError as error:
        raise InvalidSummaryError(f"session_log: these {len(data)} bytes are no serialised SessionLog: {error}") from error
    return Event(wall_time=wall_time, step=legacy_step(global_step), session_log=log).SerializeToString()


def run_metadata_event(run_metadata: Any, tag: Any, used_tags: set[str], wall_time: float, global_step: Any) -> bytes:
    """Return the Event of a RunMetadata under a tag that was not used before.

    Raises:
        InvalidArgumentError: the tag was used, or is no str.
        InvalidSummaryError: a tag that has no UTF-8, or bytes that are no message.
    """
    if not isinstance(tag, str):
        raise InvalidTypeError(f"tag: must be a str, got {typed(tag)}", tag)
    utf8(tag, "tag")
    if tag in used_tags:
        raise InvalidArgumentError(f"tag {tag!r}: The provided tag was already used for this event type")
    data = message_bytes(run_metadata, "RunMetadata", "run_metadata")
    try:
        RunMetadata.FromString(data)
    except DecodeError as error:
        raise InvalidSummaryError(f"run_metadata of tag {tag!r}: these {len(data)} bytes are no RunMetadata: {error}", tag) from error
    tagged = TaggedRunMetadata(tag=tag, run_metadata=data)
    return Event(wall_time=wall_time, step=legacy_step(global_step), tagged_run_metadata=tagged).SerializeToString()


def graph_event(graph: Any, graph_def: Any, wall_time: float, global_step: Any) -> bytes:
    """Return the Event of a graph.

    Raises:
        InvalidArgumentError: both are given, or neither can be used.
    """
    data = _graph_bytes(graph, graph_def)
    return Event(wall_time=wall_time, step=legacy_step(global_step), graph_def=data).SerializeToString()


def first_events(graph: Any, graph_def: Any, wall_time: float) -> list[bytes]:
    """Return the Events of the graph that a FileWriter begins with: its GraphDef, then a MetaGraphDef that holds it.

    Raises:
        InvalidArgumentError: as ``graph_event``.
    """
    data = _graph_bytes(graph, graph_def)
    meta = MetaGraphDef(graph_def=data).SerializeToString()
    return [
        Event(wall_time=wall_time, graph_def=data).SerializeToString(),
        Event(wall_time=wall_time, meta_graph_def=meta).SerializeToString(),
    ]


def _graph_bytes(graph: Any, graph_def: Any) -> bytes:
    if graph is not None and graph_def is not None:
        raise InvalidArgumentError("graph_def: Please pass only graph, or graph_def (deprecated), but not both.")
    given = graph if graph is not None else graph_def
    words = "graph: The passed graph must be an instance of `Graph` or the deprecated `GraphDef`"
    if isinstance(given, str):
        raise InvalidTypeError(words)
    try:
        return graph_bytes(given)
    except InvalidTypeError as error:
        raise InvalidTypeError(words) from error


def meta_graph_event(meta_graph_def: Any, wall_time: float, global_step: Any) -> bytes:
    """Return the Event of a MetaGraphDef.

    Raises:
        InvalidTypeError: another type.
    """
    if not isinstance(meta_graph_def, Message) or meta_graph_def.DESCRIPTOR.name != "MetaGraphDef":
        raise InvalidTypeError(f"meta_graph_def: meta_graph_def must be type MetaGraphDef, saw type: {type(meta_graph_def)}")
    data = meta_graph_def.SerializeToString()
    return Event(wall_time=wall_time, step=legacy_step(global_step), meta_graph_def=data).SerializeToString()
