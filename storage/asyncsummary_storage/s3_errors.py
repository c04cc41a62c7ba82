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

# Of S3 and of the token services behind credentials.
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
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
_CUT_OFF = {408, 499}  # a request that took too long, or was cut off on its way: this says nothing of what became of it
_MISTAKEN = (
    "BaseEndpointResolverError",
    "EndpointProviderError",
    "InvalidChecksumConfigError",
    "InvalidDNSNameError",
    "InvalidDefaultsMode",
    "InvalidEndpointConfigurationError",
    "InvalidHostLabelError",
    "InvalidProxiesConfigError",
    "InvalidRetryConfigurationError",
    "InvalidS3AddressingStyleError",
    "InvalidS3UsEast1RegionalEndpointConfigError",
    "ParamValidationError",
    "UnknownSignatureVersionError",
    "UnsupportedS3ArnError",
    "UnsupportedS3ConfigurationError",
    "UnsupportedSignatureVersionError",
    "ValidationError",
)
"""botocore's names for what is wrong with names and settings, before anything is sent; not all releases have all of them."""


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
    if code in _CONFLICT or code in _DAMAGED or is_expired(error):
        return TransientError(said)
    if code in _DENIED or status in {401, 403} or isinstance(error, PermissionError):
        return AccessDeniedError(f"{said}. Check the credentials and that they may list, read and write objects in bucket {bucket!r}")
    if _is_credentials_problem(error):
        return AccessDeniedError(f"{said}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or storage_options")
    if code in _LACKING or status in {405, 501}:
        return UnsupportedError(said)
    if _is_mistaken(error) or (status is not None and 300 <= status < 500 and status not in _CUT_OFF and code != "RequestTimeout"):
        return PermanentError(said)
    if status == 503 or not sent or _never_connected(error):
        return TransientError(said, _wait(error))
    return OutcomeUnknownError(said)


def is_expired(error: BaseException) -> bool:
    """Return whether the time of the credentials is over.

    An answer to HEAD has no body and so no code, only the status, and expired credentials are what makes it 400.
    """
    code = code_of(error)
    return code in _EXPIRED or (code == "400" and getattr(_client_error(error), "operation_name", None) == "HeadObject")


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
    """Return botocore's parsed answer."""
    found = _client_error(error)
    return None if found is None else found.response


def _client_error(error: BaseException) -> Any:
    """Return botocore's ClientError; s3fs raises an OSError with it as its cause."""
    found = (candidate for candidate in (error, error.__cause__) if isinstance(getattr(candidate, "response", None), Mapping))
    return next(found, None)


def _is_credentials_problem(error: Exception) -> bool:
    exceptions = sys.modules["botocore.exceptions"]
    return isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound))


def _is_mistaken(error: Exception) -> bool:
    exceptions = sys.modules["botocore.exceptions"]
    return isinstance(error, tuple(getattr(exceptions, name) for name in _MISTAKEN if hasattr(exceptions, name)))


def _never_connected(error: Exception) -> bool:
    exceptions = sys.modules["botocore.exceptions"]
    return isinstance(error, (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError))
