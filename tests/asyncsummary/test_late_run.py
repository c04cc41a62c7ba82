"""late_steps="subrun": what came too late is in a run of its own, exactly once, and everything else stays as it is."""

import asyncio
from pathlib import Path

import pytest

import asyncsummary as summary
from asyncsummary.order import LatePolicy
from asyncsummary_storage import AccessDeniedError, Fault
from tests.support.events import accumulated
from tests.support.writing import Bench


async def test_on_a_disk(tmp_path: Path) -> None:
    """The folder "late" of the run, which is made only if it is needed."""
    async with summary.create_file_writer(tmp_path / "run", late_steps="subrun") as writer:
        await writer.scalar("a", 5.0, 5)
        await writer.flush()
        assert not (tmp_path / "run" / "late").exists()
        await writer.scalar("a", 3.0, 3)
        await writer.scalar("a", 6.0, 6)
        await writer.histogram("h", [1.0], 0)
        await writer.flush()
        assert accumulated(tmp_path / "run")["a"] == [(5, 5.0), (6, 6.0)]
        assert accumulated(tmp_path / "run" / "late")["a"] == [(3, 3.0)]
        stats = writer.stats
        assert (stats.accepted, stats.committed, stats.pending, stats.late, stats.dropped) == (4, 4, 0, 1, 0)
        await writer.scalar("a", 4.0, 4)
    assert accumulated(tmp_path / "run" / "late")["a"] == [(3, 3.0), (4, 4.0)]


@pytest.mark.virtual_time
async def test_faults() -> None:
    """flush() covers both runs, whatever happens on the way."""
    bench = Bench()
    async with bench.writer(late_steps=LatePolicy.SUBRUN) as writer:
        for round_ in range(5):
            for step in (round_ * 10 + 5, round_ * 10 + 9):
                await writer.scalar("a", 1.0, step)
            await writer.flush()
            await writer.scalar("a", 1.0, round_ * 10)
            bench.script.then(Fault("append"), Fault("append"), Fault("probe"))
            await writer.flush()
    assert bench.steps() == [step for round_ in range(5) for step in (round_ * 10 + 5, round_ * 10 + 9)]
    assert [step for _, step, _ in bench.late()] == [0, 10, 20, 30, 40]


@pytest.mark.virtual_time
async def test_an_outage(tmp_path: Path) -> None:
    """That begins before the late run exists: it is opened when storage is back."""
    bench = Bench()
    async with bench.writer(late_steps=LatePolicy.SUBRUN, flush_seconds=1.0, spool_root=tmp_path) as writer:
        await writer.scalar("a", 1.0, 9)
        await writer.flush()
        away = [Fault(operation) for operation in ("append", "probe", "read", "entries", "open")]
        bench.script.always(away)
        await writer.scalar("a", 1.0, 3)
        await writer.scalar("a", 1.0, 10)
        await asyncio.sleep(600.0)
        assert writer.stats.pending == 2
        bench.script.heal()
        await writer.flush()
        assert writer.stats.pending == 0
    assert (bench.steps(), [step for _, step, _ in bench.late()]) == ([9, 10], [3])


@pytest.mark.virtual_time
async def test_a_late_run_that_cannot_be_opened() -> None:
    """Is told by flush() and close(), with a count; the run itself goes on."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN)
    await writer.init()
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    bench.script.then(Fault("open", error=lambda: AccessDeniedError("not there")))
    await writer.scalar("a", 1.0, 3)
    with pytest.raises(summary.SummaryError, match=r"not there|not committed"):
        await writer.flush()
    await writer.scalar("a", 1.0, 10)
    with pytest.raises(summary.CommitError, match="1 late summaries not committed"):
        await writer.close()
    assert bench.steps() == [9, 10]


@pytest.mark.virtual_time
async def test_closed_in_an_outage_that_it_began_in(tmp_path: Path) -> None:
    """A late run that was never opened leaves its scalars in the spool, too; a later writer sends them."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, retry_seconds=5.0, spool_root=tmp_path)
    await writer.init()
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    bench.script.always([Fault(operation) for operation in ("append", "probe", "read", "entries", "open")])
    await writer.scalar("a", 1.0, 3)
    await writer.scalar("a", 1.0, 10)
    with pytest.raises(summary.CommitError, match="not committed"):
        await writer.close()
    assert (writer.stats.pending, writer.stats.dropped) == (2, 0)
    bench.script.heal()
    async with bench.writer(late_steps=LatePolicy.SUBRUN, spool_root=tmp_path) as later:
        await later.scalar("a", 1.0, 11)
        await later.flush()
        await later.scalar("a", 1.0, 4)
    assert (bench.steps(), [step for _, step, _ in bench.late()]) == ([9, 10, 11], [3, 4])


async def test_the_end_of_the_loop() -> None:
    """Late scalars of the last moment are in one run or the other."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN)

    async def main() -> None:
        await writer.init()
        await writer.scalar("a", 1.0, 9)
        await writer.flush()
        await writer.scalar("a", 1.0, 3)

    def run() -> None:
        asyncio.run(main())

    with pytest.warns(ResourceWarning, match="was left open"):
        await asyncio.to_thread(run)
    assert sorted([*bench.steps(), *(step for _, step, _ in bench.late())]) == [3, 9]


async def test_the_end_of_the_loop_in_an_outage(tmp_path: Path) -> None:
    """A late run that is being opened leaves its scalars in the spool then."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, spool_root=tmp_path)

    async def main() -> None:
        await writer.init()
        await writer.scalar("a", 1.0, 9)
        await writer.flush()
        bench.script.always([Fault(operation) for operation in ("append", "probe", "read", "entries", "open")])
        await writer.scalar("a", 1.0, 3)
        with pytest.raises(summary.FlushTimeoutError):
            await writer.flush(timeout=0.1)

    def run() -> None:
        asyncio.run(main())

    with pytest.warns(ResourceWarning, match=r"was (left open|still closing)"):
        await asyncio.to_thread(run)
    bench.script.heal()
    async with bench.writer(late_steps=LatePolicy.SUBRUN, spool_root=tmp_path) as later:
        await later.scalar("a", 1.0, 11)
        await later.flush()
        await later.scalar("a", 1.0, 4)
    assert (bench.steps(), [step for _, step, _ in bench.late()]) == ([9, 11], [3, 4])


@pytest.mark.virtual_time
async def test_flush_does_not_wait_for_ever() -> None:
    """Where only the late run is not committed: it raises when the writer's time is up, and what waits is committed later."""
    bench = Bench()
    async with bench.writer(late_steps=LatePolicy.SUBRUN, retry_seconds=30.0) as writer:
        await writer.scalar("a", 1.0, 9)
        await writer.flush()
        bench.script.passing("append").always([Fault(operation) for operation in ("append", "probe", "read", "entries", "open")])
        await writer.scalar("a", 1.0, 3)
        with pytest.raises(summary.CommitError, match="not committed"):
            await writer.flush()
        assert asyncio.get_running_loop().time() < 100.0
        bench.script.heal()
        await writer.flush()
    assert (bench.steps(), [step for _, step, _ in bench.late()]) == ([9], [3])
