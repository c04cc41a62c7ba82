"""How do segments grow where objects can only be replaced? By writing the open segment again, longer, under a precondition.

One folder and one segment class serve every object storage; a storage only has to give the five requests of ``ObjectStore``.
"""

from typing import Protocol

from asyncsummary_storage.errors import PreconditionFailedError, SegmentMissingError, UnsupportedError
from asyncsummary_storage.position import Position
from asyncsummary_storage.protocols import Entry, Growth, Terms


class ObjectStore(Protocol):
    """The requests that an object storage must answer. Keys are full names within the bucket. Errors are ``StorageError`` only."""

    async def connect(self, prefix: str) -> None:
        """Import, authenticate, and see that objects under ``prefix`` can be listed."""
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

    async def disconnect(self) -> None:
        """Close sessions; calling it again does nothing."""
        ...


class ObjectSegment:
    """A segment that is one object, rewritten as a whole at each append.

    Its content is held in memory, so whoever appends decides by rolling to a new segment how much that is.
    """

    growth = Growth.REWRITE

    def __init__(self, store: ObjectStore, key: str, name: str) -> None:
        self._store = store
        self._key = key
        self._name = name
        # What was last sent, stored or not. A Position says how much of it is stored: its first ``offset`` bytes.
        self._sent = bytearray()

    @property
    def name(self) -> str:
        return self._name

    async def append(self, data: bytes, at: Position) -> Position:
        if len(self._sent) < at.offset:
            await self._load(at)
        del self._sent[at.offset :]
        self._sent += data
        return await self._store.put(self._key, bytes(self._sent), at)

    async def extend(self, data: bytes, at: Position) -> Position:
        raise UnsupportedError(f"{self._key}: objects are not extended here")

    async def probe(self) -> Position:
        return await self._store.head(self._key)

    async def read(self, start: int, stop: int) -> bytes:
        if start >= stop:
            return b""
        return await self._store.get(self._key, start, stop)

    async def cut(self, at: Position, size: int) -> Position:
        raise UnsupportedError(f"{self._key}: an object is never shortened, since its readers would fail")

    async def _load(self, at: Position) -> None:
        """Fetch the stored content, to go on with a segment that another process began."""
        try:
            content = await self._store.get(self._key, 0, at.offset)
        except SegmentMissingError as error:
            raise PreconditionFailedError(f"{self._key}: the object has disappeared") from error
        if len(content) != at.offset:
            raise PreconditionFailedError(f"{self._key}: ends at {len(content)}, not at {at}")
        self._sent[:] = content


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
        return Terms(Growth.REWRITE)

    async def open(self) -> None:
        await self._store.connect(self._prefix)

    async def entries(self) -> list[Entry]:
        return sorted(await self._store.entries(self._prefix), key=lambda entry: entry.name)

    def segment(self, name: str) -> ObjectSegment:
        return ObjectSegment(self._store, self._prefix + name, name)

    async def close(self) -> None:
        await self._store.disconnect()
