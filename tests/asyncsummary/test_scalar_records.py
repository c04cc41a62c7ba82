"""Scalars that are written one by one: the same bytes as protobuf makes, whatever they are."""

import math

from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.records import frames
from asyncsummary.scalar_records import ScalarRecords, scalar_event, scalar_tail

TAGS = [b"", b"a", "é中".encode(), b"x" * 118, b"y" * 119, b"z" * 128, b"w" * 20_000]
edges = [sign * (1 << bits) + delta for bits in range(0, 63, 7) for delta in (-1, 0, 1) for sign in (1, -1)]
steps = st.one_of(st.sampled_from([*edges, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1))
values = st.one_of(st.floats(width=32), st.sampled_from([0.0, -0.0, math.nan, -math.nan, math.inf, -math.inf]))
times = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1.8e9]))


@given(st.lists(st.tuples(st.integers(0, len(TAGS) - 1), steps, values, times), max_size=20))
def test_the_bytes_of_protobuf(scalars: list[tuple[int, int, float, float]]) -> None:
    """Fields that are absent, varints of any length, negative zeros, and what is no number."""
    expected = frames([scalar_event(TAGS[tag], step, value, time) for tag, step, value, time in scalars])
    assert ScalarRecords(TAGS).of(scalars) == expected


def test_tags_that_come_later() -> None:
    """The table of tags grows while it is in use."""
    tags = [b"a"]
    records = ScalarRecords(tags)
    for tag in (b"b", b"c"):
        scalars = [(number, 1, 2.0, 3.0) for number in range(len(tags))]
        assert records.of(scalars) == frames([scalar_event(tags[number], 1, 2.0, 3.0) for number in range(len(tags))])
        tags.append(tag)


def test_what_is_kept_of_a_tag() -> None:
    """All that is behind the step, up to the value."""
    assert scalar_event(b"loss", 7, 1.5, 9.0) == scalar_event(b"", 7, 0.0, 9.0)[:11] + scalar_tail(b"loss") + b"\0\0\xc0?"
