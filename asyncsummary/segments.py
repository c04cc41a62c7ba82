"""What is a segment called? Names sort in the order in which segments are to be read. Pure.

::

    events.out.tfevents.<10 digits: seconds since the epoch>.<host>.<pid>.<6 digits: sequence><suffix>

TensorBoard reads every file whose name contains "tfevents", in the order of names, and never goes back to an earlier one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

PREFIX = "events.out.tfevents."
_SECONDS = re.compile(re.escape(PREFIX) + r"(\d{10})\.")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
_LATEST = 9_999_999_999


@dataclass(frozen=True, slots=True)
class SegmentName:
    """A name, and the seconds in it, which are also the wall_time of the segment's first event."""

    name: str
    seconds: int

    @staticmethod
    def parse(name: str) -> "SegmentName | None":
        """Return a name of ours with the seconds in it, None if it is not one."""
        found = _SECONDS.match(name)
        return None if found is None else SegmentName(name, int(found.group(1)))


def next_name(now: float, host: str, pid: int, sequence: int, suffix: str, after: str | None) -> SegmentName:
    """Return a name that sorts after ``after``, even when the clock went back or another host comes first in the alphabet."""
    seconds = int(now)
    tail = f".{_UNFIT.sub('_', host) or 'localhost'}.{pid}.{sequence:06d}{suffix}"
    if after is not None:
        found = _SECONDS.match(after)
        seconds = max(seconds, int(found.group(1))) if found else seconds
        if f"{PREFIX}{seconds:010d}{tail}" <= after:
            seconds += 1
    seconds = min(seconds, _LATEST)
    return SegmentName(f"{PREFIX}{seconds:010d}{tail}", seconds)


def event_files(names: Iterable[str]) -> list[str]:
    """Return those names that TensorBoard reads as event files, in its order."""
    return sorted(name for name in names if "tfevents" in name and not name.endswith(".profile-empty"))


def is_ours(name: str) -> bool:
    """Return whether the name has the form of a segment that a writer may go on with."""
    return _SECONDS.match(name) is not None
