"""How does code without an event loop reach one? ``LoopThread`` keeps one in a thread of its own."""

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401  # its exit handler ends all pools; ours, registered later, runs before it
import logging
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from asyncsummary.errors import WrongLoopError

_T = TypeVar("_T")
_logger = logging.getLogger("asyncsummary")


class LoopThread:
    """An event loop in a daemon thread, which is started by the first ``run``.

    At the end of the interpreter, while threads still work, whatever was given to ``close_at_exit`` is closed, and the thread ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ends_by_itself = False
        self._process = os.getpid()
        self._closers: weakref.WeakKeyDictionary[object, Callable[[], Coroutine[Any, Any, None]]] = weakref.WeakKeyDictionary()

    def run(self, call: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Await in the loop what ``call`` returns, and return what it gives; blocks the calling thread until then.

        Raises:
            WrongLoopError: in a forked child, where the thread does not exist, or within the loop itself.
        """
        if self._process != os.getpid():
            raise WrongLoopError(f"this writer belongs to process {self._process}, and this is its forked child: create one in the child")
        loop = self._started()
        if asyncio._get_running_loop() is loop:
            raise WrongLoopError("a blocking call within the writers' own event loop would wait for itself")
        return asyncio.run_coroutine_threadsafe(call(), loop).result()

    def close_at_exit(self, owner: object, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Await ``close()`` at the end of the interpreter, if ``owner`` still exists then. ``close`` must not hold ``owner``."""
        with self._lock:
            self._closers[owner] = close

    def stop(self) -> None:
        """End the thread, with the tasks that are left in its loop; the next ``run`` starts another."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(self._loop,), name="asyncsummary", daemon=True)
                self._thread.start()
            if not self._ends_by_itself:
                self._ends_by_itself = True
                # atexit's own handlers run when pools of threads, which local files need, take nothing any more
                getattr(threading, "_register_atexit", atexit.register)(self._end)
            return self._loop

    def _end(self) -> None:
        if self._process != os.getpid() or self._loop is None:
            return
        for close in list(self._closers.values()):
            try:
                self.run(close)
            except Exception as error:
                _logger.error("%s", error)
        self.stop()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped, then end what is left in it, as ``asyncio.run`` does."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop().run_forever()


background = LoopThread()
"""The one loop of all blocking writers of this process."""
