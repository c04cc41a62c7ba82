"""The one task: batching by a real timer, and every promise of flush and close, with storage at its worst. On a clock that jumps."""

import asyncio
import contextlib
import logging
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
import asyncsummary_storage.memory as memory
from asyncsummary import encode as encode_module
from asyncsummary import looking as looking_module
from asyncsummary import outflow
from asyncsummary import work as work_module
from asyncsummary.config import Durability, ForeignWriter
from asyncsummary.errors import CommitError, FlushTimeoutError, OpenError, PipelineError, QueueFullError, WriterClosedError
from asyncsummary.order import LatePolicy
from asyncsummary.plan import KIB
from asyncsummary.protos import START
from asyncsummary.queue import Overflow
from asyncsummary.values.embedding import Embedding
from asyncsummary.values.histogram import HistogramContent
from asyncsummary_storage import (
    AccessDeniedError,
    ContainerMissingError,
    Fault,
    Growth,
    Position,
    PreconditionFailedError,
    SegmentFullError,
    Terms,
    ThrottledError,
    UnsupportedError,
    When,
)
from asyncsummary_storage.memory import MemorySegment
from tests.support.events import events_in
from tests.support.writing import Bench

pytestmark = pytest.mark.virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(condition: Any) -> None:
    """Let other tasks run until the condition holds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


# Opening


async def test_the_first_events() -> None:
    """A segment begins with its version, at the second that is in its name; the run's first one then says that a session starts."""
    bench = Bench()
    async with bench.writer():
        assert len(bench.names) == 1
    version, start = bench.events()
    assert (version.file_version, version.step) == ("brain.Event:2", 0)
    assert version.wall_time == int(version.wall_time)
    assert f".{int(version.wall_time):010d}." in bench.names[0]
    assert start.session_log.status == START


async def test_opening_waits_for_storage() -> None:
    """Storage that comes back in time is waited for."""
    bench = Bench()
    bench.script.then(Fault("open"), Fault("open"), Fault("open"), Fault("append"))
    async with bench.writer() as writer:
        assert writer.stats.retries == 4
    assert len(bench.events()) == 2


@pytest.mark.parametrize("operation", ["open", "put"])
@pytest.mark.parametrize(("asked", "waited"), [(7.0, 14.0), (31.0, 0.0)])
async def test_the_wait_that_storage_asks_for(operation: str, asked: float, waited: float) -> None:
    """Is kept whatever was asked of it, or not begun where there is no time for it."""
    bench = Bench()
    writer = bench.writer(retry_seconds=30.0)
    fault = Fault(operation, error=lambda: ThrottledError("slow down", retry_after=asked))
    bench.script.then(fault, fault)
    with contextlib.suppress(OpenError, CommitError):
        await writer.init()
        await writer.embedding("e", [[1.0, 2.0]], 0)
        await writer.flush()
    assert waited == pytest.approx(now(), abs=0.01)
    bench.script.heal()
    await writer.close()


async def test_opening_ends_when_time_is_up() -> None:
    """A trainer is not held up for ever by storage that is away; the next use tries again."""
    bench = Bench()
    bench.script.always([Fault("open")])
    writer = bench.writer(retry_seconds=30.0)
    with pytest.raises(OpenError, match=r"cannot open logdir 'in-memory:run': scripted") as caught:
        await writer.init()
    assert caught.value.retriable
    assert 20.0 < now() <= 30.0
    bench.script.heal()
    await writer.scalar("t", 1.0, 1)
    await writer.close()
    assert bench.steps() == [1]


@pytest.mark.parametrize("operation", ["open", "append"])
async def test_a_permanent_error_is_told_at_once(operation: str) -> None:
    """No retry helps against a missing bucket."""
    bench = Bench()
    bench.script.then(Fault(operation, error=lambda: ContainerMissingError("there is no bucket 'b'; create it")))
    writer = bench.writer()
    with pytest.raises(OpenError, match="create it") as caught:
        await writer.init()
    assert not caught.value.retriable
    assert now() == 0.0
    await writer.init()
    await writer.close()


async def test_a_hanging_open_is_given_up() -> None:
    """Also when storage does not even say no."""
    bench = Bench()
    bench.script.always([Fault("open", When.HANG_BEFORE)])
    writer = bench.writer(retry_seconds=30.0)
    with pytest.raises(OpenError, match="no answer"):
        await writer.init()
    assert now() <= 50.0
    await writer.close()


async def test_many_tasks_open_once() -> None:
    """Whoever comes first opens, the others wait for it."""
    bench = Bench()
    writer = bench.writer()
    await asyncio.gather(*(writer.scalar("t", 1.0, step) for step in range(8)))
    await writer.close()
    assert bench.script.calls.count("open") == 1
    assert bench.steps() == list(range(8))


# Batching


async def test_a_real_timer_flushes() -> None:
    """What waits is written after flush_millis, though nobody writes any more."""
    bench = Bench()
    async with bench.writer(flush_seconds=7.0) as writer:
        await asyncio.sleep(100.0)
        await writer.scalar("t", 1.0, 1)
        await asyncio.sleep(6.9)
        assert bench.steps() == []
        await asyncio.sleep(0.2)
        assert bench.steps() == [1]
        await writer.scalar("t", 1.0, 2)
        await asyncio.sleep(6.9)
        assert bench.steps() == [1]
        await asyncio.sleep(0.2)
        assert bench.steps() == [1, 2]


@pytest.mark.parametrize(("max_queue", "counts"), [(0, [1, 2, 3]), (1, [0, 2, 2]), (2, [0, 0, 3]), (None, [0, 0, 0])])
async def test_max_queue(max_queue: int | None, counts: list[int]) -> None:
    """A batch is written when more than max_queue summaries wait."""
    bench = Bench()
    found = []
    async with bench.writer(max_queue=max_queue) as writer:
        for step in range(3):
            await writer.scalar("t", 1.0, step)
            await asyncio.sleep(1.0)
            found.append(len(bench.steps()))
    assert found == counts
    assert bench.steps() == [0, 1, 2]


async def test_bytes_make_a_batch() -> None:
    """A queue that is half full is written, whatever its number of summaries."""
    bench = Bench()
    async with bench.writer(pending_bytes=2000) as writer:
        for step in range(40):
            await writer.scalar("t", 1.0, step)
            await asyncio.sleep(0.1)
        assert 0 < len(bench.steps()) < 40
    assert bench.steps() == list(range(40))


async def test_a_burst_is_one_batch() -> None:
    """Coroutines that write in turns, without a pause, do not get an append for each turn; the first turn without a write ends it."""
    bench = Bench()
    async with bench.writer(max_queue=10) as writer:
        before = bench.appends()
        for step in range(200):
            await writer.scalar("t", 1.0, step)
            if step % 20 == 19:
                await asyncio.sleep(0)
        await until(lambda: bench.steps() == list(range(200)))
        assert bench.appends() - before == 1
        assert now() == 0.0


@pytest.mark.parametrize("end", ["flush", "close"])
async def test_a_burst_holds_nobody_up(end: str) -> None:
    """Whoever flushes or closes while others write without a pause waits for what came before, and not for their end."""
    bench = Bench()
    async with bench.writer(max_queue=10) as writer:

        async def write() -> None:
            with contextlib.suppress(WriterClosedError):
                for step in range(20_000):
                    await writer.scalar("busy", 1.0, step)
                    if step % 20 == 19:
                        await asyncio.sleep(0)

        busy = asyncio.create_task(write())
        await until(lambda: writer.stats.accepted > 100)
        before = bench.appends()
        await getattr(writer, end)()
        assert bench.appends() == before + 1
        assert 100 < len(bench.steps()) < 400
        busy.cancel()


async def test_a_burst_ends_when_it_has_grown_enough() -> None:
    """Memory is not filled while others write without a pause: bytes end it as they make a batch."""
    bench = Bench()
    async with bench.writer(max_queue=10, pending_bytes=20_000) as writer:
        for step in range(300):
            await writer.scalar("t", 1.0, step)
            await asyncio.sleep(0)
            assert writer.stats.pending < 180  # of 62 bytes each


async def test_load_makes_batches_larger_not_later() -> None:
    """What comes while an append is on its way goes out together in the next one."""
    bench = Bench()
    async with bench.writer(max_queue=0) as writer:
        before = bench.appends()
        bench.script.gate = asyncio.Event()
        for step in range(50):
            await writer.scalar("t", 1.0, step)
            await asyncio.sleep(0.01)
        assert bench.appends() - before == 1
        bench.script.gate.set()
        await writer.flush()
        assert bench.appends() - before == 2
    assert bench.steps() == list(range(50))


async def test_steps_are_put_in_order_within_a_batch() -> None:
    """Per tag, whatever the order in which coroutines came; times go with their values."""
    bench = Bench()
    async with bench.writer() as writer:
        for tag, step in [("a", 3), ("b", 9), ("a", 1), ("a", 2), ("b", 8)]:
            await writer.scalar(tag, step, step)
    assert [(tag, step) for tag, step, _ in bench.scalars()] == [("a", 1), ("b", 8), ("a", 2), ("a", 3), ("b", 9)]
    assert all(step == value for _, step, value in bench.scalars())


async def test_late_steps_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """They are kept, counted, and logged once per tag."""
    bench = Bench()
    async with bench.writer() as writer:
        for step in (5, 3, 2):
            await writer.scalar("t", 1.0, step)
            await writer.flush()
        assert (writer.stats.late, writer.stats.dropped) == (2, 0)
    assert bench.steps() == [5, 3, 2]
    assert sum("'t' got a step below" in record.message for record in caplog.records) == 1


async def test_late_steps_dropped() -> None:
    """Each is counted, and flush does not wait for it."""
    bench = Bench()
    async with bench.writer(late_steps=LatePolicy.DROP) as writer:
        for step in (5, 3, 6):
            await writer.scalar("t", 1.0, step)
            await writer.flush()
        stats = writer.stats
        assert (stats.accepted, stats.committed, stats.late, stats.dropped, stats.pending) == (3, 2, 1, 1, 0)
    assert bench.steps() == [5, 6]


async def test_large_batches() -> None:
    """A batch of more than the encoder takes in one go is whole, and in order."""
    bench = Bench()
    count = 70_000
    writer = bench.writer(summaries=10**6, pending_bytes=1 << 30)
    given = [(f"t{step % 3}", (step * 7919) % count) for step in range(count)]
    for tag, step in given:
        await writer.scalar(tag, 1.0, step)
    await writer.flush()
    found = [(tag, step) for tag, step, _ in bench.scalars()]
    for name in ("t0", "t1", "t2"):
        assert sorted(step for tag, step in found if tag == name) == sorted(step for tag, step in given if tag == name)
    first = [step for tag, step in found[:60_000] if tag == "t0"]
    assert first == sorted(first)
    await writer.close()


async def test_segments_roll() -> None:
    """Where a segment is written again as a whole, it stays small; each begins with its version and holds each event once."""
    bench = Bench(growth=Growth.REWRITE)
    async with bench.writer() as writer:
        for step in range(40):
            for index in range(400):
                await writer.scalar(f"tag/{index:03d}", 1.0, step)
            await writer.flush()
        assert writer.stats.segments == len(bench.names) > 2
        assert sum(map(len, bench.disk.content.values())) == writer.stats.bytes
    assert all(len(content) <= 256 * KIB for content in bench.disk.content.values())
    assert all(events_in(content)[0].file_version for content in bench.disk.content.values())
    assert [event.session_log.status for event in bench.events()].count(START) == 1
    assert bench.steps() == [step for step in range(40) for _ in range(400)]


# Flushing


async def test_flush_is_a_barrier() -> None:
    """All that was accepted before is readable when it returns."""
    bench = Bench()
    async with bench.writer() as writer:
        for step in range(5):
            await writer.scalar("t", 1.0, step)
            await writer.flush()
            assert bench.steps() == list(range(step + 1))
        before = bench.appends()
        await writer.flush()
        assert bench.appends() == before


async def test_flushes_share_work() -> None:
    """Ten that wait for the same batch cost one append."""
    bench = Bench()
    async with bench.writer() as writer:
        before = bench.appends()
        await writer.scalar("t", 1.0, 1)
        await asyncio.gather(*(writer.flush() for _ in range(10)))
        assert bench.appends() - before == 1


async def test_flush_waits_for_what_is_on_its_way() -> None:
    """A batch that was taken before the flush belongs to it."""
    bench = Bench()
    async with bench.writer(max_queue=0) as writer:
        bench.script.gate = asyncio.Event()
        before = bench.appends()
        await writer.scalar("t", 1.0, 1)
        await until(lambda: bench.appends() > before)
        flush = asyncio.create_task(writer.flush())
        await asyncio.sleep(1.0)
        assert not flush.done()
        bench.script.gate.set()
        await flush
        assert bench.steps() == [1]


async def held_up(bench: Bench, writer: summary.SummaryWriter) -> asyncio.Task[None]:
    """Have a flush whose append does not get on until the gate opens."""
    bench.script.gate = asyncio.Event()
    before = bench.appends()
    await writer.scalar("t", 1.0, 1)
    flush = asyncio.create_task(writer.flush())
    await until(lambda: bench.appends() > before)
    return flush


async def test_what_is_wanted_is_made_ready_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """While an append is on its way, all that others flush is encoded, and goes out in one append; what nobody wants yet waits."""
    monkeypatch.setattr(work_module, "SMALL_APPEND", 0)
    encoded: list[int] = []
    encode = encode_module.Encoder.encode

    def noted(encoder: Any, batch: Any, failed: Any) -> bytes:
        encoded.append(len(batch))
        return encode(encoder, batch, failed)

    bench = Bench()
    async with bench.writer() as writer:
        flushes = [await held_up(bench, writer)]
        before = bench.appends()
        monkeypatch.setattr(encode_module.Encoder, "encode", noted)
        await writer.scalar("t", 1.0, 2)
        await asyncio.sleep(1.0)
        assert encoded == []
        for step in (3, 4):
            await writer.scalar("t", 1.0, step)
            flushes.append(asyncio.create_task(writer.flush()))
            await until(lambda step=step: len(encoded) == step - 2)
        assert encoded == [2, 1]
        assert not any(flush.done() for flush in flushes)
        await writer.scalar("t", 1.0, 5)
        assert bench.script.gate is not None
        bench.script.gate.set()
        await asyncio.gather(*flushes)
        assert bench.appends() - before == 1
        assert (writer.stats.committed, writer.stats.pending) == (4, 1)
    assert bench.steps() == [1, 2, 3, 4, 5]


async def test_what_was_made_ready_stays_when_storage_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, tried again, and there once, in its order."""
    monkeypatch.setattr(work_module, "SMALL_APPEND", 0)
    bench = Bench()
    writer = bench.writer(retry_seconds=5.0)
    async with writer:
        first = await held_up(bench, writer)
        await writer.scalar("t", 1.0, 2)
        second = asyncio.create_task(writer.flush())
        pipeline = writer._resource._pipeline
        assert pipeline is not None
        await until(lambda: not len(pipeline.queue.waiting))
        bench.script.always([Fault("append")])
        assert bench.script.gate is not None
        bench.script.gate.set()
        await first
        with pytest.raises(CommitError, match="1 summaries"):
            await second
        assert (writer.stats.committed, writer.stats.pending) == (1, 1)
        bench.script.heal()
        await writer.scalar("t", 1.0, 3)
        await writer.flush()
        assert (writer.stats.committed, writer.stats.pending) == (3, 0)
    assert bench.steps() == [1, 2, 3]


async def test_flush_timeout() -> None:
    """Says how many are not committed; they are kept, and a later flush gets them."""
    bench = Bench()
    async with bench.writer() as writer:
        bench.script.always([Fault("append")])
        for step in range(3):
            await writer.scalar("t", 1.0, step)
        with pytest.raises(FlushTimeoutError, match=r"3 summaries are not committed after 2.5 s; they are still waiting") as caught:
            await writer.flush(timeout=2.5)
        assert isinstance(caught.value, TimeoutError)
        assert (caught.value.uncommitted, now()) == (3, 2.5)
        bench.script.heal()
        await writer.flush()
        assert bench.steps() == [0, 1, 2]


async def test_a_cancelled_flush_only_stops_waiting() -> None:
    """The summaries go out all the same."""
    bench = Bench()
    async with bench.writer() as writer:
        bench.script.gate = asyncio.Event()
        await writer.scalar("t", 1.0, 1)
        flush = asyncio.create_task(writer.flush())
        await asyncio.sleep(0.1)
        flush.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flush
        bench.script.gate.set()
        await until(lambda: bench.steps() == [1])


# Trouble


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("append")],
        [Fault("append", When.AFTER)],
        [Fault("append", When.HANG_BEFORE)],
        [Fault("append", When.HANG_AFTER)],
        [Fault("append", error=lambda: ThrottledError("slow down", retry_after=5.0))],
        [Fault("append", When.AFTER), Fault("probe"), Fault("probe", When.HANG_BEFORE)],
        [Fault("append", When.AFTER), Fault("read")],
        [Fault("append")] * 5,
        [Fault("append", When.AFTER), Fault("append", When.AFTER)],
    ],
    ids=lambda faults: " ".join(f"{fault.operation}-{fault.when.name}" for fault in faults),
)
@pytest.mark.parametrize("growth", list(Growth))
async def test_committed_exactly_once(faults: list[Fault], growth: Growth) -> None:
    """Whatever happens to a request before, during or after its effect."""
    bench = Bench(growth=growth)
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        bench.script.then(*faults)
        await writer.scalar("t", 1.0, 2)
        await writer.flush()
        assert bench.steps() == [1, 2]
        await writer.scalar("t", 1.0, 3)
        assert writer.stats.last_error is None
    assert bench.steps() == [1, 2, 3]
    assert len(bench.names) == 1


async def test_training_goes_on_through_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    """Flushes say what is not committed, writes are accepted, and when storage is back everything lands, once and in order."""
    caplog.set_level(logging.WARNING, "asyncsummary")
    bench = Bench()
    async with bench.writer(flush_seconds=1.0, retry_seconds=60.0) as writer:
        bench.script.always([Fault("append")])
        for step in range(300):
            await writer.scalar("t", 1.0, step)
            await asyncio.sleep(1.0)
        with pytest.raises(CommitError, match="300 summaries for 'in-memory:run' are not committed: scripted") as caught:
            await writer.flush()
        assert (caught.value.uncommitted, caught.value.retriable) == (300, True)
        assert (writer.stats.pending, writer.stats.dropped) == (300, 0)
        assert "scripted" in str(writer.stats.last_error)
        bench.script.heal()
        await writer.flush()
        assert (writer.stats.pending, writer.stats.last_error) == (0, None)
    assert bench.steps() == list(range(300))
    assert [record.message.split(": ", 1)[1][:24] for record in caplog.records] == ["storage does not take su", "storage is back, nothing"]


async def test_permanent_trouble_is_told_at_once() -> None:
    """To flush, and to callers who wait for room; what was accepted is kept, and goes out when somebody mends it."""
    bench = Bench()
    async with bench.writer(summaries=3) as writer:
        bench.script.always([Fault("append", error=lambda: AccessDeniedError("may not write; check the policy"))])
        for step in range(3):
            await writer.scalar("t", 1.0, step)
        start = now()
        blocked = asyncio.create_task(writer.scalar("t", 1.0, 3))
        with pytest.raises(CommitError, match="check the policy") as caught:
            await writer.flush()
        assert not caught.value.retriable
        with pytest.raises(CommitError, match="check the policy"):
            await blocked
        with pytest.raises(CommitError, match="check the policy"):
            await writer.scalar("t", 1.0, 4)
        assert now() == start
        bench.script.heal()
        await writer.flush()
        await writer.scalar("t", 1.0, 5)
    assert bench.steps() == [0, 1, 2, 5]


@pytest.mark.parametrize("overflow", [Overflow.DROP_NEWEST, Overflow.DROP_OLDEST])
async def test_permanent_trouble_and_whoever_drops(overflow: Overflow) -> None:
    """Writes go on, and what they drop is counted; flush and close are what raises."""
    bench = Bench()
    async with bench.writer(overflow=overflow, summaries=10, flush_seconds=1.0) as writer:
        bench.script.always([Fault("append", error=lambda: AccessDeniedError("may not write"))])
        written = 0
        for step in range(100):
            written += bool(await writer.scalar("t", 1.0, step))
            await asyncio.sleep(0.5)
            stats = writer.stats
            assert stats.accepted + (step + 1 - written) == stats.committed + stats.pending + stats.dropped
        assert (written, writer.stats.dropped) == ((10, 90) if overflow is Overflow.DROP_NEWEST else (100, 90))
        with pytest.raises(CommitError, match="may not write"):
            await writer.flush()
        bench.script.heal()
    assert len(bench.steps()) == 10


async def test_closing_in_permanent_trouble_does_not_wait_long() -> None:
    """The pause between tries ends when somebody closes."""
    bench = Bench()
    writer = bench.writer()
    await writer.init()
    bench.script.always([Fault("append", error=lambda: AccessDeniedError("may not write"))])
    await writer.scalar("t", 1.0, 1)
    with pytest.raises(CommitError):
        await writer.flush()
    start = now()
    with pytest.raises(CommitError, match="1 summaries not committed"):
        await writer.close()
    assert now() - start <= 1.0


async def test_a_full_queue_holds_the_caller() -> None:
    """With "block", a caller waits for room and then goes on; nothing is lost."""
    bench = Bench()
    async with bench.writer(summaries=5, max_queue=0) as writer:
        bench.script.gate = asyncio.Event()
        task = asyncio.create_task(_write_all(writer, 20))
        await asyncio.sleep(10.0)
        assert writer.stats.accepted == 5
        bench.script.gate.set()
        await task
    assert bench.steps() == list(range(20))


async def _write_all(writer: Any, count: int) -> None:
    for step in range(count):
        await writer.scalar("t", 1.0, step)


async def test_no_room_makes_a_batch_due() -> None:
    """Whoever finds no room does not wait for the timer, though few bytes wait and the rest of the room is not in use."""
    bench = Bench()
    async with bench.writer(summaries=1000, pending_bytes=10_000) as writer:
        await writer.generic("small", [0.0] * 900)
        await writer.generic("large", [0.0] * 2000)
        assert now() == 0.0
        assert writer.stats.committed == 1


async def test_overflow_raise_and_drop(caplog: pytest.LogCaptureFixture) -> None:
    """Each policy does what it says, and drops are counted and logged once."""
    for overflow, steps in ((Overflow.DROP_NEWEST, [0, 1, 2]), (Overflow.DROP_OLDEST, [2, 3, 4]), (Overflow.RAISE, [0, 1, 2])):
        caplog.clear()
        bench = Bench()
        async with bench.writer(summaries=3, overflow=overflow) as writer:
            for step in range(5):
                if overflow is Overflow.RAISE and step >= 3:
                    with pytest.raises(QueueFullError):
                        await writer.scalar("t", 1.0, step)
                else:
                    await writer.scalar("t", 1.0, step)
            await writer.flush()
            assert writer.stats.dropped == (0 if overflow is Overflow.RAISE else 2)
        assert bench.steps() == steps
        assert sum("being dropped" in record.message for record in caplog.records) == (overflow is not Overflow.RAISE)


async def test_a_foreign_writer_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody writes to our segment: nothing of either is overwritten, and we go on in a segment of our own that sorts after it."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        (name,) = bench.names
        theirs = bench.disk.content[name] + bench.disk.content[name][:40]
        bench.disk.store(name, theirs)
        await writer.scalar("t", 1.0, 2)
        await writer.flush()
        assert writer.stats.segments == 2
    assert bench.disk.content[name] == theirs
    assert len(bench.names) == 2
    assert bench.steps() == [1, 2]
    assert "by the doing of somebody else" in caplog.text
    assert "goes on in a segment of its own" in caplog.text


async def resumed_by_two(bench: Bench, **options: Any) -> tuple[summary.SummaryWriter, summary.SummaryWriter]:
    """Let two writers resume one segment; the second has written to it last."""
    first, second = bench.writer(resume=True, **options), bench.writer(resume=True)
    await first.init()
    await first.scalar("t", 1.0, 1)
    await first.flush()
    await second.init()
    await second.scalar("t", 1.0, 2)
    await second.flush()
    await first.scalar("t", 1.0, 3)
    return first, second


async def test_both_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever finds that somebody else has resumed the segment, and who that was."""
    bench = Bench()
    first, second = await resumed_by_two(bench)
    await first.close()
    await second.close()
    myself = f"process {os.getpid()} on {socket.gethostname()}"
    assert f"by the doing of {myself}, resumed at byte" in caplog.text
    assert f"; {myself} left it at byte" in caplog.text
    assert sorted(bench.steps()) == [1, 2, 3]


async def test_overtaken(caplog: pytest.LogCaptureFixture) -> None:
    """Our append was stored and its answer lost, and somebody resumed behind it before we looked: ours is there once."""
    bench = Bench()
    first, second = bench.writer(resume=True), bench.writer(resume=True)
    await first.init()
    await first.scalar("t", 1.0, 1)
    looked = asyncio.Event()

    async def resumed_behind() -> None:
        while "probe" not in bench.script.calls:
            await asyncio.sleep(0)
        bench.script.heal()
        await second.init()
        looked.set()

    bench.script.then(Fault("append", When.AFTER)).always([Fault("probe")])
    await asyncio.gather(first.flush(), resumed_behind())
    await first.scalar("t", 1.0, 2)
    await first.flush()
    await second.scalar("t", 1.0, 3)
    await second.flush()
    assert len(bench.names) == 2
    assert sorted(bench.steps()) == [1, 2, 3]
    assert (first.stats.segments, second.stats.segments) == (2, 0)
    assert caplog.text.count("goes on in a segment of its own") == 1
    await first.close()
    await second.close()


@pytest.mark.virtual_time
@pytest.mark.parametrize("policy", ForeignWriter)
async def test_overtaken_is_told_at_the_next_append(policy: ForeignWriter) -> None:
    """What was stored is committed, and not written once more, whatever the policy makes of the news."""
    bench = Bench()
    first, second = bench.writer(resume=True, foreign_writer=policy), bench.writer(resume=True)
    await first.init()
    await first.scalar("t", 1.0, 1)

    async def resumed_behind() -> None:
        while "probe" not in bench.script.calls:
            await asyncio.sleep(0)
        bench.script.heal()
        await second.init()

    bench.script.then(Fault("append", When.AFTER)).always([Fault("probe")])
    await asyncio.gather(first.flush(), resumed_behind())
    assert (first.stats.committed, first.stats.pending) == (1, 0)
    await first.scalar("t", 1.0, 2)
    if policy is ForeignWriter.CONTINUE:
        await first.close()
        assert bench.steps() == [1, 2]
    else:
        told = r"1 summaries .* ends at byte (\d+) now, by the doing of process .* left it at byte (?!\1)"
        with pytest.raises(summary.ForeignWriterError, match=told):
            await first.flush()
        with pytest.raises(summary.ForeignWriterError, match="with 1 summaries not committed"):
            await first.close()
        assert bench.steps() == [1]
    await second.close()


async def test_fenced_and_told() -> None:
    """foreign_writer="raise": flush and close raise, with a count; nothing of either is overwritten."""
    bench = Bench()
    first, second = await resumed_by_two(bench, foreign_writer=ForeignWriter.RAISE)
    with pytest.raises(summary.ForeignWriterError, match=r"1 summaries .* by the doing of process"):
        await first.flush()
    with pytest.raises(summary.ForeignWriterError, match="with 1 summaries not committed"):
        await first.close()
    await second.close()
    assert bench.steps() == [1, 2]


async def test_a_deleted_segment(caplog: pytest.LogCaptureFixture) -> None:
    """What comes after is written to a new one."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        bench.disk.content.clear()
        await writer.scalar("t", 1.0, 2)
    assert bench.steps() == [2]
    assert "is gone" in caplog.text


class Contested(MemorySegment):
    """A segment that is never where its writer believes it to be."""

    async def append(self, data: bytes, at: Position) -> Position:
        raise PreconditionFailedError("ends elsewhere")

    async def probe(self) -> Position:
        return Position(1, "theirs")

    async def read(self, start: int, stop: int) -> bytes:
        return b"?"


async def test_new_segments_are_not_begun_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every segment turns out to be somebody else's, flush says so, and the summaries wait."""
    bench = Bench()
    async with bench.writer() as writer:
        with monkeypatch.context() as contested:
            contested.setattr(memory, "MemorySegment", Contested)
            bench.disk.content.clear()
            await writer.scalar("t", 1.0, 1)
            with pytest.raises(CommitError, match="3 new segments in a row"):
                await writer.flush()
        await writer.flush()
    assert bench.steps() == [1]


# Closing


async def test_close_commits() -> None:
    """And is idempotent."""
    bench = Bench()
    writer = bench.writer()
    await writer.scalar("t", 1.0, 1)
    await asyncio.gather(writer.close(), writer.close())
    await writer.close()
    assert bench.steps() == [1]
    assert (writer.stats.committed, writer.stats.pending) == (1, 0)


async def test_close_never_hides_a_loss() -> None:
    """Storage stays away until the retry window ends: close says how many are lost, and counts them."""
    bench = Bench()
    writer = bench.writer(retry_seconds=20.0)
    await writer.scalar("t", 1.0, 1)
    await writer.flush()
    bench.script.always([Fault("append")])
    for step in (2, 3):
        await writer.scalar("t", 1.0, step)
    with pytest.raises(CommitError, match="closed 'in-memory:run' with 2 summaries not committed: scripted") as caught:
        await writer.close()
    assert (caught.value.uncommitted, caught.value.retriable) == (2, False)
    assert now() <= 20.0
    assert (writer.stats.dropped, writer.stats.committed, writer.stats.pending) == (2, 1, 0)
    await writer.close()


@pytest.mark.parametrize("late_only", [False, True])
async def test_all_who_close_are_told(late_only: bool) -> None:
    """Of what is lost, in the run or beside it; whoever closes after that is not, and a wait that was cancelled tells nobody."""
    bench = Bench()
    writer = bench.writer(retry_seconds=5.0, late_steps=LatePolicy.SUBRUN)
    await writer.scalar("t", 1.0, 9)
    await writer.flush()
    await writer.scalar("t", 1.0, 3 if late_only else 10)
    bench.script.always([Fault(operation) for operation in (("entries", "open") if late_only else ("append", "probe", "read"))])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.close(), 1.0)
    first, second = await asyncio.gather(writer.close(), writer.close(), return_exceptions=True)
    for error in (first, second):
        assert isinstance(error, CommitError)
        assert (str(error), error.uncommitted, error.__cause__) == (str(first), 1, getattr(first, "__cause__", None))
    assert first is not second
    await writer.close()
    await asyncio.gather(writer.close(), writer.close())


async def test_a_cancelled_close_goes_on() -> None:
    """Only the waiting ends."""
    bench = Bench()
    writer = bench.writer()
    await writer.scalar("t", 1.0, 1)
    bench.script.gate = asyncio.Event()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.close(), 1.0)
    bench.script.gate.set()
    await writer.close()
    assert bench.steps() == [1]


async def test_writing_after_close() -> None:
    """Is an error that names the way back; init opens again, with a new segment."""
    bench = Bench()
    writer = bench.writer()
    await writer.scalar("t", 1.0, 1)
    await writer.close()
    for write in (lambda: writer.scalar("t", 1.0, 2), lambda: writer.import_event(b""), lambda: writer.flush()):
        with pytest.raises(WriterClosedError, match="init"):
            await write()
    await writer.init()
    await writer.scalar("t", 1.0, 3)
    await writer.close()
    assert bench.steps() == [1, 3]
    assert len(bench.names) == 2
    assert (writer.stats.accepted, writer.stats.committed, writer.stats.segments) == (2, 2, 2)


async def test_callers_who_wait_when_it_closes() -> None:
    """Are told that theirs was not accepted; what was accepted is committed."""
    bench = Bench()
    writer = bench.writer(summaries=2)
    await writer.init()
    bench.script.gate = asyncio.Event()
    for step in (1, 2):
        await writer.scalar("t", 1.0, step)
    blocked = asyncio.create_task(writer.scalar("t", 1.0, 3))
    await asyncio.sleep(1.0)
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(1.0)
    with pytest.raises(WriterClosedError, match="while this summary waited"):
        await blocked
    bench.script.gate.set()
    await closing
    assert bench.steps() == [1, 2]


def no_memory(*args: object) -> bytes:
    raise MemoryError("not now")


@pytest.mark.parametrize("spooled", [False, True])
async def test_what_cannot_be_encoded_after_all(
    spooled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Is dropped, counted, and told with its tag; the rest of its batch is written, and so is what comes later."""
    bench = Bench()
    options: dict[str, Any] = {"spool_root": tmp_path, "durability": Durability.SPOOL} if spooled else {}
    async with bench.writer(**options) as writer:
        with monkeypatch.context() as patched:
            patched.setattr(HistogramContent, "summary", no_memory)
            await writer.scalar("t", 1.0, 1)
            await writer.histogram("first", [1.0], 1)
            await writer.histogram("second", [1.0], 1)
            await writer.scalar("t", 1.0, 2)
            said = r"2 summaries of 'in-memory:run' are dropped: .* 'first' .*MemoryError: not now"
            with pytest.raises(CommitError, match=said) as caught:
                await writer.flush()
        assert (caught.value.uncommitted, caught.value.retriable) == (2, False)
        assert (writer.stats.accepted, writer.stats.committed, writer.stats.dropped, writer.stats.pending) == (4, 2, 2, 0)
        await writer.histogram("third", [1.0], 3)
        await writer.flush()
    assert [event.step for event in bench.events() if event.summary.value] == [1, 2, 3]
    assert caplog.text.count("are dropped") == 1


async def test_the_loop_ends_after_something_was_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was dropped, and not told to anybody yet, keeps nothing else from the spool."""
    bench = Bench()
    writer = bench.writer(spool_root=tmp_path, max_queue=0)
    resource = writer._resource
    resource.config = replace(resource.config, farewell_seconds=0.2)
    monkeypatch.setattr(HistogramContent, "summary", no_memory)

    async def main() -> None:
        await writer.histogram("h", [1.0], 1)
        while not writer.stats.dropped:
            await asyncio.sleep(0)
        bench.script.gate = asyncio.Event()  # storage hangs
        for step in range(50):
            await writer.scalar("t", 1.0, step)

    def run() -> None:
        asyncio.run(main())

    with pytest.warns(ResourceWarning, match="51 summaries were not committed"):
        await asyncio.to_thread(run)
    bench.script.gate = None
    async with bench.writer(spool_root=tmp_path):
        pass
    assert bench.steps() == list(range(50))


async def test_an_embedding_that_cannot_be_made_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other summary: the writer goes on."""
    bench = Bench()
    async with bench.writer() as writer:
        with monkeypatch.context() as patched:
            patched.setattr(Embedding, "files", no_memory)
            await writer.embedding("vectors", [[1.0, 2.0]], 1)
            await writer.scalar("t", 1.0, 1)
            with pytest.raises(CommitError, match=r"1 summaries of .* 'vectors' .*MemoryError"):
                await writer.flush()
        assert (writer.stats.committed, writer.stats.dropped) == (1, 1)
    assert bench.steps() == [1]


async def test_the_loop_ends_and_a_bug_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Also in putting what waits into the spool: it is logged, and what is left is told."""

    def broken(*arguments: object) -> bytes:
        raise ZeroDivisionError("a bug")

    bench = Bench()
    writer = bench.writer(spool_root=tmp_path)

    async def main() -> None:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        monkeypatch.setattr(outflow, "concatenated", broken)
        await writer.scalar("t", 1.0, 2)

    def run() -> None:
        asyncio.run(main())

    with pytest.warns(ResourceWarning, match="was left open .*; 1 summaries were not committed"):
        await asyncio.to_thread(run)
    assert "died of ZeroDivisionError" in caplog.text
    assert "nothing more could be put into the spool" in caplog.text
    assert writer.stats.pending == 1


async def test_cancelled_twice_while_an_append_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time in the middle of waiting for the append that the first one has cancelled: the farewell is said all the same."""
    bench = Bench()
    writer = bench.writer(max_queue=0, spool_root=tmp_path)
    await writer.scalar("t", 1.0, 1)
    await writer.flush()
    gate, begun = asyncio.Event(), asyncio.Event()
    append = MemorySegment.append

    async def deaf(segment: MemorySegment, data: bytes, at: Position) -> Position:
        begun.set()
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()
        return await append(segment, data, at)

    monkeypatch.setattr(MemorySegment, "append", deaf)
    await writer.scalar("t", 1.0, 2)
    await begun.wait()
    (task,) = (task for task in asyncio.all_tasks() if "asyncsummary writer" in task.get_name())
    for _ in range(2):
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
    gate.set()
    with pytest.warns(ResourceWarning, match="was left open"):
        await asyncio.wait([task])
    assert task.exception() is None
    assert "died" not in str(writer.stats.last_error)
    assert bench.steps() == [1, 2]


async def test_a_dead_task_fails_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the pipeline reaches whoever waits, the next write, flush and close. Nobody hangs, nothing is silent."""
    bench = Bench()
    writer = bench.writer(summaries=3)
    await writer.init()

    def broken(*args: object) -> bytes:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(encode_module.Encoder, "encode", broken)
    for step in range(3):
        await writer.scalar("t", 1.0, step)
    blocked = asyncio.create_task(writer.scalar("t", 1.0, 3))
    await asyncio.sleep(0)
    for call in (writer.flush(), writer.flush(), blocked, writer.scalar("t", 1.0, 4), writer.flush(), writer.close(), writer.close()):
        with pytest.raises(PipelineError, match=r"died of ZeroDivisionError: a bug; 3 summaries are not committed"):
            await call
    assert (writer.stats.pending, writer.stats.committed) == (3, 0)
    assert "a bug" in str(writer.stats.last_error)
    monkeypatch.undo()
    await writer.init()
    await writer.scalar("t", 1.0, 5)
    await writer.close()
    assert bench.steps() == [5]


async def test_a_bug_while_an_append_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The append does not outlive the task that died; whoever waits is told."""
    bench = Bench()
    monkeypatch.setattr(work_module, "LARGEST_WORK", 100)
    writer = bench.writer()
    await writer.init()
    encode = encode_module.Encoder.encode
    calls = 0

    def broken_later(*args: Any) -> bytes:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ZeroDivisionError("a bug")
        return encode(*args)

    monkeypatch.setattr(encode_module.Encoder, "encode", broken_later)
    bench.script.always([Fault("append", When.HANG_BEFORE)])
    for step in range(10):
        await writer.scalar("t", 1.0, step)
    with pytest.raises(PipelineError, match="ZeroDivisionError"):
        await writer.flush()
    with pytest.raises(PipelineError):
        await writer.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_session_that_does_not_end_well(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is logged; everything was committed before."""

    async def fail(self: object) -> None:
        raise OSError("already gone")

    bench = Bench()
    monkeypatch.setattr(memory.MemoryFolder, "close", fail)
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 1)
    assert bench.steps() == [1]
    assert "already gone" in caplog.text


@pytest.mark.parametrize("operation", ["open", "append", "sweep"])
async def test_a_bug_while_opening(operation: str) -> None:
    """Reaches whoever opens, also where it is beside the first record."""
    bench = Bench()
    bench.script.then(Fault(operation, error=lambda: ZeroDivisionError("a bug")))  # type: ignore[arg-type, return-value]  # no storage error
    writer = bench.writer()
    with pytest.raises(PipelineError, match="ZeroDivisionError"):
        await writer.init()
    await writer.init()
    await writer.close()


async def test_closed_just_when_room_has_come() -> None:
    """The summary is not accepted, since nobody would write it."""
    bench = Bench()
    writer = bench.writer(summaries=1)
    await writer.scalar("t", 1.0, 1)
    blocked = asyncio.create_task(writer.scalar("t", 1.0, 2))
    await asyncio.sleep(0)
    pipeline = writer._resource._pipeline
    assert pipeline is not None
    closing = asyncio.create_task(writer.close())
    pipeline.queue._give_back(1, 0)  # room has come, but close has its turn before the caller
    with pytest.raises(WriterClosedError):
        await blocked
    pipeline.queue._free_summaries -= 1
    await closing
    assert bench.steps() == [1]


# Resuming


@pytest.mark.parametrize("growth", list(Growth))
async def test_resume_goes_on_in_the_last_segment(growth: Growth) -> None:
    """And says so by a START that drops nothing."""
    bench = Bench(growth=growth)
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 5)
    async with bench.writer(resume=True) as writer:
        await writer.scalar("t", 1.0, 3)
    assert len(bench.names) == 1
    assert bench.steps() == [5, 3]
    starts = [event.step for event in bench.events() if event.session_log.status == START]
    assert starts == [2**63 - 1] * 2


async def test_resume_of_a_corrupt_segment() -> None:
    """Leaves it alone and begins a new one behind it."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 1)
    (name,) = bench.names
    whole = bench.disk.content[name]
    broken = whole[:-1] + bytes([whole[-1] ^ 1])
    bench.disk.store(name, broken)
    async with bench.writer(resume=True) as writer:
        await writer.scalar("t", 1.0, 2)
    assert bench.disk.content.pop(name) == broken
    assert bench.names[0] > name
    assert bench.steps() == [2]


async def test_resume_of_a_torn_segment_that_cannot_be_cut() -> None:
    """An object is never shortened: a new one is begun."""
    bench = Bench(growth=Terms(Growth.IN_PLACE))
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 1)
    (name,) = bench.names
    torn = bench.disk.content[name] + b"torn"
    bench.disk.store(name, torn)
    async with bench.writer(resume=True) as writer:
        await writer.scalar("t", 1.0, 2)
    assert bench.disk.content.pop(name) == torn
    assert bench.steps() == [2]


async def test_resume_while_another_goes_on() -> None:
    """Two on one segment: one wins, the other goes on in its own; nothing of either is lost."""
    bench = Bench()
    first = bench.writer()
    await first.scalar("t", 1.0, 1)
    await first.flush()
    async with bench.writer(resume=True) as second:
        await second.scalar("t", 1.0, 10)
        await second.flush()
        await first.scalar("t", 1.0, 2)
        await first.close()
    assert len(bench.names) == 2
    assert sorted(bench.steps()) == [1, 2, 10]


async def test_resume_of_a_segment_that_shrinks_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is looked at again."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.scalar("t", 1.0, 1)
    original = MemorySegment.read
    reads = 0

    async def short(self: MemorySegment, start: int, stop: int) -> bytes:
        nonlocal reads
        reads += 1
        return b"" if reads == 1 else await original(self, start, stop)

    monkeypatch.setattr(MemorySegment, "read", short)
    async with bench.writer(resume=True) as writer:
        await writer.scalar("t", 1.0, 2)
    assert bench.steps() == [1, 2]


async def test_resume_of_a_long_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scan may take longer than one request may."""
    bench = Bench()
    async with bench.writer() as writer:
        for step in range(100):
            await writer.scalar("t", 1.0, step)
    original = MemorySegment.read

    async def slow(self: MemorySegment, start: int, stop: int) -> bytes:
        await asyncio.sleep(10.0)
        return await original(self, start, stop)

    monkeypatch.setattr(MemorySegment, "read", slow)
    monkeypatch.setattr(looking_module, "READ_BYTES", 100)
    async with bench.writer(resume=True) as writer:
        assert now() > 300.0
        await writer.scalar("t", 1.0, 100)
    assert len(bench.names) == 1
    assert bench.steps() == list(range(101))


async def test_the_moment_of_death(monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on nothing is accepted, though the task still gives back its session."""
    bench = Bench()
    writer = bench.writer()
    await writer.init()
    closing = asyncio.Event()

    async def slow_close(self: object) -> None:
        await closing.wait()

    def broken(*args: object) -> bytes:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(memory.MemoryFolder, "close", slow_close)
    monkeypatch.setattr(encode_module.Encoder, "encode", broken)
    await writer.scalar("t", 1.0, 1)
    with pytest.raises(PipelineError):
        await writer.flush()
    with pytest.raises(PipelineError):
        await writer.scalar("t", 1.0, 2)
    assert writer.stats.accepted == 1
    closing.set()
    with pytest.raises(PipelineError):
        await writer.close()


async def test_a_segment_that_takes_no_more() -> None:
    """Is left for the next one, with the batch that it did not take."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.scalar("a", 1.0, 1)
        await writer.flush()
        bench.script.then(Fault("append", error=lambda: SegmentFullError("10,000 appends")))
        await writer.scalar("a", 1.0, 2)
        await writer.flush()
        assert writer.stats.segments == 2
    assert bench.steps() == [1, 2]
    assert len(bench.names) == 2


async def test_a_bucket_that_cannot_extend_after_all() -> None:
    """Is told once, and appends are sent as a whole from then on."""
    bench = Bench(growth=Terms(Growth.REWRITE, extend_from=200, extend_requests=4))
    async with bench.writer() as writer:
        for step in range(4):
            await writer.scalar("a", 1.0, step)
            await writer.flush()
        assert bench.script.calls[-1] == "extend"
        bench.script.then(Fault("extend", error=lambda: UnsupportedError("no copies here")))
        await writer.scalar("a", 1.0, 4)
        await writer.flush()
    assert bench.steps() == [0, 1, 2, 3, 4]
    assert len(bench.names) == 1


async def test_writes_of_one_segment_keep_their_distance() -> None:
    """As the storage wants it, so that it need not refuse any; a new segment need not wait."""
    bench = Bench(growth=Terms(Growth.REWRITE, seconds_between_writes=1.0))
    async with bench.writer() as writer:
        begun = now()
        for step in range(4):
            await writer.scalar("a", 1.0, step)
            await writer.flush()
        assert 4.0 <= now() - begun < 5.0
    assert bench.steps() == [0, 1, 2, 3]
