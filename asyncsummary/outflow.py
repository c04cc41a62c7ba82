"""What goes to storage next, and what becomes of the rest meanwhile? Batches of the queue, by way of the spool while storage is away.

The order is that of acceptance, always: what is in the spool goes first, then what was taken from the queue and found no room there, then
the queue. Used by the pipeline's task only.
"""

import asyncio
import itertools
import logging
from collections import deque

from asyncsummary.appender import Appender, Unfinished
from asyncsummary.config import Durability, WriterConfig
from asyncsummary.due import wants_relief
from asyncsummary.encode import Encoder
from asyncsummary.encoding import encoded
from asyncsummary.errors import CommitError, InvalidSummaryError
from asyncsummary.joining import concatenated
from asyncsummary.journal import Attempt
from asyncsummary.late_run import LateRun
from asyncsummary.losses import cannot_be_encoded, tell_spooling, whereabouts
from asyncsummary.order import LatePolicy
from asyncsummary.ordering import Ordering
from asyncsummary.queue import SummaryQueue
from asyncsummary.spool import Spool
from asyncsummary.stats import Counters
from asyncsummary.tags import TagTable
from asyncsummary.waking import ended, wait_for
from asyncsummary.work import MOST_TOGETHER, Work, divided, has_room, next_of, together

_logger = logging.getLogger("asyncsummary")

_LOOK_SECONDS = 0.1  # how often it is seen to the queue while an append is on its way
_SPOOL_PAUSE_SECONDS = 30.0  # after the disk refused something


class Outflow:
    """The way from the queue to the appender."""

    def __init__(
        self,
        config: WriterConfig,
        queue: SummaryQueue,
        tags: TagTable,
        counters: Counters,
        appender: Appender,
        spool: Spool | None,
        late_run: LateRun,
        wakeup: asyncio.Event,
    ) -> None:
        self._config = config
        self._queue = queue
        self._tags = tags
        self._counters = counters
        self._appender = appender
        self._wakeup = wakeup
        self._encoder = Encoder(tags.encoded)
        self._ordering = Ordering(config, tags, counters)
        self._behind: deque[Work] = deque()
        self._spool_again_at = self.since = 0.0
        self.is_spooling = self.is_urgent = False
        self.refused: CommitError | None = None
        self._gone = 0  # of what is not settled: dropped, or handed over to the late run
        self._late_run, self.spool = late_run, spool
        self.flush_beside, self.abandon_beside = late_run.flush, late_run.abandon
        self.close_beside, self.ended_beside = late_run.close, late_run.ended
        self.work: Work | None = None
        self.has_looked = asyncio.Event()

    @property
    def has_work(self) -> bool:
        """Whether there is work in hand."""
        return self.work is not None

    @property
    def has_more(self) -> bool:
        """Whether something waits besides the queue and the work in hand."""
        return bool(self._behind) or (self.spool is not None and not self.spool.is_empty)

    @property
    def in_spool(self) -> int:
        """How many summaries wait in the spool, and in that of the late run."""
        return self._late_run.spooled + (0 if self.spool is None else self.spool.summaries)

    @property
    def saved(self) -> int:
        """How many of them this process has put there."""
        return self._late_run.saved + (0 if self.spool is None else self.spool.own)

    @property
    def recovering(self) -> int:
        """How many in the run's own spool were accepted before this was made."""
        in_hand = 0 if self.work is None else self.work.recovered  # until it is counted as well
        return 0 if self.spool is None else max(in_hand, self.spool.summaries - self.spool.own)

    @property
    def beside(self) -> int:
        """How many scalars are in the late run, less what the queue still counts although it was dropped or went there."""
        return self.elsewhere - self._gone

    @property
    def elsewhere(self) -> int:
        """How many scalars are in the late run."""
        return self._late_run.uncommitted

    async def open(self) -> None:
        """Open the appender; what earlier processes of this machine have left in the spool is taken over."""
        unfinished = None
        try:
            found = 0 if self.spool is None else await self.spool.adopt()
        finally:
            self.has_looked.set()
        if self.spool is not None and found:
            told = "%s: sending %d summaries that an earlier process left in %s"
            _logger.warning(told, self._config.logdir, self.spool.summaries, self.spool.folder)
            taken = await self.spool.take()
            if taken is not None and taken.attempt is not None:
                unfinished = Unfinished(taken.data, taken.attempt, self._note_recovered, self.spool.note_attempt)
        if self.spool is None or not self._config.is_late_run:
            await self._appender.open(unfinished)
        else:  # it has taken something already, which has room in the spool
            await self._look_after_queue(asyncio.create_task(self._appender.open(unfinished)), is_opening=True)
        if self._config.late_steps is LatePolicy.SUBRUN:
            await self._late_run.adopt()

    async def next_work(self) -> None:
        """Take the next work in hand, if there is any."""
        if self.spool is not None and not self.spool.is_empty:
            taken = await self.spool.take()
            assert taken is not None, "the spool is not empty"
            self.work = Work.from_spool(taken.data, taken.count, taken.kept, taken.recovered, taken.attempt)
            return
        if self._behind:
            self.work = next_of(self._behind)
        elif (work := self._take()) is not None:
            self.work = work
            await self._order(work)
            self.work, *behind = divided(work, self._tags)
            self._behind.extend(behind)
        if self._config.durability is Durability.SPOOL and await self._spool_in_hand():
            await self._spool_behind()

    async def send(self) -> None:
        """Append the work in hand. Meanwhile see to it that callers find room, if storage is away.

        Raises:
            GaveUpError: it is not known to be stored; call this again.
        """
        work = self.work
        assert work is not None, "next_work() comes first"
        work = await self._prepared(work)
        if work.data and work.attempt is not None:
            work.stored = await self._appender.stored_of(work.data, work.attempt)
            work.is_sent, work.attempt = work.stored == len(work.data), None
        while work.uploads:
            try:
                await self._appender.put(work.uploads[0])
            except InvalidSummaryError as error:
                self._refuse(work, [error])
            work.uploaded += 1
        if work.data and not work.is_sent:
            if self.spool is None and not self._behind and work.is_small:
                await self._appender.append(work.data)
            else:
                await self._append_meanwhile(work, work.data)
            work.is_sent = True
        if work.is_spooled and self.spool is not None:
            await self.spool.note_committed()
            if self.spool.is_empty and self.is_spooling:
                self.is_spooling = False
                _logger.warning("%s: storage is back; everything that was in the spool is committed", self._config.logdir)
        self.work = None
        self._counters.committed += work.kept
        self._counters.note_recovered(work.recovered)
        self._settle(work)

    def be_urgent(self, urgent: bool) -> None:
        """Have all that is not committed put into the spool, if there is one; or go on as always."""
        self.is_urgent = urgent
        self._late_run.be_urgent(urgent)

    async def relieve(self) -> None:
        """Put what waits into the spool, if it is time for that."""
        if self.spool is None or asyncio.get_running_loop().time() < self._spool_again_at or (self.work is not None and self.work.uploads):
            return
        wanted = wants_relief(self._config, self._queue, self.since, has_more=bool(self._behind))
        waiting = self._queue.waiting_bytes + sum(work.size for work in self._behind)
        in_hand = 0 if self.work is None else self.work.unspooled_bytes
        wanted = wanted and (waiting > 0 or self._queue.callers > 0) and self.spool.has_room(waiting + in_hand)
        if wanted or (self.is_urgent and self._queue.pending_bytes > 0):  # then as much as finds room there
            if not self.is_spooling and self._config.durability is not Durability.SPOOL:
                self.is_spooling = True
                tell_spooling(self._config.logdir, self._counters.last_error, self.spool)
            await self._spool_all()

    async def save(self) -> int:
        """Put everything into the spool, since storage is away and there is no more time; return how many summaries found no room there."""
        if self.spool is not None:
            await self._spool_all()
        held = [work for work in (self.work, *self._behind) if work is not None and not work.is_spooled]
        return sum(work.left for work in held) + len(self._queue.waiting)

    def forget(self) -> None:
        """Let go of everything that is held in memory, as dropped."""
        held = [work for work in (self.work, *self._behind, self._take()) if work is not None and not work.is_spooled]
        self.work = None
        self._behind.clear()
        for work in held:
            self._counters.dropped += work.left
            self._settle(work)

    def whereabouts(self, lost: int) -> str:
        """Return where what was saved is, as the end of a sentence; ``lost`` summaries were not."""
        return whereabouts(self.spool, self.saved, lost)

    def hurry(self, seconds: float) -> None:
        """From now on, give up after so many seconds."""
        self._appender.hurry(seconds)

    async def close(self) -> None:
        """Give back the storage's sessions and the spool's files."""
        if self.spool is not None:
            await self.spool.close()
        await self._appender.close()

    # The work in hand

    def _settle(self, work: Work) -> None:
        self._gone -= work.count - work.left
        self._note_refused(work)
        self._queue.settle(work.count, work.size, work.room)

    def _take(self) -> Work | None:
        if not len(self._queue.waiting):
            return None
        batch, size = self._queue.take()
        self.since = asyncio.get_running_loop().time()  # whoever comes while this is on its way waits from now at the longest
        return Work(batch, len(batch), len(batch), size, len(batch))

    async def _take_behind(self) -> bool:
        """Take what waits in the queue behind what was taken before; False if nothing does."""
        if (work := self._take()) is None:
            return False
        self._behind.append(work)  # it is here, whatever happens until it is divided
        await self._order(work)
        self._behind.remove(work)
        self._behind.extend(divided(work, self._tags))
        return True

    async def _order(self, work: Work) -> None:
        self._note_dropped(await self._ordering.order(work))

    async def _prepare(self, work: Work) -> None:
        """Encode a batch, in order."""
        if work.data is not None:
            return
        await self._order(work)
        assert work.batch is not None, "what has no batch has data"
        if work.late is not None and await self._late_run.take(work.late):
            self._gone += len(work.late)
            work.late = None
        failed: list[InvalidSummaryError] = []
        parts = await encoded(self._encoder, work.batch, failed)
        if work.late is not None:
            parts += await encoded(self._encoder, work.late, failed)
        work.data = await concatenated(parts)
        work.kept, work.late = work.left, None
        work.batch = work.batch.only_uploads() if work.batch.events else None
        self._refuse(work, failed)

    async def _prepared(self, work: Work) -> Work:
        """Return the work in hand, encoded, with what somebody waits for that came meanwhile: one append takes less time than two."""
        await self._prepare(work)
        if self._queue.is_wanted and not self._behind and self._appender.attempt is None and has_room(work, self._queue.waiting_bytes):
            await self._take_behind()
            await self._get_ahead()
            self._behind.appendleft(work)
            self.work = work = next_of(self._behind)
        return work

    def _refuse(self, work: Work, failed: list[InvalidSummaryError]) -> None:
        """Drop what could not be encoded after all, and have it told; the rest of its batch is written."""
        work.kept -= len(failed)
        work.failed += failed
        self._note_dropped(len(failed))

    def _note_refused(self, work: Work) -> None:
        """Have it told what was dropped of a work whose other summaries are safe now, or given up."""
        if work.failed:
            self.refused, work.failed = cannot_be_encoded(self._config.logdir, work.failed, self.refused), []

    def _note_dropped(self, count: int) -> None:
        """Count what is dropped of a work that is not settled yet."""
        self._counters.dropped += count
        self._gone += count

    async def _append_meanwhile(self, work: Work, data: bytes) -> None:
        """Append, in a task of its own; encode what comes next, and look after the queue, until that has ended."""

        async def note(attempt: Attempt) -> None:
            if work.is_spooled and self.spool is not None:
                await self.spool.note_attempt(attempt)

        append = asyncio.create_task(self._appender.append(data, note, work.stored))
        try:
            await self._look_after_queue(append)
        finally:
            work.is_sent = append.done() and not append.cancelled() and append.exception() is None

    async def _look_after_queue(self, task: "asyncio.Task[None]", *, is_opening: bool = False) -> None:
        """Wait for a task; encode what comes next meanwhile, and put what waits into the spool if that may be."""
        by_spool = is_opening or self._config.durability is Durability.SPOOL
        task.add_done_callback(lambda _: self._wakeup.set())
        try:
            while not task.done():
                self._wakeup.clear()
                if await self._get_ahead():
                    continue
                await wait_for(self._wakeup, _LOOK_SECONDS)
                if not task.done() and (by_spool or self._appender.is_in_trouble or self.is_urgent):
                    await self.relieve()
        except (Exception, asyncio.CancelledError):  # nobody else knows of the task, so it must not outlive this
            task.cancel()
            await ended(task)
            raise
        task.result()

    async def _get_ahead(self) -> bool:
        """Encode a part of what will go next; False if there is nothing to do."""
        count = together(self._behind)
        todo = next((work for work in itertools.islice(self._behind, count) if work.data is None), None)
        if todo is not None:
            await self._prepare(todo)
            return True
        may_take = count == len(self._behind) < MOST_TOGETHER and not self._appender.is_in_trouble
        return may_take and self._queue.is_wanted and await self._take_behind()

    # The spool

    async def _spool_in_hand(self) -> bool:
        """Put the work in hand into the spool, as its first: what comes behind it may follow. False if the disk does not take it."""
        work = self.work
        if work is None or work.is_spooled or work.is_sent:
            return True
        await self._prepare(work)
        try:
            if not await self._put(work):
                return False
        finally:
            if work.is_spooled and self.spool is not None:
                self.spool.hold_first()  # it is on its way, or already there: what is put in behind it is not
        attempt = self._appender.attempt
        if attempt is not None and self.spool is not None:
            await self.spool.note_attempt(attempt)
        return True

    async def _spool_all(self) -> None:
        """Put all that is not committed into the spool, in order, as far as the disk takes it."""
        if await self._spool_in_hand() and await self._spool_behind() and await self._take_behind():
            await self._spool_behind()

    async def _spool_behind(self) -> bool:
        """Move what was taken from the queue to the spool; False if something has found no room there."""
        for work in list(self._behind):
            try:
                if not await self._put(work):
                    return False
            finally:
                if work.is_spooled:
                    self._behind.remove(work)
        return True

    async def _put(self, work: Work) -> bool:
        spool = self.spool
        assert spool is not None, "there is one"
        await self._prepare(work)
        data = work.data or b""
        if work.uploads or not spool.has_room(len(data)):  # files have no place in a spool of records; what comes behind them waits, too
            return False
        before = spool.puts
        try:
            await spool.put(data, work.count, work.kept)
        except OSError as error:
            self._spool_again_at = asyncio.get_running_loop().time() + _SPOOL_PAUSE_SECONDS
            _logger.warning("%s: the spool in %s takes nothing: %s", self._config.logdir, spool.folder, error)
            return False
        finally:
            spool.wait()
            if spool.puts > before:  # also when it was this wait that was cancelled
                work.is_spooled = True
                self._note_refused(work)
                self._queue.release(work.room, work.size)
                work.room = work.size = 0
        return True

    async def _note_recovered(self) -> None:
        if self.spool is not None:
            taken = await self.spool.take()
            await self.spool.note_committed()
            self._counters.note_recovered(0 if taken is None else taken.recovered)
