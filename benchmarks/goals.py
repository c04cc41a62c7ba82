"""Was a goal reached in these runs? Nothing is asserted: a verdict has the median, the range, and what was not measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Results, Spread, ratios


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one goal. ``reached`` is None where it could not be said."""

    says: str
    unit: str
    spread: Spread | None
    reached: bool | None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure of one program, within bounds; or its ratio to the best of ``against``.

    The best is the program with the greatest median.
    """

    says: str
    program: str
    figure: str
    least: float = -math.inf
    most: float = math.inf
    against: tuple[str, ...] = ()
    unit: str = ""

    @property
    def programs(self) -> tuple[str, ...]:
        return (self.program, *self.against)

    def judge(self, results: Results) -> Verdict:
        """Compare medians with the bounds."""
        found = results.get(self.program)
        values = found.of(self.figure) if found else []
        if not values:
            return Verdict(self.says, self.unit, None, None, "not measured")
        if not self.against:
            return self._verdict(values)
        best = self._best(results)
        if best is None:
            return Verdict(self.says, self.unit, None, None, f"{', '.join(self.against)} not measured")
        remark = f"that is {best}" if len(self.against) > 1 else ""
        return self._verdict(ratios(values, results[best].of(self.figure)), remark)

    def _best(self, results: Results) -> str | None:
        medians = {}
        for name in self.against:
            spread = Spread.of(results[name].of(self.figure)) if name in results else None
            if spread is not None:
                medians[name] = spread.median
        return max(medians, key=lambda name: medians[name]) if medians else None

    def _verdict(self, values: Sequence[float], remark: str = "") -> Verdict:
        spread = Spread.of(values)
        reached = None if spread is None else self.least <= spread.median <= self.most
        return Verdict(self.says, self.unit, spread, reached, remark)


@dataclass(frozen=True, slots=True)
class Evenness:
    """A figure that stays the same from program to program: its greatest median over its least."""

    says: str
    programs: tuple[str, ...]
    figure: str
    most: float
    unit: str = "×"

    def judge(self, results: Results) -> Verdict:
        """Compare medians; the range is that of the rounds, in each of which all programs ran."""
        values = [results[name].of(self.figure) if name in results else [] for name in self.programs]
        if not all(values):
            missing = [name for name, found in zip(self.programs, values, strict=True) if not found]
            return Verdict(self.says, self.unit, None, None, f"{', '.join(missing)} not measured")
        medians = [spread.median for found in values if (spread := Spread.of(found))]
        rounds = [max(side_by_side) / min(side_by_side) for side_by_side in zip(*values, strict=False)]
        median = max(medians) / min(medians)
        spread = Spread(median, min(*rounds, median), max(*rounds, median))
        return Verdict(self.says, self.unit, spread, median <= self.most)
