"""Where do accepted summaries wait, and who waits when there is no room? A bounded queue, counted in summaries and in bytes.

It belongs to one event loop. A summary needs a reservation first, which may have to be awaited, and is then put in without an await in
between: so a cancelled caller's summary is wholly in or wholly out. Callers that wait for room get it in the order in which they came,
and nobody overtakes them.
"""

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from asyncsummary.columns import Batch, Columns, Payload, event_size
from asyncsummary.errors import QueueFullError

FAIR_TURN = 65_536
"""A caller in a tight loop lets other tasks run when so many summaries wait. Fewer would cost throughput, and split the batches in which
steps are put in order."""


class Overflow(enum.Enum):
    """What a write does when the queue is full."""

    BLOCK = "block"
    RAISE = "raise"
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be accepted and not committed. One summary larger than ``bytes`` is let in when nothing else is there."""

    summaries: int
    bytes: int


@dataclass(slots=True)
class _Caller:
    """Somebody who waits for room. Once ``woken`` has a result, the room is reserved for them."""

    woken: "asyncio.Future[None]"
    size: int


class SummaryQueue:
    """Takes summaries from coroutines; the pipeline takes batches from it.

    ``accepted`` and ``settled`` count all summaries that ever came in, and of those the ones that are committed or dropped.
    ``wake`` is called when number ``wake_at`` is accepted, and when ``wake_bytes`` wait.
    """

    def __init__(
        self, limits: Limits, overflow: Overflow, wake_bytes: int, wake: Callable[[], None], on_drop: Callable[[int], None]
    ) -> None:
        self.limits = limits
        self.overflow = overflow
        self.wake_bytes = wake_bytes
        self.wake_at = 1
        self.accepted = 0
        self.settled = 0
        self.waiting = Columns()
        self.waiting_bytes = 0
        self._wake = wake
        self._on_drop = on_drop
        self._free_summaries = limits.summaries
        self._free_bytes = limits.bytes
        self._turn_at = FAIR_TURN
        self._callers: deque[_Caller] = deque()
        self._trouble: Exception | None = None

    @property
    def pending_bytes(self) -> int:
        """About how many bytes are accepted, or have room reserved, and are not committed."""
        return self.limits.bytes - self._free_bytes

    def reserve_now(self, size: int) -> bool:
        """Reserve room for one summary if there is some at once, without unfairness to anybody."""
        if size <= self._free_bytes and self._free_summaries and self.accepted < self._turn_at and not self._callers:
            self._free_bytes -= size
            self._free_summaries -= 1
            return True
        return False

    async def reserve(self, size: int) -> bool:
        """Reserve room for one summary by the overflow policy; False says that the summary is dropped, and counted.

        Raises:
            QueueFullError: the policy is RAISE.
            Exception: what ``fail`` was given, until something is settled again.
        """
        if self.accepted >= self._turn_at:
            self._turn_at = self.accepted + FAIR_TURN
            await asyncio.sleep(0)
        if not self._callers and self._take_room(size):
            return True
        if self._trouble is not None:
            raise self._trouble
        match self.overflow:
            case Overflow.BLOCK:
                await self._await_room(size)
                return True
            case Overflow.RAISE:
                raise QueueFullError(
                    f"the queue is full: {self.accepted - self.settled} summaries ({self.pending_bytes} bytes) are not committed yet; "
                    f"storage is slower than the writes, or away"
                )
            case Overflow.DROP_NEWEST:
                self._on_drop(1)
                return False
            case Overflow.DROP_OLDEST:
                return self._drop_oldest_for(size)

    def take_room_anyway(self, size: int) -> None:
        """Reserve room for one summary, also where there is none: for what had room elsewhere before."""
        self._free_bytes -= size
        self._free_summaries -= 1

    def unreserve(self, size: int) -> None:
        """Give back the room of one summary that was not put in after all."""
        self._give_back(1, size)

    def put_scalar(self, tag: int, step: int, value: float, time: float, size: int) -> None:
        """Accept a scalar; its ``size`` has been reserved."""
        waiting = self.waiting
        waiting.tags.append(tag)
        waiting.steps.append(step)
        waiting.values.append(value)
        waiting.times.append(time)
        self._accepted(size)

    def put_event(self, payload: Payload, size: int) -> None:
        """Accept an Event; its ``size`` has been reserved."""
        self.waiting.events.append((len(self.waiting.times), payload))
        self._accepted(size)

    def _accepted(self, size: int) -> None:
        self.accepted += 1
        self.waiting_bytes += size
        if self.accepted == self.wake_at or self.waiting_bytes >= self.wake_bytes:
            self._wake()

    def take(self) -> tuple[Batch, int]:
        """Hand over all that waits, and about how many bytes that is. Its room stays taken until it is settled."""
        batch, size = self.waiting.batch(), self.waiting_bytes
        self.waiting = Columns()
        self.waiting_bytes = 0
        self._turn_at = self.accepted + FAIR_TURN
        return batch, size

    def settle(self, count: int, size: int, room: int | None = None) -> None:
        """Note that so many summaries of what was taken are committed or dropped, and give back the room that they still hold.

        ``room``: how many of them still hold room; by default all.
        """
        self.settled += count
        self.release(count if room is None else room, size)

    def release(self, room: int, size: int) -> None:
        """Give back the room of so many summaries and bytes of what was taken, and let waiting callers in."""
        self._trouble = None
        self._give_back(room, size)

    def fail(self, error: Exception) -> None:
        """Raise ``error`` to those who wait for room, and to those who find none, until something is settled again."""
        self._trouble = error
        callers, self._callers = self._callers, deque()
        for caller in callers:
            if not caller.woken.done():
                caller.woken.set_exception(error)

    def _take_room(self, size: int) -> bool:
        is_empty = self._free_summaries == self.limits.summaries
        if not is_empty and (size > self._free_bytes or not self._free_summaries):
            return False
        self._free_bytes -= size
        self._free_summaries -= 1
        return True

    def _give_back(self, count: int, size: int) -> None:
        self._free_bytes += size
        self._free_summaries += count
        while self._callers and (self._callers[0].woken.done() or self._take_room(self._callers[0].size)):
            caller = self._callers.popleft()
            if not caller.woken.done():
                caller.woken.set_result(None)

    async def _await_room(self, size: int) -> None:
        caller = _Caller(asyncio.get_running_loop().create_future(), size)
        self._callers.append(caller)
        try:
            await caller.woken
        except asyncio.CancelledError:
            if caller in self._callers:
                self._callers.remove(caller)
                self._give_back(0, 0)  # those behind may be smaller
            elif not caller.woken.cancelled() and caller.woken.exception() is None:
                self._give_back(1, size)  # the room came together with the cancellation
            raise

    def _drop_oldest_for(self, size: int) -> bool:
        """Drop the oldest of what waits until the new one fits. What is on its way to storage stays, so there may be nothing to drop."""
        share = max(1, len(self.waiting) // 8)  # more than needed, so that the work is not done again for each summary
        dropped = 0
        while len(self.waiting) and not self._fits(size):
            dropped += self._forget(min(share, len(self.waiting)))
        if dropped:
            self.settled += dropped
            self._on_drop(dropped)
        if self._take_room(size):
            return True
        self._on_drop(1)
        return False

    def _fits(self, size: int) -> bool:
        return size <= self._free_bytes and self._free_summaries > 0

    def _forget(self, count: int) -> int:
        """Forget about ``count`` of the oldest that wait; return how many."""
        waiting = self.waiting
        first = [payload for place, payload in waiting.events if place == 0][:count]
        scalars = min(count - len(first), len(waiting.times))
        in_events = sum(event_size(payload) for _, payload in waiting.events)
        in_scalars = self.waiting_bytes - in_events
        freed = sum(map(event_size, first))
        freed += in_scalars * scalars // max(1, len(waiting.times))
        for column in (waiting.tags, waiting.steps, waiting.values, waiting.times):
            del column[:scalars]
        waiting.events = [(max(0, place - scalars), payload) for place, payload in waiting.events[len(first) :]]
        self.waiting_bytes -= freed
        self._free_bytes += freed
        self._free_summaries += len(first) + scalars
        return len(first) + scalars
