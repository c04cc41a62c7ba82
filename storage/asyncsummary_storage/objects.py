"""How do segments grow in an object storage? As its terms say: written again, longer, or extended by the storage itself.

One folder and one segment class serve every object storage; a storage only has to give the requests of ``ObjectStore``.
"""

import asyncio
from typing import Protocol

from asyncsummary_storage.errors import PreconditionFailedError, SegmentMissingError, TransientError, UnsupportedError
from asyncsummary_storage.position import Position
from asyncsummary_storage.protocols import Entry, Growth, Terms

_LARGE = 1 << 20
"""To put so much together takes up to milliseconds, and so does what the client does with it: other tasks get a turn in between."""


class ObjectStore(Protocol):
    """The requests that an object storage must answer. Keys are full names within the bucket. Errors are ``StorageError`` only."""

    @property
    def terms(self) -> Terms:
        """What appends take here."""
        ...

    @property
    def puts_are_whole(self) -> bool:
        """Whether a put that fails leaves what was there before."""
        ...

    async def connect(self) -> None:
        """Import, and get ready for requests; what is wrong with the bucket may show only in the first one."""
        ...

    async def entries(self, prefix: str) -> list[Entry]:
        """Return what lies directly under ``prefix`` (which ends with a slash or is empty), with names relative to it."""
        ...

    async def head(self, key: str) -> Position:
        """Return the object's length and version, ``NOTHING`` if there is none."""
        ...

    async def get(self, key: str, start: int, stop: int) -> bytes:
        """Return a range of the object's bytes; ``start < stop``."""
        ...

    async def put(self, key: str, content: bytes, replacing: Position) -> Position:
        """Store the object if its present version is that of ``replacing`` (``NOTHING``: if there is none)."""
        ...

    async def extend(self, key: str, data: bytes, at: Position) -> Position:
        """Put ``data`` after the bytes of the object, which the storage has, if its present version is that of ``at``.

        Asked for at ``terms.extend_from`` bytes and more; where segments grow in place this is every append, also the first.
        """
        ...

    async def sweep(self, prefix: str, older_than_seconds: float, also_of: str | None) -> int:
        """Remove what unfinished extends directly under ``prefix`` left; ``also_of`` is a key. See ``Folder.sweep``."""
        ...

    async def disconnect(self) -> None:
        """Close sessions; calling it again does nothing."""
        ...


class ObjectSegment:
    """A segment that is one object.

    Where an append writes all of it again, its content is held in memory, so whoever appends decides by rolling to a new segment, or by
    extending, how much that is.
    """

    def __init__(self, store: ObjectStore, key: str, name: str) -> None:
        self._store = store
        self._key = key
        self._name = name
        # What was last sent, stored or not; and the Positions at which its first ``offset`` bytes are known to be the object. At any
        # other one, as that found after an append of unknown outcome, the bytes may be somebody else's, however many there are.
        self._sent = b""
        self._known: tuple[Position, ...] = ()

    @property
    def name(self) -> str:
        return self._name

    @property
    def growth(self) -> Growth:
        return self._store.terms.growth

    async def append(self, data: bytes, at: Position) -> Position:
        if self.growth is Growth.IN_PLACE:
            return await self._store.extend(self._key, data, at)
        if at.offset and at not in self._known:
            await self._load(at)
        before = self._sent[: at.offset]
        whole = self._sent = before + data
        self._known = (at,)
        if before and len(whole) >= _LARGE:
            await asyncio.sleep(0)
        end = await self._store.put(self._key, whole, at)
        self._known = (at, end)
        return end

    async def extend(self, data: bytes, at: Position) -> Position:
        least = self._store.terms.extend_from
        if least is None or at.offset < least:
            raise UnsupportedError(f"{self._key}: an object of {at.offset} bytes is not extended here")
        end = await self._store.extend(self._key, data, at)
        self._sent, self._known = b"", ()
        return end

    async def probe(self) -> Position:
        position = await self._store.head(self._key)
        if not position.exists:
            # "Not found" may mean the bucket as well, and answers to HEAD do not say. A listing does; nothing is begun anew on one word.
            folder, slash, name = self._key.rpartition("/")
            if name in {entry.name for entry in await self._store.entries(folder + slash)}:
                raise TransientError(f"{self._key}: is said to be missing, and is listed")
        elif not self._store.puts_are_whole and position.offset < len(self._sent) and position not in self._known:
            return await self._mended(position)
        return position

    async def read(self, start: int, stop: int) -> bytes:
        if start >= stop:
            return b""
        return await self._store.get(self._key, start, stop)

    async def cut(self, at: Position, size: int) -> Position:
        raise UnsupportedError(f"{self._key}: an object is never shortened, since its readers would fail")

    async def _mended(self, found: Position) -> Position:
        """End a put that was cut off, which has taken from readers what was there before. Return where the segment ends."""
        if self._sent[: found.offset] != await self.read(0, found.offset):
            return found
        end = await self._store.put(self._key, self._sent, found)
        self._known = (*self._known, end)
        return end

    async def _load(self, at: Position) -> None:
        """Fetch the stored content, to go on with what another process began, or with an append of unknown outcome."""
        try:
            content = await self._store.get(self._key, 0, at.offset)
        except SegmentMissingError as error:
            raise PreconditionFailedError(f"{self._key}: the object has disappeared") from error
        if len(content) != at.offset:
            raise PreconditionFailedError(f"{self._key}: ends at {len(content)}, not at {at}")
        self._sent, self._known = content, (at,)


class ObjectFolder:
    """A prefix in a bucket."""

    def __init__(self, store: ObjectStore, url: str, prefix: str) -> None:
        self._store = store
        self._url = url
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @property
    def url(self) -> str:
        return self._url

    @property
    def terms(self) -> Terms:
        return self._store.terms

    async def open(self) -> list[Entry]:
        await self._store.connect()
        return await self.entries()

    async def entries(self) -> list[Entry]:
        return sorted(await self._store.entries(self._prefix), key=lambda entry: entry.name)

    def segment(self, name: str) -> ObjectSegment:
        return ObjectSegment(self._store, self._prefix + name, name)

    async def put(self, name: str, data: bytes, replacing: Position) -> Position:
        return await self._store.put(self._prefix + name, data, replacing)

    async def sweep(self, older_than_seconds: float, *, also_of: str | None = None) -> int:
        return await self._store.sweep(self._prefix, older_than_seconds, None if also_of is None else self._prefix + also_of)

    async def close(self) -> None:
        await self._store.disconnect()
