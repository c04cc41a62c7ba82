"""Parts put together: the same bytes, and large ones not in the event loop's thread."""

import asyncio
import threading

import pytest

from asyncsummary import joining
from asyncsummary.joining import concatenated


@pytest.mark.parametrize("parts", [[], [b"ab"], [b"", b"ab"], [b"ab", b"c", b"def"]])
@pytest.mark.parametrize("large", [0, 4, 1 << 20])
async def test_what_comes_out(parts: list[bytes], large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All parts, in their order, however large they are."""
    monkeypatch.setattr(joining, "_LARGE", large)
    assert await concatenated(parts) == b"".join(parts)


@pytest.mark.parametrize(("sizes", "elsewhere"), [((1, 2), False), ((2, 2), True), ((9,), False), ((3, 3, 3), True)])
async def test_where_it_happens(sizes: tuple[int, ...], *, elsewhere: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """From so many bytes on in a thread, if there is anything to do: a single part is what it was."""
    monkeypatch.setattr(joining, "_LARGE", 4)
    before = set(threading.enumerate())
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    parts = [bytes(size) for size in sizes]
    assert await concatenated(parts) == bytes(sum(sizes))
    assert (turns > 0, set(threading.enumerate()) != before) == (elsewhere, elsewhere)
    beside.cancel()
    await asyncio.wait([beside])
