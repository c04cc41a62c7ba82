"""The backends that the contract suite runs over, each with a place that outlives the folders opened on it."""

import contextlib
import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

from asyncsummary_storage import FaultyFolder, Folder, Growth, LocalFolder, MemoryDisk, MemoryFolder, Script, Terms, open_folder
from asyncsummary_storage.gcs import TAILS, GCSStore
from asyncsummary_storage.objects import ObjectFolder
from asyncsummary_storage.s3 import S3Store
from tests.support.gcs_fake import GCSFake
from tests.support.s3_fake import S3Fake
from tests.support.servers import MotoServer
from tests.support.strikes import Strikes

SMALLEST = 1000
"""From how many bytes on the fakes let objects be extended."""

_count = itertools.count()


class RewritingFileSystem(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A filesystem of a scheme that is not known to append."""

    protocol = "rewriting"
    store: dict[str, Any] = {}  # noqa: RUF012  # fsspec's own pattern: all instances share it
    pseudo_dirs = [""]  # noqa: RUF012


fsspec.register_implementation("rewriting", RewritingFileSystem, clobber=True)


@dataclass(frozen=True, slots=True)
class Struck:
    """A fake server's side of a place, for extends that go wrong.

    ``requests`` are the operations of one extend, in order, of which the last alone makes it visible. ``traces`` counts what extends
    left behind; ``overwrite`` is another writer, and ``history`` every content that an object ever had.
    """

    strikes: Strikes
    requests: tuple[str, ...]
    cleaning: str
    listing: str
    traces: Callable[[], int]
    overwrite: Callable[[str, bytes], None]
    history: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that folders can be opened on, again and again. ``growth`` is what its segments are to say."""

    make_folder: Callable[[], Folder]
    growth: Growth
    can_cut: bool
    struck: Struck | None = None


Backend = Callable[[], contextlib.AbstractAsyncContextManager[Place]]


@contextlib.asynccontextmanager
async def memory() -> AsyncIterator[Place]:
    disk = MemoryDisk()
    yield Place(lambda: MemoryFolder("run", disk), Growth.IN_PLACE, can_cut=True)


@contextlib.asynccontextmanager
async def faultless() -> AsyncIterator[Place]:
    disk = MemoryDisk()
    yield Place(lambda: FaultyFolder(MemoryFolder("run", disk, Growth.REWRITE), Script()), Growth.REWRITE, can_cut=True)


def local(folder: Path, *, fsync: bool) -> Backend:
    @contextlib.asynccontextmanager
    async def made() -> AsyncIterator[Place]:
        yield Place(lambda: LocalFolder(folder / "deep" / "run", fsync=fsync), Growth.IN_PLACE, can_cut=True)

    return made


def s3(server: MotoServer) -> Backend:
    @contextlib.asynccontextmanager
    async def made() -> AsyncIterator[Place]:
        server.make_bucket("contract")
        url = f"s3://contract/{uuid.uuid4()}/run"
        yield Place(lambda: open_folder(url, server.options()), Growth.REWRITE, can_cut=False)

    return made


@contextlib.asynccontextmanager
async def memory_extending() -> AsyncIterator[Place]:
    disk, terms = MemoryDisk(), Terms(Growth.REWRITE, extend_from=SMALLEST, extend_requests=1)
    yield Place(lambda: FaultyFolder(MemoryFolder("run", disk, terms), Script()), Growth.REWRITE, can_cut=True)


@contextlib.asynccontextmanager
async def s3_fake() -> AsyncIterator[Place]:
    async with S3Fake(smallest_part=SMALLEST) as server:
        bucket = server.make_bucket("contract")

        def make_folder() -> Folder:
            store = S3Store("contract", server.options())
            store.smallest_part = SMALLEST
            return ObjectFolder(store, "s3://contract/some/run", "some/run")

        struck = Struck(
            server.strikes,
            ("CreateMultipartUpload", "UploadPartCopy", "UploadPart", "CompleteMultipartUpload"),
            "AbortMultipartUpload",
            "ListMultipartUploads",
            lambda: len(bucket.uploads),
            lambda name, content: bucket.overwrite(f"some/run/{name}", content),
            bucket.history,
        )
        yield Place(make_folder, Growth.REWRITE, can_cut=False, struck=struck)


@contextlib.asynccontextmanager
async def s3_express_fake() -> AsyncIterator[Place]:
    async with S3Fake() as server:
        server.make_bucket("contract--use1-az4--x-s3")
        url = "s3://contract--use1-az4--x-s3/some/run"
        yield Place(lambda: open_folder(url, server.options()), Growth.IN_PLACE, can_cut=False)


@contextlib.asynccontextmanager
async def gcs() -> AsyncIterator[Place]:
    async with GCSFake(buckets={"contract": {}}) as server:
        objects = server.buckets["contract"]

        def make_folder() -> Folder:
            store = GCSStore("contract", server.options())
            store.extend_from = SMALLEST
            return ObjectFolder(store, "gs://contract/some/run", "some/run")

        struck = Struck(
            server.strikes,
            ("upload", "compose"),
            "delete",
            "list",
            lambda: sum(key.startswith(TAILS) for key in objects),
            lambda name, content: server.overwrite("contract", f"some/run/{name}", content),
            server.history,
        )
        yield Place(make_folder, Growth.REWRITE, can_cut=False, struck=struck)


@contextlib.asynccontextmanager
async def fsspec_appending() -> AsyncIterator[Place]:
    url = f"memory://contract-{next(_count)}/run"
    yield Place(lambda: open_folder(url), Growth.IN_PLACE, can_cut=False)


@contextlib.asynccontextmanager
async def fsspec_rewriting() -> AsyncIterator[Place]:
    url = f"rewriting://contract-{next(_count)}/run"
    yield Place(lambda: open_folder(url), Growth.REWRITE, can_cut=False)
