"""What goes out together: whoever flushes while something is being encoded need not wait for an append of their own."""

import asyncio
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary import outflow
from asyncsummary import work as work_module
from asyncsummary.appender import Appender
from asyncsummary.encoding import encoded
from asyncsummary.errors import CommitError
from asyncsummary_storage import Fault
from tests.support.writing import Bench

pytestmark = pytest.mark.virtual_time


async def written_while_encoding(writer: summary.SummaryWriter, monkeypatch: pytest.MonkeyPatch, *, flush: bool = True) -> None:
    """Write and flush two steps, and have three more written, and flushed, while these two are being encoded."""
    encoding = asyncio.Event()

    async def in_turns(*arguments: Any) -> list[bytes]:
        encoding.set()
        await asyncio.sleep(0.1)
        return await encoded(*arguments)

    monkeypatch.setattr(outflow, "encoded", in_turns)
    for step in (1, 2):
        await writer.scalar("t", 1.0, step)
    flushes = [asyncio.create_task(writer.flush())]
    async with asyncio.timeout(60):
        await encoding.wait()
    for step in (3, 4, 5):
        await writer.scalar("t", 1.0, step)
    if flush:
        flushes.append(asyncio.create_task(writer.flush()))
    await asyncio.gather(*flushes)


async def test_what_is_wanted_goes_with_what_is_being_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One append for both flushes: the last rest of a run need not wait for a request of its own."""
    bench = Bench()
    async with bench.writer() as writer:
        before = bench.appends()
        await written_while_encoding(writer, monkeypatch)
        assert bench.appends() - before == 1
        assert (writer.stats.committed, writer.stats.pending) == (5, 0)
    assert bench.steps() == [1, 2, 3, 4, 5]


async def test_what_nobody_wants_yet_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is due by its own time."""
    bench = Bench()
    async with bench.writer() as writer:
        await written_while_encoding(writer, monkeypatch, flush=False)
        assert (writer.stats.committed, writer.stats.pending) == (2, 3)
    assert bench.steps() == [1, 2, 3, 4, 5]


async def test_what_is_wanted_but_large_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """To join it would take memory for whole once more; so what is encoded goes out first, without waiting for that."""
    monkeypatch.setattr(work_module, "SMALL_REST", 100)
    waiting: list[int] = []
    append = Appender.append

    async def noted(appender: Appender, data: bytes, *rest: Any) -> None:
        pipeline = writer._resource._pipeline
        assert pipeline is not None
        waiting.append(len(pipeline.queue.waiting))
        await append(appender, data, *rest)

    bench = Bench()
    writer = bench.writer()
    async with writer:
        monkeypatch.setattr(Appender, "append", noted)
        await written_while_encoding(writer, monkeypatch)
        assert waiting == [3, 0]
    assert bench.steps() == [1, 2, 3, 4, 5]


async def test_a_batch_that_is_tried_again_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of it may be stored already, so nothing joins it, whoever wants more."""
    bench = Bench()
    writer = bench.writer(retry_seconds=1.0)
    async with writer:
        bench.script.always([Fault("append")])
        await writer.scalar("t", 1.0, 1)
        with pytest.raises(CommitError):
            await writer.flush()
        sent: list[bytes] = []
        sending = asyncio.Event()
        append = Appender.append

        async def noted(appender: Appender, data: bytes, *rest: Any) -> None:
            sent.append(data)
            sending.set()
            await append(appender, data, *rest)

        monkeypatch.setattr(Appender, "append", noted)
        await writer.scalar("t", 1.0, 2)
        flush = asyncio.create_task(writer.flush())
        async with asyncio.timeout(60):
            await sending.wait()
        bench.script.heal()
        await flush
        assert len({len(data) for data in sent}) == 1
        assert len(sent) >= 2
    assert bench.steps() == [1, 2]
