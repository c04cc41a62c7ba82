"""A process that writes scalars and says which are confirmed, until it is done or somebody kills it.

python child.py JSON: ``logdir``, ``options``, ``tags``, ``first`` step, number of ``steps``, ``flush_every``, ``resume``, and ``twin``: to
take a host name and a process number that others have, too, as processes in containers may. It says "ready", waits for a line, then
writes; after each flush it prints the last step that is confirmed, and "closed" at the end.
"""

import asyncio
import json
import logging
import os
import socket
import sys
from typing import Any

import asyncsummary as summary


async def main(task: dict[str, Any]) -> None:
    """Write, and say what is confirmed as soon as it is."""
    first, steps, every = int(task["first"]), int(task["steps"]), int(task["flush_every"])
    async with summary.create_file_writer(
        task["logdir"], resume=bool(task["resume"]), storage_options=task["options"], flush_millis=5
    ) as writer:
        for step in range(first, first + steps):
            for tag in task["tags"]:
                await writer.scalar(tag, step, step)
            if (step - first) % every == every - 1:
                await writer.flush()
                print(step, flush=True)
    print("closed", flush=True)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    logging.getLogger("asyncsummary").setLevel(logging.CRITICAL)  # fencing is what is wanted here
    if given["logdir"].startswith("s3:"):
        import s3fs  # noqa: F401  # what it takes to import is not what is looked at here
    if given["logdir"].startswith("gs:"):
        import gcsfs  # noqa: F401
    if given.get("twin"):
        os.getpid = lambda: 7
        socket.gethostname = lambda: "twin"
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(main(given))
