"""Signal handlers within one process: when they pass a signal on, and that they leave nothing behind."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary.living import living
from asyncsummary.order import LatePolicy
from asyncsummary.spool import Spool
from asyncsummary_storage import Fault, When
from tests.support.events import events_of, scalars_of
from tests.support.spooling import records
from tests.support.writing import Bench


async def until(condition: Callable[[], Any]) -> None:
    """Let other tasks and threads work until the condition holds."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def passed_on() -> Iterator[list[int]]:
    """The signals that came to the handler that was there before."""
    calls: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        calls.append(number)

    before = signal.signal(signal.SIGUSR1, note)
    yield calls
    assert signal.getsignal(signal.SIGUSR1) is note
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.both_loops
async def test_everything_is_committed_first(tmp_path: Path, passed_on: list[int]) -> None:
    """Then the earlier handler is called; the next signal is handled in the same way."""
    async with summary.create_file_writer(tmp_path, flush_millis=10**9) as writer:
        with summary.install_signal_handlers(signals=[signal.SIGUSR1]):
            for step in range(2):
                await writer.scalar("t", 1.0, step)
                signal.raise_signal(signal.SIGUSR1)
                assert len(passed_on) == step
                await until(lambda: len(passed_on) == step + 1)  # noqa: B023  # it is awaited here
                assert writer.stats.committed == step + 1
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [0, 1]


async def test_without_a_writer(passed_on: list[int]) -> None:
    """There is nothing to wait for."""
    with summary.install_signal_handlers(signals=[signal.SIGUSR1], deadline_seconds=3600):
        signal.raise_signal(signal.SIGUSR1)
        await until(lambda: passed_on)


async def test_storage_that_is_away(passed_on: list[int], caplog: pytest.LogCaptureFixture) -> None:
    """Is told as soon as it is known, without waiting for the deadline; the summaries go on waiting."""
    bench = Bench()
    async with bench.writer(retry_seconds=0.01) as writer:
        await writer.scalar("t", 1.0, 1)
        bench.script.always([Fault("append")])
        with summary.install_signal_handlers(signals=[signal.SIGUSR1], deadline_seconds=3600):
            signal.raise_signal(signal.SIGUSR1)
            await until(lambda: passed_on)
        assert "in-memory:run: 1 summaries are not committed at SIGUSR1: 1 summaries for 'in-memory:run'" in caplog.text
        bench.script.heal()
    assert bench.steps() == [1]


async def test_the_deadline(passed_on: list[int], caplog: pytest.LogCaptureFixture) -> None:
    """Ends the wait, not the flush of what is accepted."""
    bench = Bench()
    bench.script.passing("append").then(Fault("append", When.HANG_AFTER))
    writer = bench.writer()
    await writer.scalar("t", 1.0, 1)
    with summary.install_signal_handlers(signals=[signal.SIGUSR1], deadline_seconds=0.05):
        signal.raise_signal(signal.SIGUSR1)
        await until(lambda: passed_on)
    assert "1 summaries are not committed at SIGUSR1: not done within 0.05 s" in caplog.text
    assert writer.stats.pending == 1
    with pytest.warns(ResourceWarning, match="0 summaries were not committed"):
        (task,) = (task for task in asyncio.all_tasks() if "asyncsummary writer" in task.get_name())
        task.cancel()
        await asyncio.wait([task])
    assert bench.steps() == [1]
    await writer.close()


@pytest.mark.parametrize(
    ("retry_seconds", "fault"),
    [
        (0.01, Fault("append")),
        (60.0, Fault("append")),
        (60.0, Fault("append", When.HANG_BEFORE)),
        (60.0, Fault("append", When.HANG_AFTER)),
    ],
)
async def test_storage_that_is_away_and_a_spool(
    retry_seconds: float, fault: Fault, tmp_path: Path, passed_on: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """Before the deadline everything is in the spool, and the next writer sends it, once."""
    bench = Bench()
    writer = bench.writer(retry_seconds=retry_seconds, spool_root=tmp_path)
    await writer.scalar("t", 1.0, 0)
    await writer.flush()
    bench.script.always([fault])
    for step in range(1, 200):
        await writer.scalar("t", 1.0, step)
    with summary.install_signal_handlers(signals=[signal.SIGUSR1], deadline_seconds=2.0):
        signal.raise_signal(signal.SIGUSR1)
        await writer.scalar("t", 1.0, 200)  # the program goes on
        await until(lambda: passed_on)
    assert (writer.stats.spooled, writer.stats.pending) == (200, 200)
    assert "200 summaries are not committed at SIGUSR1: " in caplog.text
    assert f". All of them are in the spool in {tmp_path}" in caplog.text
    pipeline = writer._resource._pipeline
    assert pipeline is not None
    await until(lambda: not pipeline._sink.is_urgent)  # from now on, what waits is put there as always
    (task,) = (task for task in asyncio.all_tasks() if "asyncsummary writer" in task.get_name())
    task.cancel()
    bench.script.heal()
    with pytest.warns(ResourceWarning, match="summaries were not committed"):
        await asyncio.wait([task])
    await writer.close()
    async with bench.writer(spool_root=tmp_path) as another:
        await another.scalar("t", 1.0, 201)
    assert bench.steps() == list(range(202))


async def test_what_an_earlier_process_left_does_not_count(tmp_path: Path, passed_on: list[int], caplog: pytest.LogCaptureFixture) -> None:
    """What this one has accepted goes to the spool, and is what the log speaks of."""
    left = Spool(tmp_path, "in-memory:run", 1 << 20)
    await left.put(records(*range(100)), 100, 100)
    await left.close()
    bench = Bench()
    writer = bench.writer(spool_root=tmp_path)
    await writer.init()
    bench.script.always([Fault("append"), Fault("probe")])
    for step in range(100, 110):
        await writer.scalar("t", 1.0, step)
    with summary.install_signal_handlers(signals=[signal.SIGUSR1], deadline_seconds=2.0):
        signal.raise_signal(signal.SIGUSR1)
        await until(lambda: passed_on)
    assert (writer.stats.spooled, writer.stats.pending) == (110, 10)
    assert ". All of them are in the spool in " in caplog.text
    pipeline = writer._resource._pipeline
    assert pipeline is not None
    assert pipeline.saved == 10
    bench.script.heal()
    await writer.close()
    assert bench.steps() == list(range(110))


async def test_late_scalars_and_a_spool(tmp_path: Path, passed_on: list[int]) -> None:
    """What a late run has taken goes to its spool as well."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, spool_root=tmp_path)
    for step in (9, 3, 10):
        await writer.scalar("t", 1.0, step)
        await writer.flush()
    bench.script.always([Fault("append"), Fault("probe")])
    for step in (4, 11):
        await writer.scalar("t", 1.0, step)
    with summary.install_signal_handlers(signals=[signal.SIGUSR1], deadline_seconds=2.0):
        signal.raise_signal(signal.SIGUSR1)
        await until(lambda: passed_on)
    assert (writer.stats.spooled, writer.stats.pending) == (2, 2)
    bench.script.heal()
    await writer.close()
    assert (bench.steps(), [step for _, step, _ in bench.late()]) == ([9, 10, 11], [3, 4])


async def test_a_spool_that_is_too_small(tmp_path: Path, passed_on: list[int], caplog: pytest.LogCaptureFixture) -> None:
    """Takes what was first, as far as it has room; the log has both numbers."""
    bench = Bench()
    async with bench.writer(spool_root=tmp_path, max_spool_bytes=2_000) as writer:
        bench.script.always([Fault("append", When.HANG_BEFORE)])
        for step in range(10):
            await writer.scalar("t", 1.0, step)
        flush = asyncio.create_task(writer.flush())
        await until(lambda: bench.appends() == 2)
        for step in range(10, 200):
            await writer.scalar("t", 1.0, step)
        with summary.install_signal_handlers(signals=[signal.SIGUSR1], deadline_seconds=2.0):
            signal.raise_signal(signal.SIGUSR1)
            await until(lambda: passed_on)
        assert (writer.stats.spooled, writer.stats.pending) == (10, 200)
        assert ": 200 summaries are not committed at SIGUSR1: not done within 2 s. 10 of them are in the spool in " in caplog.text
        flush.cancel()
        bench.script.heal()
        (task,) = (task for task in asyncio.all_tasks() if "asyncsummary writer" in task.get_name())
        task.cancel()
        with pytest.warns(ResourceWarning, match="summaries were not committed"):
            await asyncio.wait([task, flush])
    async with bench.writer(spool_root=tmp_path):
        pass
    assert bench.steps() == list(range(200))


async def test_a_spool_that_is_not_needed(tmp_path: Path, passed_on: list[int], caplog: pytest.LogCaptureFixture) -> None:
    """What storage takes in time is not put there."""
    bench = Bench()
    async with bench.writer(spool_root=tmp_path) as writer:
        await writer.scalar("t", 1.0, 1)
        with summary.install_signal_handlers(signals=[signal.SIGUSR1], deadline_seconds=3600):
            signal.raise_signal(signal.SIGUSR1)
            await until(lambda: passed_on)
        assert (writer.stats.committed, writer.stats.spooled) == (1, 0)
    assert not list(tmp_path.glob("*/*.spool"))
    assert not caplog.text


async def test_uninstalled_while_a_signal_is_held_back(passed_on: list[int]) -> None:
    """It is not swallowed."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 1)
        bench.script.gate = asyncio.Event()
        handlers = summary.install_signal_handlers(signals=[signal.SIGUSR1], deadline_seconds=3600)
        signal.raise_signal(signal.SIGUSR1)
        await until(lambda: bench.appends() == 2)
        assert passed_on == []
        handlers.uninstall()
        assert passed_on == [signal.SIGUSR1]
        handlers.uninstall()
        bench.script.gate.set()


async def test_a_handler_that_was_set_later(passed_on: list[int]) -> None:
    """Stays, and may call ours for as long as it likes."""
    calls: list[int] = []
    earlier = signal.getsignal(signal.SIGUSR1)
    handlers = summary.install_signal_handlers(signals=[signal.SIGUSR1])
    ours = handlers._on_signal

    def later(number: int, frame: FrameType | None) -> None:
        calls.append(number)
        ours(number, frame)

    signal.signal(signal.SIGUSR1, later)
    handlers.uninstall()
    assert signal.getsignal(signal.SIGUSR1) is later
    signal.raise_signal(signal.SIGUSR1)
    assert calls == passed_on == [signal.SIGUSR1]
    signal.signal(signal.SIGUSR1, earlier)


@pytest.mark.parametrize("times", [1, 2])
def test_keyboard_interrupt(times: int, passed_on: list[int]) -> None:
    """Comes between two steps of the loop, where it can take none away; if the loop does not get there, the next signal raises at once."""
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    came_to: list[int] = []

    async def program(handlers: summary.SignalHandlers) -> None:
        for time in range(times):
            handlers._phase = type(handlers._phase).DUE  # as if all were flushed
            signal.raise_signal(signal.SIGUSR1)
            came_to.append(time)
        await asyncio.Event().wait()

    loop = asyncio.new_event_loop()
    with summary.install_signal_handlers(signals=[signal.SIGUSR1]) as handlers:
        task = loop.create_task(program(handlers))
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        assert came_to == [0]
        assert task.done() == (times == 2)
        task.cancel()
        loop.run_until_complete(asyncio.wait([task]))  # what was raised is not raised again
        assert task.cancelled() or isinstance(task.exception(), KeyboardInterrupt)
    loop.close()
    signal.signal(signal.SIGUSR1, before)
    assert passed_on == []


def test_ignored_signals(passed_on: list[int]) -> None:
    """Stay ignored, and what does nothing by default does nothing; both handlers are there still."""
    number = signal.SIGCHLD
    before = signal.getsignal(number)
    for previous in (signal.SIG_IGN, signal.SIG_DFL):
        signal.signal(number, previous)
        with summary.install_signal_handlers(signals=[number]) as handlers:
            for _ in range(2):
                handlers._phase = type(handlers._phase).DUE  # as if all were flushed
                signal.raise_signal(number)
                assert signal.getsignal(number) == handlers._on_signal
        assert signal.getsignal(number) is previous
    signal.signal(number, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"deadline_seconds": -1}, "deadline_seconds"),
        ({"deadline_seconds": "1"}, "deadline_seconds"),
        ({"deadline_seconds": True}, "deadline_seconds"),
        ({"deadline_seconds": float("inf")}, "deadline_seconds"),
        ({"signals": []}, "signals: is empty"),
        ({"signals": 15}, "signals: must be several signals"),
        ({"signals": [signal.SIGUSR2, "SIGTERM"]}, "'SIGTERM' is no signal"),
        ({"signals": [0]}, "0 is no signal"),
        ({"signals": [signal.SIGUSR2, signal.SIGKILL]}, "cannot be handled"),
    ],
)
def test_arguments(arguments: dict[str, Any], message: str) -> None:
    """Are checked by name, and nothing is set."""
    with pytest.raises(summary.InvalidArgumentError, match=message):
        summary.install_signal_handlers(**arguments)
    assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL


def test_twice() -> None:
    """Would have one wait for the other."""
    with summary.install_signal_handlers(signals=[signal.SIGUSR2]):
        with pytest.raises(summary.InvalidArgumentError, match=r"installed already; call uninstall\(\)"):
            summary.install_signal_handlers()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with summary.install_signal_handlers(signals=[signal.SIGUSR2]):
        pass


def test_another_thread() -> None:
    """Cannot set or take away handlers; Python would not let it."""
    errors: list[str] = []

    def attempt(call: Callable[[], object]) -> None:
        try:
            call()
        except summary.WrongLoopError as error:
            errors.append(str(error))

    with summary.install_signal_handlers(signals=[signal.SIGUSR2]) as handlers:
        for call in (summary.install_signal_handlers, handlers.uninstall):
            thread = threading.Thread(target=attempt, args=(call,))
            thread.start()
            thread.join()
    assert [error.split(":")[0] for error in errors] == ["install_signal_handlers", "uninstall"]


async def test_living(tmp_path: Path) -> None:
    """Knows the writers that somebody holds, and no others."""
    known = len(living())
    writer = summary.create_file_writer(tmp_path)
    assert len(living()) == known + 1
    del writer
    gc.collect()
    assert len(living()) == known
    assert os.listdir(tmp_path) == []
