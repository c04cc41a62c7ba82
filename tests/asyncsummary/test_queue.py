"""The queue: its bounds, its fairness, and that a cancelled caller is wholly in or wholly out."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from asyncsummary.columns import pack_row, rows_of
from asyncsummary.errors import QueueFullError
from asyncsummary.queue import FAIR_TURN, Limits, Overflow, SummaryQueue
from tests.support.turns import counted_turns


@dataclass(slots=True)
class Noted:
    """What the queue told: how often it woke the pipeline, and how many it dropped."""

    woken: int = 0
    dropped: list[int] = field(default_factory=list)

    def wake(self) -> None:
        self.woken += 1


class SizesOfTags:
    """Here a scalar takes as many bytes as the number of its tag says."""

    largest = 120

    def total(self, numbers: NDArray[np.int32]) -> int:
        return int(numbers.sum())


def make(summaries: int = 3, size: int = 1000, overflow: Overflow = Overflow.BLOCK, wake_bytes: int = 10**9) -> tuple[SummaryQueue, Noted]:
    noted = Noted()
    return SummaryQueue(Limits(summaries, size), overflow, wake_bytes, noted.wake, noted.dropped.append, SizesOfTags()), noted


async def write(queue: SummaryQueue, step: int, size: int = 10) -> bool:
    """Accept one scalar as a writer does."""
    if not queue.reserve_now(size) and not await queue.reserve(size):
        return False
    queue.put_scalar(size, step, 1.0, 2.0, size)
    return True


def waiting_steps(queue: SummaryQueue) -> list[int]:
    steps: list[int] = rows_of(queue.waiting.rows)["step"].tolist()
    return steps


async def test_a_full_queue_makes_callers_wait_in_order() -> None:
    """Whoever came first is let in first, as room comes, and nobody overtakes."""
    queue, _ = make(summaries=3)
    for step in range(3):
        await write(queue, step)
    callers = [asyncio.create_task(write(queue, step)) for step in range(3, 7)]
    await asyncio.sleep(0)
    assert waiting_steps(queue) == [0, 1, 2]
    assert queue.open_until == 0
    assert not queue.reserve_now(10)
    batch, size = queue.take()
    queue.settle(len(batch), size)
    assert not queue.reserve_now(10)  # the room is reserved for those who wait
    await asyncio.sleep(0)
    assert waiting_steps(queue) == [3, 4, 5]
    batch, size = queue.take()
    queue.settle(len(batch), size)
    await asyncio.gather(*callers)
    assert waiting_steps(queue) == [6]
    assert (queue.accepted, queue.settled, queue.pending_bytes) == (7, 6, 10)


async def test_bytes_are_a_bound_too() -> None:
    """A caller waits although there is room in numbers."""
    queue, _ = make(summaries=100, size=100)
    await write(queue, 0, 60)
    second = asyncio.create_task(write(queue, 1, 60))
    await asyncio.sleep(0)
    assert not second.done()
    batch, size = queue.take()
    queue.settle(len(batch), size)
    await second
    assert queue.pending_bytes == 60


async def test_a_small_newcomer_does_not_overtake() -> None:
    """Though there is room for it, and none for the large one that came before."""
    queue, _ = make(summaries=10, size=100)
    await write(queue, 0, 60)
    large = asyncio.create_task(write(queue, 1, 80))
    await asyncio.sleep(0)
    assert not queue.reserve_now(10)
    small = asyncio.create_task(write(queue, 2, 10))
    await asyncio.sleep(0)
    assert waiting_steps(queue) == [0]
    batch, size = queue.take()
    queue.settle(len(batch), size)
    await asyncio.gather(large, small)
    assert waiting_steps(queue) == [1, 2]


async def test_one_too_large_is_let_in_alone() -> None:
    """Else it could never be written."""
    queue, _ = make(size=100)
    await write(queue, 0, 10)
    large = asyncio.create_task(write(queue, 1, 500))
    await asyncio.sleep(0)
    assert not large.done()
    batch, size = queue.take()
    queue.settle(len(batch), size)
    await large
    assert queue.pending_bytes == 500
    batch, size = queue.take()
    queue.settle(len(batch), size)
    assert queue.pending_bytes == 0


async def test_raise() -> None:
    """The caller is told, nothing is accepted, and later writes work."""
    queue, _ = make(overflow=Overflow.RAISE)
    for step in range(3):
        await write(queue, step)
    with pytest.raises(QueueFullError, match="3 summaries"):
        await write(queue, 3)
    batch, size = queue.take()
    queue.settle(len(batch), size)
    assert await write(queue, 4)
    assert waiting_steps(queue) == [4]


async def test_drop_newest() -> None:
    """The new one is dropped and counted."""
    queue, noted = make(overflow=Overflow.DROP_NEWEST)
    assert [await write(queue, step) for step in range(5)] == [True, True, True, False, False]
    assert (waiting_steps(queue), noted.dropped) == ([0, 1, 2], [1, 1])


async def test_drop_oldest() -> None:
    """The oldest that waits is dropped and counted, and settled, so that no flush waits for it."""
    queue, noted = make(overflow=Overflow.DROP_OLDEST)
    assert [await write(queue, step) for step in range(5)] == [True] * 5
    assert (waiting_steps(queue), noted.dropped) == ([2, 3, 4], [1, 1])
    assert (queue.accepted, queue.settled, queue.pending_bytes) == (5, 2, 30)


async def test_drop_oldest_leaves_what_is_on_its_way() -> None:
    """When all of the queue is being appended, the new one has to go."""
    queue, noted = make(overflow=Overflow.DROP_OLDEST)
    for step in range(3):
        await write(queue, step)
    batch, size = queue.take()
    assert not await write(queue, 3)
    assert noted.dropped == [1]
    queue.settle(len(batch), size)
    assert await write(queue, 4)


async def test_drop_oldest_drops_events_in_their_turn() -> None:
    """What is not a scalar is as old as its place says."""
    queue, noted = make(summaries=4, overflow=Overflow.DROP_OLDEST)
    await write(queue, 0)
    assert queue.reserve_now(20)
    queue.put_event(b"even", 20)
    await write(queue, 1)
    await write(queue, 2)
    await write(queue, 3)
    assert (waiting_steps(queue), queue.waiting.events) == ([1, 2, 3], [(0, b"even")])
    await write(queue, 4)
    assert (waiting_steps(queue), queue.waiting.events) == ([1, 2, 3, 4], [])
    assert (noted.dropped, queue.pending_bytes, queue.waiting_bytes) == ([1, 1], 40, 40)


async def test_drop_oldest_of_both_kinds_at_once() -> None:
    """What is not a scalar does not outlive scalars that came after it."""
    queue, _ = make(summaries=16, overflow=Overflow.DROP_OLDEST)
    for step in range(8):
        await write(queue, step)
        assert queue.reserve_now(20)
        queue.put_event(b"even", 20)
    await write(queue, 8)
    assert (waiting_steps(queue), queue.waiting.events[0]) == ([*range(1, 9)], (1, b"even"))
    assert queue.progress.up_to == 2


@pytest.mark.parametrize(("size", "dropped"), [(70, [1]), (60, [2]), (30, [1])])
async def test_drop_oldest_drops_nothing_in_vain(size: int, dropped: list[int]) -> None:
    """Where room cannot be made, as something is on its way, only the new one is dropped; else no more than has to be."""
    queue, noted = make(summaries=10, size=100, overflow=Overflow.DROP_OLDEST)
    await write(queue, 0, 40)
    batch, taken = queue.take()
    await write(queue, 1, 30)
    await write(queue, 2, 30)
    fits = size <= 60
    assert await write(queue, 3, size) is fits
    assert (noted.dropped, waiting_steps(queue)) == (dropped, [1, 2, 3][dropped[0] :] if fits else [1, 2])
    assert queue.accepted - queue.settled == 1 + len(queue.waiting)
    queue.settle(len(batch), taken)
    assert queue.progress.up_to == queue.accepted - len(queue.waiting)


async def test_drop_oldest_for_one_too_large() -> None:
    """It is let in where nothing is on its way, since it could never be written else; and only there."""
    queue, noted = make(summaries=10, size=100, overflow=Overflow.DROP_OLDEST)
    await write(queue, 0, 40)
    await write(queue, 1, 40)
    assert await write(queue, 2, 500)
    assert (noted.dropped, waiting_steps(queue), queue.pending_bytes) == ([2], [2], 500)
    queue.take()
    assert not await write(queue, 3, 500)


async def test_many_at_once_that_never_fit() -> None:
    """More than the bound in number are let in alone, too."""
    queue, noted = make(summaries=3, overflow=Overflow.DROP_OLDEST)
    await write(queue, 0)
    assert await queue.reserve(40, 4)
    assert noted.dropped == [1]
    assert not await queue.reserve(40, 4)  # those are not even put in yet
    assert noted.dropped == [1, 4]


async def test_wakes() -> None:
    """The pipeline is woken at the number it asked for, and when enough bytes wait."""
    queue, noted = make(summaries=100, wake_bytes=55)
    await write(queue, 0)
    assert noted.woken == 1
    await write(queue, 1)
    assert noted.woken == 1
    queue.wake_at = 4
    await write(queue, 2)
    await write(queue, 3)
    assert noted.woken == 2
    await write(queue, 4)
    await write(queue, 5)
    assert noted.woken == 3


async def test_whoever_awaits_something_else_keeps_his_place() -> None:
    """Of coroutines that let the loop run by themselves none is made to, and so overtaken, however much comes in."""
    queue, _ = make(summaries=10**6, size=10**9)
    queue.limits = Limits(10**6, 10**9, turn=64)
    queue.be_busy(True)

    async def work(worker: int) -> None:
        for number in range(500):
            await write(queue, number * 8 + worker)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(worker) for worker in range(8)))
    assert waiting_steps(queue) == list(range(4000))


async def test_a_loop_that_becomes_tight() -> None:
    """Lets others run soon, however long ago it was last looked."""
    queue, _ = make(summaries=10**6, size=10**9)
    queue.limits = Limits(10**6, 10**9, turn=64)
    queue.be_busy(True)
    for step in range(1000):
        await write(queue, step)
        await asyncio.sleep(0)
    turned_at: list[int] = []
    asyncio.get_running_loop().call_soon(lambda: turned_at.append(queue.accepted))
    for step in range(1000, 1200):
        await write(queue, step)
    assert turned_at
    assert turned_at[0] <= 1000 + 64 + 1


async def test_a_tight_loop_gives_others_a_turn() -> None:
    """A caller that never waits for anything else does not starve the event loop for ever."""
    queue, _ = make(summaries=10**7, size=10**10)
    async with counted_turns() as turns:
        for step in range(3 * FAIR_TURN + 1):
            await write_quickly(queue, step)
        assert turns.count == 3


async def test_trouble_is_told_to_those_who_wait() -> None:
    """And to those who find no room, until something is settled."""
    queue, _ = make()
    for step in range(3):
        await write(queue, step)
    waiting = asyncio.create_task(write(queue, 3))
    await asyncio.sleep(0)
    queue.fail(RuntimeError("access denied"))
    with pytest.raises(RuntimeError, match="access denied"):
        await waiting
    with pytest.raises(RuntimeError, match="access denied"):
        await write(queue, 4)
    batch, size = queue.take()
    queue.settle(len(batch), size)
    assert await write(queue, 5)


@pytest.mark.parametrize("is_shut", [False, True])
@pytest.mark.parametrize(
    ("overflow", "result"),
    [(Overflow.BLOCK, None), (Overflow.RAISE, None), (Overflow.DROP_NEWEST, False), (Overflow.DROP_OLDEST, True)],
)
async def test_trouble_by_policy(overflow: Overflow, result: bool | None, is_shut: bool) -> None:
    """Whoever is to drop drops, whatever the trouble is; but nothing is dropped for one that comes when no more is let in."""
    queue, noted = make(overflow=overflow)
    for step in range(3):
        await write(queue, step)
    queue.fail(RuntimeError("trouble"))
    if is_shut:
        queue.shut()
    if result is None or is_shut:
        with pytest.raises(RuntimeError, match="trouble"):
            await write(queue, 3)
        assert (waiting_steps(queue), noted.dropped) == ([0, 1, 2], [])
    else:
        assert await write(queue, 3) is result
        assert noted.dropped == [1]


async def test_cancelled_while_waiting() -> None:
    """The caller is out, and those behind it move up, even if only they fit."""
    queue, _ = make(summaries=10, size=100)
    await write(queue, 0, 90)
    large = asyncio.create_task(write(queue, 1, 50))
    small = asyncio.create_task(write(queue, 2, 10))
    await asyncio.sleep(0)
    large.cancel()
    await small
    with pytest.raises(asyncio.CancelledError):
        await large
    assert (waiting_steps(queue), queue.pending_bytes) == ([0, 2], 100)


async def test_cancelled_when_room_has_just_come() -> None:
    """The room goes to the next in line, and none is lost."""
    queue, _ = make(summaries=1)
    await write(queue, 0)
    first, second = (asyncio.create_task(write(queue, step)) for step in (1, 2))
    await asyncio.sleep(0)
    batch, size = queue.take()
    queue.settle(len(batch), size)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (waiting_steps(queue), queue.pending_bytes, queue.accepted) == ([2], 10, 2)


async def write_quickly(queue: SummaryQueue, step: int, size: int = 10) -> bool:
    """Accept one scalar as a writer does with a tag that the queue knows of."""
    if len(queue.rows) >= queue.open_until:
        return await write(queue, step, size)
    queue.rows += pack_row(step, 2.0, 1.0, size)
    return True


async def test_rows_without_a_reservation_are_counted() -> None:
    """When somebody asks; a batch has them, and settling gives back their room."""
    queue, noted = make(summaries=100, size=10_000)
    for step in range(5):
        await write_quickly(queue, step, 10 + step)
    assert (queue.accepted, queue.waiting_bytes, queue.pending_bytes, noted.woken) == (5, 60, 60, 1)
    queue.wake_at = 8
    for step in range(5, 10):
        await write_quickly(queue, step)
    assert noted.woken == 2
    batch, size = queue.take()
    assert (batch.steps.tolist(), size) == (list(range(10)), 110)
    queue.settle(len(batch), size)
    assert (queue.pending_bytes, queue.settled) == (0, 10)


async def test_the_quick_way_wakes_by_bytes() -> None:
    """As the slow one does: at the summary that makes enough bytes wait."""
    queue, noted = make(summaries=1000, size=100_000, wake_bytes=500)
    for step in range(49):
        await write_quickly(queue, step)
    assert noted.woken == 1
    await write_quickly(queue, 49)
    assert noted.woken == 2


async def test_shut() -> None:
    """Nothing goes the quick way any more."""
    queue, _ = make(summaries=100, size=10_000)
    await write_quickly(queue, 0)
    assert queue.open_until > len(queue.rows)
    queue.shut()
    batch, size = queue.take()
    queue.settle(len(batch), size)
    assert queue.open_until == 0


@given(st.lists(st.tuples(st.sampled_from("wwrrrrcts"), st.integers(1, 120)), max_size=60), st.sampled_from(list(Overflow)))
def test_any_history(history: list[tuple[str, int]], overflow: Overflow) -> None:
    """Writes, cancellations, takes and settlements in any order: bounds hold, and everything is accounted for."""

    async def play() -> None:
        queue, noted = make(summaries=5, size=200, overflow=overflow)
        callers: list[asyncio.Task[bool]] = []
        taken: list[tuple[int, int]] = []
        accepted: list[int] = []
        quick = 0
        for number, (move, size) in enumerate(history):
            if move == "w":
                callers.append(asyncio.create_task(write(queue, number, size)))
            elif move == "r" and len(queue.rows) < queue.open_until:
                queue.rows += pack_row(number, 2.0, 1.0, size)
                quick += 1
            elif move == "c" and callers:
                callers[size % len(callers)].cancel()
            elif move == "t":
                batch, bytes_ = queue.take()
                accepted += batch.steps.tolist()
                taken.append((len(batch), bytes_))
            elif move == "s" and taken:
                queue.settle(*taken.pop(0))
            await asyncio.sleep(0)
            pending = queue.accepted - queue.settled
            assert pending <= 5
            assert pending == queue.progress.left(queue.accepted)
            assert queue.pending_bytes <= 200
            assert (queue.pending_bytes == 0) <= (pending == 0)
        for task in callers:
            task.cancel()
        results = await asyncio.gather(*callers, return_exceptions=True)
        batch, bytes_ = queue.take()
        accepted += batch.steps.tolist()
        assert len(accepted) == len(set(accepted))
        dropped = sum(noted.dropped)
        refused = results.count(False)
        assert results.count(True) + quick == queue.accepted == len(accepted) + dropped - refused
        for count, size in [*taken, (len(batch), bytes_)]:
            queue.settle(count, size)
        assert (queue.pending_bytes, queue.accepted) == (0, queue.settled)

    asyncio.run(play())
