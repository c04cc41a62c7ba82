"""Where do writers of databases come from? ``create_db_writer``."""

import getpass
import itertools
import os
from datetime import datetime

from asyncsummary.batch import BatchPolicy
from asyncsummary.commit import RetryPolicy
from asyncsummary.config import (
    LONGEST_MILLIS,
    MAX_PENDING_BYTES,
    MAX_PENDING_SUMMARIES,
    RETRY_SECONDS,
    WriterConfig,
    one_of,
    positive_seconds,
    require_name,
    whole,
)
from asyncsummary.database.connection import absolute
from asyncsummary.database.names import EXPERIMENT, RUN, USER, Names, checked_name
from asyncsummary.database.resource import DatabaseResource
from asyncsummary.database.sink import DatabaseConfig
from asyncsummary.errors import InvalidArgumentError, InvalidTypeError, shown
from asyncsummary.factory import shared
from asyncsummary.graph_scope import current_graph
from asyncsummary.handle import FileWriterHandle
from asyncsummary.queue import Limits, Overflow
from asyncsummary.writer import SummaryWriter

MAX_QUEUE = 1000
FLUSH_MILLIS = 1000
_TURN = 64  # a caller in a tight loop lets others run after so many, since no batch has to be kept together to put steps in order
_JOURNAL_MODES = ("wal", "delete", "truncate", "persist")
_count = itertools.count()


def create_db_writer(
    db_uri: "str | os.PathLike[str]",
    experiment_name: "str | bytes | None" = None,
    run_name: "str | bytes | None" = None,
    user_name: "str | bytes | None" = None,
    name: str | None = None,
    *,
    resume: bool = False,
    max_queue: int = MAX_QUEUE,
    flush_millis: int = FLUSH_MILLIS,
    max_pending_bytes: int = MAX_PENDING_BYTES,
    overflow: str = "block",
    retry_seconds: float = RETRY_SECONDS,
    journal_mode: str = "wal",
    fsync: bool = False,
) -> SummaryWriter:
    """Return a writer to a SQLite database, with the tables of tf.contrib.summary.create_db_writer. Nothing is opened yet.

    ``async with writer``, ``await writer.init()`` or the first write opens the database and makes its tables; the rows of user,
    experiment, run and tag are made with the first summary. What ``flush()`` has returned for is committed, once; another process sees it.

    Args:
        db_uri: a path, or a SQLite URI (``file:...``), relative to the folder in which this is called. The file is made, its folder is not.
        experiment_name: at most 256 characters; "" for none. Default: today's date, as YYYY-MM-DD.
        run_name: at most 512 characters; "" for none. Default: the time, as HH:MM:SS.
        user_name: a letter, then letters, digits and hyphens, at most 31; b"" for none. Default: the user of this process.
        name: writers of one name share one connection, one queue, and the arguments of the first of them. Without one, a writer of its
            own.
        resume: go on in the run of these names, with its run_id and its tags; a value at a step that is there replaces it. Without it the
            run begins anew, and takes the name from an older one.
        max_queue: commit when more than this many summaries wait.
        flush_millis: commit at the latest so many milliseconds after the first waiting summary.
        max_pending_bytes: how much may be accepted and not committed.
        overflow: what a write does when that is reached, as for ``create_file_writer``.
        retry_seconds: how long a lock that somebody else holds, or a full disk, is waited for before opening, ``flush`` and ``close``
            raise. What was accepted is kept and tried again after that, too, until ``close``.
        journal_mode: SQLite's. "wal" lets others read while we write; "delete" is the original's, and the one for network drives.
        fsync: have each transaction survive a power cut, too. With "wal" and without it, a killed process loses nothing that was
            committed, and a power cut the last transactions at the most; the other journal modes always do it.

    Raises:
        InvalidArgumentError: an argument cannot be used; the message names it.
        InvalidTypeError: a name is neither str nor bytes.
    """
    if name is not None and not isinstance(name, str):
        raise InvalidArgumentError(f"name: must be a str or None, got {shown(name)} of type {type(name).__name__}")
    pending = whole("max_pending_bytes", max_pending_bytes, at_least=1)
    millis = whole("flush_millis", flush_millis, at_most=LONGEST_MILLIS)
    config = WriterConfig(
        _uri(db_uri),
        batch=BatchPolicy(whole("max_queue", max_queue), millis / 1000, max(1, pending // 2)),
        limits=Limits(MAX_PENDING_SUMMARIES, pending, _TURN),
        overflow=one_of("overflow", overflow, Overflow),
        retry=RetryPolicy(positive_seconds("retry_seconds", retry_seconds), first_seconds=0.05, longest_seconds=1.0),
    )
    settings = DatabaseConfig(
        _names(user_name, experiment_name, run_name), _flag("resume", resume), _journal_mode(journal_mode), _flag("fsync", fsync)
    )
    if name is None:
        resource = DatabaseResource(f"database {next(_count)}", config, settings)
    else:
        key = f"database:{name}"
        found = shared(key, lambda: DatabaseResource(key, config, settings))
        assert isinstance(found, DatabaseResource), "only databases have such names"
        resource = found
    writer = FileWriterHandle(resource)
    graph = current_graph.get()
    if graph is not None:
        graph.writers.append(writer)
    return writer


def _uri(given: object) -> str:
    if not isinstance(given, str | os.PathLike):
        raise InvalidTypeError(f"db_uri: must be a str or a path, got {shown(given)} of type {type(given).__name__}")
    path = os.fspath(given)
    if isinstance(path, bytes) or not path or "\0" in path:
        raise InvalidArgumentError(f"db_uri: must be the path of a file, got {shown(given)}")
    require_name("db_uri", path, local=True)
    return absolute(str(path))


def _names(user: object, experiment: object, run: object) -> Names:
    now = datetime.now().astimezone()
    return Names(
        checked_name("user_name", _this_user() if user is None else user, USER),
        checked_name("experiment_name", now.strftime("%Y-%m-%d") if experiment is None else experiment, EXPERIMENT),
        checked_name("run_name", now.strftime("%H:%M:%S") if run is None else run, RUN),
    )


def _this_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:  # in a container, for example, under a number that nobody has
        raise InvalidArgumentError(f"user_name: this process has no user's name ({error}); give one, or b'' for nobody") from error


def _journal_mode(given: object) -> str:
    if given not in _JOURNAL_MODES:
        raise InvalidArgumentError(f"journal_mode: must be one of {', '.join(map(repr, _JOURNAL_MODES))}, got {shown(given)}")
    return str(given)


def _flag(argument: str, given: object) -> bool:
    if not isinstance(given, bool):
        raise InvalidArgumentError(f"{argument}: must be True or False, got {shown(given)}")
    return given
