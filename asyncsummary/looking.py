"""What is in a segment that somebody else has written, or that we wrote before? Reads, and says what was found."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import DecodeError

from asyncsummary.beginning import length_in_common, whole_records
from asyncsummary.journal import Attempt
from asyncsummary.protos import START, Event
from asyncsummary.records import Scanner
from asyncsummary_storage import Growth, Position, Segment, StorageError, TransientError

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


async def stored_of(data: bytes, attempt: Attempt, segment: Segment, answered: Answered) -> int:
    """Return how many bytes of ``data`` are stored by an append of it that was begun: whole records, or all."""
    start = attempt.at.offset + attempt.header_bytes
    stop = start + len(data) - attempt.stored
    position = await answered(segment.probe())
    if position.offset < stop and (segment.growth is not Growth.IN_PLACE or position.offset <= start):
        return attempt.stored
    found = await answered(segment.read(start, min(stop, position.offset)))
    rest = data[attempt.stored :]
    if found == rest:
        return len(data)
    if segment.growth is not Growth.IN_PLACE:
        return attempt.stored
    return attempt.stored + whole_records(rest, length_in_common(rest, found))


async def left_to(segment: Segment, start: int, found: Position, answered: Answered) -> str:
    """Return where the segment ends now, and by whose doing: what is behind ``start`` is another writer's."""
    state = f"ends at byte {found.offset} now" if found.exists else "is gone"
    return f"{segment.name} {state}, by the doing of {await _who_wrote(segment, start, found, answered)}"


async def _who_wrote(segment: Segment, start: int, found: Position, answered: Answered) -> str:
    """Return how the writer of what is behind ``start`` calls itself, as far as that can be found out."""
    if not found.exists:
        return "somebody who removed it"
    try:
        data = await answered(segment.read(start, min(found.offset, start + _FOREIGN_BYTES)))
    except (StorageError, TimeoutError):
        return "somebody else"
    for payload in Scanner().feed(data):
        try:
            log = Event.FromString(payload).session_log
        except DecodeError:  # records of another kind
            break
        if log.status == START and log.msg:
            return str(log.msg)
    return "somebody else"
