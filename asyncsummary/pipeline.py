"""What becomes of accepted summaries? One task per writer takes them in batches and makes each batch durable.

It is the only reader of the queue and, through its ``Sink``, the only awaiter of storage. While a batch is on its way the queue
goes on filling, so under load batches get larger, not later.
"""

import asyncio
import copy
import logging
import os

from asyncsummary.config import WriterConfig
from asyncsummary.due import Due
from asyncsummary.errors import CommitError, PipelineError, SummaryError, WriterClosedError
from asyncsummary.losses import Drops, both, closed_without, not_committed, shut_down_while_opening, timed_out, warn_of_end
from asyncsummary.queue import SummaryQueue
from asyncsummary.sink import GaveUpError, MakeSink
from asyncsummary.stats import Counters
from asyncsummary.tags import TagTable
from asyncsummary.tickets import Tickets

_logger = logging.getLogger("asyncsummary")

_PAUSE_SECONDS = 1.0
_PERMANENT_PAUSE_SECONDS = 30.0  # or until somebody flushes or closes


class Pipeline:
    """The task of one writer, from opening to closing, and what other tasks may ask of it. It belongs to one event loop.

    ``make_sink`` makes the way to storage, for what comes out of the queue; the event tells it that somebody wants something.
    """

    def __init__(self, config: WriterConfig, tags: TagTable, counters: Counters, make_sink: MakeSink) -> None:
        self.config = config
        self.counters = counters
        self._process = os.getpid()
        self._wakeup = asyncio.Event()
        drops = Drops(config.logdir, config.overflow.value, counters)
        self.queue = SummaryQueue(config.limits, config.overflow, config.batch.max_bytes, self._wakeup.set, drops.note, tags)
        self._sink = make_sink(self.queue, self._wakeup)
        self._tickets = Tickets()
        self._due = Due(config.batch, self.queue, self._sink, self._wakeup)
        self._is_open = self._closing = self._is_told = self._is_awaited = False
        self._loss: CommitError | None = None
        self._dead: PipelineError | None = None
        self._away = False
        self._is_given_up = False
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._opened.add_done_callback(lambda future: future.cancelled() or future.exception())  # seen, though nobody may wait any more
        self._task: asyncio.Task[None] | None = None

    # What other tasks ask

    @property
    def uncommitted(self) -> int:
        """How many accepted summaries are neither committed nor dropped, those in the late run included."""
        return self.queue.accepted - self.queue.settled + self._sink.beside

    @property
    def spooled(self) -> int:
        """How many summaries are in the local spool, those of earlier processes included."""
        return self._sink.in_spool

    @property
    def saved(self) -> int:
        """How many of those that are not committed are in the local spool."""
        return self._sink.saved

    @property
    def whereabouts(self) -> str:
        """Where that is, as the end of a sentence."""
        return self._sink.whereabouts(max(0, self.uncommitted - self.saved))

    @property
    def closed(self) -> bool:
        """Whether nothing more is accepted."""
        return self._closing or self.ended

    @property
    def is_open(self) -> bool:
        """Whether summaries may be put into the queue at once: it was opened, and is not closing."""
        return self._is_open and not self._closing

    @property
    def ended(self) -> bool:
        """Whether the task is done, so that nothing would be committed any more."""
        return self._task is not None and self._task.done()

    async def open(self) -> None:
        """Start the task, if that has not been done, and wait until the logdir is open. Raises OpenError."""
        self.start()
        await asyncio.shield(self._opened)

    def start(self) -> None:
        """Start the task, if that has not been done."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"asyncsummary writer of {self.config.logdir}")
            self._task.add_done_callback(self._leave_nobody_waiting)

    async def looked(self) -> None:
        """Wait until it is known what earlier processes have left in the spool."""
        await self._sink.has_looked.wait()

    async def wait_ended(self) -> None:
        """Wait until the closing that somebody has begun is over, that of the late run, too."""
        if self._task is not None:
            await asyncio.wait([self._task])
        await self._sink.ended_beside()

    def hurry(self, seconds: float) -> None:
        """From now on, give up after so many seconds."""
        self._sink.hurry(seconds)

    def be_urgent(self, urgent: bool) -> None:
        """Have all that is not committed put into the spool, if there is one; or leave it to the sink again what goes there."""
        self._sink.be_urgent(urgent)
        self._wakeup.set()

    def raise_if_dead(self) -> None:
        """Raise PipelineError if the task died."""
        if self._dead is not None:
            raise PipelineError(str(self._dead)) from self._dead.__cause__

    async def reserve(self, size: int, count: int = 1) -> bool:
        """Reserve room in the queue for ``count`` summaries; False says that they are dropped by the overflow policy."""
        reserved = await self.queue.reserve(size, count)
        if reserved and self.closed:
            self.queue.unreserve(size, count)
            raise WriterClosedError(f"the writer of {self.config.logdir!r} was closed while this summary waited for room")
        return reserved

    async def flush(self, timeout: float | None, spent: float = 0.0) -> None:
        """Wait until all that was accepted before is committed; of the time, so many seconds are ``spent``."""
        self.raise_if_dead()
        clock = asyncio.get_running_loop().time
        begun, target = clock() - spent, self.queue.accepted
        if self.queue.progress.up_to < target or self._left_before:
            await self._flush_up_to(target, timeout, spent)
        await self._sink.flush_beside(None if timeout is None else max(0.0, timeout - (clock() - begun)))

    @property
    def _left_before(self) -> int:
        """How many are not committed yet that this writer accepted before it was closed in an outage, and opened again."""
        return min(self.counters.left, self._sink.recovering)

    async def _flush_up_to(self, target: int, timeout: float | None, spent: float) -> None:
        if self.ended:
            error = self.counters.last_error or "its task has ended"
            raise CommitError(f"flush of {self.config.logdir!r}: {self.uncommitted} summaries are not committed: {error}")
        ticket = self._tickets.add(target)
        self._want(target)
        try:
            async with asyncio.timeout(None if timeout is None else max(0.0, timeout - spent)):
                await ticket
        except TimeoutError as error:
            left = self.queue.progress.left(target) + self._left_before
            raise timed_out(self.config.logdir, left, timeout, self.counters) from error
        finally:
            self._tickets.discard(ticket)

    async def close(self) -> None:
        """Commit what was accepted and end the task, also if the wait is cancelled. Tells all who wait, by CommitError, what is lost."""
        was_told, self._is_awaited = self._is_told, True
        if not self._closing:
            self._stop_accepting()
            self.queue.fail(WriterClosedError(f"the writer of {self.config.logdir!r} was closed while this summary waited for room"))
        self._want(self.queue.accepted)
        if self._task is not None:
            await asyncio.wait([self._task])
        try:
            await self._sink.close_beside()
        except CommitError as error:
            if not self._is_told:
                self._loss = both(self._loss, error)
        self.raise_if_dead()
        if self._loss is not None and not was_told:
            self._is_told = True
            raise copy.copy(self._loss) from self._loss.__cause__

    def _stop_accepting(self) -> None:
        self._closing = True
        self.queue.shut()

    def cancel_opening(self) -> None:
        """End a task whose opening nobody waits for any more."""
        self._stop_accepting()
        if self._task is not None:
            self._task.cancel()

    def abandon(self) -> None:
        """Finish by itself, since nobody holds the writer any more."""
        self._stop_accepting()
        self._want(self.queue.accepted)

    def _is_wanted(self) -> bool:
        return bool(self._tickets) or self._closing

    def _want(self, target: int) -> None:
        """Have all that was accepted up to ``target`` committed without a delay."""
        self.queue.wanted_up_to = max(self.queue.wanted_up_to, target)
        self._wakeup.set()

    # The task

    async def _run(self) -> None:
        left_open = cut_short = is_thrown_away = False
        try:
            if await self._open():
                await self._serve()
        except asyncio.CancelledError:
            if os.getpid() != self._process:
                return  # the copy of a forked child: what it holds, and where it would write, is its parent's
            left_open, cut_short = not self._closing, True
            await self._say_farewell()
        except GeneratorExit:  # its loop is gone, so nothing can be awaited any more
            is_thrown_away = True
            raise
        except Exception as error:  # a bug: whoever waits must be told, and nothing more may be accepted
            self._die(error)
        finally:
            if os.getpid() == self._process and not is_thrown_away:
                self._sink.abandon_beside()
                await self._close_storage()
        if left_open:
            await asyncio.sleep(0)  # whoever was cancelled together with this task comes to close() in the same turn, before it or after
        if (left_open and not self._is_awaited) or (cut_short and self._lost()):
            warn_of_end(self.config.logdir, self._lost(), left_open=left_open)

    def _leave_nobody_waiting(self, task: "asyncio.Task[None]") -> None:
        """However the task ended, also if it was cancelled before its first step: whoever still waits is told."""
        if not self._opened.done():
            self._opened.set_exception(shut_down_while_opening(self.config.logdir))
        self.queue.shut()
        ended = WriterClosedError(f"the writer of {self.config.logdir!r} has ended, with {self.uncommitted} summaries not committed")
        self._tickets.fail(ended)
        self.queue.fail(self._dead or ended)

    async def _close_storage(self) -> None:
        try:
            async with asyncio.timeout(self.config.request_seconds):
                await self._sink.close()
        except Exception as error:  # everything is committed or told by now; a session that does not end well changes nothing
            _logger.warning("%s: closing the storage's session failed: %r", self.config.logdir, error)

    async def _open(self) -> bool:
        try:
            while not self._is_open:
                try:
                    await self._sink.open()
                    self._is_open = True
                except SummaryError as error:
                    if not self.config.is_late_run or self._closing:
                        raise
                    await self._wait_to_open(error)
        except SummaryError as error:
            self._stop_accepting()
            self._opened.set_exception(error)
            if self.uncommitted:  # a late run has taken something already
                await self._give_up(GaveUpError(error, permanent=False))
            return False
        except asyncio.CancelledError:
            self._opened.set_exception(shut_down_while_opening(self.config.logdir))
            raise
        self.counters.note_found(self.counters.left if self.config.is_late_run else self.spooled)
        self._opened.set_result(None)
        return True

    async def _wait_to_open(self, error: SummaryError) -> None:
        """A late run that cannot be opened keeps what it has, and tries again: nobody else would do that for it."""
        self.counters.last_error = str(error)
        if not self._away:
            self._away = True
            _logger.warning("%s; %d late summaries wait, and it is tried again", error, self.uncommitted)
        told = f"{self.uncommitted} summaries for {self.config.logdir!r} are not committed: {error}"
        self._tickets.fail(CommitError(told, uncommitted=self.uncommitted, retriable=True))
        await self._due.pause(_PERMANENT_PAUSE_SECONDS, self._is_wanted)

    async def _serve(self) -> None:
        """Commit batch after batch, until closing finds nothing left."""
        while True:
            if not self._sink.has_work:
                self.queue.be_busy(False)
                await self._due.wait(lambda: bool(self._tickets), lambda: self._closing)
                self.queue.be_busy(True)
                await self._sink.next_work()
            if self._sink.has_work:
                await self._send()
            elif self._closing:
                return
            if self._is_given_up:
                return

    async def _send(self) -> None:
        """Commit the work in hand; if storage does not take it, tell those who wait, and pause."""
        try:
            await self._sink.send()
        except GaveUpError as error:
            await self._cope(error)
            return
        if self._away:
            self._away = False
            if not self._sink.is_spooling:
                _logger.warning("%s: storage is back, nothing was lost", self.config.logdir)
        if self._sink.refused is not None:
            self._tell_refused(self._sink.refused)
        if not self._left_before:
            self._tickets.settle(self.queue.progress.up_to)

    # Trouble

    def _tell_refused(self, refused: CommitError) -> None:
        """Tell whoever flushes, or else whoever closes, of summaries that storage can never take; the others are committed."""
        self._sink.refused = None
        _logger.error("%s", refused)
        if not self._tickets.owe(refused):
            self._loss = both(self._loss, refused)

    async def _cope(self, error: GaveUpError) -> None:
        """Tell those who wait that their summaries are not committed. The batch stays, and is tried again."""
        waiting = self.uncommitted + self._left_before
        told = not_committed(self.config.logdir, waiting, error)
        if not self._away and not self._sink.is_spooling:
            _logger.warning("%s: storage does not take summaries (%s); %d wait and are tried again", self.config.logdir, error, waiting)
        self._away = True
        self._tickets.fail(told)
        if error.permanent:
            self.queue.fail(told)
        if self._closing:
            await self._give_up(error)
        else:
            await self._due.pause(_PAUSE_SECONDS)  # whatever the reason, never try in a tight loop
            self._wakeup.clear()
            rest = _PERMANENT_PAUSE_SECONDS if error.permanent else getattr(error.error, "retry_after", None) or 0.0
            if rest and not self._is_wanted():
                await self._due.pause(rest, self._is_wanted)

    async def _give_up(self, error: GaveUpError) -> None:
        """Closing, and storage is away: what is not committed is put into the spool, or lost, counted and told."""
        lost = await self._sink.save()
        uncommitted = self.uncommitted - self._sink.elsewhere
        if uncommitted:
            told = closed_without(self.config.logdir, uncommitted, error, self._sink.whereabouts(lost))
            self._loss = told if self._loss is None else both(told, self._loss)
            _logger.error("%s", told)  # close() raises it, but of a forgotten writer nobody awaits close()
        elif self.spooled:
            _logger.warning("%s: closed while storage is away: %s; what earlier processes left stays there", self.config.logdir, error)
        self._sink.forget()
        if self._sink.refused is not None:
            self._tell_refused(self._sink.refused)
        self._is_given_up = True

    async def _say_farewell(self) -> None:
        """The event loop shuts down with the writer open: commit what can be committed in a few seconds."""
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        self._stop_accepting()
        self._sink.abandon_beside()  # from now on, what comes late stays here: a late run that begins now would not be waited for
        if self._is_open or self.config.is_late_run:  # which has taken something, though it was still being opened
            self._sink.hurry(self.config.farewell_seconds)
            try:
                async with asyncio.timeout(2 * self.config.farewell_seconds):
                    if not self._is_open:
                        await self._sink.open()
                        self._is_open = True
                    await self._serve()
            except (TimeoutError, asyncio.CancelledError, SummaryError):
                pass
            except Exception as error:  # a bug; what waits can still be saved
                self._die(error)
        if self.uncommitted and not self._is_given_up:
            await self._save_in_time()

    async def _save_in_time(self) -> None:
        """Put what is not committed into the spool, if there is one and the disk takes it at once."""
        try:
            async with asyncio.timeout(self.config.farewell_seconds):
                await self._sink.save()
        except (TimeoutError, asyncio.CancelledError):
            pass
        except Exception as error:  # the same bug, perhaps
            _logger.error("%s: nothing more could be put into the spool", self.config.logdir, exc_info=error)

    def _lost(self) -> int:
        told = 0 if self._loss is None else self._loss.uncommitted
        return told if self._is_given_up else self.uncommitted + told

    def _die(self, error: Exception) -> None:
        self._dead = PipelineError(
            f"the writer of {self.config.logdir!r} died of {type(error).__name__}: {error}; {self.uncommitted} summaries are not committed"
        )
        self._dead.__cause__ = error
        self._stop_accepting()
        _logger.error("%s", self._dead, exc_info=error)
        self.counters.last_error = str(self._dead)
        self._tickets.fail(self._dead)
        self.queue.fail(self._dead)
        if not self._opened.done():
            self._opened.set_exception(self._dead)
