"""Ends of every kind: tasks cancelled at each of their awaits, loops closed or left, forks that exit, and the end of the interpreter."""

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import textwrap
import threading
import warnings
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary.config import Durability
from asyncsummary.protos import GraphDef, NodeDef, Summary, Value
from asyncsummary.spool_file import SpoolFile
from asyncsummary_storage import FaultyFolder, MemoryFolder, open_folder
from tests.support.events import events_in, events_of, scalars_of
from tests.support.servers import MotoServer
from tests.support.writing import Bench

MOST_TURNS = 400


class _Turns(asyncio.Event):
    """A gate that is open, but takes three turns of the loop to go through: so that there are awaits to be cancelled at."""

    async def wait(self) -> Literal[True]:
        for _ in range(3):
            await asyncio.sleep(0)
        return True


def slow_bench() -> Bench:
    bench = Bench()
    bench.script.gate = _Turns()
    return bench


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def cancel_at_every_turn(attempt: Callable[[int], Awaitable[bool]]) -> None:
    """Call with 0, 1, 2... turns until what was to be cancelled is done before; there must have been some awaits."""
    for count in range(MOST_TURNS):
        if await attempt(count):
            assert count > 3, "there was hardly anything to be cancelled at"
            return
    raise AssertionError("it never got done")


async def cancelled_after(call: Awaitable[Any], count: int) -> tuple[bool, Any]:
    """Cancel after so many turns; return whether it was done by then, and its result, None if it has none."""
    task = asyncio.ensure_future(call)
    await turns(count)
    was_done = task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        return was_done, await task
    return was_done, None


def writers_tasks() -> list[asyncio.Task[Any]]:
    """Return the tasks that writers have begun, and that have not ended."""
    return [task for task in asyncio.all_tasks() if "asyncsummary writer" in task.get_name()]


async def ended(tasks: list[asyncio.Task[Any]]) -> None:
    """Wait for the end of tasks that must end by themselves."""
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=10.0)
        assert not left


def assert_counts(bench: Bench, stats: summary.WriterStats) -> None:
    """What the counters say is what is on the disk, each once."""
    steps = bench.steps()
    assert len(steps) == len(set(steps)) == stats.committed == stats.accepted
    assert (stats.pending, stats.dropped) == (0, 0)


async def test_a_first_write_cancelled_at_every_turn() -> None:
    """Opening goes on or is done again; the summary is in or out."""

    async def attempt(count: int) -> bool:
        bench = slow_bench()
        writer = bench.writer()
        was_done, result = await cancelled_after(writer.scalar("t", 1.0, 1), count)
        assert await writer.scalar("t", 1.0, 2)
        await writer.close()
        assert_counts(bench, writer.stats)
        assert bench.steps() == ([1, 2] if result else [2])
        assert len(bench.names) == 1
        return was_done

    await cancel_at_every_turn(attempt)


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 10, 30, 100])
@pytest.mark.parametrize("database", [False, True])
async def test_closed_while_a_first_write_opens(database: bool, turns: int, tmp_path: Path) -> None:
    """It is committed, or its caller is told: not accepted by what takes nothing more."""
    writer = summary.create_db_writer(tmp_path / "db") if database else summary.create_file_writer(tmp_path)
    calls: list[Callable[[int], Awaitable[object]]] = [
        lambda step: writer.scalar("a", 1.0, step),
        lambda step: writer.scalars({"b": np.float16(1)}, step),
        lambda step: writer.scalar_series("c", [1.0], [step]),
        lambda step: writer.histogram("d", [1.0], step),
        lambda step: writer.generic("e", [1.0], step),
    ]
    writes = [asyncio.ensure_future(call(1)) for call in calls]
    for _ in range(turns):
        await asyncio.sleep(0)
    await writer.close()
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert all(result is True or isinstance(result, summary.WriterClosedError) for result in results), results
    assert (writer.stats.committed, writer.stats.pending) == (results.count(True), 0)


async def test_a_write_that_waits_for_room_cancelled_at_every_turn() -> None:
    """It is in or out, those behind it get their turn, and no room is lost."""

    async def attempt(count: int) -> bool:
        bench = slow_bench()
        async with bench.writer(summaries=2, max_queue=1) as writer:
            others = [asyncio.create_task(writer.scalar("t", 1.0, step)) for step in range(3)]
            await turns(1)
            victim = asyncio.create_task(cancelled_after(writer.scalar("t", 1.0, 3), count))
            await turns(1)
            others += [asyncio.create_task(writer.scalar("t", 1.0, step)) for step in range(4, 8)]
            was_done, result = await victim
            assert await asyncio.gather(*others) == [True] * 7
        assert_counts(bench, writer.stats)
        assert sorted(bench.steps()) == [0, 1, 2, *([3] if result else []), *range(4, 8)]
        return was_done

    await cancel_at_every_turn(attempt)


@pytest.mark.parametrize("name", ["flush", "close", "init"])
async def test_a_life_call_cancelled_at_every_turn(name: str) -> None:
    """Only its waiting ends: what was accepted is committed once, and the writer can be closed."""

    async def attempt(count: int) -> bool:
        bench = slow_bench()
        writer = bench.writer()
        if name != "init":
            for step in range(3):
                await writer.scalar("t", 1.0, step)
        was_done, _ = await cancelled_after(getattr(writer, name)(), count)
        if name == "init":
            for step in range(3):
                await writer.scalar("t", 1.0, step)
        await writer.close()
        assert_counts(bench, writer.stats)
        assert bench.steps() == [0, 1, 2]
        assert len(bench.names) == 1
        return was_done

    await cancel_at_every_turn(attempt)


async def test_a_block_cancelled_at_every_turn() -> None:
    """Whatever was accepted in an "async with" is committed when its task has ended, or soon after."""

    async def attempt(count: int) -> bool:
        bench = slow_bench()
        writer = bench.writer(max_queue=1)
        accepted: list[int] = []

        async def block() -> None:
            async with writer, writer.as_default():
                for step in range(4):
                    await writer.scalar("t", 1.0, step)
                    accepted.append(step)
                    await asyncio.sleep(0)

        was_done, _ = await cancelled_after(block(), count)
        await writer.close()
        assert_counts(bench, writer.stats)
        assert bench.steps() == accepted
        return was_done

    await cancel_at_every_turn(attempt)


async def test_a_block_cancelled_at_every_turn_of_its_opening() -> None:
    """Nobody closes the writer of a block that never begins: what was being opened ends by itself, and can be opened again."""

    async def attempt(count: int) -> bool:
        bench = slow_bench()
        writer = bench.writer()
        begun = False

        async def block() -> None:
            nonlocal begun
            async with writer:
                begun = True

        await cancelled_after(block(), count)
        await ended(writers_tasks())
        await writer.init()
        await writer.scalar("t", 1.0, 1)
        await writer.close()
        assert_counts(bench, writer.stats)
        assert bench.steps() == [1]
        return begun

    await cancel_at_every_turn(attempt)


async def test_a_block_with_a_timeout_that_is_too_short(tmp_path: Path) -> None:
    """Leaves no task, and the writer works when there is time."""
    writer = summary.create_file_writer(tmp_path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), writer:
            pass
    await ended(writers_tasks())
    async with writer:
        await writer.scalar("t", 1.0, 1)
    assert (writer.stats.committed, writer.stats.pending) == (1, 0)


async def test_a_block_cancelled_while_another_task_waits_for_the_opening() -> None:
    """The other one is not disturbed: it has its writer."""
    bench = Bench()
    bench.script.gate = asyncio.Event()
    writer = bench.writer()

    async def block() -> None:
        async with writer:
            raise AssertionError("it was cancelled before")

    entering, other = asyncio.create_task(block()), asyncio.create_task(writer.scalar("t", 1.0, 1))
    while not bench.script.calls:
        await asyncio.sleep(0)
    entering.cancel()
    await asyncio.wait([entering])
    bench.script.gate.set()
    assert await other is True
    await writer.close()
    assert (bench.steps(), len(bench.names)) == ([1], 1)


@pytest.mark.parametrize("is_writer_first", [False, True])
async def test_cancelled_together_with_its_block(is_writer_first: bool) -> None:
    """As by the end of a loop, in whichever order: the block closes its writer, and it is not said that it was left open."""
    bench = Bench()
    begun = asyncio.Event()

    async def block() -> None:
        async with bench.writer() as writer:
            await writer.scalar("t", 1.0, 1)
            begun.set()
            await asyncio.Event().wait()

    user = asyncio.create_task(block())
    await begun.wait()
    together = [user, *writers_tasks()]
    for task in reversed(together) if is_writer_first else together:
        task.cancel()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        await asyncio.wait(together)
    assert [str(warning.message) for warning in told] == []
    assert bench.steps() == [1]


async def test_a_file_writer_cancelled_at_every_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph that its constructor was given goes out once, and before all else."""
    graph = GraphDef(node=[NodeDef(name="hi", op="NoOp")])

    async def attempt(count: int) -> bool:
        bench = slow_bench()
        writer = summary.FileWriter("memory://ends", graph)
        monkeypatch.setattr(writer._resource, "_make_folder", lambda logdir: FaultyFolder(MemoryFolder("run", bench.disk), bench.script))

        async def write() -> None:
            await writer.add_summary(Summary(value=[Value(tag="t", simple_value=1.0)]), 1)

        was_done, _ = await cancelled_after(write(), count)
        await writer.add_summary(Summary(value=[Value(tag="t", simple_value=1.0)]), 2)
        await writer.close()
        events = bench.events()
        assert [bool(event.graph_def) for event in events[:3]] == [False, True, False]
        assert sum(bool(event.graph_def) for event in events) == 1
        assert bench.steps() in ([2], [1, 2])
        assert writer.stats.committed == writer.stats.accepted == len(events) - 1
        return was_done

    await cancel_at_every_turn(attempt)


async def test_the_writers_own_task_cancelled_at_every_turn() -> None:
    """As at the end of a loop: what was accepted is committed once, and whoever waits gets an answer."""

    async def attempt(count: int) -> bool:
        bench = slow_bench()
        writer = bench.writer(max_queue=1)
        accepted: list[int] = []

        async def write() -> None:
            for step in range(6):
                if await writer.scalar("t", 1.0, step):
                    accepted.append(step)
                await asyncio.sleep(0)
            await writer.close()

        work = asyncio.create_task(write())
        while not (found := writers_tasks()):
            await asyncio.sleep(0)
        await turns(count)
        was_done = found[0].done()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it says that the writer was left open, as it was
            found[0].cancel()
            await asyncio.wait([work, *found])
        failure = work.exception()
        assert failure is None or isinstance(failure, summary.OpenError | summary.WriterClosedError)
        await writer.close()
        assert_counts(bench, writer.stats)
        assert bench.steps() == accepted
        return was_done

    await cancel_at_every_turn(attempt)


async def test_the_writers_own_task_cancelled_while_a_sent_spool_file_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What that file held is committed, once; what came behind it is committed in the farewell."""
    bench = Bench()
    writer = bench.writer(max_queue=0, spool_root=tmp_path, durability=Durability.SPOOL)
    await writer.init()
    release, begun, may_go = SpoolFile.release, threading.Event(), threading.Event()

    def slow(file: SpoolFile, *, delete: bool) -> None:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            may_go.wait(10)
        release(file, delete=delete)

    monkeypatch.setattr(SpoolFile, "release", slow)
    await writer.scalar("t", 1.0, 1)
    while not begun.is_set():
        await asyncio.sleep(0)
    for step in range(2, 5):
        await writer.scalar("t", 1.0, step)
    (task,) = writers_tasks()
    task.cancel()
    asyncio.get_running_loop().call_soon(may_go.set)
    with pytest.warns(ResourceWarning, match="was left open"):
        await asyncio.wait([task])
    assert_counts(bench, writer.stats)
    assert bench.steps() == [1, 2, 3, 4]


async def test_cancelled_again_and_again() -> None:
    """A writer whose callers are cancelled at all times works on."""
    bench = slow_bench()
    async with bench.writer(summaries=3, max_queue=1) as writer:
        results = await asyncio.gather(*(cancelled_after(writer.scalar("t", 1.0, step), step % 17) for step in range(300)))
        await writer.flush()
    accepted = {step for step, (_, result) in enumerate(results) if result}
    assert accepted
    assert set(bench.steps()) == accepted
    assert_counts(bench, writer.stats)


def test_a_loop_that_is_closed_under_a_writer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without the usual cancelling of tasks: the writer says so, a new one works, and the loss is told with its count."""
    loop = asyncio.new_event_loop()
    writer = summary.create_file_writer(tmp_path)
    loop.run_until_complete(writer.scalar("t", 1.0, 1))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()

    async def use(ended: summary.SummaryWriter) -> None:
        with pytest.raises(summary.WrongLoopError, match="an event loop that has ended"):
            await ended.scalar("t", 1.0, 2)
        async with summary.create_file_writer(tmp_path) as fresh:
            await fresh.scalar("t", 1.0, 3)

    asyncio.run(use(writer))
    assert writer.stats.pending == 1
    with pytest.warns(ResourceWarning, match="was not closed; 1 summaries were not committed yet"):
        del writer
        gc.collect()
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [3]


def program(folder: Path | str, body: str, *, status: int, environment: dict[str, str] | None = None) -> str:
    """Run a program that has ``writer``, in a coroutine; return what it said."""
    code = textwrap.dedent(
        """
        import asyncio, os, sys, threading, time
        import asyncsummary as summary

        async def main():
            writer = summary.create_file_writer(sys.argv[1], max_queue=10**6, flush_millis=10**9)
            for step in range(3):
                await writer.scalar("t", 1.0, step)
        """
    )
    code += textwrap.indent(textwrap.dedent(body), "    ") + "\nasyncio.run(main())\n"
    ended = subprocess.run(
        [sys.executable, "-W", "default", "-W", "ignore::DeprecationWarning", "-c", code, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONASYNCIODEBUG": "", **(environment or {})},
        timeout=60,
        check=False,
    )
    assert ended.returncode == status, ended.stderr
    return ended.stderr


LEFT_OPEN = "was left open when its event loop shut down; 0 summaries were not committed"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("return writer", 0),
        ("sys.exit(3)", 3),
        ("raise KeyError('the trainer')", 1),
        ("raise KeyboardInterrupt", -2),
        ("asyncio.get_running_loop().call_soon(sys.exit, 4)\nawait asyncio.Event().wait()", 4),
    ],
)
def test_the_interpreter_ends_with_an_open_writer(body: str, status: int, tmp_path: Path) -> None:
    """What waits is committed; the program ends as it would have without us, and is told that the writer was open."""
    assert LEFT_OPEN in program(tmp_path, body, status=status)
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [0, 1, 2]


async def test_the_interpreter_ends_with_an_open_writer_on_s3(moto: MotoServer) -> None:
    """The last request is still made, and the session is closed."""
    moto.make_bucket("ends")
    logdir = "s3://ends/run"
    said = program(logdir, "sys.exit(3)", status=3, environment={**moto.environment, "AWS_ENDPOINT_URL": moto.url})
    assert LEFT_OPEN in said
    assert "Unclosed" not in said
    folder = open_folder(logdir, moto.options())
    await folder.open()
    (entry,) = await folder.entries()
    data = await folder.segment(entry.name).read(0, entry.size)
    await folder.close()
    assert [step for _, step, _ in scalars_of(events_in(data))] == [0, 1, 2]


def test_a_forked_child_that_ends(tmp_path: Path) -> None:
    """By os._exit, as multiprocessing's do: it writes nothing of what its parent had waiting, and the parent goes on."""
    body = """
        child = os.fork()
        if not child:
            os._exit(5)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
        for step in range(3, 6):
            await writer.scalar("t", 1.0, step)
        await writer.close()
    """
    program(tmp_path, body, status=0)
    assert len(list(tmp_path.iterdir())) == 1
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [0, 1, 2, 3, 4, 5]


async def test_a_closed_writer_gives_its_memory_back() -> None:
    """At once, without a search for cycles: a process may have thousands of writers, one after the other."""
    gc.collect()
    gc.disable()
    try:
        writer = Bench().writer()
        async with writer:
            await writer.scalar("t", 1.0, 1)
            pipeline = weakref.ref(cast(Any, writer)._resource._pipeline)
            assert pipeline() is not None
        del writer
        await asyncio.sleep(0)  # the task's last callbacks
        assert pipeline() is None
    finally:
        gc.enable()
