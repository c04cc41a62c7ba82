"""What does a user of a writer hold? A handle on a resource; most scalars go through it without asking the resource anything."""

import contextvars
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, SupportsIndex

from asyncsummary.columns import pack_row
from asyncsummary.resource import WriterResource
from asyncsummary.scopes import Scope, current_name_scope
from asyncsummary.stats import WriterStats
from asyncsummary.steps import GlobalStep, checked_step, current_step, default_step, set_step
from asyncsummary.values.content import Content
from asyncsummary.values.embedding import Embedding
from asyncsummary.writer import SummaryWriter, at_end_of_block, default_writer

_wall_time = time.time
_thread = threading.get_ident
_name_scope = current_name_scope.get


class FileWriterHandle(SummaryWriter):
    """A writer of event files, or to a database: what differs is the resource."""

    def __init__(self, resource: WriterResource) -> None:
        self._resource = resource
        self._lane = resource.lane
        self._warned = False

    async def init(self) -> None:
        await self._resource.init()

    async def __aenter__(self) -> "SummaryWriter":
        try:
            await self.init()
        except BaseException:  # cancellation, too: the block does not begin, so nobody will close what is still being opened
            self._resource.abandon_opening()
            raise
        return self

    async def scalar(self, tag: str, value: Any, step: SupportsIndex | None = None, family: str | None = None) -> bool:
        # Most scalars need nothing but this; for all others, and to say what is wrong, there is the resource.
        wall_time = _wall_time()
        lane = self._lane
        is_running = lane.is_running  # called as a method of the lane's, it would cost twice as much
        if (type(value) is float or type(value) in lane.types) and _thread() == lane.thread and is_running():
            try:
                scope = _name_scope()
                number = lane.numbers[scope if family is None else (scope, family)][tag]
                row = pack_row(current_step() if step is None else step, wall_time, value, number)
            except Exception:  # whatever it is, the resource meets it again, and says it in our words
                pass
            else:
                queue = lane.queue
                rows = queue.rows
                if len(rows) < queue.open_until:
                    rows += row
                    return True
        return await self._resource.scalar(tag, value, step, family)

    async def scalars(self, values: Mapping[str, Any], step: SupportsIndex | None = None, family: str | None = None) -> bool:
        wall_time = _wall_time()
        lane = self._lane
        if type(values) is dict and lane.types.issuperset(map(type, values.values())) and _thread() == lane.thread and lane.is_running():
            try:
                pack = lane.packers[_name_scope(), family, tuple(values)]
                new = pack(current_step() if step is None else step, wall_time, values.values())
            except Exception:  # as above
                pass
            else:
                queue = lane.queue
                rows = queue.rows
                if len(rows) + len(new) <= queue.open_until:
                    rows += new
                    return True
        return await self._resource.scalars(values, step, family)

    async def scalar_series(self, tag: str, values: Any, steps: Any, wall_times: Any = None, family: str | None = None) -> bool:
        return await self._resource.scalar_series(tag, values, steps, wall_times, family)

    async def generic(
        self, tag: str, tensor: Any, step: SupportsIndex | None = None, metadata: Any = None, family: str | None = None
    ) -> bool:
        return await self._resource.generic(tag, tensor, metadata, step, family)

    async def write(self, tag: str, tensor: Any, step: SupportsIndex | None = None, metadata: Any = None) -> bool:
        return await self._resource.generic(tag, tensor, metadata, step, None, plain=True)

    async def graph(self, graph: Any, step: SupportsIndex | None = None) -> bool:
        return await self._resource.graph(graph, step)

    async def _write(self, tag: str, step: Any, family: Any, check: Callable[[str], Content], *, plain: bool = False) -> bool:
        return await self._resource.later(tag, step, family, check, plain=plain)

    async def _upload(self, tag: str, step: Any, family: Any, check: Callable[[str, int], Embedding]) -> bool:
        return await self._resource.upload(tag, step, family, check)

    async def import_event(self, event: bytes) -> None:
        await self._resource.import_event(event)

    async def flush(self, timeout: float | None = None) -> None:
        await self._resource.flush(timeout)

    async def close(self) -> None:
        await self._resource.close()

    def as_default(self, step: "SupportsIndex | GlobalStep | None" = None) -> Scope["SummaryWriter"]:
        settings: dict[contextvars.ContextVar[Any], Any] = {default_writer: self}
        if step is not None:
            settings[default_step] = checked_step(step)
        return Scope(lambda: settings, lambda: self, self._flush_after)

    def set_as_default(self, step: "SupportsIndex | GlobalStep | None" = None) -> None:
        if step is not None:
            set_step(step)
        default_writer.set(self)

    @property
    def stats(self) -> WriterStats:
        return self._resource.stats()

    @property
    def closed(self) -> bool:
        """Whether it was closed and not opened again."""
        return self._resource.closed

    @property
    def was_opened(self) -> bool:
        """Whether the logdir was ever opened."""
        return self._resource.was_opened

    def warn_never_recording(self) -> None:
        """Say, once per writer, why nothing appears: no recording condition was ever set."""
        if self._warned:
            return
        self._warned = True
        warnings.warn(
            f"a summary was not recorded in {self._resource.config.logdir!r}, because no recording condition is set: put the calls "
            f"within 'with asyncsummary.always_record_summaries():'",
            UserWarning,
            stacklevel=4,
        )

    async def _flush_after(self, error: BaseException | None) -> None:
        await at_end_of_block(self.flush, error)

    def __repr__(self) -> str:
        return f"<SummaryWriter of {self._resource.config.logdir!r}>"
