"""Who runs the steps of a training loop? Sessions that evaluate fetches, and the one that has hooks, after ``tf.train``."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from google.protobuf.message import Message

from asyncsummary.errors import InvalidArgumentError, InvalidTypeError
from asyncsummary.graph import Graph, SummaryOp
from asyncsummary.graph_scope import current_graph
from asyncsummary.hooks import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues, SummarySaverHook
from asyncsummary.steps import GlobalStep
from asyncsummary.values.given import typed


class Session:
    """Evaluates fetches. An ``async with`` block flushes the writers of its graph at the end."""

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = current_graph.get() if graph is None else graph

    async def run(self, fetches: Any) -> Any:
        """Evaluate one after the other, and return what came of them in the same structure.

        A fetch is a ``SummaryOp`` (run), a callable or coroutine function (called without arguments), a ``GlobalStep`` (read), a message or
        bytes (themselves), None, or a list, tuple or dict of fetches.

        Raises:
            InvalidTypeError: something else.
            StopAsyncIteration: in place of a StopIteration, which cannot leave a coroutine.
        """
        try:
            return await _evaluate(fetches)
        except RuntimeError as error:
            if isinstance(error.__cause__, StopIteration):  # raised in a coroutine function of the caller's
                raise StopAsyncIteration(*error.__cause__.args) from error.__cause__
            raise

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for writer in [] if self.graph is None else self.graph.writers:
            if writer.was_opened and not writer.closed:
                await writer.flush()


def _like(fetch: "list[Any] | tuple[Any, ...]", items: list[Any]) -> Any:
    """Return items in what their fetches came in: a list, a tuple or a named tuple."""
    if isinstance(fetch, list):
        return items
    make = getattr(type(fetch), "_make", tuple)
    return make(items)


async def _evaluate(fetch: Any) -> Any:
    if isinstance(fetch, list | tuple):
        return _like(fetch, [await _evaluate(item) for item in fetch])
    if isinstance(fetch, dict):
        return {key: await _evaluate(item) for key, item in fetch.items()}
    if isinstance(fetch, GlobalStep):
        return int(fetch)
    if isinstance(fetch, SummaryOp):
        return await fetch.run()
    if fetch is None or isinstance(fetch, Message | bytes | int):
        return fetch
    if not callable(fetch):
        raise InvalidTypeError(f"fetches: cannot run {typed(fetch)}")
    try:
        found = fetch()
    except StopIteration as error:
        raise StopAsyncIteration(*error.args) from error
    return await found if inspect.isawaitable(found) else found


class Scaffold:
    """What a ``SummarySaverHook`` may share with others: the ``summary_op``."""

    def __init__(self, summary_op: Any = None) -> None:
        self.summary_op = summary_op


class Coordinator:
    """Lets several tasks stop together."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()
        self._error: BaseException | None = None

    def should_stop(self) -> bool:
        """Return whether a stop was requested."""
        return self._stopping.is_set()

    def request_stop(self, ex: BaseException | None = None) -> None:
        """Ask everybody to stop. The first error that is given is raised by ``join``; StopIteration and its like are none."""
        if ex is not None and self._error is None and not is_end_of_data(ex):
            self._error = ex
        self._stopping.set()

    def clear_stop(self) -> None:
        """Forget that a stop was requested."""
        self._stopping.clear()
        self._error = None

    async def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait for a stop, ``timeout`` seconds at the most; return whether it was requested."""
        try:
            async with asyncio.timeout(timeout):
                await self._stopping.wait()
        except TimeoutError:
            pass
        return self._stopping.is_set()

    async def join(self, tasks: Iterable["asyncio.Task[Any]"] = (), stop_grace_period_secs: float = 120.0) -> None:
        """Wait for a stop and then for the tasks; those that are not done in time are cancelled.

        A task that fails requests a stop. Raises the first error.
        """
        waiting = set(tasks)
        for task in waiting:
            task.add_done_callback(self._note_end)
        if waiting:
            await self._wait_for_stop_or(waiting)
            _, late = await asyncio.wait(waiting, timeout=stop_grace_period_secs)
            for task in late:
                task.cancel()
            await asyncio.wait(waiting)
            for task in waiting:
                self._note_end(task)
        if self._error is not None:
            raise self._error

    async def _wait_for_stop_or(self, tasks: "set[asyncio.Task[Any]]") -> None:
        stop, end = asyncio.ensure_future(self._stopping.wait()), asyncio.ensure_future(asyncio.wait(tasks))
        try:
            await asyncio.wait([stop, end], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            end.cancel()
            await asyncio.gather(stop, end, return_exceptions=True)

    def _note_end(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.request_stop(task.exception())


class MonitoredSession:
    """A session with hooks::

        async with MonitoredSession(hooks=[...]) as session:
            while not session.should_stop():
                await session.run(train_op)

    At its beginning every hook's ``begin``, then every ``after_create_session``; in each run every ``before_run``, the fetches, every
    ``after_run``; at its end every ``end``; always in the order of the hooks. A StopIteration, StopAsyncIteration or OutOfRangeError in the
    block ends it as if it were done. With any other error ``end`` is not called; what ``SummarySaverHook``s have saved is flushed all the
    same.
    """

    def __init__(self, hooks: Sequence[SessionRunHook] = (), scaffold: Scaffold | None = None) -> None:
        self.hooks = list(hooks)
        self.scaffold = scaffold or Scaffold()
        self.coord = Coordinator()
        self._session = Session()

    def should_stop(self) -> bool:
        """Return whether the loop is to end."""
        return self.coord.should_stop()

    def request_stop(self) -> None:
        """Let ``should_stop`` be True from now on."""
        self.coord.request_stop()

    async def run(self, fetches: Any) -> Any:
        """Run fetches, as ``Session.run`` does, with the hooks around.

        Raises:
            RuntimeError: a stop was requested before.
        """
        if self.should_stop():
            raise RuntimeError("Run called even after should_stop requested.")
        context = SessionRunContext(SessionRunArgs(fetches), self._session)
        asked: list[Any] = []
        for hook in self.hooks:
            args = await _awaited(hook.before_run(context))
            asked.append(_fetches_of(hook, args))
        result = await self._session.run(fetches)
        for hook, fetch in zip(self.hooks, [await self._session.run(fetch) for fetch in asked], strict=True):
            await _awaited(hook.after_run(context, SessionRunValues(fetch)))
        if context.stop_requested:
            self.coord.request_stop()
        return result

    async def __aenter__(self) -> "MonitoredSession":
        await self._each(lambda hook: hook.begin())
        await self._each(lambda hook: hook.after_create_session(self._session, self.coord))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self.coord.request_stop()
        if error is None or is_end_of_data(error):
            await self._each(lambda hook: hook.end(self._session))
            return True
        for hook in self.hooks:
            if isinstance(hook, SummarySaverHook):
                try:
                    await hook.flush()
                except Exception as loss:  # it must not hide the error that ended the loop
                    error.add_note(f"asyncsummary: {loss}")
        return False

    async def _each(self, call: Callable[[SessionRunHook], Any]) -> None:
        for hook in self.hooks:
            await _awaited(call(hook))


def is_end_of_data(error: BaseException) -> bool:
    """Return whether an error says only that there is nothing more to train on."""
    return isinstance(error, StopIteration | StopAsyncIteration) or type(error).__name__ == "OutOfRangeError"


async def _awaited(found: Any) -> Any:
    return await found if isinstance(found, Awaitable) else found


def _fetches_of(hook: SessionRunHook, args: SessionRunArgs | None) -> Any:
    if args is None:
        return None
    if args.feed_dict is not None or args.options is not None:
        raise InvalidArgumentError(
            f"before_run of {type(hook).__name__}: feed_dict and options have no meaning here; close over values in a callable instead"
        )
    return _with_steps_read(args.fetches)


def _with_steps_read(fetch: Any) -> Any:
    """Read the global steps among a hook's fetches now, before the caller's fetches change them."""
    if isinstance(fetch, GlobalStep):
        return int(fetch)
    if isinstance(fetch, list | tuple):
        return _like(fetch, [_with_steps_read(item) for item in fetch])
    if isinstance(fetch, dict):
        return {key: _with_steps_read(item) for key, item in fetch.items()}
    return fetch
