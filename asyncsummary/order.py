"""In which order do the scalars of a batch go out, and which come too late? Per tag, by step.

Coroutines finish out of order, and TensorBoard's Rust reader (the default for local and gs:// logdirs) drops every kept point of a tag
whose step is not below that of a point it reads later. So within a batch the scalars of one tag are put in the order of their steps;
they share the places that this tag had, so different tags stay in the order of acceptance. Equal steps keep their order, too.
"""

import enum
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import Batch

_BEFORE_ALL = int(np.iinfo(np.int64).min)
_PIECE = 65_536
"""So many scalars are looked at together: for more of them, numpy would ask for new memory each time, and that takes longer."""


def by_step(batch: Batch) -> Batch:
    """Return the batch with the scalars of each tag in the order of their steps."""
    if in_order(batch):
        return batch
    places = np.argsort(batch.tags, kind="stable")  # the places of each tag, in the order of acceptance
    tags = batch.tags[places]
    steps = batch.steps[places]
    if bool(np.all((steps[1:] >= steps[:-1]) | (tags[1:] != tags[:-1]))):
        return batch
    source = np.empty(len(places), np.intp)
    source[places] = np.lexsort((batch.steps, batch.tags))  # lexsort is stable and sorts by its last key first
    return _taken(batch, source)


def in_order(batch: Batch) -> bool:
    """Say whether no step is below the one before it, whatever the tags. That takes little time, also of many scalars."""
    return bool(np.logical_and.reduce(batch.steps[1:] >= batch.steps[:-1]))


def _taken(batch: Batch, source: NDArray[np.intp]) -> Batch:
    return replace(batch, tags=batch.tags[source], steps=batch.steps[source], values=batch.values[source], times=batch.times[source])


class LatePolicy(enum.Enum):
    """What happens to a scalar whose step is below one of its tag in an earlier batch."""

    KEEP = "keep"
    WARN = "warn"
    DROP = "drop"
    SUBRUN = "subrun"


@dataclass(frozen=True, slots=True)
class Passed:
    """A batch as the policy leaves it, what of it goes to the late run, and how many scalars came late by tag number."""

    batch: Batch
    late: Batch | None = None
    counts: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class StepTracker:
    """Remembers the highest step of each tag in the batches that went by."""

    policy: LatePolicy
    _highest: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _top: int = _BEFORE_ALL
    """The highest step of all tags."""

    def pass_through(self, batch: Batch, *, rises: bool = False) -> "Passed":
        """Say what becomes of a batch in which the scalars of each tag are in the order of their steps; ``rises``: all of them are."""
        if not batch.scalars:
            return Passed(batch)
        self._grow(int(np.maximum.reduce(batch.tags)) + 1)
        if rises and batch.steps[0] >= self._top:  # so nothing is late, whatever its tag
            for start in range(0, batch.scalars, _PIECE):
                piece = slice(start, start + _PIECE)
                self._highest[batch.tags[piece]] = batch.steps[piece]  # of several of one tag the last, which is its highest, stays
            self._top = int(batch.steps[-1])
            return Passed(batch)
        self._top = max(self._top, int(batch.steps.max()))
        is_late = np.empty(batch.scalars, np.bool_)
        for start in range(0, batch.scalars, _PIECE):
            piece = slice(start, start + _PIECE)
            tags, steps = batch.tags[piece].astype(np.intp), batch.steps[piece]
            is_late[piece] = steps < self._highest.take(tags)
            np.maximum.at(self._highest, tags, steps)
        if not is_late.any():
            return Passed(batch)
        numbers, counts = np.unique(batch.tags[is_late], return_counts=True)
        late = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        match self.policy:
            case LatePolicy.DROP:
                return Passed(_without(batch, is_late), None, late)
            case LatePolicy.SUBRUN:
                return Passed(_without(batch, is_late), replace(_taken(batch, np.flatnonzero(is_late)), events=()), late)
            case _:
                return Passed(batch, None, late)

    def _grow(self, size: int) -> None:
        if size > len(self._highest):
            grown = np.full(max(size, 2 * len(self._highest)), _BEFORE_ALL, np.int64)
            grown[: len(self._highest)] = self._highest
            self._highest = grown


def _without(batch: Batch, gone: NDArray[np.bool_]) -> Batch:
    kept = np.flatnonzero(~gone)
    before = np.concatenate(([0], np.cumsum(~gone)))  # how many are kept of the first n
    events = tuple((int(before[place]), payload) for place, payload in batch.events)
    return replace(_taken(batch, kept), events=events)
