"""SIGTERM and Ctrl-C with ``install_signal_handlers``: what was accepted is there, and the process ends as it would have ended."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from asyncsummary_storage import open_folder
from tests.integration.signal_child import BEFORE_THE_OTHER
from tests.support.events import events_in, events_of, scalars_of
from tests.support.servers import MotoServer

ROOT = Path(__file__).parents[2]
LONG = 60.0


class Child:
    """A child that does not outlive its ``with`` block."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.integration.signal_child", *arguments]
        # without a buffer, since communicate() would not see what readline() has read ahead
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()

    def lines(self, count: int) -> list[str]:
        """Wait for so many lines."""
        assert self.process.stdout is not None
        found = [self.process.stdout.readline().decode().strip() for _ in range(count)]
        assert all(found), self.process.communicate()[1].decode()
        return found

    def end(self) -> tuple[int, str, str]:
        """Wait until it has ended; return its status, the rest of what it printed, and its log."""
        printed, log = self.process.communicate(timeout=LONG)
        return self.process.returncode, printed.decode(), log.decode()


async def stored(logdir: str) -> list[int]:
    """Return the steps of all scalars in the order of reading."""
    folder = open_folder(logdir)
    await folder.open()
    steps = []
    for entry in await folder.entries():
        steps += [step for _, step, _ in scalars_of(events_in(await folder.segment(entry.name).read(0, entry.size)))]
    await folder.close()
    return steps


@pytest.fixture(params=["local", "s3"])
def logdir(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run in a folder, and one in a bucket."""
    if request.param == "local":
        return str(tmp_path / "run")
    moto: MotoServer = request.getfixturevalue("moto")
    moto.make_bucket("signals")
    for variable, value in {**moto.environment, "AWS_ENDPOINT_URL": moto.url}.items():
        monkeypatch.setenv(variable, value)
    return f"s3://signals/{tmp_path.name}/run"


@pytest.mark.parametrize("where", ["inside", "before", "uvloop"])
async def test_sigterm(where: str, logdir: str) -> None:
    """Everything that was accepted before is there, each once, in order; the exit status is that of the signal."""
    with Child(logdir, where) as child:
        accepted = [int(line) for line in child.lines(300)]
        child.process.terminate()
        assert child.end()[0] == -signal.SIGTERM
    found = await stored(logdir)
    assert found == list(range(len(found)))
    assert found[: len(accepted)] == accepted


@pytest.mark.parametrize("where", ["inside", "before", "uvloop"])
async def test_sigint(where: str, tmp_path: Path) -> None:
    """KeyboardInterrupt comes out of asyncio.run, as ever."""
    with Child(str(tmp_path), where) as child:
        accepted = [int(line) for line in child.lines(300)]
        child.process.send_signal(signal.SIGINT)
        status, _, log = child.end()
        assert status == -signal.SIGINT
        assert log.rstrip().endswith("KeyboardInterrupt")
    assert (await stored(str(tmp_path)))[: len(accepted)] == accepted


async def test_writers_of_other_threads(tmp_path: Path) -> None:
    """Are flushed in their own loops, while the main thread has none."""
    with Child(str(tmp_path), "threads") as child:
        accepted = [int(line) for line in child.lines(300)]
        child.process.terminate()
        assert child.end()[0] == -signal.SIGTERM
    assert (await stored(f"{tmp_path}/loop"))[: len(accepted)] == accepted
    blocking = await stored(f"{tmp_path}/blocking")
    assert blocking == list(range(len(blocking)))
    assert len(blocking) >= BEFORE_THE_OTHER  # these were accepted before the other writer began; only the first is written at once


@pytest.mark.parametrize("where", ["hanging", "blocked"])
def test_the_deadline(where: str) -> None:
    """Holds when storage never answers, and when the event loop never gets a turn; what is lost is counted."""
    with Child("-", where, "0.3") as child:
        assert child.lines(1) == ["ready"]
        child.process.terminate()
        begun = time.monotonic()
        status, _, log = child.end()
        assert time.monotonic() - begun < 30
        assert status == -signal.SIGTERM
        assert "in-memory:run: 3 summaries are not committed at SIGTERM: not done within 0.3 s" in log


def test_a_second_signal() -> None:
    """Does not wait for the flush; the loss is told all the same."""
    with Child("-", "hanging", "3600") as child:
        assert child.lines(1) == ["ready"]
        child.process.terminate()
        assert child.lines(1) == ["flushing"]
        child.process.terminate()
        status, _, log = child.end()
        assert status == -signal.SIGTERM
        assert "3 summaries are not committed at SIGTERM: a second signal came" in log


def test_a_handler_that_was_there(tmp_path: Path) -> None:
    """Is called when all is committed, and the program goes on as that handler likes."""
    with Child(str(tmp_path), "handler") as child:
        assert child.lines(1) == ["ready"]
        child.process.terminate()
        status, printed, _ = child.end()
        assert status == 0
        assert printed.split() == ["stop", "15", "1"]
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [1, 2]


@pytest.mark.parametrize("where", ["loop", "uvloop-loop"])
def test_a_handler_of_the_loop(where: str, tmp_path: Path) -> None:
    """Is called once, at once, by its loop; the flush happens beside it."""
    with Child(str(tmp_path), where) as child:
        assert child.lines(1) == ["ready"]
        child.process.terminate()
        status, printed, _ = child.end()
        assert status == 0
        assert printed.split() == ["stop"]
    assert [step for _, step, _ in scalars_of(events_of(tmp_path))] == [1]


def test_a_forked_child(tmp_path: Path) -> None:
    """Has no thread to flush anything; it ends by the signal at once."""
    with Child(str(tmp_path), "child") as child:
        assert child.lines(1) == ["-15"]
        assert child.end()[0] == 0
