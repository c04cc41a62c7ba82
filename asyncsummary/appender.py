"""Who carries batches to storage? The one object that awaits it: opens or resumes a run, appends, probes, rolls to the next segment.

It decides nothing by itself: ``resume`` says where to go on, ``plan`` where a batch goes, ``commit`` what to do next after an answer.
"""

import asyncio
import itertools
import logging
import os
import random
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from asyncsummary import commit, header, resume, uploading
from asyncsummary.beginning import whole_records
from asyncsummary.columns import Upload
from asyncsummary.config import ForeignWriter, WriterConfig
from asyncsummary.errors import ForeignWriterError, OpenError
from asyncsummary.joining import concatenated
from asyncsummary.journal import Attempt
from asyncsummary.looking import READ_BYTES, left_to, scanned, stored_of
from asyncsummary.plan import LARGEST_REWRITTEN, Open, Placement, place, wait_before
from asyncsummary.segments import SegmentName, next_name
from asyncsummary.sink import GaveUpError
from asyncsummary.stats import Counters
from asyncsummary_storage import (
    NOTHING,
    Folder,
    Growth,
    OutcomeUnknownError,
    Position,
    PreconditionFailedError,
    Segment,
    SegmentFullError,
    StorageError,
    UnsupportedError,
)

_logger = logging.getLogger("asyncsummary")
_sequence = itertools.count()  # per process, so that two writers of one second have different names
_T = TypeVar("_T")

_MOST_FENCES = 3
_LONG_SECONDS = 5.0
_ORPHAN_SECONDS = 3600.0  # older than any append of a living process
_SLOWEST_BYTES_PER_SECOND = 100_000  # of an upload that is still worth waiting for


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Records that an earlier process began to append, and whom to tell when they are committed."""

    data: bytes
    attempt: Attempt
    note_committed: Callable[[], Awaitable[None]]
    note_attempt: Callable[[Attempt], Awaitable[None]]


class Appender:
    """Appends to the newest segment of one run."""

    def __init__(self, config: WriterConfig, folder: Folder, counters: Counters, wall: Callable[[], float]) -> None:
        self._config = config
        self._folder = folder
        self._counters = counters
        self._wall = wall
        self._retry = config.retry
        self._host = socket.gethostname()
        self._myself = f"process {os.getpid()} on {self._host}"
        self._segment: Segment | None = None
        self._position = NOTHING
        self._last_name: str | None = None
        self._name: SegmentName | None = None
        self._run_bytes = 0
        self._appends = 0
        self._last_write: float | None = None
        self._is_extended = False
        self._overtaken: Position | None = None  # where the segment ends that somebody else has written to, behind our last append
        self._header_bytes = 0
        self._stored = 0
        self._begun: float | None = None
        self._hurried_at: float | None = None
        self._commit: commit.Commit | None = None

    async def open(self, unfinished: Unfinished | None = None) -> None:
        """Connect, find where to go on, finish what an earlier process began, and write the first record.

        Raises:
            OpenError: the logdir cannot be used, or storage was away for the whole retry window.
        """
        found = await self._patiently(self._locate)
        try:
            if isinstance(found, resume.Fresh) and unfinished is None:
                await self._begin_run(found)
                return
            await self._sweep(found.name if isinstance(found, resume.Continue) else None)
            await self._append_start(found if unfinished is None else await self._finish(unfinished, found))
        except GaveUpError as error:
            raise _cannot_open(self._folder.url, error.error, retriable=not error.permanent) from error.error

    @property
    def attempt(self) -> Attempt | None:
        """What is being appended now, or was when it gave up."""
        if self._commit is None or self._segment is None:
            return None
        return Attempt(self._segment.name, self._commit.at, self._header_bytes, self._stored)

    @property
    def is_in_trouble(self) -> bool:
        """Whether the append that is on its way has failed before, or takes long."""
        if self._commit is not None and self._commit.retries:
            return True
        return self._begun is not None and asyncio.get_running_loop().time() - self._begun > _LONG_SECONDS

    async def append(self, data: bytes, note: Callable[[Attempt], Awaitable[None]] | None = None, stored: int = 0) -> None:
        """Append whole records. When this returns they are committed, exactly once. ``note`` is awaited before each new attempt.

        The first ``stored`` bytes are in the run already. After GaveUpError call it again with the same bytes.
        """
        self._begun = asyncio.get_running_loop().time()
        try:
            await self._append(data, note, stored)
        finally:
            self._begun = None

    async def _append(self, data: bytes, note: Callable[[Attempt], Awaitable[None]] | None, stored: int, *, may_raise: bool = True) -> None:
        if self._commit is None:
            if self._overtaken is not None:  # told only now: that append was committed, whatever happens on the way of the news
                await self._leave_to_others(self._overtaken, 0)
            await self._place(data, stored)
        for _ in range(_MOST_FENCES):
            if note is not None and self.attempt is not None:
                await note(self.attempt)
            action = await self._carry_out()
            match action:
                case commit.Committed(position, overtaken):
                    self._note_committed(position)
                    self._overtaken = position if overtaken else None
                    return
                case commit.Fenced(found, there):
                    kept = 0 if self._commit is None else whole_records(self._commit.data, there)
                    await self._leave_to_others(found, kept, may_raise=may_raise)
                    await self._roll(data, self._stored + max(0, kept - self._header_bytes))
                case commit.GaveUp(SegmentFullError(), _):
                    await self._roll(data, self._stored)
                case commit.GaveUp(error, permanent):
                    self._counters.last_error = str(error)
                    raise GaveUpError(error, permanent=permanent) from error
        raise GaveUpError(
            ForeignWriterError(f"{self._folder.url}: {_MOST_FENCES} new segments in a row were written to by somebody else"),
            permanent=False,
        )

    async def put(self, upload: Upload) -> None:
        """Store files beside the segments, then amend their index. Doing it again does no harm.

        Raises:
            GaveUpError: storage did not take them in time.
        """
        for name, amend in await uploading.amends(upload):
            await self._or_give_up(partial(uploading.replace, self._folder, name, amend, self._answered))

    def hurry(self, seconds: float) -> None:
        """From now on, give up after so many seconds."""
        self._retry = replace(self._retry, window_seconds=min(seconds, self._retry.window_seconds))
        self._hurried_at = asyncio.get_running_loop().time()
        if self._commit is not None:
            self._commit.hurry(self._retry, self._hurried_at)

    async def close(self) -> None:
        """Give back the storage's sessions."""
        await self._folder.close()

    # Opening

    async def _locate(self) -> resume.Fresh | resume.Continue:
        """Look where the run ends. Can be done again after an error."""
        entries = await self._answered(self._folder.open())
        self._run_bytes = sum(entry.size for entry in entries if "tfevents" in entry.name)
        can_cut = self._folder.terms.can_cut
        look = resume.first_look({entry.name: entry.size for entry in entries}, resume=self._config.resume, can_cut=can_cut)
        if isinstance(look, resume.Fresh):
            return look
        segment = self._folder.segment(look.name)
        position = await self._answered(segment.probe())
        scanner = await scanned(segment, position, self._answered)
        found = resume.second_look(look.name, scanner, can_cut=can_cut)
        if isinstance(found, resume.Cut):
            position = await self._answered(segment.cut(position, found.size))
            _logger.warning("%s: took a torn record off the end of %s", self._folder.url, found.name)
            found = resume.Continue(found.name, found.size)
        if isinstance(found, resume.Continue):
            self._segment, self._position, self._last_name = segment, position, look.name
        return found

    async def _begin_run(self, found: resume.Fresh) -> None:
        """Write the first record; meanwhile sweep, which has to come before only where a segment is gone on with."""
        sweep = asyncio.create_task(self._sweep(None))
        try:
            await self._append_start(found)
            await sweep
        except BaseException:  # cancellation, too: nobody else knows of the sweep, so it must not outlive this
            sweep.cancel()
            await asyncio.wait([sweep])
            raise

    async def _sweep(self, resumed: str | None) -> None:
        """Remove what extends of killed processes left in the bucket; if that cannot be done now, somebody else will."""
        try:
            await self._answered(self._folder.sweep(_ORPHAN_SECONDS, also_of=resumed))
        except (StorageError, TimeoutError) as error:
            _logger.debug("%s: could not look for unfinished appends: %s", self._folder.url, error)

    async def _finish(self, unfinished: Unfinished, found: resume.Fresh | resume.Continue) -> resume.Fresh | resume.Continue:
        """End an append that an earlier process began: it may be stored or not. Return where to go on after it."""
        attempt, last = unfinished.attempt, self._last_name if isinstance(found, resume.Continue) else found.after
        name = SegmentName.parse(attempt.segment)
        if last is not None and last > attempt.segment:
            if await self.stored_of(unfinished.data, attempt) == len(unfinished.data):
                await unfinished.note_committed()
            return found  # readers do not return to an older segment: what is not in it is appended to a newer one
        first = b"" if attempt.at.exists or name is None else header.file_version(name.seconds)
        self._segment, self._last_name, self._overtaken = self._folder.segment(attempt.segment), attempt.segment, None
        self._position, self._header_bytes, self._stored = attempt.at, len(first), attempt.stored
        self._commit = self._commit_of(first + unfinished.data[attempt.stored :], attempt.at, doubtful=True)
        await self._append(unfinished.data, unfinished.note_attempt, 0, may_raise=False)  # it was the earlier process's segment, not ours
        await unfinished.note_committed()
        if isinstance(found, resume.Continue):
            return resume.Continue(attempt.segment, self._position.offset)
        return resume.Fresh(self._last_name)

    async def stored_of(self, data: bytes, attempt: Attempt) -> int:
        """Return how many bytes of ``data`` an append that an earlier process began has stored: all, or whole records.

        Raises:
            GaveUpError: storage did not say so in time.
        """
        return await self._or_give_up(partial(stored_of, data, attempt, self._folder.segment(attempt.segment), self._answered))

    async def _append_start(self, found: resume.Fresh | resume.Continue) -> None:
        if isinstance(found, resume.Continue):
            start = header.session_start(self._wall(), f"{self._myself}, resumed at byte {found.size}")
            await self._place(start, 0)
        else:
            start = header.session_start(self._wall(), self._myself) if self._config.session_start else b""
            self._last_name = found.after
            await self._roll(start)
        await self.append(start)

    async def _answered(self, request: Awaitable[_T], size: int = READ_BYTES) -> _T:
        """Await one request that moves so many bytes at the most, but not for ever."""
        async with asyncio.timeout(self._config.request_seconds + max(size, READ_BYTES) / _SLOWEST_BYTES_PER_SECOND):
            return await request

    async def _or_give_up(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Call until it works, for as long as retries are allowed; then raise GaveUpError."""
        try:
            return await self._patiently(call)
        except OpenError as error:
            cause = error.__cause__ if isinstance(error.__cause__, StorageError) else error
            self._counters.last_error = str(cause)
            raise GaveUpError(cause, permanent=not error.retriable) from error

    async def _patiently(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Call until it works, for as long as retries are allowed."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for attempt in itertools.count():
            try:
                return await call()
            except (StorageError, TimeoutError) as error:
                wait = max(self._retry.wait(attempt, random.random()), getattr(error, "retry_after", None) or 0.0)
                retriable = not isinstance(error, StorageError) or error.retriable or isinstance(error, PreconditionFailedError)
                deadline = (begun if self._hurried_at is None else self._hurried_at) + self._retry.window_seconds
                if not retriable or loop.time() + wait > deadline:
                    raise _cannot_open(self._folder.url, error, retriable=retriable) from error
                self._counters.last_error = str(error)
                self._counters.retries += 1
                await asyncio.sleep(wait)
        raise AssertionError("count() does not end")

    # Appending

    async def _place(self, data: bytes, stored: int) -> None:
        """Begin the commit of what is not stored of a batch, in the open segment or in the next one."""
        size, largest = len(data) - stored, self._config.max_segment_bytes
        placement = place(Open(self._position.offset, self._appends), size, self._run_bytes, self._folder.terms, largest)
        if placement is Placement.ROLL or self._overtaken is not None:
            await self._roll(data, stored)
        else:
            self._is_extended = placement is Placement.EXTEND
            self._header_bytes, self._stored = 0, stored
            self._commit = self._commit_of(data[stored:], self._position)

    def _commit_of(self, data: bytes, at: Position, *, doubtful: bool = False) -> commit.Commit:
        in_place = self._folder.terms.growth is Growth.IN_PLACE
        return commit.Commit(data, at, self._retry, doubtful=doubtful, grows_in_place=in_place)

    async def _roll(self, data: bytes, stored: int = 0) -> None:
        """Begin the commit of what is not stored of a batch as the first of the next segment, together with its header: one request."""
        name = next_name(self._wall(), self._host, os.getpid(), next(_sequence), self._config.filename_suffix, self._last_name)
        first = header.file_version(name.seconds)
        whole = await concatenated([first, data[stored:]])  # before anything is changed: this may be cancelled
        self._segment = self._folder.segment(name.name)
        self._last_name = name.name
        self._position, self._appends, self._last_write = NOTHING, 0, None
        self._is_extended, self._overtaken = False, None
        self._header_bytes, self._stored = len(first), stored
        self._commit = self._commit_of(whole, NOTHING)

    async def _carry_out(self) -> commit.Committed | commit.Fenced | commit.GaveUp:
        """Do what the commit machine asks for until it has a result."""
        machine = self._commit
        assert machine is not None, "a commit was begun"
        loop = asyncio.get_running_loop()
        action = machine.step(commit.Begin(), loop.time(), random.random())
        while not isinstance(action, commit.Committed | commit.Fenced | commit.GaveUp):
            outcome = await self._do(action, machine)
            action = machine.step(outcome, loop.time(), random.random())
            if isinstance(action, commit.Sleep):
                self._counters.retries, self._counters.last_error = self._counters.retries + 1, str(machine.last_error)
        return action

    async def _do(self, action: commit.Append | commit.Probe | commit.ReadBack | commit.Sleep, machine: commit.Commit) -> commit.Outcome:
        segment = self._segment
        assert segment is not None, "open() comes first"
        try:
            async with asyncio.timeout(None if isinstance(action, commit.Sleep) else self._request_seconds(machine)):
                match action:
                    case commit.Append(at, stored):
                        return commit.Stored(await self._append_to(segment, machine.data[stored:], at))
                    case commit.Probe():
                        return commit.Found(await segment.probe())
                    case commit.ReadBack(start, stop):
                        return commit.Read(await segment.read(start, stop))
                    case commit.Sleep(seconds):
                        await asyncio.sleep(seconds)
                        return commit.Woken()
        except TimeoutError:
            return commit.Unknown(OutcomeUnknownError(f"{segment.name}: no answer within {self._request_seconds(machine):.0f} s"))
        except StorageError as error:
            return commit.outcome_of(error)

    async def _append_to(self, segment: Segment, data: bytes, at: Position) -> Position:
        """Send one append, no sooner than the storage wants it."""
        clock = asyncio.get_running_loop().time
        if wait := wait_before(clock(), self._last_write, self._folder.terms):
            await asyncio.sleep(wait)
        self._last_write = clock()
        if not self._is_extended:
            return await segment.append(data, at)
        try:
            return await segment.extend(data, at)
        except UnsupportedError as error:
            self._is_extended = False
            _logger.warning("%s: appends are sent as a whole from now on: %s", self._folder.url, error)
            if at.offset > LARGEST_REWRITTEN:
                raise SegmentFullError(f"{segment.name}: too large to be sent as a whole: {error}") from error
            return await segment.append(data, at)

    def _request_seconds(self, machine: commit.Commit) -> float:
        """Return how long a request may take: longer where there is much to send, or to copy."""
        moved = len(machine.data) if machine.grows_in_place else machine.end
        return self._config.request_seconds + moved / _SLOWEST_BYTES_PER_SECOND

    def _note_committed(self, position: Position) -> None:
        machine, self._commit = self._commit, None
        assert machine is not None, "a commit was begun"
        if not self._position.exists:
            self._counters.segments += 1
        self._position = position if position.offset <= machine.end else replace(position, offset=machine.end)
        self._appends += 1
        self._run_bytes += len(machine.data)
        self._counters.bytes += len(machine.data)
        self._counters.appends += 1
        self._counters.last_error = None

    async def _leave_to_others(self, found: Position, kept: int, *, may_raise: bool = True) -> None:
        """Say whose the segment is now, of which ``kept`` bytes more are ours than are committed."""
        assert self._segment is not None, "open() comes first"
        left_at = self._position.offset + kept
        said = await left_to(self._segment, left_at, found, self._answered)
        error = ForeignWriterError(f"{self._folder.url}: {said}; {self._myself} left it at byte {left_at}", retriable=False)
        self._counters.last_error = str(error)
        if may_raise and self._config.foreign_writer is ForeignWriter.RAISE:
            raise GaveUpError(error, permanent=True)
        _logger.warning("%s, and goes on in a segment of its own", error)


def _cannot_open(url: str, error: Exception, *, retriable: bool) -> OpenError:
    said = str(error) or f"no answer ({type(error).__name__})"
    return OpenError(f"cannot open logdir {url!r}: {said}", retriable=retriable)
