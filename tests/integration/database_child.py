"""A process that writes summaries into a database and says which are confirmed, until somebody kills it.

python database_child.py DATABASE FIRST_STEP
"""

import asyncio
import sys

import numpy as np

import asyncsummary as summary


async def main(path: str, first: int) -> None:
    """Write four summaries a step; after each third step print the last step whose flush has returned."""
    async with summary.create_db_writer(path, "experiment", "run", "user", resume=True, flush_millis=5) as writer:
        for step in range(first, first + 100_000):
            await writer.scalar("float", float(step), step)
            await writer.scalar("int", step, step)
            await writer.generic("strings", ["a", str(step)], step)
            await writer.histogram("histogram", np.full(10, step), step)
            if step % 3 == 0:
                await writer.flush()
                print(step, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
