"""Ids: small ones first, wider ranges where they collide."""

import random

import pytest

from asyncsummary.database.ids import draw


@pytest.mark.parametrize(("attempt", "largest"), [(0, 2**23 - 1), (1, 2**31 - 1), (2, 2**47 - 1), (20, 2**47 - 1)])
def test_ranges(attempt: int, largest: int) -> None:
    """As the original's: from 1 up to 23, 31 and 47 bits."""
    asked: list[tuple[int, int]] = []

    def highest(low: int, high: int) -> int:
        asked.append((low, high))
        return high

    assert draw(1, attempt, highest) == [largest]
    assert asked == [(1, largest)]


def test_many_at_once_are_different() -> None:
    """Also if there are nearly as many as small numbers."""
    assert len(set(draw(1000, 0, random.Random(1).randint))) == 1000
    chance = iter([5, 5, 5, 7])
    assert draw(2, 0, lambda low, high: next(chance)) == [5, 7]


def test_very_many_at_once_are_drawn_from_a_wide_range() -> None:
    """Or most draws would hit one that is drawn already."""

    def first(low: int, high: int) -> int:
        raise OverflowError(high)

    with pytest.raises(OverflowError, match=str(2**47 - 1)):
        draw(2_100_000, 0, first)
