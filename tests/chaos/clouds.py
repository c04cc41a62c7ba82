"""Where are the buckets of this suite? An S3 server and one for GCS, with a proxy that does harm before each run's logdir."""

import functools
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import aiohttp
import botocore.loaders
from yarl import URL

from tests.chaos.verdict import Stored, read_segments
from tests.support.chaos_proxy import ChaosProxy
from tests.support.gcs_fake import GCSFake
from tests.support.s3_fake import S3Fake
from tests.support.servers import MotoServer

BUCKET = "chaos"
BACKENDS = ("s3", "s3 strict", "gs")
SILENCE_SECONDS = 1.0
"""How long a client waits for an answer here; a hang costs so much."""

_NAMED = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}


@dataclass(frozen=True, slots=True)
class Cloud:
    """A logdir, options that lead there directly, options that lead through the proxy, and a look past all code that is tested."""

    logdir: str
    direct: Mapping[str, Any]
    harmed: Mapping[str, Any]
    proxy: ChaosProxy
    read: Callable[[], Awaitable[Stored]]


@asynccontextmanager
async def cloud(backend: str, moto: MotoServer, name: str) -> AsyncIterator[Cloud]:
    """Yield an empty logdir of that name behind a proxy of its own."""
    if backend == "s3":
        async with ChaosProxy(moto.url) as proxy:
            short = {"config_kwargs": {"read_timeout": SILENCE_SECONDS, "connect_timeout": 5}}
            read = functools.partial(read_s3, moto.url, f"{name}/")
            yield Cloud(f"s3://{BUCKET}/{name}", moto.options(), {**moto.options(proxy.url), **short}, proxy, read)
        return
    if backend == "s3 strict":  # keeps the preconditions of multipart uploads, too, which moto does not
        async with S3Fake() as strict, ChaosProxy(strict.url) as proxy:
            strict.make_bucket(BUCKET)
            short = {"config_kwargs": {"read_timeout": SILENCE_SECONDS, "connect_timeout": 5}}
            read = functools.partial(read_s3, strict.url, f"{name}/")
            yield Cloud(f"s3://{BUCKET}/{name}", strict.options(), {**strict.options(proxy.url), **short}, proxy, read)
        return
    async with GCSFake(buckets={BUCKET: {}}) as server, ChaosProxy(server.url) as proxy:
        patience = {"requests_timeout": aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE_SECONDS)}
        read = functools.partial(read_gcs, server.url, f"{name}/")
        yield Cloud(f"gs://{BUCKET}/{name}", server.options(), {**server.options(proxy.url), **patience}, proxy, read)


async def s3_contents(url: str, prefix: str) -> dict[str, bytes]:
    """Return what lies right under the prefix, by plain requests; the server wants to see a name, but no signature."""
    async with aiohttp.ClientSession(url, headers=_NAMED) as session:
        async with session.get(f"/{BUCKET}", params={"list-type": "2", "prefix": prefix, "delimiter": "/"}) as answer:
            listing = ElementTree.fromstring(await answer.text())
        names = [item.text or "" for item in listing.iter() if item.tag.endswith("}Key")]
        return {name.removeprefix(prefix): await _got(session, f"/{BUCKET}/{name}") for name in names}


async def gcs_contents(url: str, prefix: str) -> dict[str, bytes]:
    """Return what lies right under the prefix, by plain requests."""
    async with aiohttp.ClientSession(url) as session:
        async with session.get(f"/storage/v1/b/{BUCKET}/o", params={"prefix": prefix, "delimiter": "/"}) as answer:
            names = [item["name"] for item in (await answer.json()).get("items", ())]
        return {
            name.removeprefix(prefix): await _got(session, f"/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}?alt=media") for name in names
        }


async def gcs_put(url: str, key: str, data: bytes) -> None:
    """Store an object, by a plain request."""
    query = {"uploadType": "media", "name": key}
    async with aiohttp.ClientSession(url) as session, session.post(f"/upload/storage/v1/b/{BUCKET}/o", params=query, data=data) as answer:
        assert answer.status == 200, f"{key}: {answer.status}"


async def _got(session: aiohttp.ClientSession, path: str) -> bytes:
    async with session.get(URL(path, encoded=True)) as answer:
        assert answer.status == 200, f"{path}: {answer.status}"
        return await answer.read()


async def read_s3(url: str, prefix: str) -> Stored:
    """Read a run on S3."""
    return read_segments((await s3_contents(url, prefix)).items())


async def read_gcs(url: str, prefix: str) -> Stored:
    """Read a run on GCS."""
    return read_segments((await gcs_contents(url, prefix)).items())


@contextmanager
def shared_models() -> Iterator[None]:
    """Let botocore parse its descriptions of S3 once, and not for each of hundreds of clients: 0.15 s of each run."""
    original = botocore.loaders.JSONFileLoader.load_file

    @functools.cache
    def load(path: str) -> Any:
        return original(botocore.loaders.JSONFileLoader(), path)

    with patch.object(botocore.loaders.JSONFileLoader, "load_file", lambda _, path: load(path)):
        yield
