"""How long after ``await scalar()`` can a reader see the point? A reader of its own, in another process, looks again and again.

    python -m benchmarks.programs.visible asyncsummary --seconds 10

A scalar every 10 ms, nobody calls flush; ``flush_millis`` is 1,000. The time of acceptance is the Event's own wall_time. What one request
takes is measured before: the median time of a flush that has one scalar to commit. The reader cannot see a point earlier than at its next
look, so the time from look to look is allowed, too.
"""

import asyncio
import json
import os
import statistics
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.programs import common
from benchmarks.programs.common import Figures

if TYPE_CHECKING:
    from asyncsummary import SummaryWriter

FLUSH_MILLIS = 1_000
TAG = "visible"
DIRECT_URL = "BENCHMARK_STORAGE_URL"
"""The environment variable that has the server's own address; the writer's requests go through what delays them."""

_REST_SECONDS = 0.0005
"""Between two looks of the reader, so that it leaves the machine to others."""
_WALL_TIME = struct.Struct("<xd")  # each Event begins with its wall_time, a double after one byte that says so


@dataclass(frozen=True, slots=True)
class Options(common.Options):
    seconds: float = 3.0
    every: float = 0.01


class Objects:
    """Reads what a bucket has, by plain requests."""

    def __init__(self, logdir: str) -> None:
        self._server = os.environ[DIRECT_URL]
        self._bucket, _, self._prefix = logdir.removeprefix("s3://").partition("/")

    def names(self) -> list[str]:
        """Return all objects of the run."""
        listing = self._get(f"?list-type=2&prefix={self._prefix}/", 0).decode()
        return sorted(part.partition("<")[0] for part in listing.split("<Key>")[1:])

    def read(self, name: str, offset: int) -> bytes:
        """Return the bytes from there on."""
        return self._get(f"/{name}", offset)

    def _get(self, what: str, offset: int) -> bytes:
        # The server looks for a signature, but not at it.
        request = urllib.request.Request(f"{self._server}/{self._bucket}{what}", headers={"Authorization": "AWS key:signature"})
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                data: bytes = answer.read()
                return data
        except urllib.error.HTTPError as refusal:
            refusal.close()
            if refusal.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            return b""  # nothing behind the offset yet


class Files:
    """Reads what a local folder has."""

    def __init__(self, logdir: str) -> None:
        self._folder = Path(logdir)

    def names(self) -> list[str]:
        """Return all files of the run."""
        return sorted(path.name for path in self._folder.glob("*tfevents*"))

    def read(self, name: str, offset: int) -> bytes:
        """Return the bytes from there on."""
        with (self._folder / name).open("rb") as file:
            file.seek(offset)
            return file.read()


def read(options: Options) -> Figures:
    """Look until the other end of standard input is closed; return how long after their acceptance points appeared."""
    os.set_blocking(sys.stdin.fileno(), False)
    source = Objects(options.logdir) if "://" in options.logdir else Files(options.logdir)
    offsets: dict[str, int] = {}
    found: list[float] = []
    looks: list[float] = []
    over = False
    while not over:
        begun = time.perf_counter()
        over = sys.stdin.buffer.read() == b""  # None while nothing is there
        for name in source.names():
            data = source.read(name, offsets.get(name, 0))
            now = time.time()
            times, used = points(data)
            offsets[name] = offsets.get(name, 0) + used
            found += [1e3 * (now - accepted) for accepted in times]
        time.sleep(_REST_SECONDS)
        looks.append(time.perf_counter() - begun)
    found.sort()
    return {
        "points": len(found),
        "p50_milliseconds": found[len(found) // 2],
        "p99_milliseconds": found[len(found) * 99 // 100],
        "longest_milliseconds": found[-1],
        "look_milliseconds": 1e3 * statistics.median(looks),
    }


def points(data: bytes) -> tuple[list[float], int]:
    """Return the wall_times of our points in whole records, and how many bytes those are."""
    times, place = [], 0
    while place + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        if place + 16 + length > len(data):
            break
        event = data[place + 12 : place + 12 + length]
        if TAG.encode() in event:
            times.append(_WALL_TIME.unpack_from(event)[0])
        place += 16 + length
    return times, place


def ours(options: Options) -> Figures:
    return asyncio.run(write(options))


async def write(options: Options) -> Figures:
    """Write for some seconds, then ask the reader what it saw."""
    import asyncsummary as summary

    # A real timer and no count is what is measured.
    async with summary.create_file_writer(options.logdir, max_queue=10**6, flush_millis=FLUSH_MILLIS) as writer:
        request = await request_seconds(writer)
        command = [sys.executable, "-m", "benchmarks.programs.visible", "read", "--logdir", options.logdir]
        reader = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            await asyncio.sleep(0.5)  # its interpreter starts
            written = await write_points(writer, options)
            await asyncio.sleep(2 * FLUSH_MILLIS / 1e3)
            output, _ = await reader.communicate(b"")
        finally:
            if reader.returncode is None:
                reader.kill()
                await reader.wait()
    seen: Figures = json.loads(output)
    assert seen["points"] == written, f"{written} points were written, {seen['points']:.0f} were seen"
    allowed = FLUSH_MILLIS + 2e3 * request + seen["look_milliseconds"]
    return {**seen, "request_milliseconds": 1e3 * request, "beyond_milliseconds": seen["p99_milliseconds"] - allowed}


async def request_seconds(writer: "SummaryWriter") -> float:
    """Return what a flush of one scalar takes, as a median."""
    found = []
    for step in range(11):
        await writer.scalar("before", 0.5, step)
        begun = time.perf_counter()
        await writer.flush()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


async def write_points(writer: "SummaryWriter", options: Options) -> int:
    """Write a point now and then; return how many."""
    count = int(options.seconds / options.every)
    begun = time.perf_counter()
    for step in range(count):
        await writer.scalar(TAG, 0.5, step)
        await asyncio.sleep(max(0.0, begun + (step + 1) * options.every - time.perf_counter()))
    return count


PROGRAMS = {"asyncsummary": ours, "read": read}

if __name__ == "__main__":
    common.main(Options(), PROGRAMS)
