"""TensorBoard's plugins serve every kind: by its Python reader and by its Rust reader."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary.protos import GraphDef, NodeDef, PluginData, SummaryMetadata
from tests.support.tensorboard import TensorBoard


async def write_gallery(writer: summary.SummaryWriter) -> None:
    """Write two steps of every kind."""
    rng = np.random.default_rng(0)
    for step in range(2):
        await writer.scalar("scalar", step + 0.5, step)
        await writer.histogram("histogram", rng.normal(size=1000), step)
        await writer.image("image", rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8), step, max_images=2)
        await writer.audio("audio", np.sin(np.arange(800, dtype=np.float32) / 5)[None, :], 8000, 1, step)
        text = SummaryMetadata(plugin_data=PluginData(plugin_name="text"))
        await writer.generic("text", f"step *{step}*", step, text)
    await writer.graph(GraphDef(node=[NodeDef(name="in", op="Placeholder"), NodeDef(name="out", op="Relu", input=["in"])]), 0)


@pytest.mark.parametrize("rust", [False, True])
async def test_every_kind_is_served(rust: bool, tmp_path: Path) -> None:
    """Tags, steps and contents as they were written."""
    async with summary.create_file_writer(tmp_path / "run") as writer:
        await write_gallery(writer)
    process = TensorBoard(str(tmp_path), rust=rust)
    async with AsyncExitStack() as stack:
        board = await asyncio.to_thread(process.__enter__)
        stack.callback(process.__exit__, None, None, None)
        await board.until(lambda: board.points("run", "scalar") == [(0, 0.5), (1, 1.5)], "the scalars")
        await board.until(lambda: (board.ask("plugin/graphs/info") or {}).get("run", {}).get("run_graph"), "the graph")
        buckets = board.ask("plugin/histograms/histograms", run="run", tag="histogram")
        assert [step for _, step, _ in buckets] == [0, 1]
        assert sum(count for _, _, count in buckets[0][2]) == pytest.approx(1000)
        for index in range(2):
            images = board.ask("plugin/images/images", run="run", tag=f"image/image/{index}", sample="0")
            assert [image["step"] for image in images] == [0, 1]
        sounds = board.ask("plugin/audio/audio", run="run", tag="audio/audio", sample="0")
        kind = "application/octet-stream" if rust else "audio/wav"  # the Rust reader drops it from events of this form, whoever wrote them
        assert [(sound["step"], sound["contentType"]) for sound in sounds] == [(0, kind), (1, kind)]
        texts = board.ask("plugin/text/text", run="run", tag="text")
        assert ["<em>0</em>" in texts[0]["text"], "<em>1</em>" in texts[1]["text"]] == [True, True]
