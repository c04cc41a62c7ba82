"""TensorBoard summaries from async Python, live in a local, S3 or GCS logdir.

The way of one summary, file by file: ``functions`` and ``kind_functions`` (default writer, recording condition), ``scopes`` and ``steps``
(what holds in this task), ``writer``, ``kinds`` and ``media`` (what is promised), ``handle`` and ``lane`` (the short way of most scalars),
``resource`` (checks, wall_time, acceptance), ``tags`` and ``values`` (what is written), ``queue`` and ``columns`` (where it waits),
``progress`` (up to which all is settled), ``pipeline`` (the one task), ``due`` and ``batch`` (when), ``outflow`` and ``work`` (which goes
next), ``ordering``, ``order`` and ``late_run`` (in which order), ``encoding`` (in which thread), ``encode``, ``scalar_records`` and
``records`` (which bytes), ``joining`` (as one), ``spool``, ``spool_file`` and ``journal`` (where they wait while a bucket is away),
``appender`` and ``uploading`` (who carries them), ``plan`` and ``segments`` (where to), ``commit`` (what after an answer), ``resume``
(where after a crash); then ``asyncsummary_storage``.

``sink`` says what a pipeline needs of a way to storage: ``outflow`` is that of event files (``file_pipeline`` puts it together), and the
package ``database`` has that of SQLite databases.

``factory`` and ``config`` make writers. ``file_writer`` is TF1's face on the same pipeline, ``hooks``, ``sessions``, ``graph`` and
``merge`` are its training loops; ``blocking``, on ``background``, is ``FileWriter`` without await, which ``tensorflow`` gives to
TensorFlow's own loops. ``signals`` flushes what ``living`` knows of before a signal ends the process, ``leaving`` when the interpreter
ends, both through ``outside``; ``sync`` and ``cli`` send what is left in spools. ``errors`` says what can go wrong.
"""

from typing import TYPE_CHECKING, Any

from asyncsummary.errors import (
    CommitError,
    FlushTimeoutError,
    ForeignWriterError,
    InvalidArgumentError,
    InvalidSummaryError,
    InvalidTypeError,
    OpenError,
    PipelineError,
    QueueFullError,
    SummaryError,
    WriterClosedError,
    WrongLoopError,
)
from asyncsummary.factory import create_file_writer, create_noop_writer, create_summary_file_writer
from asyncsummary.file_writer import FileWriter, FileWriterCache
from asyncsummary.functions import (
    audio,
    eval_dir,
    flush,
    generic,
    graph,
    histogram,
    image,
    import_event,
    scalar,
    scalar_series,
    scalars,
    write,
)
from asyncsummary.graph import Graph, SummaryOp, all_summary_ops, initialize, summary_writer_initializer_op
from asyncsummary.hooks import (
    SecondOrStepTimer,
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
    SummarySaverHook,
)
from asyncsummary.kind_functions import (
    custom_scalars,
    embedding,
    figure,
    histogram_buckets,
    histogram_raw,
    hparams,
    hparams_end,
    keras_model,
    mesh,
    onnx_graph,
    pr_curve,
    pr_curve_raw,
    text,
    torch_graph,
    video,
)
from asyncsummary.merge import merge_all
from asyncsummary.scopes import (
    always_record_summaries,
    name_scope,
    never_record_summaries,
    record_if,
    record_summaries_every_n_global_steps,
    should_record_summaries,
)
from asyncsummary.sessions import Coordinator, MonitoredSession, Scaffold, Session
from asyncsummary.signals import SignalHandlers, install_signal_handlers
from asyncsummary.stats import WriterStats
from asyncsummary.steps import GlobalStep, get_or_create_global_step, get_step, set_step
from asyncsummary.writer import SummaryWriter

__version__ = "0.1.0"

__all__ = [
    "CommitError",
    "Coordinator",
    "FileWriter",
    "FileWriterCache",
    "FlushTimeoutError",
    "ForeignWriterError",
    "GlobalStep",
    "Graph",
    "InvalidArgumentError",
    "InvalidSummaryError",
    "InvalidTypeError",
    "MonitoredSession",
    "OpenError",
    "PipelineError",
    "QueueFullError",
    "Scaffold",
    "SecondOrStepTimer",
    "Session",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "SignalHandlers",
    "SummaryError",
    "SummaryOp",
    "SummarySaverHook",
    "SummaryWriter",
    "WriterClosedError",
    "WriterStats",
    "WrongLoopError",
    "all_summary_ops",
    "always_record_summaries",
    "audio",
    "create_db_writer",
    "create_file_writer",
    "create_noop_writer",
    "create_summary_file_writer",
    "custom_scalars",
    "embedding",
    "eval_dir",
    "figure",
    "flush",
    "generic",
    "get_or_create_global_step",
    "get_step",
    "graph",
    "histogram",
    "histogram_buckets",
    "histogram_raw",
    "hparams",
    "hparams_end",
    "image",
    "import_event",
    "initialize",
    "install_signal_handlers",
    "keras_model",
    "merge_all",
    "mesh",
    "name_scope",
    "never_record_summaries",
    "onnx_graph",
    "pr_curve",
    "pr_curve_raw",
    "record_if",
    "record_summaries_every_n_global_steps",
    "scalar",
    "scalar_series",
    "scalars",
    "set_step",
    "should_record_summaries",
    "summary_writer_initializer_op",
    "text",
    "torch_graph",
    "video",
    "write",
]

if TYPE_CHECKING:
    from asyncsummary import database as database
    from asyncsummary.database import create_db_writer
else:

    def __getattr__(name: str) -> Any:
        """Import ``asyncsummary.tensorflow`` and ``asyncsummary.database`` when they are asked for: the second needs Python's sqlite3."""
        if name not in {"create_db_writer", "database", "tensorflow"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        if name == "create_db_writer":
            return importlib.import_module("asyncsummary.database").create_db_writer
        return importlib.import_module(f"asyncsummary.{name}")
