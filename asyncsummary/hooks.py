"""What happens around each step of a training loop? Hooks, after ``tf.train``, and the one that saves summaries."""

import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from asyncsummary.errors import InvalidArgumentError, InvalidTypeError
from asyncsummary.file_writer import FileWriter, FileWriterCache
from asyncsummary.graph import SummaryOp
from asyncsummary.protos import START, SessionLog, Summary
from asyncsummary.steps import GlobalStep, get_global_step
from asyncsummary.values import legacy
from asyncsummary.writer import SummaryWriter

if TYPE_CHECKING:
    from asyncsummary.sessions import Coordinator, Scaffold, Session


class SessionRunArgs(NamedTuple):
    """What a hook wants to have run together with the caller's fetches; ``feed_dict`` and ``options`` must stay None."""

    fetches: Any
    feed_dict: Any = None
    options: Any = None


class SessionRunValues(NamedTuple):
    """What came of a hook's fetches, in the same structure; None if it had none."""

    results: Any
    options: Any = None
    run_metadata: Any = None


class SessionRunContext:
    """What a hook may know, and ask for, in one run."""

    def __init__(self, original_args: SessionRunArgs, session: "Session") -> None:
        self.original_args = original_args
        self.session = session
        self.stop_requested = False

    def request_stop(self) -> None:
        """Let ``should_stop`` of the session be True from the end of this run."""
        self.stop_requested = True


class SessionRunHook:
    """Something to do around the steps of a training loop. Each method may be plain or ``async``."""

    def begin(self) -> Awaitable[None] | None:
        """Called once, before the session is created."""
        return None

    def after_create_session(self, session: "Session", coord: "Coordinator") -> Awaitable[None] | None:
        """Called once, when the session has been created."""
        return None

    def before_run(self, run_context: SessionRunContext) -> Any:
        """Called before each run; returns ``SessionRunArgs``, None, or an awaitable of these."""
        return None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> Awaitable[None] | None:
        """Called after each run, with what came of the fetches that ``before_run`` asked for."""
        return None

    def end(self, session: "Session") -> Awaitable[None] | None:
        """Called once when the loop ends, but for an error."""
        return None


class SecondOrStepTimer:
    """Decides at which steps something is due: every so many seconds, or every so many steps.

    ``clock`` returns seconds.

    Raises:
        InvalidArgumentError: not exactly one of ``every_secs`` and ``every_steps`` is given.
    """

    def __init__(self, every_secs: float | None = None, every_steps: int | None = None, *, clock: Callable[[], float] = time.time) -> None:
        if every_secs is None and every_steps is None:
            raise InvalidArgumentError("Either every_secs or every_steps should be provided.")
        if every_secs is not None and every_steps is not None:
            raise InvalidArgumentError("Can not provide both every_secs and every_steps.")
        self._every_secs = every_secs
        self._every_steps = every_steps
        self._clock = clock
        self._last_step: int | None = None
        self._last_time: float | None = None

    def reset(self) -> None:
        """Forget when it was due last."""
        self._last_step = self._last_time = None

    def should_trigger_for_step(self, step: int) -> bool:
        """Return whether it is due at ``step``: at the first one, then never twice at one, and after enough seconds or steps."""
        if self._last_step is None or self._last_time is None:
            return True
        if step == self._last_step:
            return False
        if self._every_secs is not None:
            return self._clock() >= self._last_time + self._every_secs
        assert self._every_steps is not None, "one of the two was given"
        return step >= self._last_step + self._every_steps

    def update_last_triggered_step(self, step: int) -> tuple[float | None, int | None]:
        """Note that it was done at ``step``; return the seconds and the steps since the last time, (None, None) at first."""
        now = self._clock()
        if self._last_step is None or self._last_time is None:
            elapsed: tuple[float | None, int | None] = (None, None)
        else:
            elapsed = (now - self._last_time, step - self._last_step)
        self._last_step, self._last_time = step, now
        return elapsed

    def last_triggered_step(self) -> int | None:
        """Return the last step at which it was done."""
        return self._last_step


class SummarySaverHook(SessionRunHook):
    """Saves summaries every N steps or seconds of a training loop.

    Args:
        save_steps: save every so many steps; the first step of a session always is saved.
        save_secs: save every so many seconds. Exactly one of the two.
        output_dir: where to, by the ``FileWriterCache``, if there is no ``summary_writer``. Without both the hook runs and writes nothing.
        summary_writer: any writer of this package.
        scaffold: has the ``summary_op``, if there is no ``summary_op`` here. Exactly one of the two.
        summary_op: a ``SummaryOp``, a Summary message or its bytes, a callable or coroutine function that returns one, or a list of these.
            Run on saved steps only. An op that was defined where there was a default writer writes there, by itself.

    Raises:
        InvalidArgumentError: what "exactly one" says does not hold.
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: "str | os.PathLike[str] | None" = None,
        summary_writer: "FileWriter | SummaryWriter | None" = None,
        scaffold: "Scaffold | None" = None,
        summary_op: Any = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if (scaffold is None) == (summary_op is None):
            raise InvalidArgumentError("Exactly one of scaffold or summary_op must be provided.")
        self._timer = SecondOrStepTimer(save_secs, save_steps, clock=clock)
        self._sink = None if summary_writer is None else _sink_of(summary_writer)
        self._output_dir = output_dir
        self._scaffold = scaffold
        self._summary_op = summary_op
        self._global_step: GlobalStep | None = None
        self._next_step: int | None = None
        self._is_requested = False

    def begin(self) -> None:
        if self._output_dir is not None and (self._sink is None or getattr(self._sink, "is_left_behind", False)):
            self._sink = _sink_of(FileWriterCache.get(self._output_dir))
        self._next_step = None
        self._global_step = get_global_step()
        if self._global_step is None:
            raise RuntimeError("Global step should be created to use SummarySaverHook.")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        self._is_requested = self._next_step is None or self._timer.should_trigger_for_step(self._next_step)
        fetches: dict[str, Any] = {"global_step": self._global_step}
        ops = self._summary_ops()
        if self._is_requested and ops is not None:
            fetches["summary"] = ops
        return SessionRunArgs(fetches)

    async def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if self._sink is None:
            return
        is_first = self._next_step is None
        # What was fetched is the step before the train op; of one that is saved the step after it is read.
        step = int(run_values.results["global_step"]) + 1
        if is_first or self._is_requested:
            step = int(await run_context.session.run(self._global_step))
        if is_first:
            await self._sink.add_session_log(SessionLog(status=START), step)
        if self._is_requested:
            self._timer.update_last_triggered_step(step)
            for summary in run_values.results.get("summary", ()):
                if summary is not _WRITTEN:
                    await self._sink.add_summary(summary, step)
        self._next_step = step + 1

    async def end(self, session: "Session") -> None:
        await self.flush()

    async def flush(self) -> None:
        """Wait until all that was saved is committed."""
        if self._sink is not None:
            await self._sink.flush()

    def _summary_ops(self) -> list[Any] | None:
        op = self._summary_op if self._scaffold is None else self._scaffold.summary_op
        if op is None:
            return None
        ops = list(op) if isinstance(op, list | tuple) else [op]
        return [partial(_message_of, each) if isinstance(each, SummaryOp) else each for each in ops]


_WRITTEN = Summary()
"""Stands for a summary that its op has written by itself."""


async def _message_of(op: SummaryOp) -> Summary:
    if not op.has_writer:
        return await op.summary()
    await op.run()
    return _WRITTEN


class _WriterSink:
    """Lets a ``SummaryWriter`` take what a ``FileWriter`` takes."""

    def __init__(self, writer: SummaryWriter) -> None:
        self._writer = writer
        self._seen_tags: set[str] = set()

    async def add_summary(self, summary: Any, global_step: int) -> None:
        event, tags = legacy.summary_event(summary, self._seen_tags, time.time(), global_step)
        with legacy.used(tags, self._seen_tags) as note:
            await self._writer.import_event(event)
            note(True)

    async def add_session_log(self, session_log: Any, global_step: int) -> None:
        await self._writer.import_event(legacy.session_log_event(session_log, time.time(), global_step))

    async def flush(self) -> None:
        await self._writer.flush()


def _sink_of(writer: Any) -> "FileWriter | _WriterSink":
    if isinstance(writer, FileWriter):
        return writer
    if isinstance(writer, SummaryWriter):
        return _WriterSink(writer)
    raise InvalidTypeError(f"summary_writer: must be a writer of this package, got {type(writer).__name__}")
