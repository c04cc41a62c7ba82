"""What is in a segment that somebody else has written, or that we wrote before? Reads, and says what was found."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asyncsummary.protos import START, Event
from asyncsummary.records import Scanner
from asyncsummary_storage import Position, Segment, StorageError, TransientError

READ_BYTES = 1 << 20
_SCAN_BYTES = 256 << 10  # about 5 ms of work, then other tasks get a turn
_FOREIGN_BYTES = 64 << 10

Answered = Callable[[Awaitable[Any]], Awaitable[Any]]
"""Awaits a request, but not for ever."""


async def scanned(segment: Segment, position: Position, answered: Answered) -> Scanner:
    """Return a scanner that was fed the whole segment.

    Raises:
        TransientError: it is shorter than it was said to be.
    """
    scanner = Scanner()
    read = 0
    while read < position.offset:
        data = await answered(segment.read(read, min(read + READ_BYTES, position.offset)))
        if not data:
            raise TransientError(f"{segment.name}: ended at {read} where {position.offset} bytes were due")
        read += len(data)
        for start in range(0, len(data), _SCAN_BYTES):
            for _ in scanner.feed(data[start : start + _SCAN_BYTES]):
                pass
            await asyncio.sleep(0)
    return scanner


async def who_wrote(segment: Segment, start: int, found: Position, answered: Answered) -> str:
    """Return how the writer of what is behind ``start`` calls itself, as far as that can be found out."""
    if not found.exists:
        return "somebody who removed it"
    try:
        data = await answered(segment.read(start, min(found.offset, start + _FOREIGN_BYTES)))
    except (StorageError, TimeoutError):
        return "somebody else"
    for payload in Scanner().feed(data):
        log = Event.FromString(payload).session_log
        if log.status == START and log.msg:
            return str(log.msg)
    return "somebody else"
