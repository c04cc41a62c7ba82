"""What stands for TensorFlow's graph mode? Summaries that are defined first, and written whenever they are run."""

import asyncio
import contextvars
import functools
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ParamSpec, TypeVar

from asyncsummary.errors import InvalidSummaryError, SummaryError
from asyncsummary.graph_scope import current_graph
from asyncsummary.handle import FileWriterHandle
from asyncsummary.protos import Summary
from asyncsummary.scopes import Condition, Scope, current_name_scope, recording
from asyncsummary.steps import GlobalStep, as_step, default_step, get_or_create_global_step
from asyncsummary.tags import clean, plain_tag
from asyncsummary.values.message import KINDS, summary_of
from asyncsummary.writer import SummaryWriter, default_writer

_P = ParamSpec("_P")
_T = TypeVar("_T")

_VALID_AT_TOP = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$")
_VALID_WITHIN = re.compile(r"^[A-Za-z0-9_.\\/>-]+$")


class SummaryOp:
    """A summary, or another write, that was defined in a ``Graph`` and is carried out whenever a session runs it.

    Awaiting it gives the op itself, so that code with an ``await`` before each call serves both modes.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[], Coroutine[Any, Any, Any]] | None,
        evaluate: Callable[[], Coroutine[Any, Any, Summary]] | None = None,
    ) -> None:
        self.name = name
        self.runs = 0
        self._write = write
        self._evaluate = evaluate

    @property
    def has_writer(self) -> bool:
        """Whether running it writes by itself: whether there was a default writer where it was defined."""
        return self._write is not None

    async def run(self) -> Any:
        """Write it: True once it is accepted, False where summaries are not recorded, None without a writer."""
        self.runs += 1
        return None if self._write is None else await self._write()

    async def summary(self) -> Summary:
        """Return it as a Summary message, for ``FileWriter.add_summary``; nothing is written, and the recording condition does not count.

        Raises:
            InvalidSummaryError: its name or its value cannot be used; or it is no summary, but another kind of op.
        """
        self.runs += 1
        if self._evaluate is None:
            raise InvalidSummaryError(f"{self.name}: is no summary, so there is no message of it", self.name)
        return await self._evaluate()

    def __await__(self) -> Generator[Any, None, "SummaryOp"]:
        return self
        yield  # makes this a generator, which __await__ has to return

    def __repr__(self) -> str:
        return f"<SummaryOp {self.name!r}>"


class Graph:
    """Collects the summaries that are defined within ``with graph.as_default():``.

    Names are unique within it: a second "a" is "a_1", a second scope "sc" is "sc_1". It has a global step of its own.
    """

    def __init__(self) -> None:
        self.global_step: GlobalStep | None = None
        self.all_ops: list[SummaryOp] = []
        self.summary_ops: list[SummaryOp] = []
        self.other_ops: list[SummaryOp] = []
        self.writers: list[FileWriterHandle] = []
        self._names: dict[str, int] = {}
        self._closed = False

    def as_default(self) -> Scope["Graph"]:
        """Define summaries in this graph within a ``with`` block, without the name scopes around it."""
        return Scope(lambda: {current_graph: self, current_name_scope: ""}, lambda: self)

    def unique_name(self, name: str) -> str:
        """Return the name, or one made of it that was not used before, and note it. Letters' case does not tell names apart."""
        key = name.lower()
        count = self._names.get(key, 0)
        self._names[key] = count + 1
        if not count:
            return name
        while f"{key}_{count}" in self._names:
            count += 1
        self._names[f"{key}_{count}"] = 1
        return f"{name}_{count}"

    def unique_scope(self, scope: str) -> str:
        """Return a scope as ``unique_name`` does. Raises InvalidSummaryError if it is no valid name of one: tags in it would be changed."""
        if not _VALID_AT_TOP.match(scope):
            raise InvalidSummaryError(f"name: {scope!r} is not a valid scope name", scope)
        return self.unique_name(scope)

    def close(self) -> None:
        """Warn of what was defined and never run, and of writers that were never opened: the commonest ways to lose summaries."""
        if self._closed:
            return
        self._closed = True
        idle = [op.name for op in [*self.summary_ops, *self.other_ops] if not op.runs]
        if idle:
            warnings.warn(
                f"{len(idle)} summaries were defined and never run: {_listed(idle)}. Run them by "
                f"'await session.run([train_op, asyncsummary.all_summary_ops()])'",
                UserWarning,
                stacklevel=2,
            )
        unopened = [repr(writer) for writer in self.writers if not writer.was_opened]
        if unopened:
            warnings.warn(
                f"writers were created and never initialised: {_listed(unopened)}. Run 'await asyncsummary.initialize()' first",
                UserWarning,
                stacklevel=2,
            )

    def __del__(self) -> None:
        self.close()

    def define(self, function: Callable[..., Coroutine[Any, Any, Any]], arguments: dict[str, Any]) -> SummaryOp:
        """Return the op of a call of one of the module-level functions."""
        if function.__name__ not in KINDS:
            return self._define_other(function, arguments)
        writer = default_writer.get()
        rest = {name: value for name, value in arguments.items() if name not in {"name", "family", "step"}}
        try:
            tag = self._tag(arguments["name"], arguments["family"])
        except SummaryError as error:
            if writer is not None:
                raise
            tag, evaluate = str(arguments["name"]), functools.partial(_fail, error)  # told to whoever wants it: nobody may
        else:
            evaluate = functools.partial(_evaluate, function.__name__, tag, rest)
        if writer is None:
            op = SummaryOp(tag, None, evaluate)
        else:
            step = _deferred_step(arguments["step"], tag)
            write = functools.partial(_write, writer, function.__name__, recording.get(), tag, step, rest)
            op = SummaryOp(tag, write, evaluate)
            self.summary_ops.append(op)
        self.all_ops.append(op)
        return op

    def _define_other(self, function: Callable[..., Coroutine[Any, Any, Any]], arguments: dict[str, Any]) -> SummaryOp:
        if default_writer.get() is None and arguments.get("writer") is None:
            return SummaryOp(function.__name__, None)
        context = contextvars.copy_context()
        context.run(current_graph.set, None)

        async def write() -> Any:
            values = await _evaluated_all(arguments)
            writer = context[default_writer]
            if function.__name__ == "flush":
                return await function(**values)
            assert writer is not None, "looked at when it was defined"
            if function.__name__ == "graph":
                return await writer.graph(values["param"], values["step"])
            if function.__name__ == "import_event":
                return await writer.import_event(values["tensor"])
            return await getattr(writer, function.__name__)(**values)

        op = SummaryOp(function.__name__, write)
        if function.__name__ != "flush":
            self.other_ops.append(op)
        return op

    def _tag(self, name: Any, family: Any) -> str:
        """Return the unique tag of a summary; unlike outside of a graph, the name must do as a name of an op."""
        base = clean(plain_tag(name))
        group = None if family is None else clean(plain_tag(family))
        if not base:
            raise InvalidSummaryError(f"name: {name!r} is not a valid node name", name)
        scope = current_name_scope.get()
        whole = base if group is None else f"{group}/{base}"
        if not (_VALID_WITHIN if scope else _VALID_AT_TOP).match(whole):
            raise InvalidSummaryError(f"name: {whole!r} is not a valid scope name", name)
        unique = self.unique_name((f"{scope}/{whole}" if scope else whole).rstrip("/"))
        return unique if group is None else f"{group}/{unique}"


async def _write(
    writer: SummaryWriter, kind: str, condition: Condition | None, tag: str, step: Any, arguments: dict[str, Any]
) -> bool | None:
    """Carry out an op: ask the condition, evaluate the values, read the step, write."""
    if condition is None or not (condition() if callable(condition) else condition):
        return False
    rest = await _evaluated_all(arguments)
    value = [rest.pop("tensor")] if "tensor" in rest else []  # the writers' methods have other names for it
    scope = current_name_scope.get()
    current_name_scope.set("")  # the tag is whole already
    try:
        found: bool | None = await getattr(writer, kind)(tag, *value, step=int(step), **rest)
    finally:
        current_name_scope.set(scope)
    return found


async def _evaluate(kind: str, tag: str, arguments: dict[str, Any]) -> Summary:
    """Return a summary as a message, encoded by a thread if that takes time."""
    values = await _evaluated_all(arguments)
    if kind == "scalar":
        return summary_of(kind, tag, values)
    return await asyncio.to_thread(summary_of, kind, tag, values)


async def _evaluated_all(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: await evaluated(value) for name, value in arguments.items()}


async def _fail(error: SummaryError) -> Summary:
    raise error


async def evaluated(value: Any) -> Any:
    """Return a constant itself, and of a callable or coroutine function what it returns."""
    if not callable(value):
        return value
    found = value()
    return await found if inspect.isawaitable(found) else found


def _deferred_step(step: Any, tag: str) -> "int | GlobalStep":
    """Return a step that is known, or a ``GlobalStep`` that is read when the op runs."""
    if isinstance(step, GlobalStep):
        return step
    if step is not None:
        return as_step(step, tag)
    default = default_step.get()
    return get_or_create_global_step() if default is None else default


def deferrable(function: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Let a coroutine function return a ``SummaryOp`` within a graph; the type says what it returns outside of one."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> Any:
        graph = current_graph.get()
        if graph is None:
            return function(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return graph.define(function, dict(bound.arguments))

    _mark(call)
    return call


def _mark(function: Callable[..., Any]) -> None:
    """Let frameworks that ask see a coroutine function, which the plain one around it would hide."""
    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(function)
    else:
        function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]  # what asyncio.iscoroutinefunction looks at


def all_summary_ops() -> list[SummaryOp] | None:
    """Return the summaries that were defined in this graph so far; None outside of a graph."""
    graph = current_graph.get()
    return None if graph is None else list(graph.summary_ops)


def summary_writer_initializer_op() -> list[SummaryOp]:
    """Return an op for each writer that was created in this graph, in that order, which opens it.

    Raises:
        RuntimeError: outside of a graph.
    """
    graph = current_graph.get()
    if graph is None:
        raise RuntimeError("asyncsummary.summary_writer_initializer_op is only supported in graph mode.")
    return [SummaryOp(f"init {writer!r}", writer.init) for writer in graph.writers]


async def initialize(graph: Any = None, session: Any = None) -> None:
    """Open all writers of this graph, then write ``graph`` (a GraphDef or the like) at step 0, if one is given.

    Outside of a ``Graph`` it does nothing. ``session`` is not needed, as nothing is run but what is here.

    Raises:
        RuntimeError: there is no default writer.
    """
    here = current_graph.get()
    if here is None:
        return
    writer = default_writer.get()
    if writer is None:
        raise RuntimeError("No default asyncsummary.SummaryWriter found")
    for one in here.writers:
        await one.init()
    if graph is not None:
        await writer.graph(graph, 0)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown
