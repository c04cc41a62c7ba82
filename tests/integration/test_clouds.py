"""Writers on real servers: both event loops, lost requests and replies on the wire, and what users get for their mistakes."""

import random
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary_storage import open_folder
from tests.support.events import events_in, scalars_of
from tests.support.gcs_fake import GCSFake
from tests.support.proxy import FaultProxy, Loss
from tests.support.servers import MotoServer


@dataclass(frozen=True, slots=True)
class Cloud:
    """A logdir, options that lead there directly, and options that lead through a proxy that loses things."""

    logdir: str
    direct: Mapping[str, Any] | None
    lossy: Mapping[str, Any] | None
    proxy: FaultProxy


@asynccontextmanager
async def made(name: str, request: pytest.FixtureRequest) -> AsyncIterator[Cloud]:
    async with AsyncExitStack() as stack:
        if name == "s3":
            moto: MotoServer = request.getfixturevalue("moto")
            moto.make_bucket("clouds")
            proxy = await stack.enter_async_context(FaultProxy(moto.url))
            yield Cloud(f"s3://clouds/{uuid.uuid4()}", moto.options(), moto.options(proxy.url), proxy)
        else:
            server = await stack.enter_async_context(GCSFake(buckets={"clouds": {}}))
            proxy = await stack.enter_async_context(FaultProxy(server.url))
            yield Cloud("gs://clouds/run", server.options(), server.options(proxy.url), proxy)


async def stored(logdir: str, options: Mapping[str, Any] | None) -> list[int]:
    """Return the steps of all scalars in the order of reading."""
    folder = open_folder(logdir, options)
    await folder.open()
    steps = []
    for entry in await folder.entries():
        data = await folder.segment(entry.name).read(0, entry.size)
        steps += [step for _, step, _ in scalars_of(events_in(data))]
    await folder.close()
    return steps


@pytest.mark.both_loops
@pytest.mark.parametrize("name", ["s3", "gs"])
async def test_many_flushes(name: str, request: pytest.FixtureRequest) -> None:
    """On asyncio's loop and on uvloop's, resumed once."""
    async with made(name, request) as cloud:
        for part in range(2):
            async with summary.create_file_writer(cloud.logdir, storage_options=cloud.direct, resume=True) as writer:
                for step in range(part * 10, part * 10 + 10):
                    await writer.scalar("t", 1.0, step)
                    await writer.flush()
        assert await stored(cloud.logdir, cloud.direct) == list(range(20))


@pytest.mark.parametrize("name", ["s3", "gs"])
async def test_losses_on_the_wire(name: str, request: pytest.FixtureRequest) -> None:
    """Requests reset before and after their effect, and servers that are busy: each scalar is there exactly once, in order."""
    chance = random.Random(f"losses {name}")
    async with made(name, request) as cloud:
        async with summary.create_file_writer(cloud.logdir, storage_options=cloud.lossy) as writer:
            for step in range(20):
                for method in ("PUT", "POST", "HEAD", "GET"):  # uploads, and the looks after them
                    cloud.proxy.lose(method, *chance.choices(list(Loss), k=chance.randint(0, 2)))
                await writer.scalar("t", 1.0, step)
                await writer.flush()
                cloud.proxy.losses.clear()
            assert writer.stats.retries > 10
            assert (writer.stats.segments, writer.stats.dropped) == (1, 0)
        assert await stored(cloud.logdir, cloud.direct) == list(range(20))


async def test_a_missing_bucket_that_is_made_later(moto: MotoServer) -> None:
    """Is told at the await that opens, with the cure; the next one finds it."""
    bucket = f"later-{uuid.uuid4()}"
    writer = summary.create_file_writer(f"s3://{bucket}/run", storage_options=moto.options())
    for call in (writer.init(), writer.scalar("t", 1.0, 1)):
        with pytest.raises(summary.OpenError, match=f"there is no bucket '{bucket}'; create it") as caught:
            await call
        assert not caught.value.retriable
    moto.make_bucket(bucket)
    await writer.scalar("t", 1.0, 2)
    await writer.close()
    assert await stored(f"s3://{bucket}/run", moto.options()) == [2]


async def test_no_permission() -> None:
    """Is told at the await that opens; later, at flush, and what was accepted waits for somebody to mend it."""
    async with GCSFake(buckets={"b": {}}, denied=True) as server:
        writer = summary.create_file_writer("gs://b/run", storage_options=server.options())
        with pytest.raises(summary.OpenError, match="list, read and write objects in bucket 'b'"):
            await writer.init()
        server.denied = False
        await writer.scalar("t", 1.0, 1)
        server.denied = True
        with pytest.raises(summary.CommitError, match="list, read and write objects in bucket 'b'") as caught:
            await writer.flush()
        assert (caught.value.uncommitted, caught.value.retriable) == (1, False)
        server.denied = False
        await writer.close()
        assert await stored("gs://b/run", server.options()) == [1]


async def test_throttling_is_waited_for() -> None:
    """429 costs waits, not summaries."""
    async with GCSFake(buckets={"b": {}}) as server:
        async with summary.create_file_writer("gs://b/run", storage_options=server.options()) as writer:
            server.slow_down = 3
            await writer.scalar("t", 1.0, 1)
            await writer.flush()
            assert writer.stats.retries == 3
        assert await stored("gs://b/run", server.options()) == [1]


@pytest.mark.parametrize("scheme", ["memory", "rewriting"])
async def test_other_filesystems(scheme: str) -> None:
    """By their own append where they have one, else rewritten; resumed either way."""
    from tests.storage import backends

    assert backends.RewritingFileSystem.protocol == "rewriting"
    logdir = f"{scheme}://clouds-{uuid.uuid4()}/run"
    for step in range(4):
        async with summary.create_file_writer(logdir, resume=True) as writer:
            await writer.scalar("t", 1.0, step)
    assert await stored(logdir, None) == [0, 1, 2, 3]
    folder = open_folder(logdir)
    await folder.open()
    assert len(await folder.entries()) == 1
    await folder.close()
