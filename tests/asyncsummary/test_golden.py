"""The calls that made the golden file, made here: the same events, but for wall_time and how a PNG is compressed."""

import io
from typing import Any

import numpy as np
from PIL import Image as PillowImage

import asyncsummary as summary
from asyncsummary.protos import Event, PluginData, SummaryMetadata
from asyncsummary.records import scan
from tests.support.golden import GOLDEN_EVENTS
from tests.support.writing import Bench

METADATA = SummaryMetadata(plugin_data=PluginData(plugin_name="myplug", content=b"\1\2"), display_name="disp", summary_description="desc")


def golden() -> list[Event]:
    payloads, _ = scan(GOLDEN_EVENTS.read_bytes())
    return [Event.FromString(payload) for payload in payloads]


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(PillowImage.open(io.BytesIO(png)))


def golden_images() -> np.ndarray[Any, Any]:
    (event,) = (event for event in golden() if len(event.summary.value) == 2)
    return np.stack([pixels(value.image.encoded_image_string) for value in event.summary.value])


async def make_the_calls() -> None:
    """Write what tf.contrib.summary was told to write."""
    await summary.scalar("scalar", 2.5, step=7)
    await summary.scalar("scalar_int", 7, step=3)
    await summary.scalar("fam", 1.0, family="myfamily", step=3)
    with summary.name_scope("outer"):
        await summary.scalar("in_scope", 1.0, step=3)
        await summary.scalar("in_scope_fam", 1.0, family="f", step=3)
    await summary.scalar("weird name!:?/ü x", 1.0, step=3)
    await summary.scalar("/lead/ing", 1.0, step=3)
    await summary.generic("gen_float", [[1.0, 2.0], [3.0, 4.0]], step=4)
    await summary.generic("gen_int64_scalar", np.int64(9), step=4)
    await summary.generic("gen_bool", [True, False], step=4)
    await summary.generic("gen_str", ["a", "bc"], step=4)
    await summary.generic("gen_str_scalar", "hello", step=4)
    await summary.generic("gen_meta", 1.0, metadata=METADATA, step=4)
    await summary.generic("gen_meta_bytes", 1.0, metadata=METADATA.SerializeToString(), step=4)
    await summary.generic("gen_meta", 2.0, metadata=METADATA, step=5)
    await summary.generic("gen_empty", np.zeros((0, 3), np.float32), step=4)
    await summary.histogram("histo", [1.0, 2.0, 2.0, -3.0, 0.0], step=5)
    await summary.histogram("histo_empty", np.zeros(0, np.float32), step=5)
    images = golden_images()
    await summary.image("img", images, step=6)
    await summary.image("img1", images, max_images=1, step=6)
    await summary.audio("aud", [[0.0, 0.5, -0.5, 1.0, -1.0, 2.0]], 8000, 3, step=6)
    await summary.audio("aud1", [[[0.0, 0.5], [-0.5, 1.0]]], 44100.0, 1, step=6)
    graphs = [event.graph_def for event in golden() if event.WhichOneof("what") == "graph_def"]
    for step, graph in enumerate(graphs, start=8):
        await summary.graph(graph, step=step)
    for event in golden()[-2:]:
        await summary.import_event(event.SerializeToString())


async def test_every_event_is_tensorflows() -> None:
    """Field for field, in the same order."""
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
        await make_the_calls()
        await summary.flush()
    found, expected = bench.events(), golden()
    del found[1]  # our SessionLog START
    assert len(found) == len(expected)
    scalars = [event for event in found if len(event.summary.value) == 1 and event.summary.value[0].tag == "scalar"]
    assert [event.step for event in scalars] == [7]
    for ours, theirs in zip(found[:-2], expected[:-2], strict=True):
        ours.wall_time = theirs.wall_time
        for mine, its in zip(ours.summary.value, theirs.summary.value, strict=True):
            if its.WhichOneof("value") == "image":
                assert (pixels(mine.image.encoded_image_string) == pixels(its.image.encoded_image_string)).all()
                mine.image.encoded_image_string = its.image.encoded_image_string
        assert ours == theirs
    assert found[-2:] == expected[-2:]
