"""What has a writer done so far? A snapshot for users, and the counters behind it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WriterStats:
    """A snapshot of a writer's counters, over all its openings.

    ``accepted``: summaries taken from callers. ``committed``: of those, durable in the logdir. ``pending``: neither committed nor
    dropped. ``dropped``: lost, by an overflow or late-step policy that says so, or by ``close()`` on a storage that stayed away (which
    raises). ``late``: scalars whose step was below one of their tag that had gone out before. ``tags``: distinct tags that
    were given, those of refused summaries among them.
    ``bytes``: bytes of event files committed, headers included. ``appends``: committed appends, which is what a bucket charges for.
    ``spooled``: on this machine's disk (``spool_dir``) until storage is back, those of earlier processes included. ``recovered``: summaries
    of earlier processes that were found there and committed; ``accepted`` and ``committed`` do not count them.
    ``retries``: waits before another try. ``segments``: event files or objects begun. ``last_error``: the storage's latest, None if it
    has recovered since. Of a database, ``appends`` are transactions, ``bytes`` about what they held, and ``segments`` how often it was
    opened.
    """

    accepted: int
    committed: int
    pending: int
    dropped: int
    late: int
    tags: int
    bytes: int
    appends: int
    retries: int
    segments: int
    last_error: str | None
    spooled: int = 0
    recovered: int = 0


@dataclass(slots=True)
class Counters:
    """The same while it is being counted."""

    accepted: int = 0
    committed: int = 0
    dropped: int = 0
    late: int = 0
    bytes: int = 0
    appends: int = 0
    retries: int = 0
    segments: int = 0
    recovered: int = 0
    last_error: str | None = None
    left: int = 0
    """How many this writer left in the spool when it was closed in an outage, in case that it is opened again."""

    def note_recovered(self, count: int) -> None:
        """Count what was found in the spool and is committed now: what this writer had left there itself is no news."""
        own = min(count, self.left)
        self.left -= own
        self.committed += own
        self.recovered += count - own

    def note_found(self, count: int) -> None:
        """When it is opened again: what is not in the spool any more was committed by somebody else, as ``asyncsummary sync`` does."""
        gone = max(0, self.left - count)
        self.left -= gone
        self.committed += gone

    def snapshot(self, *, accepted_now: int, pending: int, tags: int, spooled: int = 0) -> WriterStats:
        """Return the counters, with what only the open queue knows."""
        return WriterStats(
            accepted=self.accepted + accepted_now,
            committed=self.committed,
            pending=pending + self.left,
            dropped=self.dropped,
            late=self.late,
            tags=tags,
            bytes=self.bytes,
            appends=self.appends,
            retries=self.retries,
            segments=self.segments,
            last_error=self.last_error,
            spooled=spooled,
            recovered=self.recovered,
        )
