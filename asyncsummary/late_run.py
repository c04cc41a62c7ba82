"""Where do scalars go that came too late, if they are to be kept and to erase nothing? Into a run of their own, in the folder ``late``.

TensorBoard shows it as a run beside the one that they belong to; docs/late_steps.md says why there. It has a pipeline of its own.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from asyncsummary.columns import Batch
from asyncsummary.config import Durability, WriterConfig
from asyncsummary.errors import CommitError
from asyncsummary.order import LatePolicy
from asyncsummary.tags import TagTable

if TYPE_CHECKING:
    from asyncsummary.pipeline import Pipeline

FOLDER = "late"


def late_config(config: WriterConfig) -> WriterConfig:
    """Return the configuration of the late run of a writer. It has no end of retries but the writer's own."""
    return replace(
        config,
        logdir=f"{config.logdir.rstrip('/')}/{FOLDER}",
        late_steps=LatePolicy.KEEP,
        retry=replace(config.retry, window_seconds=float("inf")),
        durability=Durability.COMMIT,
    )


class LateRun:
    """The late run of a writer; nothing is opened, and no folder made, before the first late scalar."""

    def __init__(self, make_pipeline: Callable[[], "Pipeline"], tags: TagTable, retry_seconds: float) -> None:
        self._make_pipeline = make_pipeline
        self._tags = tags
        self._retry_seconds = retry_seconds
        self._pipeline: Pipeline | None = None

    @property
    def uncommitted(self) -> int:
        """How many scalars were taken and are neither committed nor dropped."""
        return 0 if self._pipeline is None else self._pipeline.uncommitted

    @property
    def spooled(self) -> int:
        """How many of them are in its spool."""
        return 0 if self._pipeline is None else self._pipeline.spooled

    def take(self, batch: Batch) -> bool:
        """Accept late scalars, all or, as False says, none: if the writer's event loop is ending. Never waits."""
        if self._pipeline is None:
            self._pipeline = self._make_pipeline()
            self._pipeline.start()
        if self._pipeline.closed:
            return False
        queue = self._pipeline.queue
        size = self._tags.total(batch.tags)
        queue.take_room_anyway(size, batch.scalars)  # they had room in the writer's own queue until now
        queue.put_rows(batch.rows(), batch.scalars, size)
        return True

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
        if self._pipeline is not None and not self._pipeline.closed:
            self._pipeline.hurry(self._retry_seconds)
            self._pipeline.abandon()

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
        lost = pipeline.uncommitted - pipeline.spooled
        if lost > 0:
            pipeline.counters.dropped += lost
            pipeline.queue.settle(lost, 0, 0)
            raise CommitError(
                f"closed {pipeline.config.logdir!r} with {lost} late summaries not committed: "
                f"{pipeline.counters.last_error or 'it could not be opened'}",
                uncommitted=lost,
                retriable=False,
            )
