"""An event loop whose clock jumps to the next timer when nothing else is left to do, so that no test ever sleeps."""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

_T = TypeVar("_T")
_Args = TypeVarTuple("_Args")


class _JumpingSelector:
    """Never waits: says how long it was asked to, and lets the loop's clock go on by that."""

    def __init__(self, inner: selectors.BaseSelector, advance: Callable[[float], None], is_busy: Callable[[], bool]) -> None:
        self._inner = inner
        self._advance = advance
        self._is_busy = is_busy

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._inner.select(0)
        if not ready and (timeout is None or (timeout > 0 and self._is_busy())):
            return self._inner.select(5)  # something outside must call: a thread
        if not ready and timeout is not None and timeout > 0:
            self._advance(timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey] | None:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """``loop.time()`` starts at 0 and moves only when every task waits and no thread works for the loop."""

    def __init__(self) -> None:
        self._now = 0.0
        self._in_threads = 0
        selector = _JumpingSelector(selectors.DefaultSelector(), self._advance, lambda: self._in_threads > 0)
        super().__init__(selector)  # type: ignore[arg-type]  # it has all that is used

    def run_in_executor(self, executor: Executor | None, func: Callable[[Unpack[_Args]], _T], *args: *_Args) -> asyncio.Future[_T]:
        self._in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, future: "asyncio.Future[Any]") -> None:
        self._in_threads -= 1

    def _advance(self, seconds: float) -> None:
        self._now += seconds

    def time(self) -> float:
        return self._now
