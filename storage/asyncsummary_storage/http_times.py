"""What do a server's answers say about time? How long to wait, what time it is there, and when something was made."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def wait_asked(retry_after: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, which it gives as a number or as a date; None if it says nothing."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        until = _parsed(retry_after)
    return None if until is None else max(0.0, (until - datetime.now(UTC)).total_seconds())


def time_there(date: str | None) -> datetime:
    """Return the time of a ``Date`` header, or of an ISO date in an answer; our own where there is none, or none that can be read.

    Ages of what a server stores are counted by its clock.
    """
    there = None if date is None else _parsed(date)
    return there if there is not None else datetime.now(UTC)


def _parsed(date: str) -> datetime | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = parse(date)
        except ValueError:
            continue
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return None
