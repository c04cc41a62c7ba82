"""How do segments grow on a local disk? In place, by one open-check-write-close under a file lock, off the event loop."""

import contextlib
import errno
import fcntl
import io
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from asyncsummary_storage.errors import (
    AccessDeniedError,
    NotAFolderError,
    OutcomeUnknownError,
    PermanentError,
    PreconditionFailedError,
    SegmentMissingError,
    StorageError,
    TransientError,
    UnsupportedError,
)
from asyncsummary_storage.in_thread import in_thread
from asyncsummary_storage.position import NOTHING, Position
from asyncsummary_storage.protocols import Entry, Growth, Terms

_LONGEST_WAIT = 0.2  # seconds; a call that is only slow has ended until then, or is waited for by whoever tries again
_TERMS = Terms(Growth.IN_PLACE, can_cut=True)
_count = itertools.count()
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NEVER = {errno.ENAMETOOLONG, errno.EISDIR}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_NO_LOCKS = {errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class LocalSegment:
    """A local file. No descriptor is kept between calls, so a file that was deleted or replaced is noticed at the next append.

    With ``fsync`` each append is on the disk when it returns; without, it survives the process but not a power cut.
    """

    growth = Growth.IN_PLACE

    def __init__(self, path: Path, fsync: bool) -> None:
        self._path = path
        self._fsync = fsync
        # flock() does not hold threads of one process apart. A call that was given up as hanging may still run in its thread.
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._path.name

    async def append(self, data: bytes, at: Position) -> Position:
        return await in_thread(self._append, data, at)

    async def extend(self, data: bytes, at: Position) -> Position:
        raise UnsupportedError(f"{self._path}: a file grows in place; append to it")

    async def probe(self) -> Position:
        return await in_thread(self._probe)

    async def read(self, start: int, stop: int) -> bytes:
        return await in_thread(self._read, start, stop)

    async def cut(self, at: Position, size: int) -> Position:
        return await in_thread(self._cut, at, size)

    def _append(self, data: bytes, at: Position) -> Position:
        with _alone(self._lock, self._path), _mapped(self._path), self._opened(at, create=not at.exists) as descriptor:
            try:
                _write_all(descriptor, data, at.offset)
                if self._fsync:
                    os.fsync(descriptor)
                if self._fsync and not at.exists:
                    _sync_names(self._path.parent)
            except OSError as error:
                self._undo(descriptor, at, error)
                raise
            return _position(descriptor)

    def _undo(self, descriptor: int, at: Position, cause: OSError) -> None:
        """Take back a part that was written before the disk was full: readers would stop for ever at a torn record in the middle."""
        try:
            os.ftruncate(descriptor, at.offset)
            if not at.exists:
                self._path.unlink()
        except OSError as error:
            raise OutcomeUnknownError(f"{self._path}: a write failed ({cause}) and could not be taken back ({error})") from cause

    def _probe(self) -> Position:
        with _alone(self._lock, self._path), _mapped(self._path):
            try:
                status = self._path.stat()
            except FileNotFoundError:
                return NOTHING
            return Position(status.st_size, _version(status))

    def _read(self, start: int, stop: int) -> bytes:
        with _alone(self._lock, self._path), _mapped(self._path):
            try:
                with open(self._path, "rb", buffering=0) as file:
                    file.seek(start)
                    return _read_all(file, max(0, stop - start))
            except FileNotFoundError as error:
                raise SegmentMissingError(f"{self._path}: no such file") from error

    def _cut(self, at: Position, size: int) -> Position:
        with _alone(self._lock, self._path), _mapped(self._path), self._opened(at, create=False) as descriptor:
            os.ftruncate(descriptor, size)
            if self._fsync:
                os.fsync(descriptor)
            return _position(descriptor)

    @contextlib.contextmanager
    def _opened(self, at: Position, *, create: bool) -> Iterator[int]:
        """Open and lock the file, and see that it ends at ``at``."""
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        if create:
            _make_folder(self._path.parent, fsync=self._fsync)
        try:
            descriptor = os.open(self._path, flags, 0o666)
        except FileExistsError as error:
            raise PreconditionFailedError(f"{self._path}: exists already") from error
        except FileNotFoundError as error:
            raise PreconditionFailedError(f"{self._path}: the file has disappeared") from error
        try:
            _lock_file(descriptor)
            now = _position(descriptor)
            if now != at and not (create and not now.offset):  # whoever found it empty may have been faster
                raise PreconditionFailedError(f"{self._path}: ends at {now}, not at {at}")
            yield descriptor
        finally:
            os.close(descriptor)


class LocalFolder:
    """A local directory, made when it is opened if it is missing."""

    def __init__(self, path: str | os.PathLike[str], *, fsync: bool = False) -> None:
        self._path = Path(path)
        self._fsync = fsync
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return str(self._path)

    @property
    def terms(self) -> Terms:
        return _TERMS

    async def open(self) -> list[Entry]:
        await in_thread(self._make)
        return await self.entries()

    def _make(self) -> None:
        with _alone(self._lock, self._path), _mapped(self._path):
            try:
                _make_folder(self._path, fsync=self._fsync)
            except FileNotFoundError as error:
                raise PermanentError(f"{self._path}: the folder cannot be made") from error

    async def entries(self) -> list[Entry]:
        return await in_thread(self._list)

    def _list(self) -> list[Entry]:
        with _alone(self._lock, self._path), _mapped(self._path):
            try:
                items = os.scandir(self._path)
            except FileNotFoundError:
                return []
            with items as found:
                files = [entry for entry in map(_entry, found) if entry is not None]
        return sorted(files, key=lambda entry: entry.name)

    def segment(self, name: str) -> LocalSegment:
        return LocalSegment(self._path / name, self._fsync)

    async def put(self, name: str, data: bytes, replacing: Position) -> Position:
        return await in_thread(self._put, self._path / name, data, replacing)

    def _put(self, path: Path, data: bytes, replacing: Position) -> Position:
        """Write a file beside the old one, and let it take its name, so that a reader sees one or the other."""
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{next(_count)}.new")
        with _alone(self._lock, path), _mapped(path), _held(path, replacing):
            _make_folder(path.parent, fsync=self._fsync)
            try:
                position = self._write_new(fresh, data)
                if replacing.exists:
                    fresh.replace(path)
                elif not _linked(fresh, path):
                    position = self._write_new(path, data)
            except FileExistsError as error:
                raise PreconditionFailedError(f"{path}: exists already") from error
            finally:
                fresh.unlink(missing_ok=True)
            if self._fsync:
                _sync_names(path.parent)
        return position

    def _write_new(self, path: Path, data: bytes) -> Position:
        """Write a file that is not there yet, all of it or nothing."""
        with open(path, "xb") as file:
            try:
                file.write(data)
                file.flush()
                if self._fsync:
                    os.fsync(file.fileno())
                return _position(file.fileno())
            except BaseException:  # whatever it was: a part of a file must not stay under that name
                path.unlink(missing_ok=True)
                raise

    async def sweep(self, older_than_seconds: float, *, also_of: str | None = None) -> int:
        """Appends leave nothing behind here."""
        return 0

    async def close(self) -> None:
        """Nothing is held open."""


def _entry(item: os.DirEntry[str]) -> Entry | None:
    """Return a file as an entry; None for anything else, also for what disappears meanwhile, and for a link that leads nowhere."""
    try:
        return Entry(item.name, item.stat().st_size) if item.is_file() else None
    except OSError:
        return None


@contextlib.contextmanager
def _alone(lock: threading.Lock, path: Path) -> Iterator[None]:
    """Keep other calls away. One that hangs takes up its own thread, and not all others by calls that wait for it."""
    if not lock.acquire(timeout=_LONGEST_WAIT):
        raise TransientError(f"{path}: an earlier call has not ended")
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _held(path: Path, at: Position) -> Iterator[None]:
    """Keep other processes from replacing a file, and see that it is what it was; where there is to be none, there is nothing to keep."""
    if not at.exists:
        yield
        return
    try:
        descriptor = _opened_to_lock(path)
    except FileNotFoundError as error:
        raise PreconditionFailedError(f"{path}: the file has disappeared") from error
    try:
        _lock_file(descriptor)
        status = path.stat() if path.exists() else None
        now = NOTHING if status is None else Position(status.st_size, _version(status))
        if now != at:
            raise PreconditionFailedError(f"{path}: is at {now}, not at {at}")
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into ours, but for missing files where the callers know better what that means."""
    try:
        yield
    except StorageError:
        raise
    except ValueError as error:  # null characters, and what is no UTF-8
        raise PermanentError(f"{str(path)!r}: cannot be a file's name: {error}") from error
    except NotADirectoryError as error:
        raise NotAFolderError(f"{path}: a file is where one of its folders should be") from error
    except OSError as error:
        if error.errno in _DENIED:
            raise AccessDeniedError(f"{path}: {error.strerror}; check the permissions of the file and its folder") from error
        if error.errno in _NEVER:
            raise PermanentError(f"{path}: {error.strerror}") from error
        if error.errno in _FULL:
            raise TransientError(f"{path}: {error.strerror}; free some space and writing goes on") from error
        raise TransientError(f"{path}: {error}") from error


def _make_folder(folder: Path, *, fsync: bool) -> None:
    """Make a folder; of a file's, because somebody may have cleaned up since it was opened."""
    made = [one for one in (folder, *folder.parents) if not one.exists()] if fsync else []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        named = error.filename or str(folder)
        if _is_a_file(named):
            raise NotAFolderError(f"{named}: a file is where this folder should be") from error
        raise TransientError(f"{named}: leads nowhere at present; once its disk is there again, writing goes on") from error
    for one in made:
        _sync_names(one.parent)


def _is_a_file(path: str) -> bool:
    """Whether a file is there, or, if it is a link, on its way; a link may also lead to a disk that is away."""
    try:
        return not stat.S_ISDIR(os.stat(path).st_mode)
    except NotADirectoryError:
        return True
    except OSError:
        return False


def _sync_names(folder: Path) -> None:
    """Have the names in a folder survive a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _linked(fresh: Path, path: Path) -> bool:
    """Let a file have a name that is not taken, which a renaming would not look for. Return False where files have one name only."""
    try:
        os.link(fresh, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return False  # whoever writes the file in its place shows readers the beginning of it for a moment
    return True


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written


def _read_all(file: io.FileIO, size: int) -> bytes:
    pieces: list[bytes] = []
    while size and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _opened_to_lock(path: Path) -> int:
    """Open a file for writing, since NFS locks no other, though it is replaced; if that is forbidden, the folder may still allow it."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _lock_file(descriptor: int) -> None:
    """Hold other processes' appends off while we check and write. Waits at most for another's single append."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # some network file systems have no locks; the check of the length still stands
            raise


def _position(descriptor: int) -> Position:
    status = os.fstat(descriptor)
    return Position(status.st_size, _version(status))


def _version(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}" if stat.S_ISREG(status.st_mode) else "not a regular file"
