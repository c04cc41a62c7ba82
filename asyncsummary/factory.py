"""Where do writers come from? ``create_file_writer`` and its like, and the table of the names in use."""

import os
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from asyncsummary.config import MAX_PENDING_BYTES, MAX_SPOOL_BYTES, RETRY_SECONDS, WriterConfig, make_config
from asyncsummary.errors import InvalidArgumentError, shown
from asyncsummary.graph_scope import current_graph
from asyncsummary.handle import FileWriterHandle
from asyncsummary.resource import WriterResource
from asyncsummary.writer import NoopWriter, SummaryWriter

_resources: "weakref.WeakValueDictionary[str, WriterResource]" = weakref.WeakValueDictionary()
_naming = threading.Lock()


def create_file_writer(
    logdir: "str | os.PathLike[str] | None",
    max_queue: int | None = None,
    flush_millis: int | None = None,
    filename_suffix: str | None = None,
    name: str | None = None,
    *,
    resume: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    max_pending_bytes: int = MAX_PENDING_BYTES,
    overflow: str = "block",
    late_steps: str = "warn",
    retry_seconds: float = RETRY_SECONDS,
    max_segment_bytes: int | None = None,
    spool_dir: "str | os.PathLike[str] | bool | None" = None,
    max_spool_bytes: int = MAX_SPOOL_BYTES,
    durability: str = "commit",
    foreign_writer: str = "continue",
) -> SummaryWriter:
    """Return a writer of event files. Nothing is opened yet: ``async with writer``, ``await writer.init()`` or the first write does.

    Args:
        logdir: a path, or a URL such as ``s3://bucket/run`` or ``gs://bucket/run``. Local folders are made, buckets are not. None
            gives a writer that does nothing.
        max_queue: write when more than this many summaries wait. Default 10 for local logdirs; remote ones, where each write is a paid
            request, go by time and bytes only.
        flush_millis: write at the latest so many milliseconds after the first waiting summary. Default 120,000 for local logdirs,
            10,000 for remote ones.
        filename_suffix: put at the end of file names. Default ".v2".
        name: writers of one name share one file, one queue, and the arguments of the first of them. Default ``logdir:<logdir>``, with
            the absolute path of a local one.
        resume: go on in the run's last segment, after its last whole record, instead of beginning a new one.
        storage_options: for the fsspec filesystem of that scheme; for local folders ``{"fsync": True}`` makes each write survive a
            power cut.
        max_pending_bytes: how much may be accepted and not committed.
        overflow: what a write does when that is reached: "block" awaits room, "raise" raises QueueFullError, "drop_newest" drops it and
            returns False, "drop_oldest" drops older ones that are not on their way yet, or else it, too. Drops are counted and logged.
            Where only a person can mend what is wrong with the storage, "block" and "raise" raise CommitError; whoever drops goes on.
        late_steps: what becomes of a scalar whose step is below one of its tag that has gone out: "warn" keeps it and logs once per tag,
            "keep" keeps it, "drop" drops and counts it, "subrun" writes it to the run in the sub folder "late".
        retry_seconds: how long opening, ``flush`` and ``close`` try again before they raise. What was accepted is kept and tried again
            after that, too, until ``close``.
        max_segment_bytes: the most bytes in one event file or object, at least 65,536. By default the writer weighs requests, bytes sent
            and the number of objects; a lower limit suits buckets that keep overwritten versions, see docs/buckets.md.
        spool_dir: a folder on this machine where summaries wait while a remote logdir is away and half of ``max_pending_bytes`` is
            taken. They are committed in order when it is back, by this writer or, after its end, by the next one of this logdir or
            ``asyncsummary sync``. Default: a folder in the user's cache for remote logdirs, none for local ones. False: none.
        max_spool_bytes: how much may be there, at least half of ``max_pending_bytes``. When that is taken, too, ``overflow`` decides.
            Default 1 GiB.
        durability: "commit", or "spool" to put each batch into the spool before it is sent, so that a process that is killed loses no more
            than the batch that was not full yet.
        foreign_writer: what to do when another process has written to the segment that this one was appending to (two of them have
            resumed one run, for example). Nothing of either is overwritten. "continue" logs who it was and goes on in a segment of its
            own; with "raise" ``flush`` and ``close`` raise ForeignWriterError.

    Raises:
        InvalidArgumentError: an argument cannot be used; the message names it.
    """
    if logdir is None:
        return create_noop_writer()
    if name is not None and not isinstance(name, str):
        raise InvalidArgumentError(f"name: must be a str or None, got {shown(name)} of type {type(name).__name__}")
    config = make_config(
        logdir,
        max_queue=max_queue,
        flush_millis=flush_millis,
        filename_suffix=filename_suffix,
        resume=resume,
        storage_options=storage_options,
        max_pending_bytes=max_pending_bytes,
        overflow=overflow,
        late_steps=late_steps,
        retry_seconds=retry_seconds,
        max_segment_bytes=max_segment_bytes,
        spool_dir=spool_dir,
        max_spool_bytes=max_spool_bytes,
        durability=durability,
        foreign_writer=foreign_writer,
    )
    writer = FileWriterHandle(shared_resource(config, name))
    graph = current_graph.get()
    if graph is not None:
        graph.writers.append(writer)
    return writer


def shared_resource(config: WriterConfig, name: str | None = None) -> WriterResource:
    """Return the resource of that name, by default ``logdir:<logdir>``; it is made with that configuration if there is none."""
    shared_name = f"logdir:{config.logdir}" if name is None else name
    return shared(shared_name, lambda: WriterResource(shared_name, config))


def shared(name: str, make: Callable[[], WriterResource]) -> WriterResource:
    """Return the resource of that name; it is made if there is none that can be shared."""
    with _naming:
        resource = _resources.get(name)
        if resource is None or not resource.can_be_shared:
            resource = _resources[name] = make()
    return resource


def create_summary_file_writer(*args: Any, **kwargs: Any) -> SummaryWriter:
    """Call ``create_file_writer``, its new name."""
    warnings.warn("create_summary_file_writer is now called create_file_writer", DeprecationWarning, stacklevel=2)
    return create_file_writer(*args, **kwargs)


def create_noop_writer() -> SummaryWriter:
    """Return a writer that does nothing, and that leaves the default writer alone."""
    return NoopWriter()
