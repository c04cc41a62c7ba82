"""How are parts put together without holding up the event loop for long? With a turn for others before what comes next."""

import asyncio
from collections.abc import Sequence

_LARGE = 1 << 20


async def concatenated(parts: Sequence[bytes]) -> bytes:
    """Return the parts as one; other tasks have had a turn if that took time.

    A thread would do it beside them. But what threads allocate comes from memory of their own, and the process gets larger by all of it.
    """
    whole = b"".join(parts)
    if len(parts) > 1 and len(whole) >= _LARGE:
        await asyncio.sleep(0)
    return whole
