"""Columns: what is gathered comes out, with the events in their places."""

import struct
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.columns import Batch, Columns, Deferred, Payload, RowsPacker, Upload, event_size, pack_row, rows_of, scalar_size


def gathered(kinds: str) -> Columns:
    """Gather a scalar for each "s" and an event for each "e", numbered through."""
    columns = Columns()
    for index, kind in enumerate(kinds):
        if kind == "s":
            columns.rows += pack_row(index, index, index, 0)
        else:
            columns.events.append((columns.scalars, b"%d" % index))
    return columns


def number_of(payload: Payload) -> int:
    assert isinstance(payload, bytes)
    return int(payload)


def in_order(batch: Batch) -> list[int]:
    """Return the numbers in the order of the batch."""
    numbers: list[int] = []
    events = list(batch.events)
    for place, step in enumerate(batch.steps.tolist()):
        numbers += [number_of(payload) for at, payload in events if at == place]
        numbers.append(step)
    return numbers + [number_of(payload) for at, payload in events if at >= batch.scalars]


@given(st.text("se", max_size=30), st.integers(1, 7), st.integers(1, 7))
def test_pieces_put_together_are_the_whole(kinds: str, size: int, events: int) -> None:
    """Nothing is lost, doubled or moved by cutting a batch into pieces."""
    columns = gathered(kinds)
    batch = columns.batch()
    assert len(kinds) == len(columns) == len(batch)
    assert kinds.count("s") == batch.scalars
    pieces = list(batch.pieces(size, events))
    assert list(range(len(kinds))) == in_order(batch) == [number for piece in pieces for number in in_order(piece)]
    assert all(piece.scalars <= size and len(piece.events) <= events for piece in pieces)


@given(st.text("se", max_size=30), st.integers(0, 30))
def test_cut_off(kinds: str, count: int) -> None:
    """The oldest go, of both kinds, in the order in which they came; the others keep their places."""
    columns, count = gathered(kinds), min(count, len(kinds))
    rows = columns.rows
    gone = columns.cut_off(count)
    assert in_order(gone.batch()) == list(range(count))
    assert columns.rows is rows
    assert in_order(columns.batch()) == list(range(count, len(kinds)))


def test_size() -> None:
    """An upper bound that grows with the tag."""
    assert scalar_size(b"loss") == 16 + 9 + 11 + 3 * 6 + 5 + 2 + 4


def test_events_that_are_encoded_later() -> None:
    """Say so, and count by what they hold until then."""
    columns = gathered("se")
    assert not columns.batch().takes_time
    columns.events.append((1, Deferred(lambda: b"later", 1000)))
    assert columns.batch().takes_time
    assert [event_size(payload) for _, payload in columns.events] == [17, 1016]


def test_only_uploads() -> None:
    """Are left, in order, and nothing else is held."""
    columns = gathered("sesse")
    first, second = (Upload(dict, name, bytes, 10) for name in ("first", "second"))
    columns.events[1:1] = [(1, first), (2, second)]
    batch = columns.batch()
    left = batch.only_uploads()
    assert left.uploads == batch.uploads == [first, second]
    assert (left.scalars, len(left)) == (0, 2)
    held = weakref.ref(batch.steps)
    del batch
    assert held() is None


def test_rows_made_together() -> None:
    """Are those of one scalar after the other; what cannot be packed raises the same."""
    numbers, values = [5, 0, 2**31 - 1], [0.5, np.float32(-0.0), 10**6]
    pack = RowsPacker(numbers)
    for step in (0, -(2**63), 2**63 - 1, np.int32(7)):
        expected = b"".join(pack_row(step, 1.5, value, number) for value, number in zip(values, numbers, strict=True))
        assert pack(step, 1.5, values) == expected
        assert len(rows_of(expected)) == 3
    for at, bad, error in ((2**63, values, struct.error), (1.0, values, struct.error), (1, [1.0, 1e39, 1.0], OverflowError)):
        with pytest.raises(error):
            pack(at, 1.5, bad)
        with pytest.raises(error):
            b"".join(pack_row(at, 1.5, value, number) for value, number in zip(bad, numbers, strict=True))
    for count in (2, 4):
        with pytest.raises(ValueError, match="size"):
            pack(1, 1.5, [1.0] * count)
    assert pack(1, 1.5, values) == pack(1, 1.5, values)
