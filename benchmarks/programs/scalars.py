"""How many scalars per second go from one caller to durable bytes? 20 tags; what is timed begins with the writer and ends with its close.

python -m benchmarks.programs.scalars asyncsummary --count 1000000
"""

import asyncio
import gc
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.programs import common
from benchmarks.programs.common import TAGS, Figures, written_bytes
from benchmarks.programs.process import memory_mib

_RECORD_BYTES = 48  # of our record of such a tag, without the varint of its step


@dataclass(frozen=True, slots=True)
class Options(common.Options):
    """``warm`` scalars are written before, to another folder, and do not count."""

    count: int = 100_000
    warm: int = 0


def ours(options: Options) -> Figures:
    """``await writer.scalar`` from one coroutine, by a writer with default arguments."""
    import asyncsummary as summary

    async def write(logdir: str, count: int) -> Figures:
        begun = time.perf_counter()
        async with summary.create_file_writer(logdir) as writer:
            for step in range(count // len(TAGS)):
                value = 1.0 / (1 + step)
                for tag in TAGS:
                    await writer.scalar(tag, value, step)
            accepted = time.perf_counter() - begun
            await writer.flush()
        assert writer.stats.committed == count
        return {"seconds": time.perf_counter() - begun, "accept_seconds": accepted}

    warm = options.logdir + "-warm"
    if options.warm:
        asyncio.run(write(warm, options.warm))
    gc.collect()
    before = memory_mib()
    cpu = time.process_time()
    figures = asyncio.run(write(options.logdir, options.count))
    cpu = time.process_time() - cpu
    after = memory_mib()
    if before and after:
        figures["memory_mib"] = after[1] - before[0]
    if options.warm and "://" not in options.logdir:
        shutil.rmtree(warm)
    return {**finished(options, figures.pop("seconds")), **figures, "cpu_microseconds": 1e6 * cpu / options.count}


def finished(options: Options, seconds: float) -> Figures:
    """Return the figures that all programs here have."""
    figures = {"rate": options.count / seconds, "seconds": seconds}
    if "://" not in options.logdir:
        figures["bytes"] = written_bytes(options.logdir) / options.count
    return figures


def raw(options: Options) -> Figures:
    """As many calls of a buffered file's ``write``, with records of the same sizes: what no writer in Python can beat."""
    begun = time.perf_counter()
    with (Path(options.logdir) / "raw").open("wb") as file:
        for step in range(options.count // len(TAGS)):
            record = bytes(_RECORD_BYTES + (max(step.bit_length(), 1) + 6) // 7 * (step > 0))
            for _ in TAGS:
                file.write(record)
    return finished(options, time.perf_counter() - begun)


def parts(options: Options) -> Figures:
    """The same bytes, as writers of TFRecords hand them over: length, its checksum, payload, its checksum. All parts are there already."""
    begun = time.perf_counter()
    with (Path(options.logdir) / "parts").open("wb") as file:
        length, checksum = bytes(8), bytes(4)
        for step in range(options.count // len(TAGS)):
            payload = bytes(_RECORD_BYTES - 16 + (max(step.bit_length(), 1) + 6) // 7 * (step > 0))
            for _ in TAGS:
                file.write(length)
                file.write(checksum)
                file.write(payload)
                file.write(checksum)
    return finished(options, time.perf_counter() - begun)


def framed(options: Options) -> Figures:
    """A buffered file, and the least that makes a record: the frame, with both checksums, around a payload that is there already."""
    from asyncsummary.records import FRAME_BYTES, frame

    begun = time.perf_counter()
    with (Path(options.logdir) / "framed").open("wb") as file:
        for step in range(options.count // len(TAGS)):
            payload = bytes(_RECORD_BYTES - FRAME_BYTES + (max(step.bit_length(), 1) + 6) // 7 * (step > 0))
            for _ in TAGS:
                file.write(frame(payload))
    return finished(options, time.perf_counter() - begun)


def nothing(options: Options) -> Figures:
    """As many awaits of a method that does nothing: what remains of the time is a writer's own."""

    class Nothing:
        async def scalar(self, tag: str, value: float, step: int) -> None:
            pass

    async def write(writer: Nothing) -> None:
        for step in range(options.count // len(TAGS)):
            value = 1.0 / (1 + step)
            for tag in TAGS:
                await writer.scalar(tag, value, step)

    begun = time.perf_counter()
    asyncio.run(write(Nothing()))
    seconds = time.perf_counter() - begun
    return {"rate": options.count / seconds, "seconds": seconds, "bytes": 0.0}


def event_file_writer(options: Options) -> Figures:
    """TensorBoard's EventFileWriter, with a message made for each scalar."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    begun = time.perf_counter()
    writer = EventFileWriter(options.logdir)
    for step in range(options.count // len(TAGS)):
        value = 1.0 / (1 + step)
        for tag in TAGS:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
    writer.close()
    return finished(options, time.perf_counter() - begun)


def summary_writer(options: Options, writer_class: Any) -> Figures:
    """``add_scalar`` of a SummaryWriter."""
    begun = time.perf_counter()
    writer = writer_class(options.logdir)
    for step in range(options.count // len(TAGS)):
        value = 1.0 / (1 + step)
        for tag in TAGS:
            writer.add_scalar(tag, value, step)
    writer.close()
    return finished(options, time.perf_counter() - begun)


def torch(options: Options) -> Figures:
    """torch's SummaryWriter."""
    from torch.utils.tensorboard import SummaryWriter

    return summary_writer(options, SummaryWriter)


def tensorboardx(options: Options) -> Figures:
    """tensorboardX's SummaryWriter."""
    from tensorboardX import SummaryWriter

    return summary_writer(options, SummaryWriter)


def tf1(options: Options) -> Figures:
    """TF1's FileWriter, with messages that were made before: only its own work is timed."""
    import tensorflow.compat.v1 as tf

    tf.disable_eager_execution()
    prebuilt = [tf.Summary(value=[tf.Summary.Value(tag=tag, simple_value=0.5)]) for tag in TAGS]
    begun = time.perf_counter()
    writer = tf.summary.FileWriter(options.logdir)
    for step in range(options.count // len(TAGS)):
        for message in prebuilt:
            writer.add_summary(message, step)
    writer.close()
    return finished(options, time.perf_counter() - begun)


def tf2(options: Options) -> Figures:
    """tf.summary.scalar, eagerly."""
    import tensorflow as tf

    begun = time.perf_counter()
    writer = tf.summary.create_file_writer(options.logdir)
    with writer.as_default():
        for step in range(options.count // len(TAGS)):
            value = 1.0 / (1 + step)
            for tag in TAGS:
                tf.summary.scalar(tag, value, step)
    writer.close()
    return finished(options, time.perf_counter() - begun)


def clu(options: Options) -> Figures:
    """clu's SummaryWriter, which takes all tags of a step at once."""
    from clu.metric_writers import SummaryWriter

    begun = time.perf_counter()
    writer = SummaryWriter(options.logdir)
    for step in range(options.count // len(TAGS)):
        writer.write_scalars(step, dict.fromkeys(TAGS, 1.0 / (1 + step)))
    writer.close()
    return finished(options, time.perf_counter() - begun)


PROGRAMS = {
    "asyncsummary": ours,
    "raw": raw,
    "parts": parts,
    "framed": framed,
    "nothing": nothing,
    "event_file_writer": event_file_writer,
    "torch": torch,
    "tensorboardx": tensorboardx,
    "tf1": tf1,
    "tf2": tf2,
    "clu": clu,
}

if __name__ == "__main__":
    common.main(Options(), PROGRAMS)
