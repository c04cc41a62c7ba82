"""What is to be made of several runs? Medians, ranges, and ratios of runs side by side; figures as people read them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_EIGHTHS: tuple[str, ...] = ("", *"▏▎▍▌▋▊▉")

Figures = dict[str, float]


@dataclass(slots=True)
class Found:
    """What the runs of one program gave, in their order; ``trouble`` says why there are none, or no more."""

    runs: list[Figures] = field(default_factory=list)
    trouble: str = ""

    def of(self, figure: str) -> list[float]:
        """Return one figure of all runs that have it."""
        return [run[figure] for run in self.runs if figure in run]


Results = dict[str, Found]
"""By the program's name."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values, the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """Return that of no values as None."""
        if not values:
            return None
        return cls(statistics.median(values), min(values), max(values))


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratios of runs that were side by side; where one program has fewer runs, of as many as there are pairs."""
    return [one / other for one, other in zip(above, below, strict=False) if other]


def number(value: float) -> str:
    """Return a value with three or four digits that count: 0.0123, 12.3, 1,234, 56.7k, 1.42M."""
    size = abs(value)
    if size < 1e-9:
        return "0"
    for limit, scale, unit in ((999.5e3, 1e6, "M"), (9_999.5, 1e3, "k")):
        if size >= limit:
            return f"{_three_digits(value / scale)}{unit}"
    return _three_digits(value)


def _three_digits(value: float) -> str:
    size = abs(value)
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.0995 else 4
    return f"{value:,.{digits}f}"


def spread_text(spread: Spread | None, unit: str = "") -> str:
    """Return the median, and the range if there is one."""
    if spread is None:
        return "-"
    low, middle, high = (number(value) for value in (spread.low, spread.median, spread.high))
    return f"{middle}{unit}" if low == high else f"{middle}{unit} ({low} to {high})"


def bar(share: float, width: int = 20) -> str:
    """Return a bar of so much of the width, in eighths of a character; what is not nothing is seen."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    if share > 0:
        eighths = max(eighths, 1)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8]


def as_found(data: dict[str, Any]) -> Found:
    """Return what was written as JSON."""
    return Found([dict(run) for run in data["runs"]], data["trouble"])
