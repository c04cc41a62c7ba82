"""Arbitrary histories of one writer, with late scalars, full queues, outages, spools, closings and openings: everything is counted once."""

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

import asyncsummary as summary
from asyncsummary.config import Durability
from asyncsummary.handle import FileWriterHandle
from asyncsummary.order import LatePolicy
from asyncsummary.queue import Overflow
from asyncsummary_storage import AccessDeniedError, Fault, Growth, Script, When
from tests.support.writing import Bench

OPERATIONS = ("append", "probe", "read", "entries", "open")


class History:
    """One writer, and what is done to it. Replies are not lost: how such an append of a writer that gave up has ended, nobody knows."""

    def __init__(self, seed: int, spool_root: Path) -> None:
        self.random = random.Random(seed)
        late_script = self.random.choice([None, Script()])
        self.bench = Bench(late_script=late_script, growth=self.random.choice(list(Growth)))
        self.scripts = [self.bench.script] if late_script is None else [self.bench.script, late_script]
        self.overflow = self.random.choice(list(Overflow))
        self.writer = self._writer(self.random.choice([None, spool_root]))
        self.written = self.refused = 0

    def _writer(self, spool_root: Path | None) -> FileWriterHandle:
        choice = self.random.choice
        durability = choice([Durability.COMMIT, Durability.SPOOL]) if spool_root is not None else Durability.COMMIT
        return self.bench.writer(
            late_steps=choice([LatePolicy.SUBRUN, LatePolicy.SUBRUN, LatePolicy.DROP, LatePolicy.WARN]),
            overflow=self.overflow,
            spool_root=spool_root,
            durability=durability,
            max_queue=choice([None, 0, 10]),
            flush_seconds=choice([0.1, 1.0, 120.0]),
            pending_bytes=choice([2048, 8192, 1 << 20]),
            summaries=choice([50, 10_000]),
            retry_seconds=choice([2.0, 10.0]),
            max_spool_bytes=choice([4096, 1 << 30]),
        )

    async def go_on(self) -> None:
        """Do something, and open the writer if that has closed it."""
        acts = [self._write] * 11 + [self._flush] * 2 + [self._wait] * 2 + [self._break] * 2 + [self._heal] * 2 + [self._close]
        with contextlib.suppress(summary.SummaryError, TimeoutError):
            await self.random.choice(acts)()
        self.assert_counted()
        if self.writer.closed or self.random.random() < 0.05:
            with contextlib.suppress(summary.SummaryError):
                await self.writer.init()
        self.assert_counted()

    async def _write(self) -> None:
        step = self.random.randrange(2000)
        for _ in range(self.random.randrange(1, 30)):
            self.written += 1
            self.refused += 1  # unless it is accepted
            async with asyncio.timeout(30.0):
                if await self.writer.scalar(self.random.choice("ab"), float(self.written), step):
                    self.refused -= 1
            self.assert_counted()

    async def _flush(self) -> None:
        async with asyncio.timeout(self.random.choice([0.01, 1.0, 20.0])):
            await self.writer.flush(self.random.choice([None, 0.5, 5.0]))

    async def _wait(self) -> None:
        await asyncio.sleep(self.random.choice([0.0, 0.01, 1.0, 10.0, 60.0]))

    async def _break(self) -> None:
        script, choice = self.random.choice(self.scripts), self.random.choice
        denied = [Fault(operation, error=lambda: AccessDeniedError("no")) for operation in ("append", "open")]
        match self.random.randrange(5):
            case 0:
                script.always([Fault(operation) for operation in OPERATIONS])
            case 1:
                script.always([choice(denied)])
            case _:
                script.then(*[Fault(choice(OPERATIONS), choice([When.BEFORE, When.HANG_BEFORE])) for _ in range(choice([1, 3, 5]))])

    async def _heal(self) -> None:
        for script in self.scripts:
            script.heal()

    async def _close(self) -> None:
        if self.random.random() < 0.5:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.random.choice([0.01, 5.0])):
                    await self.writer.close()
        await self.writer.close()

    def assert_counted(self) -> None:
        """See that each is counted once; of those that the queue never took some count as dropped."""
        stats = self.writer.stats
        counted = stats.committed + stats.pending + stats.dropped
        may_differ = 0 if self.overflow in {Overflow.BLOCK, Overflow.RAISE} else self.refused
        assert stats.accepted <= counted <= stats.accepted + may_differ, stats
        assert stats.pending >= 0, stats

    async def end(self) -> None:
        """Close it, and open it once more with everything at its best; then nothing is left, and all that is committed is there once."""
        await self._heal()
        with contextlib.suppress(summary.CommitError):
            await self.writer.close()
        self.assert_counted()
        await self.writer.init()
        await asyncio.sleep(100.0)
        await self.writer.close()
        self.assert_counted()
        values = [value for _, _, value in [*self.bench.scalars(), *self.bench.late()]]
        assert len(values) == len(set(values)) == self.writer.stats.committed
        assert (self.writer.stats.pending, self.writer.stats.recovered) == (0, 0)


@pytest.mark.virtual_time
@pytest.mark.parametrize("seed", range(40))
async def test_any_history(seed: int, tmp_path: Path) -> None:
    """Is counted right at each moment, and at its end."""
    history = History(seed, tmp_path)
    for _ in range(history.random.randrange(20, 80)):
        await history.go_on()
    await history.end()
