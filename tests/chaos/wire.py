"""What is lost when any one request of a run goes wrong, in any way? And when many do?

A run is scripted: it opens, flushes, begins further segments, closes, and is resumed. A first run without faults tells its requests; then
there is one run for each fault at each request, and runs with faults at random. After each, what lies in the bucket is compared with
what was confirmed.
"""

import asyncio
import contextlib
import functools
import itertools
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import asyncsummary as summary
from asyncsummary import CommitError, OpenError
from tests.chaos.clouds import BACKENDS, SILENCE_SECONDS, Cloud, cloud, shared_models
from tests.chaos.report import Row, Section
from tests.chaos.verdict import Point, Verdict, judge
from tests.support.chaos_proxy import Fault, Strike
from tests.support.quiet import quiet
from tests.support.servers import MotoServer

_AT_ONCE = 16  # most of a run is waiting
_TRIES = 12  # of whoever opens or flushes and is told that it did not work
_RUN_SECONDS = 120
_RETRY_SECONDS = 6.0

# How many requests in a row suffer: a client that sends a request again by itself must not get around it too easily.
_TIMES = {Fault.UNAVAILABLE: 3, Fault.RESET_BEFORE: 2, Fault.DENIED: 2, Fault.MISSING: 2, Fault.EXPIRED: 2}


@dataclass(frozen=True, slots=True)
class Script:
    """Sessions of one run, each a writer; a session is a flush for each number, which says about how many bytes go with it."""

    name: str
    sessions: tuple[tuple[int, ...], ...]


SMALL = Script("segments", ((200, 70_000, 200_000, 200_000, 200), (200, 100_000, 200)))
LARGE = Script("large", ((9_200_000, 200, 200, 200), (200, 200)))
"""So large that the storage itself extends the segment, from the second flush on."""
_EXTENDING = frozenset({"begin", "copy", "part", "complete", "abort", "compose", "delete", "put"})
SCRIPTS = {"s3": (SMALL,), "s3 strict": (SMALL, LARGE), "gs": (SMALL, LARGE)}


@dataclass(slots=True)
class Run:
    """What one run did and was told. ``tries``: how often a call is made that is told not to have worked."""

    tries: int
    accepted: list[Point] = field(default_factory=list)
    waiting: list[Point] = field(default_factory=list)
    confirmed: list[Point] = field(default_factory=list)
    told: int = 0
    retries: int = 0
    requests: list[str] = field(default_factory=list)
    struck: list[tuple[int, str, Fault]] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run to make: the row that it counts for, and the strikes."""

    row: str
    backend: str
    script: Script
    strikes: tuple[Strike, ...]


async def _write(writer: "summary.SummaryWriter", run: Run, step: int, size: int) -> None:
    """Write some scalars and about so many bytes, and keep account of what was accepted."""
    for offset, tag in enumerate(["a", "b", "a", "b", *_padding(size)]):
        point = (tag, step + offset, float(step + offset))
        await writer.scalar(point[0], point[2], point[1])
        run.accepted.append(point)
        run.waiting.append(point)


@functools.cache  # the account of each run holds them
def _padding(size: int) -> list[str]:
    length = 1000 if size < 1_000_000 else 60_000
    return [f"{number}/{'x' * length}" for number in range(size // length)]


async def _patiently(call: Callable[[], Awaitable[None]], run: Run) -> None:
    """Call again what was told not to have worked; where nothing is struck it must work at once."""
    for attempt in itertools.count(1):
        try:
            return await call()
        except (CommitError, OpenError):
            run.told += 1
            if attempt == run.tries:
                raise
    raise AssertionError("count() does not end")


async def _session(writer: "summary.SummaryWriter", run: Run, sizes: Sequence[int], step: int) -> int:
    """Write with one writer from opening to closing, as a patient caller does; return the next step."""
    await _patiently(writer.init, run)
    for size in sizes:
        await _write(writer, run, step, size)
        step += 10_000
        await _patiently(writer.flush, run)
        run.confirmed += run.waiting
        run.waiting.clear()
    await _write(writer, run, step, 200)  # closing has something to do, too
    try:
        await writer.close()
        run.confirmed += run.waiting
    except CommitError:
        run.told += 1
    run.waiting.clear()  # if closing failed it has said so: these may be there or not
    run.retries += writer.stats.retries
    return step + 10_000


def _writer(target: Cloud, *, resume: bool) -> "summary.SummaryWriter":
    return summary.create_file_writer(
        target.logdir,
        resume=resume,
        storage_options=target.harmed,
        flush_millis=600_000,
        retry_seconds=_RETRY_SECONDS,
        name=str(uuid.uuid4()),
    )


async def _sessions(target: Cloud, run: Run, script: Script) -> None:
    step = 0
    for number, sizes in enumerate(script.sessions):
        writer = _writer(target, resume=number > 0)
        try:
            step = await _session(writer, run, sizes, step)
        except BaseException:
            target.proxy.heal()
            with contextlib.suppress(CommitError):
                await writer.close()
            raise


async def _make_run(plan: Plan, moto: MotoServer) -> Run:
    run = Run(tries=_TRIES if plan.strikes else 1)
    async with cloud(plan.backend, moto, f"{plan.script.name}/{uuid.uuid4()}") as target:
        target.proxy.strike(*plan.strikes)
        try:
            async with asyncio.timeout(_RUN_SECONDS):
                await _sessions(target, run, plan.script)
        except Exception as error:
            run.failure = f"{type(error).__name__}: {error}"
        target.proxy.heal()
        await target.proxy.deliver()
        run.verdict = judge(run.confirmed, run.accepted, await target.read())
        run.requests, run.struck = target.proxy.requests, target.proxy.struck
    if run.failure or not run.verdict.good:
        run.failure = f"script {plan.script.name!r}: {run.failure} {run.verdict}; struck: {_struck(run)}"
    return run


def _struck(run: Run) -> str:
    return ", ".join(f"request {number} ({kind}) by {fault.value!r}" for number, kind, fault in run.struck)


def one_by_one(backend: str, script: Script, requests: Sequence[str]) -> Iterator[Plan]:
    """Yield a run for each fault at each request; of the large script, at those that the small one does not have."""
    places = [number for number, kind in enumerate(requests) if script is SMALL or kind in _EXTENDING]
    for fault, number in itertools.product(Fault, places):
        yield Plan(fault.value, backend, script, (Strike(fault, number, _TIMES.get(fault, 1)),))


def storms(backend: str, script: Script, count: int, seed: int) -> Iterator[Plan]:
    """Yield runs in which a third of the first requests suffer something."""
    for number in range(count):
        chance = random.Random(f"storm {seed} {backend} {script.name} {number}")
        strikes = tuple(Strike(chance.choice(list(Fault)), place) for place in range(60) if chance.random() < 1 / 3)
        yield Plan("a third of all requests, any fault", backend, script, strikes)


async def clean_requests(backend: str, script: Script, moto: MotoServer) -> list[str]:
    """Return the kinds of the requests of a run without faults."""
    run = await _make_run(Plan("", backend, script, ()), moto)
    if run.failure or run.told or not run.verdict.confirmed:
        raise AssertionError(f"a run without faults went wrong: {run.failure or 'some call raised, and worked the second time'}")
    return run.requests


async def run_wire(moto: MotoServer, seed: int, *, full: bool) -> Section:
    """Make all runs, or of each backend and fault some that the seed chooses."""
    with shared_models(), quiet():
        return await _run_wire(moto, seed, full=full)


async def _run_wire(moto: MotoServer, seed: int, *, full: bool) -> Section:
    chance = random.Random(f"wire {seed}")
    plans: list[Plan] = []
    kinds: Counter[str] = Counter()
    for backend in BACKENDS:
        for script in SCRIPTS[backend] if full else SCRIPTS[backend][-1:]:
            requests = await clean_requests(backend, script, moto)
            kinds.update({f"{backend} {kind}": count for kind, count in Counter(requests).items()})
            each = list(one_by_one(backend, script, requests))
            if not full:
                each = [plan for fault in Fault for plan in chance.sample([one for one in each if one.row == fault.value], 2)]
            plans += each
            plans += storms(backend, script, (60 if script is SMALL else 20) if full else 4, seed)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def make(plan: Plan) -> Run:
        async with gate:
            return await _make_run(plan, moto)

    runs = await asyncio.gather(*(make(plan) for plan in plans))
    return _section(plans, runs, kinds)


def _section(plans: Sequence[Plan], runs: Sequence[Run], kinds: "Counter[str]") -> Section:
    section = Section(
        "wire",
        "Faults on the wire",
        f"Each fault at each request of scripted runs that begin further segments and are resumed; a client waits {SILENCE_SECONDS:.0f} s "
        "for an answer. **told**: how often `init()`, `flush()` or `close()` raised, and was called again. Requests of the runs without "
        "faults: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) + ".",
        ("requests struck", "retries", "told"),
    )
    for backend in BACKENDS:
        for what in dict.fromkeys(plan.row for plan in plans):
            made = [run for plan, run in zip(plans, runs, strict=True) if (plan.row, plan.backend) == (what, backend)]
            struck = sum(len(run.struck) for run in made)
            retries, told = sum(run.retries for run in made), sum(run.told for run in made)
            failures = [run.failure for run in made if run.failure]
            failures += [f"{backend}: a run was not struck by {what!r}" for run in made if not run.struck]
            verdict = sum((run.verdict for run in made), Verdict())
            figures = (f"{struck:,}", f"{retries:,}", f"{told:,}")
            section.rows.append(Row(f"{backend}: {what}", len(made), verdict, figures, failures=tuple(failures)))
    return section
