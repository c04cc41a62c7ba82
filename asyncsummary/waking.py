"""How does the pipeline's task wait for its wake-up, and not for ever?"""

import asyncio

from asyncsummary.batch import NEVER


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, or so many seconds are over."""
    try:
        async with asyncio.timeout(None if seconds == NEVER else seconds):
            await event.wait()
    except TimeoutError:
        pass
