"""Recording conditions, name scopes and default writers: what holds where, per task."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from asyncsummary import (
    GlobalStep,
    InvalidArgumentError,
    always_record_summaries,
    create_noop_writer,
    get_or_create_global_step,
    name_scope,
    never_record_summaries,
    record_if,
    record_summaries_every_n_global_steps,
    should_record_summaries,
)
from asyncsummary import steps as steps_module
from asyncsummary.graph import Graph
from asyncsummary.scopes import current_name_scope
from asyncsummary.writer import default_writer
from tests.support.writing import Bench


async def test_off_by_default() -> None:
    """Nothing is recorded until a condition is set; the innermost wins; each ends with its block."""
    assert not should_record_summaries()
    with always_record_summaries():
        assert should_record_summaries()
        with never_record_summaries():
            assert not should_record_summaries()
            async with always_record_summaries():
                assert should_record_summaries()
            assert not should_record_summaries()
        assert should_record_summaries()
    assert not should_record_summaries()


async def test_a_condition_ends_with_an_exception_too() -> None:
    """And holds from entering on, not from the call."""
    scope = always_record_summaries()
    assert not should_record_summaries()
    with pytest.raises(KeyError), scope:
        assert should_record_summaries()
        raise KeyError
    assert not should_record_summaries()


async def test_one_block_each() -> None:
    """As the original's context managers, these serve one block."""
    scope = always_record_summaries()
    with scope:
        pass
    with pytest.raises(RuntimeError, match="call the function again"), scope:
        pass


@pytest.mark.parametrize(("n", "recorded"), [(1, [0, 1, 2, 3, 4, 5, 6]), (2, [0, 2, 4, 6]), (3, [0, 3, 6]), (-2, [0, 2, 4, 6])])
async def test_every_n_global_steps(n: int, recorded: list[int]) -> None:
    """Multiples of n, step 0 included, read at each summary."""
    step = GlobalStep()
    found = []
    with record_summaries_every_n_global_steps(n, step):
        for number in range(7):
            step.assign(number)
            if should_record_summaries():
                found.append(number)
    assert found == recorded


async def test_every_n_of_a_plain_int() -> None:
    """Is decided once and for all."""
    for step, recorded in ((4, True), (5, False)):
        with record_summaries_every_n_global_steps(2, step):
            assert should_record_summaries() is recorded


async def test_every_n_creates_the_global_step() -> None:
    """At the call; if nobody increments it, everything is recorded."""
    scope = record_summaries_every_n_global_steps(5)
    assert steps_module._global_step is not None
    with scope:
        assert should_record_summaries()
        get_or_create_global_step().assign_add()
        assert not should_record_summaries()


@pytest.mark.parametrize(
    ("n", "step", "message"),
    [(0, None, "n: must not be 0"), (1.5, None, "n: must be an integer"), ("2", None, "n: "), (2, 1.5, "global_step: ")],
)
async def test_every_n_of_bad_arguments(n: Any, step: Any, message: str) -> None:
    """Are refused at the call, by name."""
    with pytest.raises(InvalidArgumentError, match=message):
        record_summaries_every_n_global_steps(n, step)


async def test_record_if() -> None:
    """A bool, numpy's too, or a callable that is asked each time."""
    answers = iter([True, False, 1, 0])
    with record_if(lambda: next(answers)):
        assert [should_record_summaries() for _ in range(4)] == [True, False, True, False]
    with record_if(np.True_):  # type: ignore[arg-type]  # numpy's bool is no bool to a type checker
        assert should_record_summaries()
    with pytest.raises(InvalidArgumentError, match="condition"):
        record_if("yes")  # type: ignore[arg-type]  # a user's mistake

    async def condition() -> bool:
        return False

    class Asked:
        async def __call__(self) -> bool:
            return False

    for wrong in (condition, Asked()):
        with pytest.raises(InvalidArgumentError, match="condition: must be a plain callable"):
            record_if(wrong)  # a coroutine would count as True


async def test_name_scopes_nest() -> None:
    """A trailing slash counts from the top, nothing leaves all scopes."""
    with name_scope("a") as outer:
        assert outer == "a/"
        async with name_scope("b") as inner:
            assert (inner, current_name_scope.get()) == ("a/b/", "a/b")
            with name_scope("c/") as top:
                assert (top, current_name_scope.get()) == ("c/", "c")
            with name_scope(None) as none:
                assert (none, current_name_scope.get()) == ("", "")
        assert current_name_scope.get() == "a"
    with pytest.raises(InvalidArgumentError, match="name"):
        name_scope(3)  # type: ignore[arg-type]  # a user's mistake
    with Graph().as_default():
        with pytest.raises(InvalidArgumentError, match="'a b' is not a valid scope name"), name_scope("a b"):
            pass
        with name_scope("a") as whole:
            assert whole == "a/"


async def test_scopes_belong_to_tasks() -> None:
    """A child inherits what held where it was created; siblings and parents do not see what it sets."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def recording_child() -> None:
        with always_record_summaries(), name_scope("child"):
            entered.set()
            await leave.wait()

    async def look() -> tuple[bool, str]:
        return should_record_summaries(), current_name_scope.get()

    child = asyncio.create_task(recording_child())
    await entered.wait()
    assert await look() == (False, "")
    with name_scope("parent"), always_record_summaries():
        heir = asyncio.create_task(look())
    leave.set()
    await child
    assert await heir == (True, "parent")


async def test_threads_start_with_nothing() -> None:
    """As in the original, a new thread sees no condition and no writer."""
    found: list[Any] = []
    writer = Bench().writer()
    with writer.as_default(), always_record_summaries():
        thread = threading.Thread(target=lambda: found.append((should_record_summaries(), default_writer.get())))
        thread.start()
        thread.join()
    assert found == [(False, None)]


async def test_default_writers_nest() -> None:
    """The innermost is the default; a no-op writer leaves it alone."""
    one, two = Bench().writer(), Bench().writer()
    with one.as_default() as found:
        assert found is one
        with two.as_default():
            assert default_writer.get() is two
            with create_noop_writer().as_default() as nothing:
                assert nothing is None
                assert default_writer.get() is two
                create_noop_writer().set_as_default()
                assert default_writer.get() is two
        assert default_writer.get() is one
    assert default_writer.get() is None


async def test_set_as_default() -> None:
    """Holds for this task and its children from now on."""
    writer = Bench().writer()

    async def look() -> Any:
        return default_writer.get()

    async def child() -> Any:
        writer.set_as_default()
        return await asyncio.create_task(look())

    assert await asyncio.create_task(child()) is writer
    assert default_writer.get() is None
