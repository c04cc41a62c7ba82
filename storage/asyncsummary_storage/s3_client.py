"""How does one request reach S3? Through s3fs, in one try, with credentials that are still valid, its errors mapped.

s3fs and botocore retry by themselves, and their retries multiply (25 requests for one lasting 503); both are switched off, since
whoever appends has one retry layer of its own. aiohttp still sends a PUT twice when a kept-alive connection drops, so a refused
precondition can be the echo of our own success.
"""

import asyncio
import contextlib
import importlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from asyncsummary_storage.content import InTurns
from asyncsummary_storage.errors import PermanentError, StorageError, UnsupportedError
from asyncsummary_storage.s3_errors import is_expired, translated

_ONE_TRY = {"retries": {"mode": "standard", "total_max_attempts": 1}, "read_timeout": 20, "connect_timeout": 5}


class S3Client:
    """Requests to one bucket. ``options`` go to ``s3fs.S3FileSystem``, whose own reading of the AWS variables and files applies."""

    def __init__(self, bucket: str, options: Mapping[str, Any]) -> None:
        self._bucket = bucket
        self._options = dict(options)
        self._session: Any = None
        self._expired = False
        self.fs: Any = None

    async def connect(self) -> None:
        """Import s3fs and make a session; no request is sent."""
        if self.fs is None:
            s3fs = await _import_s3fs()
            options = {**self._options, "config_kwargs": {**_ONE_TRY, **self._options.get("config_kwargs", {})}}
            with self._options_blamed():
                # An instance serves one event loop for good, so it must not come from the cache of instances.
                self.fs = s3fs.S3FileSystem(asynchronous=True, skip_instance_cache=True, **options)
            self.fs.retries = 1
        with self.mapped(f"s3://{self._bucket}", sent=False), self._options_blamed():
            if self.fs.session is None:
                self.fs.session = await asyncio.to_thread(_prepared_session, self.fs.kwargs)
            self._use(await self.fs.set_session())
        # It is asked for before each request. s3fs 2026.2 to 2026.4 take a session for closed that has sent nothing yet, and make another.
        self.fs.set_session = self._present_session

    def knows(self, operation: str, *arguments: str) -> bool:
        """Return whether botocore knows these arguments: s3fs drops those it does not know, and a write would be unconditional."""
        return set(arguments) <= set(self._session.meta.service_model.operation_model(operation).input_shape.members)

    async def call(self, operation: str, where: str, *, sent: bool, giving: Sequence[str] = (), **arguments: Any) -> Any:
        """Send one request and return botocore's parsed answer.

        ``sent``: no answer means that it may have had an effect. ``giving``: without these in it, it is no answer.
        """
        with self.mapped(where, sent=sent):
            await self._renew()
            answer = await self.fs._call_s3(operation, Bucket=self._bucket, **arguments)
            missing = [name for name in giving if name not in answer]
            if missing:
                raise ValueError(f"the answer has no {', '.join(missing)}")
            return answer

    async def disconnect(self) -> None:
        """Close the session; calling it again does nothing."""
        if self._session is not None:
            await self._session.close()
            self._session = None
            self.fs = None

    @contextlib.contextmanager
    def mapped(self, where: str, *, sent: bool) -> Iterator[None]:
        """Turn the errors of s3fs, botocore and aiohttp into ours."""
        try:
            yield
        except (StorageError, asyncio.CancelledError):
            raise
        except Exception as error:  # the border: whatever a client library raises becomes one of ours, with its cause
            self._expired = self._expired or is_expired(error)
            raise translated(error, where, self._bucket, sent=sent) from error

    @contextlib.contextmanager
    def _options_blamed(self) -> Iterator[None]:
        """Take errors about arguments for what they are while a session is made; credentials may be asked for there, by other means."""
        try:
            yield
        except (TypeError, ValueError) as error:
            if isinstance(error, OSError | json.JSONDecodeError):  # these are of connections, and of what commands and servers answer
                raise
            raise PermanentError(f"s3://{self._bucket}: storage_options: {error}") from error

    def _use(self, session: Any) -> None:
        """Send by this session from now on."""
        if session is not self._session:
            session.meta.events.register("before-send.s3", _sent_in_turns)
        self._session = session

    async def _present_session(self) -> Any:
        return self._session

    async def _renew(self) -> None:
        """Read the credentials anew once they were found expired: a session keeps those of a file or a variable as it read them first."""
        if not self._expired:
            return
        self._expired = False
        old = self._session
        try:
            self._use(await type(self.fs).set_session(self.fs, refresh=True))  # the instance's own gives the present one
        except BaseException:  # cancellation, too: the next request tries again
            self._expired = True
            raise
        await old.close()


def _sent_in_turns(request: Any, **_context: Any) -> None:
    """Let other tasks have turns while botocore's request is sent."""
    if isinstance(request.body, AsyncIterator):
        request.body = InTurns(request.body)


async def _import_s3fs() -> Any:
    try:
        return await asyncio.to_thread(importlib.import_module, "s3fs")  # about a second of imports, off the event loop
    except ImportError as error:
        raise UnsupportedError("s3:// needs the package s3fs: pip install s3fs") from error


def _prepared_session(options: Mapping[str, Any]) -> Any:
    """Return a session that has botocore's descriptions of S3: 50 ms of JSON, which it would else read on the event loop."""
    session = importlib.import_module("aiobotocore.session").AioSession(**options)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


@lru_cache(maxsize=1)
def _loader(data_path: str | None) -> Any:
    """Return a loader that has read them. All sessions share it: each would else hold megabytes of the same."""
    loader = importlib.import_module("botocore.loaders").create_loader(data_path)
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data(name)
    for name in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model("s3", name)
    return loader
