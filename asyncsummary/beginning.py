"""How much of an append is there, if it was cut off in the middle? Pure."""

import struct

from asyncsummary.records import FRAME_BYTES

_LENGTH = struct.Struct("<Q")


def length_in_common(data: bytes, found: bytes) -> int:
    """Return with how many bytes both of them begin."""
    most = min(len(data), len(found))
    if data[:most] == found[:most]:
        return most
    equal, different = 0, most  # the first ``equal`` bytes are, the first ``different`` are not
    while different - equal > 1:
        middle = (equal + different) // 2
        if data[equal:middle] == found[equal:middle]:
            equal = middle
        else:
            different = middle
    return equal


def whole_records(data: bytes, stop: int) -> int:
    """Return how many bytes the records have that end within the first ``stop`` bytes of ``data``, which is nothing but whole records."""
    end = 0
    while end + FRAME_BYTES <= stop:
        (length,) = _LENGTH.unpack_from(data, end)
        if end + FRAME_BYTES + length > stop:
            break
        end += FRAME_BYTES + length
    return end
