"""The local disk: what goes wrong there, and that readers never see half an append that failed."""

import asyncio
import contextlib
import errno
import fcntl
import os
import resource
import shutil
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
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


class Hang:
    """A system call on a disk that hangs: it does not return before the disk is back."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.begun, self.back = threading.Event(), threading.Event()
        self.count = 0
        self._call = call

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.count += 1
        self.begun.set()
        self.back.wait()
        return self._call(*arguments, **options)


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


@pytest.mark.parametrize("name", ["a\0b", "\ud800"], ids=["null", "surrogate"])
async def test_names_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    """Are told as such, and not tried again."""
    folder = LocalFolder(tmp_path)
    calls: list[Callable[[], Awaitable[object]]] = [
        LocalFolder(tmp_path / name).open,
        LocalFolder(tmp_path / name).entries,
        folder.segment(name).probe,
        lambda: folder.segment(name).append(b"x", NOTHING),
        lambda: folder.segment(name).read(0, 1),
        lambda: folder.put(name, b"x", NOTHING),
        lambda: folder.put(name, b"x", Position(1, "a")),
    ]
    for call in calls:
        with pytest.raises(PermanentError, match="cannot be a file's name"):
            await call()
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes up one thread, not all that the event loop has; what was given up ends when the disk is back, and is seen from then on."""
    segment = LocalSegment(tmp_path / "a", fsync=False)
    end = await segment.append(b"one ", NOTHING)
    hang = Hang(os.pwrite)
    monkeypatch.setattr(os, "pwrite", hang)
    monkeypatch.setattr(local, "_LONGEST_WAIT", 0.01)
    append = asyncio.create_task(segment.append(b"two ", end))
    try:
        assert await asyncio.to_thread(hang.begun.wait, 10.0)
        append.cancel()
        async with asyncio.timeout(10.0):
            calls = (segment.append(b"two ", end), segment.cut(end, 2), *(segment.probe() for _ in range(50)))
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {TransientError}
        assert "has not ended" in str(answers[0])
    finally:
        hang.back.set()
    while isinstance(found := (await asyncio.gather(segment.probe(), return_exceptions=True))[0], TransientError):
        pass
    assert isinstance(found, Position)
    assert found.offset == 8
    await segment.append(b"three", found)
    assert (tmp_path / "a").read_bytes() == b"one two three"


async def test_a_call_that_is_given_up_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is waited for by the next one, if it does not take long."""
    segment = LocalSegment(tmp_path / "a", fsync=False)
    hang = Hang(os.pwrite)
    monkeypatch.setattr(os, "pwrite", hang)
    monkeypatch.setattr(local, "_LONGEST_WAIT", 10.0)
    append = asyncio.create_task(segment.append(b"one ", NOTHING))
    assert await asyncio.to_thread(hang.begun.wait, 10.0)
    append.cancel()
    probe = asyncio.create_task(segment.probe())
    await asyncio.sleep(0)
    hang.back.set()
    assert (await probe).offset == 4


Call = Callable[[LocalFolder, LocalSegment], Coroutine[Any, Any, object]]


@pytest.mark.parametrize(
    ("call", "module", "name"),
    [
        (lambda folder, segment: folder.open(), os, "mkdir"),
        (lambda folder, segment: folder.entries(), os, "scandir"),
        (lambda folder, segment: folder.put("b", b"x", NOTHING), os, "link"),
        (lambda folder, segment: segment.read(0, 3), local, "_read_all"),
    ],
    ids=["open", "entries", "put", "read"],
)
async def test_what_else_hangs(call: Call, module: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Can be given up at once, and takes up one thread, however often it is tried again."""
    folder, segment = LocalFolder(tmp_path), LocalSegment(tmp_path / "a", fsync=False)
    await segment.append(b"one", NOTHING)
    hang = Hang(getattr(module, name))
    monkeypatch.setattr(module, name, hang)
    monkeypatch.setattr(local, "_LONGEST_WAIT", 0.01)
    first = asyncio.create_task(call(folder, segment))
    try:
        assert await asyncio.to_thread(hang.begun.wait, 10.0)
        first.cancel()
        async with asyncio.timeout(10.0):
            await asyncio.wait([first])
            answers = await asyncio.gather(*(call(folder, segment) for _ in range(10)), return_exceptions=True)
        assert first.cancelled()
        assert {type(answer) for answer in answers} == {TransientError}
        assert hang.count == 1
    finally:
        hang.back.set()
    while isinstance((await asyncio.gather(call(folder, segment), return_exceptions=True))[0], TransientError):
        pass


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
    calls: list[Callable[[], Awaitable[object]]] = [
        folder.open,
        lambda: folder.segment("a").append(b"x", NOTHING),
        lambda: folder.put("b", b"x", NOTHING),
    ]
    for call in calls:
        with pytest.raises(kind) as caught:
            await call()
        assert type(caught.value) is kind
    if kind is TransientError:
        (tmp_path / link).mkdir(parents=True)
        for call in calls:
            await call()


@pytest.mark.parametrize(("link", "kind"), [("disk/runs", TransientError), ("file", NotAFolderError), ("file/runs", NotAFolderError)])
async def test_opening_what_leads_elsewhere(link: str, kind: type[StorageError], tmp_path: Path) -> None:
    """A link to a disk that is not mounted yet is no file: it can be opened later."""
    (tmp_path / "runs").symlink_to(tmp_path / link)
    (tmp_path / "file").write_text("")
    with pytest.raises(kind) as caught:
        await LocalFolder(tmp_path / "runs").open()
    assert type(caught.value) is kind
    if kind is TransientError:
        (tmp_path / link).mkdir(parents=True)
        assert await LocalFolder(tmp_path / "runs").open() == []


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


@pytest.mark.parametrize("is_nfs", [True, False])
@pytest.mark.parametrize("is_writable", [True, False])
async def test_put_where_locks_want_more(is_nfs: bool, is_writable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS locks only what is open for writing. A file that may not be written is replaced all the same, since its folder may be."""
    opened, flock = os.open, fcntl.flock

    def opened_by_a_user(path: Any, flags: int, *mode: int) -> int:
        if path == tmp_path / "a" and flags & os.O_ACCMODE != os.O_RDONLY and not is_writable:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, *mode)

    def flock_of_nfs(descriptor: int, how: int) -> None:
        if how & fcntl.LOCK_EX and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(descriptor, how)

    folder = LocalFolder(tmp_path)
    end = await folder.put("a", b"one", NOTHING)
    monkeypatch.setattr(os, "open", opened_by_a_user)
    if is_nfs:
        monkeypatch.setattr(fcntl, "flock", flock_of_nfs)
    stale = end
    end = await folder.put("a", b"two", end)
    with pytest.raises(PreconditionFailedError):
        await folder.put("a", b"three", stale)
    assert end == await folder.segment("a").probe()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"two"]


async def test_one_made_a_file_and_another_was_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds it empty may write to it before the one that made it: that is not overwritten."""
    ours, theirs = (LocalSegment(tmp_path / "a", fsync=False) for _ in range(2))
    flock, loop = fcntl.flock, asyncio.get_running_loop()

    async def take() -> Position:
        return await theirs.append(b"theirs", await theirs.probe())

    def meanwhile(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        asyncio.run_coroutine_threadsafe(take(), loop).result(10.0)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with pytest.raises(PreconditionFailedError):
        await ours.append(b"ours", NOTHING)
    assert (tmp_path / "a").read_bytes() == b"theirs"


@pytest.mark.parametrize("fsync", [True, False])
async def test_names_survive_a_power_cut(fsync: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fsync the folder is written to the disk, too, whenever a file in it has begun to have its name, and only then."""
    synced: list[Path] = []
    flush = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    folder = LocalFolder(tmp_path / "new" / "run", fsync=fsync)
    await folder.open()
    assert synced == [tmp_path / "new", tmp_path][: 2 * fsync]  # where the new folders have their names
    synced.clear()
    await folder.open()
    assert synced == []
    segment = folder.segment("a")
    end = await segment.append(b"x", NOTHING)
    assert synced == [tmp_path / "new" / "run" / "a", tmp_path / "new" / "run"][: 2 * fsync]
    synced.clear()
    await segment.append(b"y", end)
    assert synced == [tmp_path / "new" / "run" / "a"][:fsync]
    position = NOTHING
    for content in (b"one", b"two"):
        synced.clear()
        position = await folder.put("b", content, position)
        assert synced[1:] == [tmp_path / "new" / "run"][:fsync]


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
