"""What becomes of accepted summaries when the process gets SIGTERM or Ctrl-C? With ``install_signal_handlers`` they are flushed first.

Python runs signal handlers in the main thread, often in the middle of an event loop's turn, so a handler must not wait for that loop. Ours
only leaves a note for a thread, and returns: the program goes on while each writer flushes in the loop that owns it, whichever thread that
runs in. Then the thread sends the main thread the same signal again, and this time the handler does what would have been done without us.
"""

import asyncio
import concurrent.futures
import enum
import logging
import math
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import Any, Self

from asyncsummary import outside
from asyncsummary.errors import InvalidArgumentError, WrongLoopError
from asyncsummary.living import living
from asyncsummary.resource import WriterResource

_Previous = Callable[[int, FrameType | None], Any] | int
_Flush = concurrent.futures.Future[None]
_logger = logging.getLogger("asyncsummary")
_AGAIN_SECONDS = 0.05
_installed: "SignalHandlers | None" = None


class _Phase(enum.Enum):
    IDLE = enum.auto()
    FLUSHING = enum.auto()
    DUE = enum.auto()  # the next signal is passed on, whoever sends it


def install_signal_handlers(
    *, deadline_seconds: float = 10.0, signals: Iterable[int] = (signal.SIGTERM, signal.SIGINT)
) -> "SignalHandlers":
    """Flush all open writers of this process when it gets one of these signals, and let the signal do its work afterwards.

    What was accepted before the signal is committed, for at most ``deadline_seconds``, in whichever event loops and threads the writers
    are; the program goes on meanwhile, and its writers stay open. What is not committed when half of that time is over goes to the spool
    as well, if there is one (``spool_dir``), from which a later start sends it. Then comes what would have come at once: the handler that
    was there before is called, or the process ends by the signal. So SIGINT still raises KeyboardInterrupt out of ``asyncio.run``, and
    SIGTERM still gives the exit status -15. What could not be committed is logged, with its count, and whether it is in the spool. A second
    signal meanwhile does its work at once. A handler that was set by ``loop.add_signal_handler`` is called at once by its loop, and not a
    second time.

    Call it in the main thread, in a coroutine or before ``asyncio.run``, after installing handlers of your own. A forked child inherits
    the handlers, and there they only pass signals on.

    Args:
        deadline_seconds: how long a signal may be held back.
        signals: which ones.

    Returns:
        what takes the handlers away again, by ``uninstall()`` or as a ``with`` block.

    Raises:
        InvalidArgumentError: an argument cannot be used, or they are installed already.
        WrongLoopError: this is not the main thread.
    """
    return SignalHandlers(_checked_deadline(deadline_seconds), _checked_signals(signals))


class SignalHandlers:
    """Handlers that are installed, until ``uninstall()`` or the end of their ``with`` block. Made by ``install_signal_handlers``."""

    def __init__(self, deadline_seconds: float, signals: tuple[int, ...]) -> None:
        global _installed
        self._process: int = os.getpid()
        if threading.current_thread() is not threading.main_thread():
            raise WrongLoopError("install_signal_handlers: Python lets only the main thread set handlers; call it there")
        if _installed is not None and _installed._process == os.getpid():
            raise InvalidArgumentError("install_signal_handlers: they are installed already; call uninstall() on the earlier ones first")
        self._deadline_seconds = deadline_seconds
        self._phase = _Phase.IDLE
        self._is_installed = True
        self._held_back: int | None = None
        self._interruption: asyncio.Handle | None = None
        # SimpleQueue is the one queue that may be used in a signal handler. An int is a signal, a future a flush that is done, None the end
        self._notes: queue.SimpleQueue[int | _Flush | None] = queue.SimpleQueue()
        self._previous: dict[int, _Previous] = {}
        try:
            for number in signals:
                self._previous[number] = _put(number, self._on_signal)
        except InvalidArgumentError:
            self._put_back()
            raise
        # started now, because to start a thread takes locks that the main thread may hold where a signal interrupts it
        self._thread = threading.Thread(target=self._serve, name="asyncsummary signals", daemon=True)
        self._thread.start()
        _installed = self

    def uninstall(self) -> None:
        """Put the earlier handlers back, where nobody has set others since. Idempotent; in the main thread only.

        If a signal is being held back, it does its work now.

        Raises:
            WrongLoopError: this is not the main thread.
        """
        global _installed
        if not self._is_installed:
            return
        if threading.current_thread() is not threading.main_thread():
            raise WrongLoopError("uninstall: Python lets only the main thread set handlers; call it there")
        self._is_installed = False
        self._put_back()
        if _installed is self:
            _installed = None
        if self._process != os.getpid():
            return
        self._notes.put(None)
        self._thread.join()
        if self._phase is not _Phase.IDLE and self._held_back is not None:
            self._phase = _Phase.IDLE
            signal.raise_signal(self._held_back)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.uninstall()

    def _put_back(self) -> None:
        for number, previous in self._previous.items():
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, previous)

    # In the main thread, at any point of its program

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal; pass on the one that comes while it is held back, be it the user's or our thread's."""
        if not self._is_installed or self._process != os.getpid() or self._phase is _Phase.DUE:
            self._phase = _Phase.IDLE
            self._pass_on(number, frame)
        elif self._phase is _Phase.IDLE:
            self._phase, self._held_back = _Phase.FLUSHING, number
            self._notes.put(number)
        else:
            self._phase, self._held_back = _Phase.DUE, number
            self._notes.put(number)  # the thread says what is lost, and sends the signal; if it cannot, a third one is passed on

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous[number]
        loop = asyncio._get_running_loop()
        if previous is signal.default_int_handler and loop is not None and self._interruption is None:
            # Raised between two lines of the loop's own, KeyboardInterrupt can lose a task's next step, and asyncio.run waits for it for
            # ever. That is why asyncio.run sets a handler, if there is none; here is ours. The next signal does not wait for the loop.
            self._interruption = loop.call_soon_threadsafe(self._interrupt, number)
        elif callable(previous):
            if self._interruption is not None:
                self._interruption.cancel()
                self._interruption = None
            previous(number, frame)
        elif previous == signal.SIG_DFL:
            ours = signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            signal.signal(number, ours)  # some signals do nothing by default

    def _interrupt(self, number: int) -> None:
        self._interruption = None
        signal.default_int_handler(number, None)

    # In our thread

    def _serve(self) -> None:
        while (note := self._notes.get()) is not None:
            if isinstance(note, int) and self._phase is not _Phase.IDLE:
                try:
                    self._flush(note)
                except Exception as error:  # a bug; but a signal must not be swallowed for it
                    _logger.error("flushing at %s failed", _name(note), exc_info=error)
                self._send_again(note)

    def _flush(self, number: int) -> None:
        flushes = {resource: flush for resource in living() if (flush := outside.flush(resource)) is not None}
        begun = time.monotonic()
        waiting = self._await(set(flushes.values()), begun + self._deadline_seconds / 2)
        left = [resource for resource, flush in flushes.items() if not flush.done() or flush.cancelled() or flush.exception()]
        saves = {save for resource in left if (save := outside.save(resource)) is not None}
        for save in self._await(waiting | saves, begun + self._deadline_seconds) & saves:
            save.cancel()
        for resource, flush in flushes.items():
            self._tell(number, resource, flush)

    def _send_again(self, number: int) -> None:
        """Send the signal to the main thread to be passed on, unless that was done meanwhile."""
        if self._phase is _Phase.IDLE:
            return
        number = self._held_back or number
        main = threading.main_thread().ident
        if _is_of_a_loop(self._previous[number]) or main is None:
            self._phase = _Phase.IDLE
            return
        self._phase = _Phase.DUE
        # Again and again: a signal that comes when the main thread is about to wait for I/O is noted, but does not wake it
        while self._phase is _Phase.DUE and self._is_installed:
            signal.pthread_kill(main, number)
            time.sleep(_AGAIN_SECONDS)

    def _await(self, calls: set[_Flush], deadline: float) -> set[_Flush]:
        """Wait until all are done, the deadline, a second signal, or the uninstalling. Return those that are not done."""
        waiting = set(calls)
        for call in waiting:
            call.add_done_callback(self._notes.put)
        while waiting and self._phase is _Phase.FLUSHING:
            try:
                note = self._notes.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if note is None:
                self._notes.put(None)
                break
            if not isinstance(note, int):
                waiting.discard(note)
        return waiting

    def _tell(self, number: int, resource: WriterResource, flush: _Flush) -> None:
        """Log what a writer did not commit; of a process that ends by the signal, also what it has accepted since."""
        why = "" if flush.done() else f"not done within {self._deadline_seconds:g} s"
        if self._phase is _Phase.DUE:
            why = "a second signal came"
        if flush.cancel():
            pass
        elif flush.cancelled():
            why = "its event loop shut down"
        elif error := flush.exception():
            why = str(error)
        left = resource.stats().pending
        if left and (why or self._previous[number] == signal.SIG_DFL):
            why = why or "they were accepted after it"
            told = "%s: %d summaries are not committed at %s: %s%s"
            _logger.error(told, resource.config.logdir, left, _name(number), why, resource.whereabouts)


def _put(number: int, handler: Callable[[int, FrameType | None], None]) -> _Previous:
    """Set a handler, and return the one that was there."""
    previous = signal.getsignal(number)
    if previous is None:
        raise InvalidArgumentError(f"signals: {number} has a handler that was not set by Python and could not be put back")
    try:
        signal.signal(number, handler)
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"signals: {number} cannot be handled: {error}") from error
    return previous


def _is_of_a_loop(handler: _Previous) -> bool:
    """Whether it was set by ``loop.add_signal_handler``: Python tells such a loop of every signal, whatever handler is set later."""
    owner = getattr(handler, "__self__", None)
    return isinstance(owner, asyncio.AbstractEventLoop) or getattr(handler, "__module__", None) == "asyncio.unix_events"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a realtime signal between SIGRTMIN and SIGRTMAX
        return f"signal {number}"


def _checked_deadline(seconds: object) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise InvalidArgumentError(f"deadline_seconds: must be a number of seconds, at least 0, got {seconds!r}")
    return float(seconds)


def _checked_signals(signals: object) -> tuple[int, ...]:
    if not isinstance(signals, Iterable):
        raise InvalidArgumentError(f"signals: must be several signals, got {signals!r}")
    numbers = tuple(dict.fromkeys(signals))
    if not numbers:
        raise InvalidArgumentError("signals: is empty")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int) or number not in signal.valid_signals():
            raise InvalidArgumentError(f"signals: {number!r} is no signal")
    return tuple(int(number) for number in numbers)
