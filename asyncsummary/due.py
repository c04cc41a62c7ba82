"""How does the pipeline wait for its next batch? Until one is due, somebody wants what waits, or nothing more will come."""

import asyncio
from collections.abc import Callable

from asyncsummary.batch import NEVER, BatchPolicy, Waiting, due_in, may_grow
from asyncsummary.config import Durability, WriterConfig
from asyncsummary.queue import SummaryQueue
from asyncsummary.sink import Sink
from asyncsummary.waking import wait_for

_RELIEF_SECONDS = 0.1


def is_due(policy: BatchPolicy, queue: SummaryQueue, since: float) -> bool:
    """Whether what waits in the queue, ``since`` that time of the event loop, has to go."""
    return due_in(policy, Waiting(len(queue.waiting), queue.waiting_bytes, asyncio.get_running_loop().time() - since), wanted=False) <= 0.0


def wants_relief(config: WriterConfig, queue: SummaryQueue, since: float, *, has_more: bool) -> bool:
    """Whether what waits should go to the spool: for want of room, or, where that makes durable, as it is due."""
    if config.durability is Durability.SPOOL:
        return has_more or is_due(config.batch, queue, since)
    return queue.pending_bytes > config.limits.bytes // 2 or queue.is_crowded


class Due:
    """Looks at the queue whenever it is woken up. Used by the pipeline's task only."""

    def __init__(self, policy: BatchPolicy, queue: SummaryQueue, sink: Sink, wakeup: asyncio.Event) -> None:
        self._policy = policy
        self._queue = queue
        self._sink = sink
        self._wakeup = wakeup

    async def wait(self, is_flushed: Callable[[], bool], is_closing: Callable[[], bool]) -> None:
        """Wait until a batch is due, or, as ``is_flushed`` says, somebody waits for it, or, as ``is_closing`` says, no more will come."""
        queue = self._queue
        while True:
            self._wakeup.clear()
            waiting = len(queue.waiting)
            if self._sink.has_more:
                return
            if waiting:
                size, wanted = queue.waiting_bytes, is_flushed() or is_closing() or queue.is_crowded or self._sink.is_urgent
                delay = due_in(self._policy, self._waiting(size), wanted=wanted)
                queue.wake_at = queue.accepted - waiting + (self._policy.due_count or 0)
                if delay <= 0.0 and not wanted:
                    await self._let_burst_end(size)
            else:
                delay = 0.0 if is_closing() else NEVER
                queue.wake_at = queue.accepted + 1
            if delay <= 0.0:
                return
            await wait_for(self._wakeup, delay)
            if not waiting:
                self._sink.since = asyncio.get_running_loop().time()

    async def _let_burst_end(self, size: int) -> None:
        """Let those have their turn who write together with what is due already: one batch costs less than two.

        It ends when somebody wants the batch, or when ``size``, the bytes of what is due, has grown too much: both wake the task.
        """
        queue, clock = self._queue, asyncio.get_running_loop().time
        begun, before = clock(), -1
        while queue.accepted > before and may_grow(self._policy, self._waiting(size), clock() - begun):
            before = queue.accepted
            await asyncio.sleep(0)
            if self._wakeup.is_set():
                return

    async def pause(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """Storage is away: wait, and let the spool take what comes meanwhile. ``until``: whether somebody wants it tried."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        while (left := deadline - clock()) > 0 and not (until is not None and self._wakeup.is_set() and until()):
            self._wakeup.clear()
            await self._sink.relieve()
            await (asyncio.sleep(min(left, _RELIEF_SECONDS)) if until is None else wait_for(self._wakeup, min(left, _RELIEF_SECONDS)))

    def _waiting(self, size: int) -> Waiting:
        queue = self._queue
        return Waiting(len(queue.waiting), size, asyncio.get_running_loop().time() - self._sink.since, is_first=not queue.settled)
