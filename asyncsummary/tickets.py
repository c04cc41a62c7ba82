"""Who waits for a commit? Each ``flush()`` holds a ticket for the number of summaries that were accepted before it."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tickets:
    """Futures, each done when so many of the first summaries are settled, every one."""

    _held: list[tuple[int, "asyncio.Future[None]"]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._held)

    def add(self, count: int) -> "asyncio.Future[None]":
        """Return a future that is done when the first ``count`` summaries are settled."""
        future = asyncio.get_running_loop().create_future()
        self._held.append((count, future))
        return future

    def discard(self, future: "asyncio.Future[None]") -> None:
        """Forget a ticket whose holder no longer waits."""
        self._held = [(count, held) for count, held in self._held if held is not future]

    def settle(self, settled: int) -> None:
        """Answer all tickets for no more than the first ``settled`` summaries, which are settled now."""
        for count, future in self._held:
            if count <= settled and not future.done():
                future.set_result(None)
        self._held = [(count, future) for count, future in self._held if not future.done()]

    def fail(self, error: Exception) -> None:
        """Answer all tickets with ``error``."""
        held, self._held = self._held, []
        for _, future in held:
            if not future.done():
                future.set_exception(error)
