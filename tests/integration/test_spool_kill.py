"""Killed with everything in the spool: the next writer, or ``asyncsummary sync``, commits it in order, exactly once."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import asyncsummary as summary
from asyncsummary.records import Damage, scan
from asyncsummary.sync import sync
from tests.support.events import events_of, scalars_of
from tests.support.proxy import FaultProxy, Loss
from tests.support.servers import MotoServer, free_port

CHILD = Path(__file__).with_name("spooling_child.py")


async def killed(logdir: Path, spool: Path, first: int, when: str, passing: int) -> None:
    """Run a child until its hundred scalars are in its spool, or committed, and kill it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(logdir), str(spool), str(first), when, str(passing), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    child.kill()
    await child.wait()


def steps_in(logdir: Path) -> list[int]:
    return [step for _, step, _ in scalars_of(events_of(logdir))]


@pytest.mark.parametrize("passing", [0, 1, 3])
@pytest.mark.parametrize("when", ["HANG_BEFORE", "HANG_AFTER"])
@pytest.mark.parametrize("resume", [False, True])
async def test_the_next_writer_sends_it(resume: bool, when: str, passing: int, tmp_path: Path) -> None:
    """Whether the append that hung was stored or not."""
    logdir, spool = tmp_path / "run", tmp_path / "spool"
    await killed(logdir, spool, 0, when, passing)
    async with summary.create_file_writer(logdir, spool_dir=spool, resume=resume) as writer:
        await writer.scalar("t", 1.0, 500)
        await writer.flush()
        assert writer.stats.recovered >= 50
    assert steps_in(logdir) == [*range(100), 500]
    assert list(spool.glob("*/*.spool")) == []


TORN = """
import asyncio, os, signal, sys
import asyncsummary as summary
from asyncsummary_storage import local

def torn(descriptor, data, offset):
    os.pwrite(descriptor, bytes(data)[: int(sys.argv[3])], offset)
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    options = {"spool_dir": sys.argv[2], "durability": "spool", "max_queue": 10**6, "flush_millis": 10**7}
    async with summary.create_file_writer(sys.argv[1], **options) as writer:
        await writer.flush()
        local._write_all = torn
        for step in range(100):
            await writer.scalar("t", 1.0, step)
        await writer.flush()

asyncio.run(main())
"""


@pytest.mark.parametrize(("size", "goes_on"), [(1, "new"), (1500, "new"), (1500, "resumed"), (1500, "sync")])
async def test_killed_in_the_middle_of_a_write(size: int, goes_on: str, tmp_path: Path) -> None:
    """What the file has of it already is not written once more, whoever goes on."""
    logdir, spool = tmp_path / "run", tmp_path / "spool"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", TORN, str(logdir), str(spool), str(size))
    assert await child.wait() == -signal.SIGKILL
    (path,) = logdir.glob("*tfevents*")
    assert scan(path.read_bytes())[1].damage is Damage.TORN
    if goes_on == "sync":
        assert [(one.left, one.error) for one in await sync(spool)] == [(0, None)]
    else:
        async with summary.create_file_writer(logdir, spool_dir=spool, resume=goes_on == "resumed") as writer:
            assert writer.stats.recovered == 100
    assert steps_in(logdir) == list(range(100))
    assert list(spool.glob("*/*.spool")) == []


async def test_two_of_them(tmp_path: Path) -> None:
    """What several processes left comes in the order in which they began, however often somebody is killed over it."""
    logdir, spool = tmp_path / "run", tmp_path / "spool"
    await killed(logdir, spool, 0, "HANG_AFTER", 2)
    await killed(logdir, spool, 100, "HANG_BEFORE", 0)
    await killed(logdir, spool, 200, "HANG_AFTER", 1)
    done = await sync(spool)
    assert [(one.logdir, one.left, one.error) for one in done] == [(str(logdir), 0, None)]
    assert steps_in(logdir) == list(range(300))
    assert await sync(spool) == []
    assert list(spool.iterdir()) == []


async def test_the_command(moto: MotoServer, tmp_path: Path) -> None:
    """Commits to a bucket that was away, and says what it did; while it still is away it says what is left, and keeps it."""
    moto.make_bucket("sync")
    logdir, spool = "s3://sync/run", tmp_path / "spool"
    async with FaultProxy(moto.url) as proxy:
        writer = summary.create_file_writer(logdir, storage_options=moto.options(proxy.url), spool_dir=spool, retry_seconds=0.5)
        await writer.init()
        await writer.scalar("t", 1.0, 7)
        proxy.lose("PUT", *[Loss.UNAVAILABLE] * 100)
        with pytest.raises(summary.CommitError, match="in the spool"):
            await writer.close()

    def command(options: dict[str, object]) -> "subprocess.CompletedProcess[str]":
        arguments = ["sync", "--spool-dir", str(spool), "--retry-seconds", "1", "--storage-options", json.dumps(options)]
        return subprocess.run([sys.executable, "-m", "asyncsummary", *arguments], capture_output=True, text=True, check=False)

    nowhere = {**moto.options(), "endpoint_url": f"http://127.0.0.1:{free_port()}"}
    away = await asyncio.to_thread(command, nowhere)
    assert away.returncode == 1, away.stderr
    assert "0 summaries committed, 1 left: cannot open logdir" in away.stdout
    there = await asyncio.to_thread(command, moto.options())
    assert (there.returncode, there.stdout) == (0, f"{logdir}: 1 summaries committed\n"), there.stderr
    again = await asyncio.to_thread(command, moto.options())
    assert "nothing was left in the spool" in again.stdout
    bad = await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "asyncsummary", "sync", "--storage-options", "["])
    assert bad.returncode == 2
