"""What tf.contrib.summary's writers do over their life: counting, flushing, closing, threads, initialising."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary import steps as steps_module
from asyncsummary.protos import Event, GraphDef, NodeDef
from tests.support.events import events_of, scalars_of
from tests.support.writing import Bench

GRAPH = GraphDef(node=[NodeDef(name="hi", op="NoOp")])


async def settled(writer: summary.SummaryWriter, count: int) -> None:
    """Wait until so many summaries are committed."""
    while writer.stats.committed < count:
        await asyncio.sleep(0)


async def turns() -> None:
    """Let the writer's task do whatever it wants to do."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_eleventh_takes_ten_along() -> None:
    """By default ten wait."""
    bench = Bench()
    async with bench.writer(max_queue=10) as writer:
        for step in range(10):
            await writer.scalar("t", 1.0, step)
        await turns()
        assert bench.steps() == []
        await writer.scalar("t", 1.0, 10)
        await settled(writer, 11)
        assert bench.steps() == list(range(11))


async def test_events_are_counted_not_values() -> None:
    """Three images are one; graphs and imported events count like others."""
    bench = Bench()
    async with bench.writer(max_queue=3) as writer:
        await writer.image("i", np.zeros((3, 1, 1, 1), np.uint8), 0)
        await writer.graph(GRAPH, 1)
        await writer.import_event(Event(wall_time=1.0, step=2).SerializeToString())
        await turns()
        assert writer.stats.committed == 0
        await writer.scalar("t", 1.0, 3)
        await settled(writer, 4)


@pytest.mark.parametrize("options", [{"max_queue": 0}, {"flush_seconds": 0.0}])
async def test_each_at_once(options: dict[str, Any]) -> None:
    """By max_queue=0, and by flush_millis=0."""
    bench = Bench()
    async with bench.writer(**options) as writer:
        for step in range(3):
            await writer.scalar("t", 1.0, step)
            await settled(writer, step + 1)
        assert bench.steps() == [0, 1, 2]


async def test_a_closed_writer(tmp_path: Path) -> None:
    """Refuses what would be written, and nothing else; close again is fine."""
    writer = summary.create_file_writer(tmp_path)
    await writer.scalar("t", 1.0, 1)
    await writer.close()
    await writer.close()
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: writer.scalar("t", 1.0, 2),
        lambda: writer.histogram("t", [1.0], 2),
        lambda: writer.graph(GRAPH, 2),
        lambda: writer.import_event(b""),
        writer.flush,
    ]
    for call in calls:
        with pytest.raises(summary.WriterClosedError, match="is closed"):
            await call()
    with writer.as_default(), summary.never_record_summaries():
        assert await summary.scalar("t", 1.0, step=2) is False
    with pytest.raises(summary.WriterClosedError):
        async with writer.as_default():
            pass
    writer.set_as_default()
    await writer.init()
    await writer.close()
    assert len(list(tmp_path.iterdir())) == 2


async def test_four_threads(tmp_path: Path) -> None:
    """Each one's order is kept, and nothing is lost."""
    loop = asyncio.get_running_loop()
    async with summary.create_file_writer(tmp_path) as writer:

        def work(number: int) -> None:
            for step in range(200):
                asyncio.run_coroutine_threadsafe(_written(writer, number, step), loop).result()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    found = scalars_of(events_of(tmp_path))
    assert len(found) == 800
    for number in range(4):
        assert [step for tag, step, _ in found if tag == f"t{number}"] == list(range(200))


async def _written(writer: summary.SummaryWriter, number: int, step: int) -> None:
    await writer.scalar(f"t{number}", 1.0, step)


async def test_initialising_ignores_the_condition() -> None:
    """It opens all writers, writes the graph at step 0, and makes no global step; what is no graph is refused."""
    bench = Bench()
    with summary.Graph().as_default() as graph, bench.writer().as_default() as writer, summary.never_record_summaries():
        await summary.initialize(graph=GRAPH)
        with pytest.raises(summary.InvalidSummaryError, match="param: "):
            await summary.initialize(graph=3)
        assert graph.global_step is None
        await writer.close()
    assert [(event.step, event.graph_def) for event in bench.events()[2:]] == [(0, GRAPH.SerializeToString())]


async def test_an_explicit_step_makes_no_global_step() -> None:
    """Only a summary without one does."""
    async with Bench().writer() as writer:
        await writer.scalar("t", 1.0, 1)
        assert steps_module._global_step is None
        with pytest.raises(summary.InvalidSummaryError):
            await writer.scalar("t", "x")
        assert steps_module._global_step is None
        await writer.scalar("t", 1.0)
        assert steps_module._global_step is not None


async def test_metadata_of_generic_is_on_every_event() -> None:
    """Nothing is stripped, unlike in FileWriter."""
    bench = Bench()
    metadata = b"\x12\x01d"
    async with bench.writer() as writer:
        for step in range(2):
            await writer.generic("g", 1.0, step, metadata)
    assert [event.summary.value[0].metadata.display_name for event in bench.events()[2:]] == ["d", "d"]
