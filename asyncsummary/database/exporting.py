"""How does a database become event files? Run by run, tag by tag, step by step: ``export``."""

import asyncio
import logging
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from asyncsummary.database.connection import Database, absolute, connected, described, is_passing
from asyncsummary.database.events import event_of_row
from asyncsummary.database.graphs import graph_bytes_of
from asyncsummary.database.rows import Metadata
from asyncsummary.database.schema import TABLES
from asyncsummary.database.tensors import Tensor
from asyncsummary.errors import InvalidArgumentError, OpenError
from asyncsummary.factory import create_file_writer
from asyncsummary.protos import Event
from asyncsummary.writer import SummaryWriter
from asyncsummary_storage import Folder, StorageError, is_local, open_folder

_logger = logging.getLogger("asyncsummary")

_PAGE = 256  # rows that are read at a time, in a statement of its own, so that no writer is held up
_QUEUE = 1000
_FIRST_STEP = -(1 << 63)


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """A run that was written out, or so far: ``events`` of ``total``, into the folder ``logdir``."""

    logdir: str
    events: int
    total: int


@dataclass(frozen=True, slots=True)
class _Run:
    run_id: int | None
    folder: str


async def export(
    db_uri: "str | os.PathLike[str]",
    logdir: "str | os.PathLike[str]",
    *,
    storage_options: Mapping[str, Any] | None = None,
    with_orphans: bool = False,
    on_progress: Callable[[ExportedRun], None] = lambda run: None,
) -> list[ExportedRun]:
    """Write a database, also one that TensorFlow wrote, out as event files: ``<logdir>/<experiment>/<run>``.

    Rows are read a page at a time and written by ``create_file_writer``, so neither needs to fit into memory; the database is not changed,
    and may be written meanwhile. With several users in it their names come first. Scalars keep their values, float32 or else double.

    Args:
        db_uri: a path, or a SQLite URI.
        logdir: a folder, local or not, as for ``create_file_writer``.
        storage_options: for the logdir, as for ``create_file_writer``.
        with_orphans: also export runs whose name a newer run has taken over, each into ``orphan-<run_id>``.
        on_progress: called now and then with the run that is being written, and at its end.

    Returns:
        the runs that were written, in the order of their beginnings.

    Raises:
        OpenError: the database, or the logdir, cannot be opened.
        InvalidArgumentError: a run's folder has event files already; what came before is written.
        CommitError: the logdir does not take the events.
    """
    root = os.fspath(logdir).rstrip("/")
    done = []
    async with _reading(os.fspath(db_uri)) as database:
        for run in await _runs(database, with_orphans=with_orphans):
            folder = f"{root}/{run.folder}"
            await _require_empty(folder, storage_options)
            writer = create_file_writer(folder, max_queue=_QUEUE, storage_options=storage_options, late_steps="keep")
            async with writer:
                done.append(await _export_run(database, run, folder, writer, on_progress))
            on_progress(done[-1])
    return done


@asynccontextmanager
async def _reading(uri: str) -> AsyncIterator[Database]:
    """Open a database that is there, and see that it is one."""
    database = None
    try:
        database = Database(uri, await connected(_that_exists(uri)))
        names = {name for (name,) in await database.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")}
        missing = sorted(TABLES.keys() - names)
        if missing:
            raise OpenError(f"database {uri!r}: has no table {missing[0]}; it holds something else than summaries")
        yield database
    except sqlite3.Error as error:
        raise OpenError(described(error, uri), retriable=is_passing(error)) from error
    finally:
        if database is not None:
            await database.close(tidy=False)


def _that_exists(uri: str) -> str:
    """Return the URI of a database that is not made if it is not there."""
    return uri if uri.startswith("file:") else f"file:{quote(absolute(uri))}?mode=rw"


async def _runs(database: Database, *, with_orphans: bool) -> list[_Run]:
    rows = await database.fetch(
        "SELECT Runs.run_id, user_name, experiment_name, run_name FROM Runs"
        " LEFT JOIN Experiments USING (experiment_id) LEFT JOIN Users USING (user_id)"
        " ORDER BY Runs.started_time, Runs.rowid"
    )
    several = len({user for _, user, _, _ in rows}) > 1
    runs = [_Run(number, _folder(user if several else None, experiment, run)) for number, user, experiment, run in rows]
    orphans = await database.fetch("SELECT DISTINCT run_id FROM Tags WHERE run_id NOT IN (SELECT run_id FROM Runs) ORDER BY run_id")
    if orphans and not with_orphans:
        _logger.warning(
            "database %r: %d runs are left out, whose names newer runs have; with_orphans=True exports them", database.uri, len(orphans)
        )
    runs += [_Run(number, f"orphan-{number}") for (number,) in orphans if with_orphans]
    if await database.fetch("SELECT 1 FROM Tags WHERE run_id IS NULL LIMIT 1"):
        runs.append(_Run(None, "no-run"))
    taken: set[str] = set()
    for place, run in enumerate(runs):
        if run.folder in taken:
            runs[place] = _Run(run.run_id, f"{run.folder}-{run.run_id}")
        taken.add(runs[place].folder)
    return runs


def _folder(*names: str | None) -> str:
    """Return a relative path of names, none of which leads out of it or looks like an event file."""
    parts = [part for name in names if name for part in name.split("/") if part not in {"", "."}]
    return "/".join(re.sub("tfevents", "tf-events", "_" if part == ".." else part) for part in parts) or "run"


async def _require_empty(folder: str, options: Mapping[str, Any] | None) -> None:
    if is_local(folder) and not await asyncio.to_thread(_is_there, folder):
        return  # opening it would make it
    storage: Folder | None = None
    try:
        storage = open_folder(folder, options)
        names = [entry.name for entry in await storage.open() if "tfevents" in entry.name]
    except StorageError as error:
        raise OpenError(f"logdir {folder!r}: {error}", retriable=error.retriable) from error
    finally:
        if storage is not None:
            await storage.close()
    if names:
        raise InvalidArgumentError(f"logdir: {folder!r} has event files already ({names[0]}); export to another folder")


def _is_there(folder: str) -> bool:
    return os.path.isdir(os.path.expanduser(folder.removeprefix("file://")))


async def _export_run(
    database: Database, run: _Run, folder: str, writer: SummaryWriter, on_progress: Callable[[ExportedRun], None]
) -> ExportedRun:
    tags = await database.fetch(
        "SELECT tag_id, tag_name, plugin_name, display_name, plugin_data, description FROM Tags"
        " LEFT JOIN Descriptions ON id = tag_id WHERE run_id IS ? ORDER BY Tags.rowid",
        (run.run_id,),
    )
    graphs = [] if run.run_id is None else await _graphs(database, run.run_id)
    ((total,),) = await database.fetch(
        "SELECT count(*) FROM Tags JOIN Tensors ON series = tag_id WHERE run_id IS ? AND step IS NOT NULL AND dtype IS NOT NULL",
        (run.run_id,),
    )
    total += len(graphs)
    events = 0
    for event in graphs:
        await writer.import_event(event)
        events += 1
    for number, tag, plugin, display, data, description in tags:
        metadata = Metadata(plugin or "", display or "", data or b"", description or "")
        async for step, time, tensor in _points(database, number):
            await writer.import_event(event_of_row(tag or "", metadata, step, time or 0.0, tensor))
            events += 1
            if events % _PAGE == 0:
                on_progress(ExportedRun(folder, events, total))
    return ExportedRun(folder, events, max(total, events))


async def _points(database: Database, series: int) -> AsyncIterator[tuple[int, float, Tensor]]:
    """Yield the points of a tag in the order of their steps."""
    after: tuple[str, int] = (">=", _FIRST_STEP)
    while True:
        page = await database.fetch(
            "SELECT rowid, step, computed_time, dtype, shape, data FROM Tensors"
            f" WHERE series = ? AND step {after[0]} ? AND dtype IS NOT NULL ORDER BY step LIMIT {_PAGE}",
            (series, after[1]),
        )
        for rowid, step, time, dtype, shape, data in page:
            strings = []
            if data is None:
                strings = await database.fetch("SELECT data FROM TensorStrings WHERE tensor_rowid = ? ORDER BY idx", (rowid,))
            yield step, time, Tensor(dtype, shape or "", data, tuple(string or b"" for (string,) in strings))
        if len(page) < _PAGE:
            return
        after = (">", page[-1][1])


async def _graphs(database: Database, run_id: int) -> list[bytes]:
    """Return the Event of the run's graph, if it has one."""
    events = []
    for number, time, rest in await database.fetch("SELECT graph_id, inserted_time, graph_def FROM Graphs WHERE run_id = ?", (run_id,)):
        nodes = await database.fetch(
            "SELECT node_id, node_name, op, device, node_def FROM Nodes WHERE graph_id = ? ORDER BY node_id", (number,)
        )
        inputs = await database.fetch(
            "SELECT node_id, idx, input_node_id, input_node_idx, is_control FROM NodeInputs WHERE graph_id = ? ORDER BY node_id, idx",
            (number,),
        )
        graph = graph_bytes_of(rest or b"", [row[:5] for row in nodes], [row[:5] for row in inputs])
        events.append(Event(wall_time=time or 0.0, graph_def=graph).SerializeToString())
    return events
