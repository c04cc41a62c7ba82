"""Figures: medians, ratios, and how they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Found, Spread, bar, number, ratios, spread_text


@pytest.mark.parametrize(
    ("values", "spread"),
    [([], None), ([3.0], Spread(3, 3, 3)), ([5.0, 1.0, 2.0], Spread(2, 1, 5)), ([1.0, 2.0, 4.0, 9.0], Spread(3, 1, 9))],
)
def test_spread(values: list[float], spread: Spread | None) -> None:
    """The median, the least and the greatest; nothing of nothing."""
    assert Spread.of(values) == spread


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [([10.0, 20.0], [5.0, 4.0], [2.0, 5.0]), ([10.0, 20.0, 30.0], [5.0], [2.0]), ([1.0, 2.0], [0.0, 4.0], [0.5]), ([], [1.0], [])],
)
def test_ratios(above: list[float], below: list[float], expected: list[float]) -> None:
    """Of runs side by side, as many as there are pairs; none with nothing below."""
    assert ratios(above, below) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0123, "0.0123"),
        (0.0999, "0.10"),
        (0.333, "0.33"),
        (1.004, "1.00"),
        (12.345, "12.3"),
        (99.96, "100"),
        (123.4, "123"),
        (1_234.5, "1,234"),
        (9_999.4, "9,999"),
        (9_999.6, "10.0k"),
        (56_789, "56.8k"),
        (999_499, "999k"),
        (999_999, "1.00M"),
        (1_421_952, "1.42M"),
        (123_456_789, "123M"),
        (-2.5, "-2.50"),
    ],
)
def test_number(value: float, text: str) -> None:
    """Three or four digits that count."""
    assert number(value) == text


@given(st.floats(1e-3, 1e9))
def test_number_is_near_the_value(value: float) -> None:
    """What is written is within a hundredth of the value, or of 0.01."""
    text = number(value).replace(",", "")
    scale = {"k": 1e3, "M": 1e6}.get(text[-1], 1.0)
    assert float(text.rstrip("kM")) * scale == pytest.approx(value, rel=0.01, abs=1e-4)


def test_spread_text() -> None:
    """A range is written where there is one."""
    assert spread_text(None) == "-"
    assert spread_text(Spread(1.5, 1.5, 1.5), " ms") == "1.50 ms"
    assert spread_text(Spread(1.5, 1.0, 2e6), "/s") == "1.50/s (1.00 to 2.00M)"
    assert spread_text(Spread(1.5, 1.4999, 1.5001)) == "1.50"


@pytest.mark.parametrize(
    ("share", "text"), [(0, ""), (1e-9, "▏"), (0.5, "██"), (1, "████"), (7, "████"), (-1, ""), (0.3, "█▎"), (31 / 32, "███▉")]
)
def test_bar(share: float, text: str) -> None:
    """A part of the width, in eighths; what is not nothing is seen, and nothing is beyond the end."""
    assert bar(share, width=4) == text


def test_figures_of_runs() -> None:
    """A run that lacks a figure is left out."""
    assert Found([{"rate": 1.0}, {"seconds": 2.0}, {"rate": 3.0, "seconds": 4.0}]).of("rate") == [1.0, 3.0]
