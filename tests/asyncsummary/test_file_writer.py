"""TF1's FileWriter with await: lazily made files, metadata once, and its errors."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.compat.proto import event_pb2, summary_pb2

import asyncsummary as summary
from asyncsummary.protos import (
    START,
    Event,
    GraphDef,
    MetaGraphDef,
    NodeDef,
    PluginData,
    SessionLog,
    Summary,
    SummaryMetadata,
    Value,
)
from tests.support.events import events_of

theirs: Any = summary_pb2  # made at run time, so that type checkers know nothing of it
METADATA = SummaryMetadata(plugin_data=PluginData(plugin_name="p"))
GRAPH = GraphDef(node=[NodeDef(name="hi", op="NoOp")])


class TFGraph:
    """Looks like a tf.Graph."""

    def as_graph_def(self, add_shapes: bool) -> GraphDef:
        return GRAPH


def one(tag: str, metadata: SummaryMetadata | None = None) -> Summary:
    return Summary(value=[Value(tag=tag, simple_value=1.0, metadata=metadata)])


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[summary.FileWriter]:
    async with summary.FileWriter(tmp_path) as made:
        yield made


async def test_the_file_is_made_with_the_first_event(tmp_path: Path) -> None:
    """A writer that writes nothing leaves none; a file begins with its version, and nothing else that was not asked for."""
    async with summary.FileWriter(tmp_path / "run") as writer:
        await writer.flush()
    assert list(tmp_path.iterdir()) == []
    async with summary.FileWriter(tmp_path / "run") as writer:
        await writer.add_summary(one("a"), 3)
    (path,) = (tmp_path / "run").iterdir()
    assert not path.name.endswith(".v2")
    version, event = events_of(tmp_path / "run")
    assert version.file_version == "brain.Event:2"
    assert (event.step, event.summary.value[0].tag) == (3, "a")
    assert event.wall_time > 1e9


async def test_the_first_event_is_written_at_once(writer: summary.FileWriter) -> None:
    """Then ten wait, and the eleventh takes them along."""
    await writer.add_summary(one("a"), 1)
    while writer.stats.committed < 1:
        await asyncio.sleep(0)
    for step in range(2, 12):
        await writer.add_summary(one("a"), step)
        await asyncio.sleep(0)
    assert writer.stats.appends == 2  # the version, and the first event
    await writer.add_summary(one("a"), 12)
    while writer.stats.committed < 12:
        await asyncio.sleep(0)
    assert writer.stats.appends == 3


@pytest.mark.parametrize(("step", "number"), [(None, 0), (7, 7), (2.7, 2), ("8", 8), (summary.GlobalStep(9), 9), (-1, -1)])
async def test_steps(step: Any, number: int, writer: summary.FileWriter, tmp_path: Path) -> None:
    """What int() makes of it."""
    await writer.add_summary(one("a"), step)
    await writer.flush()
    assert events_of(tmp_path)[1].step == number


@pytest.mark.parametrize("step", ["x", [1, 2], 2**63, float("nan"), object()])
async def test_bad_steps(step: Any, writer: summary.FileWriter) -> None:
    """Are refused by name, and nothing is written."""
    with pytest.raises(summary.InvalidArgumentError, match="global_step: "):
        await writer.add_summary(one("a"), step)
    assert writer.stats.accepted == 0


async def test_any_librarys_summaries(writer: summary.FileWriter, tmp_path: Path) -> None:
    """TensorBoard's messages, ours, and bytes of either."""
    message = theirs.Summary(value=[theirs.Summary.Value(tag="theirs", simple_value=2.0)])
    for given in (message, message.SerializeToString(), one("ours")):
        await writer.add_summary(given)
    await writer.flush()
    assert [event.summary.value[0].tag for event in events_of(tmp_path)[1:]] == ["theirs", "theirs", "ours"]


@pytest.mark.parametrize("given", ["text", None, (one("a"),), Event(), 3, b"\xff\xff"])
async def test_what_is_no_summary(given: Any, writer: summary.FileWriter) -> None:
    """Is refused by name."""
    with pytest.raises(summary.InvalidSummaryError, match="summary: "):
        await writer.add_summary(given)


async def test_metadata_once(writer: summary.FileWriter, tmp_path: Path) -> None:
    """With a tag's first summary only, even if that had none; the caller's message stays as it is."""
    given = one("a", METADATA)
    for message in (given, given, one("late"), one("late", METADATA)):
        await writer.add_summary(message)
    assert given == one("a", METADATA)
    await writer.add_event(Event(wall_time=1.0, summary=given))
    await writer.flush()
    values = [event.summary.value[0] for event in events_of(tmp_path)[1:]]
    assert [value.HasField("metadata") for value in values] == [True, False, False, False, True]


async def test_events(writer: summary.FileWriter, tmp_path: Path) -> None:
    """Go in as they are."""
    message: Any = event_pb2
    event = message.Event(wall_time=12.5, step=4, file_version="x")
    await writer.add_event(event)
    await writer.flush()
    assert events_of(tmp_path)[1].SerializeToString() == event.SerializeToString()
    with pytest.raises(summary.InvalidSummaryError, match="event: "):
        await writer.add_event("x")


async def test_session_logs(writer: summary.FileWriter, tmp_path: Path) -> None:
    """At their step."""
    await writer.add_session_log(SessionLog(status=START), 5)
    await writer.flush()
    event = events_of(tmp_path)[1]
    assert (event.step, event.session_log.status) == (5, START)
    with pytest.raises(summary.InvalidSummaryError, match="session_log: "):
        await writer.add_session_log("START")
    with pytest.raises(summary.InvalidSummaryError, match="session_log: these 2 bytes are no serialised SessionLog"):
        await writer.add_session_log(b"\xff\xff")


async def test_metadata_of_what_was_not_accepted(tmp_path: Path) -> None:
    """Comes with the tag's next summary; a tag of run metadata is not used up either."""
    blocked = tmp_path / "run"
    blocked.write_text("a file where the folder should be")
    writer = summary.FileWriter(blocked, retry_seconds=0.2)
    for call in (writer.add_summary(one("t", METADATA), 1), writer.add_run_metadata(b"", "step1", 1)):
        with pytest.raises(summary.OpenError):
            await call
    blocked.unlink()
    await writer.add_summary(one("t", METADATA), 1)
    await writer.add_summary(one("t", METADATA), 2)
    await writer.add_run_metadata(b"", "step1", 1)
    await writer.close()
    events = events_of(blocked)
    assert [value.HasField("metadata") for event in events for value in event.summary.value] == [True, False]
    assert [event.tagged_run_metadata.tag for event in events if event.HasField("tagged_run_metadata")] == ["step1"]


async def test_metadata_of_what_was_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, where the overflow policy says so."""

    async def dropped(*arguments: object) -> bool:
        return False

    async with summary.FileWriter(tmp_path) as writer:
        with monkeypatch.context() as patched:
            patched.setattr("asyncsummary.resource.WriterResource.event", dropped)
            await writer.add_summary(one("t", METADATA), 1)
        await writer.add_summary(one("t", METADATA), 2)
    assert [value.HasField("metadata") for event in events_of(tmp_path) for value in event.summary.value] == [True]


async def test_run_metadata(writer: summary.FileWriter, tmp_path: Path) -> None:
    """Once per tag; a tag whose message could not be written is not used up."""
    with pytest.raises(summary.InvalidSummaryError, match="run_metadata: "):
        await writer.add_run_metadata("no message", "step1", 1)
    await writer.add_run_metadata(b"\n\0", "step1", 1)
    with pytest.raises(ValueError, match="The provided tag was already used for this event type"):
        await writer.add_run_metadata(b"", "step1", 2)
    with pytest.raises(TypeError, match="tag: "):
        await writer.add_run_metadata(b"", 3)  # type: ignore[arg-type]  # a user's mistake
    for junk in (b"\xff\xff", b"\0\0"):
        with pytest.raises(summary.InvalidSummaryError, match="run_metadata of tag 'step2': these 2 bytes are no RunMetadata"):
            await writer.add_run_metadata(junk, "step2", 2)
    with pytest.raises(summary.InvalidSummaryError, match=r"tag: '\\ud800' is no UTF-8"):
        await writer.add_run_metadata(b"", "\ud800", 2)
    await writer.flush()
    tagged = events_of(tmp_path)[1].tagged_run_metadata
    assert (tagged.tag, tagged.run_metadata) == ("step1", b"\n\0")


async def test_graphs(writer: summary.FileWriter, tmp_path: Path) -> None:
    """Of a GraphDef and of a graph, its GraphDef."""
    await writer.add_graph(None, 1, graph_def=GRAPH)
    await writer.add_graph(TFGraph(), 2)
    await writer.add_meta_graph(MetaGraphDef(graph_def=b"x"), 3)
    with pytest.raises(ValueError, match="Please pass only graph, or graph_def"):
        await writer.add_graph(GRAPH, graph_def=GRAPH)
    for wrong in (None, 3, "x"):
        with pytest.raises(TypeError, match="The passed graph must be an instance of `Graph` or the deprecated `GraphDef`"):
            await writer.add_graph(wrong)
    with pytest.raises(TypeError, match="meta_graph_def must be type MetaGraphDef, saw type"):
        await writer.add_meta_graph(b"x")
    await writer.flush()
    found = [(event.step, event.WhichOneof("what")) for event in events_of(tmp_path)[1:]]
    assert found == [(1, "graph_def"), (2, "graph_def"), (3, "meta_graph_def")]


async def test_a_graph_for_the_constructor(tmp_path: Path) -> None:
    """Is written first, at step 0, and then a MetaGraphDef that holds it; also when nothing else is."""
    async with summary.FileWriter(tmp_path / "a", TFGraph()) as writer:
        await writer.add_summary(one("a"), 1)
    assert [event.WhichOneof("what") for event in events_of(tmp_path / "a")[1:]] == ["graph_def", "meta_graph_def", "summary"]
    async with summary.FileWriter(tmp_path / "b", graph_def=GRAPH):
        pass
    graph, meta = events_of(tmp_path / "b")[1:]
    assert graph.graph_def == GRAPH.SerializeToString()
    assert MetaGraphDef.FromString(meta.meta_graph_def).graph_def == graph.graph_def
    assert (graph.step, meta.step) == (0, 0)


async def test_closed(tmp_path: Path) -> None:
    """Everything is a warning and does nothing, until it is reopened; the next event then begins a new file."""
    writer = summary.FileWriter(tmp_path)
    await writer.add_summary(one("a"), 1)
    await writer.close()
    await writer.close()
    for call in (writer.add_summary(one("a")), writer.add_event(b""), writer.add_graph(GRAPH), writer.flush()):
        with pytest.warns(UserWarning, match="Attempting to use a closed FileWriter"):
            await call
    await writer.reopen()
    assert len(list(tmp_path.iterdir())) == 1
    await writer.add_summary(one("a"), 2)
    await writer.reopen()
    await writer.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert [event.step for event in events_of(tmp_path) if event.summary.value] == [1, 2]


async def test_flushed_after_it_was_reopened(tmp_path: Path) -> None:
    """A flush begins no file, the next event does; what comes then is flushed."""
    writer = summary.FileWriter(tmp_path)
    await writer.add_summary(one("a"), 1)
    await writer.close()
    await writer.reopen()
    await writer.flush()
    assert len(list(tmp_path.iterdir())) == 1
    await writer.add_summary(one("a"), 2)
    await writer.add_summary(one("a"), 3)
    await writer.flush()
    assert [event.step for event in events_of(tmp_path) if event.summary.value] == [1, 2, 3]
    await writer.reopen()  # it is open
    await writer.close()
    assert len(list(tmp_path.iterdir())) == 2


async def test_many_tasks(tmp_path: Path) -> None:
    """Each event once."""
    async with summary.FileWriter(tmp_path, max_queue=0) as writer:
        await asyncio.gather(*(writer.add_summary(one("a"), step) for step in range(50)))
    assert sorted(event.step for event in events_of(tmp_path)[1:]) == list(range(50))


async def test_arguments(tmp_path: Path) -> None:
    """A suffix, the logdir, and a name to print."""
    async with summary.FileWriter(tmp_path, filename_suffix="-mine") as writer:
        await writer.add_summary(one("a"))
    (path,) = tmp_path.iterdir()
    assert path.name.endswith("-mine")
    assert writer.get_logdir() == str(tmp_path)
    assert str(tmp_path) in repr(writer)
    with pytest.raises(summary.InvalidArgumentError, match="max_queue"):
        summary.FileWriter(tmp_path, max_queue=-1)


async def test_cache(tmp_path: Path) -> None:
    """One writer for each exact logdir; clear closes and forgets them."""
    one_writer = summary.FileWriterCache.get(str(tmp_path))
    assert summary.FileWriterCache.get(tmp_path) is one_writer
    assert summary.FileWriterCache.get(f"{tmp_path}/") is not one_writer
    await one_writer.add_summary(one("a"), 1)
    await summary.FileWriterCache.clear()
    assert summary.FileWriterCache.get(str(tmp_path)) is not one_writer
    assert [event.step for event in events_of(tmp_path)[1:]] == [1]
    await summary.FileWriterCache.clear()


def test_the_cache_in_a_later_loop(tmp_path: Path) -> None:
    """Has a new writer, since nobody could write to that of a loop which has ended; a writer that was closed stays the same one."""

    async def write(step: int) -> summary.FileWriter:
        writer = summary.FileWriterCache.get(tmp_path)
        await writer.add_summary(one("a"), step)
        return writer

    async def close() -> None:
        writer = await write(3)
        await writer.close()
        assert summary.FileWriterCache.get(tmp_path) is writer
        await summary.FileWriterCache.clear()

    with pytest.warns(ResourceWarning, match="left open when its event loop shut down; 0 summaries were not committed"):
        first, second = asyncio.run(write(1)), asyncio.run(write(2))
    assert first is not second
    asyncio.run(close())
    assert [event.step for event in events_of(tmp_path) if event.summary.value] == [1, 2, 3]


async def test_a_relative_logdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told as it was given, and is one of the folder in which the writer was made."""
    monkeypatch.chdir(tmp_path)
    writer = summary.FileWriter("runs")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with writer:
        await writer.add_summary(one("a"), 1)
    assert writer.get_logdir() == "runs"
    assert [event.step for event in events_of(tmp_path / "runs")[1:]] == [1]


async def test_clearing_tells_a_loss(tmp_path: Path) -> None:
    """After the others are closed."""
    (tmp_path / "file").write_text("")
    broken, good = summary.FileWriterCache.get(tmp_path / "file"), summary.FileWriterCache.get(tmp_path / "good")
    with pytest.raises(summary.OpenError):
        await broken.add_summary(one("a"))
    await good.add_summary(one("a"), 1)
    broken._first.append(b"")
    with pytest.raises(summary.OpenError):
        await summary.FileWriterCache.clear()
    assert [event.step for event in events_of(tmp_path / "good")[1:]] == [1]


async def test_with_a_session_it_shares_the_writer_of_the_logdir(tmp_path: Path) -> None:
    """One file, with contrib's suffix, for it, a second one and ``create_file_writer``; closing one closes all."""
    session = summary.Session()
    first = summary.FileWriter(tmp_path, session=session)
    second = summary.FileWriter(tmp_path, session=session)
    await first.add_summary(one("a"), 1)
    await second.add_summary(one("b"), 2)
    await summary.create_file_writer(tmp_path).scalar("c", 1.0, 3)
    await first.close()
    (path,) = tmp_path.iterdir()
    assert path.name.endswith(".v2")
    assert [(event.step, event.summary.value[0].tag) for event in events_of(tmp_path) if event.summary.value] == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
    ]
    with pytest.raises(summary.WriterClosedError):
        await second.add_summary(one("b"), 4)
    with pytest.warns(UserWarning, match="Attempting to use a closed FileWriter"):
        await first.add_summary(one("a"), 4)
    await first.reopen()
    await first.add_summary(one("a"), 5)
    await first.close()
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(TypeError, match="session: must be a Session"):
        summary.FileWriter(tmp_path, session="session")  # type: ignore[arg-type]  # a user's mistake


@pytest.mark.parametrize("flush_secs", [-1, "2", float("nan"), True])
def test_bad_flush_secs(flush_secs: Any, tmp_path: Path) -> None:
    """Are refused by their name."""
    with pytest.raises(summary.InvalidArgumentError, match="flush_secs: "):
        summary.FileWriter(tmp_path, flush_secs=flush_secs)
