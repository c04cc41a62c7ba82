"""Where do accepted summaries wait, and who waits when there is no room? A bounded queue, counted in summaries and in bytes.

It belongs to one event loop. A summary needs a reservation first, which may have to be awaited, and is then put in without an await in
between: so a cancelled caller's summary is wholly in or wholly out. Callers that wait for room get it in the order in which they came,
and nobody overtakes them.

Most scalars need no reservation of their own: as long as ``rows`` is shorter than ``open_until``, whoever has checked a scalar may append
its row. ``open_until`` is so far away only that no bound can be broken, no caller that waits be overtaken and no wake-up be missed until
then. Such rows are counted, all at once, when somebody asks.
"""

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import ROW_BYTES, Batch, Columns, Payload, event_size, pack_row, rows_of
from asyncsummary.errors import QueueFullError
from asyncsummary.progress import Progress

FAIR_TURN = 65_536
"""A caller in a tight loop lets other tasks run when so many summaries came in one turn of the event loop. Fewer would cost throughput, and
split the batches in which steps are put in order."""

BUSY_TURN = 2048
"""Or when so many came, while a batch is being encoded or is on its way: that goes on only when the caller lets it."""


class Overflow(enum.Enum):
    """What a write does when the queue is full."""

    BLOCK = "block"
    RAISE = "raise"
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be accepted and not committed. One summary larger than ``bytes`` is let in when nothing else is there.

    ``turn``: when so many came in one turn of the event loop, whoever is next lets other tasks run.
    """

    summaries: int
    bytes: int
    turn: int = FAIR_TURN


class Sizes(Protocol):
    """How many bytes scalars take, by the numbers of their tags."""

    @property
    def largest(self) -> int:
        """Of all tags there are."""
        ...

    def total(self, numbers: NDArray[np.int32]) -> int:
        """Of so many scalars together."""
        ...


@dataclass(slots=True)
class _Caller:
    """Somebody who waits for room. Once ``woken`` has a result, the room is reserved for ``count`` summaries of ``size`` bytes."""

    woken: "asyncio.Future[None]"
    count: int
    size: int


class SummaryQueue:
    """Takes summaries from coroutines; the pipeline takes batches from it.

    ``accepted`` and ``settled`` count all summaries that ever came in, and of those the ones that are committed or dropped; ``progress``
    says which.
    ``wake`` is called when number ``wake_at`` is accepted, when ``wake_bytes`` wait, and when somebody finds no room.
    """

    def __init__(
        self,
        limits: Limits,
        overflow: Overflow,
        wake_bytes: int,
        wake: Callable[[], None],
        on_drop: Callable[[int], None],
        sizes: Sizes,
    ) -> None:
        self.limits = limits
        self.overflow = overflow
        self.wake_bytes = wake_bytes
        self.progress = Progress()
        self.waiting = Columns()
        self.rows = self.waiting.rows
        self.open_until = 0
        """How long ``rows`` may become by appends of ``pack_row`` that ask for nothing else."""
        self._wake = wake
        self._wake_at = 1
        self._on_drop = on_drop
        self._sizes = sizes
        self._accepted = 0  # of these, the ones that were counted; so with the others
        self._counted_rows = 0
        self._waiting_bytes = 0
        self._free_summaries = limits.summaries
        self._free_bytes = limits.bytes
        self._turn = limits.turn
        self._turn_at = self._turn // 2  # when to look whether the event loop goes round
        self._turned_at = 0  # how many had come when the event loop last went round, as far as is known
        self._is_watching = False
        self._callers: deque[_Caller] = deque()
        self._trouble: Exception | None = None
        self._is_shut = False
        self.is_crowded = False
        """Whether somebody has found no room since the last ``take``."""
        self.wanted_up_to = 0
        """The number of the last summary that somebody wants to be committed."""

    @property
    def callers(self) -> int:
        """How many wait for room."""
        return len(self._callers)

    @property
    def accepted(self) -> int:
        """How many summaries ever came in."""
        return self._accepted + self.waiting.scalars - self._counted_rows

    @property
    def settled(self) -> int:
        """How many are committed or dropped."""
        return self.progress.total

    @property
    def is_wanted(self) -> bool:
        """Whether something that somebody wants to be committed still waits to be taken."""
        return self.accepted - len(self.waiting) < self.wanted_up_to

    @property
    def waiting_bytes(self) -> int:
        """About how many bytes wait to be taken."""
        self._count()
        return self._waiting_bytes

    @property
    def pending_bytes(self) -> int:
        """About how many bytes are accepted, or have room reserved, and are not committed."""
        self._count()
        return self.limits.bytes - self._free_bytes

    @property
    def wake_at(self) -> int:
        """The number of the summary at which ``wake`` is called."""
        return self._wake_at

    @wake_at.setter
    def wake_at(self, number: int) -> None:
        self._wake_at = number
        self._renew()

    def be_busy(self, busy: bool) -> None:
        """Say whether the pipeline has work that goes on only while callers let it."""
        self._turn = min(BUSY_TURN, self.limits.turn) if busy else self.limits.turn
        self._note_turn()
        self._renew()

    def shut(self) -> None:
        """From now on, let nothing in without a reservation."""
        self._is_shut = True
        self._renew()

    def reserve_now(self, size: int, count: int = 1) -> bool:
        """Reserve room for ``count`` summaries if there is some at once, without unfairness to anybody. Put them in at once, too."""
        self._count()
        if size <= self._free_bytes and count <= self._free_summaries and self._accepted < self._turn_at and not self._callers:
            self._occupy(count, size)
            return True
        return False

    async def reserve(self, size: int, count: int = 1) -> bool:
        """Reserve room for ``count`` summaries by the overflow policy; False says that they are dropped, and counted.

        Raises:
            QueueFullError: the policy is RAISE.
            Exception: what ``fail`` was given, until something is settled again; where the policy is to drop, only after ``shut``.
        """
        self._count()
        if self._accepted >= self._turn_at:
            await self._let_others()
        if not self._callers and self._take_room(count, size):
            self._renew()
            return True
        self.is_crowded = True
        self._wake()
        if self._trouble is not None and (self._is_shut or self.overflow in {Overflow.BLOCK, Overflow.RAISE}):
            raise self._trouble
        match self.overflow:
            case Overflow.BLOCK:
                await self._await_room(count, size)
                return True
            case Overflow.RAISE:
                raise QueueFullError(
                    f"the queue is full: {self.accepted - self.settled} summaries ({self.pending_bytes} bytes) are not committed yet; "
                    f"storage is slower than the writes, or away"
                )
            case Overflow.DROP_NEWEST:
                self._on_drop(count)
                return False
            case Overflow.DROP_OLDEST:
                return self._drop_oldest_for(count, size)

    def unreserve(self, size: int, count: int = 1) -> None:
        """Give back room of what was not put in after all."""
        self._give_back(count, size)

    def put_scalar(self, tag: int, step: int, value: float, time: float, size: int) -> None:
        """Accept a scalar; its ``size`` has been reserved. ``value`` must be within float32's range."""
        self.put_rows(pack_row(step, time, value, tag), 1, size)

    def put_rows(self, rows: bytes, count: int, size: int) -> None:
        """Accept ``count`` scalars as they come from ``pack_row``; their ``size`` has been reserved."""
        self._count()
        self.rows += rows
        self._counted_rows += count
        self._put(count, size)

    def put_event(self, payload: Payload, size: int) -> None:
        """Accept an Event; its ``size`` has been reserved."""
        self._count()
        self.waiting.events.append((self.waiting.scalars, payload))
        self._put(1, size)

    def take(self) -> tuple[Batch, int]:
        """Hand over all that waits, and about how many bytes that is. Its room stays taken until it is settled."""
        self._count()
        batch, size = self.waiting.batch(), self._waiting_bytes
        self.waiting = Columns()
        self.rows = self.waiting.rows
        self._counted_rows = self._waiting_bytes = 0
        self.is_crowded = False
        self._note_turn()
        self._renew()
        return batch, size

    def settle(self, count: int, size: int, room: int | None = None) -> None:
        """Note that so many summaries of what was taken are committed or dropped, and give back the room that they still hold.

        ``room``: how many of them still hold room; by default all.
        """
        self.progress.settle(count)
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
        self._renew()

    # Turns

    async def _let_others(self) -> None:
        """Let other tasks run, if that is long ago. Whoever does it is overtaken by them, so it is not done without need."""
        if self._accepted - self._turned_at >= self._turn:
            self._turn_at = self._accepted + self._turn  # others, who come meanwhile, need not do the same
            await asyncio.sleep(0)
            self._count()
            self._note_turn()
        else:
            self._turn_at = self._turned_at + self._turn
            if not self._is_watching:
                self._is_watching = True
                asyncio.get_running_loop().call_soon(self._watch)

    def _watch(self) -> None:
        self._is_watching = False
        self._turned_at = self.accepted

    def _note_turn(self) -> None:
        """Note that the event loop goes round just now. It is watched from half of the turn on, to see whether it does so again."""
        self._turned_at = self.accepted
        self._turn_at = self._turned_at + self._turn // 2

    # Counting

    def _count(self) -> None:
        """Count the rows that were appended without a reservation."""
        count = self.waiting.scalars - self._counted_rows
        if count:
            size = self._sizes.total(rows_of(self.rows, self._counted_rows)["tag"])
            self._counted_rows += count
            self._accepted += count
            self._waiting_bytes += size
            self._occupy(count, size)

    def _put(self, count: int, size: int) -> None:
        before = self._accepted
        self._accepted += count
        self._waiting_bytes += size
        if before < self._wake_at <= self._accepted or self._waiting_bytes >= self.wake_bytes:
            self._wake()
        self._renew()

    def _renew(self) -> None:
        """Say how many more rows may come in without a reservation: none of them may be one that something happens at."""
        if self._is_shut or self._callers:
            self.open_until = 0
            return
        largest = self._sizes.largest
        rows = min(self._free_summaries, self._free_bytes // largest, self._turn_at - self._accepted)
        if self._wake_at > self._accepted:
            rows = min(rows, self._wake_at - self._accepted - 1)
        if self._waiting_bytes < self.wake_bytes:
            rows = min(rows, (self.wake_bytes - self._waiting_bytes - 1) // largest)
        self.open_until = (self._counted_rows + max(0, rows)) * ROW_BYTES

    # Room

    def _occupy(self, count: int, size: int) -> None:
        self._free_bytes -= size
        self._free_summaries -= count

    def _take_room(self, count: int, size: int) -> bool:
        is_empty = self._free_summaries == self.limits.summaries
        if not is_empty and not self._fits(count, size):
            return False
        self._occupy(count, size)
        return True

    def _give_back(self, count: int, size: int) -> None:
        self._count()
        self._free_bytes += size
        self._free_summaries += count
        while self._callers and (self._callers[0].woken.done() or self._take_room(self._callers[0].count, self._callers[0].size)):
            caller = self._callers.popleft()
            if not caller.woken.done():
                caller.woken.set_result(None)
        self._renew()

    async def _await_room(self, count: int, size: int) -> None:
        caller = _Caller(asyncio.get_running_loop().create_future(), count, size)
        self._callers.append(caller)
        self._renew()
        try:
            await caller.woken
        except asyncio.CancelledError:
            if caller in self._callers:
                self._callers.remove(caller)
                self._give_back(0, 0)  # those behind may be smaller
            elif not caller.woken.cancelled() and caller.woken.exception() is None:
                self._give_back(count, size)  # the room came together with the cancellation
            raise

    def _drop_oldest_for(self, count: int, size: int) -> bool:
        """Drop the oldest of what waits until the new ones fit; if they would not even then, only them: what is on its way stays."""
        waiting = len(self.waiting)
        if self._free_summaries + waiting < self.limits.summaries and not self._fits(count - waiting, size - self._waiting_bytes):
            self._on_drop(count)
            return False
        first, share = self._accepted - waiting, max(1, waiting // 8)  # more than needed, so that it is not done again for each summary
        while len(self.waiting) and not self._fits(count, size):
            self._forget(min(share, len(self.waiting)))
        dropped = waiting - len(self.waiting)
        self.progress.drop(first, dropped)
        self._on_drop(dropped)
        self._occupy(count, size)
        self._renew()
        return True

    def _fits(self, count: int, size: int) -> bool:
        return size <= self._free_bytes and count <= self._free_summaries

    def _forget(self, count: int) -> None:
        """Forget about ``count`` of the oldest that wait."""
        gone = self.waiting.cut_off(count)
        freed = sum(event_size(payload) for _, payload in gone.events) + self._sizes.total(rows_of(gone.rows)["tag"])
        self._counted_rows -= gone.scalars
        self._waiting_bytes -= freed
        self._occupy(-count, -freed)
