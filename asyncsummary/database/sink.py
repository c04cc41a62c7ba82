"""How do batches get into a database? Each as one transaction, tried again for a while where somebody else holds a lock."""

import asyncio
import contextlib
import itertools
import logging
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from asyncsummary.columns import Batch, Deferred
from asyncsummary.config import WriterConfig
from asyncsummary.database import catalog
from asyncsummary.database.catalog import Catalog
from asyncsummary.database.connection import Database, Evidence, described, is_locked, is_passing, open_database
from asyncsummary.database.names import Names
from asyncsummary.database.plan import TENSOR_COLUMNS, Plan, flattened, parts_of
from asyncsummary.database.rows import event_rows
from asyncsummary.database.scalars import PackedScalar
from asyncsummary.errors import CommitError, InvalidSummaryError, OpenError
from asyncsummary.queue import SummaryQueue
from asyncsummary.sink import GaveUpError
from asyncsummary.stats import Counters
from asyncsummary.tags import TagTable
from asyncsummary_storage import PermanentError, StorageError, TransientError, in_thread

_logger = logging.getLogger("asyncsummary")

_INSERT = "INSERT OR REPLACE INTO Tensors (rowid, series, step, dtype, computed_time, shape, data) VALUES "
_ONE_ROW = f"({','.join('?' * TENSOR_COLUMNS)})"
_PER_STATEMENT = 128
"""Rows of one INSERT: few enough for any SQLite's limit of parameters. One for each would give the GIL away, and ask for it back, as often;
while a program computes in Python, each of these takes 5 ms."""
_TURN_EFFORT = 512  # scalars: about a millisecond of work, then other tasks get a turn
_EVENT_EFFORT = 16  # an Event is as much work as so many scalars
_FINISH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """What a database's writer is told beside its pipeline's configuration, of which ``logdir`` is the database."""

    names: Names
    resume: bool = False
    journal_mode: str = "wal"
    fsync: bool = False


@dataclass(slots=True)
class Work:
    """What one transaction has: ``count`` accepted summaries, which hold ``size`` bytes of the queue's room.

    ``plan`` once the rows are made, without ``refused`` of the summaries. ``draft`` while its transaction is on its way, or was.
    """

    batch: Batch
    count: int
    size: int
    plan: Plan | None = None
    refused: int = 0
    draft: Catalog | None = None


class DatabaseSink:
    """The way from the queue into a database."""

    def __init__(
        self,
        config: WriterConfig,
        settings: DatabaseConfig,
        queue: SummaryQueue,
        tags: TagTable,
        counters: Counters,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._settings = settings
        self._queue = queue
        self._tags = tags
        self._counters = counters
        self._wall = wall
        self._retry = config.retry
        self._hurried_at: float | None = None
        self._database: Database | None = None
        self._catalog = Catalog()
        self._work: Work | None = None
        self.since = 0.0
        self.is_spooling = False
        self.has_looked = asyncio.Event()
        self.refused: CommitError | None = None

    # There is no other way for summaries to go than this one.
    has_more = False
    is_urgent = False
    in_spool = 0
    saved = 0
    recovering = 0
    beside = 0
    elsewhere = 0

    @property
    def has_work(self) -> bool:
        """Whether there is work in hand."""
        return self._work is not None

    async def open(self) -> None:
        """Open the database, and make its tables. Raises OpenError."""
        begun = asyncio.get_running_loop().time()
        try:
            await self._patiently(self._connect, begun)
        except GaveUpError as error:
            raise OpenError(str(error), retriable=not error.permanent) from error.error
        self._counters.segments += 1

    async def next_work(self) -> None:
        """Take what waits in the queue, if anything does."""
        self._work = self._take()

    async def send(self) -> None:
        """Commit the work in hand.

        Raises:
            GaveUpError: it is not known to be committed; call this again.
        """
        work = self._work
        assert work is not None, "next_work() comes first"
        if work.plan is None:
            await self._prepare(work)
        await self._patiently(lambda: self._commit(work), asyncio.get_running_loop().time())
        self._work = None
        self._counters.committed += work.count - work.refused
        self._counters.dropped += work.refused
        self._counters.bytes += work.size
        self._counters.last_error = None
        self._queue.settle(work.count, work.size)

    def be_urgent(self, urgent: bool) -> None:
        """Nothing: there is no other place."""

    async def relieve(self) -> None:
        """Nothing: there is no other place."""

    async def save(self) -> int:
        """Nothing: there is no other place. Return how many summaries are in memory only."""
        return (0 if self._work is None else self._work.count) + len(self._queue.waiting)

    def whereabouts(self, lost: int) -> str:
        """Return nothing, for there is nothing to be told."""
        return ""

    def forget(self) -> None:
        """Let go of everything that is held in memory, as dropped."""
        for work in (self._work, self._take()):
            if work is not None:
                self._counters.dropped += work.count
                self._queue.settle(work.count, work.size)
        self._work = None

    def hurry(self, seconds: float) -> None:
        """From now on, give up after so many seconds."""
        self._retry = replace(self._retry, window_seconds=min(seconds, self._retry.window_seconds))
        self._hurried_at = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """Note that the run is finished, and close the database."""
        if self._database is None:
            return
        self._retry, self._hurried_at = replace(self._retry, window_seconds=min(_FINISH_SECONDS, self._retry.window_seconds)), None
        try:
            if self._catalog.run_id is not None:
                await self._patiently(self._finish, asyncio.get_running_loop().time())
        finally:
            await self._disconnect(tidy=True)

    async def flush_beside(self, timeout: float | None) -> None:
        """Nothing: there is no other way."""

    async def ended_beside(self) -> None:
        """Nothing."""

    async def close_beside(self) -> None:
        """Nothing: there is no other way."""

    def abandon_beside(self) -> None:
        """Nothing: there is no other way."""

    # The work in hand

    def _take(self) -> Work | None:
        if not len(self._queue.waiting):
            return None
        batch, size = self._queue.take()
        self.since = asyncio.get_running_loop().time()  # whoever comes while this is on its way waits from now at the longest
        return Work(batch, len(batch), size)

    async def _prepare(self, work: Work) -> None:
        """Make the rows of a batch, with turns for other tasks in between."""
        plan = Plan(self._tags.names)
        refused: list[InvalidSummaryError] = []
        effort = 0
        for part in parts_of(work.batch):
            if isinstance(part, Batch):
                plan.add_scalars(part)
            elif isinstance(part, PackedScalar):
                plan.add_packed(part)
                effort += 1
            else:
                try:
                    payload = await in_thread(part.encode) if isinstance(part, Deferred) else part
                    plan.add_event(event_rows(payload))
                except InvalidSummaryError as error:  # what can be checked before was; an encoder can still make what no database holds
                    refused.append(error)
                effort += _EVENT_EFFORT
            if effort >= _TURN_EFFORT:
                effort = 0
                await asyncio.sleep(0)
        if refused:
            what = f"{len(refused)} summaries cannot be written to database {self._config.logdir!r}, and are dropped: {refused[0]}"
            self.refused = CommitError(what, uncommitted=len(refused), retriable=False)
            self.refused.__cause__ = refused[0]
        work.refused, work.plan = len(refused), plan

    async def _commit(self, work: Work) -> None:
        """Carry out the transaction of the work in hand, unless it was carried out and nobody heard of it."""
        plan = work.plan
        assert plan is not None, "the rows are made"
        database = self._database or await self._connect()
        if not await in_thread(database.is_there):
            database = await self._move(database)
        if work.draft is not None and await database.was_committed():
            self._keep(work.draft)
            return
        draft = work.draft = self._catalog.draft()
        if plan.tensors or plan.graphs:
            await database.transaction(lambda: self._write(database, draft, plan))
        self._keep(draft)

    def _keep(self, draft: Catalog) -> None:
        self._catalog = draft.keep()
        self._counters.appends += 1

    async def _write(self, database: Database, draft: Catalog, plan: Plan) -> Evidence:
        now = self._wall()
        await catalog.complete(database, draft, self._settings.names, plan, now, resume=self._settings.resume)
        evidence = None
        if plan.tensors:
            evidence = await self._write_tensors(database, draft, plan)
        for graph in plan.graphs:
            graph_id = await catalog.add_graph(database, draft.run_id, graph, now)
            evidence = Evidence("SELECT 1 FROM Ids WHERE id = ?", (graph_id,))
        assert evidence is not None, "there are rows"
        return evidence

    async def _write_tensors(self, database: Database, draft: Catalog, plan: Plan) -> Evidence:
        # Strings may be left of rows that somebody has deleted: they must not become those of others.
        ((highest,),) = await database.fetch(
            "SELECT coalesce(max(highest), 0) FROM"
            " (SELECT max(rowid) AS highest FROM Tensors UNION ALL SELECT max(tensor_rowid) FROM TensorStrings)"
        )
        first = highest + 1
        rows = plan.rows(draft.tag_ids(), first)
        statements = plan.tensors // _PER_STATEMENT
        if statements:
            await database.many(_INSERT + ",".join([_ONE_ROW] * _PER_STATEMENT), flattened(rows, _PER_STATEMENT, statements))
        await database.many(_INSERT + _ONE_ROW, rows)
        if plan.has_strings:
            await database.many("INSERT INTO TensorStrings (tensor_rowid, idx, data) VALUES (?, ?, ?)", plan.strings(first))
        last = first + plan.tensors - 1
        row = (await database.fetch("SELECT rowid, series, step, computed_time FROM Tensors WHERE rowid = ?", (last,)))[0]
        return Evidence("SELECT 1 FROM Tensors WHERE rowid = ? AND series = ? AND step = ? AND computed_time IS ?", row)

    # The connection

    async def _connect(self) -> Database:
        """Open the database. If it is no more the one that it was, the run begins anew in it."""
        self._database = None
        database = await open_database(self._config.logdir, journal_mode=self._settings.journal_mode, fsync=self._settings.fsync)
        self._database = database
        if not await catalog.is_still_there(database, self._catalog):
            self._catalog = Catalog()
        return database

    async def _move(self, database: Database) -> Database:
        """The file is not where it was: what is written from now on goes into the one that is there, or into a new one."""
        _logger.warning("database %r: the file has disappeared or was replaced; a new one is begun, or that one gone on with", database.uri)
        await self._disconnect(tidy=False)
        return await self._connect()

    async def _disconnect(self, *, tidy: bool) -> None:
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.Error):
                await database.close(tidy=tidy)

    async def _finish(self) -> None:
        database = self._database or await self._connect()
        await catalog.finish(database, self._catalog, self._wall())

    async def _patiently(self, call: Callable[[], Awaitable[object]], begun: float) -> None:
        """Call until it works, for as long as retries are allowed."""
        loop = asyncio.get_running_loop()
        for attempt in itertools.count():
            try:
                await call()
                return
            except OpenError as error:  # another kind of database
                raise GaveUpError(error, permanent=True) from error
            except sqlite3.Error as error:
                if not is_locked(error):
                    await self._disconnect(tidy=False)  # it may be the connection that is broken
                told = _told(error, self._config.logdir)
            self._counters.last_error = str(told)
            wait = self._retry.wait(attempt, random.random())
            deadline = (begun if self._hurried_at is None else self._hurried_at) + self._retry.window_seconds
            if not told.retriable or loop.time() + wait > deadline:
                raise GaveUpError(told, permanent=not told.retriable) from told
            self._counters.retries += 1
            await asyncio.sleep(wait)


def _told(error: sqlite3.Error, uri: str) -> StorageError:
    """Return the error in our words."""
    told = (TransientError if is_passing(error) else PermanentError)(described(error, uri))
    told.__cause__ = error
    return told
