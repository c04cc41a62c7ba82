"""Outages of a remote logdir: the queue, then the spool, then overflow; and what the next writer finds."""

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary import spool as spool_module
from asyncsummary import spool_file, work
from asyncsummary.config import Durability
from asyncsummary.header import file_version
from asyncsummary.journal import Attempt, Journal
from asyncsummary.queue import Overflow
from asyncsummary.spool import Spool
from asyncsummary.spool_file import SpoolFile
from asyncsummary.work import LARGEST_WORK
from asyncsummary_storage import AccessDeniedError, Fault, Growth, When
from tests.support.spooling import records
from tests.support.writing import Bench

AWAY = [Fault("append"), Fault("probe"), Fault("read")]
SMALL = 64 << 10


@pytest.fixture(params=[LARGEST_WORK, 400], autouse=True, ids=["whole", "divided"])
def largest_work(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it also with batches that go out in many small appends."""
    monkeypatch.setattr(work, "LARGEST_WORK", request.param)


def files_in(root: Path) -> list[str]:
    """Return the names of spool files."""
    return sorted(path.name for path in root.glob("*/*.spool"))


async def until(condition: Any) -> None:
    """Let the writer work until a condition holds."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("the condition never held")


async def write(writer: summary.SummaryWriter, steps: range) -> None:
    """Write a scalar at each of these steps, with turns for others as a trainer has them."""
    for step in steps:
        await writer.scalar("t", 1.0, step)
        if step % 20 == 0:
            await asyncio.sleep(0.01)


@pytest.mark.virtual_time
async def test_training_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While storage is away for a long time: nobody waits, everything lands in order, once, and two lines of the log say so."""
    bench = Bench()
    async with bench.writer(pending_bytes=SMALL, flush_seconds=0.5, spool_root=tmp_path) as writer:
        await write(writer, range(100))
        await writer.flush()
        bench.script.always(AWAY)
        await write(writer, range(100, 20_000))
        assert writer.stats.spooled > 15_000
        assert writer.stats.pending > writer.stats.spooled
        assert len(files_in(tmp_path)) == 1
        with pytest.raises(summary.FlushTimeoutError, match="are not committed after"):
            await writer.flush(1.0)
        bench.script.heal()
        await write(writer, range(20_000, 20_100))
        await writer.flush()
        assert bench.steps() == list(range(20_100))
        assert files_in(tmp_path) == []
        assert (writer.stats.spooled, writer.stats.committed, writer.stats.dropped) == (0, 20_100, 0)
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert sum("go to the spool in" in line for line in lines) == 1
    assert sum("everything that was in the spool is committed" in line for line in lines) == 1


@pytest.mark.virtual_time
async def test_what_is_lost_on_the_way_is_not_doubled(tmp_path: Path) -> None:
    """Replies that are lost while the spool is sent: probed, and committed once."""
    bench = Bench()
    async with bench.writer(pending_bytes=SMALL, flush_seconds=0.5, spool_root=tmp_path) as writer:
        bench.script.always(AWAY)
        await write(writer, range(5_000))
        bench.script.heal()
        bench.script.then(*[Fault("append", When.AFTER), Fault("append")] * 3)
        await write(writer, range(5_000, 10_000))
        await writer.flush()
    assert bench.steps() == list(range(10_000))


@pytest.mark.virtual_time
@pytest.mark.parametrize("resume", [False, True])
async def test_closing_while_storage_is_away(resume: bool, tmp_path: Path) -> None:
    """Says where everything is; the next writer of the logdir commits it before its own, whether it resumes or not."""
    bench = Bench()
    writer: summary.SummaryWriter = bench.writer(pending_bytes=SMALL, retry_seconds=5.0, spool_root=tmp_path)
    await writer.init()
    bench.script.always(AWAY)
    await write(writer, range(3_000))
    with pytest.raises(summary.CommitError, match=r"3000 summaries not committed.* All of them are in the spool in .*summary sync"):
        await writer.close()
    assert (writer.stats.spooled, writer.stats.dropped, writer.stats.pending) == (3_000, 0, 3_000)
    assert len(files_in(tmp_path)) == 1
    bench.script.heal()
    async with bench.writer(spool_root=tmp_path, resume=resume) as writer:
        await write(writer, range(5_000, 5_010))
        await writer.flush()
        assert (writer.stats.recovered, writer.stats.committed, writer.stats.spooled) == (3_000, 10, 0)
    assert bench.steps() == [*range(3_000), *range(5_000, 5_010)]
    assert files_in(tmp_path) == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
async def test_closed_with_an_append_in_doubt(when: When, tmp_path: Path) -> None:
    """Stored or not, nobody knows: the next writer finds out, and nothing is there twice."""
    bench = Bench()
    writer: summary.SummaryWriter = bench.writer(retry_seconds=2.0, spool_root=tmp_path)
    await writer.init()
    await write(writer, range(10))
    bench.script.then(Fault("append", when)).always(AWAY)
    with pytest.raises(summary.CommitError, match="in the spool"):
        await writer.close()
    bench.script.heal()
    async with bench.writer(spool_root=tmp_path) as writer:
        await write(writer, range(10, 20))
        await writer.flush()
        assert writer.stats.recovered == 10
    assert bench.steps() == list(range(20))


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("overflow", "accepted_all"), [(Overflow.DROP_NEWEST, False), (Overflow.DROP_OLDEST, True), (Overflow.RAISE, False)]
)
async def test_the_spool_is_full_too(overflow: Overflow, accepted_all: bool, tmp_path: Path) -> None:
    """Then the overflow policy decides, and each drop is counted."""
    bench = Bench()
    refused = 0
    async with bench.writer(
        pending_bytes=SMALL, flush_seconds=0.5, spool_root=tmp_path, max_spool_bytes=100_000, overflow=overflow, summaries=100_000
    ) as writer:
        bench.script.always(AWAY)
        for step in range(10_000):
            try:
                await writer.scalar("t", 1.0, step)
            except summary.QueueFullError:
                refused += 1
            if step % 20 == 0:
                await asyncio.sleep(0.01)
        spooled = writer.stats.spooled
        assert 1_000 < spooled < 3_000
        bench.script.heal()
        await writer.flush()
        dropped = writer.stats.dropped
    assert dropped + refused > 5_000
    steps = bench.steps()
    assert len(steps) == 10_000 - dropped - refused
    assert steps == sorted(set(steps))
    assert (steps[-1] == 9_999) is accepted_all


@pytest.mark.virtual_time
async def test_newer_ones_are_dropped_while_somebody_flushes() -> None:
    """They do not stand for older ones, which are still on their way; and each is counted at once."""
    bench = Bench()
    async with bench.writer(flush_seconds=0.5, overflow=Overflow.DROP_OLDEST, summaries=100) as writer:
        gate = bench.script.gate = asyncio.Event()
        for step in range(40):
            await writer.scalar("t", 1.0, step)
        flush = asyncio.create_task(writer.flush())
        await asyncio.sleep(1.0)
        await write(writer, range(40, 400))
        assert writer.stats.dropped >= 300
        while not flush.done():
            stats = writer.stats
            assert stats.accepted == 400 == stats.committed + stats.pending + stats.dropped
            gate, bench.script.gate = bench.script.gate, asyncio.Event()
            gate.set()  # one append goes through
            await asyncio.sleep(1.0)
        assert set(range(40)) <= set(bench.steps())
        bench.script.gate.set()
    assert len(bench.steps()) == writer.stats.committed == 400 - writer.stats.dropped


@pytest.mark.virtual_time
async def test_a_flush_of_what_is_dropped() -> None:
    """Ends when what was accepted before is committed, and says of how many that is not so."""
    bench = Bench()
    async with bench.writer(overflow=Overflow.DROP_OLDEST, summaries=20) as writer:
        gate = bench.script.gate = asyncio.Event()
        await write(writer, range(10))
        first = asyncio.create_task(writer.flush())
        await asyncio.sleep(1.0)
        second = asyncio.create_task(writer.flush(timeout=5.0))
        third = asyncio.create_task(writer.flush())
        for step in range(10, 20):
            await writer.scalar("t", 1.0, step)
        await asyncio.sleep(0)
        for step in range(20, 40):
            await writer.scalar("t", 1.0, step)
        with pytest.raises(summary.FlushTimeoutError) as caught:
            await second
        assert caught.value.uncommitted == 10
        assert not third.done()
        gate.set()
        await asyncio.gather(first, third)
        await writer.flush()
    assert bench.steps() == [*range(10), *range(30, 40)]


@pytest.mark.virtual_time
async def test_a_disk_that_takes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Leaves the queue: callers wait for room, and nothing is lost."""
    (tmp_path / "file").write_text("")
    bench = Bench()
    async with bench.writer(pending_bytes=SMALL, flush_seconds=0.5, spool_root=tmp_path / "file") as writer:
        bench.script.always(AWAY)
        task = asyncio.create_task(write(writer, range(3_000)))
        await asyncio.sleep(30.0)
        assert not task.done()
        assert writer.stats.spooled == 0
        bench.script.heal()
        await task
        await writer.flush()
    assert bench.steps() == list(range(3_000))
    assert "takes nothing" in caplog.text


@pytest.mark.virtual_time
async def test_a_mistake_that_a_person_must_mend(tmp_path: Path) -> None:
    """Permission that is taken away in the middle: training goes on all the same, and flush() says what is wrong at once."""
    bench = Bench()
    async with bench.writer(pending_bytes=SMALL, flush_seconds=0.5, spool_root=tmp_path) as writer:
        bench.script.always([Fault("append", error=lambda: AccessDeniedError("no permission any more"))])
        await write(writer, range(5_000))
        with pytest.raises(summary.CommitError, match="no permission any more"):
            await writer.flush()
        bench.script.heal()
        await writer.flush()
    assert bench.steps() == list(range(5_000))


@pytest.mark.virtual_time
async def test_a_flush_while_the_spool_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends the pause of half a minute that follows a mistake, also if it comes while others are put into the spool."""
    bench = Bench()
    writer = bench.writer(spool_root=tmp_path, pending_bytes=64 << 10)
    await writer.init()
    bench.script.always([Fault("append", error=lambda: AccessDeniedError("denied"))])
    await writer.scalar("t", 1.0, 0)
    with pytest.raises(summary.CommitError):
        await writer.flush()
    put, inside = Spool.put, asyncio.Event()

    async def slow(spool: Spool, *arguments: Any) -> None:
        inside.set()
        await put(spool, *arguments)
        await asyncio.sleep(0.05)

    monkeypatch.setattr(Spool, "put", slow)
    await asyncio.sleep(3.0)
    for step in range(1, 600):
        await writer.scalar("t", 1.0, step)
    await inside.wait()
    bench.script.heal()
    begun = asyncio.get_running_loop().time()
    await writer.flush()
    assert asyncio.get_running_loop().time() - begun < 10.0
    await writer.close()
    assert bench.steps() == list(range(600))


@pytest.mark.virtual_time
async def test_spool_first(tmp_path: Path) -> None:
    """durability="spool": each batch is on this disk before it is sent, also while an append hangs, and is gone from it afterwards."""
    bench = Bench()
    async with bench.writer(max_queue=9, flush_seconds=1.0, spool_root=tmp_path, durability=Durability.SPOOL) as writer:
        for step in range(10):
            await writer.scalar("t", 1.0, step)
        await writer.flush()
        assert files_in(tmp_path) == []
        bench.script.gate = asyncio.Event()
        for step in range(10, 40):
            await writer.scalar("t", 1.0, step)
            await asyncio.sleep(0.05)
        await until(lambda: writer.stats.spooled == 30)
        assert writer.stats.committed == 10
        bench.script.gate.set()
        await writer.flush()
    assert bench.steps() == list(range(40))
    assert files_in(tmp_path) == []


@pytest.mark.virtual_time
async def test_spool_first_of_what_was_made_ready(tmp_path: Path) -> None:
    """durability="spool": also what was encoded while an append was on its way is on this disk before it is sent."""
    bench = Bench()
    writer = bench.writer(spool_root=tmp_path, durability=Durability.SPOOL)
    async with writer:
        gate = bench.script.gate = asyncio.Event()
        await writer.scalar("t", 1.0, 1)
        first = asyncio.create_task(writer.flush())
        await until(lambda: writer.stats.spooled == 1)
        await writer.scalar("t", 1.0, 2)
        second = asyncio.create_task(writer.flush())
        pipeline = writer._resource._pipeline
        assert pipeline is not None
        await until(lambda: not len(pipeline.queue.waiting))
        before = bench.appends()
        bench.script.always([Fault("append", When.HANG_BEFORE)])
        gate.set()
        await first
        await until(lambda: bench.appends() > before)
        assert (writer.stats.committed, writer.stats.spooled, writer.stats.pending) == (1, 1, 1)
        bench.script.heal()
        await second
    assert bench.steps() == [1, 2]
    assert files_in(tmp_path) == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("growth", Growth)
async def test_a_large_append_that_was_stored_and_not_answered(growth: Growth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is larger than what is read back in one piece: the next writer finds it there all the same, and nothing is there twice."""
    for module in (spool_module, spool_file):
        monkeypatch.setattr(module, "CHUNK_BYTES", 1000)
    bench = Bench(growth=growth)
    writer = bench.writer(retry_seconds=5.0, spool_root=tmp_path, durability=Durability.SPOOL)
    await writer.init()
    for step in range(100):
        await writer.scalar("t", 1.0, step)
    bench.script.then(Fault("append", When.AFTER)).always([Fault("probe"), Fault("read"), Fault("entries"), Fault("open")])
    with pytest.raises(summary.CommitError, match="not committed"):
        await writer.close()
    bench.script.heal()
    async with bench.writer(spool_root=tmp_path) as after:
        pass
    assert after.stats.recovered == 100 - writer.stats.committed
    assert bench.steps() == list(range(100))


async def test_two_writers_of_one_logdir(tmp_path: Path) -> None:
    """Each has its own files in the spool, and the second does not take those of the first."""
    bench = Bench()
    first, second = (bench.writer(max_queue=0, spool_root=tmp_path, durability=Durability.SPOOL) for _ in range(2))
    await first.init()
    bench.script.gate = asyncio.Event()
    await first.scalar("a", 1.0, 1)
    await until(lambda: first.stats.spooled == 1)
    bench.script.gate.set()
    async with second:
        await second.scalar("b", 1.0, 1)
        await second.flush()
        assert second.stats.recovered == 0
    await first.close()
    assert sorted(tag for tag, _, _ in bench.scalars()) == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"spool_dir": 3}, "spool_dir: must be a folder's path"),
        ({"spool_dir": ""}, "spool_dir: must be a folder's path"),
        ({"max_spool_bytes": 0}, "max_spool_bytes: must be at least 1"),
        ({"durability": "disk"}, "durability: must be one of 'commit', 'spool'"),
        ({"durability": "spool"}, "durability: 'spool' needs a spool_dir"),
        ({"max_segment_bytes": 1000}, "max_segment_bytes: must be at least 65536"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    """Are refused by name."""
    with pytest.raises(summary.InvalidArgumentError, match=message):
        summary.create_file_writer("runs/never", **arguments)


@pytest.mark.virtual_time
async def test_an_append_that_ends_while_it_is_put_into_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts as committed, and what was put in behind it does not."""
    bench = Bench()
    async with bench.writer(pending_bytes=SMALL, flush_seconds=0.5, spool_root=tmp_path) as writer:
        bench.script.gate = asyncio.Event()
        original = Spool.put

        async def slow(self: Spool, data: bytes, count: int, kept: int) -> None:
            await original(self, data, count, kept)
            assert bench.script.gate is not None
            bench.script.gate.set()
            before = len(bench.steps())
            while len(bench.steps()) == before and before == 0:
                await asyncio.sleep(0.01)

        monkeypatch.setattr(Spool, "put", slow)
        await write(writer, range(3_000))
        await writer.flush()
        assert (writer.stats.committed, writer.stats.spooled) == (3_000, 0)
    assert bench.steps() == list(range(3_000))
    assert files_in(tmp_path) == []


async def test_two_that_died_in_the_middle_of_an_append(tmp_path: Path) -> None:
    """Of two writers that lived at once each left an append in doubt; one was stored, one was not. Each is there once."""
    bench = Bench()
    root = tmp_path / "spool"
    left = []
    for number in range(3):
        name = f"events.out.tfevents.000000000{number + 1}.h.1.000000.v2"
        at = bench.disk.store(f"run/{name}", file_version(number + 1))
        spool = Spool(root, "in-memory:run", 1 << 20)
        await spool.put(records(number), 1, 1)
        await spool.take()
        await spool.note_attempt(Attempt(name, at, 0))
        if number != 1:
            bench.disk.store(f"run/{name}", file_version(number + 1) + records(number))
        left.append(spool)
    for spool in left:
        await spool.close()
    async with bench.writer(spool_root=root) as writer:
        await writer.scalar("t", 1.0, 9)
        await writer.flush()
        assert writer.stats.recovered == 3
    assert sorted(bench.steps()) == [0, 1, 2, 9]
    assert files_in(root) == []


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_cancelled_while_the_spool_is_filled(turns: int, tmp_path: Path) -> None:
    """The writer's task is cancelled, as at the end of its loop, at any moment of an outage: everything is in one place or the other."""
    bench = Bench()
    writer = bench.writer(max_queue=4, spool_root=tmp_path, durability=Durability.SPOOL)
    await writer.init()
    bench.script.gate = asyncio.Event()
    for step in range(40):
        await writer.scalar("t", 1.0, step)
    for _ in range(turns):
        await asyncio.sleep(0)
    task = writer._resource._pipeline._task  # type: ignore[union-attr]  # it is open
    assert task is not None
    task.cancel()
    bench.script.gate.set()
    with pytest.warns(ResourceWarning, match="was left open"):
        await asyncio.wait([task])
        await task
    async with bench.writer(spool_root=tmp_path) as after:
        await after.flush()
    assert bench.steps() == list(range(40))


@pytest.mark.parametrize("in_hand", [True, False])
async def test_cancelled_while_a_thread_writes_to_the_spool(in_hand: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread goes on: what it has put in is in the spool, and nowhere else."""
    bench = Bench()
    writer = bench.writer(max_queue=4, spool_root=tmp_path, durability=Durability.SPOOL)
    await writer.init()
    bench.script.gate = asyncio.Event()
    begun, go_on = threading.Event(), threading.Event()
    original = Spool._put
    puts: list[int] = []

    def blocked(self: Spool, data: bytes, count: int, kept: int) -> None:
        puts.append(count)
        if len(puts) == (1 if in_hand else 2):
            begun.set()
            assert go_on.wait(30)
        original(self, data, count, kept)

    monkeypatch.setattr(Spool, "_put", blocked)
    for step in range(20):
        await writer.scalar("t", 1.0, step)
        await asyncio.sleep(0.01)
    while not begun.is_set():
        await asyncio.sleep(0.01)
    task = writer._resource._pipeline._task  # type: ignore[union-attr]  # it is open
    assert task is not None
    later = threading.Timer(0.1, go_on.set)  # the event loop itself waits for the thread then
    later.start()
    task.cancel()
    bench.script.gate.set()
    with pytest.warns(ResourceWarning, match="was left open"):
        await asyncio.wait([task])
        await task
    later.join()
    async with bench.writer(spool_root=tmp_path) as after:
        await after.flush()
    assert bench.steps() == list(range(20))


@pytest.mark.virtual_time
async def test_a_disk_that_is_full_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A journal that cannot be written is told once, and everything is committed all the same."""
    bench = Bench()
    async with bench.writer(pending_bytes=SMALL, flush_seconds=0.5, spool_root=tmp_path) as writer:
        bench.script.always(AWAY)
        await write(writer, range(3_000))
        assert writer.stats.spooled

        def full(self: SpoolFile, journal: Journal) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(SpoolFile, "note", full)
        bench.script.heal()
        await writer.flush()
    assert bench.steps() == list(range(3_000))
    assert caplog.text.count("cannot be written") == 1


@pytest.mark.virtual_time
@pytest.mark.parametrize("late", [True, False])
async def test_room_for_something_large_while_all_is_in_hand(late: bool, tmp_path: Path) -> None:
    """Nothing waits in the queue, and what there is is on its way to a storage that is away: it goes to the spool, and makes room."""
    bench = Bench()
    async with bench.writer(spool_root=tmp_path, pending_bytes=4000, retry_seconds=5.0) as writer:
        bench.script.always([Fault("append"), Fault("probe")])
        for step in range(60):
            await writer.scalar("s", 1.0, step)
        if late:
            await asyncio.sleep(30)
        async with asyncio.timeout(60):
            await writer.text("large", "x" * 1000, 60)
        assert writer.stats.spooled > 0
        bench.script.heal()
    assert [event.step for event in bench.events()[2:]] == list(range(61))
