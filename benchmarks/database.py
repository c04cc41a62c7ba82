"""How fast are scalars written into a database, and how much does the event loop feel of it? Beside one transaction for each scalar.

    python -m benchmarks.database

Each program runs in a process of its own, several times, in turn. What counts are the ratios: machines, and their disks, are noisy.
"""

import argparse
import asyncio
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import resources

import asyncsummary as summary

TAGS = [f"train/tag{index:02d}" for index in range(20)]
COROUTINES = 8
STALL_SECONDS = 0.005


class Watch:
    """Measures for how long an event loop did not get to a timer that was due, by pauses of more than 5 ms."""

    def __init__(self) -> None:
        self.stalled = 0.0
        self._is_done = asyncio.Event()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while not self._is_done.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            pause = time.perf_counter() - before - 0.001
            self.stalled += pause if pause > STALL_SECONDS else 0.0

    async def end(self) -> float:
        self._is_done.set()
        await self._task
        return self.stalled


def nothing(count: int, path: str) -> dict[str, float]:
    """What an event loop feels that does nothing for half a second: what the machine does to it."""

    async def sleep() -> float:
        watch = Watch()
        await asyncio.sleep(0.5)
        return await watch.end()

    return {"seconds": 0.5, "stalled_percent": 100 * asyncio.run(sleep()) / 0.5}


def ours(count: int, path: str) -> dict[str, float]:
    """``await writer.scalar`` from eight coroutines at once, with flush and close; what the loop felt of it."""

    async def write() -> float:
        async with summary.create_db_writer(path, "experiment", "run", "user") as writer:

            async def work(worker: int) -> None:
                for step in range(count // COROUTINES):
                    await writer.scalar(TAGS[(step + worker) % len(TAGS)], 0.5, step)

            watch = Watch()
            await asyncio.gather(*(work(worker) for worker in range(COROUTINES)))
            await writer.flush()
            return await watch.end()

    begun = time.perf_counter()
    stalled = asyncio.run(write())
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "stalled_percent": 100 * stalled / seconds}


def ours_one_by_one(count: int, path: str) -> dict[str, float]:
    """The same writer with a flush after each scalar: a transaction for each."""

    async def write() -> None:
        async with summary.create_db_writer(path, "experiment", "run", "user") as writer:
            for step in range(count):
                await writer.scalar(TAGS[step % len(TAGS)], 0.5, step)
                await writer.flush()

    begun = time.perf_counter()
    asyncio.run(write())
    return {"seconds": time.perf_counter() - begun}


def plain(count: int, path: str) -> dict[str, float]:
    """Python's sqlite3 with a transaction for each scalar and SQLite's defaults, as TensorFlow does: no await, no checks, no ids."""
    schema = resources.files("asyncsummary.database").joinpath("schema.sql").read_text("utf-8")
    begun = time.perf_counter()
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.executescript(schema)
        for step in range(count):
            connection.execute(
                "INSERT OR REPLACE INTO Tensors (series, step, dtype, computed_time, shape, data) VALUES (?, ?, 1, ?, '', ?)",
                (step % len(TAGS), step, time.time(), b"\0\0\0?"),
            )
    connection.close()
    return {"seconds": time.perf_counter() - begun}


PROGRAMS: dict[str, Callable[[int, str], dict[str, float]]] = {
    "asyncsummary, 8 coroutines": ours,
    "asyncsummary, flush after each": ours_one_by_one,
    "sqlite3, a transaction for each": plain,
    "nothing, for half a second": nothing,
}
SHARES = {"asyncsummary, flush after each": 50, "sqlite3, a transaction for each": 50}  # slow ones get fewer scalars


def run_once(name: str, count: int) -> dict[str, float]:
    """Run one program in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.database", "--program", name, "--count", str(count), "--path", f"{folder}/db"]
        result: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {**result, "rate": count / result["seconds"]}


def main(count: int, runs: int) -> None:
    """Run all in turn, and print medians and ranges."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in PROGRAMS}
    for _ in range(runs):
        for name in PROGRAMS:
            found[name].append(run_once(name, count // SHARES.get(name, 1)))
    first = statistics.median(result["rate"] for result in found["asyncsummary, 8 coroutines"])
    print(f"{count:,} scalars over 20 tags into a database, flush and close included; {runs} runs each, median (range)")
    for name, results in found.items():
        rates = [result["rate"] for result in results]
        rate = statistics.median(rates)
        line = f"{name:34}"
        if name != "nothing, for half a second":
            line += f" {rate:12,.0f}/s ({min(rates):,.0f} to {max(rates):,.0f})   asyncsummary's batches are {first / rate:.1f}x"
        if "stalled_percent" in results[0]:
            line += f"   loop stalled over 5 ms for {statistics.median(result['stalled_percent'] for result in results):.2f} % of the time"
        print(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--program", choices=list(PROGRAMS), help="run this one once, for the benchmark itself")
    parser.add_argument("--path")
    arguments = parser.parse_args()
    if arguments.program:
        print(json.dumps(PROGRAMS[arguments.program](arguments.count, arguments.path)))
    else:
        main(arguments.count, arguments.runs)
