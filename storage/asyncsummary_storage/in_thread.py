"""Where do calls that block run? In the threads of the event loop; when the interpreter is ending, and these take nothing more, at once."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import aiofiles.os

_T = TypeVar("_T")


async def in_thread(call: Callable[..., _T], *args: object) -> _T:
    """Return what ``call(*args)`` returns. If this is cancelled while it runs, it goes on, and nobody hears how it ends.

    A thread that outlives the main thread has an event loop whose pool of threads is closed: there, the call holds up the loop.
    """
    begun = False

    def run() -> _T:
        nonlocal begun
        begun = True
        return call(*args)

    try:
        found: _T = await aiofiles.os.wrap(run)()
    except RuntimeError:
        if begun or asyncio.get_running_loop().is_closed():
            raise
        return call(*args)
    return found
