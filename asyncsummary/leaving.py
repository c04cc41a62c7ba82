"""What becomes of what was accepted when the interpreter ends, and an event loop has not? It is committed, or it is said what is lost.

Loops in daemon threads, and loops that were stopped rather than ended (IPython, ``python -m asyncio``), cancel no task, so that no pipeline
hears of the end. Loops in other threads go on: Python waits for those.
"""

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401  # its exit handler ends all pools; ours, registered later, runs before it
import contextlib
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from asyncsummary import outside
from asyncsummary.living import living

if TYPE_CHECKING:
    from asyncsummary.pipeline import Pipeline

_logger = logging.getLogger("asyncsummary")
_forgotten: "set[tuple[Pipeline, outside.Owner]]" = set()
"""Pipelines whose writers nobody holds any more, until they have ended by themselves, if their loops let them."""


def remember(pipeline: "Pipeline", owner: outside.Owner) -> None:
    """Look after a pipeline whose writer nobody holds any more."""
    _forgotten.difference_update([known for known in list(_forgotten) if known[0].ended])
    _forgotten.add((pipeline, owner))


def _end() -> None:
    begun = time.monotonic()
    for pipeline, owner in list(_forgotten):
        if _is_left(owner):
            _end_forgotten(pipeline, owner.loop, begun + pipeline.config.farewell_seconds)
    left = [resource for resource in living() if _is_left(resource.owner) and _is_at_work(resource.pipeline)]
    flushes = [outside.flush(resource) for resource in left]  # all at once, since storage may be away for all of them
    for resource, flush in zip(left, flushes, strict=True):
        try:
            outside.wait_at_exit(resource, flush, begun + resource.config.farewell_seconds)
        except Exception as error:  # whatever it is, the others are looked after
            _logger.error("%s: not flushed at the end of the interpreter", resource.config.logdir, exc_info=error)
        if _is_at_work(resource.pipeline):
            _tell(resource.config.logdir, resource.stats().pending, "not closed", resource.whereabouts)


def _is_left(owner: outside.Owner | None) -> bool:
    return owner is not None and owner.process == os.getpid() and not owner.is_waited_for


def _is_at_work(pipeline: "Pipeline | None") -> bool:
    """Whether it has something to do; where one has ended, it was told then what is not committed."""
    return pipeline is not None and not pipeline.ended and pipeline.uncommitted > 0


def _end_forgotten(pipeline: "Pipeline", loop: asyncio.AbstractEventLoop, deadline: float) -> None:
    left = max(0.0, deadline - time.monotonic())
    with contextlib.suppress(TimeoutError, RuntimeError):  # the loop may be closed at any moment
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(pipeline.wait_ended(), loop).result(left)
        elif not (pipeline.ended or loop.is_closed()):
            loop.run_until_complete(asyncio.wait_for(pipeline.wait_ended(), left))
    if _is_at_work(pipeline):
        _tell(pipeline.config.logdir, pipeline.uncommitted, "forgotten", pipeline.whereabouts)


def _tell(logdir: str, left: int, how: str, where: str) -> None:
    told = "%s: %d summaries are not committed at the end of the interpreter, as their writer was %s%s"
    _logger.error(told, logdir, left, how, where)


with contextlib.suppress(RuntimeError):  # first imported when the interpreter is ending already
    # atexit's own handlers run when pools of threads, which local files need, take nothing any more
    getattr(threading, "_register_atexit", atexit.register)(_end)
