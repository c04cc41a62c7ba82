"""Which bytes is a batch in an event file? Scalars' records are written directly, thousands at once.

::

    bytes  what                                                  part
    8 + 4  length n of the payload and its masked CRC            head
    1      0x09: Event.wall_time, 64 bit                         head
    8      wall_time, little-endian double                       head, filled in
    1      0x10: Event.step, varint     } absent                 head
    s      step                         } where step is 0        head, filled in
    1 + v  0x2a: Event.summary, its length                       tail
    1 + v  0x0a: Summary.value, its length                       tail
    1 + v  0x0a: Value.tag, its length  } absent                 tail
    t      tag, UTF-8                   } where it is empty      tail
    1      0x15: Value.simple_value, 32 bit                      tail
    4      value, little-endian float                            tail, filled in
    4      masked CRC of the payload                             filled in

Each record is a row of a matrix: its head ends, and its tail begins, at the same column in all rows. The rows come from templates, one for
each tag and each length of a step, with zeros for time, step and value; then these are filled in by columns. Where heads or tails are of
several lengths, what is outside of a record is left out in the end. A CRC is affine: that of a payload is that of its template, XOR one
table entry for each byte filled in, where the table depends on the byte's distance from the end. For the bytes that all rows have in common
(the upper ones of times and steps) these are added up once for each length. So only some 8 bytes of a record cost anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from operator import xor

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import Batch, Deferred, Upload
from asyncsummary.errors import InvalidSummaryError
from asyncsummary.records import FOOTER_BYTES, HEADER_BYTES, MASK_DELTA, frame, header
from asyncsummary.scalar_records import STEP, TIME_BYTES, VALUE_BYTES, WALL_TIME, ScalarRecords, scalar_tail
from asyncsummary.values.memory import scratch

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
Counts = NDArray[np.int64]
Numbers = NDArray[np.uint64]
Chosen = slice | NDArray[np.intp]

FEW = 96
"""Fewer scalars are written one by one faster than numpy starts up."""

LONGEST_TEMPLATE_TAG = 512
"""Scalars of longer tags are written one by one; each byte of distance costs a table of 1 KiB, and microseconds to make it."""

_STEP_BYTES = 11
_HEAD = HEADER_BYTES + TIME_BYTES + _STEP_BYTES
_USUAL_PAYLOAD = 128
_LONG = -1
_KEPT_BYTES = 16 << 20  # of templates of records, where there are very many tags
_VARINT_LIMITS = np.array([1 << (7 * n) for n in range(1, 10)], np.uint64)
_NEGATIVE = 1 << 63
_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed


class Encoder:
    """Encodes batches of one tag table, ``tags`` by number, and keeps what it has worked out for each tag.

    A call that was given up may still go on in a thread: two at once do no harm.
    """

    def __init__(self, tags: Sequence[bytes]) -> None:
        self._tags = tags
        self._few = ScalarRecords(tags)
        self._templates: _Templates | None = None

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
        if stop - start < FEW:
            return self._one_by_one(batch, rows)
        templates = self._templates or _Templates(_tables(_USUAL_PAYLOAD))
        if len(templates) < len(self._tags):
            self._templates = templates = templates.with_all(self._tags)
        numbers, moments = batch.tags[rows].astype(np.intp), _Moments.of(batch.steps[rows], batch.times[rows])
        tails = templates.tails_of(numbers)
        if tails is None or moments.has_unusual_times:
            return self._one_by_one(batch, rows)
        return _Rows(templates, numbers, tails, moments).records(batch.values[rows])

    def _one_by_one(self, batch: Batch, rows: slice) -> bytes:
        columns = (batch.tags, batch.steps, batch.values, batch.times)
        return self._few.of(zip(*(column[rows].tolist() for column in columns), strict=True))


@dataclass(frozen=True, slots=True)
class _Templates:
    """By the number of a tag: its tail as a row, from column ``_HEAD`` on; how long that is; and what it changes in the payload's CRC.

    ``is_uniform``: all tails are of one length.
    """

    tables: "_Tables"
    rows: Bytes = field(default_factory=lambda: np.zeros((0, _HEAD), np.uint8))
    tails: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    crcs: Words = field(default_factory=lambda: np.zeros(0, np.uint32))
    is_uniform: bool = False
    _records: dict[int, "_Records"] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tails)

    def with_all(self, tags: Sequence[bytes]) -> "_Templates":
        """Return the templates of these tags, of which the first are known."""
        known, count = len(self), len(tags)
        new = [scalar_tail(tag) + bytes(VALUE_BYTES) if len(tag) <= LONGEST_TEMPLATE_TAG else b"" for tag in tags[known:count]]
        width = max(self.rows.shape[1], _HEAD + FOOTER_BYTES + max(map(len, new)))
        rows = np.zeros((count, width), np.uint8)
        rows[:known, : self.rows.shape[1]] = self.rows
        for number, tail in enumerate(new, known):
            rows[number, _HEAD : _HEAD + len(tail)] = np.frombuffer(tail, np.uint8)
        tails = np.append(self.tails, [len(tail) or _LONG for tail in new]).astype(np.int64)
        tables = _tables(max(_USUAL_PAYLOAD, 1 << (TIME_BYTES + _STEP_BYTES + int(tails.max())).bit_length()))
        crcs = [int(google_crc32c.value(tail)) ^ int(tables.zeros[len(tail)]) for tail in new]
        return _Templates(tables, rows, tails, np.append(self.crcs, crcs).astype(np.uint32), bool((tails == tails[0]).all()))

    def tails_of(self, numbers: NDArray[np.intp]) -> "_Tails | None":
        """Return how long the tails of these tags are; None if one is too long for a template."""
        if not self.is_uniform:
            tails = self.tails.take(numbers)
            shortest, longest = int(tails.min()), int(tails.max())
            if shortest != longest:
                return None if shortest == _LONG else _Tails.of_each(longest, tails)
        longest = int(self.tails[numbers[0]])
        return None if longest == _LONG else _Tails.of_each(longest, longest)

    def records(self, step_length: int) -> "_Records":
        """Return the templates of whole records."""
        if (known := self._records.get(step_length)) is not None:
            return known
        tables, before = self.tables, _before(step_length)
        rows, tails = self.rows.copy(), self.tails.clip(0)
        _cells(rows, _HEAD - before - HEADER_BYTES, HEADER_BYTES)[:] = tables.headers[tails + before]
        crcs = self.crcs ^ tables.zeros[tails + before]
        for place, key in [(before, WALL_TIME), (step_length + 1, STEP)][: 2 if step_length else 1]:
            rows[:, _HEAD - place] = key
            crcs ^= tables.changes[tails + place - 1, key]
        if (len(self._records) + 1) * rows.nbytes > _KEPT_BYTES:
            self._records.clear()
        self._records[step_length] = records = _Records(rows, crcs)
        return records


@dataclass(frozen=True, slots=True)
class _Records:
    """By the number of a tag, for steps of one length: its record with zeros for times, steps and values, and its payload's CRC then."""

    rows: Bytes
    crcs: Words


@dataclass(frozen=True, slots=True)
class _Tails:
    """How long tails are: one number where all are of one length, instead of a column."""

    longest: int
    each: Counts | int
    bases: Counts | int
    """That many rows on in the table of changes."""

    @classmethod
    def of_each(cls, longest: int, each: Counts | int) -> "_Tails":
        return cls(longest, each, each * 256)

    def of(self, chosen: Chosen) -> "_Tails":
        """Return those of the chosen rows."""
        return self if isinstance(self.each, int) else _Tails.of_each(self.longest, self.each[chosen])


_NO_TAILS = _Tails.of_each(0, 0)


@dataclass(frozen=True, slots=True)
class _Moments:
    """Steps, and the bits of times, each with the least and the greatest of them."""

    steps: Numbers
    times: Numbers
    least: list[int]
    greatest: list[int]

    @classmethod
    def of(cls, steps: NDArray[np.int64], times: NDArray[np.float64]) -> "_Moments":
        both = np.empty((2, len(steps)), "<u8")
        both.view("<i8")[0], both.view("<f8")[1] = steps, times
        return cls(both[0], both[1], np.minimum.reduce(both, axis=1).tolist(), np.maximum.reduce(both, axis=1).tolist())

    @property
    def has_unusual_times(self) -> bool:
        """Whether a wall_time may be 0, which is left out, and no row here is made for; or negative."""
        return self.least[1] == 0 or self.greatest[1] >= _NEGATIVE

    @property
    def differing_times(self) -> int:
        """The number of bytes, from the lowest on, of which not all are the same."""
        return -(-(self.least[1] ^ self.greatest[1]).bit_length() // 8)

    def by_step_length(self) -> "list[_Group]":
        """Return the rows by how long the varints of their steps are, ascending; 0 is that of a step of 0, which is left out."""
        least, greatest = self.least[0], self.greatest[0]
        shortest, longest = ((bound.bit_length() + 6) // 7 for bound in (least, greatest))
        if shortest == longest:
            return [_Group(longest, slice(None), -(-(least ^ greatest).bit_length() // 7))]
        lengths = np.where(self.steps == 0, 0, np.searchsorted(_VARINT_LIMITS, self.steps, side="right") + 1)
        return [_Group(length, np.flatnonzero(lengths == length), length) for length in np.flatnonzero(np.bincount(lengths)).tolist()]


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows whose steps are of one length. Only the first ``differing`` bytes of these are not the same in all rows."""

    step_length: int
    chosen: Chosen
    differing: int


class _Rows:
    """Scalars on their way from numbers to bytes."""

    def __init__(self, templates: _Templates, numbers: NDArray[np.intp], tails: _Tails, moments: _Moments) -> None:
        self._tables = templates.tables
        self._tails = tails
        self._moments = moments
        self._groups = moments.by_step_length()
        self._head = _head(self._groups[-1].step_length)  # the column at which tails begin
        self._matrix: Bytes = scratch((len(numbers), self._head + tails.longest + FOOTER_BYTES), np.uint8)
        self._crcs = np.empty(len(numbers), np.uint32)
        for group in self._groups:
            records = templates.records(group.step_length)
            rows = records.rows[:, _HEAD - self._head : _HEAD + tails.longest + FOOTER_BYTES]
            if isinstance(group.chosen, slice) and len(rows) <= len(numbers):  # faster, but it makes a copy of all tags' rows
                rows.take(numbers, axis=0, out=self._matrix, mode="wrap")  # in mode "raise" it would make a copy of the chosen ones, too
            else:
                self._matrix[group.chosen] = rows[numbers[group.chosen]]
            self._crcs[group.chosen] = records.crcs.take(numbers[group.chosen])

    def records(self, values: NDArray[np.float32]) -> bytes:
        """Return the records."""
        for group in self._groups:
            self._fill_head(group, self._moments.steps[group.chosen], self._moments.times[group.chosen])
        self._fill_ends(np.ascontiguousarray(values, "<f4").view("<u4"))
        return self._cut_out()

    def _fill_head(self, group: _Group, steps: Numbers, times: Numbers) -> None:
        """Write times and steps, and follow with the CRCs."""
        length, chosen, tails, tables = group.step_length, group.chosen, self._tails.of(group.chosen), self._tables
        before = _before(length)
        _cells(self._matrix, self._head - before + 1, 8)[chosen] = times.view("V8")
        changes = tables.changes_by(times.view(np.uint8).reshape(-1, 8), self._moments.differing_times, before - 2, tails)
        if length:
            varints = _varints(steps, length, group.differing)
            _cells(self._matrix, self._head - length, length)[chosen] = varints.view(f"V{length}")[:, 0]
            changes = changes ^ tables.changes_by(varints, group.differing, length - 1, tails)
        self._crcs[chosen] ^= changes

    def _fill_ends(self, values: Words) -> None:
        """Write the values and the CRCs that are then complete."""
        content = values.view(np.uint8).reshape(-1, VALUE_BYTES)
        self._crcs ^= self._tables.changes_by(content, VALUE_BYTES, VALUE_BYTES - 1, _NO_TAILS)
        ends = np.empty((len(values), 2), "<u4")
        ends[:, 0], ends[:, 1] = values, (self._crcs >> np.uint32(15) | self._crcs << np.uint32(17)) + np.uint32(MASK_DELTA)
        cells = ends.view(f"V{VALUE_BYTES + FOOTER_BYTES}")[:, 0]
        count, width = self._matrix.shape
        if isinstance(self._tails.each, int):
            _cells(self._matrix, width - cells.itemsize, cells.itemsize)[:] = cells
        else:
            _windows(self._matrix, cells.itemsize)[np.arange(count) * width + self._head + self._tails.each - VALUE_BYTES] = cells

    def _cut_out(self) -> bytes:
        """Return what belongs to the records, without what is before and behind them in their rows."""
        matrix, tails, (shortest, *longer) = self._matrix, self._tails.each, self._groups
        if not longer and isinstance(tails, int):
            return bytes(matrix.tobytes())
        heads = np.full(len(matrix), _head(shortest.step_length))
        for group in longer:
            heads[group.chosen] = _head(group.step_length)
        ends = np.cumsum(heads + tails + FOOTER_BYTES)
        begins = ends - tails - FOOTER_BYTES  # of tails
        content = scratch((int(ends[-1]) + matrix.shape[1],), np.uint8)
        rest = matrix.shape[1] - self._head
        # In the order of rows: what shorter ones have too much is overwritten by the next.
        _windows(content, rest)[begins] = _cells(matrix, self._head, rest)
        for group in self._groups:
            head = _head(group.step_length)
            _windows(content, head)[begins[group.chosen] - head] = _cells(matrix, self._head - head, head)[group.chosen]
        return bytes(content[: ends[-1]].tobytes())


def _before(step_length: int) -> int:
    """Return how many bytes of the payload come before the tail."""
    return TIME_BYTES + (step_length + 1 if step_length else 0)


def _head(step_length: int) -> int:
    """Return how many bytes of a record come before its tail."""
    return HEADER_BYTES + _before(step_length)


def _cells(matrix: Bytes, column: int, width: int) -> NDArray[np.void]:
    """Return so many bytes of each row, from that column on, as one item. What is of that many bytes can be written there at once."""
    return np.ndarray((len(matrix),), f"V{width}", matrix, offset=column, strides=(matrix.shape[1],))


def _windows(content: Bytes, width: int) -> NDArray[np.void]:
    """Return so many bytes from each place on as one item."""
    return np.ndarray((content.size - width + 1,), f"V{width}", content, strides=(1,))


def _varints(steps: Numbers, length: int, differing: int) -> Bytes:
    """Return the varints of numbers that all have varints of that length, of which only the first so many bytes differ."""
    varints = np.empty((len(steps), length), np.uint8)
    varints[:, differing:] = [int(steps[0]) >> 7 * index & 0x7F | 0x80 for index in range(differing, length)]
    for index in range(differing):
        varints[:, index] = steps >> np.uint64(7 * index) | np.uint64(0x80)  # what is above eight bits is cut off
    varints[:, length - 1 :] &= 0x7F
    return varints


@dataclass(frozen=True, slots=True)
class _Tables:
    """``changes[d, b]``: what a byte ``b`` that is ``d`` bytes from the end changes in a CRC-32C. By the payload's length: ``zeros``, the
    CRC of so many zeros, and ``headers``, the record's first bytes."""

    changes: Words
    flat: Words
    zeros: Words
    headers: NDArray[np.void]

    def changes_by(self, content: Bytes, differing: int, place: int, tails: _Tails) -> Words | np.uint32:
        """Return what bytes change in the CRCs of payloads; one number where nothing differs.

        ``content`` has columns that lie one behind the other, the first so many places before the tail. Only the first ``differing`` of
        them are not the same in all rows.
        """
        each, first = tails.each, content[0].tolist()
        found: Words | np.uint32 = np.uint32(0)
        if isinstance(each, int):
            for index in reversed(range(len(first))):
                changes = self.changes[place - index + each]
                found ^= changes.take(content[:, index]) if index < differing else changes[first[index]]
            return found
        if differing < len(first):
            lengths = slice(tails.longest + 1)
            alike = [self.changes[place - index :, first[index]][lengths] for index in range(differing, len(first))]
            found = reduce(xor, alike).take(each)
        for index in range(differing):
            found ^= self.flat[(place - index) * 256 :].take(tails.bases + content[:, index])
        return found


@lru_cache
def _tables(longest: int) -> _Tables:
    """Return the tables for payloads of so many bytes at the most."""
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
    return _Tables(changes, changes.reshape(-1), zeros, headers)
