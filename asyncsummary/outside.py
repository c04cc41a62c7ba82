"""What may be asked of a writer from outside its event loop: by other threads, after a signal, at the end of the interpreter?

The loop that owns the writer does it, as far as it still runs.
"""

import asyncio
import concurrent.futures
import contextlib
import os
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asyncsummary.errors import SummaryError

if TYPE_CHECKING:
    from asyncsummary.pipeline import Pipeline
    from asyncsummary.resource import WriterResource

_LOOK_SECONDS = 0.05  # how often it is looked whether all is in the spool


@dataclass(frozen=True, slots=True)
class Owner:
    """In which loop, thread and process a pipeline was opened."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    process: int

    @property
    def is_waited_for(self) -> bool:
        """Whether the interpreter does not end before its thread has ended by itself."""
        return self.thread.is_alive() and not self.thread.daemon and self.thread is not threading.main_thread()


def flush(resource: "WriterResource") -> "concurrent.futures.Future[None] | None":
    """Let what is accepted be committed; None where nothing can be waiting."""
    pipeline, owner = _at_work(resource)
    return None if pipeline is None or owner is None or not pipeline.uncommitted else _begun_in(owner.loop, pipeline.flush(None))


def save(resource: "WriterResource") -> "concurrent.futures.Future[None] | None":
    """Have what is not committed put into the spool; None where there is none, or nothing can be waiting."""
    pipeline, owner = _at_work(resource)
    return None if resource.config.spool_root is None or pipeline is None or owner is None else _begun_in(owner.loop, _put_aside(pipeline))


def wait_at_exit(resource: "WriterResource", flushing: "concurrent.futures.Future[None] | None", deadline: float) -> None:
    """In the main thread, when the interpreter ends: wait for a flush that was begun; if the loop was stopped, run it for that long."""
    if flushing is None or resource.owner is None:
        return
    loop, left = resource.owner.loop, max(0.0, deadline - time.monotonic())
    with contextlib.suppress(TimeoutError, SummaryError):
        if loop.is_running():
            flushing.result(left)
        else:
            loop.run_until_complete(asyncio.wait_for(asyncio.wrap_future(flushing, loop=loop), left))


def _at_work(resource: "WriterResource") -> "tuple[Pipeline | None, Owner | None]":
    pipeline, owner = resource.pipeline, resource.owner
    is_at_work = pipeline is not None and not pipeline.ended and owner is not None and owner.process == os.getpid()
    return (pipeline, owner) if is_at_work else (None, None)


async def _put_aside(pipeline: "Pipeline") -> None:
    """Wait until nothing is in memory only."""
    try:
        while pipeline.uncommitted > pipeline.saved and not pipeline.ended:
            pipeline.be_urgent(True)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        pipeline.be_urgent(False)


def _begun_in(loop: asyncio.AbstractEventLoop, call: Coroutine[Any, Any, None]) -> "concurrent.futures.Future[None] | None":
    try:
        return asyncio.run_coroutine_threadsafe(call, loop)
    except RuntimeError:  # the loop is closed
        call.close()
        return None
