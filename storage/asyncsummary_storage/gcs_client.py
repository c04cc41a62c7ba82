"""How does one request reach Google Cloud Storage? Through gcsfs, in one try, with a token that is still valid, its errors mapped.

gcsfs' plain class is used: its newer default class asks a gRPC service for the kind of bucket first, which takes minutes behind an
emulator or a proxy.
"""

import asyncio
import contextlib
import importlib
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from asyncsummary_storage.errors import PermanentError, StorageError, TransientError, UnsupportedError
from asyncsummary_storage.gcs_errors import denied, status_of, translated
from asyncsummary_storage.http_times import wait_asked

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_REFRESH_BEFORE = timedelta(minutes=4)
_PATIENCE_SECONDS = 2.0  # with a new token, while the old one holds


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


_NO_ANSWER = _Answer()

# What the last answer in this task said beside its content: gcsfs keeps the headers of an error to itself, and tells some statuses wrong.
_answer: ContextVar[_Answer] = ContextVar("_answer", default=_NO_ANSWER)


class GCSClient:
    """Requests about one bucket. ``options`` go to ``gcsfs.GCSFileSystem``, whose own reading of Google's credentials applies.

    With an ``emulator`` and no token given, requests are anonymous, as emulators expect.
    """

    def __init__(self, bucket: str, options: Mapping[str, Any], emulator: str | None = None) -> None:
        self._bucket = bucket
        self._options = dict(options)
        if emulator and "token" not in self._options:
            self._options["token"] = "anon"
        self._renewed = False
        self._fs: Any = None
        self._refreshing: asyncio.Future[None] | None = None
        self._send: Any = None

    @property
    def location(self) -> str:
        """Where requests go, without a path; empty before ``connect``."""
        return str(self._fs._location) if self._fs is not None else ""

    async def connect(self) -> None:
        """Import gcsfs and find the credentials; no request to the storage is sent."""
        if self._fs is None:
            core = await _import_gcsfs()
            _answer.set(_NO_ANSWER)
            with self._mapped(f"gs://{self._bucket}", sent=False):
                try:
                    fs = await asyncio.to_thread(self._make, core)
                except (KeyError, ValueError, TypeError) as error:  # what a malformed key file leads to, by way of several libraries
                    raise denied(f"gs://{self._bucket}: {type(error).__name__}: {error}", self._bucket) from error
                try:
                    await fs._set_session()
                except (ValueError, TypeError) as error:
                    raise PermanentError(f"gs://{self._bucket}: storage_options: session_kwargs: {error}") from error
                self._fs = fs

    def _make(self, core: Any) -> Any:
        import aiohttp

        watch = aiohttp.TraceConfig()
        watch.on_request_end.append(_note_answer)
        options = {"requests_timeout": aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=20), "project": "", **self._options}
        session = {"trace_configs": [], **options.get("session_kwargs", {})}
        options["session_kwargs"] = {**session, "trace_configs": [*session["trace_configs"], watch]}
        # Looking for credentials may ask Google's metadata server and block, so this runs in a thread.
        fs = core.GCSFileSystem(asynchronous=True, skip_instance_cache=True, **options)
        # gcsfs would renew the token by itself, on the event loop, by a blocking request, and give up a token that still holds.
        fs.credentials.maybe_refresh = lambda *_: None
        self._send = inspect.unwrap(core.GCSFileSystem._request)  # gcsfs' method without its decorator, which retries for 33 s
        return fs

    async def call(
        self,
        parse: Callable[[bytes], _T],
        method: str,
        path: str,
        *args: str,
        where: str,
        sent: bool = False,
        of_object: bool = False,
        **kwargs: Any,
    ) -> _T:
        """Send one request and return what is parsed from the answer. ``sent`` and ``of_object``: see ``gcs_errors.translated``."""
        with self._mapped(where, sent=sent, of_object=of_object):
            _answer.set(_NO_ANSWER)
            await self._refresh_early()
            token = self._token
            try:
                _status, _headers, _info, content = await self._send(self._fs, method, path, *args, **kwargs)
            except Exception as error:
                if status_of(error, self.status()) == 401 and (token != self._token or await self._renew(where)):
                    raise TransientError(f"{where}: the token was refused and is renewed: {error}") from error
                raise
            self._renewed = False
            return parse(content)

    def date(self) -> str | None:
        """Return the ``Date`` header of this task's last answer."""
        return _answer.get().headers.get("Date")

    def status(self) -> int | None:
        """Return the status of this task's last request, None if no answer came."""
        return _answer.get().status

    async def disconnect(self) -> None:
        """Close the session; calling it again does nothing."""
        fs, self._fs = self._fs, None
        if fs is not None and fs._session is not None:
            await fs._session.close()

    async def _refresh_early(self) -> None:
        """Get a token where there is none yet, and renew one that is about to run out. If that fails, or takes long, the old one is used
        to its end.
        """
        credentials = self._fs.credentials.credentials
        if credentials is None or _holds(credentials, _REFRESH_BEFORE):
            return
        is_waited_for = self._refreshing is None or self._refreshing.done()
        refreshing = self._refresh(credentials)
        if not _holds(credentials, timedelta()):
            await asyncio.shield(refreshing)
        elif is_waited_for:
            await asyncio.wait([refreshing], timeout=_PATIENCE_SECONDS)

    def _refresh(self, credentials: Any) -> "asyncio.Future[None]":
        """Get a new token in a thread; one is enough, also where the server of tokens does not answer."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().run_in_executor(None, _refresh, credentials)
            self._refreshing.add_done_callback(self._note_refreshed)
        return self._refreshing

    def _note_refreshed(self, refreshing: "asyncio.Future[None]") -> None:
        if not refreshing.cancelled() and (error := refreshing.exception()) is not None:
            logger.debug("gs://%s: the token is not renewed yet: %s", self._bucket, error)

    @property
    def _token(self) -> Any:
        return getattr(self._fs.credentials.credentials, "token", None)

    async def _renew(self, where: str) -> bool:
        """Get a new token although ours should hold: it may be revoked. False: there is none to get, or a new one was refused, too."""
        credentials = self._fs.credentials.credentials
        if credentials is None or self._renewed:
            return False
        _answer.set(_NO_ANSWER)  # what follows is asked of the token server
        with self._mapped(where, sent=False):
            await asyncio.shield(self._refresh(credentials))
        self._renewed = True
        return True

    @contextlib.contextmanager
    def _mapped(self, where: str, *, sent: bool, of_object: bool = False) -> Iterator[None]:
        """Turn the errors of gcsfs, google-auth and aiohttp into ours."""
        try:
            yield
        except (StorageError, asyncio.CancelledError):
            raise
        except Exception as error:  # the border: whatever a client library raises becomes one of ours, with its cause
            answer = _answer.get()
            wait = wait_asked(answer.headers.get("Retry-After"))
            raise translated(error, where, self._bucket, sent=sent, of_object=of_object, wait=wait, answered=answer.status) from error


async def _note_answer(_session: Any, _context: Any, answered: Any) -> None:
    _answer.set(_Answer(answered.response.status, answered.response.headers))


def _holds(credentials: Any, longer_than: timedelta) -> bool:
    """Return whether there is a token that is good for some time yet; google-auth takes the last minutes for none."""
    if credentials.expiry is None:
        return bool(credentials.valid)
    return credentials.token is not None and credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC) > longer_than


def _refresh(credentials: Any) -> None:
    import requests
    from google.auth.transport.requests import Request

    with requests.Session() as session:
        credentials.refresh(Request(session))


async def _import_gcsfs() -> Any:
    try:
        return await asyncio.to_thread(importlib.import_module, "gcsfs.core")  # about a second of imports, off the event loop
    except ImportError as error:
        raise UnsupportedError("gs:// needs the package gcsfs: pip install gcsfs") from error
