"""SummarySaverHook and its timer: the timelines and the errors of the original."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary.protos import START, Event, Summary, Value
from tests.support.events import events_of
from tests.support.writing import Bench


@pytest.fixture(autouse=True)
async def empty_cache() -> AsyncIterator[None]:
    """Each test begins and ends with an empty cache of writers."""
    await summary.FileWriterCache.clear()
    yield
    await summary.FileWriterCache.clear()


def one(tag: str = "t") -> Summary:
    return Summary(value=[Value(tag=tag, simple_value=1.0)])


def saved(events: list[Event]) -> list[int]:
    """Return the steps of the summaries."""
    return [event.step for event in events if event.summary.value]


def starts(events: list[Event]) -> list[int]:
    """Return the steps of the STARTs."""
    return [event.step for event in events if event.session_log.status == START]


async def loop(
    hook: summary.SummarySaverHook, runs: int, increment: int = 1, start: int = 0, after: Callable[[], None] = lambda: None
) -> None:
    """Run a training loop whose train op increments the global step."""
    step = summary.get_or_create_global_step().assign(start)
    async with summary.MonitoredSession(hooks=[hook]) as session:
        for _ in range(runs):
            await session.run(lambda: step.assign_add(increment))
            after()


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("save_steps", "runs", "increment", "start", "steps"),
    [
        (1, 30, 1, 0, list(range(1, 31))),
        (2, 30, 1, 0, list(range(1, 30, 2))),
        (3, 30, 1, 0, list(range(1, 29, 3))),
        (8, 30, 1, 0, [1, 9, 17, 25]),
        (30, 30, 1, 0, [1]),
        (2, 5, 1, 100, [101, 103, 105]),
        (8, 8, 5, 0, [5, 25]),
        (5, 6, 5, 0, [5, 20]),
        (6, 8, 5, 0, [5, 20, 35]),
        (2, 5, 2, 0, [2, 6, 10]),
        (3, 5, 2, 0, [2, 8]),
        (1, 3, 0, 0, [0, 0, 0]),
        (2, 5, 0, 0, [0, 0, 0]),
        (0, 4, 1, 0, [1, 2, 3, 4]),
        (-1, 4, 1, 0, [1, 2, 3, 4]),
    ],
)
async def test_every_n_steps(save_steps: int, runs: int, increment: int, start: int, steps: list[int], tmp_path: Path) -> None:
    """At the steps of the original, with a START at the first."""
    await loop(summary.SummarySaverHook(save_steps, output_dir=tmp_path, summary_op=one()), runs, increment, start)
    events = events_of(tmp_path)
    assert saved(events) == steps
    assert starts(events) == [start + increment]


@pytest.mark.parametrize(
    ("save_secs", "per_run", "runs", "steps"),
    [(0.5, 0.5, 4, [1, 2, 3, 4]), (9, 3.1, 8, [1, 4, 7]), (0, 1.0, 3, [1, 2, 3]), (1, 0.0, 4, [1]), (1, -1.0, 4, [1])],
)
async def test_every_n_seconds(save_secs: float, per_run: float, runs: int, steps: list[int], tmp_path: Path) -> None:
    """By a clock that goes on, stands still, or goes back."""
    clock = Clock()

    def tick() -> None:
        clock.now += per_run

    hook = summary.SummarySaverHook(save_secs=save_secs, output_dir=tmp_path, summary_op=one(), clock=clock)
    await loop(hook, runs, after=tick)
    assert saved(events_of(tmp_path)) == steps


async def test_a_hook_used_twice(tmp_path: Path) -> None:
    """START again, and the first run is saved though the timer remembers a higher step."""
    hook = summary.SummarySaverHook(3, output_dir=tmp_path, summary_op=one())
    for _ in range(2):
        await loop(hook, 5)
    assert saved(events_of(tmp_path)) == [1, 4, 1, 4]
    assert starts(events_of(tmp_path)) == [1, 1]


@pytest.mark.parametrize("is_kept", [False, True])
def test_in_a_later_event_loop(is_kept: bool, tmp_path: Path) -> None:
    """A new hook, or the one of the loop before, goes on in the same folder."""

    def made() -> summary.SummarySaverHook:
        return summary.SummarySaverHook(1, output_dir=tmp_path, summary_op=one())

    hook = made()
    with pytest.warns(ResourceWarning, match="left open when its event loop shut down; 0 summaries were not committed"):
        for start in (0, 3):
            asyncio.run(loop(hook if is_kept else made(), 3, start=start))
    assert saved(events_of(tmp_path)) == [1, 2, 3, 4, 5, 6]


async def test_two_hooks_in_one_directory(tmp_path: Path) -> None:
    """One file, two STARTs, and at each step the order of the hooks."""
    step = summary.get_or_create_global_step()
    hooks = [summary.SummarySaverHook(2, output_dir=str(tmp_path), summary_op=one(tag)) for tag in ("one", "two")]
    async with summary.MonitoredSession(hooks=hooks) as session:
        for _ in range(3):
            await session.run(step.assign_add)
    assert len(list(tmp_path.iterdir())) == 1
    events = events_of(tmp_path)
    assert starts(events) == [1, 1]
    assert [(event.step, event.summary.value[0].tag) for event in events if event.summary.value] == [
        (1, "one"),
        (1, "two"),
        (3, "one"),
        (3, "two"),
    ]


async def test_the_op_runs_on_saved_steps_only(tmp_path: Path) -> None:
    """And after the train op, so that it sees what the step has computed."""
    step = summary.get_or_create_global_step()
    seen: list[int] = []

    async def op() -> Summary:
        seen.append(int(step))
        return Summary(value=[Value(tag="t", simple_value=float(int(step)))])

    await loop(summary.SummarySaverHook(4, output_dir=tmp_path, summary_op=op), 10)
    assert seen == [1, 5, 9]
    assert [event.summary.value[0].simple_value for event in events_of(tmp_path) if event.summary.value] == [1.0, 5.0, 9.0]


@pytest.mark.parametrize(
    "op",
    [one(), one().SerializeToString(), one, lambda: one().SerializeToString(), [one(), one], (one(), one)],
    ids=["message", "bytes", "callable", "callable-bytes", "list", "tuple"],
)
async def test_forms_of_ops(op: Any, tmp_path: Path) -> None:
    """Whatever it is, each of its summaries is written at the step."""
    await loop(summary.SummarySaverHook(1, output_dir=tmp_path, summary_op=op), 2)
    count = len(op) if isinstance(op, list | tuple) else 1
    assert saved(events_of(tmp_path)) == [1] * count + [2] * count


async def test_scaffold(tmp_path: Path) -> None:
    """Has the op; if it has none, nothing is saved but the START."""
    await loop(summary.SummarySaverHook(1, output_dir=tmp_path / "a", scaffold=summary.Scaffold(summary_op=one())), 2)
    await loop(summary.SummarySaverHook(1, output_dir=tmp_path / "b", scaffold=summary.Scaffold()), 2)
    assert saved(events_of(tmp_path / "a")) == [1, 2]
    assert (saved(events_of(tmp_path / "b")), starts(events_of(tmp_path / "b"))) == ([], [1])


async def test_any_writer(tmp_path: Path) -> None:
    """A FileWriter, a SummaryWriter, and one that does nothing."""
    async with summary.FileWriter(tmp_path) as file_writer:
        await loop(summary.SummarySaverHook(1, summary_writer=file_writer, summary_op=one()), 2)
        assert saved(events_of(tmp_path)) == [1, 2]
    bench = Bench()
    async with bench.writer() as writer:
        await loop(summary.SummarySaverHook(1, summary_writer=writer, summary_op=one()), 2)
        assert saved(bench.events()) == [1, 2]
    await loop(summary.SummarySaverHook(1, summary_writer=summary.create_noop_writer(), summary_op=one()), 2)
    with pytest.raises(TypeError, match="summary_writer: "):
        summary.SummarySaverHook(1, summary_writer="runs", summary_op=one())  # type: ignore[arg-type]  # a user's mistake


async def test_without_writer_and_directory() -> None:
    """It runs, evaluates the op each time, and writes nothing."""
    seen: list[int] = []
    await loop(summary.SummarySaverHook(2, summary_op=lambda: seen.append(1)), 3)
    assert seen == [1, 1, 1]


async def test_the_end_flushes_and_does_not_close(tmp_path: Path) -> None:
    """So that the writer may serve others."""
    async with summary.FileWriter(tmp_path) as writer:
        await loop(summary.SummarySaverHook(1, summary_writer=writer, summary_op=one()), 1)
        assert (writer.stats.pending, writer.closed) == (0, False)
        await writer.add_summary(one(), 9)
    assert saved(events_of(tmp_path)) == [1, 9]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Exactly one of scaffold or summary_op must be provided."),
        ({"scaffold": summary.Scaffold(), "summary_op": 1}, "Exactly one of scaffold or summary_op must be provided."),
        ({"summary_op": 1}, "Either every_secs or every_steps should be provided."),
        ({"summary_op": 1, "save_steps": 1, "save_secs": 1}, "Can not provide both every_secs and every_steps."),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    """In the original's words and order."""
    with pytest.raises(ValueError, match=message):
        summary.SummarySaverHook(**arguments)


async def test_no_global_step(tmp_path: Path) -> None:
    """Is told when the session begins."""
    session = summary.MonitoredSession(hooks=[summary.SummarySaverHook(1, output_dir=tmp_path, summary_op=one())])
    with pytest.raises(RuntimeError, match=r"Global step should be created to use SummarySaverHook\."):
        await session.__aenter__()


async def test_a_bad_summary_ends_the_loop(tmp_path: Path) -> None:
    """The error leaves run()."""
    with pytest.raises(summary.InvalidSummaryError, match="no serialised Summary"):
        await loop(summary.SummarySaverHook(1, output_dir=tmp_path, summary_op=b"\xff\xff"), 2)


def test_timer() -> None:
    """Boundary inclusive; never twice at one step, nor at a smaller one by steps."""
    timer = summary.SecondOrStepTimer(every_steps=3)
    assert timer.last_triggered_step() is None
    assert timer.should_trigger_for_step(5)
    assert timer.update_last_triggered_step(5) == (None, None)
    assert [timer.should_trigger_for_step(step) for step in (4, 5, 6, 7, 8, 9)] == [False, False, False, False, True, True]
    assert timer.last_triggered_step() == 5
    timer.reset()
    assert timer.should_trigger_for_step(5)
    clock = Clock()
    timer = summary.SecondOrStepTimer(every_secs=2.0, clock=clock)
    timer.update_last_triggered_step(1)
    assert not timer.should_trigger_for_step(2)
    clock.now += 2.0
    assert timer.should_trigger_for_step(2)
    assert not timer.should_trigger_for_step(1)
    assert timer.update_last_triggered_step(4) == (2.0, 3)
