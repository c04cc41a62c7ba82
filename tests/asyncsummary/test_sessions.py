"""Sessions: what can be fetched, the order of hooks, and how a loop ends."""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import asyncsummary as summary
from asyncsummary.protos import Summary, Value
from tests.support.events import events_of


class Noting(summary.SessionRunHook):
    """Notes what is called; every second one is async."""

    def __init__(self, name: str, notes: list[str], fetches: Any = None) -> None:
        self.name, self.notes, self.fetches = name, notes, fetches

    def begin(self) -> None:
        self.notes.append(f"{self.name}.begin")

    async def after_create_session(self, session: summary.Session, coord: summary.Coordinator) -> None:
        self.notes.append(f"{self.name}.created")

    async def before_run(self, run_context: summary.SessionRunContext) -> summary.SessionRunArgs | None:
        self.notes.append(f"{self.name}.before")
        return None if self.fetches is None else summary.SessionRunArgs(self.fetches)

    def after_run(self, run_context: summary.SessionRunContext, run_values: summary.SessionRunValues) -> None:
        self.notes.append(f"{self.name}.after {run_values.results}")

    async def end(self, session: summary.Session) -> None:
        self.notes.append(f"{self.name}.end")


async def test_fetches() -> None:
    """Functions, coroutine functions, steps, messages, and any nesting of them."""

    async def later() -> int:
        await asyncio.sleep(0)
        return 2

    step = summary.GlobalStep(7)
    message = Summary(value=[Value(tag="t")])
    async with summary.Session() as session:
        found = await session.run([lambda: 1, later, {"step": step, "more": (message, b"x", None, [])}])
        assert found == [1, 2, {"step": 7, "more": (message, b"x", None, [])}]
        with pytest.raises(TypeError, match="fetches: cannot run 'x'"):
            await session.run(["x"])


class Pair(NamedTuple):
    """Two fetches that have names."""

    first: Any
    second: Any


async def test_named_tuples() -> None:
    """Come back as what they are, from a session and from a hook."""
    notes: list[str] = []
    async with summary.Session() as session:
        assert await session.run(Pair(lambda: 1, (2, 3))) == Pair(1, (2, 3))
    async with summary.MonitoredSession(hooks=[Noting("a", notes, Pair(summary.GlobalStep(4), 5))]) as monitored:
        await monitored.run(lambda: None)
    assert "a.after Pair(first=4, second=5)" in notes


async def test_the_order_of_hooks() -> None:
    """All begin, all are told of the session, then in each run all before and all after, and at the end all end."""
    notes: list[str] = []
    step = summary.GlobalStep(5)
    hooks = [Noting("a", notes), Noting("b", notes, {"step": step, "late": lambda: int(step)})]

    async def train() -> str:
        notes.append("train")
        step.assign_add()
        return "trained"

    async with summary.MonitoredSession(hooks=hooks) as session:
        assert await session.run(train) == "trained"
    assert notes == [
        "a.begin",
        "b.begin",
        "a.created",
        "b.created",
        "a.before",
        "b.before",
        "train",
        "a.after None",
        "b.after {'step': 5, 'late': 6}",
        "a.end",
        "b.end",
    ]


class Stopping(summary.SessionRunHook):
    """Asks for a stop after so many runs."""

    def __init__(self, runs: int) -> None:
        self.runs = runs

    def after_run(self, run_context: summary.SessionRunContext, run_values: summary.SessionRunValues) -> None:
        self.runs -= 1
        if not self.runs:
            run_context.request_stop()


async def test_a_hook_stops_the_loop() -> None:
    """After its run; running on is an error."""
    count = 0
    async with summary.MonitoredSession(hooks=[Stopping(3)]) as session:
        while not session.should_stop():
            await session.run(lambda: None)
            count += 1
        with pytest.raises(RuntimeError, match=r"Run called even after should_stop requested\."):
            await session.run(lambda: None)
    assert count == 3


async def async_end() -> None:
    raise StopIteration


def plain_end() -> None:
    raise StopIteration("no more")


class OutOfRangeError(Exception):
    """As a TensorFlow dataset ends."""


@pytest.mark.parametrize("how", ["plain", "coroutine", "next", "body", "out of range"])
async def test_the_end_of_the_data(how: str) -> None:
    """Ends the loop as if it were done, wherever it is raised."""
    notes: list[str] = []
    data = iter([1, 2])
    async with summary.MonitoredSession(hooks=[Noting("a", notes)]) as session:
        while True:
            if how == "plain":
                await session.run(plain_end)
            elif how == "coroutine":
                await session.run([async_end])
            elif how == "next":
                await session.run(lambda: next(data))
            elif how == "body":
                raise StopIteration
            else:
                raise OutOfRangeError
    assert notes[-1] == "a.end"


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError, KeyboardInterrupt, SystemExit])
async def test_any_other_error(error: type[BaseException], tmp_path: Path) -> None:
    """Leaves the block, end is not called, and what was saved is committed all the same."""
    notes: list[str] = []
    step = summary.get_or_create_global_step()
    async with summary.FileWriter(tmp_path) as writer:
        saver = summary.SummarySaverHook(1, summary_writer=writer, summary_op=Summary(value=[Value(tag="t", simple_value=1.0)]))
        with pytest.raises(error):
            async with summary.MonitoredSession(hooks=[saver, Noting("a", notes)]) as session:
                await session.run(step.assign_add)
                raise error
        assert [event.step for event in events_of(tmp_path) if event.summary.value] == [1]
    assert "a.end" not in notes


async def test_an_error_of_the_train_op_keeps_its_kind() -> None:
    """A RuntimeError is one, unless Python made it of a StopIteration."""

    async def broken() -> None:
        raise RuntimeError("of its own")

    with pytest.raises(RuntimeError, match="of its own"):
        async with summary.MonitoredSession() as session:
            await session.run(broken)


async def test_a_failing_hook_ends_the_run() -> None:
    """Later hooks are not told."""
    notes: list[str] = []

    class Broken(summary.SessionRunHook):
        async def after_run(self, run_context: summary.SessionRunContext, run_values: summary.SessionRunValues) -> None:
            raise KeyError("hook")

    with pytest.raises(KeyError):
        async with summary.MonitoredSession(hooks=[Broken(), Noting("a", notes)]) as session:
            await session.run(lambda: None)
    assert notes == ["a.begin", "a.created", "a.before"]


async def test_nothing_is_fed() -> None:
    """A hook that wants to feed is told what to do instead."""

    class Feeding(summary.SessionRunHook):
        def before_run(self, run_context: summary.SessionRunContext) -> summary.SessionRunArgs:
            return summary.SessionRunArgs(None, feed_dict={"x": 1})

    async with summary.MonitoredSession(hooks=[Feeding()]) as session:
        with pytest.raises(summary.InvalidArgumentError, match="before_run of Feeding: feed_dict"):
            await session.run(lambda: None)


async def test_coordinator() -> None:
    """Tasks stop together; the first error is the one that is raised."""
    coordinator = summary.Coordinator()

    async def work() -> None:
        await coordinator.wait_for_stop()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    assert not await coordinator.wait_for_stop(0.001)
    with pytest.raises(ZeroDivisionError):
        await coordinator.join([asyncio.create_task(work()), asyncio.create_task(fail())])
    assert coordinator.should_stop()
    coordinator.clear_stop()
    assert not coordinator.should_stop()
    coordinator.request_stop(StopIteration())
    await coordinator.join([asyncio.create_task(work())])
    await summary.Coordinator().join()


async def test_tasks_that_do_not_stop() -> None:
    """Are cancelled when their time is up."""
    coordinator = summary.Coordinator()
    task = asyncio.create_task(asyncio.Event().wait())
    coordinator.request_stop()
    await coordinator.join([task], stop_grace_period_secs=0.01)
    assert task.cancelled()


async def test_tasks_that_end_by_themselves() -> None:
    """Need no stop."""
    await summary.Coordinator().join([asyncio.create_task(asyncio.sleep(0))])
