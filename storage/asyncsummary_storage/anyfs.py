"""How do segments grow on any other fsspec filesystem? By its true append where that was seen to work, else by rewriting.

fsspec has no preconditions, so a changed length or version is noticed by a look just before the write. That guards against mistakes,
not against a second writer at the same instant. The blocking calls run in a thread.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

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
from asyncsummary_storage.objects import ObjectFolder
from asyncsummary_storage.position import NOTHING, Position
from asyncsummary_storage.protocols import Entry, Growth, Terms

_T = TypeVar("_T")

TRUE_APPEND = frozenset({"memory", "sftp", "ssh", "sshfs"})
"""Schemes whose mode "ab" was seen to write after the existing bytes and nothing else."""


class FsspecStore:
    """The requests of ``ObjectStore`` on an fsspec filesystem."""

    def __init__(self, url: str, scheme: str, options: Mapping[str, Any]) -> None:
        self._url = url
        self._appends = scheme in TRUE_APPEND
        self._options = dict(options)
        self._fs: Any = None
        self._running: asyncio.Future[Any] | None = None
        self._root = ""

    @property
    def terms(self) -> Terms:
        return Terms(Growth.IN_PLACE if self._appends else Growth.REWRITE)

    @property
    def puts_are_whole(self) -> bool:
        return False  # many truncate the file, and then send

    async def connect(self) -> None:
        await self.run(self._connect)

    def _connect(self) -> None:
        import fsspec

        if self._fs is None:
            try:
                self._fs, self._root = fsspec.core.url_to_fs(self._url, skip_instance_cache=True, **self._options)
            except TypeError as error:
                raise PermanentError(f"{self._url}: storage_options: {error}") from error
        if self._fs.exists(self._root) and not self._fs.isdir(self._root):
            raise NotAFolderError(f"{self._url}: a file is where this folder should be")
        self._fs.makedirs(self._root, exist_ok=True)

    async def entries(self, prefix: str) -> list[Entry]:
        return await self.run(self._list)

    def _list(self) -> list[Entry]:
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(self._root, detail=True)
        except FileNotFoundError:  # storages without folders have none before the first file
            return []
        files = (item for item in found if item["type"] == "file")
        return [Entry(str(item["name"]).rstrip("/").rsplit("/", 1)[-1], int(item["size"])) for item in files]

    async def head(self, key: str) -> Position:
        return await self.run(self._head, key)

    def _head(self, key: str) -> Position:
        self._fs.invalidate_cache()
        try:
            info = self._fs.info(self._path(key))
        except FileNotFoundError:
            return NOTHING
        return Position(int(info["size"]), _version(info))

    async def get(self, key: str, start: int, stop: int) -> bytes:
        return await self.run(self._get, key, start, stop)

    def _get(self, key: str, start: int, stop: int) -> bytes:
        try:
            return bytes(self._fs.cat_file(self._path(key), start=start, end=stop))
        except FileNotFoundError as error:
            raise SegmentMissingError(f"{self._path(key)}: no such file") from error

    async def put(self, key: str, content: bytes, replacing: Position) -> Position:
        return await self.run(self._in_folder, self._put, key, content, replacing)

    def _put(self, key: str, content: bytes, replacing: Position) -> Position:
        self._require(key, replacing)
        self._fs.pipe_file(self._path(key), content)
        return self._ending(key, len(content))

    async def extend(self, key: str, data: bytes, at: Position) -> Position:
        return await self.run(self._in_folder, self._append, key, data, at)

    def _append(self, key: str, data: bytes, at: Position) -> Position:
        """Append by the filesystem's own mode "ab"."""
        self._require(key, at)
        try:
            file = self._fs.open(self._path(key), "ab")
        except FileNotFoundError:
            if at.exists:
                raise
            file = self._fs.open(self._path(key), "wb")  # some begin no file by "ab", as older memory filesystems of fsspec
        with file:
            file.write(data)
        return self._ending(key, at.offset + len(data))

    async def sweep(self, prefix: str, older_than_seconds: float, also_of: str | None) -> int:
        """Appends leave nothing behind here."""
        return 0

    async def disconnect(self) -> None:
        """fsspec closes its sessions when the filesystem is collected."""
        self._fs = None

    async def run(self, call: Callable[..., _T], *args: Any) -> _T:
        """Run a blocking call in a thread, with its errors mapped; one at a time.

        A call that was given up as hanging still runs in its thread, and may still write: what is found meanwhile would not last.
        """
        with _mapped(self._url):
            while self._running is not None and not self._running.done():
                await asyncio.wait([self._running])
            running = asyncio.get_running_loop().run_in_executor(None, call, *args)
            running.add_done_callback(_look_at)
            self._running = running
            await asyncio.wait([running])
            return running.result()

    def _in_folder(self, write: Callable[[str, bytes, Position], Position], key: str, data: bytes, at: Position) -> Position:
        """Write, and once more with the folder made anew if it is missing: somebody may have cleaned up since it was opened."""
        try:
            return write(key, data, at)
        except FileNotFoundError:
            self._fs.makedirs(self._root, exist_ok=True)
            return write(key, data, at)

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}"

    def _require(self, key: str, at: Position) -> None:
        now = self._head(key)
        if now != at:
            raise PreconditionFailedError(f"{self._path(key)}: ends at {now}, not at {at}")

    def _ending(self, key: str, due: int) -> Position:
        """See where the file ends after a write: some filesystems defer, drop or overwrite without an error."""
        now = self._head(key)
        if not now.exists:
            raise UnsupportedError(f"{self._path(key)}: was written to and is not there, so this filesystem cannot be written to")
        if now.offset != due:
            raise OutcomeUnknownError(f"{self._path(key)}: has {now.offset} bytes where {due} were due")
        return now


class FsspecFolder(ObjectFolder):
    """A folder on any filesystem that fsspec knows."""

    def __init__(self, url: str, scheme: str, options: Mapping[str, Any]) -> None:
        super().__init__(FsspecStore(url, scheme, options), url, "")


def _look_at(running: "asyncio.Future[Any]") -> None:
    """Let an error of a call that nobody waits for any more be no news."""
    if not running.cancelled():
        running.exception()


def _version(info: Mapping[str, Any]) -> str:
    """Return whatever tells two contents apart besides the length."""
    named = (info.get(field) for field in ("ETag", "etag", "generation", "version_id", "mtime", "LastModified", "created"))
    return str(next((value for value in named if value is not None), "unversioned"))


@contextlib.contextmanager
def _mapped(where: str) -> Iterator[None]:
    try:
        yield
    except (StorageError, asyncio.CancelledError):
        raise
    except ImportError as error:
        raise UnsupportedError(f"{where}: {error}") from error
    except NotImplementedError as error:
        raise UnsupportedError(f"{where}: this filesystem cannot be written to, so no summaries can go there") from error
    except PermissionError as error:
        raise AccessDeniedError(f"{where}: {error}") from error
    except (ConnectionRefusedError, FileNotFoundError) as error:  # what is missing may be mounted again
        raise TransientError(f"{where}: {error}") from error
    except Exception as error:  # the border: each filesystem has errors of its own, and what they mean is not known here
        raise OutcomeUnknownError(f"{where}: {type(error).__name__}: {error}") from error
