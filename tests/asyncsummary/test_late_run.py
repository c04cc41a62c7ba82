"""late_steps="subrun": what came too late is in a run of its own, exactly once, and everything else stays as it is."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest

import asyncsummary as summary
from asyncsummary.config import Durability
from asyncsummary.order import LatePolicy
from asyncsummary.spool import Spool
from asyncsummary_storage import AccessDeniedError, Fault, Script
from tests.support.events import accumulated, events_of, scalars_of
from tests.support.spooling import records
from tests.support.writing import Bench

AWAY = [Fault(operation) for operation in ("append", "probe", "read", "entries", "open")]


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
        away = AWAY
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
async def test_a_late_run_that_cannot_be_opened(caplog: pytest.LogCaptureFixture) -> None:
    """Is told by each flush() and by close(), with a count; the run itself goes on."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN)
    await writer.init()
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    bench.script.always([Fault("open", error=lambda: AccessDeniedError("not there"))])
    await writer.scalar("a", 1.0, 3)
    for _ in range(2):
        with pytest.raises(summary.CommitError, match=r"1 summaries for 'in-memory:run/late' are not committed: .*not there") as caught:
            await writer.flush()
        assert (caught.value.uncommitted, caught.value.retriable) == (1, True)
    assert caplog.text.count("and it is tried again") == 1
    await writer.scalar("a", 1.0, 10)
    with pytest.raises(summary.CommitError, match="1 summaries not committed"):
        await writer.close()
    assert bench.steps() == [9, 10]
    assert (writer.stats.committed, writer.stats.pending, writer.stats.dropped) == (2, 0, 1)
    await writer.close()  # was told once


@pytest.mark.virtual_time
@pytest.mark.parametrize("spooled", [False, True])
async def test_closed_by_nobody_who_waits(spooled: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What a late run that cannot be opened has then is counted and logged, since close() cannot tell it."""
    late_script = Script()
    bench = Bench(late_script=late_script)
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, retry_seconds=2.0, spool_root=tmp_path if spooled else None)
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    late_script.always([Fault("open", error=lambda: AccessDeniedError("not there"))])
    await writer.scalar("a", 1.0, 3)
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(100.0)
    assert (writer.stats.pending, writer.stats.dropped) == (int(spooled), int(not spooled))
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "closed 'in-memory:run/late' with 1 summaries not committed" in said
    assert ("All of them are in the spool" in said) is spooled


@pytest.mark.virtual_time
@pytest.mark.parametrize("flushed", [False, True])
async def test_a_late_run_that_cannot_be_opened_for_a_while(flushed: bool) -> None:
    """Is tried again by itself, and by a flush at once."""
    bench = Bench()
    async with bench.writer(late_steps=LatePolicy.SUBRUN) as writer:
        await writer.scalar("a", 1.0, 9)
        await writer.flush()
        bench.script.then(Fault("open", error=lambda: AccessDeniedError("not now")))
        await writer.scalar("a", 1.0, 3)
        await writer.flush() if flushed else await asyncio.sleep(300.0)
        assert writer.stats.pending == 0
    assert (bench.steps(), [step for _, step, _ in bench.late()]) == ([9], [3])


@pytest.mark.virtual_time
async def test_closed_in_an_outage_that_it_began_in(tmp_path: Path) -> None:
    """A late run that was never opened leaves its scalars in the spool, too; a later writer sends them."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, retry_seconds=5.0, spool_root=tmp_path)
    await writer.init()
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    bench.script.always(AWAY)
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


@pytest.mark.virtual_time
@pytest.mark.parametrize("leftovers", [0, 5])
@pytest.mark.parametrize("has_room", [False, True])
async def test_closed_while_only_the_late_run_is_away(has_room: bool, leftovers: int, tmp_path: Path) -> None:
    """close() says so, and what is not in a spool is dropped, and counted; what an earlier process left there is none of that."""
    left = Spool(tmp_path, "in-memory:run/late", 1 << 30)
    for step in range(leftovers):
        await left.put(records(step), 1, 1)
    room = 1 << 20 if has_room else left.size
    await left.close()
    late_script = Script()
    bench = Bench(late_script=late_script)
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, retry_seconds=5.0, spool_root=tmp_path, max_spool_bytes=room)
    late_script.always(AWAY)
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    await writer.scalar("a", 1.0, 3)
    await writer.scalar("a", 1.0, 10)
    with pytest.raises(summary.CommitError, match="1 summaries not committed") as caught:
        await writer.close()
    assert (str(tmp_path) in str(caught.value)) is has_room
    stats = writer.stats
    assert (stats.accepted, stats.committed, stats.pending, stats.dropped) == (3, 2, int(has_room), int(not has_room))
    await writer.close()  # was told


@pytest.mark.virtual_time
async def test_what_an_earlier_writer_left(tmp_path: Path) -> None:
    """Is sent by the next one with this policy, though nothing comes late to that."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, retry_seconds=5.0, spool_root=tmp_path)
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    bench.script.always(AWAY)
    await writer.scalar("a", 1.0, 3)
    await writer.scalar("a", 1.0, 10)
    with pytest.raises(summary.CommitError, match=r"with 1 summaries .* All of .*; closed .* with 1 summaries .* All of") as caught:
        await writer.close()
    assert caught.value.uncommitted == 2
    bench.script.heal()
    async with bench.writer(late_steps=LatePolicy.SUBRUN, spool_root=tmp_path) as later:
        await later.scalar("a", 1.0, 11)
    assert (bench.steps(), [step for _, step, _ in bench.late()]) == ([9, 10, 11], [3])
    assert (later.stats.recovered, later.stats.committed) == (2, 1)


@pytest.mark.virtual_time
@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("spooled", [False, True])
async def test_its_memory_is_bounded(spooled: bool, opened: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By the writer's own bound, or the spool; what has no room is not lost, but in the run itself."""
    late_script = Script()
    bench = Bench(late_script=late_script)
    root = tmp_path if spooled else None
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, pending_bytes=64 << 10, flush_seconds=0.5, spool_root=root)
    for step in (9, 3) if opened else (9,):
        await writer.scalar("a", 1.0, step)
        await writer.flush()
    late_script.always(AWAY)
    most = 0
    for number in range(20_000):
        await writer.scalar("a", 1.0, 4)
        if number % 100 == 0:
            await asyncio.sleep(0.05)
            most = max(most, writer.stats.pending - writer.stats.spooled)
    assert most < 3000
    assert ("takes nothing more" in caplog.text) is not spooled
    late_script.heal()
    await writer.close()
    assert [*bench.steps(), *(step for _, step, _ in bench.late())].count(4) == 20_000
    assert (bench.steps().count(4) > 0) is not spooled


class Slow(asyncio.Event):
    """A gate that is open, but takes a while to go through."""

    async def wait(self) -> Literal[True]:
        await asyncio.sleep(1.0)
        return True


@pytest.mark.virtual_time
@pytest.mark.parametrize("slow", [False, True])
async def test_a_burst_of_late_scalars(slow: bool, caplog: pytest.LogCaptureFixture) -> None:
    """More than may wait: they wait for room as callers do, and go where they belong, while storage takes them."""
    late_script = Script()
    bench = Bench(late_script=late_script)
    async with bench.writer(late_steps=LatePolicy.SUBRUN, pending_bytes=64 << 10) as writer:
        await writer.scalar("a", 1.0, 9)
        await writer.flush()
        late_script.gate = Slow() if slow else None
        for _ in range(20_000):
            await writer.scalar("a", 1.0, 4)
            assert writer.stats.pending < 5000
    assert (bench.steps(), len(bench.late())) == ([9], 20_000)
    assert "takes nothing more" not in caplog.text


@pytest.mark.virtual_time
@pytest.mark.parametrize("opened", [False, True])
async def test_durability_spool(opened: bool, tmp_path: Path) -> None:
    """Holds for late scalars as for others: a killed process leaves no more than a batch that was not full."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, max_queue=0, spool_root=tmp_path, durability=Durability.SPOOL)
    for step in (9, 1) if opened else (9,):
        await writer.scalar("a", 1.0, step)
        await writer.flush()
    bench.script.always(AWAY)
    for step in range(10, 60):
        await writer.scalar("a", 1.0, step)
        await writer.scalar("a", 1.0, 2)
        await asyncio.sleep(1.0)
    await asyncio.sleep(60.0)
    assert (writer.stats.pending, writer.stats.spooled) == (100, 100)
    bench.script.heal()
    await writer.close()
    assert [step for _, step, _ in bench.late()].count(2) == 50


@pytest.mark.virtual_time
async def test_a_timeout_is_for_both_runs() -> None:
    """What the run itself has taken of it is not there for the late run."""
    late_script = Script()
    bench = Bench(late_script=late_script)
    writer = bench.writer(late_steps=LatePolicy.SUBRUN)
    await writer.scalar("a", 1.0, 9)
    await writer.flush()
    await writer.scalar("a", 1.0, 3)
    await writer.scalar("a", 1.0, 10)
    clock = asyncio.get_running_loop().time
    bench.script.gate, late_script.gate = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().call_later(9.0, bench.script.gate.set)
    begun = clock()
    with pytest.raises(summary.FlushTimeoutError):
        await writer.flush(10.0)
    assert clock() - begun == pytest.approx(10.0)
    late_script.gate.set()
    await writer.close()


@pytest.mark.virtual_time
async def test_what_another_process_leaves_while_it_is_opened_again_and_again(tmp_path: Path) -> None:
    """Is taken over at the next try, and goes first where it is older; nothing is taken for something else."""
    left = Spool(tmp_path, "in-memory:run/late", 1 << 30)
    await left.put(records(100), 1, 1)
    await left.close()
    living = Spool(tmp_path, "in-memory:run/late", 1 << 30, lambda: 1.0)  # that was begun earlier
    await living.put(records(*range(50, 60)), 10, 10)
    late_script = Script()
    bench = Bench(late_script=late_script)
    late_script.always([Fault("open", error=lambda: AccessDeniedError("not there"))])
    async with bench.writer(late_steps=LatePolicy.SUBRUN, spool_root=tmp_path):
        await asyncio.sleep(5.0)
        await living.close()
        late_script.heal()
        await asyncio.sleep(100.0)
    assert [step for _, step, _ in bench.late()] == [*range(50, 60), 100]


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("turns", range(12))
def test_the_end_of_the_loop_in_each_turn(turns: int, opened: bool) -> None:
    """A late scalar is in one run or the other, also if its run is just being opened, or its task has not begun."""
    bench = Bench()
    writer = bench.writer(late_steps=LatePolicy.SUBRUN, max_queue=0)

    async def main() -> None:
        for step in (9, 2) if opened else (9,):
            await writer.scalar("a", 1.0, step)
            await writer.flush()
        await writer.scalar("a", 1.0, 3)
        for _ in range(turns):
            await asyncio.sleep(0)

    with pytest.warns(ResourceWarning, match=r"was (left open|still closing)"):
        asyncio.run(main())
    assert sorted([*bench.steps(), *(step for _, step, _ in bench.late())]) == ([2, 3, 9] if opened else [3, 9])


async def test_the_end_of_the_loop_on_a_disk(tmp_path: Path) -> None:
    """The first late scalar of all, in the last moment: it is in the run itself, since nobody would wait for a late run."""

    async def main() -> None:
        await writer.scalar("a", 1.0, 9)
        await writer.flush()
        await writer.scalar("a", 1.0, 3)

    def run() -> None:
        asyncio.run(main())

    writer = summary.create_file_writer(tmp_path / "run", late_steps="subrun")
    with pytest.warns(ResourceWarning, match="was left open"):
        await asyncio.to_thread(run)
    assert scalars_of(events_of(tmp_path / "run")) == [("a", 9, 1.0), ("a", 3, 1.0)]


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
        bench.script.always(AWAY)
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
        bench.script.passing("append").always(AWAY)
        await writer.scalar("a", 1.0, 3)
        with pytest.raises(summary.CommitError, match="not committed"):
            await writer.flush()
        assert asyncio.get_running_loop().time() < 100.0
        bench.script.heal()
        await writer.flush()
    assert (bench.steps(), [step for _, step, _ in bench.late()]) == ([9], [3])
