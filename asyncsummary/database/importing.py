"""How do event files become a database? Run by run, each event by the writer of ``create_db_writer``: ``import_logdir``."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from asyncsummary.database.factory import create_db_writer
from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError, OpenError
from asyncsummary.protos import Event
from asyncsummary.records import Scanner
from asyncsummary.writer import SummaryWriter
from asyncsummary_storage import Entry, Folder, StorageError, is_local, open_folder

_logger = logging.getLogger("asyncsummary")

_READ_BYTES = 1 << 20
_MARK = "tfevents"


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """A run that was read, or so far: ``bytes`` of ``total`` in its event files.

    ``events`` were written; ``skipped`` hold what no database does. ``damage`` says which event file ends in bytes that are no event.
    """

    run_name: str
    events: int
    skipped: int
    bytes: int
    total: int
    damage: str | None = None


async def import_logdir(
    logdir: "str | os.PathLike[str]",
    db_uri: "str | os.PathLike[str]",
    *,
    experiment_name: str | None = None,
    user_name: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    on_progress: Callable[[ImportedRun], None] = lambda run: None,
) -> list[ImportedRun]:
    """Write all runs below a logdir into a database: each folder with event files is a run, called as TensorBoard calls it.

    Event files are read a megabyte at a time. Of each event its values and graphs are written, with their own wall_time and step; where a
    tag has several values at a step, the last one stays. An experiment that has a run of such a name gets a new one in its place.

    Args:
        logdir: a folder, local or not, as for ``create_file_writer``.
        db_uri: as for ``create_db_writer``; so are the names.
        experiment_name: default the last part of the logdir.
        user_name: default the user of this process.
        storage_options: for the logdir.
        on_progress: called now and then with the run that is being read, and at its end.

    Raises:
        InvalidArgumentError: there are no event files.
        OpenError: the database, or the logdir, cannot be opened.
        CommitError: the database does not take the events.
    """
    root = os.fspath(logdir).rstrip("/")
    runs = await _runs(root, storage_options)
    experiment = root.rsplit("/", 1)[-1] if experiment_name is None else experiment_name
    writers = [create_db_writer(db_uri, experiment, run, user_name) for run in runs]  # names are checked before anything is written
    done = []
    for run, writer in zip(runs, writers, strict=True):
        async with writer:
            done.append(await _import_run(root if run == "." else f"{root}/{run}", run, writer, storage_options, on_progress))
        on_progress(done[-1])
    return done


async def _runs(root: str, options: Mapping[str, Any] | None) -> list[str]:
    """Return the folders with event files, relative to the root."""
    try:
        paths = await asyncio.to_thread(_local_files if is_local(root) else _remote_files, root, options)
    except Exception as error:  # fsspec's filesystems raise whatever their clients do, for wrong options, too
        raise OpenError(f"logdir {root!r}: {type(error).__name__}: {error}") from error
    runs = sorted({os.path.dirname(path) or "." for path in paths if _MARK in os.path.basename(path)})
    if not runs:
        raise InvalidArgumentError(f"logdir: there are no event files in {root!r}")
    return runs


def _local_files(root: str, options: Mapping[str, Any] | None) -> list[str]:
    top = os.path.expanduser(root.removeprefix("file://"))
    found = []
    for folder, folders, names in os.walk(top, followlinks=True):  # as TensorBoard does
        here = os.path.join(os.path.realpath(folder), "")
        folders[:] = [name for name in folders if not here.startswith(os.path.join(os.path.realpath(os.path.join(folder, name)), ""))]
        found += [os.path.relpath(os.path.join(folder, name), top) for name in names]
    return found


def _remote_files(root: str, options: Mapping[str, Any] | None) -> list[str]:
    import fsspec.core

    filesystem, path = fsspec.core.url_to_fs(root, **dict(options or {}))
    filesystem.invalidate_cache()
    return [os.path.relpath(found, path) for found in filesystem.find(path)]


async def _import_run(
    folder_url: str,
    run: str,
    writer: SummaryWriter,
    options: Mapping[str, Any] | None,
    on_progress: Callable[[ImportedRun], None],
) -> ImportedRun:
    folder: Folder | None = None
    events = skipped = read = 0
    damage = None
    try:
        folder = open_folder(folder_url, options)
        entries = [entry for entry in await folder.open() if _MARK in entry.name]
        total = sum(entry.size for entry in entries)
        for entry in entries:
            scanner = Scanner()
            async for data in _pieces(folder, entry):
                for payload in scanner.feed(data):
                    try:
                        if not _holds_something(payload):
                            continue
                        await writer.import_event(payload)
                        events += 1
                    except InvalidSummaryError as error:
                        skipped += 1
                        _logger.warning("%s/%s: an event is left out: %s", folder_url, entry.name, error)
                read += len(data)
                on_progress(ImportedRun(run, events, skipped, read, total, damage))
            if scanner.damage is not None:
                damage = f"{entry.name} is {scanner.damage.value} at byte {scanner.offset}"
                _logger.warning("%s/%s", folder_url, damage)
    except StorageError as error:
        raise OpenError(f"logdir {folder_url!r}: {error}", retriable=error.retriable) from error
    finally:
        if folder is not None:
            await folder.close()
    return ImportedRun(run, events, skipped, read, total, damage)


async def _pieces(folder: Folder, entry: Entry) -> AsyncIterator[bytes]:
    segment = folder.segment(entry.name)
    for start in range(0, entry.size, _READ_BYTES):
        yield await segment.read(start, min(start + _READ_BYTES, entry.size))


def _holds_something(payload: bytes) -> bool:
    """Whether an event is one of those that a database has rows for; the first of a file and the logs of sessions are not.

    Raises:
        InvalidSummaryError: it is no Event.
    """
    try:
        return Event.FromString(payload).WhichOneof("what") in {"summary", "graph_def"}
    except DecodeError as error:
        raise InvalidSummaryError(f"these {len(payload)} bytes are no serialised Event: {error}") from error
