"""A process whose disk gets full, or whose permissions are taken away, and what it had been promised.

python -m tests.chaos.disk_child KIND FOLDER WRITERS: KIND is "limit" (RLIMIT_FSIZE), "small" (a file system of its own, mounted on
FOLDER), or "denied". Prints JSON: the counts of the verdict, "told", "torn" and "failures", or "skipped" with a reason.
"""

import asyncio
import ctypes
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import asyncsummary as summary
from asyncsummary import CommitError
from tests.chaos.verdict import Point, Stored, Verdict, judge, read_segments
from tests.support.quiet import quiet

_PR_CAPBSET_DROP = 24
_IGNORING_PERMISSIONS = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_BEGUN_AGAIN = "CHAOS_WITHOUT_PRIVILEGE"
_LIMIT = 6000
_SMALL_KIB = 32  # for each writer, and of that is taken:
_BALLAST_KIB = 24
_RETRY_SECONDS = 0.3
_MOST_FLUSHES = 400


@dataclass(slots=True)
class Trouble:
    """How one writer's folder gets into trouble and out of it again."""

    folder: Path
    begin: Callable[[], object]
    end: Callable[[], object]


@dataclass(slots=True)
class Found:
    """What was promised, told and seen."""

    verdict: Verdict = field(default_factory=Verdict)
    told: int = 0
    torn: int = 0
    failures: list[str] = field(default_factory=list)


def stored(folder: Path) -> Stored:
    """Read a local run."""
    return read_segments((path.name, path.read_bytes()) for path in folder.iterdir())


async def endure(trouble: Trouble, number: int, readable: bool, healed: asyncio.Event, waiting: "asyncio.Semaphore") -> Found:
    """Write and flush until it fails, go on while it does, and until the end when it works again. ``number`` varies the sizes."""
    found = Found()
    accepted: list[Point] = []
    confirmed: list[Point] = []
    tag = "t" * (1 + number)
    async with summary.create_file_writer(trouble.folder, max_queue=10_000, retry_seconds=_RETRY_SECONDS) as writer:

        async def write_and_flush() -> bool:
            for _ in range(7 + number % 5):
                step = len(accepted)
                await writer.scalar(tag, step, step)
                accepted.append((tag, step, float(step)))
            try:
                await writer.flush()
            except CommitError:
                return False
            confirmed.extend(accepted[len(confirmed) :])
            return True

        for flushes in range(_MOST_FLUSHES):
            if flushes == 3:
                trouble.begin()
            if not await write_and_flush():
                found.told += 1
                break
        else:
            found.failures.append(f"writer {number}: no flush was told of the trouble")
        if readable:  # a reader looks while the disk is full
            meanwhile = judge(confirmed, accepted, stored(trouble.folder))
            found.torn += meanwhile.unreadable
            found.failures += [f"writer {number}, in the trouble: {meanwhile}"] if not meanwhile.good else []
        found.told += not await write_and_flush()
        waiting.release()
        await healed.wait()
        trouble.end()
        for _ in range(5):
            if await write_and_flush():
                break
            found.told += 1
    found.verdict = judge(accepted, [], stored(trouble.folder))
    found.failures += [f"writer {number}: {found.verdict}"] if not found.verdict.good else []
    return found


async def endure_all(troubles: list[Trouble], heal: Callable[[], object], *, readable: bool) -> Found:
    """Let all writers get into trouble at once, heal what they share, and add up."""
    healed, waiting = asyncio.Event(), asyncio.Semaphore(0)
    tasks = [asyncio.create_task(endure(each, number, readable, healed, waiting)) for number, each in enumerate(troubles)]
    arrived = asyncio.create_task(_all_arrived(waiting, len(tasks)))
    await asyncio.wait([arrived, *tasks], return_when=asyncio.FIRST_COMPLETED)  # a task that ends first has failed
    arrived.cancel()
    heal()
    healed.set()
    total = Found()
    for found in await asyncio.gather(*tasks):
        total.verdict += found.verdict
        total.told += found.told
        total.torn += found.torn
        total.failures += found.failures
    return total


async def _all_arrived(waiting: asyncio.Semaphore, count: int) -> None:
    for _ in range(count):
        await waiting.acquire()


def nothing() -> None:
    """Do nothing."""


def limited(folder: Path, writers: int) -> Found:
    """No file may be larger than so many bytes, as on a disk that is full at any byte."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT, hard))
    troubles = [Trouble(folder / f"limit-{number}", nothing, nothing) for number in range(writers)]
    return asyncio.run(endure_all(troubles, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)), readable=True))


def small(folder: Path, writers: int) -> Found | str:
    """A file system of its own that gets full, and then has room again."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={_SMALL_KIB * writers}k", "tmpfs", str(folder)]
    mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if mounted.returncode:
        return f"no file system could be mounted: {mounted.stderr.strip()}"
    ballast = folder / "ballast"
    ballast.write_bytes(b"x" * _BALLAST_KIB * writers * 1024)
    troubles = [Trouble(folder / f"small-{number}", nothing, nothing) for number in range(writers)]
    return asyncio.run(endure_all(troubles, ballast.unlink, readable=True))


def denied(folder: Path, writers: int) -> Found | str:
    """A file, its folder, or both, that may not be written, or not even be looked at, and then may again."""
    if _is_denied_nothing(folder):
        _without_privilege()
    if _is_denied_nothing(folder):
        return "permissions mean nothing to this user"
    troubles = []
    for number in range(writers):
        own = folder / f"denied-{number}"
        own.mkdir()
        troubles.append(Trouble(own, lambda own=own, number=number: _deny(own, number), lambda own=own: _allow(own)))  # type: ignore[misc]
    return asyncio.run(endure_all(troubles, nothing, readable=False))


def _is_denied_nothing(folder: Path) -> bool:
    probe = folder / "probe"
    probe.touch(0o400)
    try:
        return os.access(probe, os.W_OK)
    finally:
        probe.unlink()


def _without_privilege() -> None:
    """Begin this program again without root's right to ignore permissions, if there is such a thing here."""
    if os.environ.get(_BEGUN_AGAIN) or not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in _IGNORING_PERMISSIONS:
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            return
    os.environ[_BEGUN_AGAIN] = "1"
    os.execv(sys.executable, [sys.executable, "-m", "tests.chaos.disk_child", *sys.argv[1:]])


def _deny(own: Path, number: int) -> None:
    if number % 3 != 1:
        for path in own.iterdir():
            path.chmod(0o444)
    if number % 3 != 0:
        own.chmod(0)


def _allow(own: Path) -> None:
    own.chmod(0o755)
    for path in own.iterdir():
        path.chmod(0o644)


KINDS: dict[str, Callable[[Path, int], Found | str]] = {"limit": limited, "small": small, "denied": denied}


def main(kind: str, folder: str, writers: str) -> None:
    """Do it, and print what was found."""
    with quiet():
        found = KINDS[kind](Path(folder), int(writers))
    told = {"skipped": found} if isinstance(found, str) else {**asdict(found), "skipped": ""}
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
