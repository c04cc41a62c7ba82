"""What does an outage cost a training loop that goes on writing 2,000 scalars a second? Loss, stalls, memory.

The writer is in a process of its own, so that its memory and its event loop are measured alone. Short outages are real, behind a proxy;
long ones are on a clock that jumps, where what is measured is the work and not the waiting.
"""

import asyncio
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.chaos.clouds import cloud
from tests.chaos.outage_child import RATE, STALL_SECONDS, Task, point
from tests.chaos.report import Row, Section
from tests.chaos.verdict import Verdict, judge
from tests.support.chaos_proxy import Fault
from tests.support.servers import MotoServer

_ROOT = Path(__file__).parent.parent.parent
_MIB = 1 << 20
_ROOM = 50 * _MIB  # beside what may wait: the batch that is encoded, and what Python keeps
_MOST_STALLED = 0.05
_LONGEST_SECONDS = 0.2  # far more than is ever seen, since other programs may have the processor for a while


@dataclass(frozen=True, slots=True)
class Outage:
    """One row. ``backend`` None: in memory, on the clock that jumps. ``fault``: what every request suffers meanwhile."""

    what: str
    task: Task
    backend: str | None = None
    fault: Fault = Fault.RESET_BEFORE
    spool: bool = False


def outages(*, full: bool) -> Iterator[Outage]:
    """Yield what is run."""
    yield Outage("5 s, clock that jumps", Task(5))
    yield Outage("60 s, clock that jumps", Task(60))
    for overflow in ("block", "raise", "drop_newest", "drop_oldest"):
        yield Outage(f"60 s, room for 4 MiB, {overflow}", Task(60, pending=4 * _MIB, overflow=overflow))
        if full or overflow in {"block", "drop_oldest"}:
            yield Outage(f"for good, room for 8 MiB, {overflow}", Task(None, pending=8 * _MIB, overflow=overflow))
    if full:
        yield Outage("600 s, room for 64 MiB, block", Task(600))
    real = [Outage("s3, 5 s, connections reset", Task(5), "s3")]
    if full:
        real += [
            Outage("s3, 5 s, no answers", Task(5), "s3", Fault.HANG),
            Outage("gs, 5 s, 503", Task(5), "gs", Fault.UNAVAILABLE),
            Outage("gs, for good, closed after 10 s", Task(None, good_while=10, retry=3), "gs"),
            Outage("s3, 60 s, connections reset", Task(60, after=5), "s3"),
        ]
    for outage in real:
        yield outage
        task = replace(outage.task, pending=_MIB)
        yield replace(outage, what=f"{outage.what}, room for 1 MiB and a spool", task=task, spool=True)


async def endured(outage: Outage, moto: MotoServer) -> Row:
    """Run one, and compare."""
    with ExitStack() as stack:
        task = outage.task
        if outage.spool:
            task = replace(task, spool_dir=stack.enter_context(tempfile.TemporaryDirectory()))
        if outage.backend is None:
            found = await _child(task)
            verdict = dict(found["verdict"])
            return _row(outage, found, verdict.pop("stored"), Verdict(**verdict))
        async with cloud(outage.backend, moto, f"outage/{uuid.uuid4()}") as target:
            options = {name: value for name, value in target.harmed.items() if name != "requests_timeout"}
            found = await _child(replace(task, logdir=target.logdir, options=options), target.proxy, outage.fault)
            stored = await target.read()
        numbers = [point(number) for number in found["accepted"]]
        return _row(outage, found, len(stored.points), judge(numbers[: found["confirmed"]], numbers, stored))


async def _child(task: Task, proxy: Any = None, fault: Fault | None = None) -> dict[str, Any]:
    """Run the child, and take its storage away and give it back when it says so."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.outage_child",
        json.dumps(asdict(task)),
        cwd=_ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 27,
    )
    assert child.stdout is not None
    said = b""
    async for line in child.stdout:
        if line == b"away\n":
            proxy.away = fault
        elif line == b"back\n":
            proxy.heal()
        else:
            said = line
    if await child.wait():
        raise AssertionError(f"the child ended with {child.returncode}")
    found: dict[str, Any] = json.loads(said)
    return found


def _row(outage: Outage, found: dict[str, Any], stored: int, verdict: Verdict) -> Row:
    """Count what went by a policy that says so apart from what was lost, and check the bounds."""
    accepted, dropped, told = len(found["accepted"]), found["dropped"], found["uncommitted"]
    if outage.task.overflow == "drop_oldest":  # dropped after they were accepted, and counted
        verdict = replace(verdict, lost=max(0, verdict.lost - dropped))
    silent = max(0, accepted - stored - told - (dropped if outage.task.overflow == "drop_oldest" else 0))
    share = found["stalled"] / found["seconds"]
    bound = outage.task.pending + _ROOM
    failures = [f"{silent} accepted summaries are neither there nor counted nor told"] if silent else []
    failures += [str(verdict)] if not verdict.good else []
    failures += [f"memory grew by {found['growth'] / _MIB:.0f} MiB, more than {bound / _MIB:.0f}"] if found["growth"] > bound else []
    failures += [f"the loop was stalled for {share:.1%} of the time"] if share > _MOST_STALLED else []
    failures += [f"the loop was stalled for {found['longest']:.2f} s"] if found["longest"] > _LONGEST_SECONDS else []
    figures = (
        f"{accepted:,}",
        f"{found['refused'] + dropped:,}",
        f"{told:,}",
        f"{share:.2%}",
        f"{found['longest'] * 1000:.0f} ms",
        f"{found['growth'] / _MIB:.0f} of {bound / _MIB:.0f} MiB",
    )
    return Row(outage.what, 1, verdict, figures, failures=tuple(failures))


async def run_outages(moto: MotoServer, *, full: bool) -> Section:
    """Run all, one after the other, since they measure time; where only bounds are looked at, two at a time."""
    section = Section(
        "outages",
        "Outages",
        f"{RATE:,} scalars a second go on during an outage, `flush()` every half second. **dropped**: refused or dropped by the overflow "
        "policy, and counted by `writer.stats`. **told lost**: what `close()` said that it could not commit. **stalled**: the share of "
        f"the time in which the event loop was busy for more than {STALL_SECONDS * 1000:.0f} ms at a stretch. **memory**: how much the "
        "process grew from the outage on, and how much it might.",
        ("accepted", "dropped", "told lost", "stalled", "longest", "memory"),
    )
    gate = asyncio.Semaphore(1 if full else 2)

    async def one(outage: Outage) -> Row:
        async with gate:
            return await endured(outage, moto)

    section.rows += await asyncio.gather(*map(one, sorted(outages(full=full), key=lambda outage: outage.backend is None)))
    return section
