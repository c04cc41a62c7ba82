"""Writers on a local disk as users have them: life, sharing, loops, threads, forks, and being forgotten."""

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary.protos import START
from asyncsummary.records import frame, scan
from asyncsummary.sync import sync
from asyncsummary_storage import ContainerMissingError, Fault, MemoryFolder, TransientError, When
from asyncsummary_storage.local import LocalSegment
from tests.support.events import events_of, scalars_of
from tests.support.virtual_time import VirtualTimeLoop
from tests.support.writing import Bench


async def nothing(call: Awaitable[Any]) -> Any:
    """Await a call that is declared to return nothing, and return what it does."""
    return await call


async def test_untouched_file(tmp_path: Path) -> None:
    """Missing folders are made; the first 40 bytes are those of the original, the seconds in them those of the name."""
    logdir = tmp_path / "a" / "b"
    async with summary.create_file_writer(logdir):
        (path,) = logdir.iterdir()
    version, start = events_of(logdir)
    assert (version.file_version, start.session_log.status) == ("brain.Event:2", START)
    assert path.name.startswith(f"events.out.tfevents.{int(version.wall_time):010d}.")
    assert path.name.endswith(".v2")
    assert path.read_bytes()[:12].hex() == "180000000000000" + "0a37f4b22"
    assert path.read_bytes()[12:21] == b"\x09" + __import__("struct").pack("<d", version.wall_time)


async def test_a_relative_logdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is one of the folder in which the writer was made, wherever the program goes before it is opened, and while it is open."""
    monkeypatch.chdir(tmp_path)
    writer = summary.create_file_writer("runs")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        monkeypatch.chdir("/")
        await writer.scalar("t", 1.0, 2)
    assert [step for _, step, _ in scalars_of(events_of(tmp_path / "runs"))] == [1, 2]
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_a_relative_logdir_of_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is two logdirs: with two writers at once, each has its own."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "a")
    first = summary.create_file_writer("runs")
    monkeypatch.chdir(tmp_path / "b")
    async with first, summary.create_file_writer("runs") as second:
        await first.scalar("of_a", 1.0, 1)
        await second.scalar("of_b", 1.0, 1)
    assert [scalars_of(events_of(tmp_path / name / "runs")) for name in ("a", "b")] == [[("of_a", 1, 1.0)], [("of_b", 1, 1.0)]]


async def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has no logdir in it; what is wrong is told at opening, as ever."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    writer = summary.create_file_writer("runs", spool_dir="spool")
    with pytest.raises(summary.OpenError, match="cannot open logdir 'runs'"):
        await writer.init()


@pytest.mark.parametrize("spool_dir", ["spool", "~/spool"])
@pytest.mark.parametrize("logdir", ["runs", None])
async def test_a_relative_logdir_and_a_spool(
    spool_dir: str, logdir: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was left in the spool goes where it belongs, not to the logdir of the same name in another folder; sync finds both again."""

    def away(*arguments: object) -> None:
        raise TransientError("the disk is away")

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    writer = summary.create_file_writer("runs", spool_dir=spool_dir, retry_seconds=0.01)
    await writer.init()
    await writer.scalar("here", 1.0, 1)
    with monkeypatch.context() as patched, pytest.raises(summary.CommitError, match="All of them are in the spool"):
        patched.setattr(LocalSegment, "_append", away)
        await writer.close()
    monkeypatch.chdir(tmp_path / "elsewhere")
    root = tmp_path / ("home/spool" if spool_dir.startswith("~") else "spool")
    async with summary.create_file_writer("runs", spool_dir=root) as writer:
        await writer.scalar("elsewhere", 1.0, 1)
    assert scalars_of(events_of(tmp_path / "elsewhere" / "runs")) == [("elsewhere", 1, 1.0)]
    monkeypatch.chdir(tmp_path)
    assert [(found.committed, found.error) for found in await sync(spool_dir, logdir)] == [(1, None)]
    assert scalars_of(events_of(tmp_path / "runs")) == [("here", 1, 1.0)]


async def test_the_first_write_opens(tmp_path: Path) -> None:
    """Neither "async with" nor init is needed."""
    writer = summary.create_file_writer(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with writer.as_default(), summary.always_record_summaries():
        await summary.scalar("t", 0.1, step=3)
    await writer.close()
    ((tag, step, value),) = scalars_of(events_of(tmp_path))
    assert (tag, step, value) == ("t", 3, 0.10000000149011612)


async def test_writes_while_it_opens() -> None:
    """Whoever writes while somebody else's first write opens the logdir is told, too, if that fails; nothing is taken and lost."""
    bench = Bench()
    bench.script.then(Fault("open", error=lambda: ContainerMissingError("no such bucket")))
    writer = bench.writer()
    found = await asyncio.gather(*(writer.scalar("t", 1.0, step) for step in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [summary.OpenError] * 3
    await asyncio.gather(*(writer.scalar("t", 1.0, step) for step in range(3, 6)))
    await writer.close()
    assert bench.steps() == [3, 4, 5]


async def test_suffix(tmp_path: Path) -> None:
    """Is put at the end of the name as it is."""
    async with summary.create_file_writer(tmp_path, filename_suffix="-mine"):
        (path,) = tmp_path.iterdir()
    assert path.name.endswith("-mine")


async def test_two_writers_in_one_second(tmp_path: Path) -> None:
    """Have files of their own; in the original the later one truncates the earlier."""
    async with summary.create_file_writer(tmp_path, name="one") as one, summary.create_file_writer(tmp_path, name="two") as two:
        await one.scalar("t", 1.0, 1)
        await two.scalar("t", 2.0, 2)
    assert len(list(tmp_path.iterdir())) == 2
    assert sorted(scalars_of(events_of(tmp_path))) == [("t", 1, 1.0), ("t", 2, 2.0)]


async def test_writers_of_one_name_share_one_file(tmp_path: Path) -> None:
    """The first one's arguments hold for all, and closing one closes all."""
    one = summary.create_file_writer(tmp_path)
    two = summary.create_file_writer(str(tmp_path), filename_suffix=".ignored")
    three = summary.create_file_writer(tmp_path / "elsewhere", name=f"logdir:{tmp_path}")
    for step, writer in enumerate((one, two, three)):
        await writer.scalar("t", 1.0, step)
    assert one.stats == two.stats == three.stats
    await two.close()
    (path,) = tmp_path.iterdir()
    assert path.name.endswith(".v2")
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [0, 1, 2]
    with pytest.raises(summary.WriterClosedError):
        await one.scalar("t", 1.0, 3)
    async with summary.create_file_writer(tmp_path) as fresh:
        await fresh.scalar("t", 1.0, 4)
    assert len(list(tmp_path.iterdir())) == 2


async def test_init(tmp_path: Path) -> None:
    """Does nothing while it is open, and begins a new file after close."""
    writer = summary.create_file_writer(tmp_path)
    await writer.init()
    await writer.init()
    assert len(list(tmp_path.iterdir())) == 1
    await writer.close()
    await writer.init()
    assert len(list(tmp_path.iterdir())) == 2
    await writer.close()


async def test_noop_writer(tmp_path: Path) -> None:
    """For logdir None, as in the original."""
    writer = summary.create_file_writer(None)
    assert isinstance(writer, summary.SummaryWriter)
    async with writer as entered:
        assert entered is writer
        assert await nothing(writer.init()) is None
        assert await writer.scalar("t", "anything") is None
        assert await nothing(writer.import_event(b"\xff")) is None
        assert await nothing(writer.flush()) is None
        async with writer.as_default() as default:
            assert default is None
        assert writer.stats.accepted == 0
    assert "nothing" in repr(writer)


def test_summary_writer_is_abstract() -> None:
    """Both real and no-op writers are instances of it, and it has none of its own."""
    with pytest.raises(TypeError, match="abstract"):
        summary.SummaryWriter()  # type: ignore[abstract]  # a user's mistake


async def test_the_old_name(tmp_path: Path) -> None:
    """Still works, and says what the new one is."""
    with pytest.warns(DeprecationWarning, match="create_file_writer"):
        writer = summary.create_summary_file_writer(tmp_path, max_queue=3)
    assert isinstance(writer, summary.SummaryWriter)
    assert str(tmp_path) in repr(writer)


async def test_max_queue_one(tmp_path: Path) -> None:
    """One waits, two are written."""
    async with summary.create_file_writer(tmp_path, max_queue=1) as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.scalar("t", 1.0, 2)
        while writer.stats.pending:
            await asyncio.sleep(0)
        assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [1, 2]


async def test_a_file_where_the_logdir_should_be(tmp_path: Path) -> None:
    """Is named when the writer is opened."""
    (tmp_path / "file").write_text("")
    with pytest.raises(summary.OpenError, match="a file is where this folder should be"):
        await summary.create_file_writer(tmp_path / "file").init()


async def test_resume(tmp_path: Path) -> None:
    """Goes on in the same file, after its last whole record; a torn one is cut off. Nothing is shown twice or lost."""
    async with summary.create_file_writer(tmp_path) as writer:
        await writer.scalar("t", 1.0, 1)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    payloads, _ = scan(whole)
    torn = frame(payloads[-1])
    for cut in range(len(torn)):
        path.write_bytes(whole + torn[:cut])
        async with summary.create_file_writer(tmp_path, resume=True) as writer:
            await writer.scalar("t", 2.0, 2)
        assert [path] == list(tmp_path.iterdir())
        assert path.read_bytes().startswith(whole)
        assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [1, 2]
        assert [event.session_log.status for event in events_of(tmp_path)].count(START) == 2


async def test_resume_where_there_is_nothing(tmp_path: Path) -> None:
    """Begins."""
    async with summary.create_file_writer(tmp_path, resume=True) as writer:
        await writer.scalar("t", 1.0, 1)
    assert len(events_of(tmp_path)) == 3


async def test_a_new_run_beside_an_old_one(tmp_path: Path) -> None:
    """Without resume a new file is begun that sorts after the old one, though the old one is from the future."""
    old = tmp_path / "events.out.tfevents.9000000000.host.1.000000.v2"
    old.write_bytes(b"")
    async with summary.create_file_writer(tmp_path):
        pass
    assert sorted(tmp_path.iterdir())[0] == old


async def test_a_block_that_fails_keeps_its_error(caplog: pytest.LogCaptureFixture) -> None:
    """And the loss at its end is told beside it."""
    bench = Bench()
    with pytest.raises(KeyError) as caught:
        async with bench.writer(retry_seconds=0.01) as writer:
            await writer.scalar("t", 1.0, 1)
            bench.script.always([Fault("append")])
            raise KeyError("the trainer's own")
    assert "1 summaries not committed" in caught.value.__notes__[0]
    assert "1 summaries not committed" in caplog.text


async def test_another_thread(tmp_path: Path) -> None:
    """Is told the way that works, and that way works."""
    async with summary.create_file_writer(tmp_path) as writer:
        await writer.scalar("t", 1.0, 1)
        loop = asyncio.get_running_loop()
        found: list[Any] = []

        def write_from_here() -> None:
            try:
                asyncio.run(writer.scalar("t", 1.0, 2))
            except summary.WrongLoopError as error:
                found.append(str(error))
            found.append(asyncio.run_coroutine_threadsafe(writer.scalar("t", 1.0, 3), loop).result(30))

        thread = threading.Thread(target=write_from_here)
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0.001)
        thread.join()
        message, accepted = found
        assert "asyncio.run_coroutine_threadsafe" in message
        assert accepted is True
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [1, 3]


def test_another_event_loop(tmp_path: Path) -> None:
    """A writer that was closed can be opened in a new loop; one of an ended loop says what to do."""
    writer = summary.create_file_writer(tmp_path)

    async def write(step: int) -> None:
        await writer.init()
        await writer.scalar("t", 1.0, step)
        await writer.close()

    asyncio.run(write(1))
    asyncio.run(write(2))
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [1, 2]

    async def leave_open() -> None:
        await writer.init()
        await writer.scalar("t", 1.0, 3)

    with pytest.warns(ResourceWarning, match=r"left open when its event loop shut down; 0 summaries were not committed"):
        asyncio.run(leave_open())
    with pytest.raises(summary.WrongLoopError, match="an event loop that has ended: create a new writer"):
        asyncio.run(writer.flush())
    asyncio.run(writer.close())
    new = summary.create_file_writer(tmp_path)

    async def write_anew() -> None:
        async with new:
            await new.scalar("t", 1.0, 5)

    asyncio.run(write_anew())
    asyncio.run(write(6))
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [1, 2, 3, 5, 6]


def test_left_open_with_storage_away() -> None:
    """The end of the loop is not held up for long, and the warning says how many are lost."""
    bench = Bench()
    writer = bench.writer()

    async def leave_open() -> None:
        await writer.scalar("t", 1.0, 1)
        bench.script.always([Fault("append")])
        await writer.scalar("t", 1.0, 2)

    with pytest.warns(ResourceWarning, match="2 summaries were not committed"), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(leave_open())


def test_a_loop_that_ends_while_the_logdir_opens() -> None:
    """Whoever waits for the opening is told; nothing hangs."""
    bench = Bench()
    bench.script.always([Fault("open", When.HANG_BEFORE)])
    writer = bench.writer()

    async def begin() -> asyncio.Task[bool]:
        task = asyncio.create_task(writer.scalar("t", 1.0, 1))
        await asyncio.sleep(0.01)
        pipeline_task = next(t for t in asyncio.all_tasks() if "asyncsummary writer" in t.get_name())
        pipeline_task.cancel()
        with pytest.raises(summary.OpenError, match="cancelled, as its event loop shuts down"):
            await task
        return task

    with pytest.warns(ResourceWarning, match="0 summaries were not committed"):
        asyncio.run(begin())


def test_a_task_that_is_cancelled_before_it_begins() -> None:
    """Whoever waits for the opening is told all the same."""
    bench = Bench()
    writer = bench.writer()

    async def begin() -> None:
        waiting = asyncio.create_task(writer.scalar("t", 1.0, 1))
        while not (found := [task for task in asyncio.all_tasks() if "asyncsummary writer" in task.get_name()]):
            await asyncio.sleep(0)
        found[0].cancel()
        with pytest.raises(summary.OpenError, match="event loop shuts down"):
            await waiting
        await writer.scalar("t", 1.0, 2)
        await writer.close()

    asyncio.run(begin())
    assert bench.steps() == [2]


def test_shut_down_in_the_middle_of_an_append(tmp_path: Path) -> None:
    """An append that was on its way when the loop ended is found out, and what waited behind it goes out, too."""
    bench = Bench()
    bench.script.passing("append").then(Fault("append", When.HANG_AFTER))
    writer = bench.writer()

    async def leave() -> None:
        await writer.scalar("t", 1.0, 1)
        flush = asyncio.create_task(writer.flush())
        while bench.appends() < 2:
            await asyncio.sleep(0)
        flush.cancel()
        await writer.scalar("t", 1.0, 2)

    with pytest.warns(ResourceWarning, match="0 summaries were not committed"):
        asyncio.run(leave())
    assert bench.steps() == [1, 2]


def test_shut_down_with_storage_that_hangs() -> None:
    """The end of the loop waits for some seconds, not for ever."""
    bench = Bench()
    writer = bench.writer()

    async def leave() -> None:
        await writer.scalar("t", 1.0, 1)
        bench.script.always([Fault("append", When.HANG_BEFORE)])

    with pytest.warns(ResourceWarning, match="1 summaries were not committed"), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(leave())


async def test_two_loops_at_once(tmp_path: Path) -> None:
    """The name is taken by a living loop: the other one is told so."""
    async with summary.create_file_writer(tmp_path) as writer:
        await writer.scalar("t", 1.0, 1)

        async def elsewhere() -> None:
            await summary.create_file_writer(tmp_path).scalar("t", 1.0, 2)

        with pytest.raises(summary.WrongLoopError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, elsewhere())


async def test_forgotten_writer(tmp_path: Path) -> None:
    """Warns, says how many were not committed yet, and commits them all the same while the loop goes on."""
    writer = summary.create_file_writer(tmp_path)
    await writer.scalar("t", 1.0, 1)
    gone = weakref.ref(writer)
    with pytest.warns(ResourceWarning, match="was not closed; 1 summaries were not committed yet"):
        del writer
        gc.collect()
    assert gone() is None
    (task,) = (task for task in asyncio.all_tasks() if task is not asyncio.current_task())
    await task
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [1]


async def test_an_unused_writer_is_forgotten_in_silence(tmp_path: Path) -> None:
    """There is nothing to lose."""
    summary.create_file_writer(tmp_path)
    gc.collect()


def test_forked_child(tmp_path: Path) -> None:
    """The child's copy refuses, a writer of its own works, and the parent goes on."""
    code = textwrap.dedent(
        f"""
        import asyncio, os, sys
        import asyncsummary as summary

        async def child(writer):
            try:
                await writer.scalar("t", 1.0, 2)
            except summary.WrongLoopError as error:
                assert "forked child" in str(error), error
            async with summary.create_file_writer({str(tmp_path)!r}) as own:
                await own.scalar("child", 1.0, 3)

        async def main():
            async with summary.create_file_writer({str(tmp_path)!r}) as writer:
                await writer.scalar("t", 1.0, 1)
                pid = os.fork()
                if not pid:
                    try:
                        await writer.scalar("t", 1.0, 2)
                    except summary.WrongLoopError as error:
                        assert "forked child" in str(error), error
                    else:
                        os._exit(1)
                    asyncio._set_running_loop(None)
                    asyncio.run(child(writer))
                    os._exit(0)
                assert os.waitpid(pid, 0)[1] == 0
                await writer.scalar("t", 1.0, 4)

        asyncio.run(main())
        """
    )
    subprocess.run([sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", code], check=True, cwd=os.getcwd())
    assert sorted(scalars_of(events_of(tmp_path))) == [("child", 3, 1.0), ("t", 1, 1.0), ("t", 4, 1.0)]


@pytest.mark.both_loops
async def test_many_coroutines(tmp_path: Path) -> None:
    """On asyncio's loop and uvloop's: everything once, each tag in order."""
    async with summary.create_file_writer(tmp_path) as writer:

        async def work(worker: int) -> None:
            for step in range(200):
                await writer.scalar(f"worker{worker}", step, step)
                if step % 7 == worker:
                    await asyncio.sleep(0)

        await asyncio.gather(*(work(worker) for worker in range(7)))
    found = scalars_of(events_of(tmp_path))
    for worker in range(7):
        assert [step for tag, step, _ in found if tag == f"worker{worker}"] == list(range(200))


async def test_a_cancelled_write_is_in_or_out(tmp_path: Path) -> None:
    """Cancelled at any moment, a summary is written as a whole or not at all, and the count agrees."""
    async with summary.create_file_writer(tmp_path, max_pending_bytes=300) as writer:
        tasks = [asyncio.create_task(writer.scalar("t", 1.0, step)) for step in range(60)]
        for index, task in enumerate(tasks):
            if index % 3 == 0:
                task.cancel()
            await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
    written = [step for _, step, _ in scalars_of(events_of(tmp_path))]
    accepted = [step for step, result in enumerate(results) if result is True]
    assert set(accepted) <= set(written)
    assert len(written) == len(set(written)) == writer.stats.committed


async def test_deleted_logdir(tmp_path: Path) -> None:
    """What comes after is not lost: the folder is made again at the next segment."""
    logdir = tmp_path / "run"
    async with summary.create_file_writer(logdir) as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        for path in logdir.iterdir():
            path.unlink()
        logdir.rmdir()
        await writer.scalar("t", 1.0, 2)
        await writer.flush()
    assert [step for _, step, _ in scalars_of(events_of(logdir))] == [2]


async def test_a_disk_that_is_away_for_a_moment(tmp_path: Path) -> None:
    """The writer goes on when it is back: nothing is lost."""
    (tmp_path / "disk" / "run").mkdir(parents=True)
    (tmp_path / "run").symlink_to(tmp_path / "disk" / "run")
    async with summary.create_file_writer(tmp_path / "run", retry_seconds=0.1) as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        (tmp_path / "disk").rename(tmp_path / "away")
        await writer.scalar("t", 1.0, 2)
        with pytest.raises(summary.CommitError, match="is there again"):
            await writer.flush()
        (tmp_path / "away").rename(tmp_path / "disk")
        await writer.flush()
    assert sorted(step for _, step, _ in scalars_of(events_of(tmp_path / "run"))) == [1, 2]


def test_a_close_that_the_end_of_the_loop_cuts_short() -> None:
    """Is told, too: whoever awaited it was cancelled and cannot hear of the loss."""
    bench = Bench()
    writer = bench.writer()

    async def leave() -> None:
        await writer.scalar("t", 1.0, 1)
        bench.script.always([Fault("append", When.HANG_BEFORE)])
        closing = asyncio.create_task(writer.close())
        await asyncio.sleep(0.1)
        closing.cancel()

    with pytest.warns(ResourceWarning, match="1 summaries were not committed"), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(leave())


@pytest.mark.virtual_time
async def test_a_forgotten_writer_whose_storage_stays_away(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is left to raise to, so the loss is logged."""
    bench = Bench()
    writer = bench.writer()
    await writer.scalar("t", 1.0, 1)
    bench.script.always([Fault("append")])
    with pytest.warns(ResourceWarning, match="was not closed"):
        del writer
        gc.collect()
    (task,) = (task for task in asyncio.all_tasks() if task is not asyncio.current_task())
    await task
    assert "closed 'in-memory:run' with 1 summaries not committed" in caplog.text


@pytest.mark.virtual_time
async def test_a_storage_session_that_never_ends(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Does not hold up close for ever; everything was committed before."""

    async def hang(self: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(MemoryFolder, "close", hang)
    bench = Bench()
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 1)
    assert bench.steps() == [1]
    assert "closing the storage's session failed" in caplog.text
