"""How does a storage behave that does everything right at once? The reference backend, in memory, for tests of your own.

A ``MemoryDisk`` outlives the folders that are opened on it, as a disk outlives processes.
"""

from dataclasses import dataclass, field

from asyncsummary_storage.errors import PreconditionFailedError, SegmentMissingError, UnsupportedError
from asyncsummary_storage.position import NOTHING, Position
from asyncsummary_storage.protocols import Entry, Growth, Terms


@dataclass(slots=True)
class MemoryDisk:
    """The bytes that survive: segment contents and their versions by full name. ``history`` holds every Position ever stored."""

    content: dict[str, bytes] = field(default_factory=dict)
    version: dict[str, int] = field(default_factory=dict)
    history: list[tuple[str, Position]] = field(default_factory=list)

    def position(self, key: str) -> Position:
        """Return where the segment ends."""
        if key not in self.content:
            return NOTHING
        return Position(len(self.content[key]), str(self.version[key]))

    def store(self, key: str, content: bytes) -> Position:
        """Replace the content whatever it was, as a foreign writer would."""
        self.content[key] = content
        self.version[key] = self.version.get(key, 0) + 1
        position = self.position(key)
        self.history.append((key, position))
        return position


class MemorySegment:
    """A segment on a ``MemoryDisk``."""

    def __init__(self, disk: MemoryDisk, key: str, name: str, terms: Terms) -> None:
        self._disk = disk
        self._key = key
        self._name = name
        self._terms = terms

    @property
    def name(self) -> str:
        return self._name

    @property
    def growth(self) -> Growth:
        return self._terms.growth

    async def append(self, data: bytes, at: Position) -> Position:
        self._require(at)
        return self._disk.store(self._key, self._disk.content.get(self._key, b"") + data)

    async def extend(self, data: bytes, at: Position) -> Position:
        if self._terms.extend_from is None or at.offset < self._terms.extend_from:
            raise UnsupportedError(f"{self._key}: segments of {at.offset} bytes are not extended here")
        return await self.append(data, at)

    async def probe(self) -> Position:
        return self._disk.position(self._key)

    async def read(self, start: int, stop: int) -> bytes:
        if self._key not in self._disk.content:
            raise SegmentMissingError(f"{self._key}: no such segment")
        return self._disk.content[self._key][start:stop]

    async def cut(self, at: Position, size: int) -> Position:
        self._require(at)
        return self._disk.store(self._key, self._disk.content[self._key][:size])

    def _require(self, at: Position) -> None:
        now = self._disk.position(self._key)
        if now != at:
            raise PreconditionFailedError(f"{self._key}: ends at {now}, not at {at}")


class MemoryFolder:
    """A folder on a ``MemoryDisk``; ``terms`` chooses what it claims that appends take."""

    def __init__(self, path: str = "run", disk: MemoryDisk | None = None, terms: Terms | Growth = Growth.IN_PLACE) -> None:
        self.disk = disk if disk is not None else MemoryDisk()
        self._path = path.rstrip("/")
        self._terms = Terms(terms, can_cut=terms is Growth.IN_PLACE) if isinstance(terms, Growth) else terms

    @property
    def url(self) -> str:
        return f"in-memory:{self._path}"

    @property
    def terms(self) -> Terms:
        return self._terms

    async def open(self) -> list[Entry]:
        return await self.entries()

    async def entries(self) -> list[Entry]:
        prefix = f"{self._path}/"
        found = ((key.removeprefix(prefix), content) for key, content in self.disk.content.items() if key.startswith(prefix))
        return sorted((Entry(name, len(content)) for name, content in found if "/" not in name), key=lambda entry: entry.name)

    def segment(self, name: str) -> MemorySegment:
        return MemorySegment(self.disk, f"{self._path}/{name}", name, self._terms)

    async def put(self, name: str, data: bytes, replacing: Position) -> Position:
        key = f"{self._path}/{name}"
        now = self.disk.position(key)
        if now != replacing:
            raise PreconditionFailedError(f"{key}: is at {now}, not at {replacing}")
        return self.disk.store(key, data)

    async def sweep(self, older_than_seconds: float, *, also_of: str | None = None) -> int:
        """Appends leave nothing behind here."""
        return 0

    async def close(self) -> None:
        """Nothing is held open."""
