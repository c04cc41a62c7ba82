"""A process whose storage hangs, so that everything is in its spool, until somebody kills it.

python spooling_child.py LOGDIR SPOOL_DIR FIRST_STEP HANG_BEFORE|HANG_AFTER PASSING
"""

import asyncio
import sys
from pathlib import Path

from asyncsummary.batch import BatchPolicy
from asyncsummary.config import Durability, WriterConfig
from asyncsummary.handle import FileWriterHandle
from asyncsummary.outflow import Outflow
from asyncsummary.resource import WriterResource
from asyncsummary_storage import Fault, FaultyFolder, Script, When, open_folder


async def main(logdir: str, spool_dir: str, first: int, when: str, passing: int) -> None:
    """Write a hundred scalars in batches of ten; after some appends one hangs, for ever."""
    script = Script().passing("append", 1 + passing).then(Fault("append", When[when]))
    config = WriterConfig(logdir, batch=BatchPolicy(9, 0.05, 1 << 20), spool_root=Path(spool_dir), durability=Durability.SPOOL)
    resource = WriterResource("child", config, lambda url: FaultyFolder(open_folder(url), script))
    writer = FileWriterHandle(resource)
    await writer.init()
    for step in range(first, first + 100):
        await writer.scalar("t", float(step), step)
        await asyncio.sleep(0.001)
    pipeline = resource._pipeline
    assert pipeline is not None, "it is open"
    flow = pipeline._sink
    assert isinstance(flow, Outflow), "it writes event files"
    while len(pipeline.queue.waiting) or flow._behind or (flow.work is not None and not flow.work.is_spooled):
        await asyncio.sleep(0.005)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])))
