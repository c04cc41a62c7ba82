"""What is accepted for a database, and how: dtypes, errors at their own await, and the life of a writer, which is that of all writers."""

import asyncio
import gc
import multiprocessing
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary.protos import Event, GraphDef, NodeDef, Summary, TensorProto, Value
from tests.support.database import column, query, scalars


def made(path: Path, **options: Any) -> summary.SummaryWriter:
    return summary.create_db_writer(path, "experiment", "run", "user", **options)


def tensors(path: Path) -> list[tuple[Any, ...]]:
    return query(path, "SELECT tag_name, step, dtype, data FROM Tensors JOIN Tags ON series = tag_id ORDER BY Tensors.rowid")


async def test_scalars_keep_their_dtype(tmp_path: Path) -> None:
    """Also when a tag was float32 before, which is the way without questions."""
    path = tmp_path / "db"
    values = [1.5, 7, np.float64(0.1), np.float32(0.1), 2.5, np.int64(-1), True]
    async with made(path) as writer:
        for step, value in enumerate(values[:-1]):
            assert await writer.scalar("t", value, step) is True
        with pytest.raises(TypeError, match="'t'"):
            await writer.scalar("t", values[-1], 9)
    assert [(step, dtype) for _, step, dtype, _ in tensors(path)] == [(0, 1), (1, 3), (2, 2), (3, 1), (4, 1), (5, 9)]
    assert [data for *_, data in tensors(path)] == [
        np.float32(1.5).tobytes(),
        np.int32(7).tobytes(),
        np.float64(0.1).tobytes(),
        np.float32(0.1).tobytes(),
        np.float32(2.5).tobytes(),
        np.int64(-1).tobytes(),
    ]


async def test_several_scalars_at_once(tmp_path: Path) -> None:
    """Keep theirs, too; one that is none keeps all of them out."""
    path = tmp_path / "db"
    async with made(path) as writer:
        assert await writer.scalars({"a": 1.0, "b": 2.0}, 1) is True
        assert await writer.scalars({"a": 1.0, "b": np.float64(2.0), "c": 3}, 2, family="f") is True
        with pytest.raises(summary.InvalidTypeError, match=r"'b'.*\(database '.*/db'\)"):
            await writer.scalars({"a": 1.0, "b": True}, 3)
        with pytest.raises(summary.InvalidTypeError, match="must map tags"):
            await writer.scalars(5, 3)  # type: ignore[arg-type]  # what a caller could do wrong
    assert [row[:3] for row in tensors(path)] == [("a", 1, 1), ("b", 1, 1), ("f/f/a", 2, 1), ("f/f/b", 2, 2), ("f/f/c", 2, 3)]


@pytest.mark.parametrize(("values", "dtype"), [([0.5, 1.5], "float32"), (np.array([0.5, 1.5]), "float64"), ([1, 2], "int32")])
async def test_a_series(tmp_path: Path, values: Any, dtype: str) -> None:
    """All of its points in the dtype of its values, with their own times."""
    path = tmp_path / "db"
    async with made(path) as writer:
        assert await writer.scalar_series("t", values, [3, 5], [10.0, 20.0]) is True
        with pytest.raises(summary.InvalidSummaryError, match="'t'"):
            await writer.scalar_series("t", values, [3])
        with pytest.raises(summary.InvalidTypeError, match="'t'"):
            await writer.scalar_series("t", [True, False], [3, 4])
    assert query(path, "SELECT step, computed_time, data FROM Tensors ORDER BY rowid") == [
        (3, 10.0, np.dtype(dtype).type(values[0]).tobytes()),
        (5, 20.0, np.dtype(dtype).type(values[1]).tobytes()),
    ]
    assert column(path, "SELECT started_time FROM Runs") == [10.0]


def event_of(value: Value) -> bytes:
    return Event(wall_time=1.0, step=1, summary=Summary(value=[Value(tag="fine", simple_value=1.0), value])).SerializeToString()


BOOL = event_of(Value(tag="the_tag", tensor=TensorProto(dtype=10, tensor_content=b"\1")))
UNEVEN = Value(tag="the_tag")
UNEVEN.histo.bucket_limit.extend([1.0, 2.0])
UNEVEN.histo.bucket.append(1.0)
LARGE_GRAPH = GraphDef(node=[NodeDef(name=f"{number:09}") for number in range(10_000)] + [NodeDef(name="a", input=["missing"])])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda writer: writer.generic("the_tag", [True, False], 1), "'the_tag'.*bool tensors unsupported"),
        (lambda writer: writer.write("the_tag", np.bool_(True), 1), "'the_tag'.*bool tensors unsupported"),
        (lambda writer: writer.import_event(BOOL), "'the_tag'.*bool tensors unsupported"),
        (lambda writer: writer.import_event(event_of(UNEVEN)), "'the_tag'.*2 limits of buckets and 1 counts"),
        (lambda writer: writer.scalar("the_tag", True, 1), "'the_tag'"),
        (lambda writer: writer.histogram("the_tag", [1.0, float("nan")], 1), "Nan in summary histogram for: the_tag"),
        (lambda writer: writer.graph(GraphDef(node=[NodeDef(name="a", input=["missing"])]), 1), "Could not find node: missing"),
        (lambda writer: writer.graph(LARGE_GRAPH, 1), "Could not find node: missing"),
        (lambda writer: writer.scalar("the_tag", 1.0, "1"), "step"),
    ],
)
async def test_what_no_database_holds(tmp_path: Path, call: Any, message: str) -> None:
    """Is told at its own await, with the_tag and, where it is for the database's sake, the database; nothing of it is written."""
    path = tmp_path / "db"
    async with made(path) as writer:
        with pytest.raises(summary.InvalidSummaryError, match=message) as caught:
            await call(writer)
        assert "unsupported" not in str(caught.value) or str(path) in str(caught.value)
        assert "find node" not in str(caught.value) or str(path) in str(caught.value)
        await writer.scalar("later", 1.0, 1)
    assert scalars(path) == [("later", 1, 1.0)]
    assert query(path, "SELECT * FROM Nodes") == []


async def test_room_is_given_by_bytes(tmp_path: Path) -> None:
    """A scalar of another dtype counts as what it holds; with overflow="raise" it is told."""
    async with made(tmp_path / "db", max_pending_bytes=400, overflow="raise", flush_millis=1_000_000) as writer:
        with pytest.raises(summary.QueueFullError):
            for step in range(100):
                await writer.scalar("t", step, step)
    async with made(tmp_path / "db2", max_pending_bytes=400, overflow="drop_newest", flush_millis=1_000_000) as writer:
        accepted = [await writer.scalars({"a": 1, "b": 2.0}, step) for step in range(20)]
        assert accepted.count(False) * 2 == writer.stats.dropped > 0
    assert len(tensors(tmp_path / "db2")) == writer.stats.committed == 2 * accepted.count(True)


async def test_a_series_that_finds_no_room(tmp_path: Path) -> None:
    """Is dropped in pieces, and counted."""
    async with made(tmp_path / "db", max_pending_bytes=40_000, overflow="drop_newest", flush_millis=1_000_000, max_queue=10_000) as writer:
        assert await writer.scalar_series("t", np.arange(2000.0), np.arange(2000)) is False
        stats = writer.stats
        assert stats.accepted + stats.dropped == 2000
        assert stats.dropped > 0
    assert len(tensors(tmp_path / "db")) == stats.accepted


async def test_every_image_has_a_tag(tmp_path: Path) -> None:
    """And every clip."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.image("i", np.zeros((3, 2, 4, 1), np.uint8), 1, max_images=2)
        await writer.audio("a", np.zeros((2, 4), np.float32), 8000, step=1)
    assert query(path, "SELECT tag_name, plugin_name, shape FROM Tensors JOIN Tags ON series = tag_id ORDER BY Tensors.rowid") == [
        ("i/image/0", "images", "3"),
        ("i/image/1", "images", "3"),
        ("a/audio/0", "audio", "1,2"),
        ("a/audio/1", "audio", "1,2"),
    ]
    assert column(path, "SELECT CAST(data AS TEXT) FROM TensorStrings WHERE idx = 0 ORDER BY rowid LIMIT 2") == ["4", "4"]


async def test_a_writer_that_nobody_holds(tmp_path: Path) -> None:
    """Commits what waits, closes the database, and warns."""
    path = tmp_path / "db"
    writer = made(path)
    await writer.scalar("t", 1.0, 1)
    with pytest.warns(ResourceWarning, match="was not closed; 1 summaries"):
        del writer
        gc.collect()
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0.01)
    assert scalars(path) == [("t", 1, 1.0)]
    assert column(path, "SELECT finished_time IS NULL FROM Runs") == [0]


async def test_backpressure(tmp_path: Path) -> None:
    """A queue that is much too small for what is written: everything arrives, in order, all the same."""
    path = tmp_path / "db"
    async with made(path, max_pending_bytes=500) as writer:
        for step in range(500):
            await writer.scalar("t", step, step)
    assert [step for _, step, *_ in tensors(path)] == list(range(500))


async def test_a_closed_writer(tmp_path: Path) -> None:
    """Refuses; init() opens it again, and then the run begins anew, as the original's."""
    path = tmp_path / "db"
    writer = made(path)
    await writer.scalar("t", 1.0, 1)
    await writer.close()
    with pytest.raises(summary.WriterClosedError):
        await writer.scalar("t", 1.0, 2)
    await writer.init()
    await writer.scalar("t", 1.0, 3)
    await writer.close()
    assert column(path, "SELECT step FROM Tensors JOIN Tags ON series = tag_id JOIN Runs USING (run_id)") == [3]
    assert len(tensors(path)) == 2


async def test_another_loop_and_another_thread(tmp_path: Path) -> None:
    """Are refused, and told what to do."""
    async with made(tmp_path / "db") as writer:
        raised: list[BaseException] = []

        def elsewhere() -> None:
            try:
                asyncio.run(writer.scalar("t", 1.0, 1))
            except summary.SummaryError as error:
                raised.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert isinstance(raised[0], summary.WrongLoopError)
        await writer.scalar("t", 1.0, 2)
    assert scalars(tmp_path / "db") == [("t", 2, 1.0)]


def _in_child(path: Path) -> None:
    async def main() -> None:
        async with summary.create_db_writer(path, "experiment", "child", "user") as writer:
            await writer.scalar("t", 2.0, 2)

    asyncio.run(main())


def _answer(writer: summary.SummaryWriter) -> bytes:
    """Try to write in a forked child, where no event loop runs."""
    try:
        writer.scalar("t", 9.0, 9).send(None)
    except summary.WrongLoopError:
        return b"refused"
    except BaseException as error:
        return repr(error).encode()
    return b"accepted"


def _leave(answer: bytes, descriptor: int) -> None:
    os.write(descriptor, answer)
    os._exit(0)


async def test_a_forked_child(tmp_path: Path) -> None:
    """Leaves its parent's connection alone, is refused its writer, and may write to the database by one of its own."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:  # pragma: no cover
            _leave(_answer(writer), write)
        os.close(write)
        answer = await asyncio.to_thread(os.read, read, 100)
        await asyncio.to_thread(os.waitpid, child, 0)
        assert answer == b"refused"
        os.close(read)
        process = multiprocessing.get_context("spawn").Process(target=_in_child, args=(path,))
        process.start()
        await asyncio.to_thread(process.join)
        assert process.exitcode == 0
        await writer.scalar("t", 3.0, 3)
    assert scalars(path) == [("t", 1, 1.0), ("t", 2, 2.0), ("t", 3, 3.0)]


async def test_a_cancelled_write(tmp_path: Path) -> None:
    """Is wholly in or wholly out, at whichever of its awaits it is cancelled."""
    for turns in range(12):
        path = tmp_path / f"db{turns}"
        writer = made(path, max_pending_bytes=1)  # one at a time
        await writer.init()
        tasks = [asyncio.create_task(writer.scalars({"a": step, "b": float(step)}, step)) for step in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks[1].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await writer.close()
        steps = {0, 2} | ({1} if found[1] is True else set())
        assert sorted((tag, step) for tag, step, *_ in tensors(path)) == sorted((tag, step) for tag in "ab" for step in steps)
        assert writer.stats.accepted == writer.stats.committed == 2 * len(steps)


async def test_default_writer_and_functions(tmp_path: Path) -> None:
    """As with any writer: recording conditions, scopes, steps, and the flush at the block's end."""
    path = tmp_path / "db"
    writer = made(path)
    async with writer:
        async with writer.as_default(step=7):
            with summary.never_record_summaries():
                assert await summary.scalar("off", 1.0) is False
            with summary.always_record_summaries(), summary.name_scope("scope"):
                assert await summary.scalar("on", 1.0) is True
            assert repr(writer) == f"<SummaryWriter of {str(path)!r}>"
        assert scalars(path) == [("scope/on", 7, 1.0)]


async def test_no_recording_condition(tmp_path: Path) -> None:
    """Is warned of once, with the name of the database."""
    async with made(tmp_path / "db") as writer, writer.as_default():
        with pytest.warns(UserWarning, match=r"was not recorded in '.*/db'"):
            await summary.scalar("t", 1.0, step=1)


async def test_graph_mode(tmp_path: Path) -> None:
    """The writers of a graph are opened by initialize, and its ops write to them."""
    path = tmp_path / "db"
    with summary.Graph().as_default() as graph:
        writer = made(path)
        with writer.as_default(), summary.always_record_summaries():
            op = await summary.scalar("t", lambda: 3.0, step=4)
            async with summary.Session() as session:
                assert not path.exists()
                await summary.initialize()
                assert path.exists()
                await session.run(op)
        await writer.close()
    graph.close()
    assert scalars(path) == [("t", 4, 3.0)]
