"""What do all writers of one name share? One resource: a configuration, counters, and a pipeline whenever it is open."""

import asyncio
import os
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from asyncsummary import leaving
from asyncsummary.columns import Deferred, Payload, Upload, event_size, pack_row
from asyncsummary.config import WriterConfig
from asyncsummary.errors import InvalidTypeError, SummaryError, WriterClosedError, WrongLoopError
from asyncsummary.file_pipeline import file_pipeline
from asyncsummary.lane import Lane
from asyncsummary.living import note
from asyncsummary.losses import timed_out
from asyncsummary.outside import Owner
from asyncsummary.pipeline import Pipeline
from asyncsummary.protos import Event, Summary
from asyncsummary.scopes import current_name_scope
from asyncsummary.stats import Counters, WriterStats
from asyncsummary.steps import as_step, current_step
from asyncsummary.tags import TagTable, plain_tag
from asyncsummary.values.content import Content, event_of, naming
from asyncsummary.values.embedding import INDEX, Embedding
from asyncsummary.values.event import event_bytes
from asyncsummary.values.given import typed
from asyncsummary.values.graph import graph_bytes
from asyncsummary.values.plugin import Ready
from asyncsummary.values.scalar import LARGEST, scalar_value
from asyncsummary.values.series import series
from asyncsummary.values.tensor import tensor_value
from asyncsummary_storage import Folder, open_folder

SERIES_PIECE = 65_536
"""So many points of a series find room together, at the most; then other tasks get a turn."""
_SERIES_SHARE = 8  # nor more than this part of all room

_wall_time = time.time
_running_loop = asyncio._get_running_loop  # None, where get_running_loop would raise: in a forked child


class WriterResource:
    """Opens its logdir at the first use, belongs to that event loop then, and checks and accepts what is written."""

    def __init__(self, name: str, config: WriterConfig, make_folder: Callable[[str], Folder] | None = None) -> None:
        self.name = name
        self.config = config
        self._make_folder = make_folder or (lambda logdir: open_folder(logdir, config.storage_options))
        self.lane = Lane()
        self._tags = TagTable()
        self._counters = Counters()
        self._pipeline: Pipeline | None = None
        self._owner: Owner | None = None
        self._openers = self._users = 0  # who wait for the opening, and who waited for it, and have it
        self._closed = False
        self.was_opened = False
        note(self)

    # Writing

    async def scalar(self, name: Any, value: Any, step: Any, family: Any) -> bool:
        """Check a scalar and accept it; False says that it was dropped by the overflow policy."""
        wall_time = _wall_time()
        self._require_usable()
        scope = current_name_scope.get()
        number = self._tags.number(name, family, scope)
        tag, size = self._tags.names[number], self._tags.sizes[number]
        value = scalar_value(value, tag)
        step = current_step() if step is None else as_step(step, tag)
        pipeline = await self._opened()
        if not pipeline.queue.reserve_now(size) and not await pipeline.reserve(size):
            return False
        pipeline.queue.put_scalar(number, step, value, wall_time, size)
        self.lane.learn(scope, family, {name: number})
        return True

    async def scalars(self, values: Any, step: Any, family: Any) -> bool:
        """Check several scalars and accept them together; False says that they were dropped by the overflow policy."""
        wall_time = _wall_time()
        self._require_usable()
        scope = current_name_scope.get()
        if not isinstance(values, Mapping):
            raise InvalidTypeError(f"values: must map tags to numbers, got {typed(values)}")
        at = current_step() if step is None else as_step(step, next(iter(values), None))
        known = self.lane.known(scope, family)
        sizes = self._tags.sizes
        numbers: dict[str, int] = {}
        rows = []
        size = 0
        for name, value in values.items():
            number = known.get(name)
            if number is None:
                number = self._tags.number(name, family, scope)
            numbers[name] = number
            if type(value) is not float or not -LARGEST <= value <= LARGEST:
                value = scalar_value(value, self._tags.names[number])
            rows.append(pack_row(at, wall_time, value, number))
            size += sizes[number]
        pipeline = await self._opened()
        accepted = await self._accept_rows(pipeline, b"".join(rows), len(rows), size)
        if accepted:
            self.lane.learn(scope, family, numbers)
            self.lane.learn_together(scope, family, numbers)
        return accepted

    async def scalar_series(self, name: Any, values: Any, steps: Any, wall_times: Any, family: Any) -> bool:
        """Check the points of one tag and accept them in pieces; False says that some were dropped by the overflow policy."""
        wall_time = _wall_time()
        self._require_usable()
        number = self._tags.number(name, family, current_name_scope.get())
        points = series(values, steps, wall_times, self._tags.names[number])
        pipeline = await self._opened()
        accepted = True
        size = self._tags.sizes[number]
        piece = max(1, min(SERIES_PIECE, self.config.limits.bytes // (_SERIES_SHARE * size)))
        for start in range(0, len(points), piece):
            count = min(piece, len(points) - start)
            rows = points.rows(start, start + count, number, wall_time)
            accepted &= await self._accept_rows(pipeline, rows, count, count * size)
            await asyncio.sleep(0)  # a turn for others, the pipeline among them
        return accepted

    async def _accept_rows(self, pipeline: Pipeline, rows: bytes, count: int, size: int) -> bool:
        if not pipeline.queue.reserve_now(size, count) and not await pipeline.reserve(size, count):
            return False
        pipeline.queue.put_rows(rows, count, size)
        return True

    async def later(self, name: Any, step: Any, family: Any, check: Callable[[str], Content], *, plain: bool = False) -> bool:
        """Check a summary, under a ``plain`` tag if so asked, and accept it: encoded if it is ready, else to be encoded later.

        False says that it was dropped by the overflow policy.
        """
        wall_time = _wall_time()
        self._require_usable()
        tag = plain_tag(name) if plain else self._tags.name(name, family, current_name_scope.get())
        content = check(tag)
        number = current_step() if step is None else as_step(step, tag)
        pipeline = await self._opened()
        if isinstance(content, Ready):
            return await self._accept(pipeline, event_of(content, wall_time, number, tag))
        deferred = Deferred(partial(event_of, content, wall_time, number, tag), content.size + len(tag))
        return await self._accept(pipeline, deferred)

    async def upload(self, name: Any, step: Any, family: Any, check: Callable[[str, int], Embedding]) -> bool:
        """Check an embedding, whose files belong beside the segments, and accept it; False says that it was dropped."""
        self._require_usable()
        tag = self._tags.name(name, family, current_name_scope.get())
        number = current_step() if step is None else as_step(step, tag)
        content = check(tag, number)
        pipeline = await self._opened()
        return await self._accept(pipeline, Upload(naming(tag)(content.files), INDEX, naming(tag)(content.amend), content.size))

    async def generic(self, name: Any, value: Any, metadata: Any, step: Any, family: Any, *, plain: bool = False) -> bool:
        """Check a tensor and accept it, under a ``plain`` tag if so asked; False says that it was dropped by the overflow policy."""
        wall_time = _wall_time()
        self._require_usable()
        tag = plain_tag(name) if plain else self._tags.name(name, family, current_name_scope.get())
        found = tensor_value(value, metadata, tag)
        number = current_step() if step is None else as_step(step, tag)
        event = Event(wall_time=wall_time, step=number, summary=Summary(value=[found])).SerializeToString()
        return await self._accept(await self._opened(), event)

    async def graph(self, graph: Any, step: Any) -> bool:
        """Check a graph and accept it; False says that it was dropped by the overflow policy."""
        wall_time = _wall_time()
        self._require_usable()
        data = graph_bytes(graph)
        number = current_step() if step is None else as_step(step, None)
        event = Event(wall_time=wall_time, step=number, graph_def=data).SerializeToString()
        return await self._accept(await self._opened(), event)

    async def event(self, payload: bytes) -> bool:
        """Accept a serialised Event that was checked; False says that it was dropped by the overflow policy."""
        return await self._accept(await self.opened(), payload)

    async def import_event(self, event: Any) -> None:
        """Check a serialised Event and accept it as it is."""
        await self.event(event_bytes(event))

    async def _accept(self, pipeline: Pipeline, payload: Payload) -> bool:
        size = event_size(payload)
        if not pipeline.queue.reserve_now(size) and not await pipeline.reserve(size):
            return False
        pipeline.queue.put_event(payload, size)
        return True

    # Life

    def _is_here(self) -> bool:
        """Whether the running event loop, if there is one, is the one that owns the pipeline."""
        return self._owner is not None and self._owner.loop is _running_loop()

    def _is_open_here(self) -> bool:
        """Whether the pipeline may be given summaries at once."""
        return self._pipeline is not None and self._pipeline.is_open and self._is_here()

    async def opened(self) -> Pipeline:
        """Return the open pipeline; open it if this is the first use.

        Raises:
            OpenError: the logdir cannot be opened; the next use tries again.
            WriterClosedError, WrongLoopError, PipelineError: as ``_require_usable``.
        """
        self._require_usable()
        return await self._opened()

    def _require_usable(self) -> None:
        """See that there is a point in opening. What is written is checked, and copied, between this and the opening, which takes a while.

        Raises:
            WriterClosedError: it was closed.
            WrongLoopError: it belongs to another event loop, thread or process.
            PipelineError: its task died.
        """
        if self._is_open_here():
            return
        self._require_here()
        if self._closed:
            raise WriterClosedError(f"the writer of {self.config.logdir!r} is closed; 'await writer.init()' opens it again")
        if self._pipeline is not None:
            self._pipeline.raise_if_dead()

    async def _opened(self) -> Pipeline:
        return self._pipeline if self._pipeline is not None and self._is_open_here() else await self._open()

    async def init(self) -> None:
        """Open, or open again after ``close``; do nothing if it is open."""
        if self._pipeline is None or not self._pipeline.ended:
            self._require_here()
        if self._pipeline is not None and not self._closed:
            self._pipeline.raise_if_dead()
        self._closed = False
        await self._open()

    def abandon_opening(self) -> None:
        """Give up an opening that was begun here, unless others wait for it, or use what was opened; the next use begins a new one."""
        pipeline = self._pipeline
        if pipeline is not None and self._is_here() and not (self._openers or self._users or pipeline.closed):
            pipeline.cancel_opening()

    def reopen(self) -> None:
        """After ``close``, let the next use open it again."""
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it was closed and not opened again."""
        return self._closed

    async def _open(self) -> Pipeline:
        waited: Pipeline | None = None
        while (old := self._pipeline) is not None and old is not waited and old.closed and self._is_here():
            await old.wait_ended()  # two pipelines at once would write to one run, and count the same summaries
            waited = old
        if waited is not None and self._closed:  # by somebody who came later
            raise WriterClosedError(f"the writer of {self.config.logdir!r} was closed while it was being opened")
        pipeline = self._pipeline
        if pipeline is None or pipeline.closed:
            self._note_accepted()
            pipeline = self._pipeline = self._new_pipeline()
            self._users = 0
            self._owner = Owner(asyncio.get_running_loop(), threading.current_thread(), os.getpid())
        self._openers += 1
        try:
            await pipeline.open()
        except SummaryError:
            if self._pipeline is pipeline:
                self._pipeline = None
            raise
        finally:
            self._openers -= 1
        self.was_opened = True
        self._users += 1
        if self._owner is not None and not pipeline.closed:
            self.lane.open(pipeline.queue, threading.get_ident(), self._owner.loop.is_running)
        if pipeline.closed:  # and perhaps still closing: nobody would take what is put into the queue now
            raise WriterClosedError(f"the writer of {self.config.logdir!r} was closed while it was being opened")
        return pipeline

    def _new_pipeline(self) -> Pipeline:
        return file_pipeline(self.config, self._make_folder, self._tags, self._counters)

    async def flush(self, timeout: float | None) -> None:
        """Wait until all that was accepted before is committed."""
        if self._pipeline is not None and self._is_open_here():
            await self._pipeline.flush(timeout)
            return
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            async with asyncio.timeout(timeout):
                pipeline = await self.opened()
        except TimeoutError as error:
            raise timed_out(self.config.logdir, self.stats().pending, timeout, self._counters, is_open=False) from error
        await pipeline.flush(timeout, clock() - begun)

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline of this opening, or the last one."""
        return self._pipeline

    @property
    def owner(self) -> Owner | None:
        """Where that was opened."""
        return self._owner

    @property
    def whereabouts(self) -> str:
        """Where on this machine is what is not committed, as the end of a sentence."""
        return "" if self._pipeline is None else self._pipeline.whereabouts

    async def close(self) -> None:
        """Flush and close; do nothing if it is closed or was never opened."""
        if self._pipeline is None or (self._pipeline.closed and not self._is_here()):
            self._closed = True
            return
        self._require_here()
        self._closed = True
        await self._pipeline.close()

    def stats(self) -> WriterStats:
        """Return a snapshot of the counters."""
        pipeline = self._pipeline
        accepted = pipeline.queue.accepted if pipeline is not None else 0
        pending = pipeline.uncommitted if pipeline is not None else 0
        spooled = pipeline.spooled if pipeline is not None else 0
        return self._counters.snapshot(accepted_now=accepted, pending=pending, tags=len(self._tags), spooled=spooled)

    @property
    def can_be_shared(self) -> bool:
        """Whether a new writer of this name gets this resource: not after ``close``, the end of its event loop, or a fork."""
        owner = None if self._pipeline is None else self._owner
        return not (self._closed or (owner is not None and (owner.loop.is_closed() or owner.process != os.getpid())))

    def _note_accepted(self) -> None:
        """Keep the counts of a pipeline that has ended."""
        if self._pipeline is not None:
            self._counters.accepted += self._pipeline.queue.accepted
            self._counters.left += self._pipeline.saved
            self._counters.dropped += self._pipeline.uncommitted - self._pipeline.saved

    def _require_here(self) -> None:
        """See that the running event loop is the one that owns the pipeline, if there is a living one."""
        if self._pipeline is None:
            return
        assert self._owner is not None, "a pipeline has an owner"
        if self._owner.process != os.getpid():
            raise WrongLoopError(
                f"the writer of {self.config.logdir!r} belongs to process {self._owner.process}, and this is its forked child "
                f"{os.getpid()}: create a writer of its own in the child, with a logdir of its own"
            )
        is_over = self._pipeline.ended or self._owner.loop.is_closed()  # else its loop may still be closing it
        if self._is_here() or (self._closed and is_over):
            return
        if self._owner.loop.is_closed():
            raise WrongLoopError(
                f"the writer of {self.config.logdir!r} belongs to an event loop that has ended: create a new writer in this one"
            )
        raise WrongLoopError(
            f"the writer of {self.config.logdir!r} belongs to another event loop: from another thread use "
            f"asyncio.run_coroutine_threadsafe(writer.scalar(...), loop) with the loop in which the writer was opened"
        )

    def __del__(self) -> None:
        pipeline = getattr(self, "_pipeline", None)
        if pipeline is None or pipeline.closed or self._owner is None or self._owner.process != os.getpid():
            return
        if not self._owner.loop.is_closed():
            self._owner.loop.call_soon_threadsafe(pipeline.abandon)  # it commits what waits, if the loop goes on
            leaving.remember(pipeline, self._owner)
        warnings.warn(
            f"the writer of {self.config.logdir!r} was not closed; {pipeline.uncommitted} summaries were not committed yet. "
            f"Use 'async with', or await close()",
            ResourceWarning,
            source=self,
            stacklevel=2,
        )
