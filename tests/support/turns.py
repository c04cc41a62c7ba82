"""How often did other tasks have a turn?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """How many turns a task has had that always asks for the next."""

    def __init__(self) -> None:
        self.count = 0

    async def take(self) -> None:
        """Go on for ever."""
        while True:
            self.count += 1
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def counted_turns() -> AsyncIterator[Turns]:
    """Let another task run beside the block."""
    turns = Turns()
    task = asyncio.create_task(turns.take())
    try:
        yield turns
    finally:
        task.cancel()
        await asyncio.wait([task])
