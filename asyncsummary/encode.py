"""Which bytes is a batch in an event file? A scalar's record is written directly, all scalars of one layout at once.

::

    bytes  what                                             same for all records of a layout
    8 + 4  payload length and its masked CRC                yes
    1      0x09: Event.wall_time, 64 bit                    yes
    8      wall_time, little-endian double                  no
    1      0x10: Event.step, varint     } absent            yes
    s      step                         } where step is 0   no
    1 + v  0x2a: Event.summary, its length                  yes
    1 + v  0x0a: Summary.value, its length                  yes
    1 + v  0x0a: Value.tag, its length  } absent            yes
    t      tag, UTF-8                   } where it is empty for one tag
    1      0x15: Value.simple_value, 32 bit                 yes
    4      value, little-endian float                       no
    4      masked CRC of the payload                        no

A *layout* is a pair of lengths (of the tag, of the step's varint). For each tag in it there is a *template*, the record with zeros
where values go. A CRC is affine: that of a payload is that of its template, XOR one table entry for each byte that differs, where the
table depends on the byte's distance from the end. So only 12 to 22 bytes of a record cost anything.
"""

from collections.abc import Sequence
from functools import lru_cache

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import Batch, Deferred
from asyncsummary.protos import Event, Summary, Value
from asyncsummary.records import FOOTER_BYTES, HEADER_BYTES, MASK_DELTA, frame, frames, header

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]

FEW = 24
"""Below so many scalars, protobuf does them one by one faster than numpy starts up."""

LONGEST_TEMPLATE_TAG = 512
"""Longer tags are left to protobuf; each byte of distance costs a table of 1 KiB."""

_VARINT_LIMITS = np.array([1 << (7 * n) for n in range(1, 10)], np.uint64)
_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed


def encode(batch: Batch, tags: Sequence[bytes]) -> bytes:
    """Return the records of a batch, in its order. ``tags`` are the encoded tags by number."""
    if not batch.events:
        return encode_scalars(batch, 0, batch.scalars, tags)
    parts: list[bytes] = []
    done = 0
    for place, payload in batch.events:
        event = payload.encode() if isinstance(payload, Deferred) else payload
        parts += (encode_scalars(batch, done, place, tags), frame(event))
        done = place
    parts.append(encode_scalars(batch, done, batch.scalars, tags))
    return b"".join(parts)


def encode_scalars(batch: Batch, start: int, stop: int, tags: Sequence[bytes]) -> bytes:
    """Return the records of the scalars from ``start`` up to ``stop``."""
    if stop - start < FEW or not batch.times[start:stop].all():  # a wall_time of 0 is left out, so it has no layout
        return _one_by_one(batch, start, stop, tags)
    numbers = batch.tags[start:stop]
    distinct = np.flatnonzero(np.bincount(numbers))
    if max(len(tags[number]) for number in distinct.tolist()) > LONGEST_TEMPLATE_TAG:
        return _one_by_one(batch, start, stop, tags)
    return _all_at_once(batch, slice(start, stop), distinct, tags)


def scalar_event(tag: bytes, step: int, value: float, wall_time: float) -> bytes:
    """Return the serialised Event of one scalar, by protobuf."""
    summary = Summary(value=[Value(tag=tag.decode(), simple_value=value)])
    return Event(wall_time=wall_time, step=step, summary=summary).SerializeToString()


def _one_by_one(batch: Batch, start: int, stop: int, tags: Sequence[bytes]) -> bytes:
    columns = (batch.tags, batch.steps, batch.values, batch.times)
    rows = zip(*(column[start:stop].tolist() for column in columns), strict=True)
    return frames(scalar_event(tags[number], step, value, time) for number, step, value, time in rows)


def _all_at_once(batch: Batch, rows: slice, distinct: NDArray[np.intp], tags: Sequence[bytes]) -> bytes:
    numbers = batch.tags[rows]
    steps = batch.steps[rows].view(np.uint64)
    step_lengths = np.where(steps == 0, 0, np.searchsorted(_VARINT_LIMITS, steps, side="right") + 1)
    tag_lengths = np.zeros(int(distinct[-1]) + 1, np.int64)
    tag_lengths[distinct] = [len(tags[number]) for number in distinct.tolist()]
    layouts = tag_lengths[numbers] * 16 + step_lengths
    present = np.flatnonzero(np.bincount(layouts)).tolist()
    widths = {layout: _Layout.of(layout // 16, layout % 16).width for layout in present}
    # Records of every layout go into rows of the same width, each in its place; then the padding is taken out.
    padded = np.empty((len(numbers), max(widths.values())), np.uint8)
    for layout in present:
        chosen = np.flatnonzero(layouts == layout) if len(present) > 1 else np.arange(len(numbers))
        records = _Layout.of(layout // 16, layout % 16).records(
            numbers[chosen], steps[chosen], batch.values[rows][chosen], batch.times[rows][chosen], tags
        )
        padded[chosen, : widths[layout]] = records
    if len(present) == 1:
        return padded.tobytes()
    width_of = np.zeros(max(present) + 1, np.int64)
    width_of[present] = [widths[layout] for layout in present]
    return padded[np.arange(padded.shape[1]) < width_of[layouts][:, None]].tobytes()


class _Layout:
    """Writes the records of all scalars whose tags and steps have the same lengths."""

    def __init__(self, tag_length: int, step_length: int) -> None:
        self._step_length = step_length
        event = scalar_event(b"t" * tag_length, _step_of_length(step_length), 1.0, 1.0)
        self._payload_length = len(event)
        self.width = HEADER_BYTES + self._payload_length + FOOTER_BYTES
        self._time = HEADER_BYTES + 1
        self._step = HEADER_BYTES + 10
        self._value = self.width - FOOTER_BYTES - 4

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(tag_length: int, step_length: int) -> "_Layout":
        return _Layout(tag_length, step_length)

    def records(
        self,
        numbers: NDArray[np.int32],
        steps: NDArray[np.uint64],
        values: NDArray[np.float32],
        times: NDArray[np.float64],
        tags: Sequence[bytes],
    ) -> Bytes:
        """Return one row of bytes for each scalar."""
        distinct = np.flatnonzero(np.bincount(numbers))
        row_of = np.zeros(int(distinct[-1]) + 1, np.intp)
        row_of[distinct] = np.arange(len(distinct))
        templates, template_crcs = self._templates([tags[number] for number in distinct.tolist()])
        rows = row_of[numbers]
        records = templates[rows]
        crcs = template_crcs[rows]
        self._fill(records, crcs, self._time, _bytes_of(times.astype("<f8", copy=False), 8))
        self._fill(records, crcs, self._step, _varints(steps, self._step_length))
        self._fill(records, crcs, self._value, _bytes_of(values.astype("<f4", copy=False), 4))
        records[:, -FOOTER_BYTES:] = _bytes_of(_masked(crcs).astype("<u4", copy=False), 4)
        return records

    def _templates(self, tags: Sequence[bytes]) -> tuple[Bytes, Words]:
        made = [_template(tag, self._step_length) for tag in tags]
        rows = np.frombuffer(b"".join(record for record, _ in made), np.uint8).reshape(len(tags), self.width)
        return rows, np.array([crc for _, crc in made], np.uint32)

    def _fill(self, records: Bytes, crcs: Words, column: int, content: Bytes) -> None:
        """Put bytes where the templates have zeros, and follow with the CRCs."""
        width = content.shape[1]
        records[:, column : column + width] = content
        for index in range(width):
            distance = self.width - FOOTER_BYTES - 1 - (column + index)
            crcs ^= _crc_table(distance)[content[:, index]]


@lru_cache(maxsize=65536)
def _template(tag: bytes, step_length: int) -> tuple[bytes, int]:
    """Return a record with zeros for time, step and value, and the plain CRC of its payload."""
    event = bytearray(scalar_event(tag, _step_of_length(step_length), 1.0, 1.0))
    event[1:9] = bytes(8)
    event[10 : 10 + step_length] = bytes(step_length)
    event[-4:] = bytes(4)
    payload = bytes(event)
    return header(len(payload)) + payload + bytes(FOOTER_BYTES), int(google_crc32c.value(payload))


def _step_of_length(length: int) -> int:
    """Return a step whose varint has that many bytes; 0 has none, negative ones have ten."""
    if length == 0:
        return 0
    return -1 if length == 10 else 1 << (7 * (length - 1))


def _varints(steps: NDArray[np.uint64], length: int) -> Bytes:
    """Return the varints of numbers that all have varints of that length."""
    shifts = (np.arange(length, dtype=np.uint64) * np.uint64(7))[None, :]
    groups = ((steps[:, None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    groups[:, :-1] |= 0x80
    return groups


def _bytes_of(column: "NDArray[np.float64] | NDArray[np.float32] | NDArray[np.uint32]", width: int) -> Bytes:
    return np.ascontiguousarray(column).view(np.uint8).reshape(-1, width)


def _masked(crcs: Words) -> Words:
    rotated = (crcs >> np.uint32(15)) | (crcs << np.uint32(17))
    return rotated + np.uint32(MASK_DELTA)


@lru_cache(maxsize=LONGEST_TEMPLATE_TAG + 64)
def _crc_table(distance: int) -> Words:
    """Return what each value of a byte, so far from the end, changes in a CRC-32C."""
    if distance == 0:
        return _byte_table()
    nearer = _crc_table(distance - 1) if distance % 64 else _advanced(_crc_table(distance - 64), 63)
    return _advanced(nearer, 1)


def _advanced(table: Words, zeros: int) -> Words:
    """Return the CRC changes after so many more zero bytes."""
    first = _byte_table()
    for _ in range(zeros):
        table = first[table & np.uint32(0xFF)] ^ (table >> np.uint32(8))
    return table


@lru_cache(maxsize=1)
def _byte_table() -> Words:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & np.uint32(1), (table >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), table >> np.uint32(1))
    return table.astype(np.uint32)
