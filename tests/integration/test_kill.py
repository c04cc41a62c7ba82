"""Killed at any moment, a run goes on where it was: what flush() confirmed is there, exactly once."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import asyncsummary as summary
from asyncsummary_storage import open_folder
from tests.support.events import events_in, scalars_of
from tests.support.gcs_fake import GCSFake
from tests.support.servers import MotoServer

CHILD = Path(__file__).with_name("writing_child.py")
KILLS = 6


@asynccontextmanager
async def made(name: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Set the environment for a backend, and yield the logdir."""
    monkeypatch.delenv("PYTHONASYNCIODEBUG", raising=False)
    if name == "local":
        yield str(tmp_path / "run")
    elif name == "s3":
        moto: MotoServer = request.getfixturevalue("moto")
        moto.make_bucket("kill")
        for variable, value in {**moto.environment, "AWS_ENDPOINT_URL": moto.url}.items():
            monkeypatch.setenv(variable, value)
        yield f"s3://kill/{tmp_path.name}/run"
    else:
        async with GCSFake(buckets={"kill": {}}) as server:
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
            yield "gs://kill/run"


async def write_and_kill(logdir: str, first: int, confirmations: int, pause: float) -> int:
    """Run a child until it has confirmed so many flushes and a moment more, kill it, return the last step it confirmed."""
    child = await asyncio.create_subprocess_exec(sys.executable, str(CHILD), logdir, str(first), stdout=asyncio.subprocess.PIPE)
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


async def stored(logdir: str) -> tuple[list[str], list[tuple[str, int, float]]]:
    """Return the names of the segments, and all scalars in the order of reading."""
    folder = open_folder(logdir)
    await folder.open()
    names, scalars = [], []
    for entry in await folder.entries():
        names.append(entry.name)
        scalars += scalars_of(events_in(await folder.segment(entry.name).read(0, entry.size)))
    await folder.close()
    return names, scalars


@pytest.mark.parametrize("name", ["local", "s3", "gs"])
async def test_killed_and_resumed(name: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six kills, then a last session: no confirmed scalar is missing, none is there twice, each tag is in order."""
    chance = random.Random(f"kill {name}")
    async with made(name, tmp_path, request, monkeypatch) as logdir:
        confirmed: list[range] = []
        for session in range(KILLS):
            first = session * 100_000
            last = await write_and_kill(logdir, first, chance.randint(1, 6), chance.random() * 0.02)
            confirmed.append(range(first, last + 1))
        async with summary.create_file_writer(logdir, resume=True) as writer:
            await writer.scalar("a", 1.0, KILLS * 100_000)
        names, scalars = await stored(logdir)
    assert len(scalars) == len(set(scalars))
    due = {(tag, step, float(step)) for steps in confirmed for step in steps for tag in ("a", "b", "c", "d")}
    assert due <= set(scalars)
    assert scalars[-1] == ("a", KILLS * 100_000, 1.0)
    for tag in ("a", "b", "c", "d"):
        steps = [step for found, step, _ in scalars if found == tag]
        assert steps == sorted(steps)
    assert len(names) == 1
