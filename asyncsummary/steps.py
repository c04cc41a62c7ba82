"""Which int64 is a step? Integers of any kind, and the global step that is used when none is given."""

import contextvars
import operator
import threading
from typing import Any, SupportsIndex

import numpy as np

from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.graph_scope import current_graph

LARGEST_STEP = 2**63 - 1
SMALLEST_STEP = -(2**63)


class GlobalStep:
    """A counter of training steps, shared by all tasks and threads of the process. Each method is atomic.

    ``int(global_step)`` reads it. A summary without a step takes its value at the moment it is accepted.
    """

    def __init__(self, value: int = 0) -> None:
        self._value = as_step(value, None, "value")
        self._lock = threading.Lock()

    def assign(self, value: int) -> "GlobalStep":
        """Set the step, and return this object."""
        checked = as_step(value, None, "value")
        with self._lock:
            self._value = checked
        return self

    def assign_add(self, delta: int = 1) -> "GlobalStep":
        """Add to the step, and return this object."""
        checked = as_step(delta, None, "delta")
        with self._lock:
            self._value = as_step(self._value + checked, None, "global_step")
        return self

    def __int__(self) -> int:
        return self._value

    def __index__(self) -> int:
        return self._value

    def __repr__(self) -> str:
        return f"GlobalStep({self._value})"


_global_step: GlobalStep | None = None
_creating = threading.Lock()


def get_or_create_global_step() -> GlobalStep:
    """Return the process's global step, or in a ``Graph`` that graph's; it is 0 when it is created."""
    global _global_step
    graph = current_graph.get()
    if graph is not None:
        graph.global_step = graph.global_step or GlobalStep()
        return graph.global_step
    with _creating:
        if _global_step is None:
            _global_step = GlobalStep()
        return _global_step


def get_global_step() -> GlobalStep | None:
    """Return the process's global step, or in a ``Graph`` that graph's; None if it was not created."""
    graph = current_graph.get()
    return _global_step if graph is None else graph.global_step


def forget_global_step() -> None:
    """Let the next ``get_or_create_global_step`` create a new one, as a new TensorFlow graph would. For tests."""
    global _global_step
    with _creating:
        _global_step = None


default_step: "contextvars.ContextVar[int | GlobalStep | None]" = contextvars.ContextVar("asyncsummary_step", default=None)


def set_step(step: "SupportsIndex | GlobalStep | None") -> None:
    """Set the step of summaries that give none, in this task and those it starts from now on; None goes back to the global step.

    A ``GlobalStep`` is read whenever a summary is accepted.

    Raises:
        InvalidArgumentError: not an integer, or out of int64.
    """
    default_step.set(checked_step(step))


def get_step() -> "int | GlobalStep | None":
    """Return what ``set_step``, or ``as_default(step=...)``, has set here; None if nothing has."""
    return default_step.get()


def checked_step(step: Any) -> "int | GlobalStep | None":
    """Return a default step as it is kept: a ``GlobalStep`` itself, an integer as int, or None."""
    return step if step is None or isinstance(step, GlobalStep) else as_step(step, None)


def current_step() -> int:
    """Return the step of a summary that gives none: that of ``set_step``, else the global step, which is created if need be."""
    step = default_step.get()
    return int(get_or_create_global_step() if step is None else step)


def as_step(step: Any, tag: object, argument: str = "step") -> int:
    """Return the step as a Python int.

    Accepted are int, bool, numpy integers, anything with ``__index__``, arrays or sequences of exactly one integer, and numpy's floats
    where they are whole.

    Raises:
        InvalidTypeError: not an integer (Python's own floats are refused even where they are whole, as in the original).
        InvalidSummaryError: out of int64, or not exactly one element.
    """
    try:
        number = operator.index(step)
    except Exception:  # a TypeError, or whatever the value's own conversion raises
        number = _only_element(step, tag, argument)
    if not SMALLEST_STEP <= number <= LARGEST_STEP:
        raise _error(InvalidSummaryError, argument, tag, f"{shown(number)} is out of range for int64")
    return number


def _only_element(step: Any, tag: object, argument: str) -> int:
    if (isinstance(step, str | bytes | float) and not isinstance(step, np.generic)) or step is None:
        raise _error(InvalidTypeError, argument, tag, f"must be an integer, got {shown(step)} of type {type(step).__name__}")
    try:
        array = np.asarray(step)
    except Exception as error:  # the value's own conversion can raise anything
        raise _error(InvalidTypeError, argument, tag, f"cannot be read as an integer: {error}") from error
    if isinstance(step, np.generic | np.ndarray) and array.dtype.kind == "f" and array.size == 1 and float(array.item()).is_integer():
        return int(array.item())
    if array.dtype.kind not in "iu":
        raise _error(InvalidTypeError, argument, tag, f"must be an integer, got {shown(step)} of type {type(step).__name__}")
    if array.size != 1:
        raise _error(InvalidSummaryError, argument, tag, f"must be one integer, got {array.size} of them")
    return int(array.reshape(-1)[0])


def _error(kind: type[InvalidSummaryError], argument: str, tag: object, what: str) -> InvalidArgumentError:
    of_tag = "" if tag is None else f" of tag {tag!r}"
    return kind(f"{argument}{of_tag}: {what}", tag)
