"""Which backend serves a URL, and what is said about those that none serves."""

import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
from fsspec import AbstractFileSystem

from asyncsummary_storage import NOTHING, LocalFolder, UnsupportedError, absolute, is_local, open_folder, scheme_of
from asyncsummary_storage.anyfs import FsspecFolder
from asyncsummary_storage.objects import ObjectFolder


@pytest.mark.parametrize(
    ("url", "scheme", "local"),
    [
        ("runs/a", None, True),
        ("/abs/path", None, True),
        ("C:stuff", None, True),
        ("file:///abs", "file", True),
        ("s3://b/a", "s3", False),
        ("S3://b/a", "s3", False),
        ("gs://b/a", "gs", False),
        ("simplecache::file:///a", None, False),
    ],
)
def test_schemes(url: str, scheme: str | None, local: bool) -> None:
    """A scheme is what stands before ``://``."""
    assert scheme == scheme_of(url)
    assert local is is_local(url)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("runs/a", "here/runs/a"),
        (".", "here"),
        ("~/runs", "home/runs"),
        ("file://runs/a", "here/runs/a"),
        ("file://~/runs", "home/runs"),
    ],
)
def test_local_urls_made_absolute(url: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are paths of the folder that was the current one, or of the user's."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert absolute(url) == str(tmp_path / path)


@pytest.mark.parametrize(
    ("url", "path"), [("/abs/path", None), ("file:///abs", "/abs"), ("s3://b/a", None), ("memory://~/a", None), ("cache::file:///a", None)]
)
def test_urls_that_are_absolute(url: str, path: str | None) -> None:
    """Stay what they are, wherever the program is."""
    assert absolute(url) == (path or url)


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes nothing absolute; what is absolute, or the user's, is."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (absolute("runs"), absolute("/runs"), absolute("~/runs")) == ("runs", "/runs", str(tmp_path / "runs"))


def test_backends() -> None:
    """Each scheme has its backend; nothing is opened yet."""
    assert isinstance(open_folder("runs"), LocalFolder)
    assert isinstance(open_folder("file:///runs"), LocalFolder)
    assert isinstance(open_folder("s3://bucket/run"), ObjectFolder)
    assert isinstance(open_folder("gcs://bucket"), ObjectFolder)
    assert isinstance(open_folder("memory://run"), FsspecFolder)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nosuch://x/y", r"unknown URL scheme 'nosuch'.*s3:// needs the package s3fs.*known: .*\bgs\b.*\bs3\b"),
        ("s3:///run", "names no bucket"),
        ("gs://", "names no bucket"),
        ("simplecache::s3://b/run", "chained URLs cannot be appended to safely; give the last one, 's3://b/run'"),
        ("abfs://container/run", "adlfs"),
    ],
)
def test_urls_that_cannot_be_used(url: str, message: str) -> None:
    """The error says what can."""
    with pytest.raises(UnsupportedError, match=message):
        open_folder(url)


def test_options_of_local_folders(tmp_path: Path) -> None:
    """There is one; others are mistakes."""
    open_folder(str(tmp_path), {"fsync": True})
    with pytest.raises(UnsupportedError, match="'anon'"):
        open_folder(str(tmp_path), {"anon": True})


class ReadOnlyFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A filesystem that knows how to look, and nothing else."""

    protocol = "readonly"

    def ls(self, path: str, detail: bool = True, **kwargs: object) -> list[object]:
        raise FileNotFoundError(path)


async def test_a_filesystem_that_cannot_be_written_to() -> None:
    """Is refused at the first append, in words that say why."""
    fsspec.register_implementation("readonly", ReadOnlyFileSystem, clobber=True)
    folder = open_folder("readonly://some/run")
    await folder.open()
    with pytest.raises(UnsupportedError, match="cannot be written to"):
        await folder.segment("a").append(b"x", NOTHING)


def test_no_cloud_package_is_imported_early() -> None:
    """Importing the packages, and opening a local folder, loads none of fsspec's packages."""
    code = (
        "import sys, asyncsummary, asyncsummary_storage as s; s.open_folder('runs'); s.open_folder('s3://b/r'); s.open_folder('gs://b/r');"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'fsspec', 's3fs', 'gcsfs', 'aiohttp', 'botocore', 'aiobotocore'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
