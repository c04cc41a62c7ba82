"""What does an error of Google Cloud Storage mean for an append? The statuses of its JSON API, by way of gcsfs' various exceptions."""

import sys

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

_UNKNOWN = {408, 499}
"""Statuses that say nothing of what became of a request: it took too long, or was cut off."""


def translated(
    error: Exception, where: str, bucket: str, *, sent: bool, of_object: bool, wait: float | None = None, answered: int | None = None
) -> StorageError:
    """Return our error for whatever a client library raised.

    ``sent``: the request may have had an effect. ``of_object``: it asks for an object, so that is what a 404 misses; uploads and
    listings find everything but the bucket by themselves. ``wait``: the seconds that the answer asked for. ``answered``: its status.
    """
    said = f"{where}: {type(error).__name__}: {error}"
    status = status_of(error, answered)
    if status == 412:
        return PreconditionFailedError(f"{where}: the object's generation is another")
    if status == 404:
        if of_object:
            return SegmentMissingError(said)
        return ContainerMissingError(f"{where}: there is no bucket {bucket!r}; create it, or correct the logdir")
    if status == 429:
        return ThrottledError(said, wait)
    if status == 409:
        return TransientError(said, wait)  # another request about the same object was being carried out
    credentials_problems = _credentials_problems(error)
    if any(map(_is_passing, credentials_problems)):
        return TransientError(said, wait)
    if status in {401, 403} or credentials_problems:
        return denied(said, bucket)
    if status in {405, 501}:
        return UnsupportedError(said)
    if _is_no_url(error) or (status is not None and 400 <= status < 500 and status not in _UNKNOWN):
        return PermanentError(said)
    if status == 503 or not sent or _never_connected(error):
        return TransientError(said, wait)
    return OutcomeUnknownError(said)


def denied(said: str, bucket: str) -> AccessDeniedError:
    """Return the error that names the cures for missing permissions and bad credentials."""
    return AccessDeniedError(
        f"{said}. Run 'gcloud auth application-default login', set GOOGLE_APPLICATION_CREDENTIALS or storage_options={{'token': ...}}, "
        f"and see that they may list, read and write objects in bucket {bucket!r}"
    )


def status_of(error: Exception, answered: int | None = None) -> int | None:
    """Return the HTTP status that gcsfs turned into various exceptions; what was ``answered`` is better known, if it is an error's.

    gcsfs makes a "Bad Request" of any status whose text has the word "invalid" in it, as names of objects may have.
    """
    if answered is not None and answered >= 400:
        return answered
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


def _credentials_problems(error: BaseException) -> list[BaseException]:
    """Return what google-auth raised; it wraps its errors, and gcsfs those again."""
    links, link = [], error.__cause__
    while link is not None:
        links.append(link)
        link = link.__cause__
    return [link for link in (error, *links) if isinstance(link, sys.modules["google.auth.exceptions"].GoogleAuthError)]


def _is_passing(problem: BaseException) -> bool:
    """Return whether it is the server of tokens that is away, or asks to be asked again."""
    return isinstance(problem, sys.modules["google.auth.exceptions"].TransportError) or getattr(problem, "retryable", False)


def _is_no_url(error: Exception) -> bool:
    """Return whether the endpoint is none, as without http:// in front; where a server led us is no fault of the endpoint."""
    aiohttp = sys.modules["aiohttp"]
    kinds = (aiohttp.InvalidURL, getattr(aiohttp, "NonHttpUrlClientError", aiohttp.InvalidURL))
    return isinstance(error, kinds) and not isinstance(error, getattr(aiohttp, "RedirectClientError", ()))


def _never_connected(error: Exception) -> bool:
    return isinstance(error, sys.modules["aiohttp"].ClientConnectorError)
