"""Killed at any moment, a database opens, is sound, and holds what flush() confirmed, once, in one run."""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

import asyncsummary as summary
from tests.support.database import column, is_sound, query

CHILD = Path(__file__).with_name("database_child.py")
KILLS = 20
TAGS = ("float", "int", "strings", "histogram")


async def write_and_kill(path: Path, first: int, confirmations: int, pause: float) -> int:
    """Run a child until it has confirmed so many flushes and a moment more, kill it, return the last step it confirmed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(path), str(first), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert child.stdout is not None
    confirmed = -1
    for _ in range(confirmations):
        line = await child.stdout.readline()
        assert line, "the child ended by itself"
        confirmed = int(line)
    await asyncio.sleep(pause)  # not to wait for something, but to hit any moment
    child.kill()
    rest = await child.stdout.read()
    await child.wait()
    whole_lines = rest[: rest.rfind(b"\n") + 1].split()
    return int(whole_lines[-1]) if whole_lines else confirmed


@pytest.mark.parametrize("seed", [1])
async def test_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    """Twenty times, each going on in the run of the one before."""
    path = tmp_path / "runs.sqlite"
    chance = random.Random(seed)
    due: set[tuple[str, int]] = set()
    for session in range(KILLS):
        first = session * 100_000
        last = await write_and_kill(path, first, chance.randint(1, 6), chance.random() * 0.02)
        due |= {(tag, step) for tag in TAGS for step in range(first, last + 1)}
        assert is_sound(path), f"after kill {session}"
    async with summary.create_db_writer(path, "experiment", "run", "user", resume=True) as writer:
        await writer.scalar("float", 1.0, KILLS * 100_000)
    found = query(path, "SELECT tag_name, step FROM Tensors JOIN Tags ON series = tag_id JOIN Runs USING (run_id)")
    assert len(found) == len(set(found)) == column(path, "SELECT count(*) FROM Tensors")[0]
    assert due <= set(found)
    assert ("float", KILLS * 100_000) in found
    assert query(path, "SELECT run_name, finished_time IS NULL FROM Runs") == [("run", 0)]
    assert sorted(column(path, "SELECT tag_name FROM Tags")) == sorted(TAGS)
    strings = column(path, "SELECT count(*) FROM TensorStrings JOIN Tensors ON tensor_rowid = Tensors.rowid JOIN Tags ON series = tag_id")
    assert strings == [2 * sum(tag == "strings" for tag, _ in found)]
    assert not path.with_name("runs.sqlite-wal").exists()
