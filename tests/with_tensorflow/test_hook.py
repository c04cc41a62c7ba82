"""asyncbridge.SummarySaverHook in MonitoredTrainingSession, TensorFlow's own hook there, and our async hook: one timeline."""

import asyncio
import importlib
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary.background import background
from asyncsummary.protos import START, Event, Summary, Value
from asyncsummary_storage import open_folder
from tests.support.events import events_in, events_of
from tests.support.servers import MotoServer
from tests.support.tensorflow import comparable, load_tensorflow

tf = load_tensorflow()
v1 = tf.compat.v1
training_util: Any = importlib.import_module("tensorflow.python.training.training_util")
bridge: Any = importlib.import_module("asyncsummary.tensorflow")

Hooks = Callable[[Any], list[Any]]
"""Makes the hooks of a loop, given its summary op."""


@pytest.fixture(autouse=True)
def caches_are_empty() -> Iterator[None]:
    """No writer, and no thread, is left by a test."""
    yield
    bridge.FileWriterCache.clear()
    v1.summary.FileWriterCache.clear()
    background.stop()


def train(make_hooks: Hooks, runs: int, increment: int = 1, start: int = 0, error: BaseException | None = None) -> None:
    """Run TensorFlow's training loop. The counter is incremented after the global step was read, as TensorFlow's optimizers do."""
    with v1.Graph().as_default():
        step = v1.train.get_or_create_global_step()
        runs_of_the_op = v1.get_variable("runs_of_the_op", [], tf.float32, v1.zeros_initializer(), trainable=False)
        train_op = training_util._increment_global_step(increment)
        v1.summary.scalar("value", runs_of_the_op.assign_add(1.0))
        hooks = make_hooks(v1.summary.merge_all())
        scaffold = v1.train.Scaffold(init_op=v1.global_variables_initializer(), init_fn=lambda _, session: step.load(start, session))
        with v1.train.MonitoredTrainingSession(
            hooks=hooks, scaffold=scaffold, save_summaries_steps=None, save_summaries_secs=None
        ) as session:
            for _ in range(runs):
                session.run(train_op)
            if error is not None:
                raise error


def timeline(events: list[Event]) -> list[tuple[str, int]]:
    """Return what was written at which step, but for the graph."""
    kinds = [(event.WhichOneof("what") or "", event.step) for event in events]
    return [(kind, step) for kind, step in kinds if kind in {"summary", "session_log"}]


def nodes_of(event: Event) -> list[tuple[str, str]]:
    """Return a graph's nodes. The rest holds numbers that TensorFlow counts up over the process."""
    return [(node.name, node.op) for node in v1.GraphDef.FromString(event.graph_def).node]


async def our_loop(folder: Path, hook: summary.SummarySaverHook, runs: int, increment: int, start: int) -> None:
    """Run our own training loop."""
    step = summary.get_or_create_global_step().assign(start)
    async with summary.MonitoredSession(hooks=[hook]) as session:
        for _ in range(runs):
            await session.run(lambda: step.assign_add(increment))
    await summary.FileWriterCache.clear()


CASES = [
    (1, 30, 1, 0),
    (2, 30, 1, 0),
    (3, 30, 1, 0),
    (8, 30, 1, 0),
    (30, 30, 1, 0),
    (2, 5, 1, 100),
    (8, 8, 5, 0),
    (5, 6, 5, 0),
    (6, 8, 5, 0),
    (2, 5, 2, 0),
    (3, 5, 2, 0),
    (1, 3, 0, 0),
    (2, 5, 0, 0),
    (0, 4, 1, 0),
    (-1, 4, 1, 0),
]


@pytest.mark.parametrize(("save_steps", "runs", "increment", "start"), CASES)
async def test_timelines(save_steps: int, runs: int, increment: int, start: int, tmp_path: Path) -> None:
    """`SummarySaverHook`: TensorFlow's own, ours in its `MonitoredTrainingSession`, and ours in our `MonitoredSession`"""

    def theirs(op: Any) -> list[Any]:
        return [v1.train.SummarySaverHook(save_steps, output_dir=str(tmp_path / "theirs"), summary_op=op)]

    def bridged(op: Any) -> list[Any]:
        return [bridge.SummarySaverHook(save_steps, output_dir=tmp_path / "bridged", summary_op=op)]

    await asyncio.to_thread(train, theirs, runs, increment, start)
    await asyncio.to_thread(train, bridged, runs, increment, start)
    v1.summary.FileWriterCache.clear()
    message = Summary(value=[Value(tag="value", simple_value=1.0)])
    hook = summary.SummarySaverHook(save_steps, output_dir=tmp_path / "ours", summary_op=message)
    await our_loop(tmp_path, hook, runs, increment, start)

    expected = events_of(tmp_path / "theirs")
    found = events_of(tmp_path / "bridged")
    assert timeline(expected)
    assert timeline(found) == timeline(expected)
    assert timeline(events_of(tmp_path / "ours")) == timeline(expected)
    assert [event.WhichOneof("what") for event in found] == [event.WhichOneof("what") for event in expected]
    rest = [index for index, event in enumerate(expected) if event.WhichOneof("what") != "meta_graph_def"]
    assert nodes_of(found[1]) == nodes_of(expected[1])
    found[1].graph_def = expected[1].graph_def
    assert comparable([found[index] for index in rest]) == comparable([expected[index] for index in rest])


async def test_every_second(tmp_path: Path) -> None:
    """`SummarySaverHook(save_secs=0)`: every run"""

    def bridged(op: Any) -> list[Any]:
        return [bridge.SummarySaverHook(save_secs=0, output_dir=tmp_path, summary_op=op)]

    await asyncio.to_thread(train, bridged, 3)
    assert timeline(events_of(tmp_path)) == [("session_log", 1), ("summary", 1), ("summary", 2), ("summary", 3)]


async def test_two_hooks_in_one_directory(tmp_path: Path) -> None:
    """Two hooks on one directory: one file, two STARTs, the hooks' order"""

    def hooks(kind: Any, folder: str) -> Hooks:
        return lambda op: [kind(2, output_dir=folder, summary_op=op), kind(2, output_dir=folder, summary_op=[op, op])]

    await asyncio.to_thread(train, hooks(v1.train.SummarySaverHook, str(tmp_path / "theirs")), 3)
    await asyncio.to_thread(train, hooks(bridge.SummarySaverHook, str(tmp_path / "ours")), 3)
    assert timeline(events_of(tmp_path / "ours")) == timeline(events_of(tmp_path / "theirs"))
    assert len(list((tmp_path / "ours").iterdir())) == 1


async def test_s3(moto: MotoServer) -> None:
    """To S3, live: all that was saved is there when the session has ended"""
    moto.make_bucket("tensorflow")

    def hooks(op: Any) -> list[Any]:
        hook = bridge.SummarySaverHook(2, output_dir="s3://tensorflow/run", summary_op=op, storage_options=moto.options())
        return [hook]

    await asyncio.to_thread(train, hooks, 5)
    folder = open_folder("s3://tensorflow/run", moto.options())
    await folder.open()
    data = b"".join([await folder.segment(entry.name).read(0, entry.size) for entry in await folder.entries()])
    await folder.close()
    assert timeline(events_in(data)) == [("session_log", 1), ("summary", 1), ("summary", 3), ("summary", 5)]
    assert [event.step for event in events_in(data) if event.session_log.status == START] == [1]


async def test_an_error_in_the_loop(tmp_path: Path) -> None:
    """After an error TensorFlow does not tell hooks of the end; what was saved is committed when the cache is cleared"""

    def hooks(op: Any) -> list[Any]:
        return [bridge.SummarySaverHook(1, output_dir=tmp_path, summary_op=op)]

    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(train, hooks, 2, error=ZeroDivisionError())
    await asyncio.to_thread(bridge.FileWriterCache.clear)
    assert timeline(events_of(tmp_path)) == [("session_log", 1), ("summary", 1), ("summary", 2)]


async def test_writers(tmp_path: Path) -> None:
    """`summary_writer`: our blocking FileWriter, TensorFlow's own, and none at all; one to be awaited is refused"""

    def loop(writer: Any) -> None:
        train(lambda op: [bridge.SummarySaverHook(1, summary_writer=writer, summary_op=op)], 2)

    def theirs() -> None:
        with v1.Graph().as_default(), v1.summary.FileWriter(str(tmp_path / "theirs")) as writer:
            loop(writer)

    def ours() -> None:
        with bridge.FileWriter(tmp_path / "ours") as writer:
            loop(writer)

    await asyncio.to_thread(theirs)
    await asyncio.to_thread(ours)
    await asyncio.to_thread(loop, None)
    assert timeline(events_of(tmp_path / "ours")) == timeline(events_of(tmp_path / "theirs"))
    for wrong in (summary.FileWriter(tmp_path), summary.create_file_writer(tmp_path)):
        with pytest.raises(TypeError, match=r"use asyncsummary\.tensorflow\.FileWriter"):
            bridge.SummarySaverHook(1, summary_writer=wrong, summary_op="x")
    with pytest.raises(TypeError, match="str has no add_summary, add_session_log, flush"):
        bridge.SummarySaverHook(1, summary_writer="x", summary_op="x")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"save_steps": 1},
        {"summary_op": "x", "scaffold": "x", "save_steps": 1},
        {"summary_op": "x"},
        {"summary_op": "x", "save_steps": 1, "save_secs": 1},
    ],
)
def test_bad_arguments(arguments: dict[str, Any]) -> None:
    """Bad arguments: the same words from TensorFlow's hook, ours for it, and ours"""
    found = []
    for kind in (v1.train.SummarySaverHook, bridge.SummarySaverHook, summary.SummarySaverHook):
        with pytest.raises(ValueError, match=r".") as caught:
            kind(**arguments)
        found.append(str(caught.value))
    assert found == [found[0]] * 3


def test_a_bad_directory_is_told_at_once() -> None:
    """A directory that cannot be used: at the constructor"""
    with pytest.raises(ValueError, match="logdir: is empty"):
        bridge.SummarySaverHook(1, output_dir="", summary_op="x")


def test_no_global_step(tmp_path: Path) -> None:
    """No global step: the same words"""
    found = []
    for kind in (v1.train.SummarySaverHook, bridge.SummarySaverHook):
        with v1.Graph().as_default(), pytest.raises(RuntimeError, match="Global step should be created") as caught:
            kind(1, output_dir=str(tmp_path), summary_op="x").begin()
        found.append(str(caught.value))
    assert found[0] == found[1]


def test_a_loop_after_the_cache_was_cleared(tmp_path: Path) -> None:
    """The same hook in two sessions, with the cache cleared, or its writer closed, between them"""
    hooks: list[Any] = []

    def make(op: Any) -> list[Any]:
        hooks[:] = [bridge.SummarySaverHook(1, output_dir=tmp_path, summary_op=op)]
        return hooks

    train(make, 1)
    bridge.FileWriterCache.get(tmp_path).close()
    train(make, 1)
    bridge.FileWriterCache.clear()
    train(make, 1)
    bridge.FileWriterCache.clear()
    assert timeline(events_of(tmp_path)) == [("session_log", 1), ("summary", 1)] * 3


def test_the_example(tmp_path: Path) -> None:
    """`examples/tensorflow_hook.py`, as it is"""
    example = Path(__file__).parents[2] / "examples" / "tensorflow_hook.py"
    subprocess.run([sys.executable, "-W", "ignore", str(example), "--logdir", str(tmp_path)], check=True, timeout=300)
    steps = [step for kind, step in timeline(events_of(tmp_path)) if kind == "summary"]
    # TensorFlow reads the step while the optimizer adds to it, so what it calls ten steps later may be nine
    assert steps[0] == 1
    assert {later - earlier for earlier, later in itertools.pairwise(steps)} <= {9, 10, 11}
    assert steps[-1] > 185
