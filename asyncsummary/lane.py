"""When are scalars accepted without asking anything more? While its writer's lane is open, in the thread and event loop of the writer."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from asyncsummary.columns import RowsPacker

PLAIN_TYPES: frozenset[type] = frozenset({float, int, np.float64, np.float32})
"""Values of just these types are float32 or out of its range; a bool is none of them."""


class OpenRows(Protocol):
    """What the lane needs of a queue."""

    rows: bytearray
    open_until: int


class _Closed:
    rows = bytearray()
    open_until = 0


_NO_THREAD = 0  # no thread has this number

MOST_PACKED = 1 << 16
"""How many tags all packers have together at the most; before there are more, all packers are forgotten."""


class Lane:
    """The numbers of tags that were accepted before, by scope (and family, if there is one) and name; and where rows may be appended now.

    ``FileWriterHandle.scalar`` appends them, and ``scalars`` those that ``packers`` make, by scope, family, and the names of a call.

    A tag is let in here when ``queue`` has counted one scalar of it, so that the queue knows of its size. Values must be of one of just
    these ``types``, of which float is always one.
    """

    __slots__ = ("_met", "_met_tags", "is_running", "numbers", "packers", "queue", "thread", "types")

    def __init__(self) -> None:
        self.types = PLAIN_TYPES
        self.numbers: dict[str | tuple[str, str], dict[str, int]] = {}
        self.packers: dict[tuple[str, object, tuple[str, ...]], RowsPacker] = {}
        self._met: set[tuple[str, object, tuple[str, ...]]] = set()
        self._met_tags = 0
        self.queue: OpenRows = _Closed()
        self.thread = _NO_THREAD
        self.is_running: Callable[[], bool] = bool

    def open(self, queue: OpenRows, thread: int, is_running: Callable[[], bool]) -> None:
        """Let scalars of that thread into that queue while its event loop runs. The queue can close itself by its ``open_until``."""
        self.queue, self.thread, self.is_running = queue, thread, is_running

    def close(self) -> None:
        """Let nothing in."""
        self.queue, self.thread, self.is_running = _Closed(), _NO_THREAD, bool

    def known(self, scope: str, family: object) -> Mapping[str, int]:
        """Return the numbers of the tags in that scope and family, by name."""
        if family is not None and not isinstance(family, str):
            return {}
        return self.numbers.get(scope if family is None else (scope, family), {})

    def learn(self, scope: str, family: str | None, numbers: Mapping[str, int]) -> None:
        """Let tags in, each by the name that it was given in that scope and family."""
        self.numbers.setdefault(scope if family is None else (scope, family), {}).update(numbers)

    def learn_together(self, scope: str, family: str | None, numbers: Mapping[str, int]) -> None:
        """Let calls with just these tags, in this order, take the short way, if it is the second one: others may never come again."""
        key = (scope, family, tuple(numbers))
        if not 0 < len(numbers) <= MOST_PACKED or key in self.packers:
            return
        if key in self._met:
            self.packers[key] = RowsPacker(list(numbers.values()))
            return
        if self._met_tags + len(numbers) > MOST_PACKED:
            self.packers.clear()
            self._met.clear()
            self._met_tags = 0
        self._met.add(key)
        self._met_tags += len(numbers)
