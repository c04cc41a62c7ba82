"""tf.summary (TF2) beside ours: what is recorded, under which tag and step, and the same values where the wire forms differ."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from tensorboard.compat.proto import event_pb2, tensor_pb2
from tensorboard.data_compat import migrate_event
from tensorboard.util import tensor_util

import asyncsummary as summary
from asyncsummary.protos import Event, PluginData, SummaryMetadata
from tests.support.events import events_of
from tests.support.tensorflow import comparable, load_tensorflow

tf = load_tensorflow()
METADATA = SummaryMetadata(plugin_data=PluginData(plugin_name="p", content=b"\1"), display_name="d").SerializeToString()
protos: Any = event_pb2  # made at run time, so that type checkers know nothing of it
tensors: Any = tensor_pb2


def written(folder: Path, write: Callable[[], Any]) -> list[Event]:
    """Return the events behind the version that tf.summary's functions write."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        write()
    writer.close()
    return [event for event in events_of(folder) if not event.file_version]


async def ours(folder: Path, write: Callable[[], Any]) -> list[Event]:
    """Return the events behind the START that our functions write."""
    async with summary.create_file_writer(folder) as writer, writer.as_default(), summary.always_record_summaries():
        await write()
    return events_of(folder)[2:]


@pytest.mark.parametrize(
    ("tag", "tensor"),
    [
        ("plain", np.float32(1.5)),
        ("a/b c!/é", np.arange(6, dtype=np.int64).reshape(2, 3)),
        ("/text", "hello"),
        ("texts", ["a", "é"]),
        ("bools", [True, False]),
        ("empty", np.zeros((0, 2), np.float64)),
    ],
)
@pytest.mark.parametrize("metadata", [None, METADATA], ids=["plain", "metadata"])
async def test_write(tag: str, tensor: Any, metadata: bytes | None, tmp_path: Path) -> None:
    """`write`: the same event, whatever the tag, within a name scope too"""
    theirs = written(tmp_path / "theirs", lambda: tf.summary.write(tag, tensor, step=3, metadata=metadata))

    async def write() -> None:
        with summary.name_scope("scope"):
            await summary.write(tag, tensor, 3, metadata)

    assert comparable(await ours(tmp_path / "ours", write)) == comparable(theirs)


def migrated(event: Event) -> list[tuple[str, int, str, Any]]:
    """Return (tag, step, plugin, array) of an event's values, as TensorBoard understands them whichever way they were written."""
    one = migrate_event(protos.Event.FromString(event.SerializeToString()))
    return [(value.tag, one.step, value.metadata.plugin_data.plugin_name, array_of(value)) for value in one.summary.value]


def array_of(value: Any) -> Any:
    """Return the array of a value."""
    return tensor_util.make_ndarray(tensors.TensorProto.FromString(value.tensor.SerializeToString()))


async def test_scalars(tmp_path: Path) -> None:
    """`scalar`: the same tag, step and float32, as TensorBoard reads them"""
    values = [0, 1, -1.5, 0.1, 3.4e38, float("inf"), np.float64(1e300), np.int64(2**53 + 1)]

    def write() -> None:
        for step, value in enumerate(values):
            with tf.name_scope("scope"):
                tf.summary.scalar("t", value, step=step)

    async def write_ours() -> None:
        for step, value in enumerate(values):
            with summary.name_scope("scope"):
                await summary.scalar("t", value, step=step)

    theirs = [migrated(event) for event in written(tmp_path / "theirs", write)]
    assert [migrated(event) for event in await ours(tmp_path / "ours", write_ours)] == theirs
    assert theirs[3][0][:3] == ("scope/t", 3, "scalars")


async def test_images(tmp_path: Path) -> None:
    """`image`: the same pixels of uint8 images"""
    batch = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    (theirs,) = written(tmp_path / "theirs", lambda: tf.summary.image("i", batch, step=2))
    (found,) = await ours(tmp_path / "ours", lambda: summary.image("i", batch, step=2))
    (_, step, plugin, tensor) = migrated(theirs)[0]
    decoded = [np.asarray(PillowImage.open(io.BytesIO(png))) for png in tensor[2:]]
    assert (step, plugin, [int(size) for size in tensor[:2]]) == (2, "images", [7, 5])
    assert found.step == 2
    for index, value in enumerate(found.summary.value):
        assert (value.tag, value.image.width, value.image.height) == (f"i/image/{index}", 7, 5)
        assert (np.asarray(PillowImage.open(io.BytesIO(value.image.encoded_image_string))) == decoded[index]).all()
    assert len(found.summary.value) == len(decoded) == 3


async def test_audio(tmp_path: Path) -> None:
    """`audio`: the same WAV, byte for byte"""
    sound = np.random.default_rng(0).uniform(-1, 1, (2, 100, 2)).astype(np.float32)
    (theirs,) = written(tmp_path / "theirs", lambda: tf.summary.audio("a", sound, 8000, step=2))
    (found,) = await ours(tmp_path / "ours", lambda: summary.audio("a", sound, 8000, 3, step=2))
    tensor = migrated(theirs)[0][3]
    assert [value.audio.encoded_audio_string for value in found.summary.value] == [wav for wav, _ in tensor]


async def test_graph(tmp_path: Path) -> None:
    """`graph`: the same GraphDef"""
    graph = tf.Graph()
    with graph.as_default():
        tf.constant([1.0], name="x")
    (theirs,) = written(tmp_path / "theirs", lambda: tf.summary.graph(graph))
    (found,) = await ours(tmp_path / "ours", lambda: summary.graph(graph, 0))
    parse = tf.compat.v1.GraphDef.FromString
    assert (found.step, parse(found.graph_def)) == (theirs.step, parse(theirs.graph_def))


async def test_steps(tmp_path: Path) -> None:
    """`set_step`, `get_step`, `as_default(step=)`: which step is written, and what is left afterwards"""

    def theirs() -> list[Any]:
        writer = tf.summary.create_file_writer(str(tmp_path / "theirs"))
        seen: list[Any] = [tf.summary.experimental.get_step()]
        counter = tf.Variable(10, dtype=tf.int64)
        with writer.as_default(step=4):
            seen.append(tf.summary.experimental.get_step())
            tf.summary.write("t", 1.0)
            with writer.as_default(step=5):
                tf.summary.write("t", 1.0)
            tf.summary.experimental.set_step(counter)
            counter.assign(11)
            tf.summary.write("t", 1.0)
            tf.summary.write("t", 1.0, step=12)
        seen.append(tf.summary.experimental.get_step())
        with writer.as_default(), pytest.raises(ValueError, match="No step set"):
            tf.summary.write("t", 1.0)
        writer.close()
        return seen

    seen_by_theirs = await asyncio.to_thread(theirs)
    counter = summary.GlobalStep(10)
    async with summary.create_file_writer(tmp_path / "ours") as writer:
        with summary.always_record_summaries():
            seen: list[Any] = [summary.get_step()]
            with writer.as_default(step=4):
                seen.append(summary.get_step())
                await summary.write("t", 1.0)
                with writer.as_default(step=5):
                    await summary.write("t", 1.0)
                summary.set_step(counter)
                counter.assign(11)
                await summary.write("t", 1.0)
                await summary.write("t", 1.0, step=12)
            seen.append(summary.get_step())
            with writer.as_default(), pytest.raises(ValueError, match="No step set"):
                await summary.write("t", 1.0)
    assert seen == seen_by_theirs == [None, 4, None]
    steps = [[event.step for event in events_of(tmp_path / name) if event.summary.value] for name in ("ours", "theirs")]
    assert steps == [[4, 5, 11, 12]] * 2


async def test_recording(tmp_path: Path) -> None:
    """`record_if` with a bool and with a callable, nested; `should_record_summaries` with and without a writer"""

    def theirs() -> list[bool]:
        calls = iter([True, False])
        found = [bool(tf.summary.should_record_summaries())]
        with tf.summary.create_file_writer(str(tmp_path / "theirs")).as_default():
            with tf.summary.record_if(False):
                found.append(bool(tf.summary.write("a", 1.0, step=1)))
                with tf.summary.record_if(True):
                    found.append(bool(tf.summary.write("b", 1.0, step=1)))
            with tf.summary.record_if(lambda: next(calls)):
                found += [bool(tf.summary.write("c", 1.0, step=step)) for step in range(2)]
        return found

    found_by_theirs = await asyncio.to_thread(theirs)
    calls = iter([True, False])
    found = [summary.should_record_summaries()]
    async with summary.create_file_writer(tmp_path / "ours") as writer, writer.as_default():
        with summary.record_if(False):
            found.append(bool(await summary.write("a", 1.0, step=1)))
            with summary.record_if(True):
                found.append(bool(await summary.write("b", 1.0, step=1)))
        with summary.record_if(lambda: next(calls)):
            found += [bool(await summary.write("c", 1.0, step=step)) for step in range(2)]
    assert found == found_by_theirs == [False, False, True, True, False]
    tags = [[value.tag for event in events_of(tmp_path / name) for value in event.summary.value] for name in ("ours", "theirs")]
    assert tags == [["b", "c"]] * 2


async def test_noop_writers(tmp_path: Path) -> None:
    """`create_noop_writer`: as a default it changes nothing"""

    def theirs() -> bool:
        with tf.summary.create_file_writer(str(tmp_path / "theirs")).as_default(), tf.summary.create_noop_writer().as_default():
            return bool(tf.summary.write("a", 1.0, step=1))

    async with summary.create_file_writer(tmp_path / "ours") as writer, writer.as_default(), summary.always_record_summaries():
        with summary.create_noop_writer().as_default():
            assert await summary.write("a", 1.0, step=1) is await asyncio.to_thread(theirs) is True
