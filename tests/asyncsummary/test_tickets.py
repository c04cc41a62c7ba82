"""Tickets: each flush waits for its own number."""

import asyncio

import pytest

from asyncsummary.errors import CommitError
from asyncsummary.tickets import Tickets


def loss_of(count: int) -> CommitError:
    return CommitError(f"{count} are lost", uncommitted=count, retriable=False)


async def test_answered_in_their_time() -> None:
    """A ticket is done when its number is settled, not before."""
    tickets = Tickets()
    first, second, third = (tickets.add(count) for count in (1, 5, 3))
    assert tickets
    tickets.settle(3)
    assert (first.done(), second.done(), third.done()) == (True, False, True)
    tickets.settle(5)
    await second
    assert not tickets


async def test_failed_together() -> None:
    """Whoever waits is told; whoever comes later is not."""
    tickets = Tickets()
    ticket, cancelled = tickets.add(1), tickets.add(1)
    cancelled.cancel()
    tickets.fail(RuntimeError("gone"))
    with pytest.raises(RuntimeError, match="gone"):
        await ticket
    later = tickets.add(1)
    tickets.settle(1)
    await later


async def test_discarded() -> None:
    """A ticket that nobody waits for any more is forgotten."""
    tickets = Tickets()
    ticket = tickets.add(1)
    tickets.discard(ticket)
    assert not tickets
    tickets.settle(1)
    assert not ticket.done()
    ticket.cancel()
    await asyncio.sleep(0)


async def test_a_loss_is_told_when_its_number_is_settled() -> None:
    """Not before: the others may not be committed yet. Who holds no ticket then is not told."""
    tickets = Tickets()
    first, second = tickets.add(1), tickets.add(3)
    assert tickets.owe(loss_of(2))
    later = tickets.add(3)
    assert not first.done()
    tickets.settle(1)
    with pytest.raises(CommitError, match=r"^2 are lost$"):
        await first
    assert not second.done()
    tickets.settle(3)
    with pytest.raises(CommitError, match=r"^2 are lost$"):
        await second
    await later


async def test_several_losses_are_told_together() -> None:
    """With all that they are about."""
    tickets = Tickets()
    first = tickets.add(2)
    tickets.owe(loss_of(2))
    second = tickets.add(2)
    tickets.owe(loss_of(3))
    tickets.settle(2)
    with pytest.raises(CommitError, match=r"^2 are lost; 3 are lost$") as caught:
        await first
    assert caught.value.uncommitted == 5
    with pytest.raises(CommitError, match=r"^3 are lost$"):
        await second


async def test_a_loss_while_nobody_holds_a_ticket() -> None:
    """Is told to nobody here, and that is said."""
    tickets = Tickets()
    tickets.discard(tickets.add(1))
    assert not tickets.owe(loss_of(1))
    later = tickets.add(1)
    tickets.settle(1)
    await later
