"""Of what is the pipeline of an event file made? An appender, the spool, the late run, and the outflow that uses them."""

import asyncio
import time
from collections.abc import Callable

from asyncsummary.appender import Appender
from asyncsummary.config import WriterConfig
from asyncsummary.late_run import LateRun
from asyncsummary.outflow import Outflow
from asyncsummary.pipeline import Pipeline
from asyncsummary.queue import SummaryQueue
from asyncsummary.spool import Spool
from asyncsummary.stats import Counters
from asyncsummary.tags import TagTable
from asyncsummary_storage import Folder


def file_pipeline(
    config: WriterConfig,
    make_folder: Callable[[str], Folder],
    tags: TagTable,
    counters: Counters,
    wall: Callable[[], float] = time.time,
) -> Pipeline:
    """Return a pipeline that writes event files; nothing is opened yet."""

    def make_sink(queue: SummaryQueue, wakeup: asyncio.Event) -> Outflow:
        appender = Appender(config, make_folder(config.logdir), counters, wall)
        spool = None if config.spool_root is None else Spool(config.spool_root, config.logdir, config.max_spool_bytes, wall)
        late_run = LateRun(config, lambda late: file_pipeline(late, make_folder, tags, counters, wall), tags)
        return Outflow(config, queue, tags, counters, appender, spool, late_run, wakeup)

    return Pipeline(config, tags, counters, make_sink)
