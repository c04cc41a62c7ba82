"""Opening, closing and opening again, in whatever order tasks and event loops do that; and who is told of a refused summary."""

import asyncio
from pathlib import Path

import pytest

import asyncsummary as summary
from asyncsummary import spool, spool_file
from asyncsummary.order import LatePolicy
from asyncsummary.values.histogram import HistogramContent
from asyncsummary_storage import Fault
from tests.support.writing import Bench

AWAY = [Fault(operation) for operation in ("append", "probe", "read", "entries", "open")]


def counts(writer: summary.SummaryWriter) -> tuple[int, int, int, int]:
    """Return how many were accepted, are committed, wait, and were dropped."""
    return writer.stats.accepted, writer.stats.committed, writer.stats.pending, writer.stats.dropped


def now() -> float:
    return asyncio.get_running_loop().time()


# Opening again


@pytest.mark.virtual_time
async def test_opened_again_by_whoever_did_not_wait_for_it(tmp_path: Path) -> None:
    """What it had left in the spool was sent by somebody else meanwhile: that counts, also if the opening's caller was cancelled."""
    bench = Bench()
    writer = bench.writer(spool_root=tmp_path, retry_seconds=2.0)
    await writer.init()
    await writer.scalar("t", 1.0, 1)
    bench.script.always(AWAY)
    with pytest.raises(summary.CommitError):
        await writer.close()
    assert counts(writer) == (1, 0, 1, 0)
    bench.script.heal()
    async with bench.writer(spool_root=tmp_path):
        pass
    bench.script.gate = asyncio.Event()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.init(), 1.0)
    bench.script.gate.set()
    await writer.init()
    assert counts(writer) == (1, 1, 0, 0)
    await writer.close()
    assert bench.steps() == [1]


@pytest.mark.virtual_time
async def test_closed_again_before_it_was_opened_again() -> None:
    """An opening that waits for a closing does not open what was closed once more meanwhile: it says so, and leaves no task."""
    bench = Bench()
    writer = bench.writer()
    await writer.scalar("t", 1.0, 1)
    gate = bench.script.gate = asyncio.Event()
    first = asyncio.create_task(writer.close())
    await asyncio.sleep(1.0)
    opening = asyncio.create_task(writer.init())
    await asyncio.sleep(1.0)
    last = asyncio.create_task(writer.close())
    await asyncio.sleep(1.0)
    gate.set()
    await asyncio.gather(first, last)
    with pytest.raises(summary.WriterClosedError, match="was closed while it was being opened"):
        await opening
    assert writer.closed
    with pytest.raises(summary.WriterClosedError):
        await writer.scalar("t", 1.0, 2)
    await writer.init()  # by then it can be
    await writer.scalar("t", 1.0, 3)
    await writer.close()
    assert bench.steps() == [1, 3]


async def test_opened_in_another_loop_while_the_first_closes_it() -> None:
    """It is refused until the closing is over: two at once would count, and might write, the same."""
    bench = Bench()
    writer = bench.writer()
    await writer.scalar("t", 1.0, 1)
    gate, before = asyncio.Event(), bench.appends()
    bench.script.gate = gate
    closing = asyncio.create_task(writer.close())
    while bench.appends() == before:
        await asyncio.sleep(0.01)
    bench.script.gate = None  # of this loop

    async def once_more() -> None:
        await writer.init()
        await writer.scalar("t", 1.0, 2)
        await writer.close()

    with pytest.raises(summary.WrongLoopError, match="belongs to another event loop"):
        await asyncio.to_thread(asyncio.run, once_more())
    assert not closing.done()
    gate.set()
    await closing
    assert counts(writer) == (1, 1, 0, 0)
    await asyncio.to_thread(asyncio.run, once_more())
    assert counts(writer) == (2, 2, 0, 0)
    assert bench.steps() == [1, 2]


# Flushing


@pytest.mark.virtual_time
@pytest.mark.parametrize("steps", [[6, 7, 8], [1, 2, 3], [1, 6, 2, 7, 3, 8]], ids=["run", "late", "both"])
async def test_flushed_after_it_was_opened_again(steps: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was accepted before is committed when flush() returns: what the writer left in the spools in an outage, too."""
    for module in (spool, spool_file):
        monkeypatch.setattr(module, "CHUNK_BYTES", 1)  # each in an append of its own
    bench = Bench()
    writer = bench.writer(spool_root=tmp_path, retry_seconds=2.0, late_steps=LatePolicy.SUBRUN)
    await writer.scalar("t", 1.0, 5)
    await writer.flush()
    bench.script.always(AWAY)
    for step in steps:
        await writer.scalar("t", 1.0, step)
        with pytest.raises(summary.FlushTimeoutError):  # the first is tried, and the others wait behind it
            await writer.flush(0.1)
    with pytest.raises(summary.CommitError):
        await writer.close()
    bench.script.heal()
    await writer.init()
    await writer.flush()
    assert sorted([*bench.steps(), *(step for _, step, _ in bench.late())]) == sorted([5, *steps])
    assert counts(writer) == (1 + len(steps), 1 + len(steps), 0, 0)
    await writer.close()


@pytest.mark.virtual_time
async def test_what_was_left_is_counted_where_a_flush_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage is away again before all of it is sent: the error says how many still wait."""
    for module in (spool, spool_file):
        monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    bench = Bench()
    writer = bench.writer(spool_root=tmp_path, retry_seconds=2.0)
    await writer.init()
    bench.script.always(AWAY)
    for step in range(3):
        await writer.scalar("t", 1.0, step)
        with pytest.raises(summary.FlushTimeoutError):
            await writer.flush(0.1)
    with pytest.raises(summary.CommitError):
        await writer.close()
    bench.script.heal()
    bench.script.passing("append", 2).always([Fault("append")])
    await writer.init()
    assert writer.stats.pending == 2
    with pytest.raises(summary.FlushTimeoutError, match=r"2 summaries are not committed after 1\.0 s") as late:
        await writer.flush(1.0)
    with pytest.raises(summary.CommitError, match="2 summaries for") as lost:
        await writer.flush()
    assert (late.value.uncommitted, lost.value.uncommitted) == (2, 2)
    bench.script.heal()
    await writer.close()
    assert bench.steps() == [0, 1, 2]
    assert counts(writer) == (3, 3, 0, 0)


@pytest.mark.virtual_time
async def test_flushed_while_it_is_opened() -> None:
    """The timeout counts from the call, also while storage is away and the logdir is not open."""
    bench = Bench()
    bench.script.always(AWAY)
    writer = bench.writer()
    writing = asyncio.create_task(writer.scalar("t", 1.0, 1))
    await asyncio.sleep(3.0)
    with pytest.raises(summary.FlushTimeoutError, match=r"it is not open after 1.0 s. Last error: scripted"):
        await writer.flush(timeout=1.0)
    assert now() == pytest.approx(4.0)
    bench.script.heal()
    assert await writing
    await writer.flush()
    assert bench.steps() == [1]
    await writer.close()


@pytest.mark.virtual_time
async def test_the_time_that_opening_takes() -> None:
    """Is part of what flush() may take."""
    bench = Bench()
    bench.script.gate = asyncio.Event()
    bench.script.passing("append").always([Fault("append"), Fault("probe")])
    writer = bench.writer()
    writing = asyncio.create_task(writer.scalar("t", 1.0, 1))
    await asyncio.sleep(1.0)
    asyncio.get_running_loop().call_later(4.0, bench.script.gate.set)
    with pytest.raises(summary.FlushTimeoutError, match=r"1 summaries are not committed after 10\.0 s"):
        await writer.flush(timeout=10.0)
    assert now() == pytest.approx(11.0)
    bench.script.heal()
    assert await writing
    await writer.close()
    assert bench.steps() == [1]


# Refused summaries


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Histograms cannot be encoded."""

    def summary_of(content: HistogramContent) -> bytes:
        raise MemoryError("not now")

    monkeypatch.setattr(HistogramContent, "summary", summary_of)


@pytest.mark.virtual_time
@pytest.mark.usefixtures("no_memory")
async def test_who_is_told_of_a_refused_summary(tmp_path: Path) -> None:
    """The flush() that waits for it, when the others are committed; not one that came before it was accepted."""
    bench = Bench()
    async with bench.writer(spool_root=tmp_path) as writer:
        gate = bench.script.gate = asyncio.Event()
        await writer.scalar("t", 1.0, 1)
        first = asyncio.create_task(writer.flush())
        await asyncio.sleep(1.0)
        await writer.histogram("h", [1.0], 1)
        for step in range(2, 12):
            await writer.scalar("t", 1.0, step)
        second = asyncio.create_task(writer.flush())
        await asyncio.sleep(1.0)
        appending = bench.script.gate = asyncio.Event()
        gate.set()
        await first
        await asyncio.sleep(5.0)
        assert not second.done()
        appending.set()
        with pytest.raises(summary.CommitError, match=r"1 summaries .* are dropped: .* 'h' .*MemoryError"):
            await second
        assert bench.steps() == list(range(1, 12))
        assert counts(writer) == (12, 11, 0, 1)
        await writer.flush()  # it was told


@pytest.mark.virtual_time
@pytest.mark.usefixtures("no_memory")
async def test_refused_summaries_that_nobody_flushes() -> None:
    """Are all told by close(), whichever batch they were in."""
    bench = Bench()
    writer = bench.writer(max_queue=0)
    for tag in ("first", "second"):
        await writer.histogram(tag, [1.0], 1)
        await asyncio.sleep(1.0)
    assert counts(writer) == (2, 0, 0, 2)
    with pytest.raises(summary.CommitError, match=r"'first' .*'second' ") as caught:
        await writer.close()
    assert caught.value.uncommitted == 2


@pytest.mark.virtual_time
@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize("spooled", [False, True])
async def test_a_refused_summary_in_an_outage(spooled: bool, tmp_path: Path) -> None:
    """close() tells of it, whatever else it has to tell."""
    bench = Bench()
    writer = bench.writer(retry_seconds=2.0, spool_root=tmp_path if spooled else None)
    await writer.init()
    bench.script.always(AWAY)
    await writer.histogram("h", [1.0], 1)
    await writer.scalar("t", 1.0, 1)
    with pytest.raises(
        summary.CommitError, match=r"closed .* with 1 summaries not committed: .*; 1 summaries .* are dropped: .* 'h' "
    ) as caught:
        await writer.close()
    assert caught.value.uncommitted == 2
    assert counts(writer) == (2, 0, int(spooled), 1 + int(not spooled))
