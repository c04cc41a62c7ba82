"""What is lost when processes are killed at any moment, or when two start on one run in the same second?

Children say which steps are confirmed. The seed chooses how long each may live; where in its work that hits it is up to the machine.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncsummary as summary
from tests.chaos.clouds import BUCKET, read_gcs, read_s3
from tests.chaos.report import Row, Section
from tests.chaos.verdict import Point, Stored, Verdict, judge, read_segments
from tests.support.gcs_fake import GCSFake
from tests.support.servers import MotoServer

BACKENDS = ("local", "s3", "gs")
_CHILD = Path(__file__).with_name("child.py")
_SESSION = 100_000
_FLUSH_EVERY = 3
_TAGS = ("a", "b", "c", "d")
_PAIR_STEPS = 12
_BEFORE = [("before", step, float(step)) for step in range(5)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs of one backend are: how to name one, what leads there, and how to read it past all code that is tested."""

    backend: str
    root: str
    options: Mapping[str, Any]
    moto: MotoServer | None = None
    gcs: GCSFake | None = None

    def logdir(self, name: str) -> str:
        """Return the URL of a run."""
        return f"{self.root}/{name}"

    async def read(self, name: str) -> Stored:
        """Read a run."""
        if self.moto is not None:
            return await read_s3(self.moto.url, f"{name}/")
        if self.gcs is not None:
            return await read_gcs(self.gcs.url, f"{name}/")
        return read_segments((path.name, path.read_bytes()) for path in (Path(self.root) / name).iterdir())


@asynccontextmanager
async def place(backend: str, moto: MotoServer, folder: Path) -> AsyncIterator[Place]:
    """Yield an empty place of that backend."""
    if backend == "local":
        yield Place(backend, str(folder), {})
    elif backend == "s3":
        moto.make_bucket(BUCKET)
        yield Place(backend, f"s3://{BUCKET}", moto.options(), moto=moto)
    else:
        async with GCSFake(buckets={BUCKET: {}}) as server:
            yield Place(backend, f"gs://{BUCKET}", server.options(), gcs=server)


@dataclass(slots=True)
class Child:
    """A child that is ready and waits for a word. ``confirmed`` is the last step that it confirmed."""

    task: dict[str, Any]
    process: asyncio.subprocess.Process
    confirmed: int = -1
    closed: bool = False
    lines: int = 0

    @classmethod
    async def started(cls, where: Place, run: str, **task: Any) -> "Child":
        """Start one and wait until it is ready."""
        whole = {"logdir": where.logdir(run), "options": dict(where.options), "tags": _TAGS, "flush_every": _FLUSH_EVERY, **task}
        # Debug mode makes a child slower, not its fate another.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_CHILD),
            json.dumps(whole),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        child = cls(whole, process)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n", "a child did not come up"
        return child

    def go(self) -> None:
        """Let it write."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")

    async def until_confirmed(self, times: int) -> None:
        """Wait until it has confirmed so many flushes."""
        while self.lines < times and await self._line():
            pass

    async def to_the_end(self) -> None:
        """Read all that it says and wait until it has ended."""
        while await self._line():
            pass
        await self.process.wait()

    async def killed(self) -> None:
        """Kill it, and read what it had said before."""
        self.process.kill()
        await self.to_the_end()

    async def _line(self) -> bool:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            return False
        self.lines += 1
        if line == b"closed\n":
            self.closed = True
            self.confirmed = self.task["first"] + self.task["steps"] - 1
        else:
            self.confirmed = int(line)
        return True

    def points(self, first: int, last: int) -> list[Point]:
        """Return what it writes in these steps."""
        return [(tag, step, float(step)) for step in range(first, last + 1) for tag in self.task["tags"]]

    def due(self) -> list[Point]:
        """Return what it has confirmed."""
        return self.points(self.task["first"], self.confirmed)

    def possible(self) -> list[Point]:
        """Return what else may be there: written, and killed before it was confirmed."""
        first = self.task["first"]
        last = max(self.confirmed, first - 1)
        return self.points(last + 1, min(last + 2 * _FLUSH_EVERY, first + self.task["steps"] - 1))


@dataclass(slots=True)
class Outcome:
    """What became of several children's runs."""

    runs: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    segments: int = 0
    special: int = 0
    failures: list[str] = field(default_factory=list)


async def kill_and_resume(where: Place, kills: int, seed: int) -> Outcome:
    """Let children go on with one run and kill each, then let a last one close it."""
    chance = random.Random(f"kills {seed} {where.backend}")
    outcome = Outcome(kills)
    due: list[Point] = []
    possible: list[Point] = []

    def next_child(session: int) -> "asyncio.Task[Child]":
        task = Child.started(where, "killed", first=session * _SESSION, steps=_SESSION, resume=True)
        return asyncio.ensure_future(task)

    waiting = next_child(0)
    for session in range(kills):
        child = await waiting
        if session + 1 < kills:
            waiting = next_child(session + 1)  # what it takes to start goes on while this one works
        child.go()
        if chance.random() < 0.7:
            await child.until_confirmed(chance.randint(1, 8))
        await asyncio.sleep(chance.random() * (0.02 if child.lines else 0.15))  # not to wait for something, but to hit any moment
        await child.killed()
        outcome.special += not child.lines
        due += child.due()
        possible += child.possible()
    last = await Child.started(where, "killed", first=kills * _SESSION, steps=_FLUSH_EVERY, resume=True)
    last.go()
    await last.to_the_end()
    if not last.closed:
        outcome.failures.append(f"{where.backend}: the last session did not close")
    stored = await where.read("killed")
    outcome.segments = len(stored.names)
    outcome.verdict = judge([*due, *last.due()], possible, stored)
    return outcome


async def start_together(where: Place, pairs: Iterable[int], kind: str) -> Outcome:
    """Let two processes start on one run at the same moment, for each of the pairs."""
    outcome = Outcome()
    for number in pairs:
        run = f"{kind.replace(' ', '-')}-{number}"
        outcome.runs += 1
        resume = kind == "both resume"
        if resume:
            await _write_before(where, run)
        tasks: list[dict[str, Any]] = [
            {"tags": [f"{name}/a", f"{name}/b"], "first": 0, "steps": _PAIR_STEPS, "resume": resume, "twin": kind == "twins"}
            for name in ("one", "two")
        ]
        pair = await asyncio.gather(*(Child.started(where, run, **task) for task in tasks))
        for child in pair:
            child.go()
        await asyncio.gather(*(child.to_the_end() for child in pair))
        stored = await where.read(run)
        verdict = judge([point for child in pair for point in child.due()] + (_BEFORE if resume else []), [], stored)
        outcome.verdict += verdict
        outcome.segments += len(stored.names)
        outcome.special += len(stored.names) > 1
        problems = [] if all(child.closed for child in pair) else ["a child did not close"]
        problems += [str(verdict)] if not verdict.good else []
        problems += ["both are in one segment"] if not resume and len(stored.names) < 2 else []
        outcome.failures += [f"{where.backend}, pair {number}, {kind}: {problem}" for problem in problems]
    return outcome


async def _write_before(where: Place, run: str) -> None:
    async with summary.create_file_writer(where.logdir(run), storage_options=where.options) as writer:
        for tag, step, value in _BEFORE:
            await writer.scalar(tag, value, step)


PAIRS = ("both begin", "both resume", "twins")
_ABOUT_PAIRS = {
    "both begin": "two start at once, each begins a segment",
    "both resume": "two start at once and resume one segment: one is fenced",
    "twins": "two start at once with one host name and one process number",
}


async def run_kills(moto: MotoServer, folder: Path, seed: int, *, full: bool) -> Section:
    """Kill, start pairs, and compare."""
    section = Section(
        "kills",
        "Killed processes, and two at once",
        "Processes killed by SIGKILL, each followed by one that goes on with `resume=True`: some while they open, some after a number of "
        "flushes and a random moment more. And pairs of processes that start on one run at the same moment. **special**: kills before the "
        "first confirmation; pairs that ended with more than one segment.",
        ("segments", "special"),
    )
    kills, pairs = (100, 20) if full else (5, 1)

    async def one_backend(backend: str) -> list[Row]:
        async with place(backend, moto, folder) as where:
            killed = await kill_and_resume(where, kills, seed)
            rows = [_row(f"{backend}: killed and resumed", killed)]
            for kind in PAIRS:
                rows.append(_row(f"{backend}: {_ABOUT_PAIRS[kind]}", await start_together(where, range(pairs), kind)))
        return rows

    for rows in await asyncio.gather(*map(one_backend, BACKENDS)):
        section.rows += rows
    return section


def _row(what: str, outcome: Outcome) -> Row:
    figures = (f"{outcome.segments:,}", f"{outcome.special:,}")
    return Row(what, outcome.runs, outcome.verdict, figures, failures=tuple(outcome.failures))
