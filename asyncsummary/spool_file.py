"""How does one spool file live on the disk? An event file that grows, a journal beside it, and a lock while its writer lives.

All calls block; ``spool`` makes them in threads. The directory of a logdir's spool holds, for each file::

    events.out.tfevents.<seconds>.<host>.<pid>.<sequence>.spool     records, as TensorBoard reads them
    <seconds>.<host>.<pid>.<sequence>.journal                       see ``journal``
"""

import fcntl
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from asyncsummary import header
from asyncsummary.journal import Journal
from asyncsummary.records import Scanner
from asyncsummary.segments import PREFIX, SegmentName

SUFFIX = ".spool"
CHUNK_BYTES = 8 << 20
"""About so much of it is sent in one append."""
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records that end at byte ``stop`` of their file: ``kept`` summaries, of ``count`` accepted ones; of an earlier process if
    ``recovered``.
    """

    stop: int
    count: int
    kept: int
    recovered: bool


class SpoolFile:
    """One spool file, locked by this process."""

    def __init__(self, path: Path, descriptor: int, size: int, journal: Journal) -> None:
        self.path = path
        self.size = size
        self.journal = journal
        self.chunks: deque[Chunk] = deque()
        self.is_damaged = False
        self._descriptor = descriptor
        self._journal_path = journal_path(path)

    @staticmethod
    def create(folder: Path, name: SegmentName) -> "SpoolFile":
        """Make a new file with its first record."""
        path = folder / name.name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            first = header.file_version(name.seconds)
            file = SpoolFile(path, descriptor, 0, Journal(len(first)))
            file._write(first)
        except BaseException:  # whatever it was: nobody else knows of the descriptor, or the file
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return file

    @staticmethod
    def adopt(path: Path) -> "SpoolFile | None":
        """Take over the file of a process that is gone; None if its process lives, or if it is no file of ours."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists():  # its process has just sent all of it, and deleted it
                raise BlockingIOError
        except BlockingIOError:
            os.close(descriptor)
            return None
        try:
            file = SpoolFile(path, descriptor, os.fstat(descriptor).st_size, _journal_of(path))
            file._find_chunks()
        except BaseException:  # whatever it was: nobody else would give the lock back
            os.close(descriptor)
            raise
        return file

    def put(self, data: bytes, count: int, kept: int) -> None:
        """Append whole records."""
        self._write(data)
        self.chunks.append(Chunk(self.size, count, kept, recovered=False))

    def read(self, start: int, stop: int) -> bytes:
        """Return its bytes from ``start`` up to ``stop``."""
        return os.pread(self._descriptor, stop - start, start)

    def note(self, journal: Journal) -> None:
        """Replace the journal; a reader sees the old one or the new one."""
        beside = self._journal_path.with_suffix(".new")
        beside.write_text(journal.to_json())
        beside.replace(self._journal_path)
        self.journal = journal

    def release(self, *, delete: bool) -> None:
        """Let go of the file, and delete it if all of it is committed. One with a corrupt record is put aside, as more may follow that."""
        try:
            if delete:
                if self.is_damaged:
                    self.path.replace(self.path.with_suffix(".damaged"))
                self.path.unlink(missing_ok=True)
                self._journal_path.unlink(missing_ok=True)
        finally:
            os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        """Append all of it, or nothing: a torn record in the middle would hide what follows."""
        view, at = memoryview(data), self.size
        try:
            while view:
                written = os.pwrite(self._descriptor, view, at)
                view, at = view[written:], at + written
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size = at

    def _find_chunks(self) -> None:
        """Cut what is not committed yet into chunks, at records. A torn tail is left out.

        What an append was begun with is the first of them, however large: only whole can it be found again where it was to go.
        """
        scanner, begun, count = Scanner(), self.journal.sent, 0
        whole_up_to = self.journal.stop if self.journal.stop <= self.size else 0  # a power cut may have taken the end of it
        for start in range(0, self.size, _READ_BYTES):
            for _ in scanner.feed(self.read(start, min(start + _READ_BYTES, self.size))):
                if not self.journal.sent:
                    self.journal = Journal(scanner.offset)  # nothing was sent yet; the first record is the file's own
                    begun = scanner.offset
                if scanner.offset <= self.journal.sent:
                    continue
                count += 1
                is_full = scanner.offset - begun >= CHUNK_BYTES and scanner.offset > whole_up_to
                if scanner.offset == whole_up_to or is_full:
                    self.chunks.append(Chunk(scanner.offset, count, count, recovered=True))
                    begun, count = scanner.offset, 0
        if count:
            self.chunks.append(Chunk(scanner.offset, count, count, recovered=True))
        self.is_damaged = scanner.corrupt


def journal_path(path: Path) -> Path:
    """Return where the journal of a spool file is."""
    return path.with_name(path.name.removeprefix(PREFIX).removesuffix(SUFFIX) + ".journal")


def _journal_of(path: Path) -> Journal:
    """Return a file's journal; without one, or with one that cannot be read, nothing of it was sent."""
    try:
        return Journal.from_json(journal_path(path).read_text())
    except (OSError, ValueError):
        return Journal(0)
