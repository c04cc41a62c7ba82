"""What do all writers of one name share? One resource: a configuration, counters, and a pipeline whenever it is open."""

import asyncio
import concurrent.futures
import os
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from asyncsummary.columns import Deferred, Payload, Upload, event_size, pack_row
from asyncsummary.config import WriterConfig
from asyncsummary.errors import InvalidTypeError, SummaryError, WriterClosedError, WrongLoopError
from asyncsummary.file_pipeline import file_pipeline
from asyncsummary.lane import Lane
from asyncsummary.living import note
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
"""So many points of a series find room together; then other tasks get a turn."""

_LOOK_SECONDS = 0.05  # how often it is looked whether all is in the spool
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
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
        for start in range(0, len(points), SERIES_PIECE):
            count = min(SERIES_PIECE, len(points) - start)
            rows = points.rows(start, start + count, number, wall_time)
            accepted &= await self._accept_rows(pipeline, rows, count, count * self._tags.sizes[number])
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

    def _is_open_here(self) -> bool:
        """Whether the pipeline may be given summaries at once."""
        return self._pipeline is not None and self._pipeline.is_open and self._loop is _running_loop()

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
        if self._pipeline is None or not self._pipeline.closed:
            self._require_here()
        if self._pipeline is not None and not self._closed:
            self._pipeline.raise_if_dead()
        self._closed = False
        await self._open()

    def reopen(self) -> None:
        """After ``close``, let the next use open it again."""
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it was closed and not opened again."""
        return self._closed

    async def _open(self) -> Pipeline:
        waited: Pipeline | None = None
        while (old := self._pipeline) is not None and old is not waited and old.closed and self._loop is _running_loop():
            await old.wait_ended()  # two pipelines at once would write to one run, and count the same summaries
            waited = old
        pipeline = self._pipeline
        is_new = pipeline is None or pipeline.closed
        if pipeline is None or pipeline.closed:
            self._note_accepted()
            pipeline = self._pipeline = self._new_pipeline()
            self._loop, self._process = _running_loop(), os.getpid()
        try:
            await pipeline.open()
        except SummaryError:
            if self._pipeline is pipeline:
                self._pipeline = None
            raise
        self.was_opened = True
        if is_new:
            self._counters.note_found(pipeline.spooled)
        if self._loop is not None and not pipeline.closed:
            self.lane.open(pipeline.queue, threading.get_ident(), self._loop.is_running)
        if pipeline.closed:  # and perhaps still closing: nobody would take what is put into the queue now
            raise WriterClosedError(f"the writer of {self.config.logdir!r} was closed while it was being opened")
        return pipeline

    def _new_pipeline(self) -> Pipeline:
        return file_pipeline(self.config, self._make_folder, self._tags, self._counters)

    async def flush(self, timeout: float | None) -> None:
        """Wait until all that was accepted before is committed."""
        pipeline = await self.opened()
        await pipeline.flush(timeout)

    def flush_from_outside(self) -> "concurrent.futures.Future[None] | None":
        """From any thread, let what is accepted be committed in the loop that owns it; None where nothing can be waiting."""
        pipeline, loop = self._pipeline, self._loop
        if pipeline is None or pipeline.ended or not pipeline.uncommitted or loop is None or self._process != os.getpid():
            return None
        return _begun_in(loop, pipeline.flush(None))

    def save_from_outside(self) -> "concurrent.futures.Future[None] | None":
        """From any thread, have what is not committed put into the spool; None where there is none, or nothing can be waiting."""
        pipeline, loop = self._pipeline, self._loop
        if self.config.spool_root is None or pipeline is None or pipeline.ended or loop is None or self._process != os.getpid():
            return None
        return _begun_in(loop, _put_aside(pipeline))

    @property
    def whereabouts(self) -> str:
        """Where on this machine is what is not committed, as the end of a sentence."""
        return "" if self._pipeline is None else self._pipeline.whereabouts

    async def close(self) -> None:
        """Flush and close; do nothing if it is closed or was never opened."""
        if self._pipeline is None or (self._loop is not _running_loop() and self._pipeline.closed):
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
        loop_ended = self._loop is not None and self._loop.is_closed()
        return not (self._closed or loop_ended or (self._pipeline is not None and self._process != os.getpid()))

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
        if self._process != os.getpid():
            raise WrongLoopError(
                f"the writer of {self.config.logdir!r} belongs to process {self._process}, and this is its forked child {os.getpid()}: "
                f"create a writer of its own in the child, with a logdir of its own"
            )
        if self._loop is _running_loop() or self._closed:
            return
        if self._loop is not None and self._loop.is_closed():
            raise WrongLoopError(
                f"the writer of {self.config.logdir!r} belongs to an event loop that has ended: create a new writer in this one"
            )
        raise WrongLoopError(
            f"the writer of {self.config.logdir!r} belongs to another event loop: from another thread use "
            f"asyncio.run_coroutine_threadsafe(writer.scalar(...), loop) with the loop in which the writer was opened"
        )

    def __del__(self) -> None:
        pipeline = getattr(self, "_pipeline", None)
        if pipeline is None or pipeline.closed or self._process != os.getpid():
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(pipeline.abandon)  # it commits what waits, if the loop goes on
        warnings.warn(
            f"the writer of {self.config.logdir!r} was not closed; {pipeline.uncommitted} summaries were not committed yet. "
            f"Use 'async with', or await close()",
            ResourceWarning,
            source=self,
            stacklevel=2,
        )


async def _put_aside(pipeline: Pipeline) -> None:
    """Wait until nothing is in memory only."""
    try:
        while pipeline.uncommitted > pipeline.saved and not pipeline.ended:
            pipeline.be_urgent(True)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        pipeline.be_urgent(False)


def _begun_in(loop: asyncio.AbstractEventLoop, call: Coroutine[Any, Any, None]) -> "concurrent.futures.Future[None] | None":
    try:
        return asyncio.run_coroutine_threadsafe(call, loop)
    except RuntimeError:  # the loop is closed
        call.close()
        return None
