"""How many histograms of many numbers per second? Each of other numbers than the last, from the writer to its close.

python -m benchmarks.programs.histograms asyncsummary --count 200
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.programs import common
from benchmarks.programs.common import Figures, written_bytes

_DIFFERENT = 8
"""Arrays that are taken in turn."""


@dataclass(frozen=True, slots=True)
class Options(common.Options):
    """``size`` float32 go into each of ``count`` histograms."""

    count: int = 20
    size: int = 100_000


def arrays(options: Options) -> list[Any]:
    """Return normally distributed float32."""
    import numpy as np

    random = np.random.default_rng(0)
    return [random.standard_normal(options.size, np.float32) for _ in range(_DIFFERENT)]


def finished(options: Options, begun: float) -> Figures:
    """Return what all programs report."""
    return {"rate": options.count / (time.perf_counter() - begun), "bytes": written_bytes(options.logdir) / options.count}


def ours(options: Options) -> Figures:
    """``await writer.histogram``, by a writer with default arguments."""
    import asyncsummary as summary

    async def write(logdir: str, count: int) -> None:
        async with summary.create_file_writer(logdir) as writer:
            for step in range(count):
                await writer.histogram("weights", data[step % _DIFFERENT], step)
            await writer.flush()
        assert writer.stats.committed == count

    data = arrays(options)
    begun = time.perf_counter()
    asyncio.run(write(options.logdir, options.count))
    return finished(options, begun)


def each(options: Options, open_writer: Callable[[], Any], add: Callable[[Any, Any, int], Any]) -> Figures:
    """Let a peer write all."""
    data = arrays(options)
    begun = time.perf_counter()
    writer = open_writer()
    for step in range(options.count):
        add(writer, data[step % _DIFFERENT], step)
    writer.close()
    return finished(options, begun)


def torch(options: Options) -> Figures:
    """torch's ``add_histogram``, which makes TensorFlow's buckets by default."""
    from torch.utils.tensorboard import SummaryWriter

    return each(options, lambda: SummaryWriter(options.logdir), lambda writer, data, step: writer.add_histogram("weights", data, step))


def tensorboardx(options: Options) -> Figures:
    """tensorboardX's ``add_histogram``, which makes TensorFlow's buckets by default."""
    from tensorboardX import SummaryWriter

    return each(options, lambda: SummaryWriter(options.logdir), lambda writer, data, step: writer.add_histogram("weights", data, step))


def tf2(options: Options) -> Figures:
    """tf.summary.histogram, which makes 30 buckets."""
    import tensorflow as tf

    def add(writer: Any, data: Any, step: int) -> None:
        with writer.as_default():
            tf.summary.histogram("weights", data, step)

    return each(options, lambda: tf.summary.create_file_writer(options.logdir), add)


def clu(options: Options) -> Figures:
    """clu's ``write_histograms``, on tf.summary."""
    from clu.metric_writers import SummaryWriter

    return each(options, lambda: SummaryWriter(options.logdir), lambda writer, data, step: writer.write_histograms(step, {"weights": data}))


PROGRAMS = {"asyncsummary": ours, "torch": torch, "tensorboardx": tensorboardx, "tf2": tf2, "clu": clu}

if __name__ == "__main__":
    common.main(Options(), PROGRAMS)
