"""How are events framed in an event file, and where does the last whole one end? The TFRecord format.

::

    offset  bytes  what
    0       8      length n of the payload, little-endian
    8       4      masked CRC-32C of those 8 bytes, little-endian
    12      n      payload: one serialised Event
    12+n    4      masked CRC-32C of the payload

A CRC is masked (rotated right by 15 bits, plus a constant) because the CRC of data that hold their own CRC is degenerate.
"""

import enum
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import google_crc32c

HEADER_BYTES = 12
FOOTER_BYTES = 4
FRAME_BYTES = HEADER_BYTES + FOOTER_BYTES

MASK_DELTA = 0xA282EAD8
_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_LARGEST_PAYLOAD = 1 << 31  # protobuf's own limit; a longer length is a damaged one


def masked_crc(data: bytes) -> int:
    """Return the masked CRC-32C of ``data``."""
    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & 0xFFFFFFFF


@lru_cache(maxsize=1024)
def header(length: int) -> bytes:
    """Return the 12 bytes before a payload of that length."""
    packed = _LENGTH.pack(length)
    return packed + _CRC.pack(masked_crc(packed))


def frame(payload: bytes) -> bytes:
    """Return the record of one payload."""
    return header(len(payload)) + payload + _CRC.pack(masked_crc(payload))


def frames(payloads: Iterable[bytes]) -> bytes:
    """Return the records of several payloads, one after the other."""
    return b"".join(map(frame, payloads))


class Damage(enum.Enum):
    """Why a scan stopped before the end."""

    TORN = "torn"
    """The last record is incomplete; its missing bytes may still come."""

    CORRUPT = "corrupt"
    """A checksum does not match."""


@dataclass(slots=True)
class Scanner:
    """Reads records from bytes that come in pieces of any size.

    ``offset`` is where the last whole record ended; ``records`` counts those; ``damage`` says what follows it, as far as was fed.
    """

    offset: int = 0
    records: int = 0
    corrupt: bool = False
    _rest: bytes = b""

    @property
    def damage(self) -> Damage | None:
        """What follows the last whole record, None if nothing does."""
        if self.corrupt:
            return Damage.CORRUPT
        return Damage.TORN if self._rest else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the payloads of the records that are whole now. Consume all of it; after a corrupt record nothing comes any more."""
        data = self._rest + data
        start = 0
        while not self.corrupt:
            payload = self._payload(data, start)
            if payload is None:
                break
            size = len(payload) + FRAME_BYTES
            start += size
            self.offset += size
            self.records += 1
            yield payload
        self._rest = data[start:]

    def _payload(self, data: bytes, start: int) -> bytes | None:
        """Return the payload of the record at ``start``, None if it is not whole."""
        if len(data) - start < HEADER_BYTES:
            return None
        packed = data[start : start + 8]
        (length,) = _LENGTH.unpack(packed)
        if _CRC.unpack_from(data, start + 8)[0] != masked_crc(packed) or length > _LARGEST_PAYLOAD:
            self.corrupt = True
            return None
        end = start + HEADER_BYTES + length
        if len(data) < end + FOOTER_BYTES:
            return None
        payload = data[start + HEADER_BYTES : end]
        if _CRC.unpack_from(data, end)[0] != masked_crc(payload):
            self.corrupt = True
            return None
        return payload


def scan(data: bytes) -> tuple[list[bytes], Scanner]:
    """Return the payloads of all whole records at the beginning of ``data``, and the scanner that says where and why it stopped."""
    scanner = Scanner()
    return list(scanner.feed(data)), scanner
