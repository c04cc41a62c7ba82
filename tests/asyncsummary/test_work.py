"""What one append has: nothing is lost, doubled or moved by dividing it, and none is much larger than it may be."""

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary import work as work_module
from asyncsummary.columns import Batch, Columns, Deferred, Payload, Upload, event_size, pack_row
from asyncsummary.journal import Attempt
from asyncsummary.tags import TagTable
from asyncsummary.work import MOST_TOGETHER, Work, divided, has_room, joined, next_of, together
from asyncsummary_storage import NOTHING

LARGEST = 500


@pytest.fixture(autouse=True)
def largest() -> Iterator[None]:
    """Small works, for small tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(work_module, "LARGEST_WORK", LARGEST)
        yield


def table() -> TagTable:
    tags = TagTable()
    for name in ("a", "b" * 30, "c" * 600):
        tags.number(name, None, "")
    return tags


def work_of(items: list[int], tags: TagTable, taken_out: int = 0) -> Work:
    """Return a work of a scalar for each number of a tag, and an event of so many bytes for each other number."""
    columns = Columns()
    for index, item in enumerate(items):
        if item < len(tags):
            columns.rows += pack_row(index, float(index), 0.5, item)
        else:
            columns.events.append((columns.scalars, Deferred(partial(str.encode, str(index)), item)))
    batch = columns.batch()
    size = tags.total(batch.tags) + sum(event_size(payload) for _, payload in batch.events)
    count = len(batch) + taken_out
    return Work(batch, count, count, size + 100 * taken_out, len(batch), ordered=True)


def numbers(batch: Batch) -> list[int]:
    """Return the indices of what is in a batch, in order."""
    found: list[int] = []
    done = 0
    for place, payload in batch.events:
        found += [*batch.steps[done:place].tolist(), _number(payload)]
        done = place
    found += batch.steps[done:].tolist()
    return found


def _number(payload: Payload) -> int:
    assert isinstance(payload, Deferred)
    return int(payload.encode())


@given(st.lists(st.one_of(st.integers(0, 1), st.integers(0, 2), st.integers(3, 700)), max_size=60), st.integers(0, 3))
def test_divided(items: list[int], taken_out: int) -> None:
    """All are there, in order; counts and sizes add up to what the whole had; none is larger than it must be."""
    tags = table()
    whole = work_of(items, tags, taken_out)
    count, room, size = whole.count, whole.room, whole.size
    works = divided(whole, tags)
    batches = [work.batch for work in works if work.batch is not None]
    assert len(batches) == len(works)
    assert [number for batch in batches for number in numbers(batch)] == list(range(len(items)))
    assert (count, room, size) == tuple(sum(getattr(work, name) for work in works) for name in ("count", "room", "size"))
    assert [work.kept for work in works] == [len(batch) for batch in batches]
    if size > LARGEST:
        sizes = [tags.total(batch.tags) + sum(event_size(payload) for _, payload in batch.events) for batch in batches]
        assert [work.size for work in works[1:]] == sizes[1:]  # what the first one has beside is what was taken out
        assert all(one <= LARGEST * 1.02 + 1 or len(batch) == 1 for one, batch in zip(sizes, batches, strict=True))
        assert all(first + second > LARGEST // 2 for first, second in itertools.pairwise(sizes))
        assert all(len(batch) for batch in batches) or not items


def test_a_small_one_stays_whole() -> None:
    """Nothing is copied or cut without need."""
    tags = table()
    work = work_of([0, 1, 3], tags)
    assert divided(work, tags) == [work]
    assert divided(Work(None, 3, 0, 10_000, 3), tags)[0].size == 10_000


def ready(data: bytes, number: int) -> Work:
    """Return an encoded work; ``number`` tells its counts from those of others."""
    return Work(None, number, number + 1, number + 2, number + 3, ordered=True, data=data)


def test_joined() -> None:
    """One append, of the bytes in order, that holds the room of all."""
    whole = joined([ready(b"first ", 10), ready(b"second ", 20), ready(b"third", 30)])
    assert whole.data == b"first second third"
    assert (whole.count, whole.room, whole.size, whole.kept) == (60, 63, 66, 69)
    assert whole.ordered
    assert not whole.is_spooled
    assert whole.uploads == []


def of_uploads() -> Work:
    work = ready(b"x", 1)
    work.batch = Columns(events=[(0, Upload(dict, "index", bytes, 10))]).batch()
    return work


X = ready(b"x", 1)


@pytest.mark.parametrize(
    ("works", "count"),
    [
        ([], 0),
        ([X], 1),
        ([X, X, X], 3),
        ([X] * 20, MOST_TOGETHER),
        ([X, Work(None, 1, 1, 100, 1)], 2),
        ([Work(None, 1, 1, 300, 1), X], 2),
        ([Work(None, 1, 1, 900, 1), X], 1),
        ([ready(b"x" * 400, 1), Work(None, 1, 1, 100, 1), X], 2),
        ([ready(b"x" * 401, 1), Work(None, 1, 1, 100, 1)], 1),
        ([X, Work(None, 1, 1, 101, 1), X], 1),
        ([of_uploads(), X], 1),
        ([X, of_uploads(), X], 1),
        ([X, replace(X, is_spooled=True)], 1),
        ([replace(X, late=Columns().batch()), X], 1),
        ([X, X, replace(X, attempt=Attempt("s", NOTHING, 0))], 2),
    ],
)
def test_together(works: list[Work], count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records alone, of small rests to something before them, up to a work's size."""
    monkeypatch.setattr(work_module, "SMALL_REST", 100)
    assert together(works) == count


@pytest.mark.parametrize(
    ("works", "data", "left"),
    [
        ([ready(b"a", 1)], b"a", 0),
        ([ready(b"a", 1), ready(b"b", 2), ready(b"c", 3)], b"abc", 0),
        ([ready(b"a", 1), ready(b"b", 2), Work(None, 1, 1, 9, 1)], b"ab", 1),
        ([Work(None, 1, 1, 9, 1), ready(b"a", 1)], None, 1),
        ([ready(b"a", 1), Work(None, 1, 1, 9, 1), ready(b"c", 3)], b"a", 2),
        ([ready(b"a", 1), of_uploads()], b"a", 1),
    ],
)
def test_next_of(works: list[Work], data: bytes | None, left: int) -> None:
    """Those at the front that are encoded and go together, or the first as it is."""
    behind = deque(works)
    found = next_of(behind)
    assert found.data == data
    assert list(behind) == works[len(works) - left :]


@pytest.mark.parametrize(
    ("work", "rest", "expected"),
    [
        (X, 0, True),
        (X, 100, True),
        (X, 101, False),
        (ready(b"x" * 400, 1), 100, True),
        (ready(b"x" * 401, 1), 100, False),
        (of_uploads(), 1, False),
        (replace(X, late=Columns().batch()), 1, False),
        (replace(X, is_spooled=True), 1, False),
        (replace(X, is_sent=True), 1, False),
        (replace(X, attempt=Attempt("s", NOTHING, 0)), 1, False),
    ],
)
def test_has_room(work: Work, rest: int, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a small rest, as long as it is nothing but records, and nobody has begun to send or to save them."""
    monkeypatch.setattr(work_module, "SMALL_REST", 100)
    assert has_room(work, rest) is expected


def test_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is sent."""
    monkeypatch.setattr(work_module, "SMALL_APPEND", 3)
    assert [Work(None, 1, 1, 1, 1, data=data).is_small for data in (None, b"", b"ab", b"abc")] == [True, True, True, False]
