"""The short way of a scalar: it does what the resource does, or leaves it to the resource."""

import asyncio
import contextlib
import math
import os
import threading
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asyncsummary as summary
from asyncsummary.errors import SummaryError, WriterClosedError, WrongLoopError
from asyncsummary.handle import FileWriterHandle
from asyncsummary.queue import Overflow
from tests.support.scalar_calls import Deaf, families, names, numbers, scopes, steps
from tests.support.turns import counted_turns
from tests.support.writing import Bench

calls = st.tuples(names, numbers, steps, families, scopes)


async def outcomes(writer: FileWriterHandle, made: list[tuple[Any, ...]]) -> list[object]:
    """Make the calls, and say what each returned or raised."""
    found: list[object] = []
    for name, value, step, family, scope in made:
        with summary.name_scope(scope):
            try:
                found.append(await writer.scalar(name, value, step, family))
            except SummaryError as error:
                found.append((type(error), str(error)))
            except ValueError as error:
                found.append(("its own", str(error)))
    return found


def played(made: list[tuple[Any, ...]], *, use_lane: bool) -> tuple[list[object], str, int]:
    """Make the calls twice, so that the second time all tags are known; return what came of it."""

    async def play() -> tuple[list[object], str, int]:
        bench = Bench()
        writer = bench.writer()
        if not use_lane:
            writer._lane = writer._resource.lane = Deaf()
        summary.set_step(11)
        async with writer:
            found = await outcomes(writer, made) + await outcomes(writer, made)
            accepted = writer.stats.accepted
        return found, repr(bench.scalars()), accepted  # repr, since NaN is not equal to itself

    return asyncio.run(play())


@settings(max_examples=60, deadline=None)
@given(st.lists(calls, max_size=12))
def test_both_ways_do_the_same(made: list[tuple[Any, ...]]) -> None:
    """Return values, errors with their messages, and what is written: for any arguments, in any order."""
    assert played(made, use_lane=True) == played(made, use_lane=False)


async def test_known_tags_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second scalar of a tag on the resource is not asked any more; but for the first of each batch."""
    bench = Bench()
    async with bench.writer() as writer:
        assert isinstance(writer, FileWriterHandle)
        asked: list[object] = []
        general = writer._resource.scalar

        async def noted(*args: Any) -> bool:
            asked.append(args[0])
            return await general(*args)

        monkeypatch.setattr(writer._resource, "scalar", noted)
        for step in range(100):
            for tag in ("a", "b"):
                await writer.scalar(tag, 0.5, step)
        assert asked == ["a", "b"]
        await writer.flush()
        await writer.scalar("a", 0.5, 100)
        await writer.scalar("a", 0.5, 101)
        assert asked == ["a", "b", "a"]
    assert len(bench.steps()) == 202


@pytest.mark.parametrize("overflow", [Overflow.DROP_NEWEST, Overflow.DROP_OLDEST])
async def test_limits_hold(overflow: Overflow) -> None:
    """The bounds of the queue are those of the general way, to the summary."""
    bench = Bench()
    async with bench.writer(summaries=50, overflow=overflow) as writer:
        results = [await writer.scalar("a", 0.5, step) for step in range(120)]
        dropped = writer.stats.dropped
    if overflow is Overflow.DROP_NEWEST:
        assert (results.count(True), dropped, bench.steps()) == (50, 70, list(range(50)))
    else:  # an eighth more than needed is dropped at once
        assert 70 <= dropped <= 76
        assert bench.steps() == list(range(dropped, 120))


async def test_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long tag that comes later is counted as what it is."""
    bench = Bench()
    async with bench.writer(pending_bytes=10_000, overflow=Overflow.DROP_NEWEST) as writer:
        assert isinstance(writer, FileWriterHandle)
        await writer.scalar("a", 0.5, 0)
        long = "x" * 900
        results = [await writer.scalar(tag, 0.5, step) for step in range(1, 20) for tag in ("a", long)]
        pipeline = writer._resource._pipeline
        assert pipeline is not None
        assert pipeline.queue.pending_bytes <= 10_000
        assert False in results
    assert results.count(True) + 1 == writer.stats.committed == len(bench.steps())


async def test_closed_and_opened_again() -> None:
    """The short way ends with ``close``, and begins again with ``init``."""
    bench = Bench()
    writer = bench.writer()
    await writer.init()
    await writer.scalar("a", 0.5, 1)
    await writer.close()
    with pytest.raises(WriterClosedError):
        await writer.scalar("a", 0.5, 2)
    await writer.init()
    await writer.scalar("a", 0.5, 3)
    await writer.scalar("a", 0.5, 4)
    await writer.close()
    assert bench.steps() == [1, 3, 4]


async def test_while_closing() -> None:
    """What comes after ``close`` was called is refused, though storage is still at work."""
    bench = Bench()
    writer = bench.writer()
    await writer.scalar("a", 0.5, 1)
    await writer.scalar("a", 0.5, 2)
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    with pytest.raises(WriterClosedError):
        await writer.scalar("a", 0.5, 3)
    await closing
    assert bench.steps() == [1, 2]


def test_another_loop_of_the_same_thread() -> None:
    """A loop that is not running, and not closed, still owns the writer."""
    bench = Bench()
    owner = asyncio.new_event_loop()
    writer = bench.writer()

    async def warm() -> None:
        await writer.scalar("a", 0.5, 1)
        await writer.scalar("a", 0.5, 2)

    async def from_outside() -> None:
        with pytest.raises(WrongLoopError):
            await writer.scalar("a", 0.5, 3)

    owner.run_until_complete(warm())
    asyncio.run(from_outside())
    owner.run_until_complete(writer.close())
    owner.close()
    assert bench.steps() == [1, 2]


async def test_another_thread() -> None:
    """A thread with a loop of its own is refused while the owner runs."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.scalar("a", 0.5, 1)
        await writer.scalar("a", 0.5, 2)
        raised: list[type[BaseException]] = []

        def other() -> None:
            try:
                asyncio.run(_write(writer, 3))
            except SummaryError as error:
                raised.append(type(error))

        thread = threading.Thread(target=other)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert raised == [WrongLoopError]
    assert bench.steps() == [1, 2]


async def _write(writer: summary.SummaryWriter, step: int) -> None:
    await writer.scalar("a", 0.5, step)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
async def test_a_forked_child() -> None:
    """It is refused by the copy of its parent's writer."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.scalar("a", 0.5, 1)
        await writer.scalar("a", 0.5, 2)
        child = os.fork()
        if not child:
            code = 1
            with contextlib.suppress(BaseException):
                try:
                    writer.scalar("a", 0.5, 3).send(None)
                except WrongLoopError:
                    code = 0
            os._exit(code)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
    assert bench.steps() == [1, 2]


# Several at once


async def test_scalars() -> None:
    """A number for each tag, in order, at one step and one time."""
    bench = Bench()
    async with bench.writer() as writer:
        with summary.name_scope("train"):
            assert await writer.scalars({"loss": 0.5, "accuracy": np.float32(0.25), "count": 3}, 7) is True
        assert await writer.scalars({}, 8) is True
        await writer.scalars({"a": 1.0}, 9, family="fam")
    assert bench.scalars() == [("train/loss", 7, 0.5), ("train/accuracy", 7, 0.25), ("train/count", 7, 3.0), ("fam/fam/a", 9, 1.0)]
    times = {event.wall_time for event in bench.events() if event.step == 7}
    assert len(times) == 1


@pytest.mark.parametrize(
    ("values", "step", "said"),
    [
        ({"a": 1.0, "b": "x"}, 1, "value of tag 'b'"),
        ({"a": 1.0, 3: 1.0}, 1, "name: a tag must be a str, got 3"),
        ({"a": 1.0}, 1.5, "step of tag 'a'"),
        ({"a": 1.0, "b": 1e39}, 1, "value of tag 'b'"),
        ([("a", 1.0)], 1, "values: must map tags to numbers"),
    ],
)
async def test_scalars_are_checked_before_any_is_accepted(values: Any, step: Any, said: str) -> None:
    """One bad number, and nothing of the call is written; later calls work."""
    bench = Bench()
    async with bench.writer() as writer:
        with pytest.raises(summary.InvalidArgumentError, match=said):
            await writer.scalars(values, step)
        await writer.scalars({"a": 2.0}, 2)
    assert bench.scalars() == [("a", 2, 2.0)]


async def test_scalars_of_a_bad_family() -> None:
    """The error is ours, for whatever is no str."""
    async with Bench().writer() as writer:
        for family in (3, ["f"]):
            with pytest.raises(summary.InvalidTypeError, match="family of tag 'a'"):
                await writer.scalars({"a": 1.0}, 1, cast(Any, family))


async def test_scalars_find_room_together() -> None:
    """All of a call is dropped, or none."""
    bench = Bench()
    async with bench.writer(summaries=5, overflow=Overflow.DROP_NEWEST) as writer:
        assert await writer.scalars({"a": 1.0, "b": 1.0, "c": 1.0}, 1) is True
        assert await writer.scalars({"a": 1.0, "b": 1.0, "c": 1.0}, 2) is False
        assert await writer.scalars({"a": 1.0, "b": 1.0}, 3) is True
        assert (writer.stats.accepted, writer.stats.dropped) == (5, 3)
    assert bench.steps() == [1, 1, 1, 3, 3]


async def test_more_scalars_than_the_queue_holds() -> None:
    """Are let in when nothing else is there."""
    bench = Bench()
    async with bench.writer(summaries=5) as writer:
        await writer.scalar("x", 0.5, 0)
        assert await writer.scalars({f"t{n}": float(n) for n in range(9)}, 1) is True
    assert len(bench.steps()) == 10


async def test_scalar_series() -> None:
    """Arrays of points, with their own times or one for all."""
    bench = Bench()
    async with bench.writer() as writer:
        assert await writer.scalar_series("a", [1.0, 2.0, 3.0], [0, 1, 2]) is True
        assert await writer.scalar_series("a", np.array([4, 5]), np.array([3, 4], np.uint8), wall_times=[10.0, 11.0]) is True
        assert await writer.scalar_series("a", [], []) is True
    assert bench.scalars() == [("a", step, step + 1.0) for step in range(5)]
    assert [event.wall_time for event in bench.events() if event.step in {3, 4}] == [10.0, 11.0]


async def test_a_series_longer_than_the_queue() -> None:
    """Waits for room in pieces, and lets others have their turns; the caller's arrays may change at once."""
    bench = Bench()
    values = np.arange(300_000, dtype=np.float32)
    async with counted_turns() as turns, bench.writer(summaries=100_000, pending_bytes=1 << 24) as writer:
        call = asyncio.create_task(writer.scalar_series("a", values, np.arange(300_000)))
        await asyncio.sleep(0)
        values[:] = -1.0
        await call
    assert [value for _, _, value in bench.scalars()] == [float(value) for value in range(300_000)]
    assert turns.count > 5


@pytest.mark.parametrize("overflow", [Overflow.RAISE, Overflow.DROP_NEWEST])
async def test_a_series_finds_room_where_there_is_some(overflow: Overflow) -> None:
    """Where not all of it has room, most of the room is used, whatever happens to the rest."""
    async with Bench().writer(pending_bytes=1 << 20, summaries=1_000_000, overflow=overflow) as writer:
        await writer.scalar("x", 1.0, 0)
        with contextlib.suppress(summary.QueueFullError):
            await writer.scalar_series("y", np.arange(20_000), np.arange(20_000))
        stats = writer.stats
    assert stats.accepted > 10_000
    assert stats.dropped < 10_000


async def test_bytes_of_a_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for room in pieces that have room."""
    most = 0
    async with Bench().writer(pending_bytes=100_000, summaries=1_000_000) as writer:
        assert isinstance(writer, FileWriterHandle)
        pipeline = writer._resource._pipeline
        assert pipeline is not None
        queue, put = pipeline.queue, pipeline.queue.put_rows

        def noted(rows: bytes, count: int, size: int) -> None:
            nonlocal most
            put(rows, count, size)
            most = max(most, queue.pending_bytes)

        monkeypatch.setattr(queue, "put_rows", noted)
        assert await writer.scalar_series("y", np.arange(20_000), np.arange(20_000)) is True
    assert 0 < most <= 100_000


Call = Callable[[summary.SummaryWriter], Any]
RUN_OF_BAD_SERIES: list[tuple[Call, str]] = [
    (lambda writer: writer.scalar_series("a", [1.0, 2.0], [1]), "steps of tag 'a': must be as many as the values, 2, got 1"),
    (lambda writer: writer.scalar_series("a", [[1.0]], [1]), "values of tag 'a': must be one-dimensional"),
    (lambda writer: writer.scalar_series("a", 1.0, [1]), "values of tag 'a': must be one-dimensional"),
    (lambda writer: writer.scalar_series("a", [True], [1]), "values of tag 'a': must be real numbers"),
    (lambda writer: writer.scalar_series("a", ["x"], [1]), "values of tag 'a': must be real numbers"),
    (lambda writer: writer.scalar_series("a", [1.0], [1.5]), "steps of tag 'a': must be integers"),
    (lambda writer: writer.scalar_series("a", [1.0], [2**63]), "steps of tag 'a': 9223372036854775808 is out of range for int64"),
    (lambda writer: writer.scalar_series("a", [1.0], [1], wall_times=[math.nan]), "wall_times of tag 'a': must be finite"),
    (lambda writer: writer.scalar_series("a", [1.0], [1], wall_times=["x"]), "wall_times of tag 'a': must be seconds"),
    (lambda writer: writer.scalar_series(cast(Any, 3), [1.0], [1]), "name: a tag must be a str"),
]


@pytest.mark.parametrize(("call", "said"), RUN_OF_BAD_SERIES)
async def test_a_bad_series(call: Call, said: str) -> None:
    """Nothing of it is written, and the error names argument and tag."""
    bench = Bench()
    async with bench.writer() as writer:
        with pytest.raises(summary.InvalidSummaryError, match=said):
            await call(writer)
    assert bench.scalars() == []
