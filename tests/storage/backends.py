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

from asyncsummary_storage import FaultyFolder, Folder, Growth, LocalFolder, MemoryDisk, MemoryFolder, Script, open_folder
from tests.support.gcs_fake import GCSFake
from tests.support.servers import MotoServer

_count = itertools.count()


class RewritingFileSystem(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A filesystem of a scheme that is not known to append."""

    protocol = "rewriting"
    store: dict[str, Any] = {}  # noqa: RUF012  # fsspec's own pattern: all instances share it
    pseudo_dirs = [""]  # noqa: RUF012


fsspec.register_implementation("rewriting", RewritingFileSystem, clobber=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that folders can be opened on, again and again. ``growth`` is what its segments are to say."""

    make_folder: Callable[[], Folder]
    growth: Growth
    can_cut: bool


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
async def gcs() -> AsyncIterator[Place]:
    async with GCSFake(buckets={"contract": {}}) as server:
        yield Place(lambda: open_folder("gs://contract/some/run", server.options()), Growth.REWRITE, can_cut=False)


@contextlib.asynccontextmanager
async def fsspec_appending() -> AsyncIterator[Place]:
    url = f"memory://contract-{next(_count)}/run"
    yield Place(lambda: open_folder(url), Growth.IN_PLACE, can_cut=False)


@contextlib.asynccontextmanager
async def fsspec_rewriting() -> AsyncIterator[Place]:
    url = f"rewriting://contract-{next(_count)}/run"
    yield Place(lambda: open_folder(url), Growth.REWRITE, can_cut=False)
