"""Which bytes is a batch in an event file? Scalars' records are written directly, thousands at once.

::

    bytes  what                                                  part
    8 + 4  length n of the payload and its masked CRC            head: by n
    1      0x09: Event.wall_time, 64 bit                         head
    8      wall_time, little-endian double                       head: by row
    1      0x10: Event.step, varint     } absent                 head
    s      step                         } where step is 0        head: by row
    1 + v  0x2a: Event.summary, its length                       tail: by tag
    1 + v  0x0a: Summary.value, its length                       tail: by tag
    1 + v  0x0a: Value.tag, its length  } absent                 tail: by tag
    t      tag, UTF-8                   } where it is empty      tail: by tag
    1      0x15: Value.simple_value, 32 bit                      tail
    4      value, little-endian float                            tail: by row
    4      masked CRC of the payload                             by row

Each record is a row of a matrix: its head ends, and its tail begins, at the same column in all rows. The tails come from templates, one for
each tag, with zeros for the value; then bytes that differ are filled in by columns, and what is outside of a record is left out. A CRC is
affine: that of a payload is that of as many zeros, XOR one table entry for each byte that is not zero, where the table depends on the
byte's distance from the end. For a tail these are added up once. So only 12 to 22 bytes of a record cost anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import Batch, Deferred, Upload
from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import Event, Summary, Value
from asyncsummary.records import FOOTER_BYTES, HEADER_BYTES, MASK_DELTA, frame, frames, header

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
Counts = NDArray[np.int64]

FEW = 24
"""Below so many scalars, protobuf does them one by one faster than numpy starts up."""

LONGEST_TEMPLATE_TAG = 512
"""Longer tags are left to protobuf; each byte of distance costs a table of 1 KiB."""

_TIME_BYTES = 9
_STEP_BYTES = 11
_VALUE_BYTES = 4
_HEAD = HEADER_BYTES + _TIME_BYTES + _STEP_BYTES
_LONGEST_TAIL = LONGEST_TEMPLATE_TAG + 32
_LONG = -1
_WALL_TIME, _STEP = 0x09, 0x10
_VARINT_LIMITS = np.array([1 << (7 * n) for n in range(1, 10)], np.uint64)
_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed


class Encoder:
    """Encodes batches of one tag table, ``tags`` by number, and keeps what it has worked out for each tag.

    A call that was given up may still go on in a thread: two at once do no harm.
    """

    def __init__(self, tags: Sequence[bytes]) -> None:
        self._tags = tags
        self._templates = _Templates()

    def encode(self, batch: Batch, failed: list[InvalidSummaryError]) -> bytes:
        """Return the records of a batch, in its order, without the Events that cannot be encoded; why goes into ``failed``."""
        if not batch.events:
            return self._scalars(batch, 0, batch.scalars)
        parts: list[bytes] = []
        done = 0
        for place, payload in batch.events:
            parts.append(self._scalars(batch, done, place))
            done = place
            try:
                if not isinstance(payload, Upload):
                    parts.append(frame(payload.encode() if isinstance(payload, Deferred) else payload))
            except InvalidSummaryError as error:
                failed.append(error)
        parts.append(self._scalars(batch, done, batch.scalars))
        return b"".join(parts)

    def _scalars(self, batch: Batch, start: int, stop: int) -> bytes:
        rows = slice(start, stop)
        if stop - start < FEW or not batch.times[rows].all():  # a wall_time of 0 is left out, which no row here is made for
            return self._one_by_one(batch, rows)
        numbers = np.ascontiguousarray(batch.tags[rows])
        if len(self._templates) < len(self._tags):
            self._templates = self._templates.with_all(self._tags)
        tails = self._templates.tails[numbers]
        if tails.min() == _LONG:
            return self._one_by_one(batch, rows)
        return _Rows(self._templates, numbers, tails).records(batch.steps[rows], batch.values[rows], batch.times[rows])

    def _one_by_one(self, batch: Batch, rows: slice) -> bytes:
        columns = (batch.tags, batch.steps, batch.values, batch.times)
        scalars = zip(*(column[rows].tolist() for column in columns), strict=True)
        return frames(scalar_event(self._tags[number], step, value, time) for number, step, value, time in scalars)


def scalar_event(tag: bytes, step: int, value: float, wall_time: float) -> bytes:
    """Return the serialised Event of one scalar, by protobuf."""
    summary = Summary(value=[Value(tag=tag.decode(), simple_value=value)])
    return Event(wall_time=wall_time, step=step, summary=summary).SerializeToString()


@dataclass(frozen=True, slots=True)
class _Templates:
    """By the number of a tag: its tail as a row, from column ``_HEAD`` on; how long that is; and what it changes in the payload's CRC."""

    rows: Bytes = field(default_factory=lambda: np.zeros((0, _HEAD), np.uint8))
    tails: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    crcs: Words = field(default_factory=lambda: np.zeros(0, np.uint32))

    def __len__(self) -> int:
        return len(self.tails)

    def with_all(self, tags: Sequence[bytes]) -> "_Templates":
        """Return the templates of these tags, of which the first are known."""
        known, count = len(self), len(tags)
        new = [_tail(tag) if len(tag) <= LONGEST_TEMPLATE_TAG else b"" for tag in tags[known:count]]
        width = max(self.rows.shape[1], _HEAD + FOOTER_BYTES + max(map(len, new)))
        rows = np.zeros((count, width), np.uint8)
        rows[:known, : self.rows.shape[1]] = self.rows
        for number, tail in enumerate(new, known):
            rows[number, _HEAD : _HEAD + len(tail)] = np.frombuffer(tail, np.uint8)
        tails = [len(tail) or _LONG for tail in new]
        zeros = _tables().zeros
        crcs = [int(google_crc32c.value(tail)) ^ int(zeros[len(tail)]) for tail in new]
        return _Templates(rows, np.append(self.tails, tails).astype(np.int64), np.append(self.crcs, crcs).astype(np.uint32))


def _tail(tag: bytes) -> bytes:
    return scalar_event(tag, 0, 1.0, 1.0)[_TIME_BYTES:-_VALUE_BYTES] + bytes(_VALUE_BYTES)


class _Rows:
    """Scalars on their way from numbers to bytes. Where all tails are of one length, that is one number instead of a column."""

    def __init__(self, templates: _Templates, numbers: NDArray[np.int32], tails: Counts) -> None:
        longest = int(tails.max())
        self._tails: Counts | int = longest if int(tails.min()) == longest else tails
        self._matrix = templates.rows[:, : _HEAD + longest + FOOTER_BYTES][numbers]
        self._crcs = templates.crcs[numbers]

    def records(self, steps: Counts, values: NDArray[np.float32], times: NDArray[np.float64]) -> bytes:
        """Return the records."""
        unsigned = np.ascontiguousarray(steps).view(np.uint64)
        lengths = _varint_lengths(unsigned)
        time_bytes = _bytes_of(times.astype("<f8", copy=False), 8)
        if isinstance(lengths, int):
            self._fill_heads(slice(None), lengths, unsigned, time_bytes)
        else:
            for length in np.flatnonzero(np.bincount(lengths)).tolist():
                chosen = np.flatnonzero(lengths == length)
                self._fill_heads(chosen, length, unsigned[chosen], time_bytes[chosen])
        self._fill_ends(_bytes_of(values.astype("<f4", copy=False), 4))
        return self._cut_out(lengths)

    def _fill_heads(self, chosen: "slice | NDArray[np.intp]", step_length: int, steps: NDArray[np.uint64], times: Bytes) -> None:
        """Write the heads of the rows whose steps are of one length, and follow with their CRCs."""
        tables, matrix = _tables(), self._matrix
        tails = self._tails if isinstance(self._tails, int) else self._tails[chosen]
        before = _TIME_BYTES + _field(step_length)  # how many bytes of the payload come before the tail
        start = _HEAD - before - HEADER_BYTES
        varints = _varints(steps, step_length)
        matrix[chosen, start : start + HEADER_BYTES] = tables.headers[tails + before]
        matrix[chosen, start + HEADER_BYTES] = _WALL_TIME
        matrix[chosen, start + HEADER_BYTES + 1 : start + HEADER_BYTES + _TIME_BYTES] = times
        crcs = self._crcs[chosen] ^ tables.zeros[tails + before] ^ tables.changes[tails + before - 1, _WALL_TIME]
        changes = tables.from_tail(tails)
        for index in range(times.shape[1]):
            crcs ^= changes(before - 2 - index, times[:, index])
        if step_length:
            matrix[chosen, _HEAD - step_length - 1] = _STEP
            matrix[chosen, _HEAD - step_length : _HEAD] = varints
            crcs ^= tables.changes[tails + step_length, _STEP]
        for index in range(step_length):
            crcs ^= changes(step_length - 1 - index, varints[:, index])
        self._crcs[chosen] = crcs

    def _fill_ends(self, values: Bytes) -> None:
        """Write the values and the CRCs that are then complete."""
        for index in range(_VALUE_BYTES):
            self._crcs ^= _tables().changes[_VALUE_BYTES - 1 - index][values[:, index]]
        ends = np.concatenate((values, _bytes_of(_masked(self._crcs).astype("<u4", copy=False), FOOTER_BYTES)), axis=1)
        count, width = self._matrix.shape
        if isinstance(self._tails, int):
            self._matrix[:, -ends.shape[1] :] = ends
        else:
            size = ends.shape[1]
            windows = np.ndarray((self._matrix.size - size + 1,), f"V{size}", self._matrix, strides=(1,))  # one begins at each byte
            windows[np.arange(count) * width + _HEAD + self._tails - _VALUE_BYTES] = ends.view(f"V{size}")[:, 0]

    def _cut_out(self, step_lengths: "Counts | int") -> bytes:
        """Return what belongs to the records, without what is before and behind them in their rows."""
        matrix, begins = self._matrix, 0
        if isinstance(step_lengths, int):
            begins = _start(step_lengths)
            matrix = matrix[:, begins:]
            if isinstance(self._tails, int):
                return bytes(matrix.tobytes())
        columns = np.arange(begins, self._matrix.shape[1])
        inside = columns < np.broadcast_to(self._tails + _HEAD + FOOTER_BYTES, len(matrix))[:, None]
        if not isinstance(step_lengths, int):
            inside &= columns >= (_start(1) + 1 - step_lengths + (step_lengths == 0))[:, None]
        return bytes(matrix[inside].tobytes())


def _field(step_length: int) -> int:
    """Return how many bytes the step's field takes."""
    return step_length + 1 if step_length else 0


def _start(step_length: int) -> int:
    """Return the column at which a record begins."""
    return _HEAD - HEADER_BYTES - _TIME_BYTES - _field(step_length)


def _varint_lengths(steps: NDArray[np.uint64]) -> Counts | int:
    """Return how many bytes the varint of each step has, or of all of them; 0 for a step of 0, which is left out."""
    shortest, longest = ((int(bound).bit_length() + 6) // 7 for bound in (steps.min(), steps.max()))
    if shortest == longest:
        return shortest
    return np.where(steps == 0, 0, np.searchsorted(_VARINT_LIMITS, steps, side="right") + 1)


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


@dataclass(frozen=True, slots=True)
class _Tables:
    """``changes[d, b]``: what a byte ``b`` that is ``d`` bytes from the end changes in a CRC-32C. By the payload's length: ``zeros``, the
    CRC of so many zeros, and ``headers``, the record's first bytes."""

    changes: Words
    zeros: Words
    headers: Bytes

    def from_tail(self, tails: "Counts | int") -> "Callable[[int, Bytes], Words]":
        """Return what says of a column of bytes, so many places before tails of these lengths, what they change."""
        if isinstance(tails, int):
            nearest = self.changes[tails:]
            return lambda places, content: nearest[places][content]
        flat, bases = self.changes.reshape(-1), tails * 256
        return lambda places, content: flat[places * 256 :][bases + content]


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    longest = _TIME_BYTES + _STEP_BYTES + _LONGEST_TAIL
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & np.uint32(1), (table >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), table >> np.uint32(1))
    changes = np.empty((longest, 256), np.uint32)
    changes[0] = table
    for distance in range(1, longest):
        nearer = changes[distance - 1]
        changes[distance] = table[nearer & np.uint32(0xFF)] ^ (nearer >> np.uint32(8))
    zeros = np.array([google_crc32c.value(bytes(length)) for length in range(longest + 1)], np.uint32)
    headers = np.frombuffer(b"".join(map(header, range(longest + 1))), np.uint8).reshape(-1, HEADER_BYTES)
    return _Tables(changes, zeros, headers)
