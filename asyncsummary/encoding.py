"""In which threads is a batch encoded? Scalars in that of the event loop, in pieces that take little time; the rest in others, at once."""

import asyncio
import os
from collections import deque
from dataclasses import replace

from asyncsummary.columns import Batch, Deferred, Payload
from asyncsummary.encode import Encoder
from asyncsummary.errors import InvalidSummaryError
from asyncsummary_storage import in_thread

PIECE_SCALARS = 8192
PIECE_EVENTS = 64
"""Less than a millisecond of work, then other tasks get a turn. Few scalars between two Events take longer, each by itself."""
MOST_THREADS = min(2, os.cpu_count() or 1)
"""Pictures, histograms and the like of one batch are encoded by so many at once: numpy and zlib let other threads work meanwhile. With
four of them the event loop waited noticeably longer for Python's lock."""


async def encoded(encoder: Encoder, batch: Batch, failed: list[InvalidSummaryError]) -> list[bytes]:
    """Return the records of a batch, in its order, in pieces, without the Events that cannot be encoded; why goes into ``failed``.

    When this is cancelled, threads may still be at work for a while; nothing comes of it.
    """
    parts: list[bytes] = []
    for piece in batch.pieces(PIECE_SCALARS, PIECE_EVENTS):
        if parts:
            await asyncio.sleep(0)
        if piece.takes_time:
            parts.append(await in_thread(encoder.encode, await _by_threads(piece, failed), failed))
        else:
            parts.append(encoder.encode(piece, failed))
    return parts


async def _by_threads(batch: Batch, failed: list[InvalidSummaryError]) -> Batch:
    """Return the batch with what takes time encoded, if there is more than one thread could do as well."""
    deferred = {index: payload for index, (_, payload) in enumerate(batch.events) if isinstance(payload, Deferred)}
    threads = min(MOST_THREADS, len(deferred))
    if threads < 2:
        return batch
    todo = deque(deferred.items())
    done: dict[int, Payload | InvalidSummaryError] = {}

    def encode_some() -> None:
        while todo:
            try:
                index, payload = todo.popleft()
            except IndexError:  # another thread was quicker
                return
            try:
                done[index] = payload.encode()
            except InvalidSummaryError as error:
                done[index] = error

    for ended in await asyncio.gather(*(in_thread(encode_some) for _ in range(threads)), return_exceptions=True):
        if isinstance(ended, BaseException):  # a bug: told when the other threads are done, too
            raise ended
    events: list[tuple[int, Payload]] = []
    for index, (place, payload) in enumerate(batch.events):
        found = done.get(index, payload)
        if isinstance(found, InvalidSummaryError):
            failed.append(found)
        else:
            events.append((place, found))
    return replace(batch, events=tuple(events))
