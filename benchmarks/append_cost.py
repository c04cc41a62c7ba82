"""What do a day's flushes cost on a bucket? The real planner and commit machine over storage that only counts, beside two simpler ways.

    make append-cost        # the table, into docs/append_cost.md
    python benchmarks/append_cost.py

A short trace is also run against a real server, behind a proxy that counts, to see that the counting is right.

Dollars are for write requests only, at $5 a million (S3 Standard and GCS Standard, one region); deletes are free, and so is what a storage
copies within its region.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from asyncsummary.appender import Appender
from asyncsummary.config import WriterConfig
from asyncsummary.handle import FileWriterHandle
from asyncsummary.plan import MIB
from asyncsummary.resource import WriterResource
from asyncsummary.stats import Counters
from asyncsummary_storage import NOTHING, Entry, Growth, Position, PreconditionFailedError, Terms, UnsupportedError

DOLLARS_PER_REQUEST = 5e-6
S3 = Terms(Growth.REWRITE, extend_from=5 * MIB, extend_requests=4)
GCS = Terms(Growth.REWRITE, extend_from=MIB, extend_requests=2)
EXPRESS = Terms(Growth.IN_PLACE, most_appends=10_000)
STORAGES = {"S3": S3, "GCS": GCS, "S3 Express": EXPRESS}


@dataclass(frozen=True, slots=True)
class Trace:
    """So many flushes of so many bytes each."""

    name: str
    what: str
    batch: int
    flushes: int


TRACES = [
    Trace("tiny", "1 KB every 10 s, 24 h", 1_000, 8_640),
    Trace("light", "10 KB every 10 s, 24 h", 10_000, 8_640),
    Trace("mid", "100 KB every 10 s, 24 h", 100_000, 8_640),
    Trace("heavy", "1 MB every 10 s, 24 h", 1_000_000, 8_640),
    Trace("week", "10 KB every 10 s, 7 d", 10_000, 60_480),
    Trace("short", "10,000 scalars, a flush every 25", 1_350, 400),
]


@dataclass(slots=True)
class Cost:
    """What went to a bucket: bytes sent, bytes that the storage copied, write requests, and the objects that are there at the end."""

    sent: int = 0
    copied: int = 0
    requests: int = 0
    objects: int = 0

    @property
    def dollars(self) -> float:
        """The price of the write requests."""
        return self.requests * DOLLARS_PER_REQUEST


@dataclass(slots=True)
class CountingFolder:
    """Storage that keeps sizes, not bytes. What it says of itself are its ``terms``."""

    terms: Terms
    cost: Cost = field(default_factory=Cost)
    sizes: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    url: str = "counting:run"

    async def open(self) -> list[Entry]:
        return await self.entries()

    async def entries(self) -> list[Entry]:
        return [Entry(name, size) for name, size in sorted(self.sizes.items())]

    def segment(self, name: str) -> "CountingSegment":
        return CountingSegment(self, name)

    async def put(self, name: str, data: bytes, replacing: Position) -> Position:
        self.sizes.pop(name, None)
        return self.grow(name, len(data), NOTHING)

    async def sweep(self, older_than_seconds: float, *, also_of: str | None = None) -> int:
        return 0

    async def close(self) -> None:
        """Nothing is held open."""

    def position(self, name: str) -> Position:
        """Return where a segment ends."""
        return Position(self.sizes[name], str(self.versions[name])) if name in self.sizes else NOTHING

    def grow(self, name: str, size: int, at: Position) -> Position:
        """Let a segment grow by ``size`` bytes."""
        if self.position(name) != at:
            raise PreconditionFailedError(f"{name}: ends at {self.position(name)}, not at {at}")
        self.sizes[name] = at.offset + size
        self.versions[name] = self.versions.get(name, 0) + 1
        self.cost.objects = len(self.sizes)
        return self.position(name)


@dataclass(slots=True)
class CountingSegment:
    """A segment of a ``CountingFolder``."""

    folder: CountingFolder
    name: str

    @property
    def growth(self) -> Growth:
        return self.folder.terms.growth

    async def append(self, data: bytes, at: Position) -> Position:
        self.folder.cost.requests += 1
        self.folder.cost.sent += len(data) if self.growth is Growth.IN_PLACE else at.offset + len(data)
        return self.folder.grow(self.name, len(data), at)

    async def extend(self, data: bytes, at: Position) -> Position:
        if self.folder.terms.extend_from is None or at.offset < self.folder.terms.extend_from:
            raise UnsupportedError(f"{self.name}: too short to be extended")
        self.folder.cost.requests += self.folder.terms.extend_requests
        self.folder.cost.sent += len(data)
        self.folder.cost.copied += at.offset
        return self.folder.grow(self.name, len(data), at)

    async def probe(self) -> Position:
        return self.folder.position(self.name)

    async def read(self, start: int, stop: int) -> bytes:
        raise NotImplementedError("nothing is kept, so nothing is read")

    async def cut(self, at: Position, size: int) -> Position:
        raise UnsupportedError("counting storage never shrinks")


async def ours(trace: Trace, terms: Terms) -> Cost:
    """Append the trace by the real appender."""
    folder = CountingFolder(terms)
    appender = Appender(WriterConfig("counting:run"), folder, Counters(), time.time)
    await appender.open()
    data = bytes(trace.batch)
    for _ in range(trace.flushes):
        await appender.append(data)
    await appender.close()
    return folder.cost


def full_rewrite(trace: Trace) -> Cost:
    """One object, sent again as a whole at each flush."""
    sent = trace.batch * trace.flushes * (trace.flushes + 1) // 2
    return Cost(sent, 0, trace.flushes, 1)


def one_object_per_flush(trace: Trace) -> Cost:
    """Nothing is sent twice, and TensorBoard has to list and open each."""
    return Cost(trace.batch * trace.flushes, 0, trace.flushes, trace.flushes)


async def write_short_trace(writer: FileWriterHandle) -> None:
    """Write 10,000 scalars over 20 tags, with a flush every 25."""
    async with writer:
        for count in range(10_000):
            await writer.scalar(f"train/tag{count % 20:02d}", 0.5, count // 20)
            if count % 25 == 24:
                await writer.flush()


async def counted_short_trace(terms: Terms) -> Cost:
    """Return what the short trace costs on counting storage."""
    folder = CountingFolder(terms)
    await write_short_trace(FileWriterHandle(WriterResource("counting", WriterConfig("counting:run"), lambda logdir: folder)))
    return folder.cost


async def on_moto() -> tuple[Cost, Cost]:
    """Return what the simulator says of the short trace, and what a proxy before moto saw of it."""
    from asyncsummary_storage import open_folder
    from tests.support.proxy import FaultProxy
    from tests.support.servers import MotoServer

    with MotoServer() as server:
        server.make_bucket("cost")
        async with FaultProxy(server.url) as proxy:
            writer = FileWriterHandle(
                WriterResource("moto", WriterConfig("s3://cost/run"), lambda logdir: open_folder(logdir, server.options(proxy.url)))
            )
            await write_short_trace(writer)
            folder = open_folder("s3://cost/run", server.options())
            await folder.open()
            seen = Cost(proxy.sent_bytes, 0, proxy.count("PUT", "POST"), len(await folder.entries()))
            await folder.close()
    return await counted_short_trace(S3), seen


async def table() -> list[str]:
    """Return the lines of the table."""
    lines = [
        "| trace | way | sent | copied by the storage | write requests | dollars | objects |",
        "|---|---|---|---|---|---|---|",
    ]
    ways: dict[str, Callable[[Trace], Awaitable[Cost]]] = {
        f"asyncsummary, {name}": lambda trace, terms=terms: ours(trace, terms)  # type: ignore[misc]  # a default argument
        for name, terms in STORAGES.items()
    }
    for trace in TRACES:
        for name, way in ways.items():
            lines.append(_row(trace, name, await way(trace)))
        lines.append(_row(trace, "full rewrite", full_rewrite(trace)))
        lines.append(_row(trace, "one object per flush", one_object_per_flush(trace)))
    return lines


def _row(trace: Trace, way: str, cost: Cost) -> str:
    copied = _size(cost.copied) if cost.copied else "-"
    dollars = "-" if "Express" in way else f"{cost.dollars:.3f}"
    return f"| {trace.name}: {trace.what} | {way} | {_size(cost.sent)} | {copied} | {cost.requests:,} | {dollars} | {cost.objects:,} |"


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} PB"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--report", type=Path, help="a Markdown file to write instead of printing")
    arguments = parser.parse_args()
    lines = [*asyncio.run(table()), ""]
    for name, cost in zip(("simulated", "seen by a proxy before moto"), asyncio.run(on_moto()), strict=True):
        lines.append(f"- short trace, {name}: {cost.sent:,} bytes sent, {cost.requests} write requests, {cost.objects} objects")
    if arguments.report is None:
        print("\n".join(lines))
    else:
        arguments.report.write_text("\n".join([HEAD, *lines]) + "\n")


HEAD = """# What appends cost on a bucket

Written by `make append-cost`: the real planner and commit machine over storage that only counts. "Full rewrite" sends one growing object
again at each flush; "one object per flush" never sends anything twice, and TensorBoard does not load it. Dollars are for write requests
only, at $5 a million; deletes, and copies within a region, are free. Where two columns fight, objects and bytes won over requests: objects
decide whether TensorBoard opens the run, bytes whether a flush is done before the next, and four requests instead of one cost fifteen
cents a day.
"""


if __name__ == "__main__":
    main()
