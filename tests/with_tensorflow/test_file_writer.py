"""TensorFlow's own FileWriter and summary ops beside ours: the same calls, the same events."""

import asyncio
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError

import asyncsummary as summary
from asyncsummary.protos import Event
from tests.support.events import events_of
from tests.support.tensorflow import comparable, comparable_summary, load_tensorflow

tf = load_tensorflow()
v1 = tf.compat.v1

GRAPH = tf.Graph()
with GRAPH.as_default():
    tf.add(tf.constant([1.0, 2.0], name="x"), 1.0, name="y")


REFUSED = (TypeError, ValueError, AttributeError, DecodeError)


def message(tag: str, plugin: str = "") -> Any:
    metadata = v1.SummaryMetadata(plugin_data=v1.SummaryMetadata.PluginData(plugin_name=plugin)) if plugin else None
    return v1.Summary(value=[v1.Summary.Value(tag=tag, simple_value=0.1, metadata=metadata)])


CALLS: dict[str, list[tuple[str, tuple[Any, ...]]]] = {
    "summaries": [
        ("add_summary", (message("a"), 1)),
        ("add_summary", (message("a").SerializeToString(), 2)),
        ("add_summary", (message("b"),)),
        ("add_summary", (message("b"), None)),
        ("add_summary", (message("b"), 2.7)),
        ("add_summary", (message("b"), "8")),
        ("add_summary", (message("b"), -3)),
        ("add_summary", (message("b"), np.int64(9))),
    ],
    "metadata once": [
        ("add_summary", (message("a", "p"), 1)),
        ("add_summary", (message("a", "p"), 2)),
        ("add_summary", (message("b"), 1)),
        ("add_summary", (message("b", "p"), 2)),
    ],
    "events": [
        ("add_event", (v1.Event(wall_time=1.5, step=3, summary=message("a", "p")),)),
        ("add_event", (v1.Event(wall_time=2.5, step=4, summary=message("a", "p")),)),
    ],
    "session log": [
        ("add_session_log", (v1.SessionLog(status=v1.SessionLog.START), 1)),
        ("add_session_log", (v1.SessionLog(status=v1.SessionLog.CHECKPOINT, checkpoint_path="c"), 2)),
        ("add_session_log", (v1.SessionLog(status=v1.SessionLog.STOP, msg="m"),)),
    ],
    "run metadata": [
        ("add_run_metadata", (v1.RunMetadata(), "one", 1)),
        ("add_run_metadata", (v1.RunMetadata(), "two")),
    ],
    "graph_def": [("add_graph", (GRAPH.as_graph_def(), 5))],
    "meta graph": [("add_meta_graph", (v1.MetaGraphDef(graph_def=GRAPH.as_graph_def()), 5))],
}


async def both(tmp_path: Path, calls: list[tuple[str, tuple[Any, ...]]]) -> tuple[list[Event], list[Event]]:
    """Return the events of our FileWriter and of TensorFlow's."""

    def theirs() -> None:
        with warnings.catch_warnings(), v1.Graph().as_default(), v1.summary.FileWriter(str(tmp_path / "theirs")) as writer:
            warnings.simplefilter("ignore")
            for name, arguments in calls:
                getattr(writer, name)(*copied(arguments))

    await asyncio.to_thread(theirs)
    async with summary.FileWriter(tmp_path / "ours") as writer:
        for name, arguments in calls:
            await getattr(writer, name)(*copied(arguments))
    return events_of(tmp_path / "ours"), events_of(tmp_path / "theirs")


def copied(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arguments with messages copied, since TensorFlow's writer changes them."""
    return tuple(type(value).FromString(value.SerializeToString()) if hasattr(value, "SerializeToString") else value for value in arguments)


@pytest.mark.parametrize("name", CALLS)
async def test_file_writer(name: str, tmp_path: Path) -> None:
    """`FileWriter`: each `add_*`, steps of any form, metadata once per tag"""
    ours, theirs = await both(tmp_path, CALLS[name])
    assert len(ours) == len(CALLS[name]) + 1
    assert comparable(ours) == comparable(theirs)


@pytest.mark.parametrize("graph", [GRAPH, GRAPH.as_graph_def()], ids=["Graph", "GraphDef"])
async def test_graph(graph: Any, tmp_path: Path) -> None:
    """`FileWriter(graph=)`: the same GraphDef, then the same in a MetaGraphDef; `add_graph`: the GraphDef only"""
    with warnings.catch_warnings(), v1.Graph().as_default():
        warnings.simplefilter("ignore")
        with v1.summary.FileWriter(str(tmp_path / "theirs"), graph) as their_writer:
            their_writer.add_graph(graph, 5)
    async with summary.FileWriter(tmp_path / "ours", graph) as our_writer:
        await our_writer.add_graph(graph, 5)
    ours, theirs = events_of(tmp_path / "ours"), events_of(tmp_path / "theirs")
    assert [event.WhichOneof("what") for event in ours] == ["file_version", "graph_def", "meta_graph_def", "graph_def"]
    assert [event.WhichOneof("what") for event in theirs] == ["file_version", "graph_def", "meta_graph_def", "graph_def"]
    assert [event.step for event in ours] == [event.step for event in theirs] == [0, 0, 0, 5]
    parse = v1.GraphDef.FromString
    assert [parse(event.graph_def) for event in ours] == [parse(event.graph_def) for event in theirs]
    our_meta, their_meta = (v1.MetaGraphDef.FromString(events[2].meta_graph_def) for events in (ours, theirs))
    assert our_meta.graph_def == their_meta.graph_def


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("add_summary", ("x", 1), ""),
        ("add_summary", (None, 1), ""),
        ("add_summary", (b"\xff\xff", 1), ""),
        ("add_summary", (message("a"), "x"), ""),
        ("add_graph", ("x",), "The passed graph must be an instance of `Graph` or the deprecated `GraphDef`"),
        ("add_graph", (GRAPH, 1, GRAPH.as_graph_def()), "Please pass only graph, or graph_def (deprecated), but not both."),
        ("add_meta_graph", ("x",), "meta_graph_def must be type MetaGraphDef, saw type: <class 'str'>"),
    ],
)
async def test_bad_input(name: str, arguments: tuple[Any, ...], words: str, tmp_path: Path) -> None:
    """`FileWriter`: what both refuse, in the same words, and nothing is written"""
    with v1.Graph().as_default(), v1.summary.FileWriter(str(tmp_path / "theirs")) as their_writer, pytest.raises(REFUSED) as theirs:
        getattr(their_writer, name)(*arguments)
    assert words in str(theirs.value)
    async with summary.FileWriter(tmp_path / "ours") as our_writer:
        with pytest.raises(summary.InvalidSummaryError if name == "add_summary" else summary.InvalidArgumentError) as ours:
            await getattr(our_writer, name)(*arguments)
    assert words in str(ours.value)
    assert not (tmp_path / "ours").exists()


async def test_run_metadata_tags_are_used_once(tmp_path: Path) -> None:
    """`add_run_metadata`: a tag twice"""
    words = "The provided tag was already used for this event type"
    with v1.Graph().as_default(), v1.summary.FileWriter(str(tmp_path / "theirs")) as their_writer:
        their_writer.add_run_metadata(v1.RunMetadata(), "t")
        with pytest.raises(ValueError, match=words):
            their_writer.add_run_metadata(v1.RunMetadata(), "t")
    async with summary.FileWriter(tmp_path / "ours") as our_writer:
        await our_writer.add_run_metadata(v1.RunMetadata(), "t")
        with pytest.raises(ValueError, match=words):
            await our_writer.add_run_metadata(v1.RunMetadata(), "t")


async def test_closed_and_reopened(tmp_path: Path) -> None:
    """`FileWriter`: the warning after `close`, nothing written, and a new file after `reopen`"""
    words = "Attempting to use a closed FileWriter. The operation will be a noop unless the FileWriter is explicitly reopened."
    with v1.Graph().as_default():
        their_writer = v1.summary.FileWriter(str(tmp_path / "theirs"))
        their_writer.add_summary(message("a"), 1)
        their_writer.close()
        their_writer.close()
        with pytest.warns(UserWarning, match=words):
            their_writer.add_summary(message("a"), 2)
    our_writer = summary.FileWriter(tmp_path / "ours")
    await our_writer.add_summary(message("a"), 1)
    await our_writer.close()
    await our_writer.close()
    with pytest.warns(UserWarning, match=words):
        await our_writer.add_summary(message("a"), 2)
    assert comparable(events_of(tmp_path / "ours")) == comparable(events_of(tmp_path / "theirs"))
    await our_writer.reopen()
    await our_writer.add_summary(message("a"), 3)
    await our_writer.close()
    assert [event.step for event in events_of(tmp_path / "ours")] == [0, 1, 0, 3]


def test_nothing_is_made_before_the_first_event(tmp_path: Path) -> None:
    """`FileWriter`: a writer that writes nothing leaves no file"""
    with v1.Graph().as_default():
        v1.summary.FileWriter(str(tmp_path / "theirs")).close()
    asyncio.run(summary.FileWriter(tmp_path / "ours").close())
    assert [list((tmp_path / name).glob("*")) for name in ("ours", "theirs")] == [[], []]


def _theirs(define: Callable[[], Any]) -> bytes:
    """Return the merged summary of what is defined in a new TensorFlow graph."""
    with v1.Graph().as_default(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        define()
        merged = v1.summary.merge_all()
        with v1.Session() as session:
            data: bytes = session.run(merged)
    return data


async def _ours(define: Callable[[], Coroutine[Any, Any, None]]) -> bytes:
    with summary.Graph().as_default():
        await define()
        merged = summary.merge_all()
        assert merged is not None
        found = await summary.Session().run(merged)
    data: bytes = found.SerializeToString()
    return data


async def test_merged_scalars_and_names(tmp_path: Path) -> None:
    """`merge_all` in a graph: order, names made unique, families, name scopes"""

    def theirs() -> None:
        v1.summary.scalar("s", 1.0)
        v1.summary.scalar("s", 0.1)
        v1.summary.scalar("name", 3.0, family="fam")
        v1.summary.scalar("name", 3.0, family="fam")
        for _ in range(2):
            with v1.name_scope("scope"):
                v1.summary.scalar("in", 4.0)
        v1.summary.scalar("a.b/c", 5.0)

    async def ours() -> None:
        await summary.scalar("s", 1.0)
        await summary.scalar("s", 0.1)
        await summary.scalar("name", 3.0, family="fam")
        await summary.scalar("name", 3.0, family="fam")
        for _ in range(2):
            with summary.name_scope("scope"):
                await summary.scalar("in", 4.0)
        await summary.scalar("a.b/c", 5.0)

    assert comparable_summary(await _ours(ours)) == comparable_summary(await asyncio.to_thread(_theirs, theirs))


async def test_merged_kinds(tmp_path: Path) -> None:
    """`merge_all` in a graph: histograms, images and audio"""
    rng = np.random.default_rng(3)
    values, pixels = rng.normal(size=100).astype(np.float32), rng.random(size=(2, 4, 5, 3), dtype=np.float32)
    sound = rng.uniform(-1, 1, (1, 20)).astype(np.float32)

    def theirs() -> None:
        v1.summary.histogram("h", values)
        v1.summary.image("i", pixels)
        v1.summary.audio("a", sound, 8000, max_outputs=1)

    async def ours() -> None:
        await summary.histogram("h", values)
        await summary.image("i", pixels)
        await summary.audio("a", sound, 8000, 1)

    assert comparable_summary(await _ours(ours)) == comparable_summary(await asyncio.to_thread(_theirs, theirs))


async def test_merging_duplicates() -> None:
    """`merge_all`: a duplicate tag, in the same words"""
    words = "Duplicate tag q found in summary inputs"
    with v1.Graph().as_default():
        merged = v1.summary.merge([v1.constant(message("q").SerializeToString()) for _ in range(2)])
        with v1.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match=words):
            session.run(merged)
    with summary.Graph().as_default():
        await summary.scalar("a", 1.0, family="f")
        await summary.scalar("f/f/a", 1.0)
        with pytest.raises(summary.InvalidArgumentError, match=words.replace(" q ", " f/f/a ")):
            await summary.Session().run(summary.merge_all())


async def test_nothing_to_merge() -> None:
    """`merge_all`: None without summaries, and under a key that nothing is collected under"""
    with v1.Graph().as_default():
        assert v1.summary.merge_all() is None
        v1.summary.scalar("s", 1.0)
        assert v1.summary.merge_all("other") is None
    with summary.Graph().as_default():
        assert summary.merge_all() is None
        await summary.scalar("s", 1.0)
        assert summary.merge_all("other") is None
