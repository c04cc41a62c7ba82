"""What is lost when the local disk is full, forbidden, cleaned up, torn, or rotten?

The writers who must endure a full disk or lost permissions are in processes of their own, since limits hold for whole processes.
"""

import asyncio
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncsummary as summary
from asyncsummary.records import scan
from tests.chaos.clouds import BUCKET, gcs_contents, gcs_put
from tests.chaos.report import Row, Section
from tests.chaos.verdict import Point, Stored, Verdict, judge, read_segments
from tests.support.gcs_fake import GCSFake
from tests.support.quiet import quiet

_ROOT = Path(__file__).parent.parent.parent
_EVENTS = 6
_NEW: Point = ("new", 1000, 1000.0)


@dataclass(slots=True)
class Outcome:
    """What became of several runs."""

    runs: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    told: int = 0
    failures: list[str] = field(default_factory=list)
    skipped: str = ""

    def row(self, what: str) -> Row:
        """Return it as a line of the report."""
        return Row(what, self.runs, self.verdict, (f"{self.told:,}",), self.skipped, tuple(self.failures))


# A disk that is full or forbidden


async def endured(kind: str, writers: int) -> Outcome:
    """Let a child and its writers endure it."""
    program = [sys.executable, "-W", "error", "-m", "tests.chaos.disk_child", kind]
    if kind == "small":
        if shutil.which("unshare") is None:
            return Outcome(skipped="there is no unshare to mount a file system with")
        program = ["unshare", "--map-root-user", "--mount", *program]
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
        child = await asyncio.create_subprocess_exec(
            *program, folder, str(writers), cwd=_ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, complained = await child.communicate()
    if child.returncode and kind == "small" and b"unshare" in complained:
        return Outcome(skipped=complained.decode().strip().splitlines()[-1])
    if child.returncode:
        return Outcome(failures=[f"{kind}: the child ended with {child.returncode}: {complained.decode()[-500:]}"])
    found = json.loads(said)
    if found["skipped"]:
        return Outcome(skipped=found["skipped"])
    outcome = Outcome(writers, Verdict(**found["verdict"]), found["told"], found["failures"])
    if found["torn"]:
        outcome.failures.append(f"{kind}: readers saw {found['torn']} torn segments meanwhile")
    if found["told"] < writers:
        outcome.failures.append(f"{kind}: of {writers} writers only {found['told']} flushes were told")
    return outcome


# A folder that is cleaned up


def _delete_folder(folder: Path, _: random.Random) -> None:
    shutil.rmtree(folder)


def _delete_files(folder: Path, _: random.Random) -> None:
    for path in folder.iterdir():
        path.unlink()


def _replace_by_copies(folder: Path, _: random.Random) -> None:
    """Do what rsync and editors do: the same name and content, another file."""
    for path in folder.iterdir():
        copy = path.with_suffix(".copy")
        shutil.copyfile(path, copy)
        copy.replace(path)


def _move_away(folder: Path, chance: random.Random) -> None:
    folder.rename(folder.with_name(f"{folder.name}-{chance.random()}"))


_CLEANINGS: Sequence[Callable[[Path, random.Random], None]] = (_delete_folder, _delete_files, _replace_by_copies, _move_away)


async def cleaned_up(folder: Path, runs: int, seed: int) -> Outcome:
    """Delete, replace or move what is written, while it is written: what is confirmed after that is there, and nothing comes back."""
    outcome = Outcome()
    for number in range(runs):
        chance = random.Random(f"cleaned {seed} {number}")
        run = folder / f"cleaned-{number}"
        due: list[Point] = []
        step = 0
        async with summary.create_file_writer(run, max_queue=10_000, retry_seconds=5.0) as writer:
            for _ in range(6):
                waiting = []
                for _ in range(chance.randint(1, 4)):
                    await writer.scalar("t", step, step)
                    waiting.append(("t", step, float(step)))
                    step += 1
                if chance.random() < 0.5 and run.exists():
                    cleaning = chance.choice(_CLEANINGS)
                    cleaning(run, chance)
                    due = due if cleaning is _replace_by_copies else []
                await writer.flush()
                due += waiting
        verdict = judge(due, [], _local(run))
        outcome.runs += 1
        outcome.verdict += verdict
        outcome.failures += [f"run {number} of cleanings: {verdict}"] if not verdict.good else []
    return outcome


# Segments that are torn or rotten


class LocalRun:
    """A run on a local disk, to put a damaged segment into and to look at what became of it."""

    can_cut = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder / uuid.uuid4().hex
        self._folder.mkdir()
        self.logdir = str(self._folder)
        self.options: dict[str, Any] = {}

    async def put(self, name: str, data: bytes) -> None:
        """Store a segment."""
        (self._folder / name).write_bytes(data)

    async def contents(self) -> dict[str, bytes]:
        """Return all segments."""
        return {path.name: path.read_bytes() for path in self._folder.iterdir()}


class BucketRun:
    """The same in a bucket, where nothing can be cut off."""

    can_cut = False

    def __init__(self, server: GCSFake) -> None:
        self._prefix = f"{uuid.uuid4().hex}/"
        self._url = server.url
        self.logdir = f"gs://{BUCKET}/{self._prefix}"
        self.options = server.options()

    async def put(self, name: str, data: bytes) -> None:
        """Store a segment."""
        await gcs_put(self._url, self._prefix + name, data)

    async def contents(self) -> dict[str, bytes]:
        """Return all segments."""
        return await gcs_contents(self._url, self._prefix)


def _local(run: Path) -> Stored:
    return read_segments((path.name, path.read_bytes()) for path in run.iterdir() if path.suffix != ".copy")


async def whole_segment(folder: Path) -> tuple[str, bytes]:
    """Return the name and the bytes of a segment that a writer made."""
    run = folder / f"whole-{uuid.uuid4().hex}"
    async with summary.create_file_writer(run) as writer:
        for step in range(_EVENTS):
            await writer.scalar("old", step, step)
    (path,) = run.iterdir()
    return path.name, path.read_bytes()


@dataclass(frozen=True, slots=True)
class Damage:
    """A segment as it is found at resuming, what to call that, and whether its bytes may be cut back to its last whole record."""

    what: str
    data: bytes
    can_be_cut: bool


def torn(data: bytes) -> Iterator[Damage]:
    """Yield the segment cut off at every byte."""
    for size in range(len(data) + 1):
        yield Damage(f"cut off at byte {size}", data[:size], can_be_cut=True)


def rotten(data: bytes, seed: int, *, every_bit: bool) -> Iterator[Damage]:
    """Yield the segment with one bit wrong: each, or one of each byte."""
    chance = random.Random(f"rotten {seed}")
    for place in range(len(data)):
        for bit in range(8) if every_bit else [chance.randrange(8)]:
            wrong = bytearray(data)
            wrong[place] ^= 1 << bit
            yield Damage(f"bit {bit} of byte {place} wrong", bytes(wrong), can_be_cut=False)


async def resumed(make: Callable[[], LocalRun | BucketRun], name: str, damages: Sequence[Damage]) -> Outcome:
    """Resume behind each damage: whole records stay as they are, the new one is readable, and nothing is rewritten."""
    outcome = Outcome(len(damages))
    for damage in damages:
        run = make()
        await run.put(name, damage.data)
        due = read_segments([(name, damage.data)]).points
        async with summary.create_file_writer(run.logdir, resume=True, storage_options=run.options) as writer:
            await writer.scalar(_NEW[0], _NEW[2], _NEW[1])
        contents = await run.contents()
        _, scanner = scan(damage.data)
        kept = damage.data[: scanner.offset] if damage.can_be_cut and run.can_cut and scanner.records else damage.data
        verdict = judge([*due, _NEW], [], read_segments(contents.items()))
        # What cannot be cut off, or is no torn tail, is left as it was found, for whoever may want to look at it.
        left = scanner.damage is not None and contents[name] == damage.data and len(contents) == 2
        verdict = replace(verdict, unreadable=verdict.unreadable - left)
        outcome.verdict += verdict
        problems = [] if verdict.good else [str(verdict)]
        problems += [] if contents[name].startswith(kept) else ["bytes that were whole are changed"]
        problems += [] if damage.can_be_cut or len(contents) == 2 else ["no new segment was begun"]
        outcome.failures += [f"{damage.what}: {problem}" for problem in problems]
    return outcome


async def run_disk(folder: Path, seed: int, *, full: bool) -> Section:
    """Do all of it."""
    section = Section(
        "disk",
        "The local disk",
        "Several writers on a disk that is full at any byte, on one without a free page, on files and folders that are forbidden and "
        "allowed again; folders that are deleted, replaced or moved meanwhile; and last segments that are cut off or have one wrong "
        "bit anywhere, then resumed: what is whole stays as it is, byte for byte, and the new event can be read. **told**: flushes that "
        "raised.",
        ("told",),
    )
    writers = 40 if full else 6
    kinds = {"limit": "full, at any byte", "small": "full, without a free page", "denied": "forbidden, and allowed again"}
    found = await asyncio.gather(*(endured(kind, writers) for kind in kinds))
    section.rows += [outcome.row(f"local: {kinds[kind]}") for kind, outcome in zip(kinds, found, strict=True)]
    with quiet():
        section.rows.append((await cleaned_up(folder, 200 if full else 10, seed)).row("local: deleted, replaced or moved meanwhile"))
        name, data = await whole_segment(folder)
        chance = random.Random(f"disk {seed}")
        cases = {"cut off at every byte, resumed": list(torn(data)), "one bit wrong, resumed": list(rotten(data, seed, every_bit=full))}
        async with GCSFake(buckets={BUCKET: {}}) as server:
            makers: dict[str, Callable[[], LocalRun | BucketRun]] = {"local": lambda: LocalRun(folder), "gs": lambda: BucketRun(server)}
            for (backend, make), (what, damages) in itertools.product(makers.items(), cases.items()):
                some = damages if full else chance.sample(damages, 40)
                section.rows.append((await resumed(make, name, some)).row(f"{backend}: {what}"))
    return section
