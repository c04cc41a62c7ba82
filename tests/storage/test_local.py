"""The local disk: what goes wrong there, and that readers never see half an append that failed."""

import asyncio
import contextlib
import errno
import os
import resource
import shutil
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asyncsummary_storage import (
    NOTHING,
    AccessDeniedError,
    LocalFolder,
    NotAFolderError,
    PermanentError,
    Position,
    PreconditionFailedError,
    StorageError,
    TransientError,
    local,
)
from asyncsummary_storage.local import LocalSegment


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """Within the block, files of this process cannot grow beyond 1,000 bytes, as on a full disk. The test's own output cannot, either."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


async def test_missing_folders_are_made(tmp_path: Path) -> None:
    """All the way down."""
    await LocalFolder(tmp_path / "a" / "b" / "c").open()
    assert (tmp_path / "a" / "b" / "c").is_dir()


@pytest.mark.parametrize("below", ["file", "file/run"])
async def test_a_file_where_the_folder_should_be(tmp_path: Path, below: str) -> None:
    """Is named, whether it is the folder itself or one above it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAFolderError, match="file"):
        await LocalFolder(tmp_path / below).open()


async def test_full_disk(tmp_path: Path) -> None:
    """An append that does not fit leaves the file as it was, and works when there is room again."""
    segment = LocalSegment(tmp_path / "a", fsync=False)
    with pytest.raises(TransientError, match="free some space"), small_files():
        await segment.append(b"x" * 2000, NOTHING)
    assert await segment.probe() == NOTHING
    end = await segment.append(b"x" * 900, NOTHING)
    with pytest.raises(TransientError, match="free some space"), small_files():
        await segment.append(b"y" * 200, end)
    assert end == await segment.probe()
    assert (await segment.append(b"z" * 100, end)).offset == 1000


async def test_a_system_error_of_permission_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the operating system refuses is told as a lack of permission."""

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(AccessDeniedError, match="permissions"):
        await LocalSegment(tmp_path / "a", fsync=False).append(b"x", NOTHING)


async def test_names_that_never_will_do(tmp_path: Path) -> None:
    """Of what is too long, and of a folder."""
    (tmp_path / "folder").mkdir()
    folder, long = LocalFolder(tmp_path), "x" * 300
    calls: list[Callable[[], Awaitable[object]]] = [
        LocalFolder(tmp_path / long).open,
        lambda: folder.segment(long).append(b"x", NOTHING),
        lambda: folder.put(long, b"x", NOTHING),
        folder.segment(long).probe,
        lambda: folder.segment("folder").append(b"x", Position(1, "a")),
        lambda: folder.segment("folder").read(0, 1),
    ]
    for call in calls:
        with pytest.raises(PermanentError, match=r"too long|directory"):
            await call()


async def test_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes up one thread, not all that the event loop has; what was given up ends when the disk is back, and is seen from then on."""
    segment = LocalSegment(tmp_path / "a", fsync=False)
    end = await segment.append(b"one ", NOTHING)
    begun, back, pwrite = threading.Event(), threading.Event(), os.pwrite

    def hang(*arguments: Any) -> int:
        begun.set()
        back.wait()
        return pwrite(*arguments)

    monkeypatch.setattr(os, "pwrite", hang)
    monkeypatch.setattr(local, "_LONGEST_WAIT", 0.01)
    append = asyncio.create_task(segment.append(b"two ", end))
    try:
        assert await asyncio.to_thread(begun.wait, 10.0)
        append.cancel()
        async with asyncio.timeout(10.0):
            calls = (segment.append(b"two ", end), segment.cut(end, 2), *(segment.probe() for _ in range(50)))
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {TransientError}
        assert "has not ended" in str(answers[0])
    finally:
        back.set()
    while isinstance(found := (await asyncio.gather(segment.probe(), return_exceptions=True))[0], TransientError):
        pass
    assert isinstance(found, Position)
    assert found.offset == 8
    await segment.append(b"three", found)
    assert (tmp_path / "a").read_bytes() == b"one two three"


async def test_a_call_that_is_given_up_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is waited for by the next one, if it does not take long."""
    segment = LocalSegment(tmp_path / "a", fsync=False)
    begun, back, pwrite = threading.Event(), threading.Event(), os.pwrite

    def slow(*arguments: Any) -> int:
        begun.set()
        back.wait()
        return pwrite(*arguments)

    monkeypatch.setattr(os, "pwrite", slow)
    monkeypatch.setattr(local, "_LONGEST_WAIT", 10.0)
    append = asyncio.create_task(segment.append(b"one ", NOTHING))
    assert await asyncio.to_thread(begun.wait, 10.0)
    append.cancel()
    probe = asyncio.create_task(segment.probe())
    await asyncio.sleep(0)
    back.set()
    assert (await probe).offset == 4


async def test_a_deleted_file_is_noticed(tmp_path: Path) -> None:
    """Bytes never go to a file that nobody can find any more."""
    segment = LocalSegment(tmp_path / "a", fsync=False)
    end = await segment.append(b"one", NOTHING)
    (tmp_path / "a").unlink()
    with pytest.raises(PreconditionFailedError, match="disappeared"):
        await segment.append(b"two", end)


async def test_a_replaced_file_is_noticed(tmp_path: Path) -> None:
    """A file of the same name and length is another file."""
    segment = LocalSegment(tmp_path / "a", fsync=False)
    end = await segment.append(b"one", NOTHING)
    (tmp_path / "b").write_bytes(b"two")
    (tmp_path / "b").replace(tmp_path / "a")
    with pytest.raises(PreconditionFailedError):
        await segment.append(b"three", end)
    assert (tmp_path / "a").read_bytes() == b"two"


async def test_a_deleted_folder(tmp_path: Path) -> None:
    """Nothing is there to list, and a new segment makes the folder again."""
    folder = LocalFolder(tmp_path / "run")
    await folder.open()
    (tmp_path / "run").rmdir()
    assert await folder.entries() == []
    await folder.segment("a").append(b"one", NOTHING)
    assert [entry.name for entry in await folder.entries()] == ["a"]


@pytest.mark.parametrize(("link", "kind"), [("disk/runs", TransientError), ("file", NotAFolderError), ("file/runs", NotAFolderError)])
async def test_a_folder_that_leads_elsewhere(link: str, kind: type[StorageError], tmp_path: Path) -> None:
    """To a disk that is away, which may come back; or to a file."""
    (tmp_path / "runs").symlink_to(tmp_path / link)
    (tmp_path / "file").write_text("")
    folder = LocalFolder(tmp_path / "runs" / "one")
    for name in ("append", "put"):
        with pytest.raises(kind) as caught:
            await (folder.segment("a").append(b"x", NOTHING) if name == "append" else folder.put("b", b"x", NOTHING))
        assert type(caught.value) is kind
    if kind is TransientError:
        (tmp_path / link).mkdir(parents=True)
        await folder.segment("a").append(b"x", NOTHING)
        await folder.put("b", b"x", NOTHING)


async def test_a_folder_that_disappears_while_a_file_is_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is missing then, it may be there again for the next try."""
    folder, link = LocalFolder(tmp_path / "run"), os.link

    def too_late(*paths: Path) -> None:
        shutil.rmtree(tmp_path / "run")
        link(*paths)

    with monkeypatch.context() as patch, pytest.raises(TransientError):
        patch.setattr(os, "link", too_late)
        await folder.put("a", b"x", NOTHING)
    await folder.put("a", b"x", NOTHING)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
@pytest.mark.parametrize("fsync", [False, True])
async def test_put_where_files_have_one_name_only(code: int, fsync: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on memory cards: a file is stored all the same, never over another, and nothing is left of one that does not fit."""

    def refuse(*paths: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    folder = LocalFolder(tmp_path, fsync=fsync)
    with pytest.raises(TransientError, match="free some space"), small_files():
        await folder.put("a", b"x" * 2000, NOTHING)
    assert list(tmp_path.iterdir()) == []
    if fsync:
        answers = [None, OSError(errno.ENOSPC, "No space left on device")]

        def full(descriptor: int) -> None:
            if answer := answers.pop(0):
                raise answer

        with monkeypatch.context() as patch, pytest.raises(TransientError, match="free some space"):
            patch.setattr(os, "fsync", full)
            await folder.put("a", b"one", NOTHING)
        assert answers == []
        assert list(tmp_path.iterdir()) == []
    end = await folder.put("a", b"one", NOTHING)
    assert end == await folder.segment("a").probe()
    with pytest.raises(PreconditionFailedError):
        await folder.put("a", b"two", NOTHING)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"one"]
    await folder.put("a", b"three", end)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"three"]


async def test_put_where_links_are_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told, and not done otherwise."""

    def refuse(*paths: Path) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(AccessDeniedError):
        await LocalFolder(tmp_path).put("a", b"one", NOTHING)
    assert list(tmp_path.iterdir()) == []


async def test_appends_at_one_position_at_once(tmp_path: Path) -> None:
    """Of many, exactly one is stored."""
    start = await LocalSegment(tmp_path / "a", fsync=False).append(b"start", NOTHING)
    tries = [LocalSegment(tmp_path / "a", fsync=False).append(b"%02d" % index, start) for index in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, PreconditionFailedError) for result in results) == 19
    assert (tmp_path / "a").stat().st_size == 7


async def test_what_disappears_while_it_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides nothing else, nor does a link that leads nowhere or in circles."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    scandir = os.scandir

    @contextlib.contextmanager
    def delayed(path: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(path) as found:
            items = sorted(found, key=lambda item: item.name)
        (tmp_path / "b").unlink()
        yield iter(items)

    monkeypatch.setattr(os, "scandir", delayed)
    assert [entry.name for entry in await LocalFolder(tmp_path).entries()] == ["a", "c"]
    monkeypatch.setattr(os, "scandir", scandir)
    assert [entry.name for entry in await LocalFolder(tmp_path).open()] == ["a", "c"]


async def test_folders_are_no_segments(tmp_path: Path) -> None:
    """Only files are listed."""
    (tmp_path / "folder.tfevents").mkdir()
    (tmp_path / "file").write_text("x")
    assert [entry.name for entry in await LocalFolder(tmp_path).entries()] == ["file"]
