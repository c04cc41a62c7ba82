"""What does one scalar cost, with ever more coroutines, tags or scalars? Measured within an open writer; what is fixed is shown apart.

    python -m benchmarks.programs.growth asyncsummary --coroutines 10 --tags 20 --events 100000

Timed: all ``await writer.scalar`` and one ``flush`` at the end, by a writer that has written each tag before. Few events are written
several times over, and the median counts. Coroutines take turns after every ``turn`` scalars of theirs; the step is common to them.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.programs import common
from benchmarks.programs.common import Figures

if TYPE_CHECKING:
    from asyncsummary import SummaryWriter

_LEAST_EVENTS = 1_000_000
"""So many are written in all, at the least."""

_MOST_TIMES = 1_000


@dataclass(frozen=True, slots=True)
class Options(common.Options):
    coroutines: int = 1
    tags: int = 20
    events: int = 100_000
    turn: int = 100


async def work(writer: "SummaryWriter", tags: list[str], numbers: Iterator[int], count: int, turn: int) -> None:
    """Write one coroutine's share. The numbers, which decide tags and steps, are common to all, so that steps rise."""
    many = len(tags)
    for begin in range(0, count, turn):
        for _ in range(min(turn, count - begin)):
            number = next(numbers)
            await writer.scalar(tags[number % many], 0.5, number // many)
        await asyncio.sleep(0)


async def measure(options: Options) -> Figures:
    """Open, write each tag once, write and flush, close."""
    import asyncsummary as summary

    tags = [f"train/tag{index:05d}" for index in range(options.tags)]
    begun = time.perf_counter()
    writer = summary.create_file_writer(options.logdir)
    await writer.init()
    opened = time.perf_counter() - begun
    begun = time.perf_counter()
    for tag in tags:
        await writer.scalar(tag, 0.5, 0)
    await writer.flush()
    first = time.perf_counter() - begun
    numbers = itertools.count(len(tags))
    times = max(1, min(_MOST_TIMES, _LEAST_EVENTS // options.events))
    found = [await one_time(writer, tags, numbers, options) for _ in range(times)]
    begun = time.perf_counter()
    await writer.close()
    closed = time.perf_counter() - begun
    return {
        "event_microseconds": 1e6 * statistics.median(found) / options.events,
        "open_close_milliseconds": 1e3 * (opened + closed),
        "first_use_microseconds": 1e6 * first / options.tags,
    }


async def one_time(writer: "SummaryWriter", tags: list[str], numbers: Iterator[int], options: Options) -> float:
    """Return the seconds that all events and one flush took."""
    share = options.events // options.coroutines
    begun = time.perf_counter()
    await asyncio.gather(*(work(writer, tags, numbers, share, options.turn) for _ in range(options.coroutines)))
    await writer.flush()
    return time.perf_counter() - begun


def ours(options: Options) -> Figures:
    return asyncio.run(measure(options))


PROGRAMS = {"asyncsummary": ours}

if __name__ == "__main__":
    common.main(Options(), PROGRAMS)
