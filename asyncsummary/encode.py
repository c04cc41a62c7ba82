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
each tag, with zeros for the value; then bytes that differ are filled in by columns. Where heads or tails are of several lengths, what is
outside of a record is left out in the end. A CRC is affine: that of a payload is that of as many zeros, XOR one table entry for each byte
that is not zero, where the table depends on the byte's distance from the end. For a tail these are added up once, and for the bytes that
all rows have in common (the upper ones of times and steps) once for each length. So only some 8 bytes of a record cost anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import Batch, Deferred, Upload
from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import Event, Summary, Value
from asyncsummary.records import FOOTER_BYTES, HEADER_BYTES, MASK_DELTA, frame, frames, header
from asyncsummary.values.memory import scratch

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
Counts = NDArray[np.int64]
Numbers = NDArray[np.uint64]
Chosen = slice | NDArray[np.intp]

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
            if done < place:
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
        numbers = batch.tags[rows].astype(np.intp)
        if len(self._templates) < len(self._tags):
            self._templates = self._templates.with_all(self._tags)
        tails = self._templates.tails.take(numbers)
        if tails.min() == _LONG:
            return self._one_by_one(batch, rows)
        steps = np.ascontiguousarray(batch.steps[rows]).view(np.uint64)
        return _Rows(self._templates, numbers, tails, steps).records(batch.values[rows], batch.times[rows])

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

    def __init__(self, templates: _Templates, numbers: NDArray[np.intp], tails: Counts, steps: Numbers) -> None:
        longest = int(tails.max())
        self._tails: Counts | int = longest if int(tails.min()) == longest else tails
        self._steps = steps
        self._by_step_length = _by_step_length(steps)
        self._head = _head(self._by_step_length[-1][0])  # the column at which tails begin
        self._matrix = _chosen_rows(templates.rows[:, _HEAD - self._head : _HEAD + longest + FOOTER_BYTES], numbers)
        self._crcs = templates.crcs.take(numbers)

    def records(self, values: NDArray[np.float32], times: NDArray[np.float64]) -> bytes:
        """Return the records."""
        stamps = np.ascontiguousarray(times, "<f8").view("<u8")
        for length, chosen in self._by_step_length:
            self._fill_heads(chosen, length, self._steps[chosen], stamps[chosen])
        self._fill_ends(np.ascontiguousarray(values, "<f4").view("<u4"))
        return self._cut_out()

    def _fill_heads(self, chosen: Chosen, step_length: int, steps: Numbers, stamps: Numbers) -> None:
        """Write the heads of the rows whose steps are of one length, and follow with their CRCs."""
        tables, matrix, head = _tables(), self._matrix, self._head
        tails = self._tails if isinstance(self._tails, int) else self._tails[chosen]
        before = _TIME_BYTES + _field(step_length)  # how many bytes of the payload come before the tail
        start = head - before
        times, varints = stamps.view(np.uint8).reshape(-1, 8), _varints(steps, step_length)
        _cells(matrix, start - HEADER_BYTES, HEADER_BYTES)[chosen] = tables.headers[tails + before]
        matrix[chosen, start] = _WALL_TIME
        _cells(matrix, start + 1, 8)[chosen] = stamps.view("V8")
        columns = _Columns(before, [(before - 1, _WALL_TIME)])
        columns.add(before - 2, times, -(-_differing_bits(stamps) // 8))
        if step_length:
            matrix[chosen, head - step_length - 1] = _STEP
            _cells(matrix, head - step_length, step_length)[chosen] = varints.view(f"V{step_length}")[:, 0]
            columns.same.append((step_length, _STEP))
            columns.add(step_length - 1, varints, -(-_differing_bits(steps) // 7))
        self._crcs[chosen] ^= tables.crcs_of_heads(columns, tails)

    def _fill_ends(self, values: Words) -> None:
        """Write the values and the CRCs that are then complete."""
        content = values.view(np.uint8).reshape(-1, _VALUE_BYTES)
        for index in range(_VALUE_BYTES):
            self._crcs ^= _tables().changes[_VALUE_BYTES - 1 - index].take(content[:, index])
        ends = (_masked(self._crcs).astype("<u8") << np.uint64(32) | values).view(f"V{_VALUE_BYTES + FOOTER_BYTES}")
        count, width = self._matrix.shape
        if isinstance(self._tails, int):
            _cells(self._matrix, width - ends.itemsize, ends.itemsize)[:] = ends
        else:
            _windows(self._matrix, ends.itemsize)[np.arange(count) * width + self._head + self._tails - _VALUE_BYTES] = ends

    def _cut_out(self) -> bytes:
        """Return what belongs to the records, without what is before and behind them in their rows."""
        matrix, (shortest, *longer) = self._matrix, self._by_step_length
        if not longer and isinstance(self._tails, int):
            return bytes(matrix.tobytes())
        heads = np.full(len(matrix), _head(shortest[0]))
        for length, chosen in longer:
            heads[chosen] = _head(length)
        ends = np.cumsum(heads + self._tails + FOOTER_BYTES)
        begins = ends - self._tails - FOOTER_BYTES  # of tails
        content = scratch((int(ends[-1]) + matrix.shape[1],), np.uint8)
        rest = matrix.shape[1] - self._head
        # In the order of rows: what shorter ones have too much is overwritten by the next.
        _windows(content, rest)[begins] = _cells(matrix, self._head, rest)
        for length, chosen in self._by_step_length:
            head = _head(length)
            _windows(content, head)[begins[chosen] - head] = _cells(matrix, self._head - head, head)[chosen]
        return bytes(content[: ends[-1]].tobytes())


def _field(step_length: int) -> int:
    """Return how many bytes the step's field takes."""
    return step_length + 1 if step_length else 0


def _head(step_length: int) -> int:
    """Return how many bytes of a record come before its tail."""
    return HEADER_BYTES + _TIME_BYTES + _field(step_length)


def _chosen_rows(rows: Bytes, numbers: NDArray[np.intp]) -> Bytes:
    """Return a row for each of the numbers."""
    chosen: Bytes = scratch((len(numbers), rows.shape[1]), np.uint8)
    if len(rows) > len(numbers):
        chosen[...] = rows[numbers]
    else:  # faster, but it makes a copy of all rows
        rows.take(numbers, axis=0, out=chosen, mode="wrap")  # in mode "raise" it would make a copy of the chosen ones, too
    return chosen


def _cells(matrix: Bytes, column: int, width: int) -> NDArray[np.void]:
    """Return so many bytes of each row, from that column on, as one item. What is of that many bytes can be written there at once."""
    return np.ndarray((len(matrix),), f"V{width}", matrix, offset=column, strides=(matrix.shape[1],))


def _windows(content: Bytes, width: int) -> NDArray[np.void]:
    """Return so many bytes from each place on as one item."""
    return np.ndarray((content.size - width + 1,), f"V{width}", content, strides=(1,))


def _by_step_length(steps: Numbers) -> list[tuple[int, Chosen]]:
    """Return how long varints of steps are, ascending, each with the rows where they are; 0 for a step of 0, which is left out."""
    shortest, longest = ((int(bound).bit_length() + 6) // 7 for bound in (steps.min(), steps.max()))
    if shortest == longest:
        return [(longest, slice(None))]
    lengths = np.where(steps == 0, 0, np.searchsorted(_VARINT_LIMITS, steps, side="right") + 1)
    return [(length, np.flatnonzero(lengths == length)) for length in np.flatnonzero(np.bincount(lengths)).tolist()]


def _varints(steps: Numbers, length: int) -> Bytes:
    """Return the varints of numbers that all have varints of that length."""
    varints = np.empty((len(steps), length), np.uint8)
    for index in range(length):
        varints[:, index] = steps >> np.uint64(7 * index) | np.uint64(0x80)  # what is above eight bits is cut off
    varints[:, length - 1 :] &= 0x7F
    return varints


def _differing_bits(numbers: Numbers) -> int:
    """Return up to which bit numbers differ; those above are the same in the least and the greatest, and so in all."""
    return (int(numbers.min()) ^ int(numbers.max())).bit_length()


def _masked(crcs: Words) -> Words:
    rotated = (crcs >> np.uint32(15)) | (crcs << np.uint32(17))
    return rotated + np.uint32(MASK_DELTA)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The ``count`` bytes that payloads have before their tails, each with its distance: ``same`` in all rows, or ``differing``."""

    count: int
    same: list[tuple[int, int]]
    differing: list[tuple[int, Bytes]] = field(default_factory=list)

    def add(self, places: int, content: Bytes, differing: int) -> None:
        """Add columns that lie one behind the other, the first so many places before the tail. Only so many of them differ."""
        for index in range(content.shape[1]):
            if index < differing:
                self.differing.append((places - index, content[:, index]))
            else:
                self.same.append((places - index, int(content[0, index])))


@dataclass(frozen=True, slots=True)
class _Tables:
    """``changes[d, b]``: what a byte ``b`` that is ``d`` bytes from the end changes in a CRC-32C. By the payload's length: ``zeros``, the
    CRC of so many zeros, and ``headers``, the record's first bytes."""

    changes: Words
    zeros: Words
    headers: NDArray[np.void]

    def crcs_of_heads(self, columns: "_Columns", tails: "Counts | int") -> Words:
        """Return the CRCs of payloads in which the tails, of these lengths, are zeros; one CRC for all where nothing differs."""
        lengths = np.array([tails]) if isinstance(tails, int) else np.arange(tails.max() + 1)
        places_of_same, same = np.array(columns.same).T
        changes = self.changes[lengths[:, None] + places_of_same, same]
        crcs: Words = self.zeros[lengths + columns.count] ^ np.bitwise_xor.reduce(changes, axis=1)
        if isinstance(tails, int):
            nearest = self.changes[tails:]
            for places, content in columns.differing:
                crcs = crcs ^ nearest[places].take(content)
            return crcs
        crcs, flat, bases = crcs.take(tails), self.changes.reshape(-1), tails * 256
        for places, content in columns.differing:
            crcs = crcs ^ flat[places * 256 :].take(bases + content)
        return crcs


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
    headers = np.frombuffer(b"".join(map(header, range(longest + 1))), f"V{HEADER_BYTES}")
    return _Tables(changes, zeros, headers)
