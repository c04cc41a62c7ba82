"""Who sends what processes that are gone have left in the spool, when no new writer of that logdir comes? ``asyncsummary sync``."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncsummary.appender import Appender, Unfinished
from asyncsummary.config import MAX_PENDING_BYTES, MAX_SPOOL_BYTES, RETRY_SECONDS, WriterConfig, make_config, positive_seconds
from asyncsummary.errors import InvalidArgumentError, SummaryError
from asyncsummary.late_run import late_logdir
from asyncsummary.sink import GaveUpError
from asyncsummary.spool import Spool, default_root, holds_something, spooled_logdirs
from asyncsummary.stats import Counters
from asyncsummary_storage import Folder, StorageError, absolute, open_folder

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Synced:
    """What came of one logdir: ``committed`` summaries, ``left`` ones that still are in the spool, and the error that kept them there."""

    logdir: str
    committed: int
    left: int
    error: Exception | None = None


async def sync(
    spool_dir: "str | os.PathLike[str] | None" = None,
    logdir: "str | os.PathLike[str] | None" = None,
    storage_options: Mapping[str, Any] | None = None,
    *,
    retry_seconds: float = RETRY_SECONDS,
    on_progress: Callable[[str, int], None] = lambda logdir, committed: None,
    on_end: Callable[[Synced], None] = lambda synced: None,
) -> list[Synced]:
    """Commit what is in the spool of ``logdir``, or of every logdir that has one, and that no living process holds.

    Args:
        spool_dir: as the writers had it; by default a folder in the user's cache.
        logdir: as the writers had it; its late run (``late_steps="subrun"``) belongs to it.
        storage_options: as the writers had them. They are not kept in the spool, since they may hold secrets.
        retry_seconds: how long one append is tried again.
        on_progress: called with a logdir, and how many of its summaries are committed so far.
        on_end: called with what came of a logdir, as soon as that is known; some logdirs are looked after at once.

    What is wrong with one logdir, such as ``storage_options`` that its filesystem does not know, is told of that one; the others go on.

    Raises:
        InvalidArgumentError: ``retry_seconds`` is not a positive time.
    """
    positive_seconds("retry_seconds", retry_seconds)
    root = default_root() if spool_dir is None else Path(absolute(os.fspath(spool_dir)))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one_of_them(one: str) -> Synced:
        async with gate:
            found = await _sync_one(one, root, storage_options, retry_seconds, on_progress)
        on_end(found)
        return found

    logdirs = await asyncio.to_thread(_logdirs, root, None if logdir is None else absolute(os.fspath(logdir)))
    return await asyncio.gather(*map(one_of_them, logdirs))


def _logdirs(root: Path, logdir: str | None) -> list[str]:
    """Return the logdirs that are looked after: one, with its late run if that has something in a spool, or all."""
    if logdir is None:
        return spooled_logdirs(root)
    late = late_logdir(logdir)
    return [logdir, late] if holds_something(root, late) else [logdir]


async def _sync_one(
    logdir: str, root: Path, storage_options: Mapping[str, Any] | None, retry_seconds: float, on_progress: Callable[[str, int], None]
) -> Synced:
    spool = Spool(root, logdir, MAX_SPOOL_BYTES)
    folder: Folder | None = None
    committed, error = 0, None
    try:
        found = await spool.adopt()
        config = _config_of(logdir, root, storage_options, retry_seconds)
        if found:
            folder = open_folder(config.logdir, config.storage_options)
            async for count in _sending(config, folder, spool):
                committed += count
                on_progress(config.logdir, committed)
    except (SummaryError, StorageError, GaveUpError, OSError) as problem:
        error = problem
    finally:
        left = spool.summaries
        await spool.close()
        if folder is not None:
            await folder.close()
    return Synced(logdir, committed, left, error)


def _config_of(logdir: str, root: Path, storage_options: Mapping[str, Any] | None, retry_seconds: float) -> WriterConfig:
    """Return what a writer of that logdir would be told. Raises InvalidArgumentError."""
    return make_config(
        logdir,
        max_queue=None,
        flush_millis=None,
        filename_suffix=None,
        resume=False,
        storage_options=storage_options,
        max_pending_bytes=MAX_PENDING_BYTES,
        overflow="block",
        late_steps="keep",
        retry_seconds=retry_seconds,
        spool_dir=root,
        session_start=False,
    )


async def _sending(config: WriterConfig, folder: Folder, spool: Spool) -> AsyncIterator[int]:
    """Append piece after piece; yield how many summaries each had."""
    appender = Appender(config, folder, Counters(), time.time)
    taken = await spool.take()
    assert taken is not None, "something was taken over"
    if taken.attempt is not None:
        before = spool.summaries
        await appender.open(Unfinished(taken.data, taken.attempt, spool.note_committed, spool.note_attempt))
        yield before - spool.summaries  # none, where a newer segment has to have it
    else:
        await appender.open()
    while (taken := await spool.take()) is not None:
        stored = 0 if taken.attempt is None else await appender.stored_of(taken.data, taken.attempt)
        if stored < len(taken.data):
            await appender.append(taken.data, spool.note_attempt, stored)
        await spool.note_committed()
        yield taken.recovered


def options_of(text: str | None) -> dict[str, Any] | None:
    """Return storage_options that were given as JSON on a command line.

    Raises:
        InvalidArgumentError: it is not a JSON object.
    """
    if text is None:
        return None
    try:
        options = json.loads(text)
    except ValueError as error:
        raise InvalidArgumentError(f"storage_options: is no JSON: {error}") from error
    if not isinstance(options, dict):
        raise InvalidArgumentError(f"storage_options: must be a JSON object, got {text!r}")
    return options
