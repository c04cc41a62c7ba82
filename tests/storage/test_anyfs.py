"""Other fsspec filesystems: their errors become ours, and a write that did not happen is noticed."""

import asyncio
import itertools
import shutil
import threading
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFile

from asyncsummary_storage import (
    NOTHING,
    AccessDeniedError,
    NotAFolderError,
    OutcomeUnknownError,
    PermanentError,
    PreconditionFailedError,
    StorageError,
    TransientError,
    UnsupportedError,
    open_folder,
)
from asyncsummary_storage.anyfs import FsspecFolder
from tests.storage.backends import RewritingFileSystem

_count = itertools.count()


class HostFileSystem(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A filesystem that has real folders, as that of another host has."""

    protocol = "host"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(LocalFileSystem._strip_protocol(str(path).removeprefix("host://")))


class AskingFileSystem(HostFileSystem):
    """A filesystem that has to be told something."""

    protocol = "asking"

    def __init__(self, password: str) -> None:
        super().__init__()


fsspec.register_implementation("host", HostFileSystem, clobber=True)
fsspec.register_implementation("asking", AskingFileSystem, clobber=True)


def new_url() -> str:
    return f"rewriting://anyfs-{next(_count)}/run"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (PermissionError("no"), AccessDeniedError),
        (ConnectionRefusedError("away"), TransientError),
        (FileNotFoundError("not mounted"), TransientError),
        (NotImplementedError(), UnsupportedError),
        (ImportError("install it"), UnsupportedError),
        (RuntimeError("of its own kind"), OutcomeUnknownError),
    ],
)
async def test_errors(raised: Exception, kind: type[StorageError], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a filesystem raises, with its cause; what is not known may have had an effect."""

    def fail(self: Any, path: str, value: bytes, **kwargs: Any) -> None:
        raise raised

    folder = open_folder(new_url())
    await folder.open()
    monkeypatch.setattr(RewritingFileSystem, "pipe_file", fail)
    with pytest.raises(kind) as caught:
        await folder.segment("a").append(b"x", NOTHING)
    assert type(caught.value) is kind
    assert caught.value.__cause__ is raised
    await folder.close()


@pytest.mark.parametrize(("options", "said"), [({}, "password"), ({"password": "a", "bogus": 1}, "bogus")])
async def test_options_that_can_never_work(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    """Are told by their names, and not tried again and again."""
    folder = FsspecFolder(f"asking://{tmp_path}/run", "asking", options)
    for _ in range(2):
        with pytest.raises(PermanentError, match=rf"storage_options: .*'{said}'"):
            await folder.open()
    await folder.close()


@pytest.mark.parametrize("size", [0, 2, 5])
async def test_a_write_that_was_cut_off(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many truncate a file and then send it again, longer: what a broken connection took from it is there again after a look."""
    folder = open_folder(new_url())
    await folder.open()
    segment, pipe = folder.segment("a"), RewritingFileSystem.pipe_file
    end = await segment.append(b"one", NOTHING)

    def torn(self: Any, path: str, value: bytes, **kwargs: Any) -> None:
        pipe(self, path, bytes(value)[:size], **kwargs)
        raise ConnectionResetError("Connection reset by peer")

    with monkeypatch.context() as patch, pytest.raises(OutcomeUnknownError):
        patch.setattr(RewritingFileSystem, "pipe_file", torn)
        await segment.append(b"two", end)
    found = await segment.probe()
    assert await segment.read(0, 100) == b"onetwo"
    await segment.append(b"three", found)
    assert await segment.read(0, 100) == b"onetwothree"
    await folder.close()


async def test_a_write_that_did_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some filesystems take bytes without a word and store none, or others."""
    folder = open_folder(new_url())
    await folder.open()
    segment = folder.segment("a")
    end = await segment.append(b"one", NOTHING)
    monkeypatch.setattr(RewritingFileSystem, "pipe_file", lambda self, path, value, **kwargs: None)
    with pytest.raises(OutcomeUnknownError, match="has 3 bytes where 6 were due"):
        await segment.append(b"two", end)
    with pytest.raises(UnsupportedError, match="cannot be written to"):
        await folder.segment("b").append(b"one", NOTHING)
    await folder.close()


async def test_what_hangs_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that nobody waits for any more still writes: where the segment ends is told when that is over."""
    folder = open_folder(f"memory://anyfs-{next(_count)}/run")
    await folder.open()
    segment = folder.segment("a")
    end = await segment.append(b"one", NOTHING)
    begun, go_on, write = threading.Event(), threading.Event(), MemoryFile.write

    def slow(self: MemoryFile, data: bytes) -> int:
        begun.set()
        assert go_on.wait(30)
        return int(write(self, data))

    monkeypatch.setattr(MemoryFile, "write", slow)
    append = asyncio.create_task(segment.append(b"two", end))
    await asyncio.to_thread(begun.wait, 30)
    append.cancel()
    with pytest.raises(asyncio.CancelledError):
        await append
    probe = asyncio.create_task(segment.probe())
    for _ in range(3):
        await asyncio.to_thread(int)
    assert not probe.done()
    go_on.set()
    assert (await probe).offset == 6
    await folder.close()


async def test_a_file_where_the_folder_should_be() -> None:
    """Is told when it is opened."""
    url = new_url()
    filesystem, path = url_to_fs(url)
    filesystem.pipe(path, b"file")
    with pytest.raises(NotAFolderError):
        await open_folder(url).open()


async def test_a_folder_that_is_gone() -> None:
    """Holds nothing."""
    url = new_url()
    folder = open_folder(url)
    await folder.open()
    filesystem, path = url_to_fs(url)
    filesystem.rm(path, recursive=True)
    assert await folder.entries() == []
    await folder.open()
    assert await folder.entries() == []
    await folder.close()


@pytest.mark.parametrize("scheme", ["sftp", "other"], ids=["appending", "rewriting"])
async def test_a_folder_that_somebody_removed(scheme: str, tmp_path: Path) -> None:
    """Is made again, for a new segment and for a file beside it; a segment that was in it is missed."""
    folder = FsspecFolder(f"host://{tmp_path}/run", scheme, {})
    await folder.open()
    for name in ("append", "put"):
        shutil.rmtree(tmp_path / "run")
        await (folder.segment("a").append(b"x", NOTHING) if name == "append" else folder.put("a", b"x", NOTHING))
        assert (tmp_path / "run" / "a").read_bytes() == b"x"
    end = await folder.segment("a").probe()
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(PreconditionFailedError):
        await folder.segment("a").append(b"y", end)
    assert not (tmp_path / "run").exists()
    await folder.close()


async def test_a_folder_that_cannot_be_made_for_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told as an error of ours, when it is opened and when it is written to."""
    folder = FsspecFolder(f"host://{tmp_path}/run", "sftp", {})
    await folder.open()
    shutil.rmtree(tmp_path / "run")

    def fail(self: Any, path: str, exist_ok: bool = False) -> None:
        raise FileNotFoundError("not mounted")

    monkeypatch.setattr(HostFileSystem, "makedirs", fail)
    with pytest.raises(TransientError, match="not mounted"):
        await folder.segment("a").append(b"x", NOTHING)
    with pytest.raises(TransientError, match="not mounted"):
        await folder.open()
    await folder.close()
