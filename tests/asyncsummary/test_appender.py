"""Appends that were cut off in the middle, where segments grow in place: the rest is appended, and nothing is there twice."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile

import asyncsummary as summary
from asyncsummary.config import ForeignWriter
from asyncsummary.header import file_version
from asyncsummary.journal import Attempt
from asyncsummary.protos import Event
from asyncsummary.records import scan
from asyncsummary.spool import Spool
from asyncsummary_storage import NOTHING, Fault, Growth, OutcomeUnknownError, Position
from asyncsummary_storage.memory import MemorySegment
from tests.support.events import scalars_of
from tests.support.spooling import records
from tests.support.writing import Bench

pytestmark = pytest.mark.virtual_time

AWAY = [Fault("append"), Fault("probe"), Fault("read")]
RECORD = len(records(1))
HEADER = len(file_version(1))
CUTS = [1, 12, RECORD - 1, RECORD, RECORD + 1, 2 * RECORD, 3 * RECORD - 1]
OLD, NEWER = (f"events.out.tfevents.000000000{number}.h.1.000000.v2" for number in (1, 2))
THEIRS = records(100, 101, 102)

CutOff = Callable[..., None]


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> CutOff:
    """Return what has the next appends cut off, each after so many bytes (None: not at all).

    With ``behind`` somebody else's bytes are there right after these; ``then`` is called after the last.
    """
    cuts: list[tuple[int | None, bytes]] = []
    afterwards: list[Callable[[], object]] = []
    append = MemorySegment.append

    async def torn(self: MemorySegment, data: bytes, at: Position) -> Position:
        size, behind = cuts.pop(0) if cuts else (None, b"")
        if size is None:
            return await append(self, data, at)
        if size or behind:
            await append(self, data[:size] + behind, at)
        if not cuts and afterwards:
            afterwards.pop()()
        raise OutcomeUnknownError("cut off")

    def add(*sizes: int | None, behind: bytes = b"", then: Callable[[], object] | None = None) -> None:
        cuts.extend((size, behind) for size in sizes)
        if then is not None:
            afterwards.append(then)

    monkeypatch.setattr(MemorySegment, "append", torn)
    return add


async def write(writer: summary.SummaryWriter, steps: range) -> None:
    for step in steps:
        await writer.scalar("t", 1.0, step)


def steps_of(content: bytes) -> list[int]:
    """Return the steps of the scalars in a segment, up to a torn record."""
    return [step for _, step, _ in scalars_of([Event.FromString(payload) for payload in scan(content)[0]])]


def steps_in(bench: Bench) -> list[int]:
    """Return what a reader sees of the run, in its order."""
    return [step for name in bench.names for step in steps_of(bench.disk.content[name])]


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# In the process that appends


@pytest.mark.parametrize("sizes", [*((size,) for size in CUTS), (1, 1, 1), (RECORD, RECORD), (5, 2 * RECORD, 7)], ids=str)
async def test_the_rest_is_appended(sizes: tuple[int, ...], cut_off: CutOff, caplog: pytest.LogCaptureFixture) -> None:
    """In the same segment, wherever and however often the append is cut off; nobody else is blamed."""
    bench = Bench()
    async with bench.writer() as writer:
        cut_off(*sizes)
        await write(writer, range(1, 4))
        await writer.flush()
        await write(writer, range(4, 6))
    assert bench.steps() == [1, 2, 3, 4, 5]
    assert len(bench.names) == 1
    assert warnings_in(caplog) == []


@pytest.mark.parametrize("size", [1, 12, HEADER - 1, HEADER, HEADER + 1, HEADER + 20])
async def test_the_first_append_of_a_segment(size: int, cut_off: CutOff) -> None:
    """The rest of its header, too."""
    bench = Bench()
    cut_off(size)
    async with bench.writer() as writer:
        await write(writer, range(1, 4))
    assert [bool(event.file_version) for event in bench.events()] == [True, False, False, False, False]
    assert len(bench.names) == 1


@pytest.mark.parametrize("size", CUTS)
async def test_given_up_in_between(size: int, cut_off: CutOff) -> None:
    """Storage is away for long after it: whoever waits is told, and the rest is appended when it is back."""
    bench = Bench()
    async with bench.writer(retry_seconds=2.0) as writer:
        cut_off(size, then=lambda: bench.script.always(AWAY))
        await write(writer, range(1, 4))
        with pytest.raises(summary.CommitError, match="3 summaries"):
            await writer.flush()
        bench.script.heal()
        await writer.flush()
    assert bench.steps() == [1, 2, 3]
    assert len(bench.names) == 1


@pytest.mark.parametrize("size", CUTS)
async def test_somebody_wrote_behind_it(size: int, cut_off: CutOff) -> None:
    """Only the records that are not whole there go to a segment of our own; also if that befalls us twice."""
    bench = Bench()
    async with bench.writer() as writer:
        await write(writer, range(1, 5))
        cut_off(size, HEADER + RECORD, behind=THEIRS)
        await writer.flush()
        await write(writer, range(5, 7))
    assert [step for step in steps_in(bench) if step < 100] == [1, 2, 3, 4, 5, 6]
    assert len(bench.names) == (2 if size == 3 * RECORD else 3)


@pytest.mark.parametrize("size", CUTS)
async def test_somebody_resumed_before_we_looked(size: int, cut_off: CutOff) -> None:
    """And has cut the torn record off, and written behind what was whole."""
    bench = Bench()
    first, second = bench.writer(), bench.writer(resume=True)
    await first.init()
    await write(first, range(1, 4))

    async def resumed_behind() -> None:
        while "probe" not in bench.script.calls:
            await asyncio.sleep(0)
        bench.script.heal()
        await second.init()

    cut_off(size, then=lambda: bench.script.always([Fault("probe")]))
    await asyncio.gather(first.flush(), resumed_behind())
    await write(second, range(50, 51))
    await second.close()
    await first.close()
    assert bench.steps() == [*range(1, 1 + size // RECORD), 50, *range(1 + size // RECORD, 4)]
    assert len(bench.names) == 2


@pytest.mark.parametrize("size", [RECORD + 1, 3 * RECORD - 1])
async def test_somebody_resumes_and_has_not_written_yet(size: int, cut_off: CutOff) -> None:
    """The torn record that we are about to complete is cut off: it is appended as a whole, and it is they who have to leave."""
    bench = Bench()
    async with bench.writer() as writer:
        (name,) = bench.names
        whole = bench.disk.content[name]
        await write(writer, range(1, 4))
        cut_off(size)
        bench.script.passing("append", 1).then(Fault("append"))
        flushing = asyncio.create_task(writer.flush())
        while bench.script.calls.count("append") < 3:
            await asyncio.sleep(0.001)
        kept = len(whole) + size // RECORD * RECORD
        bench.disk.store(name, bench.disk.content[name][:kept])
        await flushing
    assert bench.steps() == [1, 2, 3]
    assert bench.names == [name]


async def test_told_by_an_error(cut_off: CutOff) -> None:
    """foreign_writer="raise": what is there is left as it is, however often it is tried again."""
    bench = Bench()
    writer = bench.writer(foreign_writer=ForeignWriter.RAISE)
    await writer.init()
    cut_off(RECORD, behind=THEIRS)
    await write(writer, range(1, 4))
    for _ in range(3):
        with pytest.raises(summary.ForeignWriterError, match="by the doing of somebody else"):
            await writer.flush()
    with pytest.raises(summary.ForeignWriterError):
        await writer.close()
    assert bench.steps() == [1, 100, 101, 102]


async def test_objects_are_not_appended_to_in_part(cut_off: CutOff) -> None:
    """An object has all of an append or nothing: one that ends elsewhere is somebody else's, and is not asked what it has of ours."""
    bench = Bench(growth=Growth.REWRITE)
    async with bench.writer() as writer:
        await write(writer, range(1, 4))
        cut_off(RECORD)
        bench.script.calls.clear()
        await writer.flush()
        assert bench.script.calls == ["append", "probe", "read", "append"]  # what is read is who wrote there
    assert bench.steps() == [1, 1, 2, 3]


async def test_a_filesystem_without_promises(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that breaks in the middle of a write to any other host, for which fsspec's memory stands."""
    real = MemoryFile.write

    def torn(self: MemoryFile, data: bytes) -> None:
        monkeypatch.setattr(MemoryFile, "write", real)
        real(self, data[: len(data) // 3])
        raise ConnectionResetError("Connection reset by peer")

    async with summary.create_file_writer("memory://cut-off/run", spool_dir=False, max_queue=10**6, flush_millis=10**7) as writer:
        await write(writer, range(1))
        await writer.flush()
        monkeypatch.setattr(MemoryFile, "write", torn)
        await write(writer, range(1, 101))
        await writer.flush()
    filesystem = fsspec.filesystem("memory")
    (name,) = filesystem.find("/cut-off/run")
    assert steps_of(filesystem.cat(name)) == list(range(101))
    assert warnings_in(caplog) == []


# In a process that goes on


async def left_behind(bench: Bench, root: Path, size: int, *, creating: bool = False, newer: bool = False, behind: bytes = b"") -> None:
    """Leave what a process does that was killed in the middle of an append of three records: ``size`` bytes of it are stored."""
    key, first = f"run/{OLD}", file_version(1)
    at = NOTHING if creating else bench.disk.store(key, first)
    spool = Spool(root, "in-memory:run", 1 << 20)
    await spool.put(records(1, 2, 3), 3, 3)
    await spool.take()
    await spool.note_attempt(Attempt(OLD, at, len(first) if creating else 0))
    await spool.close()
    sent = (first if creating else b"") + records(1, 2, 3)
    if size or behind:
        bench.disk.store(key, bench.disk.content.get(key, b"") + sent[:size] + behind)
    if newer:
        bench.disk.store(f"run/{NEWER}", file_version(2))


@pytest.mark.parametrize("size", [0, *CUTS, 3 * RECORD])
@pytest.mark.parametrize(("creating", "newer", "resume"), list(itertools.product([False, True], repeat=3)))
async def test_an_earlier_process(creating: bool, newer: bool, resume: bool, size: int, tmp_path: Path) -> None:
    """Where its segment is the last one the rest is appended there; otherwise the records that are not whole go to a newer one."""
    bench = Bench()
    await left_behind(bench, tmp_path, size + (HEADER if creating else 0), creating=creating, newer=newer)
    async with bench.writer(spool_root=tmp_path, resume=resume) as writer:
        await write(writer, range(9, 10))
        await writer.flush()
        assert writer.stats.recovered == 3
    assert steps_in(bench) == [1, 2, 3, 9]
    assert list(tmp_path.glob("*/*.spool")) == []
    in_old = steps_of(bench.disk.content[f"run/{OLD}"])
    was_begun_again = resume and not creating and 0 < size < RECORD  # cut to where it was, and this disk counts versions
    assert in_old == ([1, 2, 3][: size // RECORD] if newer or was_begun_again else [1, 2, 3, 9] if resume else [1, 2, 3])


@pytest.mark.parametrize("size", range(HEADER + 1))
async def test_an_earlier_process_at_the_header(size: int, tmp_path: Path) -> None:
    """Of a segment that it was about to begin."""
    bench = Bench()
    await left_behind(bench, tmp_path, size, creating=True)
    async with bench.writer(spool_root=tmp_path) as writer:
        assert writer.stats.recovered == 3
    assert bench.steps() == [1, 2, 3]


@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("resume", [False, True])
async def test_an_earlier_process_and_somebody_behind_it(resume: bool, count: int, tmp_path: Path) -> None:
    """Only the records that are not there are written, to a segment of our own."""
    bench = Bench()
    await left_behind(bench, tmp_path, count * RECORD, behind=THEIRS)
    async with bench.writer(spool_root=tmp_path, resume=resume) as writer:
        assert writer.stats.recovered == 3
    assert bench.steps() == [*range(1, 1 + count), 100, 101, 102, *range(1 + count, 4)]


@pytest.mark.parametrize("second", [0, 1, RECORD - 1, RECORD, RECORD + 1])
@pytest.mark.parametrize("first", [1, RECORD, 2 * RECORD - 1])
async def test_cut_off_in_two_segments(first: int, second: int, tmp_path: Path, cut_off: CutOff, caplog: pytest.LogCaptureFixture) -> None:
    """The next process is cut off, too, in a newer segment, and ends: the one after that writes what neither has stored."""
    bench = Bench()
    await left_behind(bench, tmp_path, first, newer=True)
    writer: summary.SummaryWriter = bench.writer(spool_root=tmp_path, retry_seconds=2.0)
    cut_off(None, second, then=lambda: bench.script.always(AWAY))  # the first is the newer segment's beginning
    await writer.init()
    await writer.close()
    assert "what earlier processes left stays there" in caplog.text
    bench.script.heal()
    async with bench.writer(spool_root=tmp_path) as after:
        assert after.stats.recovered == 3
    assert steps_in(bench) == [1, 2, 3]


@pytest.mark.parametrize("second", [0, 1, HEADER, HEADER + RECORD - 1, HEADER + RECORD, HEADER + RECORD + 1])
@pytest.mark.parametrize("count", range(3))
async def test_fenced_and_cut_off(count: int, second: int, tmp_path: Path, cut_off: CutOff) -> None:
    """The next process has to leave the segment to others, and is cut off in its own while it opens: that is known to the one after it."""
    bench = Bench()
    await left_behind(bench, tmp_path, count * RECORD, behind=THEIRS)
    writer = bench.writer(spool_root=tmp_path, retry_seconds=2.0)
    cut_off(second, then=lambda: bench.script.always(AWAY))
    with pytest.raises(summary.OpenError):
        await writer.init()
    await writer.close()
    bench.script.heal()
    async with bench.writer(spool_root=tmp_path) as after:
        assert after.stats.recovered == 3
    assert [step for step in steps_in(bench) if step < 100] == [1, 2, 3]
