"""Is what lies in a logdir what the writers were promised? Counts what is lost, doubled, out of order, unknown, or not readable."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from asyncsummary.protos import Event
from asyncsummary.records import Damage, scan
from asyncsummary_storage import open_folder
from tests.support.events import scalars_of

Point = tuple[str, int, float]
"""Tag, step and value of a scalar. Each that is written in this suite is written once."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts. ``lost``: confirmed and not there. ``doubled``: copies beyond the first, of confirmed or not.

    ``disordered``: points below an earlier one of their tag. ``unknown``: points that nobody wrote. ``unreadable``: segments that do not
    end with a whole record.
    """

    confirmed: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    unknown: int = 0
    unreadable: int = 0

    def __add__(self, other: Self) -> "Verdict":
        return Verdict(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(Verdict)))

    def worse(self, other: Self) -> "Verdict":
        """Return the larger of each count."""
        return Verdict(*(max(getattr(self, item.name), getattr(other, item.name)) for item in fields(Verdict)))

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.disordered or self.unknown or self.unreadable)


@dataclass(slots=True)
class Stored:
    """What a reader finds: the scalars in the order of reading, and the segments."""

    points: list[Point]
    names: list[str]
    unreadable: int = 0


def judge(confirmed: Iterable[Point], accepted: Iterable[Point], stored: Stored) -> Verdict:
    """Compare what was confirmed, and what may be there besides since it was accepted, with what is there."""
    due, known = set(confirmed), set(accepted)
    found = Counter(stored.points)
    return Verdict(
        confirmed=len(due),
        lost=sum(1 for point in due if point not in found),
        doubled=sum(count - 1 for count in found.values()),
        disordered=_disordered(stored.points),
        unknown=sum(count for point, count in found.items() if point not in due and point not in known),
        unreadable=stored.unreadable,
    )


def _disordered(points: Sequence[Point]) -> int:
    newest: dict[str, int] = {}
    wrong = 0
    for tag, step, _ in points:
        wrong += step < newest.get(tag, step)
        newest[tag] = max(step, newest.get(tag, step))
    return wrong


def read_segments(contents: Iterable[tuple[str, bytes]], *, may_be_torn: bool = False) -> Stored:
    """Read as TensorBoard does: the segments by name, each up to what is no whole record. ``may_be_torn``: by a kill in the middle."""
    stored = Stored([], [])
    for name, data in sorted(contents):
        if "tfevents" not in name:
            continue
        payloads, scanner = scan(data)
        stored.names.append(name)
        stored.unreadable += scanner.damage is not None and not (may_be_torn and scanner.damage is Damage.TORN)
        stored.points += scalars_of([Event.FromString(payload) for payload in payloads])
    return stored


async def read_logdir(logdir: str, options: Mapping[str, Any] | None = None) -> Stored:
    """Read all segments of a run."""
    folder = open_folder(logdir, options)
    await folder.open()
    try:
        contents = [(entry.name, await folder.segment(entry.name).read(0, entry.size)) for entry in await folder.entries()]
    finally:
        await folder.close()
    return read_segments(contents)
