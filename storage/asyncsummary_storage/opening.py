"""Which backend serves a URL? Found out without importing any cloud package; those come with ``Folder.open``."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asyncsummary_storage.errors import UnsupportedError
from asyncsummary_storage.local import LocalFolder
from asyncsummary_storage.objects import ObjectFolder
from asyncsummary_storage.protocols import Folder

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_LOCAL = frozenset({"file", "local"})
_S3 = frozenset({"s3", "s3a"})
_GCS = frozenset({"gs", "gcs"})


def scheme_of(url: str) -> str | None:
    """Return the URL's scheme in lower case, or None for a plain path."""
    found = _SCHEME.match(url)
    return found.group(1).lower() if found else None


def is_local(url: str) -> bool:
    """Return whether the URL is on a disk of this machine."""
    scheme = scheme_of(url)
    return "::" not in url and (scheme is None or scheme in _LOCAL)


def absolute(url: str) -> str:
    """Return the URL of the same place for good: whatever the program's current folder becomes, and for programs in other folders."""
    if not is_local(url):
        return url
    try:
        return str(Path(_local_path(url)).absolute())
    except OSError:  # the current folder is gone; what that means is told at opening
        return url


def open_folder(url: str, storage_options: Mapping[str, Any] | None = None) -> Folder:
    """Return the folder of a path or URL, not yet opened.

    ``storage_options`` go to the fsspec filesystem of that scheme; for a local folder the one option is ``fsync`` (bool).

    Raises:
        UnsupportedError: the scheme is unknown, or chained (``a::b``), since caches in between answer before bytes are stored.
    """
    options = dict(storage_options or {})
    if "::" in url:
        raise UnsupportedError(f"{url}: chained URLs cannot be appended to safely; give the last one, {url.rsplit('::', 1)[1]!r}")
    scheme = scheme_of(url)
    if scheme is None or scheme in _LOCAL:
        return _local(url, options)
    bucket, _, prefix = url[len(scheme) + 3 :].partition("/")
    if scheme in _S3 | _GCS and not bucket:
        raise UnsupportedError(f"{url}: names no bucket; write {scheme}://bucket/folder")
    if scheme in _S3:
        from asyncsummary_storage.s3 import S3Store
        from asyncsummary_storage.s3_express import S3ExpressStore, is_directory_bucket

        if is_directory_bucket(bucket):
            return ObjectFolder(S3ExpressStore(bucket, options), url, prefix)
        return ObjectFolder(S3Store(bucket, options), url, prefix)
    if scheme in _GCS:
        from asyncsummary_storage.gcs import GCSStore

        return ObjectFolder(GCSStore(bucket, options, os.environ.get("STORAGE_EMULATOR_HOST")), url, prefix)
    return _any(url, scheme, options)


def _local(url: str, options: dict[str, Any]) -> LocalFolder:
    fsync = options.pop("fsync", False)
    if options:
        raise UnsupportedError(f"{url}: a local folder knows the option 'fsync' only, not {', '.join(map(repr, options))}")
    return LocalFolder(_local_path(url), fsync=bool(fsync))


def _local_path(url: str) -> str:
    scheme = scheme_of(url)
    return os.path.expanduser(url if scheme is None else url[len(scheme) + 3 :])


def _any(url: str, scheme: str, options: dict[str, Any]) -> Folder:
    import fsspec

    from asyncsummary_storage.anyfs import FsspecFolder

    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise UnsupportedError(f"{url}: {error}") from error
    except ValueError as error:
        known = ", ".join(sorted({"file", "s3", "gs", *fsspec.available_protocols()}))
        raise UnsupportedError(
            f"{url}: unknown URL scheme {scheme!r}. A plain path is a local folder; s3:// needs the package s3fs and gs:// the package "
            f"gcsfs (both come with this one), others the package that fsspec names for them; known: {known}"
        ) from error
    return FsspecFolder(url, scheme, options)
