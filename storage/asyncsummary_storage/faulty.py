"""What does a writer do when storage misbehaves? A wrapper that follows a script of faults, for tests of your own."""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from asyncsummary_storage.errors import OutcomeUnknownError, StorageError, TransientError
from asyncsummary_storage.position import Position
from asyncsummary_storage.protocols import Entry, Folder, Growth, Segment, Terms

_T = TypeVar("_T")


class When(enum.Enum):
    """Where in a call the fault strikes."""

    BEFORE = "before its effect"
    AFTER = "after its effect: the reply is lost"
    HANG_BEFORE = "never sent, never answered"
    HANG_AFTER = "stored, never answered"


@dataclass(frozen=True, slots=True)
class Fault:
    """One call of ``operation`` ("append", "extend", "probe", "read", "entries", "open", "cut", "put", "sweep") that goes wrong.

    ``error`` makes the exception; by default a lost reply is ``OutcomeUnknownError`` and anything else ``TransientError``.
    """

    operation: str
    when: When = When.BEFORE
    error: Callable[[], StorageError] | None = None

    def exception(self) -> StorageError:
        """Return the exception to raise."""
        if self.error is not None:
            return self.error()
        if self.when is When.AFTER:
            return OutcomeUnknownError(f"scripted: {self.operation}, {self.when.value}")
        return TransientError(f"scripted: {self.operation}, {self.when.value}")


@dataclass(slots=True)
class Script:
    """Faults yet to come: ``None`` lets one call of that operation pass. ``calls`` counts the calls that were made.

    While ``gate`` is an event that is not set, every call waits for it, so that a test can look at what happens meanwhile.
    """

    steps: dict[str, list[Fault | None]] = field(default_factory=dict)
    lasting: dict[str, Fault] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None

    def then(self, *faults: Fault) -> "Script":
        """Add faults, each for the next call of its operation."""
        for fault in faults:
            self.steps.setdefault(fault.operation, []).append(fault)
        return self

    def passing(self, operation: str, times: int = 1) -> "Script":
        """Let so many calls of the operation pass before its next fault."""
        self.steps.setdefault(operation, []).extend([None] * times)
        return self

    def always(self, faults: Iterable[Fault]) -> "Script":
        """Strike every call of these operations until ``heal``."""
        self.lasting.update({fault.operation: fault for fault in faults})
        return self

    def heal(self) -> None:
        """Drop all faults that have not struck yet."""
        self.steps.clear()
        self.lasting.clear()

    def next(self, operation: str) -> Fault | None:
        """Count a call and return the fault that strikes it."""
        self.calls.append(operation)
        waiting = self.steps.get(operation)
        if waiting:
            return waiting.pop(0)
        return self.lasting.get(operation)

    async def strike(self, operation: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make the call as the script says."""
        fault = self.next(operation)
        if self.gate is not None:
            await self.gate.wait()
        if fault is None:
            return await call()
        if fault.when in {When.AFTER, When.HANG_AFTER}:
            await call()
        if fault.when in {When.HANG_BEFORE, When.HANG_AFTER}:
            await asyncio.Event().wait()
        raise fault.exception()


class FaultySegment:
    """A segment whose calls go through the script."""

    def __init__(self, inner: Segment, script: Script) -> None:
        self._inner = inner
        self._script = script

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def growth(self) -> Growth:
        return self._inner.growth

    async def append(self, data: bytes, at: Position) -> Position:
        return await self._script.strike("append", lambda: self._inner.append(data, at))

    async def extend(self, data: bytes, at: Position) -> Position:
        return await self._script.strike("extend", lambda: self._inner.extend(data, at))

    async def probe(self) -> Position:
        return await self._script.strike("probe", self._inner.probe)

    async def read(self, start: int, stop: int) -> bytes:
        return await self._script.strike("read", lambda: self._inner.read(start, stop))

    async def cut(self, at: Position, size: int) -> Position:
        return await self._script.strike("cut", lambda: self._inner.cut(at, size))


class FaultyFolder:
    """A folder whose calls, and those of its segments, go through the script."""

    def __init__(self, inner: Folder, script: Script) -> None:
        self._inner = inner
        self._script = script

    @property
    def url(self) -> str:
        return self._inner.url

    @property
    def terms(self) -> Terms:
        return self._inner.terms

    async def open(self) -> list[Entry]:
        return await self._script.strike("open", self._inner.open)

    async def entries(self) -> list[Entry]:
        return await self._script.strike("entries", self._inner.entries)

    def segment(self, name: str) -> FaultySegment:
        return FaultySegment(self._inner.segment(name), self._script)

    async def put(self, name: str, data: bytes, replacing: Position) -> Position:
        return await self._script.strike("put", lambda: self._inner.put(name, data, replacing))

    async def sweep(self, older_than_seconds: float, *, also_of: str | None = None) -> int:
        return await self._script.strike("sweep", lambda: self._inner.sweep(older_than_seconds, also_of=also_of))

    async def close(self) -> None:
        await self._inner.close()
