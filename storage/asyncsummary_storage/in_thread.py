"""Where do calls that block run? In the threads of the event loop; when the interpreter is ending, and these take nothing more, at once."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import aiofiles.os

_T = TypeVar("_T")


def _call(begun: list[bool], call: Callable[..., _T], args: tuple[object, ...]) -> _T:
    begun.append(True)
    return call(*args)


_beside = aiofiles.os.wrap(_call)


async def in_thread(call: Callable[..., _T], *args: object) -> _T:
    """Return what ``call(*args)`` returns. If this is cancelled while it runs, it goes on, and nobody hears how it ends.

    A thread that outlives the main thread has an event loop whose pool of threads is closed: there, the call holds up the loop.
    """
    begun: list[bool] = []
    try:
        found: _T = await _beside(begun, call, args)
    except RuntimeError:
        if begun or asyncio.get_running_loop().is_closed():
            raise
        return call(*args)
    return found
