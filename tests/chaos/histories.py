"""Is there any history of writers, crashes and faults after which something is lost or doubled? A state machine that searches for one.

Up to three writers on one run in memory, on a clock that jumps. Each call to storage can fail before or after its effect, hang, arrive
late, be carried out twice, be cut off in the middle, or have another writer's flush in between. Writers are the real ones, from
``await scalar()`` down.
"""

import asyncio
import contextlib
import warnings
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from asyncsummary import CommitError, OpenError, work
from asyncsummary.batch import BatchPolicy
from asyncsummary.commit import RetryPolicy
from asyncsummary.config import WriterConfig
from asyncsummary.handle import FileWriterHandle
from asyncsummary.queue import Limits
from asyncsummary.records import scan
from asyncsummary.resource import WriterResource
from asyncsummary.work import LARGEST_WORK, SMALL_APPEND
from asyncsummary_storage import Growth, MemoryDisk, MemoryFolder
from asyncsummary_storage.protocols import Terms
from tests.chaos.report import Row, Section
from tests.chaos.verdict import Point, Verdict, judge, read_segments
from tests.support.chaos_folder import Blow, Director, Harm
from tests.support.quiet import quiet
from tests.support.virtual_time import VirtualTimeLoop

WRITERS: tuple[str, ...] = ("a", "b", "c")
TERMS = {
    "in place": Terms(Growth.IN_PLACE, can_cut=True),
    "rewritten": Terms(Growth.REWRITE),
    "extended by the storage": Terms(Growth.REWRITE, extend_from=500, extend_requests=4, most_appends=12),
}
_LARGE_TAG = "x" * 90_000  # three of them fill an object's first segment
_MOST_LARGE = 5
_TRIES = 12
_WINDOW_SECONDS = 3.0

writers = st.sampled_from(WRITERS)
blows = st.lists(
    st.builds(
        Blow,
        harm=st.sampled_from(Harm),
        first=st.none() | st.none() | writers,
        then=st.none() | st.none() | writers,
        arrivals=st.booleans(),
        turns=st.integers(0, 3),
    ),
    max_size=5,
)


class Histories(RuleBasedStateMachine):
    """The promises, whatever happens: confirmed is there, nothing is there twice, segments only grow, nobody returns to an older one."""

    examples: ClassVar[int] = 0
    calls: ClassVar[int] = 0
    struck: ClassVar[int] = 0
    kills: ClassVar[int] = 0
    worst: ClassVar[Verdict] = Verdict()
    confirmed_in_all: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.disk = MemoryDisk()
        self.director = Director(self._meanwhile)
        self.open: dict[str, FileWriterHandle] = {}
        self.ghosts: list[FileWriterHandle] = []
        self.busy: set[str] = set()
        self.lives: dict[str, int] = dict.fromkeys(WRITERS, 0)
        self.accepted: dict[str, list[Point]] = {name: [] for name in WRITERS}
        self.forgotten: list[Point] = []
        self.confirmed: set[Point] = set()
        self.step = 0
        self.large = 0
        self.seen: dict[str, bytes] = {}
        self.terms = TERMS["in place"]
        Histories.examples += 1

    @initialize(
        terms=st.sampled_from(sorted(TERMS)), largest=st.sampled_from([LARGEST_WORK, 100]), small=st.sampled_from([SMALL_APPEND, 0])
    )
    def storage(self, terms: str, largest: int, small: int) -> None:
        """Choose how segments grow, whether what is taken goes out in one append or one by one, and whether more is taken meanwhile."""
        self.terms = TERMS[terms]
        work.LARGEST_WORK, work.SMALL_APPEND = largest, small

    # What happens

    @rule(name=writers, count=st.integers(1, 3))
    def accept(self, name: str, count: int) -> None:
        """Some scalars are accepted."""
        self._run(self._accept(name, count))

    @rule(name=writers, met=blows)
    def accept_from_tasks(self, name: str, met: list[Blow]) -> None:
        """Several tasks write at once, perhaps while one of them opens the writer."""

        async def all_of_them() -> None:
            await asyncio.gather(*(self._accept(name, 1, str(number)) for number in range(3)))

        self._run(self._busy([name], [met], all_of_them()))

    @precondition(lambda self: self.large < _MOST_LARGE)
    @rule(name=writers)
    def accept_large(self, name: str) -> None:
        """So much is accepted that a segment is full soon."""
        self.large += 1
        self._run(self._accept(name, 1, _LARGE_TAG))

    @rule(name=writers, met=blows)
    def flush(self, name: str, met: list[Blow]) -> None:
        """One writer flushes."""
        self._run(self._busy([name], [met], self._flush(name)))

    @rule(first=writers, second=writers, first_met=blows, second_met=blows)
    def flush_together(self, first: str, second: str, first_met: list[Blow], second_met: list[Blow]) -> None:
        """Two writers flush at the same time."""

        async def both() -> None:
            await asyncio.gather(self._flush(first), self._flush(second))

        self._run(self._busy([first, second], [first_met, second_met], both()))

    @rule(name=writers, resume=st.booleans(), met=blows)
    def start(self, name: str, resume: bool, met: list[Blow]) -> None:
        """A writer is opened, if it is not."""
        if name not in self.open:
            self._run(self._busy([name], [met], self._start(name, resume=resume, opened=True)))

    @rule(name=writers, met=blows, seconds=st.sampled_from([0.0, 0.2, 15.0, 30.0]))
    def kill(self, name: str, met: list[Blow], seconds: float) -> None:
        """A process is killed while it flushes: what it had accepted and not confirmed may be there or not, but once."""
        self._run(self._busy([name], [met], self._kill(name, seconds)))

    @rule(name=writers, met=blows)
    def close(self, name: str, met: list[Blow]) -> None:
        """A writer is closed."""
        self._run(self._busy([name], [met], self._close(name)))

    @rule()
    def arrive(self) -> None:
        """What was late arrives."""
        self._run(self.director.arrive())

    @rule(seconds=st.sampled_from([0.1, 5.0, 100.0]))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self._run(asyncio.sleep(seconds))

    # What must hold

    def teardown(self) -> None:
        """Everything is healed, and whoever lives closes: then all that they accepted is there once."""
        try:
            self.director.blows.clear()
            for name in list(self.open):
                self._run(self._busy([name], [[]], self._close(name)))
            assert not self.open
            self._run(self.director.arrive())
        finally:
            work.LARGEST_WORK, work.SMALL_APPEND = LARGEST_WORK, SMALL_APPEND
            Histories.calls += self.director.calls
            Histories.struck += self.director.struck
            Histories.confirmed_in_all += len(self.confirmed)
            self._end()

    async def _busy(self, names: list[str], met: list[list[Blow]], what: Coroutine[Any, Any, Any]) -> None:
        """Do something with these writers, whose next calls meet these blows."""
        self.director.blows = {self._life(name): deque(each) for name, each in zip(names, met, strict=True)}
        self.busy = set(names)
        await what
        self.busy.clear()
        self.director.blows.clear()

    def _run(self, what: Coroutine[Any, Any, Any]) -> None:
        self.loop.run_until_complete(what)
        self._check()

    def _check(self) -> None:
        for key, before in self.seen.items():
            assert self.disk.content[key].startswith(before), f"{key} was changed or shrank"
        self.seen = {key: content[: scan(content)[1].offset] for key, content in self.disk.content.items()}  # a torn record may be cut off
        assert not self.director.went_back
        stored = read_segments(self.disk.content.items(), may_be_torn=True)
        accepted = [point for points in self.accepted.values() for point in points]
        verdict = judge(self.confirmed, [*accepted, *self.forgotten], stored)
        if not verdict.good:
            Histories.worst = Histories.worst.worse(replace(verdict, confirmed=0))
        assert verdict.good, str(verdict)

    # How it is done

    def _life(self, name: str) -> str:
        return f"{name}{self.lives[name]}"

    def _writer(self, name: str, *, resume: bool) -> FileWriterHandle:
        config = WriterConfig(
            "in-memory:run",
            resume=resume,
            batch=BatchPolicy(None, 3600.0, 1 << 20),
            limits=Limits(10_000, 1 << 21),
            retry=RetryPolicy(_WINDOW_SECONDS),
        )
        folder = self.director.wrap(MemoryFolder("run", self.disk, self.terms), self._life(name))
        return FileWriterHandle(WriterResource(name, config, lambda logdir: folder))

    async def _start(self, name: str, *, resume: bool = True, opened: bool = False) -> FileWriterHandle:
        if name not in self.open:
            self.open[name] = self._writer(name, resume=resume)
            if opened:
                with contextlib.suppress(OpenError):  # its next use tries again
                    await self.open[name].init()
        return self.open[name]

    async def _accept(self, name: str, count: int, kind: str = "few") -> None:
        # Each life has tags of its own: a killed process's last request may arrive when the next one has long written, in a new segment
        # that sorts behind, and nobody could prevent that.
        tag = f"{self._life(name)}/{kind}"
        writer = await self._start(name)
        for _ in range(count):
            self.step += 1
            point = (tag, self.step, float(self.step))
            for _ in range(_TRIES):
                try:
                    await writer.scalar(point[0], point[2], point[1])
                    # killed while this waited: it was accepted by a dead one, and its successor will not confirm it
                    (self.accepted[name] if self.open.get(name) is writer else self.forgotten).append(point)
                    break
                except OpenError:
                    continue

    async def _flush(self, name: str) -> None:
        writer = await self._start(name)
        due = list(self.accepted[name])
        try:
            await writer.flush()
        except (CommitError, OpenError):
            return
        self.confirmed.update(due)

    async def _meanwhile(self, name: str) -> None:
        if name not in self.busy:
            # Two may meet the same writer at the same time, and whoever waits for its opening may be overtaken: a tag for each.
            await self._accept(name, 1, f"between/{self.step}")
            await self._flush(name)

    async def _kill(self, name: str, seconds: float) -> None:
        writer = await self._start(name)
        flushing = asyncio.ensure_future(self._flush(name))
        await asyncio.wait([flushing], timeout=seconds)
        self.director.dead.add(self._life(name))
        flushing.cancel()
        self._forget(name, writer)
        Histories.kills += 1

    async def _close(self, name: str) -> None:
        writer = await self._start(name)
        due = list(self.accepted[name])
        try:
            await writer.close()
            self.confirmed.update(due)
        except (CommitError, OpenError):
            assert self.director.struck, "closing failed without any fault"
        self._forget(name, writer)

    def _forget(self, name: str, writer: FileWriterHandle) -> None:
        self.ghosts.append(writer)
        self.open.pop(name, None)
        self.forgotten += self.accepted[name]
        self.accepted[name] = []
        self.lives[name] += 1

    def _end(self) -> None:
        """Leave nothing behind: writers that were killed still have a task that waits for an answer."""

        async def cancel_all() -> None:
            for _ in range(3):  # a pipeline takes the first as the sign to say farewell
                tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
                for task in tasks:
                    task.cancel()
                if tasks:
                    await asyncio.wait(tasks, timeout=1.0)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            self.loop.run_until_complete(cancel_all())
            self.ghosts.clear()
            self.loop.close()


def search(examples: int, seed: int, steps: int = 20) -> None:
    """Try so many histories; raise what is wrong with the shortest one found."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
    )
    with quiet():
        run_state_machine_as_test(seeded(seed)(Histories), settings=chosen)


def run_histories(seed: int, *, full: bool) -> Section:
    """Search, and report what was found."""
    section = Section(
        "histories",
        "Histories that a machine invents",
        f"Up to {len(WRITERS)} writers on one run in memory: flushes, kills, resumes, closings in any order, any fault at any call of the "
        "storage, other writers in between, and requests that arrive late; found by hypothesis, on a clock that jumps. Also checked after "
        "each step: no segment shrinks or changes, and no writer returns to an older segment.",
        ("storage calls", "struck", "kills"),
    )
    failures: list[str] = []
    try:
        search(10_000 if full else 200, seed)
    except Exception as error:
        found = error.exceptions if isinstance(error, ExceptionGroup) else [error]
        for each in found:  # hypothesis notes the history
            failures.append(f"{type(each).__name__}: {each}\n\n```\n" + "\n".join(getattr(each, "__notes__", ())) + "\n```\n")
    worst = Histories.worst if failures else Verdict()
    verdict = Verdict(Histories.confirmed_in_all) + worst
    figures = (f"{Histories.calls:,}", f"{Histories.struck:,}", f"{Histories.kills:,}")
    section.rows.append(Row("histories of up to 20 steps", Histories.examples, verdict, figures, failures=tuple(failures)))
    return section
