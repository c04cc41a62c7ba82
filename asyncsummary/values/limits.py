"""How many of a batch are written? For images and audio."""

import operator
from typing import Any

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError


def at_least_one(argument: str, value: Any, tag: str) -> int:
    """Return the limit as an int; a float loses its fraction, as in the original.

    Raises:
        InvalidTypeError: no number.
        InvalidSummaryError: below 1, or 2^31 and more.
    """
    try:
        limit = int(value) if isinstance(value, float) else operator.index(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidTypeError(f"{argument} of tag {tag!r}: must be an integer, got {value!r:.60}", tag) from error
    if limit < 1:
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: {limit} must be at least minimum 1", tag)
    if limit >= 2**31:
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must be < 2^31, got {limit}", tag)
    return limit
