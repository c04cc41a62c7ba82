"""What does an error of S3 mean for an append? The codes of the API's error table, and what s3fs, botocore and aiohttp make of them."""

import sys
from collections.abc import Mapping
from typing import Any

from asyncsummary_storage.errors import (
    AccessDeniedError,
    ContainerMissingError,
    OutcomeUnknownError,
    PermanentError,
    PreconditionFailedError,
    SegmentFullError,
    SegmentMissingError,
    StorageError,
    ThrottledError,
    TransientError,
    UnsupportedError,
)
from asyncsummary_storage.http_times import wait_asked

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "400"})
"""Codes for credentials whose time is over, of S3 and of the token services behind credentials.

An answer to HEAD has no body and so no code, only the status, and expired credentials are what makes it 400.
"""

_REFUSED = {"PreconditionFailed", "412", "InvalidWriteOffset"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted"}
_DAMAGED = {"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"}
_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "429"}
_LACKING = {"NotImplemented", "MethodNotAllowed", "501", "405"}
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


def translated(error: Exception, where: str, bucket: str, *, sent: bool) -> StorageError:
    """Return our error for whatever a client library raised. ``sent``: the request may have had an effect."""
    code, status = code_of(error), _status(error)
    said = f"{where}: {code or type(error).__name__}: {error}"
    if code in _REFUSED or status == 412:
        return PreconditionFailedError(said)
    if code == "NoSuchBucket":
        return ContainerMissingError(f"{where}: there is no bucket {bucket!r}; create it, or correct the logdir")
    if code == "TooManyParts":
        return SegmentFullError(f"{said}. It takes no more appends; go on in another segment")
    if code == "NoSuchUpload":  # aborted, or completed by a request whose reply was lost
        return OutcomeUnknownError(said) if sent else TransientError(said)
    if code in {"NoSuchKey", "404"} or status == 404:
        return SegmentMissingError(said)
    if code in _THROTTLED or status == 429:
        return ThrottledError(said, _wait(error))
    if code in _CONFLICT or code in EXPIRED or code in _DAMAGED:
        return TransientError(said)
    if code in _DENIED or status in {401, 403} or isinstance(error, PermissionError):
        return AccessDeniedError(f"{said}. Check the credentials and that they may list, read and write objects in bucket {bucket!r}")
    if _is_credentials_problem(error):
        return AccessDeniedError(f"{said}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or storage_options")
    if code in _LACKING or status in {405, 501}:
        return UnsupportedError(said)
    if status is not None and 300 <= status < 500 and code != "RequestTimeout":
        return PermanentError(said)
    if status == 503 or not sent or _never_connected(error):
        return TransientError(said, _wait(error))
    return OutcomeUnknownError(said)


def code_of(error: BaseException) -> str | None:
    """Return the API's code of an error, None for one that is not the server's answer."""
    response = _response(error)
    code = response.get("Error", {}).get("Code") if response else None
    return None if code is None else str(code)


def is_beyond_the_end(error: BaseException | None) -> bool:
    """Return whether a range was refused since the object ends before it."""
    return error is not None and _status(error) == 416


def _status(error: BaseException) -> int | None:
    status = _metadata(error).get("HTTPStatusCode")
    return status if isinstance(status, int) else None


def _wait(error: BaseException) -> float | None:
    return wait_asked(_metadata(error).get("HTTPHeaders", {}).get("retry-after"))


def _metadata(error: BaseException) -> Mapping[str, Any]:
    response = _response(error)
    metadata: Mapping[str, Any] = response.get("ResponseMetadata", {}) if response else {}
    return metadata


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
