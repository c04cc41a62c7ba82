"""The interpreter ends, and event loops have not: in programs of their own, as people write them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.database import scalars
from tests.support.events import events_of, scalars_of

BEGIN = """
import asyncio, concurrent.futures.thread, json, os, sys, threading
import asyncsummary as summary

create = summary.create_db_writer if sys.argv[1].endswith(".sqlite") else summary.create_file_writer
options = json.loads(sys.argv[2])
"""

STOPPED = f"""{BEGIN}
loop = asyncio.new_event_loop()
writer = create(sys.argv[1], **options)
for step in range(5):
    loop.run_until_complete(writer.scalar("t", 1.0, step))
"""

DAEMON = f"""{BEGIN}
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
writer = create(sys.argv[1], **options)
for step in range(5):
    asyncio.run_coroutine_threadsafe(writer.scalar("t", 1.0, step), loop).result()
"""

OUTLIVING = f"""{BEGIN}
opened = threading.Event()

async def train():
    writer = create(sys.argv[1], **options)
    if BEFORE:
        await writer.init()
        opened.set()
    while not concurrent.futures.thread._shutdown:  # the main thread is through, and pools of threads take nothing more
        await asyncio.sleep(0.001)
    async with writer:
        for step in range(5):
            await writer.scalar("t", 1.0, step)
            await writer.histogram("h", [float(step)], step)
            await writer.flush()

threading.Thread(target=lambda: asyncio.run(train())).start()
if BEFORE:
    opened.wait()
"""


def told(program: str, logdir: "Path | str", typed: str | None = None, **options: Any) -> str:
    """Run a program to its end, which must be a good one; return what it said."""
    arguments = ["-c", program, str(logdir), json.dumps(options)] if typed is None else ["-m", "asyncio"]
    ended = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        input=typed,
        env={**os.environ, "PYTHONASYNCIODEBUG": ""},
        timeout=60,
        check=True,
    )
    return ended.stderr


def steps_of(logdir: Path) -> list[int]:
    found = scalars(logdir) if logdir.suffix == ".sqlite" else scalars_of(events_of(logdir))
    return [step for tag, step, _ in found if tag == "t"]


@pytest.fixture(params=["files", "files and a spool", "a database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Where a program writes to, and its writer's options."""
    if request.param == "a database":
        return tmp_path / "db.sqlite", {}
    return tmp_path / "run", {} if request.param == "files" else {"spool_dir": str(tmp_path / "spool"), "durability": "spool"}


@pytest.mark.parametrize(
    "program",
    [STOPPED, f"{STOPPED}del writer\n", DAEMON, f"{DAEMON}del writer\n"],
    ids=["a loop that was stopped", "and its writer forgotten", "a daemon thread", "and its writer forgotten there"],
)
def test_what_was_accepted_is_committed(program: str, place: tuple[Path, dict[str, Any]]) -> None:
    """Each summary once, and nothing is said of a loss."""
    logdir, options = place
    said = told(program, logdir, **options)
    assert steps_of(logdir) == [0, 1, 2, 3, 4], said
    assert "not committed" not in said


def test_many_writers(tmp_path: Path) -> None:
    """All of them are looked after."""
    program = f"""{BEGIN}
loop = asyncio.new_event_loop()
writers = [create(f"{{sys.argv[1]}}/{{number}}") for number in range(5)]
for writer in writers:
    loop.run_until_complete(writer.scalar("t", 1.0, 1))
"""
    said = told(program, tmp_path)
    assert [steps_of(tmp_path / str(number)) for number in range(5)] == [[1]] * 5, said


def test_in_pythons_own_shell_of_asyncio(tmp_path: Path) -> None:
    """Where nobody closes what was typed."""
    typed = f"import asyncsummary as summary\nwriter = summary.create_file_writer({str(tmp_path)!r})\nawait writer.scalar('t', 1.0, 1)\n"
    said = told("", tmp_path, typed)
    assert steps_of(tmp_path) == [1], said


AWAY = """
import dataclasses
from asyncsummary_storage import TransientError
from asyncsummary_storage.local import LocalSegment

def away(*arguments):
    raise TransientError("the disk is away")

LocalSegment._append = away
resource = writer._resource
resource.config = resource.pipeline.config = dataclasses.replace(resource.config, farewell_seconds=0.2)
del resource
"""


@pytest.mark.parametrize(
    ("end", "how"),
    [("loop.close()\n", "not closed"), (AWAY, "not closed"), (f"{AWAY}del writer\n", "forgotten")],
    ids=["a loop that was closed", "storage is away", "and the writer forgotten"],
)
def test_what_cannot_be_committed(end: str, how: str, tmp_path: Path) -> None:
    """Is told, with the logdir and the number, and Python ends."""
    said = told(STOPPED + end, tmp_path)
    assert f"{tmp_path}: 5 summaries are not committed at the end of the interpreter, as their writer was {how}\n" in said
    assert steps_of(tmp_path) == []


def test_what_is_in_the_spool_by_then(tmp_path: Path) -> None:
    """Is told, too, with the place; the next writer commits it."""
    logdir, options = tmp_path / "run", {"spool_dir": str(tmp_path / "spool"), "durability": "spool"}
    said = told(STOPPED + AWAY, logdir, **options)
    assert f"their writer was not closed. All of them are in the spool in {tmp_path / 'spool'}" in said
    assert "died" not in said  # of an append that was on its way
    said = told(STOPPED, logdir, **options)
    assert steps_of(logdir) == [0, 1, 2, 3, 4] * 2, said


def test_what_a_close_has_told(tmp_path: Path) -> None:
    """Is not said again."""
    close = """
try:
    loop.run_until_complete(writer.close())
except summary.CommitError as error:
    print("told:", error.uncommitted, file=sys.stderr)
"""
    options: dict[str, Any] = {"spool_dir": str(tmp_path / "spool"), "retry_seconds": 0.1}
    said = told(STOPPED + AWAY + close, tmp_path / "run", **options)
    assert "told: 5" in said
    assert "end of the interpreter" not in said


@pytest.mark.parametrize("before", [False, True])
def test_a_thread_that_outlives_the_main_thread(before: bool, place: tuple[Path, dict[str, Any]]) -> None:
    """Goes on to write, and may begin with it then; nothing is said of it. What some Pythons say of the loop's end is not ours."""
    logdir, options = place
    if logdir.suffix == ".sqlite" and not before and sys.version_info[:2] == (3, 12):
        pytest.skip("a connection is a thread, and this Python begins none any more")
    said = told(OUTLIVING.replace("BEFORE", str(before)), logdir, **options)
    assert steps_of(logdir) == [0, 1, 2, 3, 4], said
    assert "asyncsummary" not in said


def test_a_forked_child_leaves_its_parents_writers_alone(tmp_path: Path) -> None:
    """It ends as usual, and writes nothing of what its parent has waiting."""
    program = f"""{STOPPED}
from asyncsummary import leaving
child = os.fork()
if not child:
    leaving._end()  # a child that closes its copy of the loop would deafen that of its parent
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    said = told(program, tmp_path)
    assert steps_of(tmp_path) == [0, 1, 2, 3, 4]
    assert "not committed" not in said
