"""A process that writes 2,000 scalars a second while its storage is away, and says what that cost: stalls, memory, what it was told.

python -m tests.chaos.outage_child JSON, see ``Task``. On the virtual clock it takes its storage away by itself; on the real one it says
"away" and "back" when somebody else should. At the end it prints a ``Result`` as JSON.
"""

import asyncio
import json
import os
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import asyncsummary as summary
from asyncsummary import CommitError, QueueFullError
from asyncsummary.queue import Overflow
from asyncsummary_storage import Fault
from tests.chaos.verdict import Point, judge, read_segments
from tests.support.quiet import quiet
from tests.support.virtual_time import VirtualTimeLoop
from tests.support.writing import Bench

RATE = 2000
STALL_SECONDS = 0.005
_TICK_SECONDS = 0.01
_TAGS = 20
_FLUSH_EVERY_SECONDS = 0.5
_OPERATIONS = ("append", "extend", "probe", "read", "entries", "open", "cut")


@dataclass(frozen=True, slots=True)
class Task:
    """``outage``: seconds, None for good. ``logdir`` None: storage in memory and a clock that jumps."""

    outage: float | None
    logdir: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    before: float = 1.0
    after: float = 1.0
    good_while: float = 300.0
    """How long an outage for good is watched before the writer closes."""
    pending: int = 64 << 20
    overflow: str = "block"
    spool_dir: str | None = None
    retry: float = 60.0


@dataclass(slots=True)
class Result:
    """``accepted``: numbers of the scalars, in an array, since the account must not weigh more than what it is about.

    The first ``confirmed`` of them were. ``uncommitted``: what ``close()`` said is lost.
    """

    accepted: "array[int]" = field(default_factory=lambda: array("q"))
    confirmed: int = 0
    refused: int = 0
    dropped: int = 0
    told: int = 0
    uncommitted: int = 0
    seconds: float = 0.0
    stalled: float = 0.0
    longest: float = 0.0
    growth: int = 0
    verdict: dict[str, int] = field(default_factory=dict)


class Watch:
    """A selector that measures how long the loop is busy between two looks: whoever waits for its turn waits so long."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._since = time.perf_counter()
        self.stalled = 0.0
        self.longest = 0.0
        self.on = False

    def select(self, timeout: float | None = None) -> Any:
        """Wait as the selector does."""
        busy = time.perf_counter() - self._since
        if self.on and busy > STALL_SECONDS:
            self.stalled += busy
            self.longest = max(self.longest, busy)
        try:
            return self._inner.select(timeout)
        finally:
            self._since = time.perf_counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class CreepingLoop(VirtualTimeLoop):
    """The clock that jumps, but no two looks at it are equal: a wait that is shorter than it can tell would never end."""

    def time(self) -> float:
        self._now += 1e-9
        return self._now


def resident_bytes() -> int:
    """Return the memory that this process has in use now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def point(number: int) -> Point:
    """Return the scalar of that number."""
    return (f"t{number % _TAGS}", number, float(number))


class Load:
    """Writes at the rate, confirms now and then, and keeps account."""

    def __init__(self, writer: "summary.SummaryWriter", result: Result) -> None:
        self.writer = writer
        self.result = result
        self.number = 0
        self.least = 0
        self.most = 0
        self.flushing: asyncio.Task[None] | None = None

    async def run(self, seconds: float) -> None:
        """Write for so long; what is not accepted in time for lack of room is not made up for."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        try:
            async with asyncio.timeout_at(end):
                while loop.time() < end:
                    await self._tick()
                    await asyncio.sleep(_TICK_SECONDS)
        except TimeoutError:
            pass

    async def _tick(self) -> None:
        for _ in range(round(RATE * _TICK_SECONDS)):
            tag, step, value = point(self.number)
            self.number += 1
            try:
                if await self.writer.scalar(tag, value, step):
                    self.result.accepted.append(step)
            except QueueFullError:
                self.result.refused += 1
        if self.number % (RATE // 10) < RATE * _TICK_SECONDS:
            self.most = max(self.most, resident_bytes())

    async def flush_now_and_then(self) -> None:
        """Flush again and again; what was accepted before is confirmed then."""
        while True:
            due = len(self.result.accepted)
            try:
                await self.writer.flush()
                self.result.confirmed = due
            except CommitError:
                self.result.told += 1
            await asyncio.sleep(_FLUSH_EVERY_SECONDS)


def real_writer(task: Task) -> "summary.SummaryWriter":
    """Return a writer on a bucket."""
    return summary.create_file_writer(
        task.logdir,
        flush_millis=200,
        storage_options=task.options,
        max_pending_bytes=task.pending,
        overflow=task.overflow,
        retry_seconds=task.retry,
        spool_dir=task.spool_dir or False,
    )


def virtual_writer(task: Task, bench: Bench) -> "summary.SummaryWriter":
    """Return a writer on storage in memory."""
    return bench.writer(
        flush_seconds=0.2, summaries=2_000_000, pending_bytes=task.pending, overflow=Overflow(task.overflow), retry_seconds=task.retry
    )


async def endure(
    task: Task, watch: Watch, writer: "summary.SummaryWriter", away: Callable[[], object], back: Callable[[], object]
) -> Result:
    """Write before, during and after the outage, close, and return what was seen."""
    loop = asyncio.get_running_loop()
    result = Result()
    load = Load(writer, result)
    await writer.init()
    flushing = asyncio.create_task(load.flush_now_and_then())
    await load.run(task.before)
    load.least = load.most = resident_bytes()
    watch.on, begun = True, loop.time()
    away()
    await load.run(task.good_while if task.outage is None else task.outage)
    if task.outage is not None:
        back()
        await load.run(task.after)
    result.seconds = loop.time() - begun
    watch.on = False
    result.stalled, result.longest = watch.stalled, watch.longest
    result.growth = load.most - load.least
    flushing.cancel()
    await asyncio.wait([flushing])
    try:
        await writer.close()
        result.confirmed = len(result.accepted)
    except CommitError as error:
        result.uncommitted = error.uncommitted
        result.told += 1
    result.dropped = writer.stats.dropped - max(0, result.uncommitted - writer.stats.spooled)  # what is in a spool is not lost
    return result


def run_virtual(task: Task) -> Result:
    """Run on the clock that jumps."""
    bench = Bench()

    def away() -> None:
        bench.script.always([Fault(operation) for operation in _OPERATIONS])

    loop = CreepingLoop()
    watch = _watched(loop)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(_on_bench(task, watch, bench, away))
    stored = read_segments(bench.disk.content.items())
    numbers = [point(number) for number in result.accepted]
    result.verdict = asdict(judge(numbers[: result.confirmed], numbers, stored))
    result.verdict["stored"] = len(stored.points)
    return result


async def _on_bench(task: Task, watch: Watch, bench: Bench, away: Callable[[], object]) -> Result:
    return await endure(task, watch, virtual_writer(task, bench), away, bench.script.heal)


def run_real(task: Task) -> Result:
    """Run against servers, behind a proxy of whoever started this."""
    loop = asyncio.new_event_loop()
    watch = _watched(loop)

    async def on_servers() -> Result:
        return await endure(task, watch, real_writer(task), lambda: print("away", flush=True), lambda: print("back", flush=True))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(on_servers())


def _watched(loop: Any) -> Watch:
    watch = Watch(loop._selector)
    loop._selector = watch
    return watch


def main(given: str) -> None:
    """Run the task, and print what was found."""
    task = Task(**json.loads(given))
    with quiet():
        result = run_virtual(task) if task.logdir is None else run_real(task)
    print(json.dumps({**asdict(result), "accepted": result.accepted.tolist()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
