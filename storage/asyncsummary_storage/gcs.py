"""How does Google Cloud Storage answer the requests of ``ObjectStore``? Through gcsfs, one try each, every error mapped here.

gcsfs' plain class is used: its newer default class asks a gRPC service for the kind of bucket first, which takes minutes behind an
emulator or a proxy. Uploads are "media" uploads, since gcsfs' multipart form has a fixed boundary that a payload may contain.
"""

import asyncio
import contextlib
import importlib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncsummary_storage.errors import (
    AccessDeniedError,
    ContainerMissingError,
    OutcomeUnknownError,
    PermanentError,
    PreconditionFailedError,
    SegmentMissingError,
    StorageError,
    ThrottledError,
    TransientError,
    UnsupportedError,
)
from asyncsummary_storage.position import NOTHING, Position
from asyncsummary_storage.protocols import Entry

_REFRESH_BEFORE = timedelta(minutes=4)


class GCSStore:
    """One bucket. ``options`` go to ``gcsfs.GCSFileSystem``, whose own reading of Google's credentials applies.

    With STORAGE_EMULATOR_HOST set and no token given, requests are anonymous, as emulators expect.
    """

    def __init__(self, bucket: str, options: Mapping[str, Any], emulator: str | None = None) -> None:
        self._bucket = bucket
        self._options = dict(options)
        if emulator and "token" not in self._options:
            self._options["token"] = "anon"
        self._fs: Any = None
        self._send: Any = None

    async def connect(self, prefix: str) -> None:
        if self._fs is None:
            core = await _import_gcsfs()
            with self._mapped(f"gs://{self._bucket}", sent=False):
                try:
                    self._fs = await asyncio.to_thread(self._make, core)
                except (KeyError, ValueError, TypeError) as error:  # what a malformed key file leads to, by way of several libraries
                    raise _denied(f"gs://{self._bucket}: {type(error).__name__}: {error}", self._bucket) from error
        with self._mapped(f"gs://{self._bucket}/{prefix}", sent=False):
            await self._call("GET", "b/{}/o", self._bucket, prefix=prefix, maxResults=1)

    def _make(self, core: Any) -> Any:
        import aiohttp

        options = {"requests_timeout": aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=20), "project": "", **self._options}
        # Looking for credentials may ask Google's metadata server and block, so this runs in a thread.
        fs = core.GCSFileSystem(asynchronous=True, skip_instance_cache=True, **options)
        self._send = inspect.unwrap(core.GCSFileSystem._request)  # gcsfs' method without its decorator, which retries for 33 s
        return fs

    async def entries(self, prefix: str) -> list[Entry]:
        entries: list[Entry] = []
        token: str | None = None
        while True:
            with self._mapped(f"gs://{self._bucket}/{prefix}", sent=False):
                answer = await self._call("GET", "b/{}/o", self._bucket, prefix=prefix, delimiter="/", pageToken=token)
                page = json.loads(answer)
            entries += [Entry(item["name"].removeprefix(prefix), int(item["size"])) for item in page.get("items", ())]
            token = page.get("nextPageToken")
            if not token:
                return entries

    async def head(self, key: str) -> Position:
        try:
            with self._mapped(self._url(key), sent=False):
                return _position(await self._call("GET", "b/{}/o/{}", self._bucket, key))
        except SegmentMissingError:
            return NOTHING

    async def get(self, key: str, start: int, stop: int) -> bytes:
        with self._mapped(self._url(key), sent=False):
            return await self._call("GET", "b/{}/o/{}", self._bucket, key, alt="media", headers={"Range": f"bytes={start}-{stop - 1}"})

    async def put(self, key: str, content: bytes, replacing: Position) -> Position:
        upload = f"{self._fs._location}/upload/storage/v1/b/{self._bucket}/o"
        condition = replacing.version if replacing.exists else "0"
        with self._mapped(self._url(key), sent=True):
            answer = await self._call(
                "POST",
                upload,
                uploadType="media",
                name=key,
                ifGenerationMatch=condition,
                data=content,
                headers={"Content-Type": "application/octet-stream"},
            )
            return _position(answer)

    async def disconnect(self) -> None:
        fs, self._fs = self._fs, None
        if fs is not None and fs._session is not None:
            await fs._session.close()

    async def _call(self, method: str, path: str, *args: str, **kwargs: Any) -> bytes:
        await self._refresh_credentials()
        _status, _headers, _info, content = await self._send(self._fs, method, path, *args, **kwargs)
        return bytes(content)

    async def _refresh_credentials(self) -> None:
        """Renew a token that is about to run out, in a thread: gcsfs would do it on the event loop, by a blocking request."""
        credentials = self._fs.credentials.credentials
        expiry = getattr(credentials, "expiry", None)
        if expiry is not None and expiry - datetime.now(UTC).replace(tzinfo=None) < _REFRESH_BEFORE:
            await asyncio.to_thread(self._fs.credentials.maybe_refresh, int(_REFRESH_BEFORE.total_seconds()))

    def _url(self, key: str) -> str:
        return f"gs://{self._bucket}/{key}"

    @contextlib.contextmanager
    def _mapped(self, where: str, *, sent: bool) -> Iterator[None]:
        """Turn the errors of gcsfs, google-auth and aiohttp into ours. ``sent``: the request may have had an effect."""
        try:
            yield
        except (StorageError, asyncio.CancelledError):
            raise
        except Exception as error:  # the border: whatever a client library raises becomes one of ours, with its cause
            raise _translated(error, where, self._bucket, sent=sent) from error


def _position(metadata: bytes) -> Position:
    fields = json.loads(metadata)
    return Position(int(fields["size"]), str(fields["generation"]))


def _translated(error: Exception, where: str, bucket: str, *, sent: bool) -> StorageError:
    said = f"{where}: {type(error).__name__}: {error}"
    status = _status(error)
    if status == 412:
        return PreconditionFailedError(f"{where}: the object's generation is another")
    if status == 404:
        # An upload or a listing finds everything but the bucket by itself; for other requests it is the object that is missing.
        if sent or where.endswith("/") or where == f"gs://{bucket}":
            return ContainerMissingError(f"{where}: there is no bucket {bucket!r}; create it, or correct the logdir")
        return SegmentMissingError(said)
    if status == 429:
        return ThrottledError(said)
    if status in {401, 403} or _is_credentials_problem(error):
        return _denied(said, bucket)
    if status is not None and 400 <= status < 500 and status != 408:
        return PermanentError(said)
    if status == 503 or not sent or _never_connected(error):
        return TransientError(said)
    return OutcomeUnknownError(said)


def _denied(said: str, bucket: str) -> AccessDeniedError:
    return AccessDeniedError(
        f"{said}. Run 'gcloud auth application-default login', set GOOGLE_APPLICATION_CREDENTIALS or storage_options={{'token': ...}}, "
        f"and see that they may list, read and write objects in bucket {bucket!r}"
    )


def _status(error: Exception) -> int | None:
    """Return the HTTP status that gcsfs turned into various exceptions."""
    if isinstance(error, FileNotFoundError):
        return 404
    if isinstance(error, FileExistsError):
        return 412
    if isinstance(error, OSError) and str(error).startswith("Forbidden"):
        return 403
    if isinstance(error, ValueError) and str(error).startswith("Bad Request"):
        return 400
    code = getattr(error, "code", None)
    return int(code) if isinstance(code, int | str) and str(code).isdigit() else None


def _is_credentials_problem(error: Exception) -> bool:
    auth = sys.modules["google.auth.exceptions"]
    return isinstance(error, auth.GoogleAuthError) and not isinstance(error, auth.TransportError)


def _never_connected(error: Exception) -> bool:
    return isinstance(error, sys.modules["aiohttp"].ClientConnectorError)


async def _import_gcsfs() -> Any:
    try:
        return await asyncio.to_thread(importlib.import_module, "gcsfs.core")  # about a second of imports, off the event loop
    except ImportError as error:
        raise UnsupportedError("gs:// needs the package gcsfs: pip install gcsfs") from error
