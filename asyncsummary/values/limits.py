"""How much can be written? Of a batch, as many as the caller wants; of bytes, as many as a message can hold."""

import operator
from typing import Any

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown

MOST_BYTES = (1 << 31) - (1 << 16)
"""What one value may have: protobuf's 2 GiB, less what an Event needs besides."""


def at_least_one(argument: str, value: Any, tag: str) -> int:
    """Return the limit as an int; a float loses its fraction, as in the original.

    Raises:
        InvalidTypeError: no number.
        InvalidSummaryError: below 1, or 2^31 and more.
    """
    try:
        limit = int(value) if isinstance(value, float) else operator.index(value)
    except Exception as error:  # the value's own conversion can raise anything
        raise InvalidTypeError(f"{argument} of tag {tag!r}: must be an integer, got {shown(value)}", tag) from error
    if limit < 1:
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: {shown(limit)} must be at least minimum 1", tag)
    if limit >= 2**31:
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must be < 2^31, got {shown(limit)}", tag)
    return limit


def count_of(argument: str, value: Any, tag: str, least: int, most: int) -> int:
    """Return how many there are to be; here nothing is rounded.

    Raises:
        InvalidTypeError: no integer.
        InvalidSummaryError: fewer than ``least``, or more than ``most``.
    """
    try:
        count = operator.index(value)
    except Exception as error:  # the value's own conversion can raise anything
        raise InvalidTypeError(f"{argument} of tag {tag!r}: must be an integer, got {shown(value)}", tag) from error
    if isinstance(value, bool):
        raise InvalidTypeError(f"{argument} of tag {tag!r}: must be an integer, got {shown(value)}", tag)
    if not least <= count <= most:
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must be from {least} to {most}, got {shown(count)}", tag)
    return count


def require_encodable(size: int, tag: object) -> None:
    """See that so many bytes fit into one protobuf message, which ends at 2 GiB.

    Raises:
        InvalidSummaryError: they do not.
    """
    if size > MOST_BYTES:
        raise InvalidSummaryError(f"value of tag {tag!r}: {size} bytes, and a summary can have {MOST_BYTES} at the most", tag)
