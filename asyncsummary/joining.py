"""How are parts put together without holding up the event loop? Large ones in a thread."""

import asyncio
from collections.abc import Sequence

_LARGE = 4 << 20
"""To join so much takes a millisecond or two, mostly for memory that the system has to give; Python's lock is not held meanwhile."""


async def concatenated(parts: Sequence[bytes]) -> bytes:
    """Return the parts as one. When this is cancelled, a thread may still be at work for a moment; nothing comes of it."""
    if sum(map(len, parts)) < _LARGE or len(parts) < 2:
        return b"".join(parts)
    return await asyncio.to_thread(b"".join, parts)
