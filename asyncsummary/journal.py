"""What must be known of a spool file besides its records, so that each is sent exactly once? Pure: the journal's content.

A spool file is an event file. Its journal says up to which byte it is committed in the logdir, and which append was begun and not
answered yet: whoever goes on after a crash finishes that one first.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from asyncsummary_storage import Position

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """An append that was begun: to which segment, after which Position, with so many bytes of a new segment's header before it.

    ``stored``: so many bytes were in an older segment already, whole records, and were not appended to this one.
    """

    segment: str
    at: Position
    header_bytes: int
    stored: int = 0


@dataclass(frozen=True, slots=True)
class Journal:
    """``sent``: bytes of the spool file that are committed, its header included. ``attempt`` covers those from there up to ``stop``."""

    sent: int
    attempt: Attempt | None = None
    stop: int = 0

    def trying(self, attempt: Attempt, stop: int) -> "Journal":
        """Return it with an append that begins now."""
        return replace(self, attempt=attempt, stop=stop)

    def committed(self, stop: int) -> "Journal":
        """Return it with everything up to ``stop`` committed."""
        return Journal(stop)

    def to_json(self) -> str:
        """Return it as text for a file."""
        fields: dict[str, Any] = {"format": _FORMAT, "sent": self.sent}
        if self.attempt is not None:
            at = self.attempt.at
            fields["attempt"] = {
                "stop": self.stop,
                "segment": self.attempt.segment,
                "offset": at.offset,
                "version": at.version,
                "header_bytes": self.attempt.header_bytes,
                "stored": self.attempt.stored,
            }
        return json.dumps(fields)

    @staticmethod
    def from_json(text: str) -> "Journal":
        """Return the journal of a file's text.

        Raises:
            ValueError: it is not one.
        """
        try:
            fields = json.loads(text)
            if fields["format"] != _FORMAT:
                raise ValueError(f"a journal of format {fields['format']!r}")
            found = fields.get("attempt")
            if found is None:
                return Journal(int(fields["sent"]))
            at = Position(int(found["offset"]), found["version"])
            attempt = Attempt(str(found["segment"]), at, int(found["header_bytes"]), int(found.get("stored", 0)))
            return Journal(int(fields["sent"]), attempt, int(found["stop"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a journal: {error!r}") from error
