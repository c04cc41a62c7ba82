"""How does S3 answer the requests of ``ObjectStore``? Through s3fs, one try each, every error mapped here.

s3fs and botocore retry by themselves, and their retries multiply (25 requests for one lasting 503); both are switched off, since
whoever appends has one retry layer of its own. aiohttp still sends a PUT twice when a kept-alive connection drops, so a refused
precondition can be the echo of our own success.
"""

import asyncio
import contextlib
import importlib
import sys
from collections.abc import Iterator, Mapping
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

_ONE_TRY = {"retries": {"mode": "standard", "total_max_attempts": 1}, "read_timeout": 20, "connect_timeout": 5}

# Codes of the S3 API's error table, and those of the token services behind credentials.
_REFUSED = {"PreconditionFailed", "412"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted"}
_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "429"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_DENIED = {
    "AccessDenied",
    "AllAccessDisabled",
    "AccountProblem",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
    "UnauthorizedAccess",
    "401",
    "403",
}


class S3Store:
    """One bucket. ``options`` go to ``s3fs.S3FileSystem``, whose own reading of the AWS variables and files applies."""

    def __init__(self, bucket: str, options: Mapping[str, Any]) -> None:
        self._bucket = bucket
        self._options = dict(options)
        self._fs: Any = None
        self._session: Any = None

    async def connect(self, prefix: str) -> None:
        if self._fs is None:
            s3fs = await _import_s3fs()
            options = {**self._options, "config_kwargs": {**_ONE_TRY, **self._options.get("config_kwargs", {})}}
            try:
                # An instance serves one event loop for good, so it must not come from the cache of instances.
                self._fs = s3fs.S3FileSystem(asynchronous=True, skip_instance_cache=True, **options)
            except (TypeError, ValueError) as error:
                raise PermanentError(f"s3://{self._bucket}: storage_options: {error}") from error
            self._fs.retries = 1
        with self._mapped(f"s3://{self._bucket}", sent=False):
            self._session = await self._fs.set_session()
        self._require_preconditions()
        with self._mapped(f"s3://{self._bucket}/{prefix}", sent=False):
            await self._fs._call_s3("list_objects_v2", Bucket=self._bucket, Prefix=prefix, MaxKeys=1)

    async def entries(self, prefix: str) -> list[Entry]:
        entries: list[Entry] = []
        more: dict[str, str] = {}
        while True:
            with self._mapped(f"s3://{self._bucket}/{prefix}", sent=False):
                page = await self._fs._call_s3("list_objects_v2", Bucket=self._bucket, Prefix=prefix, Delimiter="/", **more)
            entries += [Entry(item["Key"].removeprefix(prefix), item["Size"]) for item in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return entries
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def head(self, key: str) -> Position:
        try:
            with self._mapped(self._url(key), sent=False):
                answer = await self._fs._call_s3("head_object", Bucket=self._bucket, Key=key)
        except SegmentMissingError:
            return NOTHING
        return Position(answer["ContentLength"], answer["ETag"])

    async def get(self, key: str, start: int, stop: int) -> bytes:
        with self._mapped(self._url(key), sent=False):
            answer = await self._fs._call_s3("get_object", Bucket=self._bucket, Key=key, Range=f"bytes={start}-{stop - 1}")
            async with answer["Body"] as body:
                content: bytes = await body.read()
        return content

    async def put(self, key: str, content: bytes, replacing: Position) -> Position:
        condition = {"IfMatch": replacing.version} if replacing.exists else {"IfNoneMatch": "*"}
        with self._mapped(self._url(key), sent=True):
            try:
                answer = await self._fs._call_s3("put_object", Bucket=self._bucket, Key=key, Body=content, **condition)
            except FileNotFoundError as error:
                if _code(error) in {"NoSuchKey", "404"}:  # If-Match on an object that somebody deleted
                    raise PreconditionFailedError(f"{self._url(key)}: the object has disappeared") from error
                raise
        return Position(len(content), answer["ETag"])

    async def disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            self._fs = None

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _require_preconditions(self) -> None:
        """See that botocore knows conditional writes: s3fs drops arguments it does not know, and a write would be unconditional."""
        known = self._session.meta.service_model.operation_model("PutObject").input_shape.members
        if not {"IfMatch", "IfNoneMatch"} <= set(known):
            raise UnsupportedError("s3://: this botocore has no conditional writes; upgrade aiobotocore: pip install -U s3fs aiobotocore")

    @contextlib.contextmanager
    def _mapped(self, where: str, *, sent: bool) -> Iterator[None]:
        """Turn the errors of s3fs, botocore and aiohttp into ours. ``sent``: the request may have had an effect."""
        try:
            yield
        except (StorageError, asyncio.CancelledError):
            raise
        except Exception as error:  # the border: whatever a client library raises becomes one of ours, with its cause
            raise _translated(error, where, self._bucket, sent=sent) from error


def _translated(error: Exception, where: str, bucket: str, *, sent: bool) -> StorageError:
    code, status = _code(error), _status(error)
    said = f"{where}: {code or type(error).__name__}: {error}"
    if code in _REFUSED or status == 412:
        return PreconditionFailedError(said)
    if code == "NoSuchBucket":
        return ContainerMissingError(f"{where}: there is no bucket {bucket!r}; create it, or correct the logdir")
    if code in {"NoSuchKey", "404"} or status == 404:
        return SegmentMissingError(said)
    if code in _THROTTLED or status == 429:
        return ThrottledError(said)
    if code in _CONFLICT or code in _EXPIRED:
        return TransientError(said)
    if code in _DENIED or status in {401, 403} or isinstance(error, PermissionError):
        return AccessDeniedError(f"{said}. Check the credentials and that they may list, read and write objects in bucket {bucket!r}")
    if _is_credentials_problem(error):
        return AccessDeniedError(f"{said}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or storage_options")
    if status is not None and 300 <= status < 500 and code != "RequestTimeout":
        return PermanentError(said)
    if status == 503 or not sent or _never_connected(error):
        return TransientError(said)
    return OutcomeUnknownError(said)


def _code(error: BaseException) -> str | None:
    response = _response(error)
    code = response.get("Error", {}).get("Code") if response else None
    return None if code is None else str(code)


def _status(error: BaseException) -> int | None:
    response = _response(error)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if response else None
    return status if isinstance(status, int) else None


def _response(error: BaseException) -> Mapping[str, Any] | None:
    """Return botocore's parsed answer; s3fs raises an OSError with the ClientError as its cause."""
    for candidate in (error, error.__cause__):
        response = getattr(candidate, "response", None)
        if isinstance(response, Mapping):
            return response
    return None


def _is_credentials_problem(error: Exception) -> bool:
    exceptions = sys.modules["botocore.exceptions"]
    return isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound))


def _never_connected(error: Exception) -> bool:
    exceptions = sys.modules["botocore.exceptions"]
    return isinstance(error, (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError))


async def _import_s3fs() -> Any:
    try:
        return await asyncio.to_thread(importlib.import_module, "s3fs")  # about a second of imports, off the event loop
    except ImportError as error:
        raise UnsupportedError("s3:// needs the package s3fs: pip install s3fs") from error
