"""What do all kinds that are encoded later have in common? They were checked, they own their data, and they can become a Summary."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import Event, Summary


class Content(Protocol):
    """A summary that was accepted and not encoded yet."""

    @property
    def size(self) -> int:
        """About how many bytes it holds until then."""
        ...

    def summary(self) -> Summary:
        """Encode it. Takes its time, touches nothing else, and may run in any thread."""
        ...


def event_of(content: Content, wall_time: float, step: int, tag: str) -> bytes:
    """Return the serialised Event of a content.

    Raises:
        InvalidSummaryError: it cannot be encoded after all: memory is short, it is more than a message can hold, or an encoder fails.
    """
    with naming(tag):
        return Event(wall_time=wall_time, step=step, summary=content.summary()).SerializeToString()


@contextlib.contextmanager
def naming(tag: str) -> Iterator[None]:
    """Turn whatever an encoder raises into an error that names the tag."""
    try:
        yield
    except InvalidSummaryError:
        raise
    except Exception as error:
        raise InvalidSummaryError(f"the summary of tag {tag!r} cannot be encoded: {type(error).__name__}: {error}", tag) from error
