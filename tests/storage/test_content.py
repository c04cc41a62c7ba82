"""Uploads are read like files, nothing of them is copied, and they are sent in turns."""

import io
import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiobotocore.httpchecksum import AioAwsChunkedWrapper
from aiohttp import web
from botocore.httpchecksum import Crc32Checksum
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary_storage import NOTHING
from asyncsummary_storage.content import Content, InTurns
from asyncsummary_storage.s3 import S3Store
from tests.support.servers import MotoServer
from tests.support.turns import counted_turns

LARGE = os.urandom(3_000_001)


@given(
    data=st.binary(max_size=40), steps=st.lists(st.one_of(st.none(), st.integers(-1, 50)), max_size=8), seeks=st.lists(st.integers(0, 50))
)
def test_read_like_a_file(data: bytes, steps: list[int | None], seeks: list[int]) -> None:
    """Whatever is read, after any seek, is what ``BytesIO`` would have given."""
    ours, theirs = Content(data), io.BytesIO(data)
    for size, start in zip(steps, [*seeks, *[None] * len(steps)], strict=False):
        if start is not None:
            assert ours.seek(start) == theirs.seek(start)
        assert bytes(ours.read(size)) == theirs.read(size)
        assert ours.tell() == theirs.tell()


def test_nothing_is_copied() -> None:
    """Pieces, and the buffer that aiohttp asks for and releases, are views of what was given."""
    content = Content(LARGE)
    with content.getbuffer() as buffer:
        assert buffer.obj is LARGE
        assert buffer.readonly
    assert content.read(100).obj is LARGE
    assert bytes(content.read()) == LARGE[100:]
    assert bytes(content.read()) == b""


def test_botocores_checksum() -> None:
    """Takes it for a file, and leaves it at its start."""
    content = Content(LARGE)
    assert Crc32Checksum().handle(content) == Crc32Checksum().handle(LARGE)
    assert content.tell() == 0


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """A server that answers with what it was sent."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), headers={"X-Length": request.headers.get("Content-Length", "none")})

    app = web.Application(client_max_size=1 << 30)
    app.router.add_put("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.mark.parametrize("data", [b"", b"x", LARGE])
async def test_aiohttp(echo: str, data: bytes) -> None:
    """Sends it with its length."""
    async with aiohttp.ClientSession() as session, session.put(echo, data=Content(data)) as answer:
        assert await answer.read() == data
        assert answer.headers["X-Length"] == str(len(data))


async def test_others_have_a_turn() -> None:
    """Between any two pieces; and all of them come again from the start."""
    pieces = InTurns(AioAwsChunkedWrapper(Content(LARGE), Crc32Checksum, "sum"))
    async with counted_turns() as turns:
        for _ in range(2):
            before = turns.count
            sent = [piece async for piece in pieces]
            assert turns.count - before >= len(sent) - 1 == 3
            assert b"".join(piece.split(b"\r\n", 1)[1][:-2] for piece in sent[:-1]) == LARGE
            assert sent[-1].startswith(b"0\r\nsum:")
            pieces.seek(0)


@pytest.mark.parametrize("server", ["moto", "secure_moto"])
async def test_s3(server: str, request: pytest.FixtureRequest) -> None:
    """Takes it: over http with its checksum before it, over https in pieces with the checksum behind them."""
    moto: MotoServer = request.getfixturevalue(server)
    moto.make_bucket("content")
    store = S3Store("content", moto.options())
    await store.connect()
    seen: list[Any] = []
    try:
        store._client._session.meta.events.register("before-send.s3", lambda request, **_: seen.append(request))
        at = await store.put("large", LARGE * 2, NOTHING)
        at = await store.extend("large", LARGE, at)
        assert await store.get("large", 0, at.offset) == LARGE * 3
        assert ("Transfer-Encoding" in seen[0].headers) is (server == "secure_moto")
        store._client._expired = True
        await store.head("large")
        store._client._session.meta.events.register("before-send.s3", lambda request, **_: seen.append(request))
        at = await store.put("large", LARGE, at)
        assert {type(request.body) for request in (seen[0], seen[-1])} == {InTurns if server == "secure_moto" else Content}
    finally:
        await store.disconnect()
