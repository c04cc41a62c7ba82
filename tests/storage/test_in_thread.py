"""Calls that block: where they run, and what is heard of them."""

import asyncio
import threading

import pytest

from asyncsummary_storage import in_thread


class Call:
    """Notes the threads that it was made in, and fails if it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.threads: list[threading.Thread] = []
        self._error = error

    def __call__(self, one: int, other: int) -> int:
        self.threads.append(threading.current_thread())
        if self._error is not None:
            raise self._error
        return one + other


async def test_beside_the_event_loop() -> None:
    """In a thread of the loop's pool, with its arguments."""
    call = Call()
    assert await in_thread(call, 1, 2) == 3
    assert len(call.threads) == 1
    assert threading.main_thread() not in call.threads


async def test_when_the_pool_takes_nothing_more() -> None:
    """As at the end of the interpreter: at once, and once."""
    await asyncio.get_running_loop().shutdown_default_executor()
    call = Call()
    assert await in_thread(call, 1, 2) == 3
    assert call.threads == [threading.current_thread()]


@pytest.mark.parametrize("has_pool", [True, False])
@pytest.mark.parametrize("kind", [RuntimeError, OSError])
async def test_a_call_that_fails(kind: type[Exception], has_pool: bool) -> None:
    """Is not made again, also where its error is of the kind that the pool raises."""
    if not has_pool:
        await asyncio.get_running_loop().shutdown_default_executor()
    error = kind("of its own")
    call = Call(error)
    with pytest.raises(kind) as caught:
        await in_thread(call, 1, 2)
    assert caught.value is error
    assert len(call.threads) == 1
