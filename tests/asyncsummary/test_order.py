"""Order within a batch, and what comes late: against a straightforward reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary import order
from asyncsummary.columns import Batch
from asyncsummary.order import LatePolicy, StepTracker, by_step, in_order


def batch_of(rows: list[tuple[int, int]], events: tuple[tuple[int, bytes], ...] = ()) -> Batch:
    """Return a batch of (tag, step); values and times number the rows."""
    tags, steps = ([row[column] for row in rows] for column in (0, 1))
    count = np.arange(len(rows))
    return Batch(np.array(tags, np.int32), np.array(steps, np.int64), count.astype(np.float32), count.astype(np.float64), events)


def rows_of(batch: Batch) -> list[tuple[int, int, int]]:
    return list(zip(batch.tags.tolist(), batch.steps.tolist(), [int(value) for value in batch.values], strict=True))


many_rows = st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 5)), max_size=40)


@given(many_rows)
def test_each_tag_by_step(rows: list[tuple[int, int]]) -> None:
    """The scalars of a tag share its places, stably sorted by step; the places of other tags do not move."""
    expected: list[tuple[int, int, int]] = []
    queues = {tag: sorted((r for r in enumerate(rows) if r[1][0] == tag), key=lambda r: r[1][1]) for tag in range(4)}
    for tag, _ in rows:
        index, (_, step) = queues[tag].pop(0)
        expected.append((tag, step, index))
    ordered = by_step(batch_of(rows))
    assert expected == rows_of(ordered)
    assert [row[2] for row in expected] == ordered.times.tolist()


def test_events_stay_where_they_are() -> None:
    """What is not a scalar keeps its place among the scalars."""
    batch = batch_of([(0, 2), (0, 1)], ((1, b"event"),))
    assert by_step(batch).events == ((1, b"event"),)


@pytest.mark.parametrize("policy", list(LatePolicy))
def test_late_steps(policy: LatePolicy) -> None:
    """A step below one of its tag in an earlier batch is late; equal ones and other tags are not."""
    tracker = StepTracker(policy)
    first = tracker.pass_through(batch_of([(0, 5), (1, 1), (0, 7)]))
    assert first.counts == {}
    assert (len(first.batch), first.late) == (3, None)
    second = tracker.pass_through(batch_of([(0, 6), (0, 7), (1, 1), (2, -5), (0, 2), (1, 0)], ((1, b"a"), (6, b"b"))))
    assert second.counts == {0: 2, 1: 1}
    if policy in {LatePolicy.DROP, LatePolicy.SUBRUN}:
        assert rows_of(second.batch) == [(0, 7, 1), (1, 1, 2), (2, -5, 3)]
        assert second.batch.events == ((0, b"a"), (3, b"b"))
    else:
        assert len(second.batch) == 8
    if policy is LatePolicy.SUBRUN:
        assert second.late is not None
        assert rows_of(second.late) == [(0, 6, 0), (0, 2, 4), (1, 0, 5)]
        assert second.late.events == ()
    else:
        assert second.late is None


@given(st.lists(many_rows, max_size=6))
def test_dropping_leaves_no_step_going_down(batches: list[list[tuple[int, int]]]) -> None:
    """Whatever comes, what goes out under DROP never decreases within a tag."""
    tracker = StepTracker(LatePolicy.DROP)
    highest: dict[int, int] = {}
    kept = dropped = 0
    for rows in batches:
        passed = tracker.pass_through(by_step(batch_of(rows)))
        for tag, step, _ in rows_of(passed.batch):
            assert step >= highest.get(tag, step)
            highest[tag] = step
        kept += len(passed.batch)
        dropped += sum(passed.counts.values())
    assert sum(map(len, batches)) == kept + dropped


@given(st.lists(many_rows, max_size=4), st.integers(1, 7), st.sampled_from(LatePolicy))
def test_pieces_make_no_difference(batches: list[list[tuple[int, int]]], piece: int, policy: LatePolicy) -> None:
    """What is late is late by what earlier batches brought, not by what came before it in its own."""
    whole, cut = StepTracker(policy), StepTracker(policy)
    for rows in batches:
        batch = by_step(batch_of(rows))
        expected = whole.pass_through(batch)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(order, "_PIECE", piece)
            found = cut.pass_through(batch)
        assert found.counts == expected.counts
        assert rows_of(found.batch) == rows_of(expected.batch)


@given(st.lists(st.tuples(many_rows, st.booleans()), max_size=6), st.integers(1, 7), st.sampled_from(LatePolicy))
def test_steps_that_only_rise_make_no_difference(batches: list[tuple[list[tuple[int, int]], bool]], piece: int, policy: LatePolicy) -> None:
    """They are not looked at one by one, but what comes after them is late just the same."""
    slow, fast = StepTracker(policy), StepTracker(policy)
    for rows, is_sorted in batches:
        batch = by_step(batch_of(sorted(rows, key=lambda row: row[1]) if is_sorted else rows))
        expected = slow.pass_through(batch)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(order, "_PIECE", piece)
            found = fast.pass_through(batch, rises=in_order(batch))
        assert found.counts == expected.counts
        assert rows_of(found.batch) == rows_of(expected.batch)


def test_an_empty_batch() -> None:
    """Events alone have no steps to track."""
    passed = StepTracker(LatePolicy.DROP).pass_through(batch_of([], ((0, b"event"),)))
    assert (len(passed.batch), passed.counts) == (1, {})
