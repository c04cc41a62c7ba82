"""How much of an append is there: bytes in common, and the records that are whole in them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.beginning import length_in_common, whole_records
from asyncsummary.records import frame


@given(st.binary(max_size=40), st.binary(max_size=10), st.binary(max_size=10))
def test_length_in_common(same: bytes, one: bytes, other: bytes) -> None:
    """Is where the first difference is, or the end of the shorter one."""
    left, right = same + one, same + other
    due = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
    assert length_in_common(left, right) == due


@pytest.mark.parametrize("payloads", [[], [b""], [b"", b"a", b""], [b"abc", b"x" * 300, b"abc"]])
def test_whole_records(payloads: list[bytes]) -> None:
    """Is the end of the last one that ends there or before, wherever that is."""
    data = b"".join(map(frame, payloads))
    ends = [0, *itertools.accumulate(len(frame(payload)) for payload in payloads)]
    for stop in range(len(data) + 1):
        assert whole_records(data, stop) == max(end for end in ends if end <= stop)
