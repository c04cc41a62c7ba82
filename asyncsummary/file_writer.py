"""What does TF1's ``tf.summary.FileWriter`` look like with await? Whole messages in, into a file that is made with the first of them."""

import itertools
import os
import time
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from asyncsummary.config import MAX_PENDING_BYTES, RETRY_SECONDS, make_config
from asyncsummary.errors import InvalidArgumentError, InvalidTypeError, SummaryError
from asyncsummary.factory import shared_resource
from asyncsummary.resource import WriterResource
from asyncsummary.stats import WriterStats
from asyncsummary.values import legacy
from asyncsummary.values.event import event_bytes
from asyncsummary.writer import at_end_of_block

if TYPE_CHECKING:
    from asyncsummary.sessions import MonitoredSession, Session

CLOSED = "Attempting to use a closed FileWriter. The operation will be a noop unless the FileWriter is explicitly reopened."

_wall_time = time.time
_count = itertools.count()


class FileWriter:
    """Writes Summary messages and other events to one run, after ``tf.compat.v1.summary.FileWriter``.

    The file is made with the first event, which is written at once; a writer that is closed without one leaves no file. Messages may be
    of any library's making (TensorFlow, TensorBoard, ``asyncsummary.protos``) or serialised. What is promised of durability, order and
    cancellation is said at ``SummaryWriter``. Metadata of a tag are written with its first summary only; the caller's message stays as it
    is.

    Args:
        logdir: as for ``create_file_writer``; so are ``resume``, ``storage_options``, ``max_pending_bytes``, ``overflow``,
            ``retry_seconds`` and ``spool_dir``.
        graph: a graph to write first, at step 0: a GraphDef or a tf.Graph. A MetaGraphDef that holds it follows.
        max_queue: write when more than so many events wait. Default 10 for local logdirs; remote ones go by time and bytes only.
        flush_secs: write at the latest so many seconds after the first waiting event. Default 120, for remote logdirs 10.
        graph_def: deprecated; use ``graph``.
        filename_suffix: put at the end of file names.
        session: a ``Session`` or ``MonitoredSession``. With it, this is one more face of the writer that ``create_file_writer(logdir)``
            returns, in the same file (with its suffix, ".v2").

    Raises:
        InvalidArgumentError: an argument cannot be used; the message names it.
    """

    def __init__(
        self,
        logdir: "str | os.PathLike[str]",
        graph: Any = None,
        max_queue: int | None = None,
        flush_secs: float | None = None,
        graph_def: Any = None,
        filename_suffix: str | None = None,
        session: "Session | MonitoredSession | None" = None,
        *,
        resume: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        max_pending_bytes: int = MAX_PENDING_BYTES,
        overflow: str = "block",
        retry_seconds: float = RETRY_SECONDS,
        spool_dir: "str | os.PathLike[str] | bool | None" = None,
    ) -> None:
        config = make_config(
            logdir,
            max_queue=max_queue,
            flush_millis=None if flush_secs is None else _millis(flush_secs),
            filename_suffix=filename_suffix or ("" if session is None else None),
            resume=resume,
            storage_options=storage_options,
            max_pending_bytes=max_pending_bytes,
            overflow=overflow,
            late_steps="keep",
            retry_seconds=retry_seconds,
            spool_dir=spool_dir,
            session_start=session is not None,
            first_at_once=session is None,
        )
        if session is not None and not hasattr(session, "run"):
            raise InvalidTypeError(f"session: must be a Session or a MonitoredSession, got {type(session).__name__}")
        self._resource = WriterResource(f"FileWriter {next(_count)}", config) if session is None else shared_resource(config)
        self._logdir = os.fspath(logdir)
        self._closed = False
        self._accepted_before = 0  # by earlier openings
        self._first: list[bytes] = []
        if graph is not None or graph_def is not None:
            self._first = legacy.first_events(graph, graph_def, _wall_time())
        self._seen_tags: set[str] = set()
        self._run_metadata_tags: set[str] = set()

    async def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a Summary message or its bytes at a step.

        Raises:
            InvalidSummaryError: something else, or bytes that are no Summary.
        """
        if self._is_open():
            event, tags = legacy.summary_event(summary, self._seen_tags, _wall_time(), global_step)
            with legacy.used(tags, self._seen_tags) as note:
                note(await self._put(event))

    async def add_event(self, event: Any) -> None:
        """Write an Event message or its bytes as it is.

        Raises:
            InvalidSummaryError: something else, bytes that are no Event, or a wall_time that is not finite.
        """
        if self._is_open():
            await self._put(event_bytes(legacy.message_bytes(event, "Event", "event")))

    async def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Write a SessionLog at a step. A START makes TensorBoard drop what it has at and above that step, but for a run's first one."""
        if self._is_open():
            await self._put(legacy.session_log_event(session_log, _wall_time(), global_step))

    async def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Write a graph: a GraphDef, or a tf.Graph."""
        if self._is_open():
            await self._put(legacy.graph_event(graph, graph_def, _wall_time(), global_step))

    async def add_meta_graph(self, meta_graph_def: Any, global_step: Any = None) -> None:
        """Write a MetaGraphDef message."""
        if self._is_open():
            await self._put(legacy.meta_graph_event(meta_graph_def, _wall_time(), global_step))

    async def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Write a RunMetadata message or its bytes under a tag, which can be used once."""
        if self._is_open():
            event = legacy.run_metadata_event(run_metadata, tag, self._run_metadata_tags, _wall_time(), global_step)
            with legacy.used({tag}, self._run_metadata_tags) as note:
                note(await self._put(event))

    def get_logdir(self) -> str:
        """Return the logdir."""
        return self._logdir

    @property
    def stats(self) -> WriterStats:
        """A snapshot of what was accepted, committed and dropped so far."""
        return self._resource.stats()

    @property
    def closed(self) -> bool:
        """Whether it was closed and not opened again."""
        return self._closed

    @property
    def is_left_behind(self) -> bool:
        """Whether its event loop has ended, or it is its parent's in a forked child: nobody here could write to it."""
        return not self._closed and not self._resource.can_be_shared

    async def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was accepted before is committed; see ``SummaryWriter.flush``."""
        if self._is_open() and (self._first or self.stats.accepted > self._accepted_before):
            await self._put_first()
            await self._resource.flush(timeout)

    async def close(self) -> None:
        """Flush and close. Idempotent. See ``SummaryWriter.close``."""
        if self._closed:
            return
        try:
            await self._put_first()
        finally:
            try:
                await self._resource.close()
            finally:
                self._closed = self._resource.closed

    async def reopen(self) -> None:
        """After ``close``, let the next event begin a new file; do nothing while it is open."""
        if self._closed:
            self._closed = False
            self._accepted_before = self.stats.accepted
            self._resource.reopen()

    async def __aenter__(self) -> "FileWriter":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await at_end_of_block(self.close, error)

    def __repr__(self) -> str:
        return f"<FileWriter of {self.get_logdir()!r}>"

    def _is_open(self) -> bool:
        if self._closed:
            warnings.warn(CLOSED, UserWarning, stacklevel=3)
        return not self._closed

    async def _put(self, payload: bytes) -> bool:
        await self._put_first()
        return await self._resource.event(payload)

    async def _put_first(self) -> None:
        """Write the graph that the constructor was given; it could not await."""
        while self._first:
            payload = self._first.pop(0)
            try:
                await self._resource.event(payload)
            except BaseException:  # cancellation, too: it was not accepted, so the next call tries again
                self._first.insert(0, payload)
                raise


def _millis(flush_secs: object) -> int:
    if isinstance(flush_secs, bool) or not isinstance(flush_secs, int | float) or not 0 <= flush_secs < float("inf"):
        raise InvalidArgumentError(f"flush_secs: must be a number of seconds, at least 0, got {flush_secs!r}")
    return int(flush_secs * 1000)


class FileWriterCache:
    """One ``FileWriter`` for each logdir, for those who cannot pass one around."""

    _writers: "dict[str, FileWriter]" = {}  # noqa: RUF012  # one table for the process, on purpose

    @staticmethod
    def get(logdir: "str | os.PathLike[str]") -> FileWriter:
        """Return the writer of exactly this logdir, made at the first call, and anew in each event loop. ``runs`` and ``runs/`` are two."""
        key = os.fspath(logdir)
        writer = FileWriterCache._writers.get(key)
        if writer is None or writer.is_left_behind:
            writer = FileWriterCache._writers[key] = FileWriter(logdir)
        return writer

    @staticmethod
    async def clear() -> None:
        """Close all of them, and forget them. If one cannot be closed without a loss, the others are closed first."""
        writers = list(FileWriterCache._writers.values())
        FileWriterCache._writers.clear()
        failed: SummaryError | None = None
        for writer in writers:
            try:
                await writer.close()
            except SummaryError as error:
                failed = failed or error
        if failed is not None:
            raise failed
