"""FileWriter without await: from plain code, threads, at the interpreter's end, and in forked children."""

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import asyncsummary as summary
from asyncsummary.background import background
from asyncsummary.blocking import FileWriter, FileWriterCache
from asyncsummary.protos import START, Event, GraphDef, MetaGraphDef, NodeDef, SessionLog, Summary, Value
from tests.support.events import events_of

GRAPH = GraphDef(node=[NodeDef(name="hi", op="NoOp")])


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Each test has a background thread of its own."""
    yield
    background.stop()


def one(value: float = 1.0) -> Summary:
    return Summary(value=[Value(tag="t", simple_value=value)])


def test_all_that_can_be_written(tmp_path: Path) -> None:
    """In the order of the calls."""
    with FileWriter(tmp_path, graph_def=GRAPH) as writer:
        writer.add_summary(one(), 1)
        writer.add_session_log(SessionLog(status=START), 2)
        writer.add_meta_graph(MetaGraphDef(), 3)
        writer.add_run_metadata(b"", "tag", 4)
        writer.add_graph(GRAPH, 5)
        writer.add_event(summary_event(6))
        writer.flush()
        assert writer.stats.committed == 8
        assert writer.get_logdir() == str(tmp_path)
        assert str(tmp_path) in repr(writer)
    assert [event.step for event in events_of(tmp_path)] == [0, 0, 0, 1, 2, 3, 4, 5, 6]


def summary_event(step: int) -> bytes:
    return Event(wall_time=1.0, step=step, summary=one()).SerializeToString()


def test_threads(tmp_path: Path) -> None:
    """Any number of them may write; each one's order is kept."""
    with FileWriter(tmp_path, max_queue=100) as writer:

        def work(first: int) -> None:
            for step in range(first, first + 50):
                writer.add_summary(one(), step)

        threads = [threading.Thread(target=work, args=(first,)) for first in (0, 1000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    steps = [event.step for event in events_of(tmp_path)[1:]]
    assert [step for step in steps if step < 1000] == list(range(50))
    assert [step for step in steps if step >= 1000] == list(range(1000, 1050))


def test_errors_reach_the_caller(tmp_path: Path) -> None:
    """At the call that made them; later calls work."""
    with FileWriter(tmp_path) as writer:
        with pytest.raises(summary.InvalidSummaryError, match="no serialised Summary"):
            writer.add_summary(b"\xff\xff", 1)
        writer.add_summary(one(), 1)
    (tmp_path / "file").write_text("")
    with FileWriter(tmp_path / "file" / "run") as writer, pytest.raises(summary.OpenError):
        writer.add_summary(one(), 1)


def test_closed(tmp_path: Path) -> None:
    """A warning that points at the caller, and nothing is written until it is opened again."""
    writer = FileWriter(tmp_path)
    writer.add_summary(one(), 1)
    writer.close()
    writer.close()
    assert writer.closed
    with pytest.warns(UserWarning, match="Attempting to use a closed FileWriter") as caught:
        writer.add_summary(one(), 2)
    assert caught[0].filename == __file__
    writer.reopen()
    writer.add_summary(one(), 3)
    writer.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_the_cache(tmp_path: Path) -> None:
    """One writer for each exact string; clear() closes them."""
    first = FileWriterCache.get(tmp_path)
    assert FileWriterCache.get(str(tmp_path)) is first
    assert FileWriterCache.get(f"{tmp_path}/") is not first
    first.add_summary(one(), 1)
    FileWriterCache.clear()
    assert first.closed
    assert FileWriterCache.get(tmp_path) is not first
    FileWriterCache.clear()


async def test_within_an_event_loop(tmp_path: Path) -> None:
    """It works there too, though it blocks the loop; within its own loop it is refused, since it would wait for itself."""
    with FileWriter(tmp_path) as writer:
        writer.add_summary(one(), 1)

        async def inside() -> None:
            writer.flush()

        with pytest.raises(summary.WrongLoopError, match="would wait for itself"):
            background.run(inside)


LEFT_OPEN = """
import logging, sys
from asyncsummary.blocking import FileWriter
from asyncsummary.protos import Summary, Value
writer = FileWriter(sys.argv[1])
for step in range(5):
    writer.add_summary(Summary(value=[Value(tag="t", simple_value=1.0)]), step)
{end}
"""


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "1 / 0"])
def test_the_end_of_the_interpreter(end: str, tmp_path: Path) -> None:
    """Closes what is open, however it comes about."""
    command = [sys.executable, "-W", "error", "-c", LEFT_OPEN.format(end=end), str(tmp_path)]
    subprocess.run(command, check=False, timeout=60, stderr=subprocess.DEVNULL)
    assert [event.step for event in events_of(tmp_path)[1:]] == [0, 1, 2, 3, 4]


def test_a_forked_child(tmp_path: Path) -> None:
    """Is refused, rather than left waiting for a thread that it does not have."""
    with FileWriter(tmp_path) as writer:
        writer.add_summary(one(), 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of forking with threads
            child = os.fork()
        if not child:
            status = 1
            try:
                writer.add_summary(one(), 2)
            except summary.WrongLoopError:
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
    assert [event.step for event in events_of(tmp_path)[1:]] == [1]


def test_tensorflow_is_not_imported_by_itself() -> None:
    """asyncsummary.tensorflow is asked for by name; without TensorFlow the error says what to install."""
    code = """
import sys
sys.modules["tensorflow"] = None
import asyncsummary
try:
    asyncsummary.tensorflow
except ImportError as error:
    print(error)
try:
    asyncsummary.nothing
except AttributeError as error:
    print(error)
"""
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.splitlines() == [
        "asyncsummary.tensorflow needs TensorFlow: pip install 'asyncsummary[tensorflow]'",
        "module 'asyncsummary' has no attribute 'nothing'",
    ]
