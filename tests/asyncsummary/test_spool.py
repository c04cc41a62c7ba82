"""The spool: order, exactly once over processes, locks, damage, and its bounds."""

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from asyncsummary.header import file_version
from asyncsummary.journal import Attempt
from asyncsummary.losses import whereabouts
from asyncsummary.protos import Event
from asyncsummary.records import frame
from asyncsummary.spool import Spool, default_root, folder_of, spooled_logdirs
from asyncsummary.spool_file import SpoolFile, journal_path
from asyncsummary_storage import NOTHING, Position
from tests.support.events import accumulated, events_in
from tests.support.spooling import records

LOGDIR = "s3://bucket/some/run"
ATTEMPT = Attempt("events.out.tfevents.0000000001.h.1.000000.v2", Position(7, "etag"), 0)
LARGE = frame(Event(wall_time=1.0, file_version="x" * (1 << 20)).SerializeToString()) * 12


def spool_in(root: Path, max_bytes: int = 1 << 20) -> Spool:
    return Spool(root, LOGDIR, max_bytes)


def files_in(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*/*") if path.name != "logdir")


async def drained(spool: Spool) -> list[int]:
    """Commit everything, and return the steps."""
    steps: list[int] = []
    while (taken := await spool.take()) is not None:
        steps += [event.step for event in events_in(file_version(1) + taken.data)[1:]]
        await spool.note_attempt(Attempt("segment", NOTHING, 0))
        await spool.note_committed()
    return steps


async def pieces(spool: Spool) -> list[int]:
    """Commit everything, and return how many summaries of an earlier process each append had; none was begun before."""
    counts: list[int] = []
    while (taken := await spool.take()) is not None:
        assert taken.attempt is None
        counts.append(taken.recovered)
        await spool.note_committed()
    return counts


def read_only(*arguments: object, **options: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_first_in_first_out(tmp_path: Path) -> None:
    """What was put in comes out in that order; then nothing is left on the disk."""
    spool = spool_in(tmp_path)
    assert spool.is_empty
    assert await spool.take() is None
    assert not list(tmp_path.iterdir())
    await spool.put(records(1, 2), 2, 2)
    await spool.put(records(3), 2, 1)
    assert (spool.is_empty, spool.summaries) == (False, 3)
    taken = await spool.take()
    assert taken is not None
    assert (taken.count, taken.kept, taken.recovered, taken.attempt) == (4, 3, 0, None)
    assert await spool.take() == taken
    assert await drained(spool) == [1, 2, 3]
    assert (spool.is_empty, spool.size) == (True, 0)
    assert files_in(tmp_path) == []
    await spool.close()
    assert list(tmp_path.iterdir()) == []
    await spool.put(records(4), 1, 1)
    assert len(files_in(tmp_path)) == 1
    await spool.close()


async def test_tensorboard_reads_it(tmp_path: Path) -> None:
    """As it is."""
    spool = spool_in(tmp_path)
    await spool.put(records(1, 2), 2, 2)
    assert accumulated(spool.folder) == {"t": [(1, 1.0), (2, 1.0)]}
    await spool.close()
    assert spooled_logdirs(tmp_path) == [LOGDIR]


async def test_a_living_process_keeps_its_files(tmp_path: Path) -> None:
    """Nobody else takes them over until it lets go."""
    first, second = spool_in(tmp_path), spool_in(tmp_path)
    await first.put(records(1), 1, 1)
    assert await second.adopt() == 0
    await first.close()
    assert await second.adopt() == 1
    assert await drained(second) == [1]
    await second.close()
    assert files_in(tmp_path) == []


async def test_only_what_is_left_is_taken_over(tmp_path: Path) -> None:
    """What was committed is not there again; what comes from now on goes behind it."""
    first = spool_in(tmp_path)
    await first.put(records(1), 1, 1)
    await first.take()
    await first.put(records(2, 3), 2, 2)
    await first.note_attempt(Attempt("segment", NOTHING, 40))
    await first.note_committed()
    await first.close()
    second = spool_in(tmp_path)
    assert await second.adopt() == 2
    await second.put(records(4), 1, 1)
    taken = await second.take()
    assert taken is not None
    assert (taken.count, taken.recovered) == (0, 2)
    assert await drained(second) == [2, 3, 4]
    await second.close()
    assert files_in(tmp_path) == []


async def test_an_append_that_was_begun_comes_back_as_it_was(tmp_path: Path) -> None:
    """The same bytes, alone, with where they were sent to."""
    first = spool_in(tmp_path)
    await first.put(records(1, 2), 2, 2)
    begun = await first.take()
    await first.note_attempt(ATTEMPT)
    await first.put(records(3), 1, 1)
    await first.close()
    second = spool_in(tmp_path)
    await second.adopt()
    taken = await second.take()
    assert begun is not None
    assert taken is not None
    assert (taken.data, taken.attempt, taken.recovered) == (begun.data, ATTEMPT, 2)
    await second.note_committed()
    again = await second.take()
    assert again is not None
    assert (again.data, again.attempt) == (records(3), None)
    await second.close()


async def test_a_large_append_that_was_begun_comes_back_whole(tmp_path: Path) -> None:
    """However large: only whole can it be found where it was to go. What is behind it comes in pieces, as always."""
    first = spool_in(tmp_path, max_bytes=1 << 30)
    await first.put(LARGE, 12, 12)
    await first.take()
    await first.note_attempt(ATTEMPT)
    await first.put(LARGE, 12, 12)
    await first.close()
    second = spool_in(tmp_path)
    assert await second.adopt() == 24
    taken = await second.take()
    assert taken is not None
    assert (len(taken.data), taken.attempt, taken.recovered) == (len(LARGE), ATTEMPT, 12)
    await second.note_committed()
    assert await pieces(second) == [8, 4]
    await second.close()


async def test_a_large_append_that_was_begun_and_lost_its_end(tmp_path: Path) -> None:
    """In a power cut, say: it cannot be found again, and comes in pieces, as if it had not been begun."""
    first = spool_in(tmp_path, max_bytes=1 << 30)
    await first.put(LARGE, 12, 12)
    await first.take()
    await first.note_attempt(ATTEMPT)
    await first.close()
    path = next(path for path in files_in(tmp_path) if path.suffix == ".spool")
    os.truncate(path, path.stat().st_size - 1)
    second = spool_in(tmp_path)
    assert await second.adopt() == 11
    assert await pieces(second) == [8, 3]
    await second.close()


async def test_a_torn_tail(tmp_path: Path) -> None:
    """Of a process that was killed while it wrote: whole records come, the torn one never counted."""
    first = spool_in(tmp_path)
    await first.put(records(1, 2), 2, 2)
    await first.close()
    (path,) = files_in(tmp_path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(whole[:size])
        spool = spool_in(tmp_path)
        await spool.adopt()
        due = [1, 2][: sum(size >= len(file_version(1)) + len(records(1)) * count for count in (1, 2))]
        assert await drained(spool) == due
        await spool.close()


async def test_a_damaged_file(tmp_path: Path) -> None:
    """Is put aside once what is before the damage is committed, since more may be behind it."""
    first = spool_in(tmp_path)
    await first.put(records(1, 2, 3), 3, 3)
    await first.close()
    (path,) = files_in(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(file_version(1)) + len(records(1)) + 20] ^= 1
    path.write_bytes(content)
    second = spool_in(tmp_path)
    assert await second.adopt() == 1
    assert await drained(second) == [1]
    await second.close()
    (aside,) = files_in(tmp_path)
    assert aside.suffix == ".damaged"
    assert aside.read_bytes() == content


@pytest.mark.parametrize("text", [None, "", "{"])
async def test_without_a_journal(text: str | None, tmp_path: Path) -> None:
    """Nothing of it was sent."""
    first = spool_in(tmp_path)
    await first.put(records(1), 1, 1)
    await first.close()
    (path,) = files_in(tmp_path)
    if text is not None:
        journal_path(path).write_text(text)
    second = spool_in(tmp_path)
    assert await second.adopt() == 1
    assert await drained(second) == [1]
    await second.close()


async def test_its_bound(tmp_path: Path) -> None:
    """Counts files, until they are deleted."""
    spool = spool_in(tmp_path, max_bytes=500)
    assert spool.has_room(500)
    await spool.put(records(1, 2, 3), 3, 3)
    assert not spool.has_room(500)
    await drained(spool)
    assert spool.has_room(500)
    await spool.close()


async def test_large_contents_come_in_pieces(tmp_path: Path) -> None:
    """Of about eight megabytes, over several files."""
    spool = spool_in(tmp_path, max_bytes=1 << 30)
    blob = frame(Event(wall_time=1.0, file_version="x" * (3 << 20)).SerializeToString())
    for _ in range(30):
        await spool.put(blob, 1, 1)
    assert len(files_in(tmp_path)) == 2
    sizes = []
    while (taken := await spool.take()) is not None:
        sizes.append(taken.count)
        await spool.note_committed()
    assert sum(sizes) == 30
    assert max(sizes) == 2
    await spool.close()


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Is an OSError, and nothing was put in."""
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file", LOGDIR, 1 << 20)
    with pytest.raises(OSError, match="file"):
        await spool.put(records(1), 1, 1)
    assert spool.is_empty
    assert spool.puts == 0
    await spool.close()


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are readable, differ for different logdirs, and never look like an event file."""
    one, two = folder_of(tmp_path, "s3://b/tfevents/run"), folder_of(tmp_path, "s3://b/tfevents_run")
    assert one != two
    assert "tfevents" not in one.name
    assert one.name.startswith("s3_b_events_run-")
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/cache")
    assert default_root() == Path("/some/cache/asyncsummary/spool")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    assert default_root().parts[-3].startswith("cache-")


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


async def test_a_disk_that_is_full_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No descriptor, and no file without a record."""

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = spool_in(tmp_path)
    await spool.put(records(1), 1, 1)  # begins its thread
    await drained(spool)
    before = descriptors()
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                await spool.put(records(1), 1, 1)
    assert descriptors() == before
    assert files_in(tmp_path) == []
    await spool.close()


async def test_whose_summaries_there_are(tmp_path: Path) -> None:
    """Those of earlier processes are counted, but not as this one's own, also when it is closed."""
    spool = spool_in(tmp_path)
    await spool.put(records(1, 2), 3, 2)
    assert (spool.summaries, spool.own) == (2, 2)
    await spool.close()
    assert (spool.summaries, spool.own) == (2, 2)
    another = spool_in(tmp_path)
    await another.adopt()
    await another.put(records(3), 1, 1)
    assert (another.summaries, another.own) == (3, 1)
    assert "1 of them are in the spool" in whereabouts(another, 1, lost=4)
    assert "All of them are in the spool" in whereabouts(another, 1, lost=0)
    assert await drained(another) == [1, 2, 3]
    assert (another.summaries, another.own, whereabouts(another, 0, lost=4)) == (0, 0, "")
    await another.close()


async def test_a_look_that_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was locked by then, and what its thread locks after that, is given back; this process, too, can take it over later."""
    for step in range(3):
        left = spool_in(tmp_path)
        await left.put(records(step), 1, 1)
        await left.close()
    before = descriptors()
    adopt, begun, go_on = SpoolFile.adopt, threading.Event(), threading.Event()
    looked_at: list[Path] = []

    def slow(path: Path) -> SpoolFile | None:
        file = adopt(path)
        looked_at.append(path)
        if len(looked_at) == 2:
            begun.set()
            assert go_on.wait(30)
        return file

    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "adopt", slow)
        looking = asyncio.create_task(spool_in(tmp_path).adopt())
        while not begun.is_set():
            await asyncio.sleep(0.01)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        go_on.set()
        async with asyncio.timeout(30):
            while descriptors() > before:
                await asyncio.sleep(0.01)
    assert len(looked_at) == 2
    again = spool_in(tmp_path)
    assert await again.adopt() == 3
    assert await drained(again) == [0, 1, 2]
    await again.close()


async def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Is told, and left alone, its lock too: later it may be readable."""
    first = spool_in(tmp_path)
    await first.put(records(1), 1, 1)
    await first.close()

    def unreadable(*arguments: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    second = spool_in(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", unreadable)
        assert await second.adopt() == 0
    assert "Input/output error" in caplog.text
    assert await second.adopt() == 1
    assert await drained(second) == [1]
    await second.close()


async def test_what_cannot_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Is told, leaves nothing open, and hides nothing else from the next writer."""
    spool = spool_in(tmp_path)
    await spool.put(records(1), 1, 1)
    await spool.close()
    before = descriptors()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", read_only)
        spool = spool_in(tmp_path)
        assert await spool.adopt() == 1
        assert await drained(spool) == [1]
        await spool.put(records(2), 1, 1)
        await spool.close()
        assert descriptors() == before
        again = spool_in(tmp_path)
        assert await again.adopt() == 1
        await again.close()
        assert descriptors() == before
    assert "is committed and cannot be removed" in caplog.text
    assert "cannot be used" in caplog.text
    assert await again.adopt() == 1
    assert await drained(again) == [2]
    await again.close()
    assert list(tmp_path.iterdir()) == []


async def test_closing_when_nothing_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Ends all the same: who closes it has a session with storage to give back."""
    spool = spool_in(tmp_path)
    before = descriptors()
    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "put", read_only)
        with pytest.raises(OSError, match="Read-only"):
            await spool.put(records(1), 1, 1)
        patched.setattr(Path, "unlink", read_only)
        await spool.close()
    assert "cannot be removed" in caplog.text
    assert descriptors() == before


async def test_one_goes_while_another_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file with the logdir's name stays, or 'sync' would not know whose the other's summaries are."""
    first, second = spool_in(tmp_path), spool_in(tmp_path)
    await first.put(records(1), 1, 1)
    await drained(first)
    unlink = Path.unlink

    def slow(path: Path, missing_ok: bool = False) -> None:
        if path.name == "logdir":
            second._put(records(2), 1, 1)
        unlink(path, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", slow)
        await first.close()
    assert spooled_logdirs(tmp_path) == [LOGDIR]
    assert await drained(second) == [2]
    await second.close()
    assert spooled_logdirs(tmp_path) == []
