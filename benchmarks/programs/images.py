"""How many photos per second, and how many bytes does each take? From the writer to its close.

python -m benchmarks.programs.images asyncsummary --count 50 --photo photo.npy
"""

import asyncio
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.programs import common
from benchmarks.programs.common import Figures, written_bytes


@dataclass(frozen=True, slots=True)
class Options(common.Options):
    """``photo``: a file of numpy's with [height, width, 3] uint8."""

    count: int = 20
    photo: str = ""


def pixels(options: Options) -> Any:
    """Return the photo, or noise where there is none."""
    import numpy as np

    if options.photo:
        return np.load(options.photo)
    return np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)


def finished(options: Options, begun: float) -> Figures:
    """Return what all programs report."""
    return {"rate": options.count / (time.perf_counter() - begun), "bytes": written_bytes(options.logdir) / options.count}


def ours(options: Options) -> Figures:
    """``await writer.image``, by a writer with default arguments."""
    import asyncsummary as summary

    async def write() -> None:
        async with summary.create_file_writer(options.logdir) as writer:
            for step in range(options.count):
                await writer.image("photo", photo, step, max_images=1)
            await writer.flush()
        assert writer.stats.committed == options.count

    photo = pixels(options)[None]
    begun = time.perf_counter()
    asyncio.run(write())
    return finished(options, begun)


def pillow(options: Options) -> Figures:
    """Pillow's PNG as it comes, without any writer."""
    from PIL import Image

    photo = Image.fromarray(pixels(options))
    begun = time.perf_counter()
    size = 0
    for _ in range(options.count):
        file = io.BytesIO()
        photo.save(file, "PNG")
        size += len(file.getvalue())
    return {"rate": options.count / (time.perf_counter() - begun), "bytes": size / options.count}


def each(options: Options, open_writer: Callable[[], Any], add: Callable[[Any, Any, int], Any]) -> Figures:
    """Let a peer write all."""
    photo = pixels(options)
    begun = time.perf_counter()
    writer = open_writer()
    for step in range(options.count):
        add(writer, photo, step)
    writer.close()
    return finished(options, begun)


def add_image(writer: Any, photo: Any, step: int) -> None:
    """Write a photo as torch's and tensorboardX's users do."""
    writer.add_image("photo", photo, step, dataformats="HWC")


def torch(options: Options) -> Figures:
    """torch's ``add_image``."""
    from torch.utils.tensorboard import SummaryWriter

    return each(
        options,
        lambda: SummaryWriter(options.logdir),
        lambda writer, photo, step: writer.add_image("photo", photo, step, dataformats="HWC"),
    )


def tensorboardx(options: Options) -> Figures:
    """tensorboardX's ``add_image``."""
    from tensorboardX import SummaryWriter

    return each(
        options,
        lambda: SummaryWriter(options.logdir),
        lambda writer, photo, step: writer.add_image("photo", photo, step, dataformats="HWC"),
    )


def tf2(options: Options) -> Figures:
    """tf.summary.image."""
    import tensorflow as tf

    def add(writer: Any, photo: Any, step: int) -> None:
        with writer.as_default():
            tf.summary.image("photo", photo[None], step)

    return each(options, lambda: tf.summary.create_file_writer(options.logdir), add)


def clu(options: Options) -> Figures:
    """clu's ``write_images``."""
    from clu.metric_writers import SummaryWriter

    return each(
        options, lambda: SummaryWriter(options.logdir), lambda writer, photo, step: writer.write_images(step, {"photo": photo[None]})
    )


PROGRAMS = {"asyncsummary": ours, "pillow": pillow, "torch": torch, "tensorboardx": tensorboardx, "tf2": tf2, "clu": clu}

if __name__ == "__main__":
    common.main(Options(), PROGRAMS)
