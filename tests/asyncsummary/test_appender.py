"""Appends that were cut off in the middle: the rest is appended, and nothing is there twice. And what is told while one is tried again."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from fsspec.core import url_to_fs
from fsspec.implementations.memory import MemoryFile

import asyncsummary as summary
from asyncsummary.config import ForeignWriter
from asyncsummary.header import file_version
from asyncsummary.journal import Attempt
from asyncsummary.protos import Event
from asyncsummary.records import frame, scan
from asyncsummary.spool import Spool
from asyncsummary.sync import sync
from asyncsummary_storage import (
    NOTHING,
    Fault,
    Folder,
    Growth,
    OutcomeUnknownError,
    Position,
    SegmentFullError,
    Terms,
    ThrottledError,
    TransientError,
    UnsupportedError,
    When,
)
from asyncsummary_storage.memory import MemoryFolder, MemorySegment
from tests.storage.backends import RewritingFileSystem
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


@pytest.mark.parametrize("policy", ["continue", "raise"])
async def test_a_filesystem_that_broke_at_the_first_byte(
    policy: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is made, and nothing is in it: nobody else is blamed."""
    real = MemoryFile.write

    def torn(self: MemoryFile, data: bytes) -> None:
        monkeypatch.setattr(MemoryFile, "write", real)
        raise ConnectionResetError("Connection reset by peer")

    monkeypatch.setattr(MemoryFile, "write", torn)
    async with summary.create_file_writer(f"memory://first-byte-{policy}/run", spool_dir=False, foreign_writer=policy) as writer:
        await write(writer, range(3))
    filesystem = fsspec.filesystem("memory")
    (name,) = filesystem.find(f"/first-byte-{policy}/run")
    assert steps_of(filesystem.cat(name)) == [0, 1, 2]
    assert warnings_in(caplog) == []


@pytest.mark.parametrize("percent", [0, 30, 90])
async def test_a_filesystem_that_truncates(percent: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """And then sends a file again as a whole: what was committed is there after the connection broke in between."""
    real, url = RewritingFileSystem.pipe_file, f"rewriting://truncated-{percent}/run"

    def torn(self: RewritingFileSystem, path: str, value: bytes) -> None:
        monkeypatch.setattr(RewritingFileSystem, "pipe_file", real)
        real(self, path, bytes(value)[: len(value) * percent // 100])
        raise ConnectionResetError("Connection reset by peer")

    async with summary.create_file_writer(url, spool_dir=False, max_queue=10**6, flush_millis=10**7) as writer:
        await write(writer, range(50))
        await writer.flush()
        monkeypatch.setattr(RewritingFileSystem, "pipe_file", torn)
        await write(writer, range(50, 51))
        await writer.flush()
    filesystem, folder = url_to_fs(url)
    (name,) = filesystem.find(folder)
    assert steps_of(filesystem.cat(name)) == list(range(51))
    assert warnings_in(caplog) == []


@pytest.mark.parametrize("growth", [Growth.IN_PLACE, Growth.REWRITE])
async def test_records_of_another_kind(growth: Growth, caplog: pytest.LogCaptureFixture) -> None:
    """Another program wrote them behind ours: who that was is not known, and what comes next goes to a segment of our own."""
    bench = Bench(growth=growth)
    async with bench.writer() as writer:
        (name,) = bench.names
        bench.disk.store(name, bench.disk.content[name] + frame(b"\xff\xff\xff no event"))
        await write(writer, range(2))
    assert "by the doing of somebody else" in caplog.text
    assert steps_of(bench.disk.content[bench.names[1]]) == [0, 1]


async def test_the_last_append_that_a_segment_takes() -> None:
    """Its reply is lost, the client sends it again by itself, and that is told that the segment is full: it is there once."""
    bench = Bench()
    async with bench.writer() as writer:
        bench.script.then(Fault("append", When.AFTER, lambda: SegmentFullError("10,000 appends")))
        await write(writer, range(1, 3))
        await writer.flush()
        await write(writer, range(3, 4))
    assert bench.steps() == [1, 2, 3]
    assert len(bench.names) == 1


async def test_a_large_segment_that_cannot_be_extended_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a permission is taken away: it is neither fetched nor sent again as a whole, but left."""
    monkeypatch.setattr("asyncsummary.appender.LARGEST_REWRITTEN", 200)
    bench = Bench(growth=Terms(Growth.REWRITE, extend_from=200, extend_requests=4))
    async with bench.writer() as writer:
        await write(writer, range(10))
        await writer.flush()
        (name,) = bench.names
        before = bench.disk.content[name]
        bench.script.always([Fault("extend", error=lambda: UnsupportedError("no copies here"))])
        for step in range(10, 12):
            await write(writer, range(step, step + 1))
            await writer.flush()
    assert bench.disk.content[name] == before
    assert bench.steps() == list(range(12))
    assert len(bench.names) == 2


# What is told meanwhile


async def test_why_it_is_tried_again() -> None:
    """Is told at once by whoever is asked: the writer's figures, and a flush whose time is up."""
    bench = Bench()
    async with bench.writer() as writer:
        bench.script.always([Fault("append", error=lambda: TransientError("the disk is on fire"))])
        await write(writer, range(1))
        with pytest.raises(summary.FlushTimeoutError, match="the disk is on fire"):
            await writer.flush(timeout=30.0)
        assert writer.stats.retries == bench.appends() - 1 > 5  # the first append began the segment, and the next try is waited for
        assert writer.stats.last_error == "the disk is on fire"
        bench.script.heal()
        await writer.flush()
        assert writer.stats.last_error is None
    assert bench.steps() == [0]


async def test_a_storage_that_asks_for_rest() -> None:
    """For longer than is waited: whoever flushes is told, and it is left alone for so long, unless somebody flushes again."""
    bench = Bench()
    async with bench.writer(retry_seconds=60.0) as writer:
        bench.script.always([Fault("append", error=lambda: ThrottledError("slow down", 120.0))])
        await write(writer, range(1))
        for tries in (2, 3):
            with pytest.raises(summary.CommitError, match="slow down"):
                await writer.flush()
            await asyncio.sleep(110.0)
            assert bench.appends() == tries
        bench.script.heal()
        await asyncio.sleep(15.0)
        assert bench.steps() == [0]


@pytest.mark.parametrize("count", [0, 3000])
async def test_a_disk_that_hangs(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever flushes is told as soon whether the segment is small or large, since an append sends only what is new."""
    monkeypatch.setattr("asyncsummary.appender._SLOWEST_BYTES_PER_SECOND", 100)
    bench = Bench()
    bench.disk.store(f"run/{OLD}", file_version(1) + records(*range(count)))
    async with bench.writer(resume=True, retry_seconds=60.0) as writer:
        bench.script.always([Fault("append", When.HANG_BEFORE), Fault("probe", When.HANG_BEFORE)])
        await write(writer, range(count, count + 1))
        begun = asyncio.get_running_loop().time()
        with pytest.raises(summary.CommitError, match="no answer"):
            await writer.flush()
        assert asyncio.get_running_loop().time() - begun < 120.0
        bench.script.heal()
    assert bench.steps() == list(range(count + 1))


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


@pytest.mark.parametrize("policy", list(ForeignWriter))
async def test_an_earlier_process_that_only_made_its_segment(
    policy: ForeignWriter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It was killed before the first byte: nobody else has been there."""
    bench = Bench()
    await left_behind(bench, tmp_path, 0, creating=True)
    bench.disk.store(f"run/{OLD}", b"")
    async with bench.writer(spool_root=tmp_path, foreign_writer=policy) as writer:
        assert writer.stats.recovered == 3
    assert steps_of(bench.disk.content[f"run/{OLD}"]) == [1, 2, 3]
    assert "by the doing of" not in caplog.text


async def test_the_next_start_after_somebody_wrote(tmp_path: Path) -> None:
    """foreign_writer="raise": it was told to the process whose segment that was; the next one opens, and has what was left."""
    bench = Bench()
    writer = bench.writer(spool_root=tmp_path, foreign_writer=ForeignWriter.RAISE)
    await writer.init()
    (name,) = bench.names
    bench.disk.store(name, bench.disk.content[name] + THEIRS)
    await write(writer, range(1, 4))
    for call in (writer.flush, writer.close):
        with pytest.raises(summary.ForeignWriterError):
            await call()
    async with bench.writer(spool_root=tmp_path, foreign_writer=ForeignWriter.RAISE) as after:
        assert after.stats.recovered == 3
        await write(after, range(4, 5))
    assert bench.steps() == [100, 101, 102, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [0, HEADER + RECORD, HEADER + 3 * RECORD])
@pytest.mark.parametrize("newer", [False, True])
async def test_what_sync_counts(newer: bool, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each summary once, whichever segment has it in the end."""
    bench = Bench()
    await left_behind(bench, tmp_path, size, creating=True, newer=newer)

    def opened(url: str, options: object) -> Folder:
        return MemoryFolder("run", bench.disk)

    monkeypatch.setattr("asyncsummary.sync.open_folder", opened)
    (done,) = await sync(tmp_path)
    assert (done.committed, done.left, done.error) == (3, 0, None)
    assert steps_in(bench) == [1, 2, 3]


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
