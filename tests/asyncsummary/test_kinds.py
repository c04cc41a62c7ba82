"""All kinds through a writer: order of acceptance, encoding off the event loop, errors at their own await."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary.database import export
from asyncsummary.protos import GraphDef, NodeDef, PluginData, SummaryMetadata
from asyncsummary.values import histogram as histogram_module
from tests.support.events import events_in
from tests.support.writing import Bench

IMAGE = np.zeros((1, 2, 2, 3), np.uint8)
SOUND = np.zeros((1, 4), np.float32)
GRAPH = GraphDef(node=[NodeDef(name="hi", op="NoOp")])


async def write_each(step: int) -> list[bool | None]:
    """Write one summary of each kind to the default writer."""
    return [
        await summary.scalar("s", 1.0, step=step),
        await summary.histogram("h", [1.0, 2.0], step=step),
        await summary.image("i", IMAGE, max_images=1, step=step),
        await summary.audio("a", SOUND, 8000, 1, step=step),
        await summary.generic("g", [1, 2], step=step),
        await summary.scalar("s2", 1.0, step=step),
        await summary.graph(GRAPH, step=step),
    ]


async def test_the_order_of_acceptance() -> None:
    """Is kept, though some are encoded at once, some together, and some in a thread."""
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
        for step in range(30):
            assert await write_each(step) == [True] * 7
        await summary.flush()
    found = [(event.step, event.summary.value[0].tag if event.summary.value else event.WhichOneof("what")) for event in bench.events()[2:]]
    tags = ["s", "h", "i/image", "a/audio", "g", "s2", "graph_def"]
    assert found == [(step, tag) for step in range(30) for tag in tags]
    times = [event.wall_time for event in bench.events()[2:]]
    assert times == sorted(times)


async def test_without_writer_and_without_recording() -> None:
    """None and False; only graphs are written whatever is recorded."""
    assert await write_each(1) == [None] * 7
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.never_record_summaries():
        assert await write_each(1) == [False] * 6 + [True]
        assert await summary.histogram("h", ["not looked at"]) is False


async def test_noop_writer() -> None:
    """Takes every kind, and does nothing."""
    writer = summary.create_noop_writer()
    calls = [writer.histogram("h", 1), writer.image("i", 1), writer.audio("a", 1, 1), writer.generic("g", 1), writer.graph(1)]
    assert [await call for call in calls] == [None] * 5


async def test_encoding_runs_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it takes its time, the event loop goes on."""
    threads: list[threading.Thread] = []
    release = threading.Event()
    original = histogram_module.histogram_proto

    def slow(values: Any) -> Any:
        threads.append(threading.current_thread())
        assert release.wait(30)
        return original(values)

    monkeypatch.setattr(histogram_module, "histogram_proto", slow)
    bench = Bench()
    async with bench.writer() as writer:
        assert await writer.histogram("h", np.ones(10), 1)
        await writer.scalar("s", 1.0, 2)
        flush = asyncio.create_task(writer.flush())
        while not threads:
            await asyncio.sleep(0)
        assert await writer.scalar("s", 1.0, 3)
        assert not flush.done()
        release.set()
        await flush
        assert bench.steps()[:2] == [1, 2]
    assert threads[0] is not threading.main_thread()


async def test_arrays_are_taken_when_they_are_given() -> None:
    """What the caller does to them afterwards changes nothing."""
    bench = Bench()
    values, pixels = np.ones(3), np.zeros((1, 1, 1, 1), np.uint8)
    async with bench.writer() as writer:
        await writer.histogram("h", values, 1)
        await writer.image("i", pixels, 1)
        values[:], pixels[:] = 7.0, 200
    histogram, image = (event.summary.value[0] for event in bench.events()[2:])
    assert histogram.histo.sum == 3.0
    assert len(image.image.encoded_image_string) < 80


@pytest.mark.parametrize("database", [False, True])
async def test_arrays_that_change_while_the_writer_opens(database: bool, tmp_path: Path) -> None:
    """What is written is what they held at the call, though the first one opens the writer."""
    logdir = tmp_path / "run"
    writer = summary.create_db_writer(tmp_path / "db", "experiment", "run") if database else summary.create_file_writer(logdir)
    number, numbers, integers = np.zeros(1, np.float32), np.zeros(3, np.float32), np.zeros(3, np.int32)
    writes = [
        asyncio.ensure_future(writer.scalar("scalar", number, 1)),
        asyncio.ensure_future(writer.scalars({"scalars": number}, 1)),
        asyncio.ensure_future(writer.scalar_series("series", numbers, [1, 2, 3])),
        asyncio.ensure_future(writer.scalar_series("integers", integers, [1, 2, 3])),
        asyncio.ensure_future(writer.histogram("histogram", numbers, 1)),
        asyncio.ensure_future(writer.generic("generic", numbers, 1)),
    ]
    await asyncio.sleep(0)
    assert not any(write.done() for write in writes)
    for array in (number, numbers, integers):
        array[:] = 9
    await asyncio.gather(*writes)
    await writer.close()
    if database:
        await export(tmp_path / "db", logdir)
    events = [event for path in logdir.rglob("*tfevents*") for event in events_in(path.read_bytes())]
    values = {value.tag: value.SerializeToString() for event in events for value in event.summary.value}
    assert set(values) == {"scalar", "scalars", "series", "integers", "histogram", "generic"}
    nines = [np.array(9, dtype).tobytes() for dtype in ("<f4", "<f8", "<i4")]
    assert not any(nine in value for nine in nines for value in values.values())


async def test_large_summaries_count_by_their_bytes() -> None:
    """A queue of a megabyte holds no hundred images of a megabyte; whoever brings one waits."""
    bench = Bench()
    async with bench.writer(pending_bytes=1 << 20) as writer:
        bench.script.gate = asyncio.Event()
        images = np.zeros((1, 300, 1000, 1), np.uint8)
        tasks = [asyncio.create_task(writer.image("i", images, step)) for step in range(10)]
        for _ in range(50):
            await asyncio.sleep(0)
        assert sum(task.done() for task in tasks) <= 4
        bench.script.gate.set()
        await asyncio.gather(*tasks)
    assert [event.step for event in bench.events()[2:]] == list(range(10))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("histogram", ("bad/tag", [float("nan")])),
        ("image", ("bad/tag", np.zeros((1, 1, 2, 2), np.uint8))),
        ("audio", ("bad/tag", np.zeros((1, 1, 1, 4), np.float32), 8000, 3)),
        ("generic", ("bad/tag", object())),
    ],
)
async def test_bad_values_reach_their_own_await(kind: str, arguments: tuple[Any, ...]) -> None:
    """With the tag, within its scope, in the text; nothing of it is written, and later writes work."""
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries(), summary.name_scope("scope"):
        with pytest.raises(summary.InvalidSummaryError, match="scope/bad/tag"):
            await getattr(summary, kind)(*arguments)
        with pytest.raises(summary.InvalidSummaryError, match="step of tag 'scope/h'"):
            await summary.histogram("h", [1.0], step=1.5)  # type: ignore[arg-type]  # a user's mistake
        await summary.histogram("h", [1.0], step=2)
        assert writer.stats.accepted == 1
    assert [event.step for event in bench.events()[2:]] == [2]


async def test_families() -> None:
    """Name every kind alike."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.histogram("h", [1.0], 1, family="f")
        await writer.image("i", IMAGE, 1, max_images=1, family="f")
        await writer.audio("a", SOUND, 8000, 1, 1, "f")
        await writer.generic("g", 1, 1, SummaryMetadata(plugin_data=PluginData(plugin_name="p")), "f")
    assert [event.summary.value[0].tag for event in bench.events()[2:]] == ["f/f/h", "f/f/i/image", "f/f/a/audio", "f/f/g"]
