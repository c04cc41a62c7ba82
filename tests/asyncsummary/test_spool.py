"""The spool: order, exactly once over processes, locks, damage, and its bounds."""

import errno
import os
from pathlib import Path

import pytest

from asyncsummary.header import file_version
from asyncsummary.journal import Attempt
from asyncsummary.losses import whereabouts
from asyncsummary.protos import Event
from asyncsummary.records import frame
from asyncsummary.spool import Spool, default_root, folder_of, spooled_logdirs
from asyncsummary.spool_file import journal_path
from asyncsummary_storage import NOTHING, Position
from tests.support.events import accumulated, events_in
from tests.support.spooling import records

LOGDIR = "s3://bucket/some/run"


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
    attempt = Attempt("events.out.tfevents.0000000001.h.1.000000.v2", Position(7, "etag"), 0)
    first = spool_in(tmp_path)
    await first.put(records(1, 2), 2, 2)
    begun = await first.take()
    await first.note_attempt(attempt)
    await first.put(records(3), 1, 1)
    await first.close()
    second = spool_in(tmp_path)
    await second.adopt()
    taken = await second.take()
    assert begun is not None
    assert taken is not None
    assert (taken.data, taken.attempt, taken.recovered) == (begun.data, attempt, 2)
    await second.note_committed()
    again = await second.take()
    assert again is not None
    assert (again.data, again.attempt) == (records(3), None)
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
    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                await spool.put(records(1), 1, 1)
    assert len(os.listdir("/proc/self/fd")) == before
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
    assert "all of them are in the spool" in whereabouts(another, 1, lost=0)
    assert await drained(another) == [1, 2, 3]
    assert (another.summaries, another.own, whereabouts(another, 0, lost=4)) == (0, 0, "")
    await another.close()
