"""Who waits for a commit? Each ``flush()`` holds a ticket for the number of summaries that were accepted before it."""

import asyncio
from dataclasses import dataclass, field

from asyncsummary.errors import CommitError
from asyncsummary.losses import both


@dataclass(slots=True, eq=False)
class _Ticket:
    count: int
    future: "asyncio.Future[None]"
    loss: CommitError | None = None


@dataclass(slots=True)
class Tickets:
    """Futures, each done when so many of the first summaries are settled, every one."""

    _held: list[_Ticket] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._held)

    def add(self, count: int) -> "asyncio.Future[None]":
        """Return a future that is done when the first ``count`` summaries are settled."""
        future = asyncio.get_running_loop().create_future()
        self._held.append(_Ticket(count, future))
        return future

    def discard(self, future: "asyncio.Future[None]") -> None:
        """Forget a ticket whose holder no longer waits."""
        self._held = [ticket for ticket in self._held if ticket.future is not future]

    def owe(self, loss: CommitError) -> bool:
        """Have ``loss`` told to all that hold a ticket now, each when its number is settled. False if nobody does."""
        for ticket in self._held:
            ticket.loss = both(ticket.loss, loss)
        return bool(self._held)

    def settle(self, settled: int) -> None:
        """Answer all tickets for no more than the first ``settled`` summaries, which are settled now."""
        for ticket in self._held:
            if ticket.count <= settled and not ticket.future.done():
                _answer(ticket.future, ticket.loss)
        self._held = [ticket for ticket in self._held if not ticket.future.done()]

    def fail(self, error: Exception) -> None:
        """Answer all tickets with ``error``."""
        held, self._held = self._held, []
        for ticket in held:
            if not ticket.future.done():
                ticket.future.set_exception(error)


def _answer(future: "asyncio.Future[None]", loss: CommitError | None) -> None:
    if loss is None:
        future.set_result(None)
    else:
        future.set_exception(loss)
