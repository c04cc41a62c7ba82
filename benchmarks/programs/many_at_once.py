"""How fast are scalars that a caller hands over many at once? A mapping for each step, or arrays for each tag.

python -m benchmarks.programs.many_at_once scalars --count 1000000
"""

import asyncio
import time
from dataclasses import dataclass

from benchmarks.programs import common
from benchmarks.programs.common import TAGS, Figures


@dataclass(frozen=True, slots=True)
class Options(common.Options):
    """``block`` is the number of points in each array."""

    count: int = 100_000
    block: int = 1_000


def scalars(options: Options) -> Figures:
    """``await writer.scalars``, a mapping of 20 tags for each step."""
    import asyncsummary as summary

    async def write() -> float:
        begun = time.perf_counter()
        async with summary.create_file_writer(options.logdir) as writer:
            for step in range(options.count // len(TAGS)):
                await writer.scalars(dict.fromkeys(TAGS, 1.0 / (1 + step)), step)
            await writer.flush()
        assert writer.stats.committed == options.count
        return time.perf_counter() - begun

    return {"rate": options.count / asyncio.run(write())}


def scalar_series(options: Options) -> Figures:
    """``await writer.scalar_series``, arrays for each of 20 tags in turn."""
    import numpy as np

    import asyncsummary as summary

    values = np.random.default_rng(0).random(options.block, np.float32)

    async def write() -> float:
        begun = time.perf_counter()
        async with summary.create_file_writer(options.logdir) as writer:
            for first in range(0, options.count // len(TAGS), options.block):
                steps = np.arange(first, first + options.block)
                for tag in TAGS:
                    await writer.scalar_series(tag, values, steps)
            await writer.flush()
        assert writer.stats.committed == options.count
        return time.perf_counter() - begun

    return {"rate": options.count / asyncio.run(write())}


PROGRAMS = {"scalars": scalars, "scalar_series": scalar_series}

if __name__ == "__main__":
    common.main(Options(), PROGRAMS)
