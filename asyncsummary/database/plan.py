"""What does one transaction write? A batch as rows, in the order of acceptance, without the ids that only the database gives. Pure."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import Batch, Deferred, Payload, Upload
from asyncsummary.database.graphs import GraphRows
from asyncsummary.database.rows import SCALAR, EventRows, Metadata, TensorRow
from asyncsummary.database.scalars import PackedScalar, unpacked
from asyncsummary.database.tensors import FLOAT

TensorParameters = tuple[int, int, int, int, float, str, bytes | None]
"""rowid, series, step, dtype, computed_time, shape, data: the columns of Tensors."""
TENSOR_COLUMNS = 7
_PIECE = 4096


@dataclass(slots=True)
class Plan:
    """The rows of a batch. ``tags`` has the metadata of each tag's first value, in the order in which they come.

    ``earliest`` is the earliest computed_time, None while there are no rows. ``tensors`` counts rows of Tensors.
    """

    names: Sequence[str]
    parts: list[Batch | TensorRow | PackedScalar] = field(default_factory=list)
    tags: dict[str, Metadata] = field(default_factory=dict)
    graphs: list[GraphRows] = field(default_factory=list)
    earliest: float | None = None
    tensors: int = 0

    def add_scalars(self, scalars: Batch) -> None:
        """Add scalars that are float32; ``names`` has their tags by number."""
        for number in _by_first_use(scalars.tags):
            self.tags.setdefault(self.names[number], SCALAR)
        self._note(float(scalars.times.min()))
        self.parts.append(scalars)
        self.tensors += scalars.scalars

    def add_packed(self, scalar: PackedScalar) -> None:
        """Add a scalar of another dtype."""
        number, _, _, time, _ = unpacked(scalar)
        self.tags.setdefault(self.names[number], SCALAR)
        self._note(time)
        self.parts.append(scalar)
        self.tensors += 1

    def add_event(self, event: EventRows) -> None:
        """Add what an Event became."""
        if event:
            self._note(event.time)
        for row in event.tensors:
            self.tags.setdefault(row.tag, row.metadata)
            self.parts.append(row)
            self.tensors += 1
        if event.graph is not None:
            self.graphs.append(event.graph)

    def rows(self, series: Mapping[str, int], first_rowid: int) -> Iterator[TensorParameters]:
        """Yield the rows of Tensors; ``series`` has the tag_id of each tag."""
        rowid = first_rowid
        for part in self.parts:
            if isinstance(part, PackedScalar):
                number, dtype, step, time, data = unpacked(part)
                yield rowid, series[self.names[number]], step, dtype, time, "", data
                rowid += 1
            elif isinstance(part, TensorRow):
                tensor = part.tensor
                yield rowid, series[part.tag], part.step, tensor.dtype, part.time, tensor.shape, tensor.data
                rowid += 1
            else:
                yield from self._scalar_rows(part, series, rowid)
                rowid += part.scalars

    def strings(self, first_rowid: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield the rows of TensorStrings: tensor_rowid, idx, data."""
        rowid = first_rowid
        for part in self.parts:
            if isinstance(part, TensorRow):
                for index, string in enumerate(part.tensor.strings):
                    yield rowid, index, string
            rowid += part.scalars if isinstance(part, Batch) else 1

    @property
    def has_strings(self) -> bool:
        """Whether there are rows of TensorStrings."""
        return any(isinstance(part, TensorRow) and part.tensor.strings for part in self.parts)

    def _note(self, time: float) -> None:
        self.earliest = time if self.earliest is None else min(self.earliest, time)

    def _scalar_rows(self, scalars: Batch, series: Mapping[str, int], rowid: int) -> Iterator[TensorParameters]:
        series_of = np.zeros(int(scalars.tags.max()) + 1, np.int64)
        for number in _by_first_use(scalars.tags):
            series_of[number] = series[self.names[number]]
        for start in range(0, scalars.scalars, _PIECE):
            rows = slice(start, start + _PIECE)
            numbers = series_of[scalars.tags[rows]].tolist()
            data = scalars.values[rows].astype("<f4").view("V4").tolist()  # four bytes each
            yield from zip(
                itertools.count(rowid + start),
                numbers,
                scalars.steps[rows].tolist(),
                itertools.repeat(FLOAT),
                scalars.times[rows].tolist(),
                itertools.repeat(""),
                data,
                strict=False,
            )


def parts_of(batch: Batch) -> Iterator[Batch | bytes | Deferred]:
    """Yield scalars and other Events in the order in which they were accepted."""
    start = 0
    ends: list[tuple[int, Payload | None]] = [*batch.events, (batch.scalars, None)]
    for place, payload in ends:
        if place > start:
            rows = slice(start, place)
            yield Batch(batch.tags[rows], batch.steps[rows], batch.values[rows], batch.times[rows])
            start = place
        if payload is not None:
            assert not isinstance(payload, Upload), "no writer of a database accepts files"
            yield payload


def flattened(rows: Iterator[TensorParameters], per_statement: int, statements: int) -> Iterator[list[Any]]:
    """Yield the parameters of so many statements that insert ``per_statement`` rows each."""
    for _ in range(statements):
        yield list(itertools.chain.from_iterable(itertools.islice(rows, per_statement)))


def _by_first_use(numbers: NDArray[np.int32]) -> list[int]:
    """Return the different ones among small numbers, in the order in which they come. np.unique, which sorts, would take its time."""
    first = np.full(int(numbers.max()) + 1, -1, np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # of several places for one number, the last that is written here stays
    used = np.flatnonzero(first >= 0)
    return [int(number) for number in used[np.argsort(first[used])]]
