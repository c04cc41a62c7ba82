"""Our messages and TensorFlow's in one process, and TensorFlow's tensors, graphs and messages wherever ours are taken."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from tests.support.events import events_of
from tests.support.tensorflow import load_tensorflow

tf = load_tensorflow()
v1 = tf.compat.v1

TOGETHER = """
import asyncio, glob, sys
{first}
{second}

async def write(folder):
    async with asyncsummary.create_file_writer(folder) as writer:
        for step in range(100):
            await writer.scalar("loss", 0.5 * step, step)

asyncio.run(write(sys.argv[1]))
(path,) = glob.glob(sys.argv[1] + "/*tfevents*")
events = list(tensorflow.compat.v1.train.summary_iterator(path))
found = [(event.step, event.summary.value[0].tag, event.summary.value[0].simple_value) for event in events if event.summary.value]
assert found == [(step, "loss", 0.5 * step) for step in range(100)], found[:3]
assert events[0].file_version == "brain.Event:2"
theirs = tensorflow.compat.v1.Event(wall_time=1.5, step=3, file_version="x").SerializeToString()
from asyncsummary.protos import Event
assert Event.FromString(theirs).SerializeToString() == theirs
"""
IMPORTS = ("import tensorflow", "import asyncsummary")


@pytest.mark.parametrize("imports", [IMPORTS, IMPORTS[::-1]], ids=" then ".join)
def test_one_process(imports: tuple[str, str], tmp_path: Path) -> None:
    """One process, whichever is imported first; TensorFlow reads what was written"""
    code = TOGETHER.format(first=imports[0], second=imports[1])
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)],
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
    )


async def values_of(folder: Path, kind: str, **calls: Any) -> dict[str, Any]:
    """Write values by a writer's method, and return what was written by tag."""
    async with summary.create_file_writer(folder) as writer:
        for tag, value in calls.items():
            await getattr(writer, kind)(tag, value, 1)
    return {value.tag: value for event in events_of(folder) for value in event.summary.value}


async def test_tensors_and_variables(tmp_path: Path) -> None:
    """Tensors and variables as values: scalars, histograms, images, `generic`"""
    scalars = await values_of(
        tmp_path / "s", "scalar", tensor=tf.constant(2.5), variable=tf.Variable(3.5), bfloat16=tf.constant(0.5, tf.bfloat16)
    )
    assert {tag: value.simple_value for tag, value in scalars.items()} == {"tensor": 2.5, "variable": 3.5, "bfloat16": 0.5}
    histograms = await values_of(tmp_path / "h", "histogram", h=tf.constant([1.0, 2.0]))
    assert histograms["h"].histo.sum == 3.0
    images = await values_of(tmp_path / "i", "image", i=tf.zeros([1, 2, 2, 3], tf.uint8))
    assert tf.io.decode_png(images["i/image/0"].image.encoded_image_string).shape == (2, 2, 3)
    generic = await values_of(tmp_path / "g", "generic", g=tf.constant(["a", "b"]))
    theirs = v1.make_tensor_proto(["a", "b"])
    assert generic["g"].tensor.SerializeToString() == theirs.SerializeToString()
    numbers = await values_of(tmp_path / "n", "generic", n=tf.constant([[1.0, 2.0]]))
    assert numbers["n"].tensor.SerializeToString() == tf.io.serialize_tensor([[1.0, 2.0]]).numpy()


async def test_steps(tmp_path: Path) -> None:
    """An int64 variable as a step, read when the summary is written"""
    step = tf.Variable(7, dtype=tf.int64)
    async with summary.create_file_writer(tmp_path) as writer:
        await writer.scalar("t", 1.0, step)
        step.assign_add(1)
        await writer.scalar("t", 1.0, step)
    assert [event.step for event in events_of(tmp_path) if event.summary.value] == [7, 8]


async def test_metadata(tmp_path: Path) -> None:
    """SummaryMetadata of TensorFlow's making"""
    async with summary.create_file_writer(tmp_path) as writer:
        await writer.generic("g", 1.0, 1, v1.SummaryMetadata(display_name="d"))
    (event,) = [event for event in events_of(tmp_path) if event.summary.value]
    assert event.summary.value[0].metadata.display_name == "d"


async def test_summary_op_of_our_hook(tmp_path: Path) -> None:
    """A Summary of TensorFlow's making as `summary_op` of our own hook"""
    step = summary.get_or_create_global_step()
    async with summary.FileWriter(tmp_path) as writer:
        message = v1.Summary(value=[v1.Summary.Value(tag="t", simple_value=1.0)])
        hook = summary.SummarySaverHook(1, summary_writer=writer, summary_op=lambda: message)
        async with summary.MonitoredSession(hooks=[hook]) as session:
            await session.run(step.assign_add)
    assert [event.step for event in events_of(tmp_path) if event.summary.value] == [1]
