"""Transactions: what is committed when, locks, full disks, files that disappear, and summaries that no database holds."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary.columns import Deferred
from asyncsummary.database.connection import Database
from asyncsummary.database.resource import DatabaseResource
from asyncsummary.database.sink import DatabaseSink
from asyncsummary.handle import FileWriterHandle
from asyncsummary.protos import Event, Summary, TensorProto, Value
from tests.support.database import column, execute, is_sound, query, scalars
from tests.support.turns import counted_turns


def made(path: Path, **options: Any) -> summary.SummaryWriter:
    return summary.create_db_writer(path, "experiment", "run", "user", **options)


def resource_of(writer: summary.SummaryWriter) -> DatabaseResource:
    assert isinstance(writer, FileWriterHandle)
    assert isinstance(writer._resource, DatabaseResource)
    return writer._resource


def sink_of(writer: summary.SummaryWriter) -> DatabaseSink:
    pipeline = resource_of(writer)._pipeline
    assert pipeline is not None
    assert isinstance(pipeline._sink, DatabaseSink)
    return pipeline._sink


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock for writing, as another process does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_flush_is_a_commit(tmp_path: Path) -> None:
    """Another connection sees all that was accepted before, while the writer is open."""
    path = tmp_path / "db"
    async with made(path) as writer:
        for step in range(300):  # more than one statement, and some rows more
            await writer.scalar("a" if step % 3 else "b", float(step), step)
        assert query(path, "SELECT * FROM Tensors") == []
        await writer.flush()
        assert scalars(path) == [("a" if step % 3 else "b", step, float(step)) for step in range(300)]
        assert (writer.stats.committed, writer.stats.appends, writer.stats.pending) == (300, 1, 0)


async def test_max_queue_and_flush_millis(tmp_path: Path) -> None:
    """Make a batch a transaction, without a flush."""
    by_count, by_time = tmp_path / "count", tmp_path / "time"
    async with made(by_count, max_queue=2, flush_millis=1_000_000) as first, made(by_time, max_queue=1000, flush_millis=20) as second:
        for step in range(3):
            await first.scalar("t", 1.0, step)
        await second.scalar("t", 1.0, 0)
        while first.stats.committed < 3 or second.stats.committed < 1:
            await asyncio.sleep(0.005)
        assert (len(scalars(by_count)), len(scalars(by_time))) == (3, 1)


async def test_a_caller_in_a_tight_loop_lets_others_run(tmp_path: Path) -> None:
    """Every few hundred scalars, unlike with files, whose batches put steps in order."""
    async with made(tmp_path / "db") as writer, counted_turns() as turns:
        for step in range(10_000):
            await writer.scalar("t", 1.0, step)
        assert turns.count >= 11


async def test_the_last_value_of_a_step_stays(tmp_path: Path) -> None:
    """In the order of acceptance, whatever their dtypes, within a transaction and from one to the next."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.scalar("t", np.float64(2.0), 1)
        await writer.scalar("t", 3.0, 1)
        await writer.scalar("t", 4, 2)
        await writer.scalar("t", 5.0, 2)
        await writer.scalar("t", 6, 3)
        await writer.flush()
        assert query(path, "SELECT step, dtype FROM Tensors ORDER BY rowid") == [(1, 1), (2, 1), (3, 3)]
        await writer.scalar("t", np.float64(7.0), 1)
    assert query(path, "SELECT step, dtype, data FROM Tensors ORDER BY rowid") == [
        (2, 1, np.float32(5).tobytes()),
        (3, 3, np.int32(6).tobytes()),
        (1, 2, np.float64(7).tobytes()),
    ]


async def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    """Writes go on meanwhile; once it is given back, everything is committed, once."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.scalar("t", 1.0, 0)
        await writer.flush()
        with locked(path):
            await writer.scalar("t", 1.0, 1)
            flush = asyncio.create_task(writer.flush())
            while not writer.stats.retries:
                await asyncio.sleep(0.01)
            await writer.scalar("t", 1.0, 2)
            assert not flush.done()
            assert "locked" in (writer.stats.last_error or "")
        await flush
        assert writer.stats.last_error is None
    assert [step for _, step, _ in scalars(path)] == [0, 1, 2]


async def test_a_lock_that_is_held_too_long(tmp_path: Path) -> None:
    """Is told with the file, counted, and nothing is lost; a later flush works."""
    path = tmp_path / "db"
    async with made(path, retry_seconds=0.01) as writer:
        with locked(path):
            await writer.scalar("t", 1.0, 0)
            await writer.scalar("t", 1.0, 1)
            with pytest.raises(summary.CommitError, match=r"2 summaries .* database '.*/db': is locked by another") as caught:
                await writer.flush()
            assert (caught.value.uncommitted, caught.value.retriable) == (2, True)
            assert writer.stats.pending == 2
        await writer.flush()
    assert [step for _, step, _ in scalars(path)] == [0, 1]


async def test_closing_while_somebody_holds_the_lock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Raises what was lost; the connection is closed all the same."""
    path = tmp_path / "db"
    writer = made(path, retry_seconds=0.01)
    await writer.init()
    with locked(path):
        await writer.scalar("t", 1.0, 0)
        with pytest.raises(summary.CommitError, match=r"closed .* with 1 summaries not committed: .*locked"):
            await writer.close()
    assert (writer.stats.dropped, writer.stats.pending) == (1, 0)
    assert query(path, "SELECT * FROM Tensors") == []


async def test_opening_while_somebody_holds_the_lock(tmp_path: Path) -> None:
    """Waits, too, and then says so."""
    path = tmp_path / "db"
    async with made(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(summary.OpenError, match="/db': is locked by another") as caught:
            await made(path, retry_seconds=0.01).init()
        assert caught.value.retriable
        writer = made(path)
        opening = asyncio.create_task(writer.init())
        while not writer.stats.retries:
            await asyncio.sleep(0.01)
        assert not opening.done()
        connection.execute("ROLLBACK")
    await opening
    await writer.close()


async def test_a_reader_does_not_hold_up_writers(tmp_path: Path) -> None:
    """While it reads, it sees what was there when it began."""
    path = tmp_path / "db"
    async with made(path, retry_seconds=0.01) as writer:
        await writer.scalar("t", 1.0, 0)
        await writer.flush()
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            count = "SELECT count(*) FROM Tensors"
            assert reader.execute(count).fetchone() == (1,)
            await writer.scalar("t", 1.0, 1)
            await writer.flush()
            assert reader.execute(count).fetchone() == (1,)
            reader.execute("COMMIT")
            assert reader.execute(count).fetchone() == (2,)


async def test_two_writers_of_one_database(tmp_path: Path) -> None:
    """Each as many transactions as it likes; nothing is lost and no id is given out twice."""
    path = tmp_path / "db"

    async def write(run: str) -> None:
        async with summary.create_db_writer(path, "experiment", run, "user", max_queue=3) as writer:
            for step in range(100):
                await writer.scalar(f"tag{step % 10}", float(step), step)
                if step % 7 == 0:
                    await writer.flush()

    await asyncio.gather(*(write(f"run{number}") for number in range(4)))
    assert column(path, "SELECT count(*) FROM Tensors JOIN Tags ON series = tag_id JOIN Runs USING (run_id)") == [400]
    assert query(path, "SELECT count(*), count(DISTINCT run_name) FROM Runs") == [(4, 4)]
    assert query(path, "SELECT count(*) FROM Users, Experiments") == [(1,)]
    assert query(path, "SELECT count(*) FROM Ids") == [(1 + 1 + 4 + 40,)]


def refused_content() -> Deferred:
    """An encoder whose Event no database takes."""
    event = Event(step=1, summary=Summary(value=[Value(tag="the tag", tensor=TensorProto(dtype=10, tensor_content=b"\1"))]))
    return Deferred(event.SerializeToString, 10)


async def test_what_an_encoder_makes_and_no_database_holds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is dropped, counted and told by flush, with the tag; the others of its batch, and later ones, are committed."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.scalar("t", 1.0, 0)
        await resource_of(writer)._accept(await resource_of(writer).opened(), refused_content())
        await writer.scalar("t", 1.0, 1)
        with pytest.raises(summary.CommitError, match=r"1 summaries cannot .*/db'.* dropped: .*'the tag': bool tensors") as caught:
            await writer.flush()
        assert (caught.value.uncommitted, caught.value.retriable) == (1, False)
        await writer.scalar("t", 1.0, 2)
        await writer.flush()
        assert (writer.stats.committed, writer.stats.dropped, writer.stats.pending) == (3, 1, 0)
    assert [step for _, step, _ in scalars(path)] == [0, 1, 2]


async def test_and_close_tells_it_if_nobody_flushes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A loss is not hidden."""
    path = tmp_path / "db"
    writer = made(path)
    await writer.scalar("t", 1.0, 0)
    await resource_of(writer)._accept(await resource_of(writer).opened(), refused_content())
    with pytest.raises(summary.CommitError, match="'the tag'"):
        await writer.close()
    assert [step for _, step, _ in scalars(path)] == [0]


async def test_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is told; the transaction is rolled back as a whole, is kept, and committed when there is space."""
    path = tmp_path / "db"
    async with made(path, retry_seconds=0.01) as writer:
        await writer.scalar("t", 1.0, 0)
        await writer.flush()
        database = sink_of(writer)._database
        assert database is not None
        ((pages,),) = await database.fetch("PRAGMA page_count")
        await database.fetch(f"PRAGMA max_page_count={pages + 2}")  # what SQLite says then is what it says of a full disk
        await writer.scalar("before", 1.0, 1)
        await writer.generic("large", np.zeros(100_000), 1)
        with pytest.raises(summary.CommitError, match="database or disk is full; free some space") as caught:
            await writer.flush()
        assert caught.value.uncommitted == 2
        assert column(path, "SELECT tag_name FROM Tags") == ["t"]
        await writer.flush()  # the connection was opened anew, without that bound
    assert column(path, "SELECT tag_name FROM Tags") == ["t", "before", "large"]
    assert len(column(path, "SELECT run_id FROM Runs")) == 1
    assert is_sound(path)


async def test_a_file_that_disappears(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """SQLite would go on writing into nowhere; a new one is begun, and said so."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.scalar("t", 1.0, 0)
        await writer.flush()
        path.unlink()
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        assert scalars(path) == [("t", 1, 1.0)]
        assert query(path, "SELECT run_name, experiment_name, user_name FROM Runs, Experiments, Users") == [("run", "experiment", "user")]
    assert "disappeared" in caplog.text


async def test_a_folder_that_disappears(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is told; nothing is lost, and when it is back writing goes on."""
    path = tmp_path / "folder" / "db"
    path.parent.mkdir()
    async with made(path, retry_seconds=0.01) as writer:
        await writer.scalar("t", 1.0, 0)
        path.parent.rename(tmp_path / "elsewhere")
        with pytest.raises(summary.CommitError, match=r"folder '.*/folder' does not exist"):
            await writer.flush()
        (tmp_path / "elsewhere").rename(path.parent)
        await writer.flush()
    assert scalars(path) == [("t", 0, 1.0)]


async def test_a_table_that_somebody_removes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An error that only a person can mend is told at once; the connection is made anew, and with it the table."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.scalar("t", 1.0, 0)
        await writer.flush()
        execute(path, "DROP TABLE Tensors")
        await writer.scalar("t", 1.0, 1)
        with pytest.raises(summary.CommitError, match="no such table: Tensors") as caught:
            await writer.flush()
        assert not caught.value.retriable
        await writer.flush()
    assert scalars(path) == [("t", 1, 1.0)]


async def test_rows_that_somebody_deletes(tmp_path: Path) -> None:
    """Leave their strings behind, which become nobody else's; the next run is written as ever."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.generic("strings", ["old", "older", "oldest"], 0)
    execute(path, "DELETE FROM Tensors")
    async with made(path) as writer:
        await writer.scalar("t", 1.0, 0)
        await writer.generic("strings", ["new", "newer"], 0)
        await writer.flush()
    assert scalars(path) == [("t", 0, 1.0)]
    strings = "SELECT TensorStrings.data FROM TensorStrings JOIN Tensors ON tensor_rowid = Tensors.rowid ORDER BY idx"
    assert column(path, strings) == [b"new", b"newer"]
    assert column(path, "SELECT count(*) FROM TensorStrings") == [5]


class _Cut:
    """Cancels the writer's own task in the middle of its transaction, as the end of an event loop does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
        self.at = at
        self.was_cut = False
        original = Database.fetch

        async def fetch(database: Database, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
            if statement.startswith(self.at) and not self.was_cut:
                self.was_cut = True
                task = asyncio.current_task()
                assert task is not None
                task.get_loop().call_soon(task.cancel)  # when the statement is on its way to the thread
            return await original(database, statement, parameters)

        monkeypatch.setattr(Database, "fetch", fetch)


@pytest.mark.parametrize("at", ["BEGIN", "SELECT coalesce", "INSERT OR REPLACE INTO Runs", "COMMIT"])
async def test_a_loop_that_ends_in_the_middle_of_a_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Whether it was committed or not is found out; it is there once, under one run."""
    path = tmp_path / "db"
    writer = made(path)
    await writer.init()
    cut = _Cut(monkeypatch, at)
    await writer.scalar("t", 1.0, 0)
    await writer.generic("strings", ["a", "b"], 0)
    await writer.graph(b"\n\x03\n\x01a", 0)
    pipeline = resource_of(writer)._pipeline
    assert pipeline is not None
    assert pipeline._task is not None
    with pytest.warns(ResourceWarning, match="left open"):
        pipeline._wakeup.set()
        with contextlib.suppress(summary.SummaryError):
            await pipeline.flush(None)
        await asyncio.wait([pipeline._task])
    assert cut.was_cut
    assert (writer.stats.committed, writer.stats.pending) == (3, 0)
    assert column(path, "SELECT tag_name FROM Tensors JOIN Tags ON series = tag_id JOIN Runs USING (run_id)") == ["t", "strings"]
    assert column(path, "SELECT count(*) FROM Tensors") == [2]
    assert column(path, "SELECT data FROM TensorStrings ORDER BY idx") == [b"a", b"b"]
    assert column(path, "SELECT count(*) FROM Nodes") == [1]
    assert query(path, "SELECT count(*) FROM Ids") == [(1 + 1 + 1 + 2 + 1,)]
    assert is_sound(path)
    await writer.close()


async def test_events_without_rows_are_settled(tmp_path: Path) -> None:
    """They leave no row anywhere, not even that of a run."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.import_event(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
        await writer.import_event(Event(wall_time=1.0, summary=Summary(value=[Value(tag="nothing")])).SerializeToString())
        await writer.image("none", np.zeros((0, 2, 2, 3), np.uint8), 1)
        await writer.flush()
        assert writer.stats.committed == 3
    assert all(not query(path, f"SELECT * FROM {table}") for table in ("Ids", "Users", "Runs", "Tags", "Tensors"))


async def test_stalls_of_storage_stay_off_the_loop(tmp_path: Path) -> None:
    """While SQLite waits for a lock in its thread, others run."""
    path = tmp_path / "db"
    async with made(path) as writer:
        await writer.scalar("t", 1.0, 0)
        await writer.flush()
        with locked(path):
            await writer.scalar("t", 1.0, 1)
            flush = asyncio.create_task(writer.flush())
            loop = asyncio.get_running_loop()
            longest, before = 0.0, loop.time()
            for _ in range(50):
                await asyncio.sleep(0.002)
                longest, before = max(longest, loop.time() - before), loop.time()
        await flush
    assert longest < 0.5


def test_a_loop_that_is_closed_does_not_keep_the_interpreter(tmp_path: Path) -> None:
    """The thread of a connection that nobody closed is a daemon."""
    import subprocess
    import sys

    program = (
        "import asyncio, sys, asyncsummary\n"
        "loop = asyncio.new_event_loop()\n"
        "writer = asyncsummary.create_db_writer(sys.argv[1])\n"
        "loop.run_until_complete(writer.scalar('t', 1.0, 1))\n"
        "loop.run_until_complete(writer.flush())\n"
        "print('flushed', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "db")], capture_output=True, timeout=60, check=True, text=True)
    assert done.stdout == "flushed\n"
    assert is_sound(tmp_path / "db")


def test_asyncio_run_that_leaves_it_open(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Commits what waits, and warns."""

    async def main() -> None:
        writer = made(tmp_path / "db")
        await writer.scalar("t", 1.0, 1)
        kept.append(writer)

    kept: list[summary.SummaryWriter] = []
    with pytest.warns(ResourceWarning, match="left open"):
        asyncio.run(main())
    assert scalars(tmp_path / "db") == [("t", 1, 1.0)]
    assert column(tmp_path / "db", "SELECT finished_time IS NULL FROM Runs") == [0]
