"""What holds for the summaries of this task? The recording condition and the name scope, in context variables as the default writer is.

A task inherits what held where it was created, and what it sets holds for itself and its children only. Threads start with nothing.
"""

import contextvars
import inspect
import operator
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

from asyncsummary.errors import InvalidArgumentError
from asyncsummary.graph_scope import current_graph
from asyncsummary.steps import GlobalStep, get_or_create_global_step

_T = TypeVar("_T")
Condition = bool | Callable[[], Any]

recording: "contextvars.ContextVar[Condition | None]" = contextvars.ContextVar("asyncsummary_recording", default=None)
current_name_scope: "contextvars.ContextVar[str]" = contextvars.ContextVar("asyncsummary_name_scope", default="")


class Scope(Generic[_T]):
    """Sets context variables for the length of a ``with`` or ``async with`` block. Each serves one block.

    ``settings`` makes their values when the block begins; ``target`` then makes what the block's ``as`` gets. ``on_async_exit`` is awaited
    when an ``async with`` block ends, with its exception.
    """

    def __init__(
        self,
        settings: "Callable[[], dict[contextvars.ContextVar[Any], Any]]",
        target: Callable[[], _T],
        on_async_exit: Callable[[BaseException | None], Awaitable[None]] | None = None,
    ) -> None:
        self._settings = settings
        self._target = target
        self._on_async_exit = on_async_exit
        self._used = False
        self._before: dict[contextvars.ContextVar[Any], Any] = {}

    def __enter__(self) -> _T:
        if self._used:
            raise RuntimeError("this scope was entered already; call the function again for another block")
        self._used = True
        settings = self._settings()
        self._before = {variable: variable.get() for variable in settings}
        for variable, value in settings.items():
            variable.set(value)
        return self._target()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Set back rather than reset by token: an async generator's block may end in another context than it began in.
        for variable, value in self._before.items():
            variable.set(value)

    async def __aenter__(self) -> _T:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.__exit__(kind, error, trace)
        if self._on_async_exit is not None:
            await self._on_async_exit(error)


def _recording_scope(condition: Condition) -> Scope[None]:
    return Scope(lambda: {recording: condition}, lambda: None)


def always_record_summaries() -> Scope[None]:
    """Record every summary within the block. The innermost condition wins."""
    return _recording_scope(True)


def never_record_summaries() -> Scope[None]:
    """Record no summary within the block. The innermost condition wins."""
    return _recording_scope(False)


def record_if(condition: Condition) -> Scope[None]:
    """Record the summaries within the block if ``condition`` holds: a bool, or a callable that is asked at each summary.

    Raises:
        InvalidArgumentError: neither of these, or an async function, which cannot be asked without waiting.
    """
    if inspect.iscoroutinefunction(condition) or inspect.iscoroutinefunction(getattr(condition, "__call__", None)):  # noqa: B004
        raise InvalidArgumentError(f"condition: must be a plain callable, got the async {condition!r}")
    if not callable(condition) and not _is_bool(condition):
        raise InvalidArgumentError(f"condition: must be a bool or a callable that returns one, got {condition!r}")
    return _recording_scope(condition if callable(condition) else bool(condition))


def _is_bool(value: object) -> bool:
    return isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}  # numpy's, without importing it


def record_summaries_every_n_global_steps(n: int, global_step: "int | GlobalStep | None" = None) -> Scope[None]:
    """Record summaries within the block when the global step is a multiple of ``n``, step 0 included.

    The step is read at each summary; a summary's own ``step=`` does not count. Without ``global_step`` the process's is taken, and
    created if need be: if nobody increments it, everything is recorded.

    Raises:
        InvalidArgumentError: ``n`` is 0 or no integer, or ``global_step`` is no integer.
    """
    try:
        every = operator.index(n)
    except TypeError as error:
        raise InvalidArgumentError(f"n: must be an integer, got {n!r} of type {type(n).__name__}") from error
    if every == 0:
        raise InvalidArgumentError("n: must not be 0")
    step = get_or_create_global_step() if global_step is None else global_step
    try:
        operator.index(step)
    except TypeError as error:
        raise InvalidArgumentError(f"global_step: must be an integer or a GlobalStep, got {step!r}") from error
    return _recording_scope(lambda: operator.index(step) % every == 0)


def should_record_summaries() -> bool:
    """Return whether a summary would be recorded here now. Without any condition it would not."""
    condition = recording.get()
    if condition is None or isinstance(condition, bool):
        return bool(condition)
    return bool(condition())


def name_scope(name: str | None) -> Scope[str]:
    """Put ``name/`` before the tags of summaries within the block; scopes nest. In a ``Graph`` a scope's second use gets a name of its own.

    A name that ends with a slash counts from the top; None or '' leaves all scopes. The block's ``as`` gets the whole scope, with its
    slash at the end.

    Raises:
        InvalidArgumentError: neither a str nor None, or in a ``Graph`` no valid name of a scope.
    """
    if name is not None and not isinstance(name, str):
        raise InvalidArgumentError(f"name: a name scope must be a str or None, got {name!r} of type {type(name).__name__}")

    def entered() -> str:
        if not name:
            return ""
        if name.endswith("/"):
            return name.rstrip("/")
        outer = current_name_scope.get()
        scope = f"{outer}/{name}" if outer else name
        graph = current_graph.get()
        return scope if graph is None else graph.unique_scope(scope)

    def target() -> str:
        scope = current_name_scope.get()
        return f"{scope}/" if scope else ""

    return Scope(lambda: {current_name_scope: entered()}, target)
