"""What does the event loop feel of a writer to a slow bucket? 2,000 scalars per second and a flush every half second, beside a heartbeat.

    AWS_ENDPOINT_URL=http://127.0.0.1:5000 python -m benchmarks.programs.event_loop asyncsummary --logdir s3://bench/ --seconds 10

A *stall* is a heartbeat, due every millisecond, that came more than 5 ms late: then nothing else in the loop ran either. A writer that
blocks does not get all scalars out in time; ``share`` says how many of those that were due were written. What it only took into its queue
shows when it is closed.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.programs import common
from benchmarks.programs.common import TAGS, Figures

TICK_SECONDS = 0.005
BEAT_SECONDS = 0.001
STALL_SECONDS = 0.005
FLUSH_SECONDS = 0.5
MOST_CLOSE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Options(common.Options):
    """``image``: whether an image of a megabyte is written each second. ``queue``: a peer's max_queue; 0 for its default."""

    seconds: float = 2.0
    rate: int = 2_000
    image: int = 0
    queue: int = 0


class Writer(Protocol):
    """What is called from coroutines: our writer itself, or a peer's in coroutine functions."""

    def scalar(self, tag: str, value: Any, step: int) -> Awaitable[Any]: ...

    def image(self, tag: str, images: Any, step: int) -> Awaitable[Any]: ...

    def flush(self) -> Awaitable[Any]: ...


@dataclass(slots=True)
class Seen:
    """What was measured, in seconds."""

    begun: float
    ends: float
    calls: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return time.perf_counter() >= self.ends


async def produce(writer: Writer, rate: int, seen: Seen) -> None:
    """Write the scalars that are due, every few milliseconds."""
    done = 0
    while not seen.over:
        due = int((time.perf_counter() - seen.begun) * rate)
        while done < due:
            before = time.perf_counter()
            await writer.scalar(TAGS[done % 20], 0.5, done // 20)
            after = time.perf_counter()
            seen.calls.append(after - before)
            done += 1
            if after >= seen.ends:
                return
        await asyncio.sleep(TICK_SECONDS)


async def produce_images(writer: Writer, seen: Seen) -> None:
    """Write an image of noise, which PNG cannot make smaller, each second."""
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
    step = 0
    while not seen.over:
        await writer.image("noise", noise[None], step)
        step += 1
        await asyncio.sleep(min(1.0, max(0.0, seen.ends - time.perf_counter())))


async def flush_now_and_then(writer: Writer, seen: Seen) -> None:
    """Flush every half second, or as soon after it as the last flush is done."""
    while not seen.over:
        due = time.perf_counter() + FLUSH_SECONDS
        await writer.flush()
        await asyncio.sleep(max(0.0, min(due, seen.ends) - time.perf_counter()))


async def beat(seen: Seen) -> None:
    """Note how late the event loop comes back to a task that has slept for a millisecond."""
    while not seen.over:
        before = time.perf_counter()
        await asyncio.sleep(BEAT_SECONDS)
        seen.lateness.append(time.perf_counter() - before - BEAT_SECONDS)


async def measure(writer: Writer, options: Options) -> Figures:
    """Let all of it go on for some seconds in this event loop."""
    await writer.scalar(TAGS[0], 0.5, 0)
    await writer.flush()  # connections and imports are not what is measured
    begun = time.perf_counter()
    seen = Seen(begun, begun + options.seconds)
    tasks = [beat(seen), produce(writer, options.rate, seen), flush_now_and_then(writer, seen)]
    if options.image:
        tasks.append(produce_images(writer, seen))
    await asyncio.gather(*tasks)
    return figures_of(seen, options)


def figures_of(seen: Seen, options: Options) -> Figures:
    """Return the figures of one run."""
    calls = sorted(seen.calls)
    stalls = [late for late in seen.lateness if late > STALL_SECONDS]
    return {
        "stall_percent": 100 * sum(stalls) / options.seconds,
        "longest_stall_milliseconds": 1e3 * max(seen.lateness),
        "call_p50_microseconds": 1e6 * calls[len(calls) // 2],
        "call_p99_microseconds": 1e6 * calls[len(calls) * 99 // 100],
        "share_percent": min(100.0, 100 * len(calls) / (options.rate * (options.seconds - TICK_SECONDS))),
    }


class NoWriter:
    """What the machine and this program do to the loop by themselves."""

    async def scalar(self, tag: str, value: Any, step: int) -> None:
        """Nothing."""

    async def image(self, tag: str, images: Any, step: int) -> None:
        """Nothing."""

    async def flush(self) -> None:
        """Nothing."""


class Blocking:
    """A SummaryWriter of torch's shape, called from a coroutine as its users do."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    async def scalar(self, tag: str, value: Any, step: int) -> None:
        self._writer.add_scalar(tag, value, step)

    async def image(self, tag: str, images: Any, step: int) -> None:
        self._writer.add_image(tag, images[0], step, dataformats="HWC")

    async def flush(self) -> None:
        self._writer.flush()


class FlushingItself(Blocking):
    """The same, with a large queue and ``flush_secs``: its own thread flushes, and the coroutine never does."""

    async def flush(self) -> None:
        """Nothing."""


def idle(options: Options) -> Figures:
    """No writer at all."""
    return asyncio.run(measure(NoWriter(), options))


def ours(options: Options) -> Figures:
    """A writer that is told to flush as often by itself, too."""
    import asyncsummary as summary

    async def run() -> Figures:
        async with summary.create_file_writer(options.logdir, flush_millis=int(1e3 * FLUSH_SECONDS)) as writer:
            figures = await measure(writer, options)
            begun = time.perf_counter()
            await writer.close()
        assert writer.stats.committed == writer.stats.accepted
        return {**figures, "close_seconds": time.perf_counter() - begun}

    return asyncio.run(run())


def peer(options: Options, writer_class: Callable[..., Any]) -> Figures:
    """A peer's SummaryWriter: as it comes, or with a large queue and its own flushing."""
    if options.queue:
        writer = writer_class(options.logdir, max_queue=options.queue, flush_secs=FLUSH_SECONDS)
        figures = asyncio.run(measure(FlushingItself(writer), options))
    else:
        writer = writer_class(options.logdir)
        figures = asyncio.run(measure(Blocking(writer), options))
    return {**figures, "close_seconds": seconds_to_close(writer)}


def seconds_to_close(writer: Any) -> float:
    """Close a peer's writer, which may have a long way to go with what it has not sent yet; wait for that only so long."""
    begun = time.perf_counter()
    closing = threading.Thread(target=writer.close, daemon=True)
    closing.start()
    closing.join(MOST_CLOSE_SECONDS)
    return time.perf_counter() - begun


def torch(options: Options) -> Figures:
    """torch's SummaryWriter, through TensorBoard's boto3 door."""
    from torch.utils.tensorboard import SummaryWriter

    return peer(options, SummaryWriter)


def tensorboardx(options: Options) -> Figures:
    """tensorboardX's SummaryWriter, through boto3."""
    from tensorboardX import SummaryWriter

    return peer(options, SummaryWriter)


PROGRAMS = {"idle": idle, "asyncsummary": ours, "torch": torch, "tensorboardx": tensorboardx}

if __name__ == "__main__":
    common.main(Options(), PROGRAMS)
