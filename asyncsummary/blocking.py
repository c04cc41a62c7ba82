"""What does ``FileWriter`` look like without await? For hooks of TensorFlow, and other code that has no event loop."""

import os
import threading
import warnings
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeVar

from asyncsummary import file_writer
from asyncsummary.background import background
from asyncsummary.config import MAX_PENDING_BYTES, RETRY_SECONDS
from asyncsummary.errors import SummaryError
from asyncsummary.stats import WriterStats

_T = TypeVar("_T")


class FileWriter:
    """The methods of ``asyncsummary.FileWriter``, each of which blocks until it is done.

    Writing blocks for tens of microseconds, and longer only while the queue is full (``overflow``); storage is awaited in a background
    thread. ``flush`` blocks until all is committed. Any thread may use it. What is still open at the end of the interpreter is closed then;
    a loss is logged. A forked child has to make its own. Arguments and errors are those of ``asyncsummary.FileWriter``.
    """

    def __init__(
        self,
        logdir: "str | os.PathLike[str]",
        graph: Any = None,
        max_queue: int | None = None,
        flush_secs: float | None = None,
        graph_def: Any = None,
        filename_suffix: str | None = None,
        *,
        resume: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        max_pending_bytes: int = MAX_PENDING_BYTES,
        overflow: str = "block",
        retry_seconds: float = RETRY_SECONDS,
        spool_dir: "str | os.PathLike[str] | bool | None" = None,
    ) -> None:
        self._writer = file_writer.FileWriter(
            logdir,
            graph,
            max_queue,
            flush_secs,
            graph_def,
            filename_suffix,
            resume=resume,
            storage_options=storage_options,
            max_pending_bytes=max_pending_bytes,
            overflow=overflow,
            retry_seconds=retry_seconds,
            spool_dir=spool_dir,
        )
        background.close_at_exit(self, self._writer.close)

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a Summary message or its bytes at a step."""
        self._run(lambda: self._writer.add_summary(summary, global_step))

    def add_event(self, event: Any) -> None:
        """Write an Event message or its bytes as it is."""
        self._run(lambda: self._writer.add_event(event))

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Write a SessionLog at a step."""
        self._run(lambda: self._writer.add_session_log(session_log, global_step))

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Write a graph: a GraphDef, or a tf.Graph."""
        self._run(lambda: self._writer.add_graph(graph, global_step, graph_def))

    def add_meta_graph(self, meta_graph_def: Any, global_step: Any = None) -> None:
        """Write a MetaGraphDef message."""
        self._run(lambda: self._writer.add_meta_graph(meta_graph_def, global_step))

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Write a RunMetadata message or its bytes under a tag, which can be used once."""
        self._run(lambda: self._writer.add_run_metadata(run_metadata, tag, global_step))

    def get_logdir(self) -> str:
        """Return the logdir."""
        return self._writer.get_logdir()

    @property
    def stats(self) -> WriterStats:
        """A snapshot of what was accepted, committed and dropped so far."""
        return self._writer.stats

    @property
    def closed(self) -> bool:
        """Whether it was closed and not opened again."""
        return self._writer.closed

    def flush(self, timeout: float | None = None) -> None:
        """Block until all that was accepted before is committed."""
        self._run(lambda: self._writer.flush(timeout))

    def close(self) -> None:
        """Flush and close. Idempotent."""
        background.run(self._writer.close)

    def reopen(self) -> None:
        """After ``close``, let the next event begin a new file; do nothing while it is open."""
        background.run(self._writer.reopen)

    def __enter__(self) -> "FileWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        background.run(lambda: self._writer.__aexit__(kind, error, trace))

    def __repr__(self) -> str:
        return f"<blocking {self._writer!r}>"

    def _run(self, call: Callable[[], Coroutine[Any, Any, _T]]) -> _T | None:
        if self.closed:
            warnings.warn(file_writer.CLOSED, UserWarning, stacklevel=3)
            return None
        return background.run(call)


class FileWriterCache:
    """One blocking ``FileWriter`` for each logdir."""

    _writers: "dict[str, FileWriter]" = {}  # noqa: RUF012  # one table for the process, on purpose
    _lock = threading.Lock()

    @staticmethod
    def get(logdir: "str | os.PathLike[str]", graph: Any = None, **options: Any) -> FileWriter:
        """Return the writer of exactly this logdir; ``graph`` and ``options`` are those of ``FileWriter``, and count at the first call."""
        key = os.fspath(logdir)
        with FileWriterCache._lock:
            if key not in FileWriterCache._writers:
                FileWriterCache._writers[key] = FileWriter(logdir, graph, **options)
            return FileWriterCache._writers[key]

    @staticmethod
    def clear() -> None:
        """Close all of them, and forget them. If one cannot be closed without a loss, the others are closed first."""
        with FileWriterCache._lock:
            writers = list(FileWriterCache._writers.values())
            FileWriterCache._writers.clear()
        failed: SummaryError | None = None
        for writer in writers:
            try:
                writer.close()
            except SummaryError as error:
                failed = failed or error
        if failed is not None:
            raise failed
