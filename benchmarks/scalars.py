"""How fast are scalars written, end to end, and how much does the event loop feel of it? Beside TensorBoard's own writer, in one run.

    make bench

Each program runs in a process of its own, several times, in turn. What counts are the ratios: machines are noisy.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TAGS = [f"train/tag{index:02d}" for index in range(20)]


def ours(count: int, folder: str) -> dict[str, float]:
    """``await writer.scalar`` from one coroutine, with flush and close."""
    import asyncsummary as summary

    async def write() -> float:
        async with summary.create_file_writer(folder) as writer:
            begun = time.perf_counter()
            for step in range(count):
                await writer.scalar(TAGS[step % 20], 0.5, step // 20)
            return time.perf_counter() - begun

    begun = time.perf_counter()
    accepted = asyncio.run(write())
    return {"seconds": time.perf_counter() - begun, "accept_seconds": accepted}


def ours_from_eight(count: int, folder: str) -> dict[str, float]:
    """The same from eight coroutines that take turns every 100 scalars; also the longest pause of the event loop."""
    import asyncsummary as summary

    async def write() -> float:
        longest = 0.0
        done = False

        async def watch() -> None:
            nonlocal longest
            while not done:
                before = time.perf_counter()
                await asyncio.sleep(0.001)
                longest = max(longest, time.perf_counter() - before - 0.001)

        async with summary.create_file_writer(folder) as writer:

            async def work(worker: int) -> None:
                for step in range(count // 8):
                    await writer.scalar(TAGS[(step + worker) % 20], 0.5, step)
                    if step % 100 == 0:
                        await asyncio.sleep(0)

            watcher = asyncio.create_task(watch())
            await asyncio.gather(*(work(worker) for worker in range(8)))
            await writer.flush()
            done = True
            await watcher
        return longest

    begun = time.perf_counter()
    longest = asyncio.run(write())
    return {"seconds": time.perf_counter() - begun, "longest_pause_milliseconds": 1000 * longest}


def tensorboards(count: int, folder: str) -> dict[str, float]:
    """TensorBoard's EventFileWriter, with a message made for each scalar, as torch's SummaryWriter does."""
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    begun = time.perf_counter()
    writer = EventFileWriter(folder)
    for step in range(count):
        value = summary_pb2.Summary.Value(tag=TAGS[step % 20], simple_value=0.5)
        summary = summary_pb2.Summary(value=[value])
        writer.add_event(event_pb2.Event(wall_time=time.time(), step=step // 20, summary=summary))
    writer.close()
    return {"seconds": time.perf_counter() - begun}


def raw(count: int, folder: str) -> dict[str, float]:
    """A buffered write of as many records of the same bytes: what no writer can beat."""
    record = bytes(56)
    begun = time.perf_counter()
    with (Path(folder) / "raw").open("wb") as file:
        for _ in range(count):
            file.write(record)
    return {"seconds": time.perf_counter() - begun}


PROGRAMS: dict[str, Callable[[int, str], dict[str, float]]] = {
    "asyncsummary": ours,
    "asyncsummary, 8 coroutines": ours_from_eight,
    "TensorBoard's EventFileWriter": tensorboards,
    "raw buffered write": raw,
}
SHARES = {"TensorBoard's EventFileWriter": 10}  # slow ones get fewer scalars


def run_once(name: str, count: int) -> dict[str, float]:
    """Run one program in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--program", name, "--count", str(count), "--folder", folder]
        result: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {**result, "rate": count / result["seconds"]}


def main(count: int, runs: int) -> None:
    """Run all in turn, and print medians and ranges."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in PROGRAMS}
    for _ in range(runs):
        for name in PROGRAMS:
            found[name].append(run_once(name, count // SHARES.get(name, 1)))
    ours_rate = statistics.median(result["rate"] for result in found["asyncsummary"])
    print(f"{count:,} scalars over 20 tags to a local folder, flush and close included; {runs} runs each, median (range)")
    for name, results in found.items():
        rates = [result["rate"] for result in results]
        rate = statistics.median(rates)
        line = f"{name:32} {rate:12,.0f}/s ({min(rates):,.0f} to {max(rates):,.0f})   asyncsummary is {ours_rate / rate:.2f}x"
        for figure in ("accept_seconds", "longest_pause_milliseconds"):
            if figure in results[0]:
                line += f"   {figure} {statistics.median(result[figure] for result in results):.3f}"
        print(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--program", choices=list(PROGRAMS), help="run this one once, for the benchmark itself")
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    if arguments.program:
        print(json.dumps(PROGRAMS[arguments.program](arguments.count, arguments.folder)))
    else:
        main(arguments.count, arguments.runs)
