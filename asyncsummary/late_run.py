"""Where do scalars go that came too late, if they are to be kept and to erase nothing? Into a run of their own, in the folder ``late``.

TensorBoard shows it as a run beside the one that they belong to; docs/late_steps.md says why there. It has a pipeline of its own.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from asyncsummary.columns import Batch
from asyncsummary.config import WriterConfig
from asyncsummary.errors import CommitError, SummaryError
from asyncsummary.order import LatePolicy
from asyncsummary.queue import Overflow
from asyncsummary.spool import holds_something
from asyncsummary.tags import TagTable
from asyncsummary_storage import in_thread

if TYPE_CHECKING:
    from asyncsummary.pipeline import Pipeline

FOLDER = "late"
_PATIENCE_SECONDS = 10.0
_logger = logging.getLogger("asyncsummary")


def late_logdir(logdir: str) -> str:
    """Return the logdir of the late run of a writer with that one."""
    return f"{logdir.rstrip('/')}/{FOLDER}"


def late_config(config: WriterConfig) -> WriterConfig:
    """Return the configuration of the late run of a writer. It has no end of retries but the writer's own."""
    return replace(
        config,
        logdir=late_logdir(config.logdir),
        late_steps=LatePolicy.KEEP,
        is_late_run=True,
        overflow=Overflow.BLOCK,
        retry=replace(config.retry, window_seconds=float("inf")),
    )


class LateRun:
    """The late run of a writer; nothing is opened, and no folder made, before the first late scalar."""

    def __init__(self, config: WriterConfig, make_pipeline: Callable[[WriterConfig], "Pipeline"], tags: TagTable) -> None:
        self._config = late_config(config)
        self._make_pipeline = make_pipeline
        self._tags = tags
        self._retry_seconds = config.retry.window_seconds
        self._pipeline: Pipeline | None = None
        self._ending = self._told = self._is_full = self._told_full = False

    @property
    def uncommitted(self) -> int:
        """How many scalars were taken and are neither committed nor dropped."""
        return 0 if self._pipeline is None else self._pipeline.uncommitted

    @property
    def spooled(self) -> int:
        """How many scalars are in its spool, those of earlier processes included."""
        return 0 if self._pipeline is None else self._pipeline.spooled

    @property
    def saved(self) -> int:
        """How many of those that were taken are there."""
        return 0 if self._pipeline is None else self._pipeline.saved

    async def adopt(self) -> None:
        """If an earlier process has left something in its spool, take that over and let the run open, without waiting for the latter."""
        root = self._config.spool_root
        if self._pipeline is None and root is not None and await in_thread(holds_something, root, self._config.logdir):
            await self._start().looked()

    def _start(self) -> "Pipeline":
        self._pipeline = pipeline = self._make_pipeline(self._config)
        pipeline.start()
        return pipeline

    async def take(self, batch: Batch) -> bool:
        """Accept late scalars, all or, as False says, none: if the event loop is ending, or there is no room, for a while by now."""
        if self._pipeline is None and not self._ending:
            self._start()
            await asyncio.sleep(0)  # a task that is cancelled before its first step would do nothing with what it was given
        if self._pipeline is None or self._pipeline.closed:
            return False
        size = self._tags.total(batch.tags)
        if not await self._has_room(self._pipeline, size, batch.scalars):
            return False
        self._pipeline.queue.put_rows(batch.rows(), batch.scalars, size)
        return True

    async def _has_room(self, pipeline: "Pipeline", size: int, count: int) -> bool:
        """Reserve room as any caller does; but all behind it wait, too, so not for long, and not again while it is known to be full."""
        try:
            async with asyncio.timeout(0.0 if self._is_full else _PATIENCE_SECONDS):
                found = pipeline.queue.reserve_now(size, count) or await pipeline.reserve(size, count)
        except (TimeoutError, SummaryError):
            found = False
        if not found and not self._told_full:
            self._told_full = True
            _logger.warning("%s: takes nothing more, as storage does not; late points go to the run itself", self._config.logdir)
        self._is_full = not found
        return found

    async def flush(self, timeout: float | None) -> None:
        """Wait until all that was taken is committed, without a timeout for as long as the writer tries again: this run never gives up."""
        if self._pipeline is not None:
            await self._pipeline.flush(self._retry_seconds if timeout is None else timeout)

    def be_urgent(self, urgent: bool) -> None:
        """Have all that was taken put into its spool, if it was opened and there is one; or go on as always."""
        if self._pipeline is not None:
            self._pipeline.be_urgent(urgent)

    def abandon(self) -> None:
        """Let it finish by itself, as the writer's own pipeline has."""
        self._ending = True
        if self._pipeline is not None and not self._pipeline.closed:
            self._pipeline.hurry(self._retry_seconds)
            self._pipeline.abandon()

    async def ended(self) -> None:
        """Wait until it has ended."""
        if self._pipeline is not None:
            await self._pipeline.wait_ended()

    async def close(self) -> None:
        """Commit what was taken, within the writer's retry window.

        Raises:
            CommitError: something is not committed.
        """
        pipeline = self._pipeline
        if pipeline is None:
            return
        pipeline.hurry(self._retry_seconds)
        await pipeline.close()
        whereabouts = pipeline.whereabouts
        left = pipeline.uncommitted
        if left and not self._told:
            self._told = True
            lost = left - pipeline.saved
            pipeline.counters.dropped += lost
            pipeline.queue.settle(lost, 0, 0)
            raise CommitError(
                f"closed {pipeline.config.logdir!r} with {left} late summaries not committed: "
                f"{pipeline.counters.last_error or 'it could not be opened'}{whereabouts}",
                uncommitted=left,
                retriable=False,
            )
