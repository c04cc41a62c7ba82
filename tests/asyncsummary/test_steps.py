"""Steps: which integers, and where they come from when none is given."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError, InvalidTypeError
from asyncsummary.steps import GlobalStep, as_step, current_step, get_or_create_global_step, set_step


@pytest.mark.parametrize(
    ("step", "number"),
    [
        (7, 7),
        (True, 1),
        (-5, -5),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (np.int32(3), 3),
        (np.uint64(3), 3),
        ([1], 1),
        (np.array([3]), 3),
        (np.array([[4]], np.int8), 4),
        (GlobalStep(9), 9),
        (np.float32(6), 6),
        (np.float64(-2), -2),
        (np.array([7.0]), 7),
    ],
)
def test_integers(step: Any, number: int) -> None:
    """Any integer within int64."""
    found = as_step(step, "t")
    assert (int, number) == (type(found), found)


@pytest.mark.parametrize(
    "step", [1.0, 1.5, np.float32(6.5), np.float32("nan"), [1.0], np.str_("3"), "3", b"3", None, [1.5], object(), 1j, [[1], [2, 3]]]
)
def test_what_is_no_integer(step: Any) -> None:
    """Is refused in words that name the argument and the tag; Python's whole floats too."""
    with pytest.raises(InvalidTypeError, match="step of tag 'loss'"):
        as_step(step, "loss")


@pytest.mark.parametrize(
    "step", [2**63, -(2**63) - 1, np.uint64(2**64 - 1), [1, 2], np.zeros(0, int), pytest.param(10**5000, id="5000 digits")]
)
def test_integers_that_do_not_fit(step: Any) -> None:
    """Out of int64, or not exactly one."""
    with pytest.raises(InvalidSummaryError, match="step of tag 'loss'"):
        as_step(step, "loss")


def test_global_step() -> None:
    """One for the process, 0 at first."""
    step = get_or_create_global_step()
    assert step is get_or_create_global_step()
    assert int(step) == 0
    assert int(step.assign(5).assign_add().assign_add(3)) == 9
    assert repr(step) == "GlobalStep(9)"
    with pytest.raises(InvalidArgumentError, match="value"):
        step.assign(1.5)  # type: ignore[arg-type]  # a user's mistake
    with pytest.raises(InvalidArgumentError, match="global_step"):
        step.assign_add(2**63 - 1)
    assert int(step) == 9


def test_global_step_from_threads() -> None:
    """No increment is lost."""
    step = GlobalStep()
    threads = [threading.Thread(target=lambda: [step.assign_add() for _ in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(step) == 8000


async def test_set_step_holds_for_the_task_and_its_children() -> None:
    """A child task inherits it; what the child sets stays there."""

    async def child() -> int:
        inherited = current_step()
        set_step(100)
        return inherited

    set_step(3)
    assert await asyncio.create_task(child()) == 3
    assert current_step() == 3
    counter = GlobalStep(7)
    set_step(counter)
    counter.assign_add()
    assert current_step() == 8
    set_step(None)
    assert current_step() == 0
    with pytest.raises(InvalidTypeError, match="step: must be an integer"):
        set_step("3")  # type: ignore[arg-type]  # a user's mistake
