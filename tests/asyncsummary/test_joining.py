"""Parts put together: the same bytes, and a turn for others where that took time."""

import asyncio

import pytest

from asyncsummary import joining
from asyncsummary.joining import concatenated


@pytest.mark.parametrize("parts", [[], [b"ab"], [b"", b"ab"], [b"ab", b"c", b"def"]])
@pytest.mark.parametrize("large", [0, 4, 1 << 20])
async def test_what_comes_out(parts: list[bytes], large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All parts, in their order, however large they are."""
    monkeypatch.setattr(joining, "_LARGE", large)
    assert await concatenated(parts) == b"".join(parts)


@pytest.mark.parametrize(("sizes", "is_long"), [((1, 2), False), ((2, 2), True), ((9,), False), ((3, 3, 3), True), ((), False)])
async def test_a_turn_for_others(sizes: tuple[int, ...], *, is_long: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """From so many bytes on, if there was anything to do: a single part is what it was."""
    monkeypatch.setattr(joining, "_LARGE", 4)
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "another")
    assert await concatenated([bytes(size) for size in sizes]) == bytes(sum(sizes))
    assert bool(turns) == is_long
