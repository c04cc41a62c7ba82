"""How is a database opened, and what is a transaction? One aiosqlite connection, whose thread carries out all statements.

Journal: write-ahead (WAL), so that readers see the last transaction and neither wait for a writer nor hold it up. While somebody has the
database open there are two more files beside it, ``-wal`` and ``-shm``; whoever closes it last takes them away and leaves one plain file.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from asyncsummary.database.schema import APPLICATION_ID, TABLES, misfit
from asyncsummary.errors import OpenError

if TYPE_CHECKING:
    import aiosqlite

BUSY_SECONDS = 1.0
"""SQLite's own wait for a lock, in its thread. Whoever waits longer comes back to the event loop in between."""
_JOIN_SECONDS = 1.0
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_PASSING = _LOCKED | {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A question that has an answer only if the transaction was committed."""

    query: str
    parameters: tuple[Any, ...]


class Database:
    """A connection to one database. Used by one task at a time."""

    def __init__(self, uri: str, connection: "aiosqlite.Connection") -> None:
        self.uri = uri
        self.path = path_of(uri)
        self._connection = connection
        self._file = _identity(self.path)
        self._is_unsettled = False
        self._evidence: Evidence | None = None

    async def fetch(self, query: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Carry out one statement; return its rows."""
        return [tuple(row) for row in await self._connection.execute_fetchall(query, parameters)]

    async def many(self, statement: str, parameters: Iterable[Iterable[Any]]) -> None:
        """Carry out one statement for each of the parameters, which are iterated in the connection's thread."""
        await self._connection.executemany(statement, parameters)

    async def script(self, statements: str) -> None:
        """Carry out several statements; the script has its own BEGIN and COMMIT."""
        await self._connection.executescript(statements)

    async def transaction(self, write: Callable[[], Awaitable[Evidence | None]]) -> None:
        """Carry out what ``write`` awaits as one transaction: committed when this returns, or rolled back when it raises.

        Cancelled, it may be either; then ``was_committed`` says which.
        """
        self._is_unsettled, self._evidence = True, None
        try:
            await self.fetch("BEGIN IMMEDIATE")
            self._evidence = await write()
            await self.fetch("COMMIT")
        except Exception:  # whatever went wrong, nothing of it may stay; a cancellation is looked into by was_committed
            self._evidence = None
            await self._roll_back()
            raise
        self._is_unsettled = False

    async def was_committed(self) -> bool:
        """After a transaction that was cancelled: whether it was committed. If it was not, nothing of it is left."""
        if not self._is_unsettled:
            return False
        evidence = self._evidence
        await self._roll_back()
        return evidence is not None and bool(await self.fetch(evidence.query, evidence.parameters))

    async def _roll_back(self) -> None:
        await self.fetch("SELECT 1")  # the thread works in order, so whatever was cancelled is over after this
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.OperationalError):  # some errors have rolled back by themselves
                await self.fetch("ROLLBACK")
        self._is_unsettled = False

    def is_there(self) -> bool:
        """Whether the file is still where it was opened. SQLite would go on writing into a file that has been deleted. Blocks shortly."""
        return self._file is None or _identity(self.path) == self._file

    async def close(self, *, tidy: bool = True) -> None:
        """Close the connection; if ``tidy`` and nobody else has the database open, leave one plain file, as the original does."""
        try:
            if tidy:
                with contextlib.suppress(sqlite3.Error):
                    await self.fetch("PRAGMA busy_timeout=0")
                    await self.fetch("PRAGMA journal_mode=DELETE")
        finally:
            await self._connection.close()
            _thread_of(self._connection).join(_JOIN_SECONDS)  # it has nothing left to do, and ends at once


async def open_database(uri: str, *, journal_mode: str, fsync: bool) -> Database:
    """Open a database for writing, and make its tables if they are not there.

    Raises:
        OpenError: its tables are not those of summaries.
        sqlite3.Error: it cannot be opened, or written.
    """
    database = Database(uri, await connected(uri))
    try:
        await _check(database)
        await database.fetch("PRAGMA synchronous=FULL")
        await _make_tables(database)  # before anything else is changed: it shows whether this can be our database
        with contextlib.suppress(sqlite3.OperationalError):  # somebody holds it; so it stays in the journal mode that it has
            await database.fetch(f"PRAGMA journal_mode={journal_mode}")
        ((mode,),) = await database.fetch("PRAGMA journal_mode")
        if mode == "wal" and not fsync:
            # A killed process loses nothing that was committed; a power cut may lose the last transactions, but never damages the file.
            await database.fetch("PRAGMA synchronous=NORMAL")
    except BaseException:  # cancellation, too: nobody else has the connection
        await database.close(tidy=False)
        raise
    return database


async def connected(uri: str) -> "aiosqlite.Connection":
    """Connect to a database; nothing is read or written yet."""
    import aiosqlite

    connection = aiosqlite.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    thread = _thread_of(connection)
    # An event loop that is dropped without a close must not keep the interpreter from ending, which waits for threads that are no daemons.
    thread.daemon = True
    try:
        return await connection
    except sqlite3.Error:
        thread.join(_JOIN_SECONDS)
        raise


def is_locked(error: sqlite3.Error) -> bool:
    """Whether somebody else holds a lock."""
    return _code(error) in _LOCKED


def is_passing(error: sqlite3.Error) -> bool:
    """Whether waiting may help: a lock, a full disk, an error of the disk."""
    return _code(error) in _PASSING


def described(error: sqlite3.Error, uri: str) -> str:
    """Say what went wrong with which database, and what can be done."""
    path = path_of(uri)
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"database {uri!r}: is locked by another process or connection that is writing ({error})"
        case sqlite3.SQLITE_FULL:
            return f"database {uri!r}: {error}; free some space and writing goes on"
        case sqlite3.SQLITE_READONLY:
            return f"database {uri!r}: {error}; check the permissions of the file and its folder"
        case sqlite3.SQLITE_CANTOPEN if path is not None and path.is_dir():
            return f"database {uri!r}: is a folder; name a file in it"
        case sqlite3.SQLITE_CANTOPEN if path is not None and not path.parent.is_dir():
            return f"database {uri!r}: folder {str(path.parent)!r} does not exist; make it first"
        case _:
            return f"database {uri!r}: {error}"


def path_of(uri: str) -> Path | None:
    """Return the file of a path or a ``file:`` URI, None for a database in memory."""
    if uri.startswith("file:"):
        parts = urlsplit(uri)
        name, is_memory = unquote(parts.path), "mode=memory" in parts.query
    else:
        name, is_memory = uri, False
    return None if is_memory or name in {"", ":memory:"} else Path(name)


def absolute(uri: str) -> str:
    """Return the same path or URI for good: whatever the program's current folder becomes."""
    path = path_of(uri)
    if path is None:
        return uri
    if not uri.startswith("file:"):
        return os.path.abspath(os.path.expanduser(uri))
    if path.is_absolute():
        return uri
    query = urlsplit(uri).query
    return f"file:{quote(os.path.abspath(path))}" + (f"?{query}" if query else "")


async def _check(database: Database) -> None:
    """See that tables of our names are ours."""
    rows = await database.fetch("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    for table in {name for (name,) in rows} & TABLES.keys():
        columns = await database.fetch(f"PRAGMA table_info({table})")
        wrong = misfit(table, [column[1] for column in columns])
        if wrong:
            raise OpenError(f"database {database.uri!r}: {wrong}; it holds something else than summaries, use another file")


async def _make_tables(database: Database) -> None:
    """Make what is not there; it also shows, at once, whether the file can be written."""
    schema = resources.files("asyncsummary.database").joinpath("schema.sql").read_text("utf-8")
    try:
        await database.script(f"BEGIN IMMEDIATE;\n{schema}\nPRAGMA application_id={APPLICATION_ID};\nCOMMIT;")
    except sqlite3.IntegrityError as error:
        raise OpenError(f"database {database.uri!r}: its rows break the unique indexes of summary databases: {error}") from error


def _thread_of(connection: "aiosqlite.Connection") -> threading.Thread:
    """Return the connection's thread; in older versions it is one."""
    thread: threading.Thread = getattr(connection, "_thread", connection)  # type: ignore[arg-type]  # see above
    return thread


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary error code; 0 for what the sqlite3 module says by itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
