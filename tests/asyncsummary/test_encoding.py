"""What is encoded where: the same bytes in the same order, whatever the threads do."""

import asyncio
import threading
from collections.abc import Iterable

import numpy as np
import pytest

from asyncsummary import encoding
from asyncsummary.columns import Batch, Deferred, Payload, Upload
from asyncsummary.encode import Encoder
from asyncsummary.encoding import PIECE_EVENTS, PIECE_SCALARS, encoded
from asyncsummary.errors import InvalidSummaryError
from tests.support.turns import counted_turns

TAGS = [b"a", b"b"]
PATIENCE = 30.0


def batch_of(scalars: int, events: list[tuple[int, Payload]]) -> Batch:
    numbers = np.arange(scalars)
    return Batch((numbers % 2).astype(np.int32), numbers, numbers.astype(np.float32), np.full(scalars, 1.7e9), tuple(events))


def deferred(content: bytes) -> Deferred:
    return Deferred(lambda: content, len(content))


def refused(why: str) -> Deferred:
    def encode() -> bytes:
        raise InvalidSummaryError(why, "a")

    return Deferred(encode, 10)


@pytest.mark.parametrize("threads", [1, 2, 4])
async def test_the_same_bytes(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By any number of threads, in any number of pieces, with what cannot be encoded left out and told in its order."""
    monkeypatch.setattr(encoding, "MOST_THREADS", threads)
    scalars = 2 * PIECE_SCALARS + 100
    events: list[tuple[int, Payload]] = []
    for place in sorted([0, 0, 1, 50, PIECE_SCALARS, PIECE_SCALARS + 1, scalars, scalars] * 5):
        index = len(events)
        events.append((place, refused(str(index)) if index % 7 == 3 else b"now %d" % index if index % 5 == 0 else deferred(b"%d" % index)))
    events.append((scalars, Upload(dict, "index", bytes, 1)))
    batch = batch_of(scalars, events)
    failed: list[InvalidSummaryError] = []
    told: list[InvalidSummaryError] = []
    expected = Encoder(TAGS).encode(batch, failed)
    assert b"".join(await encoded(Encoder(TAGS), batch, told)) == expected
    assert [str(error) for error in told] == [str(error) for error in failed] == ["3", "10", "17", "24", "31", "38"]


async def test_several_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many as there may be threads are at work together, and the loop is free meanwhile."""
    monkeypatch.setattr(encoding, "MOST_THREADS", 3)
    together = threading.Barrier(4)

    def wait_for_the_others() -> bytes:
        together.wait(PATIENCE)
        return threading.current_thread().name.encode()

    batch = batch_of(0, [(0, Deferred(wait_for_the_others, 10)) for _ in range(3)])
    task = asyncio.create_task(encoded(Encoder(TAGS), batch, []))
    await asyncio.to_thread(together.wait, PATIENCE)
    assert (await task)[0].count(b"asyncio") == 3


async def test_one_alone_needs_one_thread() -> None:
    """One picture among scalars does not go to and fro between threads."""
    threads: list[str] = []

    def encode() -> bytes:
        threads.append(threading.current_thread().name)
        return b"x"

    class Seen(Encoder):
        def encode(self, batch: Batch, failed: list[InvalidSummaryError]) -> bytes:
            threads.append(threading.current_thread().name)
            return super().encode(batch, failed)

    await encoded(Seen(TAGS), batch_of(3, [(1, Deferred(encode, 1))]), [])
    assert len(threads) == 2
    assert threads[0] == threads[1] != threading.current_thread().name


@pytest.mark.parametrize("count", [1, 5])
async def test_a_mistake_of_ours(count: int) -> None:
    """Is not held back, in whichever thread it is made."""

    def broken() -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await encoded(Encoder(TAGS), batch_of(0, [(0, Deferred(broken, 10))] * count), [])


@pytest.mark.parametrize(
    ("scalars", "places"),
    [
        (5 * PIECE_SCALARS, []),
        (0, [0] * (5 * PIECE_EVENTS)),
        (20 * 5 * PIECE_EVENTS, range(0, 20 * 5 * PIECE_EVENTS, 20)),
    ],
    ids=["scalars", "events", "an event before every twenty scalars"],
)
async def test_others_have_their_turns(scalars: int, places: Iterable[int]) -> None:
    """After each piece, of scalars and of what was encoded before."""
    batch = batch_of(scalars, [(place, b"an event") for place in places])
    async with counted_turns() as turns:
        assert len(await encoded(Encoder(TAGS), batch, [])) == 5
        assert turns.count >= 4
