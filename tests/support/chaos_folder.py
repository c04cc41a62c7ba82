"""What else can happen around one call of a storage? Faults, late effects, and other writers who come in between.

Wraps every call of a folder and of its segments, whatever their names, so that a new request of the contract suffers like the others.
"""

import asyncio
import contextlib
import enum
import functools
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from asyncsummary_storage import Folder, Growth, OutcomeUnknownError, StorageError, TransientError

_WRITES = frozenset({"append", "extend", "cut"})


class Harm(enum.Enum):
    """What happens to one call."""

    NONE = "none"
    BEFORE = "fails before its effect"
    AFTER = "fails after its effect"
    HANG_BEFORE = "no answer, nothing done"
    HANG_AFTER = "done, no answer"
    LATE = "no answer, done later"
    TWICE = "done twice, the second answer comes"
    CUT_OFF = "an append is cut off in the middle, where segments grow in place"


@dataclass(frozen=True, slots=True)
class Blow:
    """What one call meets. ``first`` and ``then`` name writers who flush right before its effect, and between effect and answer.

    ``arrivals``: whatever is late arrives just before. ``turns``: how many turns other tasks get first.
    """

    harm: Harm = Harm.NONE
    first: str | None = None
    then: str | None = None
    arrivals: bool = False
    turns: int = 0


@dataclass(slots=True)
class Director:
    """Says what the next calls of each writer meet. ``meanwhile`` lets the writer of that name do something.

    ``dead``: writers that were killed; no call of theirs has an effect or an answer any more. ``newest``: the last segment that each
    writer has written to; ``went_back`` tells of a writer that wrote to an older one.
    """

    meanwhile: Callable[[str], Awaitable[None]]
    blows: dict[str, deque[Blow]] = field(default_factory=dict)
    late: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    newest: dict[str, str] = field(default_factory=dict)
    went_back: list[str] = field(default_factory=list)
    calls: int = 0
    struck: int = 0

    def wrap(self, folder: Folder, writer: str) -> Folder:
        """Return the folder as that writer is to meet it."""
        return cast(Folder, _Wrapped(folder, self, writer))

    async def arrive(self) -> None:
        """Carry out what is late."""
        late, self.late = self.late, []
        for request in late:
            with contextlib.suppress(StorageError):  # nobody waits for the answer any more
                await request()

    async def call(
        self,
        writer: str,
        operation: str,
        name: str | None,
        request: Callable[[], Awaitable[Any]],
        part: Callable[[], Awaitable[Any]] | None = None,
    ) -> Any:
        """Make one call as the script says. ``part``: the call cut off in the middle, where it can be."""
        self.calls += 1
        waiting = self.blows.get(writer)
        blow = waiting.popleft() if waiting else Blow()
        self.struck += blow.harm is not Harm.NONE
        for _ in range(blow.turns):
            await asyncio.sleep(0)
        if blow.arrivals:
            await self.arrive()
        if writer not in self.dead and blow.first is not None:
            await self.meanwhile(blow.first)
        if writer in self.dead or blow.harm is Harm.HANG_BEFORE:
            await asyncio.Event().wait()
        if blow.harm is Harm.BEFORE:
            raise TransientError(f"scripted: {operation}, {blow.harm.value}")
        if blow.harm is Harm.LATE:
            self.late.append(request)
            await asyncio.Event().wait()
        if blow.harm is Harm.TWICE and operation in _WRITES:
            await request()
        if blow.harm is not Harm.CUT_OFF:
            part = None
        answer = await (request() if part is None else part())
        self._note(writer, operation, name)
        if blow.then is not None:
            await self.meanwhile(blow.then)
        if writer in self.dead or blow.harm is Harm.HANG_AFTER:
            await asyncio.Event().wait()
        if blow.harm is Harm.AFTER or part is not None:
            raise OutcomeUnknownError(f"scripted: {operation}, {blow.harm.value}")
        return answer

    def _note(self, writer: str, operation: str, name: str | None) -> None:
        if name is not None and operation in _WRITES:
            newest = self.newest.get(writer, name)
            if name < newest:
                self.went_back.append(f"{writer} wrote to {name} after {newest}")
            self.newest[writer] = max(name, newest)


class _Wrapped:
    """A folder or a segment; what it does not await goes through as it is."""

    def __init__(self, inner: Any, director: Director, writer: str) -> None:
        self._inner = inner
        self._director = director
        self._writer = writer

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._inner, attribute)
        if attribute == "segment":
            return lambda name: _Wrapped(found(name), self._director, self._writer)
        if attribute == "close" or not inspect.iscoroutinefunction(found):
            return found

        async def called(*args: Any, **kwargs: Any) -> Any:
            name = getattr(self._inner, "name", None)
            part = None
            if attribute == "append" and self._inner.growth is Growth.IN_PLACE:
                data, at = args
                part = functools.partial(found, data[: -(-len(data) * (self._director.calls % 7 + 1) // 9)], at)
            return await self._director.call(self._writer, attribute, name, lambda: found(*args, **kwargs), part)

        return called
