"""A process that writes scalars and says which are confirmed, until somebody kills it.

python writing_child.py LOGDIR FIRST_STEP
"""

import asyncio
import sys

import asyncsummary as summary


async def main(logdir: str, first: int) -> None:
    """Write four scalars a step; after each third step print the last step whose flush has returned."""
    async with summary.create_file_writer(logdir, resume=True, flush_millis=5) as writer:
        for step in range(first, first + 100_000):
            for tag in ("a", "b", "c", "d"):
                await writer.scalar(tag, step, step)
            if step % 3 == 0:
                await writer.flush()
                print(step, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
