"""Which request to a fake server goes wrong, and how? Switches that both fakes have."""

import asyncio
import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web


class How(enum.Enum):
    """What happens to a request that is struck."""

    RESET = "the connection ends before any effect"
    LOST = "carried out, and the connection ends before the reply"
    HANG = "never answered, without effect"
    HANG_AFTER = "carried out, never answered"
    ANSWER = "answered with a status and a code, without effect"
    ANSWER_AFTER = "carried out, and answered with a status and a code"
    DAMAGED = "its body arrives with a flipped bit"
    MEANWHILE = "carried out after something else has happened"


@dataclass(frozen=True, slots=True)
class Strike:
    """One way to go wrong."""

    how: How
    status: int = 500
    code: str = "InternalError"
    headers: dict[str, str] = field(default_factory=dict)
    happens: Callable[[], object] = lambda: None


LOST = Strike(How.LOST)
RESET = Strike(How.RESET)


@dataclass(slots=True)
class Strikes:
    """Strikes yet to come, by the name of the operation or by the HTTP method; ``None`` lets a request pass.

    ``operations`` are the names of all operations that were asked for. ``hanging`` is set while a request hangs.
    """

    waiting: dict[str, list[Strike | None]] = field(default_factory=dict)
    lasting: dict[str, Strike] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    def then(self, operation: str, *strikes: Strike | None) -> None:
        """Let the next requests of that operation or method suffer these."""
        self.waiting.setdefault(operation, []).extend(strikes)

    def always(self, operation: str, strike: Strike) -> None:
        """Strike every request of that operation or method until ``heal``."""
        self.lasting[operation] = strike

    def heal(self) -> None:
        """Drop all strikes that have not been used."""
        self.waiting.clear()
        self.lasting.clear()
        self.hanging.clear()

    def next(self, operation: str, method: str) -> Strike | None:
        """Note a request, and return what strikes it."""
        self.operations.append(operation)
        for name in (operation, method):
            if self.waiting.get(name):
                return self.waiting[name].pop(0)
        return self.lasting.get(operation) or self.lasting.get(method)

    async def carry_out(
        self,
        request: web.Request,
        operation: str,
        handle: Callable[[bytes], Awaitable[web.StreamResponse]],
        answer: Callable[[Strike], web.StreamResponse],
    ) -> web.StreamResponse:
        """Handle the request, whose body is given to ``handle``, as the strike for it says; ``answer`` makes the server's own errors."""
        strike = self.next(operation, request.method)
        body = await request.read()
        if strike is None:
            return await handle(body)
        if strike.how is How.MEANWHILE:
            strike.happens()
            return await handle(body)
        if strike.how is How.DAMAGED:
            return await handle(bytes([body[0] ^ 1]) + body[1:])
        if strike.how in {How.LOST, How.HANG_AFTER, How.ANSWER_AFTER}:
            await handle(body)
        if strike.how in {How.ANSWER, How.ANSWER_AFTER}:
            return answer(strike)
        if strike.how in {How.HANG, How.HANG_AFTER}:
            self.hanging.set()
            await asyncio.Event().wait()  # until the client goes away, or the server is stopped
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
