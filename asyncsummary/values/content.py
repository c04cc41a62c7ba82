"""What do all kinds that are encoded later have in common? They were checked, they own their data, and they can become a Summary."""

from typing import Protocol

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


def event_of(content: Content, wall_time: float, step: int) -> bytes:
    """Return the serialised Event of a content."""
    return Event(wall_time=wall_time, step=step, summary=content.summary()).SerializeToString()
