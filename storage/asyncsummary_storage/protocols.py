"""What must a storage do so that segments can grow in it? The two protocols that every backend keeps."""

import enum
from dataclasses import dataclass
from typing import Protocol

from asyncsummary_storage.position import Position


class Growth(enum.Enum):
    """How a segment grows, which decides what an append costs."""

    IN_PLACE = "in place"
    """Only the new bytes are written."""

    REWRITE = "rewrite"
    """The segment's whole content is written again; the segment keeps it in memory."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What it takes to let segments grow in a folder, for whoever plans appends.

    ``growth``: how ``Segment.append`` does it. ``extend_from``: the length in bytes from which on ``Segment.extend`` can be used, None
    if never. ``extend_requests``: how many write requests one ``extend`` is. ``seconds_between_writes``: the storage wants no more than
    one write of the same segment in so many seconds. ``most_appends``: a segment takes no more appends than this. ``can_cut``: whether
    ``Segment.cut`` can be used.
    """

    growth: Growth
    extend_from: int | None = None
    extend_requests: int = 0
    seconds_between_writes: float = 0.0
    most_appends: int | None = None
    can_cut: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One segment in a listing: its name within the folder, and its length in bytes."""

    name: str
    size: int


class Segment(Protocol):
    """One file or object that only ever grows.

    A Segment is used by one task at a time. Methods raise ``StorageError`` and its kind, nothing else.
    """

    @property
    def name(self) -> str:
        """The name within its folder."""
        ...

    @property
    def growth(self) -> Growth:
        """How an append is carried out."""
        ...

    async def append(self, data: bytes, at: Position) -> Position:
        """Store ``data`` right after ``at`` and return where the segment ends then.

        All or nothing: a reader sees the segment end at ``at`` or at the returned Position. At ``NOTHING`` the segment is created.
        When this returns, the bytes are as durable as the storage makes them and visible to every new reader.

        Raises:
            PreconditionFailedError: the segment does not end at ``at``; this call stored nothing.
            OutcomeUnknownError: no answer; ``probe`` and compare before trying again. What grows in place may have the beginning of
                ``data`` then, and so may what a killed process appended to: append the rest there.
            SegmentFullError: it has had ``Terms.most_appends``, maybe of another process; go on in another segment.
            TransientError, PermanentError: nothing was stored.
        """
        ...

    async def extend(self, data: bytes, at: Position) -> Position:
        """Do what ``append`` does, with its promises and its errors, but let the storage itself copy the bytes that it has.

        Only the new bytes are sent, and the segment's content is not held in memory. ``Folder.terms`` says from which length on, and
        how many requests that is.

        Raises:
            UnsupportedError: this storage cannot do that, or ``at`` is below ``extend_from``; nothing was stored. Where it was a request
                that was refused, ``Folder.terms`` says from then on that nothing can be extended. ``append`` is as good as before.
        """
        ...

    async def probe(self) -> Position:
        """Ask the storage where the segment ends now; ``NOTHING`` if there is none.

        Raises:
            ContainerMissingError: there is no segment because there is no bucket.
        """
        ...

    async def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` up to ``stop``, fewer where the segment ends before.

        Raises:
            SegmentMissingError: there is no such segment.
        """
        ...

    async def cut(self, at: Position, size: int) -> Position:
        """Shorten the segment from ``at`` to ``size`` bytes, to take off a torn tail.

        Raises:
            UnsupportedError: this storage's segments never shrink (readers of objects do not survive it).
            PreconditionFailedError: the segment does not end at ``at``.
        """
        ...


class Folder(Protocol):
    """A place that holds segments: a local directory, a prefix in a bucket. It belongs to one event loop."""

    @property
    def url(self) -> str:
        """How a user would name this folder; it goes into error messages."""
        ...

    @property
    def terms(self) -> Terms:
        """What appends take here. It may change with ``open``, and once ``extend`` was found to be unsupported."""
        ...

    async def open(self) -> list[Entry]:
        """Connect, make the folder where the storage has folders, and return what ``entries`` does.

        Raises:
            PermanentError: it cannot be used; the message names the folder and the cure.
        """
        ...

    async def entries(self) -> list[Entry]:
        """Return the segments directly in this folder, sorted by name."""
        ...

    def segment(self, name: str) -> Segment:
        """Return a handle on the segment of that name; no request is made."""
        ...

    async def put(self, name: str, data: bytes, replacing: Position) -> Position:
        """Store a small file that is no segment as a whole, in place of what it was at ``replacing`` (``NOTHING``: if there is none).

        All or nothing, and as durable as an append. ``segment(name)`` probes and reads it.

        Raises:
            PreconditionFailedError: the file is not what it was at ``replacing``; this call stored nothing.
            OutcomeUnknownError: no answer; look before trying again.
            TransientError, PermanentError: nothing was stored.
        """
        ...

    async def sweep(self, older_than_seconds: float, *, also_of: str | None = None) -> int:
        """Remove what extends of killed processes left behind, and return how many such things were removed.

        No reader sees them, but some storages keep them, and charge for them, for ever. Those begun longer ago than
        ``older_than_seconds`` are removed, and those of the segment ``also_of`` whatever their age: for whoever knows that nobody else
        extends it. An extend of another process that loses its traces to a sweep fails, and stores nothing.

        Without the permission for it nothing is removed, and nothing raised.

        Raises:
            TransientError: not all was looked at; a later sweep may get the rest.
        """
        ...

    async def close(self) -> None:
        """Give back sessions and the like; calling it again does nothing."""
        ...
