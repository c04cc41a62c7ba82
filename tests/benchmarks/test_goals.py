"""Goals: reached, missed, or not to be said."""

import pytest

from benchmarks.figures import Found, Results, Spread
from benchmarks.goals import Evenness, Goal, Verdict


def found(**rates: list[float]) -> Results:
    """Return results of one figure."""
    return {name: Found([{"rate": rate} for rate in values]) for name, values in rates.items()}


RESULTS = found(ours=[100, 90, 110], slow=[10, 30, 10], fast=[50, 45, 22], none=[])


@pytest.mark.parametrize(
    ("goal", "spread", "reached", "remark"),
    [
        (Goal("", "ours", "rate", least=100), Spread(100, 90, 110), True, ""),
        (Goal("", "ours", "rate", least=100.1), Spread(100, 90, 110), False, ""),
        (Goal("", "ours", "rate", most=99), Spread(100, 90, 110), False, ""),
        (Goal("", "ours", "rate", least=10, against=("slow",)), Spread(10, 3, 11), True, ""),
        (Goal("", "ours", "rate", least=2, against=("slow", "fast")), Spread(2, 2, 5), True, "that is fast"),
        (Goal("", "ours", "rate", least=2.1, against=("slow", "fast", "none")), Spread(2, 2, 5), False, "that is fast"),
        (Goal("", "ours", "rate", least=1, against=("none",)), None, None, "none not measured"),
        (Goal("", "ours", "rate", least=1, against=("unknown",)), None, None, "unknown not measured"),
        (Goal("", "none", "rate", least=1), None, None, "not measured"),
        (Goal("", "ours", "seconds", least=1), None, None, "not measured"),
    ],
)
def test_goal(goal: Goal, spread: Spread | None, reached: bool | None, remark: str) -> None:
    """The median decides; a ratio is that of runs side by side, to the best of several."""
    assert goal.judge(RESULTS) == Verdict("", "", spread, reached, remark)


@pytest.mark.parametrize(("most", "reached"), [(1.5, True), (1.4, False)])
def test_evenness(most: float, reached: bool) -> None:
    """The greatest median over the least; rounds show how it varied."""
    results = found(few=[2, 2, 4], more=[3, 3, 3], many=[2, 3])
    verdict = Evenness("", ("few", "more", "many"), "rate", most).judge(results)
    assert verdict == Verdict("", "×", Spread(1.5, 1.5, 1.5), reached)
    assert Evenness("", ("few", "more"), "rate", most).judge(results).spread == Spread(1.5, 4 / 3, 1.5)


def test_evenness_of_what_was_not_measured() -> None:
    """Nothing is said if one point is missing."""
    verdict = Evenness("", ("ours", "none"), "rate", 1.5).judge(RESULTS)
    assert (verdict.reached, verdict.remark) == (None, "none not measured")
