"""Framing: exact bytes, and a scan that stops cleanly wherever the bytes end or break."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.records import Damage, Scanner, frame, frames, header, masked_crc, scan
from tests.support.golden import GOLDEN_EVENTS

payload_lists = st.lists(st.binary(max_size=40), max_size=5)


def test_known_checksum() -> None:
    """The masked CRC of the golden file's first payload, as TensorFlow wrote it."""
    data = GOLDEN_EVENTS.read_bytes()
    assert data[8:12] == masked_crc(data[:8]).to_bytes(4, "little")
    assert header(24) == data[:12]
    assert frame(data[12:36]) == data[:40]


@given(payload_lists)
def test_what_was_framed_is_read(payloads: list[bytes]) -> None:
    """All payloads come back, and nothing follows them."""
    found, scanner = scan(frames(payloads))
    assert payloads == found
    assert (None, len(payloads), sum(16 + len(p) for p in payloads)) == (scanner.damage, scanner.records, scanner.offset)


@given(payload_lists)
def test_byte_by_byte(payloads: list[bytes]) -> None:
    """Pieces of any size give the same."""
    scanner = Scanner()
    found: list[bytes] = []
    for index in range(len(data := frames(payloads))):
        found += scanner.feed(data[index : index + 1])
    assert payloads == found
    assert scanner.damage is None


def test_cut_at_every_offset() -> None:
    """A scan of a torn file ends at the last whole record, and goes on when the rest arrives."""
    payloads = [b"first", b"", b"third record"]
    data = frames(payloads)
    ends = [0, *accumulate(16 + len(payload) for payload in payloads)]
    for cut in range(len(data) + 1):
        scanner = Scanner()
        found = list(scanner.feed(data[:cut]))
        whole = sum(end <= cut for end in ends) - 1
        assert (payloads[:whole], ends[whole]) == (found, scanner.offset)
        assert (None if cut in ends else Damage.TORN) is scanner.damage
        assert payloads[whole:] == list(scanner.feed(data[cut:]))


def test_one_bit_flipped() -> None:
    """A flipped bit is never read as data: the scan stops before that record."""
    payloads = [b"first", b"second"]
    data = frames(payloads)
    for bit in range(8 * len(data)):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << (bit % 8)
        found, scanner = scan(bytes(broken))
        first_is_whole = bit // 8 >= 21
        assert payloads[:first_is_whole] == found
        assert scanner.damage is Damage.CORRUPT
        assert 21 * first_is_whole == scanner.offset


def test_nothing_is_read_behind_damage() -> None:
    """Readers stop there for good, and so do we."""
    scanner = Scanner()
    assert list(scanner.feed(b"\1" * 40)) == []
    assert list(scanner.feed(frame(b"good"))) == []
    assert (scanner.damage, scanner.records, scanner.offset) == (Damage.CORRUPT, 0, 0)


@pytest.mark.parametrize("length", [1 << 31, (1 << 63) - 1])
def test_an_impossible_length_is_damage(length: int) -> None:
    """Even one whose checksum holds: nothing will ever be that long."""
    _, scanner = scan(header(length + 1))
    assert scanner.damage is Damage.CORRUPT
