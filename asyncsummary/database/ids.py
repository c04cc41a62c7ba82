"""Which numbers are ids drawn from? Small ones first; where one is taken already, larger ones. Pure."""

from collections.abc import Callable

_LARGEST = ((1 << 23) - 1, (1 << 31) - 1, (1 << 47) - 1)
MOST_DRAWS = 21


def draw(count: int, attempt: int, randint: Callable[[int, int], int]) -> list[int]:
    """Return ``count`` different numbers for the ``attempt``-th time (from 0); ``randint(a, b)`` draws from a to b, both included."""
    largest = _LARGEST[min(attempt, len(_LARGEST) - 1)]
    if count > largest // 4:  # of so many at once, most draws would hit one that is drawn already
        largest = _LARGEST[-1]
    found: dict[int, None] = {}
    while len(found) < count:
        found[randint(1, largest)] = None
    return list(found)
