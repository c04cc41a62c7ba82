"""Where does a writer go on after a crash? Pure: decided from a listing and a scan of the last segment.

Readers stop for ever at bytes that are no whole record, and never return to an earlier file. So a torn tail is cut off where that is
possible (a local file), and otherwise a new segment is begun; in neither case is a whole record touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from asyncsummary.records import Damage, Scanner
from asyncsummary.segments import event_files, is_ours


@dataclass(frozen=True, slots=True)
class Fresh:
    """Begin a new segment, named to sort after ``after``."""

    after: str | None


@dataclass(frozen=True, slots=True)
class Inspect:
    """Scan this segment, then decide."""

    name: str


@dataclass(frozen=True, slots=True)
class Continue:
    """Append to this segment, which ends with a whole record at ``size``."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Shorten this segment to ``size`` bytes, its last whole record, and append there."""

    name: str
    size: int


LARGEST_SCANNED = 64 << 20
"""A larger object is not fetched to see how it ends: the run gets one more segment instead."""


def first_look(sizes: Mapping[str, int], *, resume: bool, can_cut: bool) -> Fresh | Inspect:
    """Decide from a listing of the run: names and sizes. ``can_cut`` as for ``second_look``."""
    files = event_files(sizes)
    if not files:
        return Fresh(None)
    last = files[-1]
    can_scan = can_cut or sizes[last] <= LARGEST_SCANNED
    return Inspect(last) if resume and can_scan and is_ours(last) else Fresh(last)


def second_look(name: str, scanned: Scanner, *, can_cut: bool) -> Fresh | Continue | Cut:
    """Decide from a scan of the last segment; ``can_cut`` says whether its storage can shorten it."""
    if not scanned.records or scanned.damage is Damage.CORRUPT:
        return Fresh(name)  # what follows a corrupt record may still be worth something to somebody: it stays
    if scanned.damage is Damage.TORN:
        return Cut(name, scanned.offset) if can_cut else Fresh(name)
    return Continue(name, scanned.offset)
