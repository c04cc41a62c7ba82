"""What is accepted for a database? What is accepted for event files, but for what no database holds; and scalars in their own dtype."""

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asyncsummary.columns import Payload, event_size
from asyncsummary.config import WriterConfig
from asyncsummary.database.rows import event_rows
from asyncsummary.database.scalars import PLAIN_TYPES, Kept, PackedScalar, is_float32, kept_scalar, kept_series, packed
from asyncsummary.database.sink import DatabaseConfig, DatabaseSink
from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.pipeline import Pipeline
from asyncsummary.resource import WriterResource
from asyncsummary.scopes import current_name_scope
from asyncsummary.steps import as_step, current_step
from asyncsummary.values.embedding import Embedding
from asyncsummary.values.series import series
from asyncsummary.values.tensor import DATA_TYPES
from asyncsummary_storage import in_thread

_wall_time = time.time
_float32 = struct.Struct("<f").unpack
_CHECK_INLINE = 65_536
"""Larger Events are checked in a thread."""
_SERIES_PIECE = 512
"""So many points of a series find room together; then other tasks get a turn."""


class DatabaseResource(WriterResource):
    """What all writers of one name share, if they write to a database."""

    def __init__(self, name: str, config: WriterConfig, settings: DatabaseConfig) -> None:
        super().__init__(name, config)
        self._settings = settings
        self.lane.types = PLAIN_TYPES

    def _new_pipeline(self) -> Pipeline:
        return Pipeline(
            self.config,
            self._tags,
            self._counters,
            lambda queue, _: DatabaseSink(self.config, self._settings, queue, self._tags, self._counters),
        )

    async def scalar(self, name: Any, value: Any, step: Any, family: Any) -> bool:
        """Check a scalar and accept it, in its own dtype; False says that it was dropped by the overflow policy."""
        if type(value) in PLAIN_TYPES:
            return await super().scalar(name, value, step, family)
        wall_time = _wall_time()
        self._require_usable()
        number = self._tags.number(name, family, current_name_scope.get())
        tag = self._tags.names[number]
        with self._told_where():
            kept = kept_scalar(value, tag)
        at = current_step() if step is None else as_step(step, tag)
        return await self._accept_scalars(await self._opened(), [(number, kept)], at, wall_time)

    async def scalars(self, values: Any, step: Any, family: Any) -> bool:
        """Check several scalars and accept them together, in their own dtypes; False says that they were dropped."""
        if not isinstance(values, Mapping) or all(type(value) in PLAIN_TYPES for value in values.values()):
            return await super().scalars(values, step, family)
        wall_time = _wall_time()
        self._require_usable()
        scope = current_name_scope.get()
        at = current_step() if step is None else as_step(step, next(iter(values), None))
        numbers = [self._tags.number(name, family, scope) for name in values]
        with self._told_where():
            kept = [(number, kept_scalar(value, self._tags.names[number])) for number, value in zip(numbers, values.values(), strict=True)]
        return await self._accept_scalars(await self._opened(), kept, at, wall_time)

    async def scalar_series(self, name: Any, values: Any, steps: Any, wall_times: Any, family: Any) -> bool:
        """Check the points of one tag and accept them in pieces, in their own dtype; False says that some were dropped."""
        self._require_usable()
        tag_number = self._tags.number(name, family, current_name_scope.get())
        tag = self._tags.names[tag_number]
        with self._told_where():
            kept = kept_series(values, tag)
        if kept is None:
            return await super().scalar_series(name, values, steps, wall_times, family)
        wall_time = _wall_time()
        points = series(kept, steps, wall_times, tag)
        times = [wall_time] * len(points) if points.times is None else points.times.tolist()
        dtype, data = DATA_TYPES[kept.dtype.name], kept.view(f"V{kept.itemsize}").tolist()
        at = points.steps.tolist()
        pipeline = await self._opened()
        accepted = True
        for start in range(0, len(points), _SERIES_PIECE):
            numbers = range(start, min(start + _SERIES_PIECE, len(points)))
            scalars = [packed((dtype, data[index]), tag_number, at[index], times[index]) for index in numbers]
            accepted &= await self._accept_packed(pipeline, scalars)
            await asyncio.sleep(0)
        return accepted

    async def upload(self, name: Any, step: Any, family: Any, check: Callable[[str, int], Embedding]) -> bool:
        """Refuse an embedding, which is files."""
        raise InvalidSummaryError(f"tag {name!r}: the database {self.config.logdir!r} holds no files, so no embeddings", name)

    async def _accept_packed(self, pipeline: Pipeline, scalars: list[PackedScalar]) -> bool:
        size = len(scalars) * event_size(scalars[0])  # they are of one length
        if not pipeline.queue.reserve_now(size, len(scalars)) and not await pipeline.reserve(size, len(scalars)):
            return False
        for scalar in scalars:
            pipeline.queue.put_event(scalar, size // len(scalars))
        return True

    async def _accept_scalars(self, pipeline: Pipeline, scalars: list[tuple[int, Kept]], step: int, wall_time: float) -> bool:
        """Accept scalars, by the numbers of their tags, all or none: float32 ones as event files' are, others as ``PackedScalar``."""
        sizes_of = self._tags.sizes
        events = [None if is_float32(kept) else packed(kept, number, step, wall_time) for number, kept in scalars]
        sizes = [sizes_of[number] if event is None else event_size(event) for (number, _), event in zip(scalars, events, strict=True)]
        if not pipeline.queue.reserve_now(sum(sizes), len(sizes)) and not await pipeline.reserve(sum(sizes), len(sizes)):
            return False
        for (number, kept), event, size in zip(scalars, events, sizes, strict=True):
            if event is None:
                pipeline.queue.put_scalar(number, step, _float32(kept[1])[0], wall_time, size)
            else:
                pipeline.queue.put_event(event, size)
        return True

    async def _accept(self, pipeline: Pipeline, payload: Payload) -> bool:
        if isinstance(payload, bytes):
            with self._told_where():
                if len(payload) <= _CHECK_INLINE:
                    event_rows(payload)
                else:
                    await in_thread(event_rows, payload)
                    pipeline = await self.opened()  # it may have been closed meanwhile
        return await super()._accept(pipeline, payload)

    @contextlib.contextmanager
    def _told_where(self) -> Iterator[None]:
        """Have errors about what no database holds name the database."""
        try:
            yield
        except InvalidSummaryError as error:
            kind = InvalidTypeError if isinstance(error, InvalidTypeError) else InvalidSummaryError
            raise kind(f"{error} (database {self.config.logdir!r})", error.tag) from error
