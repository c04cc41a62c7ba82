"""The encoder: the same bytes as protobuf, for whatever comes."""

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary import encode as encoding
from asyncsummary.columns import Batch, Deferred, Payload
from asyncsummary.encode import Encoder
from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import Event
from asyncsummary.records import frame, scan
from asyncsummary.scalar_records import scalar_event
from tests.support.golden import GOLDEN_EVENTS

TAGS = [b"", b"a", "é中".encode(), b"x" * 118, b"y" * 119, b"z" * 127, b"w" * 128, b"v" * 512, b"loss", b"accu"]
varint_edges = [sign * (1 << bits) + delta for bits in range(0, 63, 7) for delta in (-1, 0, 1) for sign in (1, -1)]
steps = st.one_of(st.sampled_from([*varint_edges, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1), st.integers(0, 300))
values = st.one_of(st.floats(width=32), st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf]))
times = st.one_of(st.floats(1.6e9, 2.0e9), st.floats(allow_nan=False), st.just(0.0))
rows = st.tuples(st.integers(0, len(TAGS) - 1), steps, values, times)


@st.composite
def rows_alike(draw: st.DrawFn) -> list[tuple[int, int, float, float]]:
    """As of one run: few tags, steps that have their upper bits in common, and times, too."""
    tags = st.sampled_from(draw(st.lists(st.integers(0, len(TAGS) - 1), min_size=1, max_size=3)))
    first, bits = draw(steps), draw(st.integers(0, 30))
    begun, rounding = draw(st.floats(1.6e9, 2.0e9)), draw(st.integers(0, 52))
    return [
        (
            draw(tags),
            first ^ draw(st.integers(0, (1 << bits) - 1)),
            draw(values),
            math.ldexp(math.floor(math.ldexp(time, rounding)), -rounding),
        )
        for time in draw(st.lists(st.floats(begun, begun + draw(st.floats(0, 100))), min_size=1, max_size=30))
    ]


def encode(batch: Batch, tags: list[bytes]) -> bytes:
    return Encoder(tags).encode(batch, [])


def batch_of(found: list[tuple[int, int, float, float]], events: tuple[tuple[int, Payload], ...] = ()) -> Batch:
    tags, steps, values, times = list(zip(*found, strict=True)) or [(), (), (), ()]
    return Batch(np.array(tags, np.int32), np.array(steps, np.int64), np.array(values, np.float32), np.array(times, np.float64), events)


def by_protobuf(batch: Batch) -> list[bytes]:
    columns = (batch.tags, batch.steps, batch.values, batch.times)
    return [
        frame(scalar_event(TAGS[tag], step, value, time)) for tag, step, value, time in zip(*(c.tolist() for c in columns), strict=True)
    ]


@given(st.lists(rows, min_size=1, max_size=40))
def test_fast_path_equals_protobuf(found: list[tuple[int, int, float, float]]) -> None:
    """Any tag, step, value and time, all layouts mixed."""
    batch = batch_of(found)
    with mock.patch.object(encoding, "FEW", 0):
        assert b"".join(by_protobuf(batch)) == encode(batch, TAGS)


@given(rows_alike())
def test_rows_that_are_alike(found: list[tuple[int, int, float, float]]) -> None:
    """What all rows have in common is looked up once."""
    batch = batch_of(found)
    with mock.patch.object(encoding, "FEW", 0):
        assert b"".join(by_protobuf(batch)) == encode(batch, TAGS)


@pytest.mark.parametrize("tags", [[8, 9], [1, 8, 3], range(10)], ids=["of one length", "of three lengths", "all"])
@pytest.mark.parametrize("first", [0, 1000, 16380, 2**62])
def test_a_piece_of_a_large_batch(tags: list[int], first: int) -> None:
    """Thousands of rows, with steps of one length or several."""
    random = np.random.default_rng(first)
    count = 3000
    chosen = random.choice(np.array(tags, np.int32), count)
    times = 1.8e9 + np.cumsum(random.random(count) / 1000)
    batch = Batch(chosen, first + np.arange(count) // 7, random.standard_normal(count, np.float32), times)
    encoder = Encoder(TAGS)
    for _ in range(2):  # then in memory that was used before
        assert b"".join(by_protobuf(batch)) == encoder.encode(batch, [])


@pytest.mark.parametrize("kept", [0, 1 << 20])
def test_tags_and_steps_of_a_long_run(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tags that come later, and steps that get longer and shorter: what was worked out for earlier batches is used again, or made anew."""
    monkeypatch.setattr(encoding, "_KEPT_BYTES", kept)
    tags: list[bytes] = []
    encoder = Encoder(tags)
    for number, first in enumerate([0, 1, 200, 20_000, 3_000_000, 1, 2**40, 0, 200, 2**62]):
        tags.extend(TAGS[len(tags) : 2 + number])
        for count in (1, 100):  # fewer rows than there are tags, and more
            many = np.arange(count)
            chosen = (many % len(tags)).astype(np.int32)
            batch = Batch(chosen, first + many // 50, many.astype(np.float32), 1.8e9 + many / 1000)
            with mock.patch.object(encoding, "FEW", 0):
                assert b"".join(by_protobuf(batch)) == encoder.encode(batch, [])


@given(st.lists(rows, max_size=60), st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=30)), max_size=5))
def test_mixed_kinds_keep_their_order(found: list[tuple[int, int, float, float]], others: list[tuple[int, bytes]]) -> None:
    """Events stand before the scalar that was accepted after them."""
    events = tuple(sorted(((min(place, len(found)), payload) for place, payload in others), key=lambda event: event[0]))
    batch = batch_of(found, events)
    expected: list[bytes] = []
    scalars = by_protobuf(batch)
    for place in range(len(found) + 1):
        expected += [frame(payload) for at, payload in events if at == place]
        expected += scalars[place : place + 1]
    for few in (encoding.FEW, 5):
        with mock.patch.object(encoding, "FEW", few):
            assert b"".join(expected) == encode(batch, TAGS)


def test_a_large_batch_of_one_layout() -> None:
    """Thousands of rows, read back one by one."""
    count = 5000
    numbers = np.where(np.arange(count) % 2 == 0, 8, 9).astype(np.int32)
    batch = Batch(numbers, np.arange(count) + 1000, np.arange(count).astype(np.float32), np.arange(count) + np.float64(1.7e9))
    payloads, scanner = scan(encode(batch, TAGS))
    assert scanner.damage is None
    for index, event in enumerate(map(Event.FromString, payloads)):
        value = event.summary.value[0]
        assert ("loss" if index % 2 == 0 else "accu", index + 1000, float(index), 1.7e9 + index) == (
            value.tag,
            event.step,
            value.simple_value,
            event.wall_time,
        )


@pytest.mark.parametrize("length", [513, 5000])
def test_very_long_tags(length: int) -> None:
    """Are left to protobuf, together with their batch."""
    tags = [b"t" * length, b"a"]
    batch = batch_of([(index % 2, index, 1.0, 2.0) for index in range(100)])
    payloads, _ = scan(encode(batch, tags))
    assert [tags[index % 2].decode() for index in range(100)] == [Event.FromString(payload).summary.value[0].tag for payload in payloads]


def test_bytes_of_tensorflow() -> None:
    """The scalars of the golden file, byte for byte, given their wall_times."""
    payloads, _ = scan(GOLDEN_EVENTS.read_bytes())
    scalars = 0
    for payload in payloads:
        event = Event.FromString(payload)
        if len(event.summary.value) != 1 or event.summary.value[0].WhichOneof("value") != "simple_value":
            continue
        scalars += 1
        tag, value = event.summary.value[0].tag.encode(), event.summary.value[0].simple_value
        assert payload == scalar_event(tag, event.step, value, event.wall_time)
        found = [(0, event.step, value, event.wall_time)] * 50
        assert frame(payload) * 50 == encode(batch_of(found), [tag])
    assert scalars >= 7


def test_nothing() -> None:
    """No scalars, no bytes."""
    assert encode(batch_of([]), TAGS) == b""


def test_events_that_cannot_be_encoded() -> None:
    """Are left out, and why is kept; what else is raised is a mistake of ours, and is not held back."""

    def refused() -> bytes:
        raise InvalidSummaryError("too much", "a")

    def broken() -> bytes:
        raise ZeroDivisionError

    batch = batch_of([(8, step, 1.0, 2.0) for step in range(2)], ((1, Deferred(refused, 10)), (1, b"kept")))
    failed: list[InvalidSummaryError] = []
    records = by_protobuf(batch)
    assert Encoder(TAGS).encode(batch, failed) == records[0] + frame(b"kept") + records[1]
    assert [str(error) for error in failed] == ["too much"]
    with pytest.raises(ZeroDivisionError):
        Encoder(TAGS).encode(batch_of([], ((0, Deferred(broken, 10)),)), failed)
