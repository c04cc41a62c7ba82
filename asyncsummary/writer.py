"""What may a user ask of a writer? ``SummaryWriter`` says what is promised; ``NoopWriter`` does nothing of it."""

import abc
import contextvars
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, SupportsIndex

from asyncsummary.errors import SummaryError
from asyncsummary.kinds import Kinds
from asyncsummary.scopes import Scope
from asyncsummary.stats import Counters, WriterStats
from asyncsummary.steps import GlobalStep
from asyncsummary.values.figure import close_figures

default_writer: "contextvars.ContextVar[SummaryWriter | None]" = contextvars.ContextVar("asyncsummary_writer", default=None)
_logger = logging.getLogger("asyncsummary")


class SummaryWriter(Kinds):
    """Writes summaries to one run. Made by ``create_file_writer`` and its like.

    Order: what one task writes stays in that order, but for the scalars of one tag, which go out by step within a batch.
    Cancellation: a cancelled write is either accepted as a whole or not at all; a cancelled ``flush`` or ``close`` only stops waiting.
    A writer belongs to the event loop in which it was first used; any number of tasks there may use it at once.
    """

    @abc.abstractmethod
    async def init(self) -> None:
        """Open the logdir; open it again, with a new segment, after ``close``. Does nothing while it is open.

        Without it, and without ``async with``, the first write opens the logdir.

        Raises:
            OpenError: the logdir cannot be opened; the message names the cure.
        """

    @abc.abstractmethod
    async def scalar(self, tag: str, value: Any, step: SupportsIndex | None = None, family: str | None = None) -> bool | None:
        """Write one number, kept as float32. No default writer and no recording condition are needed.

        Args:
            tag: its name; name scopes and ``family`` apply, and characters other than letters, digits and ``_ . - /`` become ``_``.
            value: a Python or numpy real number, or an array of which the first element is taken; no bool.
            step: an int64; None takes that of ``set_step`` or the global step.
            family: groups tags; it appears twice, ``family/family/tag``, as in tf.contrib.summary.

        Returns:
            True once it is accepted; it is durable after the next ``flush()``, or by itself within ``flush_millis``. False if it was
            dropped by ``overflow``. None from a no-op writer.

        Raises:
            InvalidSummaryError: a bad tag, value or step; nothing was written.
            QueueFullError: the queue is full and ``overflow="raise"``.
            WriterClosedError, WrongLoopError, OpenError, PipelineError: see ``asyncsummary.errors``.
        """

    @abc.abstractmethod
    async def scalars(self, values: Mapping[str, Any], step: SupportsIndex | None = None, family: str | None = None) -> bool | None:
        """Write several numbers at one step, each under its own tag, all with the same wall_time. Cheaper than one by one.

        All of them are checked before any is accepted, and they are accepted together, or none is.

        Args:
            values: a number for each tag; both as for ``scalar``.
            step: as for ``scalar``.
            family: as for ``scalar``.

        Returns and raises as ``scalar``.
        """

    @abc.abstractmethod
    async def scalar_series(self, tag: str, values: Any, steps: Any, wall_times: Any = None, family: str | None = None) -> bool | None:
        """Write many points of one tag at once, from arrays; much cheaper than one by one.

        The arrays are checked as a whole and copied. The points are accepted in pieces of 65,536, as there is room for them: after a
        cancellation, or an error other than InvalidSummaryError, a beginning of the series is accepted.

        Args:
            tag: as for ``scalar``.
            values: [number] real numbers, kept as float32 (what is beyond it becomes infinite); no bools.
            steps: [number] integers, int64; in any order, as for ``scalar``.
            wall_times: [number] seconds since the epoch; None takes the time of the call for all.
            family: as for ``scalar``.

        Returns False if any point was dropped by ``overflow``, else as ``scalar``, and raises as ``scalar``.
        """

    @abc.abstractmethod
    async def generic(
        self, tag: str, tensor: Any, step: SupportsIndex | None = None, metadata: Any = None, family: str | None = None
    ) -> bool | None:
        """Write an array of numbers, bools or strings as a tensor, for a plugin that ``metadata`` names.

        Args:
            tag: as for ``scalar``.
            tensor: any shape; Python ints become int32 (int64 where they do not fit), Python floats float32.
            step: as for ``scalar``.
            metadata: SummaryMetadata, as a message of any library's making or as bytes; it is written with every value.
            family: as for ``scalar``.

        Returns and raises as ``scalar``.
        """

    @abc.abstractmethod
    async def write(self, tag: str, tensor: Any, step: SupportsIndex | None = None, metadata: Any = None) -> bool | None:
        """Write a tensor as ``generic`` does, under exactly this tag: no scope, no family, no character changed.

        After tf.summary.write. Returns and raises as ``scalar``.
        """

    @abc.abstractmethod
    async def import_event(self, event: bytes) -> None:
        """Write a serialised Event byte for byte, unknown fields included. The recording condition does not count.

        Raises:
            InvalidSummaryError: not a serialised Event, or one with a wall_time that is not finite; nothing was written.
        """

    @abc.abstractmethod
    async def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was accepted before is committed: durable, and readable at the logdir.

        Raises:
            FlushTimeoutError: ``timeout`` seconds were not enough, of which the opening may have taken some.
            CommitError: storage did not take it within ``retry_seconds``. The summaries are still waiting and are tried again.
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """Flush, then give everything back. Idempotent. Closing one of several writers of a name closes all.

        Raises:
            CommitError: ``uncommitted`` summaries are lost. All who wait for the same closing are told; later calls do nothing.
        """

    @abc.abstractmethod
    def as_default(self, step: "SupportsIndex | GlobalStep | None" = None) -> Scope[Any]:
        """Make this the default writer within a ``with`` or ``async with`` block; the latter flushes at its end.

        With ``step``, that is also the step of summaries in the block that give none, as by ``set_step``.
        """

    @abc.abstractmethod
    def set_as_default(self, step: "SupportsIndex | GlobalStep | None" = None) -> None:
        """Make this the default writer of this task, and of the tasks that it starts from now on; ``step`` as for ``as_default``."""

    @property
    @abc.abstractmethod
    def stats(self) -> WriterStats:
        """A snapshot of what was accepted, committed and dropped so far."""

    async def __aenter__(self) -> "SummaryWriter":
        await self.init()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await at_end_of_block(self.close, error)


class NoopWriter(SummaryWriter):
    """A writer that does nothing at all. It does not become the default writer, nor does it replace one."""

    async def init(self) -> None:
        """Nothing."""

    async def scalar(self, tag: str, value: Any, step: SupportsIndex | None = None, family: str | None = None) -> None:
        """Nothing."""

    async def scalars(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    async def scalar_series(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    async def generic(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    async def write(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    async def graph(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    async def _write(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    async def _upload(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    async def torch_graph(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    async def onnx_graph(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    async def figure(self, tag: str, figure: Any, *args: Any, close: bool = True, **kwargs: Any) -> None:
        """Nothing, but that it is closed."""
        if close:
            close_figures(figure)

    async def import_event(self, event: bytes) -> None:
        """Nothing."""

    async def flush(self, timeout: float | None = None) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""

    def as_default(self, step: "SupportsIndex | GlobalStep | None" = None) -> Scope[None]:
        return Scope(dict, lambda: None)

    def set_as_default(self, step: "SupportsIndex | GlobalStep | None" = None) -> None:
        """Nothing."""

    @property
    def stats(self) -> WriterStats:
        return Counters().snapshot(accepted_now=0, pending=0, tags=0)

    def __repr__(self) -> str:
        return "<SummaryWriter that does nothing>"


async def at_end_of_block(call: Callable[[], Awaitable[None]], error: BaseException | None) -> None:
    """Close or flush at the end of a block. A loss must neither hide why the block failed, nor be hidden by it."""
    try:
        await call()
    except SummaryError as loss:
        if error is None:
            raise
        error.add_note(f"asyncsummary: {loss}")
        _logger.error("%s", loss)
