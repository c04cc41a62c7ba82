"""Tickets: each flush waits for its own number."""

import asyncio

import pytest

from asyncsummary.tickets import Tickets


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
