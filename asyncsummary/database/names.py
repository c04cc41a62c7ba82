"""Which names may a user, an experiment and a run have? The patterns of tf.contrib.summary. Pure."""

import re
from dataclasses import dataclass

from asyncsummary.errors import InvalidArgumentError, InvalidTypeError, shown


@dataclass(frozen=True, slots=True)
class Names:
    """Whose run it is. An empty name stands for nobody, or nothing: a row without one."""

    user: str
    experiment: str
    run: str


# A "$" of Python's also lets one newline at the end pass, there as here.
EXPERIMENT = re.compile(r"^[^\x00-\x1F<>]{0,256}$")
RUN = re.compile(r"^[^\x00-\x1F<>]{0,512}$")
USER = re.compile(r"^[a-z]([-a-z0-9]{0,29}[a-z0-9])?$", re.IGNORECASE)


def checked_name(argument: str, value: object, pattern: re.Pattern[str]) -> str:
    """Return the name. As bytes it may also be empty where the pattern wants something, which is the original's way to say "no user".

    Raises:
        InvalidTypeError: neither str nor bytes.
        InvalidArgumentError: it does not match the pattern; the message names the argument, and what was given.
    """
    if isinstance(value, bytes):
        if not value:
            return ""
        value = _decoded(argument, value)
    if not isinstance(value, str):
        raise InvalidTypeError(f"{argument}: must be a str, got {shown(value)} of type {type(value).__name__}")
    if not pattern.search(value):
        raise InvalidArgumentError(f"{argument} ({value!r}) must match {pattern.pattern}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"{argument} ({value!r}) cannot be encoded as UTF-8: {error.reason}") from error
    return value


def _decoded(argument: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(f"{argument} ({value!r}) is no UTF-8: {error.reason}") from error
