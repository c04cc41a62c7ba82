"""The kernels of tf.contrib.summary, which TensorFlow still has, beside our writer's methods."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary.protos import Event, PluginData, SummaryMetadata
from tests.support.events import events_of
from tests.support.tensorflow import KernelWriter, comparable, load_tensorflow, written_by

tf = load_tensorflow()

NUMBERS = [np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
METADATA = SummaryMetadata(plugin_data=PluginData(plugin_name="p", content=b"\1"), display_name="d")
RNG = np.random.default_rng(7)


async def ours(folder: Path, write: Callable[[summary.SummaryWriter], Any]) -> list[Event]:
    """Return the events that our writer writes, but for the version and the START."""
    async with summary.create_file_writer(folder, max_queue=10_000) as writer:
        await write(writer)
    return events_of(folder)[2:]


async def assert_equal(
    tmp_path: Path, kernel: Callable[[KernelWriter], None], write: Callable[[summary.SummaryWriter], Any], count: int = 1
) -> None:
    """See that both write the same."""
    theirs = await asyncio.to_thread(written_by, tf, tmp_path / "theirs", kernel)
    assert len(theirs) == count
    assert comparable(await ours(tmp_path / "ours", write)) == comparable(theirs)


@pytest.mark.parametrize("dtype", NUMBERS)
async def test_scalars(dtype: Any, tmp_path: Path) -> None:
    """`scalar` of every dtype, at its limits"""
    info = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    values = [dtype(0), dtype(1), dtype(3), info.min, info.max]
    if np.dtype(dtype).kind == "f":
        values += [dtype(0.1), dtype("nan"), dtype("inf"), dtype("-inf")]
    values = [dtype(value) for value in values]
    if dtype is np.float64:
        values += [np.float64(1e300), np.float64(1e-50), np.float64(16777217)]

    def kernel(writer: KernelWriter) -> None:
        for step, value in enumerate(values):
            writer.call("WriteScalarSummary", step=step, tag="t", value=value)

    async def write(writer: summary.SummaryWriter) -> None:
        for step, value in enumerate(values):
            await writer.scalar("t", value, step)

    theirs = await asyncio.to_thread(written_by, tf, tmp_path / "theirs", kernel)
    found = await ours(tmp_path / "ours", write)
    assert [event.SerializeToString(deterministic=True) for event in comparable(found)] == [
        event.SerializeToString(deterministic=True) for event in comparable(theirs)
    ]  # by bytes, since a NaN is not equal to itself
    assert len(theirs) == len(values)


@pytest.mark.parametrize("step", [0, 1, -5, 2**31, 2**63 - 1, -(2**63)])
async def test_steps(step: int, tmp_path: Path) -> None:
    """Steps over the whole of int64"""
    await assert_equal(
        tmp_path,
        lambda writer: writer.call("WriteScalarSummary", step=step, tag="t", value=1.0),
        lambda writer: writer.scalar("t", 1.0, step),
    )


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.int64(9),
        np.array([True, False]),
        np.array([1 + 2j], np.complex64),
        np.array([1 + 2j], np.complex128),
        np.array(["a", "bc"]),
        "hello",
        b"\xff\x00",
        ["é", "中"],
        np.zeros((0, 3), np.float32),
        np.array([], object).astype(str),
        np.arange(4, dtype=np.uint64),
        np.array([0.5], np.float16),
        [],
        7,
        2**40,
        0.1,
    ],
    ids=repr,
)
@pytest.mark.parametrize("metadata", [None, METADATA], ids=["plain", "metadata"])
async def test_tensors(value: Any, metadata: SummaryMetadata | None, tmp_path: Path) -> None:
    """`generic` of every kind of array, with and without metadata"""
    serialised = b"" if metadata is None else metadata.SerializeToString()
    await assert_equal(
        tmp_path,
        lambda writer: writer.call("WriteSummary", step=4, tensor=tf.convert_to_tensor(value), tag="t", summary_metadata=serialised),
        lambda writer: writer.generic("t", value, 4, metadata),
    )


HISTOGRAMS = [
    [1.0],
    [1.0, 2.0, 2.0, -3.0, 0.0],
    np.array([0.0, -0.0, 1e-12, -1e-12, 1e-13, 9.9e-13]),
    np.array([1e20, 9.920775621859783e19, 1e300, -1e20, -1e300]),
    np.array([-1.7976931348623157e308]),
    [],
    [[1, 2], [3, 4]],
    np.arange(-50, 50, dtype=np.int8),
    np.arange(5, dtype=np.uint64) + 2**63,
    RNG.normal(size=10_000),
    RNG.normal(size=10_000).astype(np.float32),
    RNG.normal(size=1_000).astype(np.float16),
    RNG.lognormal(0, 20, size=5_000),
    -RNG.lognormal(0, 20, size=5_000),
    1.1 ** np.arange(-290.0, 480.0) * 1e-12,
    3.5,
]


@pytest.mark.parametrize("values", HISTOGRAMS, ids=range(len(HISTOGRAMS)))
async def test_histograms(values: Any, tmp_path: Path) -> None:
    """`histogram`: limits, counts, sums, at the edges of buckets and at random"""
    await assert_equal(
        tmp_path,
        lambda writer: writer.call("WriteHistogramSummary", step=5, tag="h", values=tf.convert_to_tensor(values)),
        lambda writer: writer.histogram("h", values, 5),
    )


def images() -> dict[str, Any]:
    """Return batches of every dtype and depth."""
    found: dict[str, Any] = {
        "grey ramp": np.linspace(0, 0.999, 1000, dtype=np.float32).reshape(1, 10, 100, 1),
        "negative": np.array([[-1, 0, 1, 0.5]], np.float32).reshape(1, 1, 4, 1),
        "tiny": np.array([2e-6, -1e-7, 1e-7, 0], np.float32).reshape(4, 1, 1, 1),
        "not finite": np.array([[0, np.nan, 1], [np.inf, 2, -np.inf], [0.5, 0.25, 1]], np.float32).reshape(1, 1, 3, 3),
        "all nan": np.full((1, 1, 2, 4), np.nan, np.float32),
        "none": np.zeros((0, 2, 2, 1), np.uint8),
    }
    for depth in (1, 3, 4):
        found[f"uint8 {depth}"] = RNG.integers(0, 256, (2, 5, 7, depth), dtype=np.uint8)
        found[f"float32 {depth}"] = RNG.normal(size=(2, 5, 7, depth)).astype(np.float32)
        found[f"positive {depth}"] = RNG.random(size=(2, 5, 7, depth), dtype=np.float32)
        found[f"half {depth}"] = RNG.normal(size=(2, 5, 7, depth)).astype(np.float16)
        found[f"half positive {depth}"] = RNG.random(size=(2, 9, 7, depth)).astype(np.float16)
    for name, high in (("max 0.3", 0.3), ("max 1e30", 1e30), ("max 0.999", 0.999)):
        found[name] = np.array([0, high / 2, high], np.float32).reshape(1, 1, 3, 1)
    return found


@pytest.mark.parametrize(("name", "batch"), images().items(), ids=images().keys())
@pytest.mark.parametrize("max_images", [1, 3])
async def test_images(name: str, batch: Any, max_images: int, tmp_path: Path) -> None:
    """`image`: every pixel, of every dtype and depth"""
    bad_color = np.array([255, 0, 0, 255], np.uint8)
    await assert_equal(
        tmp_path,
        lambda writer: writer.call("WriteImageSummary", step=6, tag="i", tensor=batch, bad_color=bad_color, max_images=max_images),
        lambda writer: writer.image("i", batch, 6, max_images=max_images),
    )


SOUNDS = {
    "edges": np.array([[0, 0.5, -0.5, 1, -1, 2, -2, np.nan, np.inf, -np.inf]], np.float32),
    "halves": (np.arange(-40, 40, dtype=np.float32) / 2 / 32768)[None, :],
    "near the limit": np.array([[32766.5, 32767.4, 32767.5, -32767.5, -32768.5]], np.float32) / 32768,
    "random": RNG.uniform(-1.2, 1.2, (2, 500)).astype(np.float32),
    "stereo": RNG.uniform(-1, 1, (3, 50, 2)).astype(np.float32),
    "none": np.zeros((0, 4), np.float32),
}


@pytest.mark.parametrize("sound", SOUNDS.values(), ids=SOUNDS.keys())
@pytest.mark.parametrize("rate", [8000.0, 44100.0, 0.2, 1.5, 2.5])
@pytest.mark.parametrize("max_outputs", [1, 3])
async def test_audio(sound: Any, rate: float, max_outputs: int, tmp_path: Path) -> None:
    """`audio`: every byte of the WAV, and odd sample rates"""
    await assert_equal(
        tmp_path,
        lambda writer: writer.call("WriteAudioSummary", step=6, tag="a", tensor=sound, sample_rate=rate, max_outputs=max_outputs),
        lambda writer: writer.audio("a", sound, rate, max_outputs, 6),
    )


async def test_graph(tmp_path: Path) -> None:
    """`graph`, of a tf.Graph and of its GraphDef's bytes"""
    graph = tf.Graph()
    with graph.as_default():
        tf.add(tf.constant([1.0, 2.0], name="x"), 1.0, name="y")
    data = graph.as_graph_def(add_shapes=True).SerializeToString()

    def kernel(writer: KernelWriter) -> None:
        for _ in range(2):
            writer.call("WriteGraphSummary", step=3, tensor=data)

    async def write(writer: summary.SummaryWriter) -> None:
        await writer.graph(graph, 3)
        await writer.graph(data, 3)

    theirs = await asyncio.to_thread(written_by, tf, tmp_path / "theirs", kernel)
    found = await ours(tmp_path / "ours", write)
    parse = tf.compat.v1.GraphDef.FromString
    assert [(event.step, parse(event.graph_def)) for event in found] == [(event.step, parse(event.graph_def)) for event in theirs]


async def test_imported_events(tmp_path: Path) -> None:
    """`import_event`, byte for byte"""
    event = Event(wall_time=123.5, step=42, file_version="x").SerializeToString() + b"\xa2\x06\x01x"
    await asyncio.to_thread(written_by, tf, tmp_path / "theirs", lambda writer: writer.call("ImportEvent", event=event))
    await ours(tmp_path / "ours", lambda writer: writer.import_event(event))
    for folder in ("ours", "theirs"):
        (path,) = (tmp_path / folder).iterdir()
        assert event in path.read_bytes()


BAD: dict[str, tuple[Callable[[KernelWriter], None], Callable[[summary.SummaryWriter], Any], str]] = {
    "nan": (
        lambda writer: writer.call("WriteHistogramSummary", step=0, tag="t", values=[float("nan")]),
        lambda writer: writer.histogram("t", [float("nan")], 0),
        "Nan in summary histogram for: t",
    ),
    "inf": (
        lambda writer: writer.call("WriteHistogramSummary", step=0, tag="t", values=[float("inf")]),
        lambda writer: writer.histogram("t", [float("inf")], 0),
        "Infinity in summary histogram for: t",
    ),
    "rank": (
        lambda writer: writer.call("WriteImageSummary", step=0, tag="t", tensor=np.zeros((1, 2, 2), np.uint8), bad_color=[0]),
        lambda writer: writer.image("t", np.zeros((1, 2, 2), np.uint8), 0),
        "Tensor must be 4-D with last dim 1, 3, or 4, not ",
    ),
    "no rate": (
        lambda writer: writer.call("WriteAudioSummary", step=0, tag="t", tensor=np.zeros((1, 2), np.float32), sample_rate=0.0),
        lambda writer: writer.audio("t", np.zeros((1, 2), np.float32), 0.0, 1, 0),
        "sample_rate must be",
    ),
    "no event": (
        lambda writer: writer.call("ImportEvent", event=b"\xff\xff"),
        lambda writer: writer.import_event(b"\xff\xff"),
        "",
    ),
    "no graph": (
        lambda writer: writer.call("WriteGraphSummary", step=0, tensor=b"\xff\xff"),
        lambda writer: writer.graph(b"\xff\xff", 0),
        "",
    ),
    "bool": (
        lambda writer: writer.call("WriteScalarSummary", step=0, tag="t", value=True),
        lambda writer: writer.scalar("t", True, 0),
        "",
    ),
    "images none asked": (
        lambda writer: writer.call(
            "WriteImageSummary", step=0, tag="t", tensor=np.zeros((1, 2, 2, 1), np.uint8), bad_color=np.zeros(4, np.uint8), max_images=0
        ),
        lambda writer: writer.image("t", np.zeros((1, 2, 2, 1), np.uint8), 0, max_images=0),
        "at least minimum 1",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input(name: str, tmp_path: Path) -> None:
    """What both refuse: nothing is written, and the words agree"""
    kernel, write, words = BAD[name]

    def raises(writer: KernelWriter) -> None:
        with pytest.raises((tf.errors.OpError, TypeError, ValueError)) as caught:
            kernel(writer)
        assert words in str(caught.value)

    async def ours_raises(writer: summary.SummaryWriter) -> None:
        with pytest.raises(summary.InvalidSummaryError) as caught:
            await write(writer)
        assert words in str(caught.value)

    await assert_equal(tmp_path, raises, ours_raises, count=0)
