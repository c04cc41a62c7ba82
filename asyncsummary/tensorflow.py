"""How does a training loop of TensorFlow 1 save its summaries through this package? With a hook of its own kind. Needs TensorFlow.

::

    merged = tf.compat.v1.summary.merge_all()
    hook = asyncsummary.tensorflow.SummarySaverHook(save_steps=100, output_dir="s3://bucket/run", summary_op=merged)
    with tf.compat.v1.train.MonitoredTrainingSession(hooks=[hook]) as session: ...

The logdir is written by an event loop in a background thread; ``FileWriter`` and ``FileWriterCache`` are its blocking faces.
"""

import importlib
import os
from collections.abc import Mapping
from typing import Any

from asyncsummary import file_writer
from asyncsummary.blocking import FileWriter, FileWriterCache
from asyncsummary.errors import InvalidArgumentError, InvalidTypeError
from asyncsummary.writer import SummaryWriter

__all__ = ["FileWriter", "FileWriterCache", "SummarySaverHook"]

try:
    _tf: Any = importlib.import_module("tensorflow")
except ImportError as error:
    raise ImportError("asyncsummary.tensorflow needs TensorFlow: pip install 'asyncsummary[tensorflow]'", name="tensorflow") from error

_NEEDED = ("add_summary", "add_session_log", "flush")


class SummarySaverHook(_tf.compat.v1.train.SummarySaverHook):  # type: ignore[misc]  # TensorFlow's types are not known here
    """TensorFlow's ``SummarySaverHook`` with writers of this package: when it saves is TensorFlow's own decision.

    Args:
        save_steps: save every so many steps.
        save_secs: save every so many seconds. Exactly one of the two.
        output_dir: where to: any logdir that ``asyncsummary.create_file_writer`` takes. By the ``FileWriterCache`` of this module; the file
            begins with the default graph.
        summary_writer: a ``FileWriter`` of this module, or another object with its methods, in place of ``output_dir``.
        scaffold: has the ``summary_op``, if there is no ``summary_op`` here. Exactly one of the two.
        summary_op: a tensor of serialised Summaries, or a list of these.
        storage_options, resume: of the writer of ``output_dir``, as for ``asyncsummary.FileWriter``.

    The end of the session flushes; ``FileWriterCache.clear()``, or the end of the interpreter, closes. After an error TensorFlow does not
    tell hooks of the end; what was saved is then committed by the writer's own timer, or at the end of the interpreter.

    Raises:
        ValueError: what "exactly one" says does not hold; or an argument cannot be used.
        InvalidTypeError: ``summary_writer`` is one whose methods are to be awaited, or no writer.
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: "str | os.PathLike[str] | None" = None,
        summary_writer: Any = None,
        scaffold: Any = None,
        summary_op: Any = None,
        *,
        storage_options: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        self._late_writer: _LateWriter | None = None
        if summary_writer is not None:
            _require_blocking(summary_writer)
        elif output_dir is not None:
            summary_writer = self._late_writer = _LateWriter(output_dir, storage_options, resume)
        super().__init__(save_steps, save_secs, None, summary_writer, scaffold, summary_op)

    def begin(self) -> None:
        """Get the writer of ``output_dir``."""
        if self._late_writer is not None:
            self._late_writer.begin()
        super().begin()


class _LateWriter:
    """The writer of an output_dir: had from the cache when a session begins, since the cache may have been cleared, and the graph grown."""

    def __init__(self, logdir: "str | os.PathLike[str]", storage_options: Mapping[str, Any] | None, resume: bool) -> None:
        FileWriter(logdir, storage_options=storage_options, resume=resume)  # so that a bad argument is told here; it opens nothing
        self._logdir = logdir
        self._options: dict[str, Any] = {"storage_options": storage_options, "resume": resume}
        self._writer: FileWriter | None = None

    def begin(self) -> None:
        self._writer = FileWriterCache.get(self._logdir, _tf.compat.v1.get_default_graph(), **self._options)
        if self._writer.closed:
            self._writer.reopen()

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        self._begun().add_summary(summary, global_step)

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        self._begun().add_session_log(session_log, global_step)

    def flush(self) -> None:
        self._begun().flush()

    def _begun(self) -> FileWriter:
        if self._writer is None:
            raise InvalidArgumentError("SummarySaverHook: begin() was not called; a MonitoredTrainingSession does")
        return self._writer


def _require_blocking(writer: Any) -> None:
    if isinstance(writer, file_writer.FileWriter | SummaryWriter):
        raise InvalidTypeError(
            f"summary_writer: the methods of {writer!r} are to be awaited, which a hook of TensorFlow cannot do; use "
            f"asyncsummary.tensorflow.FileWriter(logdir)"
        )
    missing = [name for name in _NEEDED if not callable(getattr(writer, name, None))]
    if missing:
        raise InvalidTypeError(f"summary_writer: must be a writer, but {type(writer).__name__} has no {', '.join(missing)}")
