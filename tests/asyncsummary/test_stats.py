"""Whatever happens to summaries, the counters say so at once, and of each once."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary import outflow
from asyncsummary.config import Durability
from asyncsummary.handle import FileWriterHandle
from asyncsummary.joining import concatenated
from asyncsummary.order import LatePolicy
from asyncsummary.values.histogram import HistogramContent
from asyncsummary_storage import Fault, Script
from tests.support.writing import Bench

AWAY = [Fault(operation) for operation in ("append", "probe", "read", "entries", "open")]


def no_memory(*args: object) -> bytes:
    raise MemoryError("not now")


def assert_balanced(writer: FileWriterHandle) -> None:
    """See that each summary is counted once, and what is in the spool as one that waits."""
    stats = writer.stats
    assert stats.accepted == stats.committed + stats.pending + stats.dropped, stats
    assert 0 <= stats.spooled <= stats.pending, stats


async def nothing_taken(*args: object) -> bool:
    return False


async def written_in_an_outage(bench: Bench, writer: FileWriterHandle) -> None:
    """Write three times a late scalar, a histogram and a scalar that is not late, and look at the counters meanwhile."""
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    bench.script.always(AWAY)
    for step in (10, 11, 12):
        await writer.scalar("a", 1.0, 3)
        await writer.histogram("h", [1.0], 1)
        await writer.scalar("a", 1.0, step)
        for _ in range(6):
            await asyncio.sleep(0.5)
            assert_balanced(writer)


@pytest.mark.virtual_time
@pytest.mark.parametrize("policy", LatePolicy)
@pytest.mark.parametrize("spooled", [False, True])
@pytest.mark.parametrize("encodable", [False, True])
class TestAnOutage:
    """With late scalars, histograms that there is no memory for, and both; in memory or in the spool."""

    async def writer(self, policy: LatePolicy, spooled: bool, encodable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Return a bench, and a writer in an outage, that has 10 summaries, of which one is committed."""
        bench = Bench()
        durability = Durability.SPOOL if spooled else Durability.COMMIT
        spool_root = tmp_path if spooled else None
        writer = bench.writer(late_steps=policy, flush_seconds=1.0, retry_seconds=10.0, durability=durability, spool_root=spool_root)
        await writer.init()
        if not encodable:
            monkeypatch.setattr(HistogramContent, "summary", no_memory)
        await written_in_an_outage(bench, writer)
        return bench, writer

    async def test_that_ends(
        self, policy: LatePolicy, spooled: bool, encodable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All is committed but what was dropped."""
        bench, writer = await self.writer(policy, spooled, encodable, tmp_path, monkeypatch)
        bench.script.heal()
        for _ in range(200):
            await asyncio.sleep(0)
            assert_balanced(writer)
        for _ in range(4):  # each tells of what could not be encoded since the last, and waits no longer then
            with contextlib.nullcontext() if encodable else contextlib.suppress(summary.CommitError):
                await writer.flush()
        dropped = 3 * (not encodable) + 3 * (policy is LatePolicy.DROP)
        stats = writer.stats
        assert (stats.accepted, stats.committed, stats.pending, stats.dropped) == (10, 10 - dropped, 0, dropped)
        await writer.close()
        assert writer.stats == stats

    async def test_that_lasts(
        self, policy: LatePolicy, spooled: bool, encodable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was dropped before the writer gave up is not dropped once more then."""
        _bench, writer = await self.writer(policy, spooled, encodable, tmp_path, monkeypatch)
        with pytest.raises(summary.CommitError):
            await writer.close()
        assert_balanced(writer)
        dropped = 3 * (not encodable) + 3 * (policy is LatePolicy.DROP) if spooled else 9
        stats = writer.stats
        assert (stats.accepted, stats.committed, stats.pending, stats.dropped) == (10, 1, 9 - dropped, dropped)


@pytest.mark.virtual_time
async def test_what_is_lost_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Closing counts what it loses, not what a policy had dropped before."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.DROP, flush_seconds=1.0, retry_seconds=10.0)
    await writer.init()
    await written_in_an_outage(bench, writer)
    with pytest.raises(summary.CommitError, match=r"\b8 summaries") as caught:
        await writer.close()
    assert caught.value.uncommitted == 8


@pytest.mark.virtual_time
async def test_late_scalars_at_the_end_of_their_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the late run takes no more, they go into the run itself; also when their encoding was cut short and is done again."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN)
    await writer.init()
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    monkeypatch.setattr("asyncsummary.late_run.LateRun.take", nothing_taken)
    tries = 0

    async def cut_short_once(parts: list[bytes]) -> bytes:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise asyncio.CancelledError
        return await concatenated(parts)

    monkeypatch.setattr(outflow, "concatenated", cut_short_once)
    await writer.scalar("a", 1.0, 3)
    with pytest.warns(ResourceWarning, match="was left open"):
        with contextlib.suppress(summary.SummaryError):
            await writer.flush()
        await asyncio.sleep(1.0)
    assert sorted(bench.steps()) == [3, 9]
    assert tries == 2
    assert_balanced(writer)


async def test_late_scalars_are_counted_once() -> None:
    """Where they were late, not once more in the run that they go to."""
    bench = Bench()
    async with bench.writer(late_steps=LatePolicy.SUBRUN) as writer:
        for step in (5, 3, 1):
            await writer.scalar("a", 1.0, step)
            await writer.flush()
        assert (writer.stats.accepted, writer.stats.late) == (3, 2)


@pytest.mark.virtual_time
@pytest.mark.parametrize("synced", [False, True])
async def test_a_writer_that_is_opened_again_after_an_outage(synced: bool, tmp_path: Path) -> None:
    """What it had left in the spool is its own still, also if somebody else has sent it meanwhile."""
    bench = Bench()
    writer = bench.writer(spool_root=tmp_path, retry_seconds=2.0)
    await writer.init()
    bench.script.always(AWAY)
    for step in range(100):
        await writer.scalar("a", 1.0, step)
    with pytest.raises(summary.CommitError):
        await writer.close()
    assert_balanced(writer)
    bench.script.heal()
    if synced:
        async with bench.writer(spool_root=tmp_path):
            pass
    await writer.init()
    assert_balanced(writer)
    await writer.scalar("a", 1.0, 100)
    await writer.close()
    stats = writer.stats
    assert (stats.accepted, stats.committed, stats.pending, stats.dropped, stats.recovered) == (101, 101, 0, 0, 0)
    assert bench.steps() == list(range(101))


@pytest.mark.virtual_time
async def test_late_scalars_of_a_writer_that_is_opened_again(tmp_path: Path) -> None:
    """Are pending while they are in the spool, and committed, not recovered, when they have gone."""
    late_script = Script()
    bench = Bench(late_script=late_script)
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, retry_seconds=5.0, spool_root=tmp_path)
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    late_script.always(AWAY)
    await writer.scalar("a", 1.0, 3)
    await writer.scalar("a", 1.0, 10)
    with pytest.raises(summary.CommitError):
        await writer.close()
    await writer.init()
    assert (writer.stats.committed, writer.stats.pending, writer.stats.spooled) == (2, 1, 1)
    late_script.heal()
    await asyncio.sleep(100.0)
    await writer.close()
    assert (writer.stats.committed, writer.stats.pending, writer.stats.recovered) == (3, 0, 0)
    assert [step for _, step, _ in bench.late()] == [3]


@pytest.mark.virtual_time
async def test_what_is_handed_over_while_the_writer_gives_up(tmp_path: Path) -> None:
    """Is told of once, with the late run."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, retry_seconds=5.0, spool_root=tmp_path)
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    bench.script.always(AWAY)
    await writer.scalar("a", 1.0, 10)
    with pytest.raises(summary.FlushTimeoutError):
        await writer.flush(1.0)
    await writer.scalar("a", 1.0, 3)
    with pytest.raises(summary.CommitError) as caught:
        await writer.close()
    assert (caught.value.uncommitted, writer.stats.pending) == (2, 2)


@pytest.mark.virtual_time
async def test_a_writer_that_is_opened_again_while_it_closes(tmp_path: Path) -> None:
    """The opening waits for the closing: two at once would count, and might write, the same."""
    bench = Bench()
    writer = bench.writer(retry_seconds=50.0, spool_root=tmp_path, pending_bytes=4096)
    await writer.init()
    bench.script.always([Fault("append"), Fault("probe")])
    for step in range(100):
        await writer.scalar("a", 1.0, step)
        await asyncio.sleep(0.05)
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(1.0)
    opening = asyncio.create_task(writer.init())
    await asyncio.sleep(1.0)
    assert_balanced(writer)
    assert not opening.done()
    bench.script.heal()
    await asyncio.gather(closing, opening)
    await writer.close()
    assert (writer.stats.accepted, writer.stats.committed, writer.stats.pending) == (100, 100, 0)
    assert bench.steps() == list(range(100))


@pytest.mark.parametrize("late", [False, True])
async def test_a_writer_that_is_opened_again_after_a_bug(late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What died with it is dropped; its late run is not left behind by close()."""

    def broken(*arguments: object) -> bytes:
        raise ZeroDivisionError("a bug")

    late_script = Script()
    bench = Bench(late_script=late_script)
    writer = bench.writer(late_steps=LatePolicy.SUBRUN)
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    if late:
        late_script.gate = asyncio.Event()
        await writer.scalar("a", 1.0, 3)
        with pytest.raises(summary.FlushTimeoutError):
            await writer.flush(0.05)
    with monkeypatch.context() as patched:
        patched.setattr(outflow, "concatenated", broken)
        await writer.scalar("a", 1.0, 10)
        with pytest.raises(summary.PipelineError):
            await writer.flush()
    if late_script.gate is not None:
        asyncio.get_running_loop().call_soon(late_script.gate.set)
    with pytest.raises(summary.PipelineError):
        await writer.close()
    assert not [task for task in asyncio.all_tasks() if "asyncsummary writer" in task.get_name()]
    await writer.init()
    await writer.scalar("a", 1.0, 11)
    await writer.close()
    assert_balanced(writer)
    assert (writer.stats.committed, writer.stats.dropped) == (3 if late else 2, 1)
