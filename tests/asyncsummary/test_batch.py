"""When a batch is due, by table."""

import pytest

from asyncsummary.batch import BURST_SECONDS, BURST_SUMMARIES, EARLY_SECONDS, NEVER, NOW, BatchPolicy, Waiting, due_in, may_grow

POLICY = BatchPolicy(max_queue=10, flush_seconds=120.0, max_bytes=1000)


@pytest.mark.parametrize(
    ("waiting", "wanted", "due"),
    [
        (Waiting(0, 0, 0.0), False, NEVER),
        (Waiting(0, 0, 500.0), True, NEVER),
        (Waiting(1, 60, 0.0), False, 120.0 - EARLY_SECONDS),
        (Waiting(10, 600, 20.0), False, 100.0 - EARLY_SECONDS),
        (Waiting(11, 660, 0.0), False, NOW),
        (Waiting(1, 60, 119.999), False, NOW),
        (Waiting(1, 60, 120.0), False, NOW),
        (Waiting(1, 60, 500.0), False, NOW),
        (Waiting(1, 60, 0.0), True, NOW),
        (Waiting(2, 1000, 0.0), False, NOW),
        (Waiting(2, 999, 0.0), False, 120.0 - EARLY_SECONDS),
    ],
)
def test_due(waiting: Waiting, wanted: bool, due: float) -> None:
    """By count, by time, by bytes, or because somebody flushes."""
    assert due == due_in(POLICY, waiting, wanted=wanted)


@pytest.mark.parametrize(
    ("max_queue", "count", "due"), [(0, 1, NOW), (1, 1, 5.0 - EARLY_SECONDS), (1, 2, NOW), (None, 10**6, 5.0 - EARLY_SECONDS)]
)
def test_max_queue(max_queue: int | None, count: int, due: float) -> None:
    """More than max_queue: 0 writes each at once, None leaves it to time and bytes."""
    policy = BatchPolicy(max_queue, 5.0, 10**9)
    assert due == due_in(policy, Waiting(count, 1, 0.0), wanted=False)
    assert (None if max_queue is None else max_queue + 1) == policy.due_count


def test_first_at_once() -> None:
    """The first of a file does not wait, if so chosen."""
    policy = BatchPolicy(10, 120.0, 1000, first_at_once=True)
    assert due_in(policy, Waiting(1, 1, 0.0, is_first=True), wanted=False) == NOW
    assert due_in(policy, Waiting(1, 1, 0.0), wanted=False) == 120.0 - EARLY_SECONDS
    assert due_in(POLICY, Waiting(1, 1, 0.0, is_first=True), wanted=False) == 120.0 - EARLY_SECONDS


def test_flush_millis_zero() -> None:
    """Writes each at once."""
    assert due_in(BatchPolicy(10, 0.0, 1000), Waiting(1, 1, 0.0), wanted=False) == NOW


@pytest.mark.parametrize(
    ("waiting", "seconds", "may"),
    [
        (Waiting(11, 660, 0.0), 0.0, True),
        (Waiting(11, 660, 20.0), BURST_SECONDS / 2, True),
        (Waiting(11, 660, 0.0), BURST_SECONDS, False),
        (Waiting(BURST_SUMMARIES - 1, 660, 0.0), 0.0, True),
        (Waiting(BURST_SUMMARIES, 660, 0.0), 0.0, False),
        (Waiting(11, 1000, 0.0), 0.0, False),
        (Waiting(11, 660, 120.0), 0.0, False),
        (Waiting(11, 660, 120.0 - BURST_SECONDS), 0.0, False),
    ],
)
def test_a_burst(waiting: Waiting, seconds: float, may: bool) -> None:
    """What is due by its number waits for the rest of its burst, neither long nor for much, nor beyond its time or its bytes."""
    assert may is may_grow(POLICY, waiting, seconds)


def test_no_burst_without_a_pause() -> None:
    """``flush_millis=0`` waits for nothing."""
    assert not may_grow(BatchPolicy(10, 0.0, 1000), Waiting(11, 660, 0.0), 0.0)
