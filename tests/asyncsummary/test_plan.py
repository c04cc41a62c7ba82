"""Where a batch goes, and how many segments a run gets."""

import pytest

from asyncsummary.plan import IN_PLACE_LIMITS, KIB, MIB, REWRITE_LIMITS, Placement, SegmentLimits, place


@pytest.mark.parametrize(
    ("size", "incoming", "run_bytes", "rewrites", "expected"),
    [
        (100, 1000, 100, True, Placement.REWRITE),
        (100, 1000, 100, False, Placement.APPEND),
        (255 * KIB, KIB, 255 * KIB, True, Placement.REWRITE),
        (255 * KIB, KIB + 1, 255 * KIB, True, Placement.ROLL),
        (100, 10 * MIB, 100, True, Placement.REWRITE),
        (255 * KIB, KIB + 1, 255 * KIB, False, Placement.APPEND),
        (300 * KIB, KIB, 8 * MIB, True, Placement.REWRITE),
        (8 * MIB, 1, 1 << 40, True, Placement.ROLL),
        (256 * MIB, 1, 256 * MIB, False, Placement.ROLL),
    ],
)
def test_place(size: int, incoming: int, run_bytes: int, rewrites: bool, expected: Placement) -> None:
    """By the size of the open segment, the batch, and the run."""
    limits = REWRITE_LIMITS if rewrites else IN_PLACE_LIMITS
    assert expected is place(size, incoming, run_bytes, limits, rewrites=rewrites)


@pytest.mark.parametrize(
    ("batch", "flushes", "segments"),
    [(1 * KIB, 8640, 40), (10 * KIB, 8640, 60), (1350, 400, 40)],
)
def test_a_run_has_tens_of_segments(batch: int, flushes: int, segments: int) -> None:
    """A day of flushes, or 10,000 scalars in 400 of them."""
    size = run = count = 0
    for _ in range(flushes):
        if count == 0 or place(size, batch, run, REWRITE_LIMITS, rewrites=True) is Placement.ROLL:
            count, size = count + 1, 0
        size += batch
        run += batch
    assert count <= segments


def test_bad_limits() -> None:
    """Limits that contradict each other are a mistake in the code that made them."""
    with pytest.raises(ValueError, match="floor <= ceiling"):
        SegmentLimits(2, 1)
