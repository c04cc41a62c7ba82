"""How does the pipeline's task wait for its wake-up, and not for ever; and for what it has begun, whatever happens?"""

import asyncio
import contextlib
from typing import Any

from asyncsummary.batch import NEVER


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, or so many seconds are over."""
    if seconds == NEVER:
        await event.wait()
        return
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


async def ended(task: "asyncio.Task[Any]") -> None:
    """Wait until a task that was cancelled has ended, also if the waiting is cancelled meanwhile."""
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task])
