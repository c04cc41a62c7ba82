"""Where do summaries wait on this machine while a bucket is away? In the spool of a logdir: files in the order of acceptance.

What is in the spool goes to the logdir before anything that was accepted later. Each append from it is noted before it begins and when it
is committed, so that after a crash the next writer of the logdir (or ``asyncsummary sync``) finishes exactly what is left.
"""

import asyncio
import contextlib
import hashlib
import itertools
import logging
import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from asyncsummary.journal import Attempt, Journal
from asyncsummary.segments import next_name
from asyncsummary.spool_file import CHUNK_BYTES, SUFFIX, Chunk, SpoolFile
from asyncsummary_storage import in_thread

_T = TypeVar("_T")
_logger = logging.getLogger("asyncsummary")
_sequence = itertools.count()
_LOGDIR_FILE = "logdir"
_FILE_BYTES = 64 << 20
"""A larger spool file is not added to, so that it can be deleted when it has been sent."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the next append from the spool has: ``kept`` summaries, of ``count`` that this writer has accepted, or ``recovered`` ones."""

    data: bytes
    count: int
    kept: int
    recovered: int
    attempt: Attempt | None
    """Set if an earlier process began to append just this, and nobody knows how that ended."""


class Spool:
    """The spool of one logdir. Used by one task at a time; file operations run in a thread of its own, in the order of the calls."""

    def __init__(self, root: Path, logdir: str, max_bytes: int, wall: Callable[[], float] = time.time) -> None:
        self.folder = folder_of(root, logdir)
        self._logdir = logdir
        self._max_bytes = max_bytes
        self._wall = wall
        self._files: deque[SpoolFile] = deque()
        self._taken: list[Chunk] = []
        self._last_name: str | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._told = False
        self._left = self._left_own = 0
        self.puts = 0
        """How often something was put in."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be sent."""
        return not any(file.chunks for file in list(self._files))

    @property
    def size(self) -> int:
        """How many bytes the files have."""
        return sum(file.size for file in self._files)

    @property
    def summaries(self) -> int:
        """How many summaries wait in it; when it is closed, how many it has left for the next writer."""
        return self._left + sum(chunk.kept for chunk in self._chunks())

    @property
    def own(self) -> int:
        """How many of them this process has put in."""
        return self._left_own + sum(chunk.kept for chunk in self._chunks() if not chunk.recovered)

    def has_room(self, size: int) -> bool:
        """Return whether so many bytes more are within the bound."""
        return self.size + size <= self._max_bytes

    async def adopt(self) -> int:
        """Take over what processes that are gone have left; return how many summaries that is."""
        found: deque[SpoolFile] = deque()
        left = threading.Event()
        try:
            await in_thread(self._adopt, found, left)
        except OSError as error:
            _logger.warning("the spool in %s cannot be read: %s", self.folder, error)
            _let_go(found)
            return 0
        except BaseException:  # cancellation: the thread goes on, and nobody would ever give back what it locks
            left.set()
            _let_go(found)
            raise
        if found:
            self._taken = []  # they come first now
        self._files.extendleft(reversed(found))
        return sum(chunk.kept for file in found for chunk in file.chunks)

    async def put(self, data: bytes, count: int, kept: int) -> None:
        """Append whole records: ``kept`` summaries, of ``count`` accepted ones. If this is cancelled, ``wait`` and look at ``puts``.

        Raises:
            OSError: the disk does not take them; nothing was written.
        """
        await self._in_thread(self._put, data, count, kept)

    def wait(self) -> None:
        """Block until its thread has nothing left to do, which takes longer than a moment only if a call was cancelled."""
        if self._thread is not None:
            with contextlib.suppress(RuntimeError):  # as in ``_in_thread``
                self._thread.submit(int).result()

    async def take(self) -> Taken | None:
        """Return what is to be sent next; the same again until ``note_committed``. None if it is empty."""
        file = self._first()
        if file is None:
            return None
        begun = file.journal.sent
        if not self._taken:
            self._taken = _next_chunks(file)
        data = await self._in_thread(file.read, begun, self._taken[-1].stop)
        begun_before = file.journal.attempt if file.journal.stop == self._taken[-1].stop else None
        own = [chunk for chunk in self._taken if not chunk.recovered]
        recovered = sum(chunk.count for chunk in self._taken if chunk.recovered)
        return Taken(data, sum(chunk.count for chunk in own), sum(chunk.kept for chunk in own), recovered, begun_before)

    def hold_first(self) -> None:
        """Let the first that is in it be what was taken, and nothing else."""
        file = self._first()
        if file is not None and not self._taken:
            self._taken = [file.chunks[0]]

    async def note_attempt(self, attempt: Attempt) -> None:
        """Note that what was taken is being appended there now."""
        file = self._first()
        assert file is not None, "take() comes first"
        if not self._taken:
            self._taken = _next_chunks(file)
        await self._note(file, file.journal.trying(attempt, self._taken[-1].stop))

    async def note_committed(self) -> None:
        """Note that what was taken is in the logdir."""
        if not self._taken:  # this was cancelled before, when all was noted but the file not removed
            return
        file = self._first()
        assert file is not None, "take() comes first"
        await self._note(file, file.journal.committed(self._taken[-1].stop))
        for _ in self._taken:
            file.chunks.popleft()
        self._taken = []
        if not file.chunks:
            self._files.remove(file)
            try:
                await self._in_thread(partial(file.release, delete=True))
            except OSError as error:
                _logger.warning("the spool file %s is committed and cannot be removed: %s", file.path, error)

    async def _note(self, file: SpoolFile, journal: Journal) -> None:
        """Write the journal; a disk that does not take it must not stop what it is about."""
        try:
            await self._in_thread(file.note, journal)
        except OSError as error:
            file.journal = journal
            if not self._told:
                self._told = True
                _logger.warning(
                    "the journal of %s cannot be written: %s; if this process is killed now, its next one may commit some summaries twice",
                    file.path,
                    error,
                )

    async def close(self) -> None:
        """Let go of all files; those that hold something stay for the next writer."""
        self._left, self._left_own = self.summaries, self.own
        files, self._files = self._files, deque()
        self.wait()
        for file in files:
            try:
                file.release(delete=not file.chunks)
            except OSError as error:
                _logger.warning("the spool file %s cannot be removed: %s", file.path, error)
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        self._remove_folder()

    def _chunks(self) -> list[Chunk]:
        """Return what waits now; copies, since the spool's thread puts in more."""
        return [chunk for file in list(self._files) for chunk in list(file.chunks)]

    def _first(self) -> SpoolFile | None:
        return next((file for file in self._files if file.chunks), None)

    async def _in_thread(self, call: Callable[..., _T], *args: Any) -> _T:
        """Call it in the spool's own thread, one after the other."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "asyncsummary spool")
        try:
            running = asyncio.get_running_loop().run_in_executor(self._thread, call, *args)
        except RuntimeError:  # the interpreter is ending, and threads take nothing more: all that they were given is done
            return call(*args)
        return await running

    def _put(self, data: bytes, count: int, kept: int) -> None:
        if not self._files or self._files[-1].size >= _FILE_BYTES or any(chunk.recovered for chunk in self._files[-1].chunks):
            self._make_folder()
            name = next_name(self._wall(), socket.gethostname(), os.getpid(), next(_sequence), SUFFIX, self._last_name)
            try:
                self._files.append(SpoolFile.create(self.folder, name))
            except FileNotFoundError:  # another writer, which had nothing left, has just removed it
                self._make_folder()
                self._files.append(SpoolFile.create(self.folder, name))
            self._last_name = name.name
        self._files[-1].put(data, count, kept)
        self.puts += 1

    def _remove_folder(self) -> None:
        """Leave no folder in which nothing is; another writer of the logdir makes it again."""
        if [path.name for path in self.folder.glob("*")] == [_LOGDIR_FILE]:
            with contextlib.suppress(OSError):
                (self.folder / _LOGDIR_FILE).unlink()
                try:
                    self.folder.rmdir()
                except OSError:  # another writer has just begun a file there, which "sync" could not find without the name
                    (self.folder / _LOGDIR_FILE).write_text(self._logdir)

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / _LOGDIR_FILE).write_text(self._logdir)

    def _adopt(self, found: deque[SpoolFile], left: threading.Event) -> None:
        """Add what is taken over to ``found``; give it back if the caller has ``left``."""
        for path in sorted(self.folder.glob(f"*tfevents*{SUFFIX}")):
            if left.is_set():
                break
            try:
                file = SpoolFile.adopt(path)
                if file is not None and file.chunks:
                    found.append(file)
                elif file is not None:
                    file.release(delete=True)
            except OSError as error:
                _logger.warning("the spool file %s cannot be used: %s", path, error)
        if left.is_set():
            _let_go(found)


def _let_go(files: deque[SpoolFile]) -> None:
    """Give files back as they are, each once, though two threads may do it."""
    with contextlib.suppress(IndexError):
        while True:
            files.pop().release(delete=False)


def _next_chunks(file: SpoolFile) -> list[Chunk]:
    """Return the chunks of the next append: one that was begun before goes alone, others together up to a bound."""
    chunks: list[Chunk] = []
    for chunk in file.chunks:
        if chunks and chunk.stop - file.journal.sent > CHUNK_BYTES:
            break
        chunks.append(chunk)
        if chunk.stop == file.journal.stop:
            break
    return chunks


def default_root() -> Path:
    """Return where spools are by default: in the user's cache, or for a user without a home beside other temporary files."""
    try:
        if sys.platform == "darwin":
            cache = Path.home() / "Library" / "Caches"
        else:
            cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        cache = Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"
    return cache / "asyncsummary" / "spool"


def folder_of(root: Path, logdir: str) -> Path:
    """Return the folder of a logdir's spool: a readable name, and a digest that tells logdirs apart."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", logdir).strip("_")[-80:].replace("tfevents", "events")
    return root / f"{readable}-{hashlib.sha256(logdir.encode()).hexdigest()[:12]}"


def holds_something(root: Path, logdir: str) -> bool:
    """Whether a logdir's spool has files, of whichever process."""
    return any(folder_of(root, logdir).glob(f"*tfevents*{SUFFIX}"))


def spooled_logdirs(root: Path) -> list[str]:
    """Return the logdirs that have a spool."""
    return sorted(path.read_text() for path in root.glob(f"*/{_LOGDIR_FILE}"))
