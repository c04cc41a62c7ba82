"""Where a batch goes and how, by table; and what runs of all kinds cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.plan import BIG_RUN, KIB, LARGEST_EXTENDED, MIB, SMALLEST_SEGMENT, Open, Placement, place, wait_before
from asyncsummary_storage import Growth, Terms

LOCAL = Terms(Growth.IN_PLACE)
EXPRESS = Terms(Growth.IN_PLACE, most_appends=10_000)
PLAIN = Terms(Growth.REWRITE)
S3 = Terms(Growth.REWRITE, extend_from=5 * MIB, extend_requests=4)
GCS = Terms(Growth.REWRITE, extend_from=MIB, extend_requests=2, seconds_between_writes=1.0)


@pytest.mark.parametrize(
    ("terms", "size", "incoming", "run_bytes", "expected"),
    [
        (LOCAL, 100, 1000, 100, Placement.APPEND),
        (LOCAL, 255 * MIB, MIB, 255 * MIB, Placement.APPEND),
        (LOCAL, 256 * MIB, 1, 256 * MIB, Placement.ROLL),
        (LOCAL, 256 * MIB, 1, 1 << 40, Placement.APPEND),
        (LOCAL, 1024 * MIB, 1, 1 << 40, Placement.ROLL),
        (PLAIN, 100, 1000, 100, Placement.REWRITE),
        (PLAIN, SMALLEST_SEGMENT - KIB, KIB, SMALLEST_SEGMENT - KIB, Placement.REWRITE),
        (PLAIN, SMALLEST_SEGMENT - KIB, KIB + 1, SMALLEST_SEGMENT - KIB, Placement.ROLL),
        (PLAIN, 300 * KIB, KIB, 8 * MIB, Placement.REWRITE),
        (PLAIN, 100, 10 * MIB, 100, Placement.REWRITE),
        (PLAIN, 8 * MIB, 1, 1 << 40, Placement.ROLL),
        (S3, 300 * KIB, KIB, 8 * MIB, Placement.REWRITE),
        (S3, 900 * KIB, KIB, 8 * MIB, Placement.ROLL),
        (S3, 900 * KIB, KIB, BIG_RUN, Placement.REWRITE),
        (S3, 5 * MIB - 1, KIB, BIG_RUN, Placement.REWRITE),
        (S3, 5 * MIB, KIB, BIG_RUN, Placement.EXTEND),
        (S3, LARGEST_EXTENDED, 1, 1 << 40, Placement.ROLL),
        (S3, 2 * MIB, MIB, 2 * MIB, Placement.REWRITE),
        (S3, 5 * MIB, MIB, 5 * MIB, Placement.EXTEND),
        (S3, 5 * MIB, 2 * MIB, 40 * MIB, Placement.ROLL),
        (S3, 5 * MIB, 2 * MIB - 1, 30 * MIB, Placement.EXTEND),
        (S3, 5 * MIB, 2 * MIB, 40 * MIB + 1, Placement.EXTEND),
        (S3, 5 * MIB - 1, 40 * MIB, 80 * MIB, Placement.REWRITE),
        (GCS, MIB - 1, KIB, BIG_RUN, Placement.REWRITE),
        (GCS, MIB, KIB, BIG_RUN, Placement.EXTEND),
    ],
)
def test_place(terms: Terms, size: int, incoming: int, run_bytes: int, expected: Placement) -> None:
    """By what the storage can do, the size of the open segment, the batch, and the run."""
    assert expected is place(Open(size, 1), incoming, run_bytes, terms)


def test_a_users_own_limit() -> None:
    """Is kept, however large the run is; but a batch is not split for it."""
    assert place(Open(MIB, 1), 1, 1 << 40, S3, largest=MIB) is Placement.ROLL
    assert place(Open(MIB - 1, 1), 1, 1 << 40, S3, largest=MIB) is Placement.REWRITE
    assert place(Open(100, 1), 2 * MIB, 1 << 40, S3, largest=MIB) is Placement.REWRITE


def test_a_segment_that_takes_no_more_appends() -> None:
    """Is left for the next one."""
    assert place(Open(100, 9_999), 1, 100, EXPRESS) is Placement.APPEND
    assert place(Open(100, 10_000), 1, 100, EXPRESS) is Placement.ROLL


def run_of(batch: int, flushes: int, terms: Terms) -> tuple[int, int, int]:
    """Return the bytes that a run of such flushes sends, its write requests, and its segments."""
    sent = requests = segments = size = appends = run = 0
    for _ in range(flushes):
        placement = place(Open(size, appends), batch, run, terms) if segments else Placement.ROLL
        if placement is Placement.ROLL:
            segments, size, appends = segments + 1, 40, 0
        run, size, appends = run + batch, size + batch, appends + 1
        sent += size if placement in {Placement.REWRITE, Placement.ROLL} else batch
        requests += terms.extend_requests if placement is Placement.EXTEND else 1
    return sent, requests, segments


DAY, WEEK = 8640, 60_480


@pytest.mark.parametrize(
    ("batch", "flushes", "gigabytes", "requests", "segments"),
    [
        (1_000, DAY, 2.0, 10_000, 40),
        (10_000, DAY, 2.5, 33_000, 40),
        (100_000, DAY, 3.0, 35_000, 50),
        (1_000_000, DAY, 11.0, 35_000, 60),
        (10_000, WEEK, 4.0, 240_000, 60),
        (1_350, 400, 0.012, 420, 40),
    ],
    ids=["tiny", "light", "mid", "heavy", "week", "short"],
)
@pytest.mark.parametrize("terms", [S3, GCS], ids=["S3", "GCS"])
def test_what_runs_cost(batch: int, flushes: int, gigabytes: float, requests: int, segments: int, terms: Terms) -> None:
    """Few bytes, few requests and few segments at once, at any length; benchmarks/append_cost.py prints the figures."""
    found = run_of(batch, flushes, terms)
    assert found[0] <= gigabytes * 1e9
    assert found[1] <= requests
    assert found[2] <= segments


@given(st.lists(st.integers(1, 2 * MIB), min_size=1, max_size=300), st.sampled_from([LOCAL, EXPRESS, PLAIN, S3, GCS]))
def test_a_run_has_few_segments_whatever_comes(batches: list[int], terms: Terms) -> None:
    """No more than the logarithm of the run allows, or one for each eight large batches."""
    size = appends = run = segments = 0
    for batch in batches:
        placement = place(Open(size, appends), batch, run, terms) if segments else Placement.ROLL
        if placement is Placement.EXTEND:
            assert terms.extend_from is not None
            assert size >= terms.extend_from
        if placement is Placement.ROLL:
            segments, size, appends = segments + 1, 0, 0
        size, appends, run = size + batch, appends + 1, run + batch
    ceiling = 80 + run // (2 * MIB)
    assert segments <= min(len(batches), ceiling)


def test_waits() -> None:
    """No sooner than the storage wants the next write."""
    assert wait_before(10.0, None, GCS) == 0.0
    assert wait_before(10.25, 10.0, GCS) == 0.75
    assert wait_before(11.5, 10.0, GCS) == 0.0
    assert wait_before(10.0, 10.0, S3) == 0.0
