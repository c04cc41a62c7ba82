"""The kinds of TensorBoard's plugins through a writer, the module-level functions, and a graph."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import asyncsummary as summary
from asyncsummary.values.message import KINDS
from tests.support.writing import Bench

LABELS, PREDICTIONS = [True, False, True], [0.9, 0.2, 0.4]
POINTS, FACES = [[0.0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]
LAYOUT = {"category": {"chart": ["Multiline", ["loss"]]}}
NUMBERS: tuple[float, float, float, float, float] = (0.0, 2.0, 2.0, 3.0, 5.0)
_ROW = [3.0, 1.0]
CURVE: tuple[Any, Any, Any, Any, Any, Any] = (_ROW, _ROW, _ROW, _ROW, _ROW, _ROW)

Written = Awaitable["bool | None"]


def drawing(title: str = "title") -> Any:
    """Return a figure."""
    figure = Figure(figsize=(1, 1))
    figure.suptitle(title)
    return figure


# How each is called, with a tag and a step where it takes them; the tags it writes, and their plugin.
METHODS: dict[str, tuple[Callable[[summary.SummaryWriter], Written], list[str], str]] = {
    "text": (lambda writer: writer.text("t", "hello", 3, description="d"), ["s/t"], "text"),
    "pr_curve": (lambda writer: writer.pr_curve("t", LABELS, PREDICTIONS, 3), ["s/t"], "pr_curves"),
    "pr_curve_raw": (lambda writer: writer.pr_curve_raw("t", *CURVE, step=3), ["s/t"], "pr_curves"),
    "image": (
        lambda writer: writer.image("t", np.zeros((4, 4)), 3, dataformats="HW", boxes=[[0, 0, 2, 2]], labels=["a"]),
        ["s/t"],
        "images",
    ),
    "figure": (lambda writer: writer.figure("t", drawing(), 3), ["s/t"], "images"),
    "video": (lambda writer: writer.video("t", np.eye(6).reshape(2, 3, 6), 3, dataformats="THW", format="webp"), ["s/t"], "images"),
    "audio": (lambda writer: writer.audio("t", np.zeros(9), 8000, 3, 3, labels="label"), ["s/t"], "audio"),
    "histogram": (lambda writer: writer.histogram("t", [1.0, 2.0], 3, buckets=4), ["s/t"], "histograms"),
    "histogram_buckets": (lambda writer: writer.histogram_buckets("t", [1, 2], [0, 1, 2], 3), ["s/t"], "histograms"),
    "histogram_raw": (lambda writer: writer.histogram_raw("t", *NUMBERS, [1, 2], [1, 1], 3), ["s/t"], ""),
    "mesh": (lambda writer: writer.mesh("t", POINTS, 3, faces=FACES), ["s/t_VERTEX", "s/t_FACE"], "mesh"),
    "custom_scalars": (lambda writer: writer.custom_scalars(LAYOUT, 3), ["custom_scalars__config__"], "custom_scalars"),
    "hparams": (
        lambda writer: writer.hparams({"rate": 0.1}, metrics=["loss"], step=3),
        ["_hparams_/experiment", "_hparams_/session_start_info"],
        "hparams",
    ),
    "hparams_end": (lambda writer: writer.hparams_end(step=3), ["_hparams_/session_end_info"], "hparams"),
}
FUNCTIONS: dict[str, Callable[[], Written]] = {
    "text": lambda: summary.text("t", "hello", step=3, description="d"),
    "pr_curve": lambda: summary.pr_curve("t", LABELS, PREDICTIONS, step=3),
    "pr_curve_raw": lambda: summary.pr_curve_raw("t", *CURVE, step=3),
    "image": lambda: summary.image("t", np.zeros((4, 4)), step=3, dataformats="HW", boxes=[[0, 0, 2, 2]], labels=["a"]),
    "figure": lambda: summary.figure("t", drawing(), step=3),
    "video": lambda: summary.video("t", np.eye(6).reshape(2, 3, 6), step=3, dataformats="THW", format="webp"),
    "audio": lambda: summary.audio("t", np.zeros(9), 8000, step=3, labels="label"),
    "histogram": lambda: summary.histogram("t", [1.0, 2.0], step=3, buckets=4),
    "histogram_buckets": lambda: summary.histogram_buckets("t", [1, 2], [0, 1, 2], step=3),
    "histogram_raw": lambda: summary.histogram_raw("t", *NUMBERS, [1, 2], [1, 1], step=3),
    "mesh": lambda: summary.mesh("t", POINTS, step=3, faces=FACES),
    "custom_scalars": lambda: summary.custom_scalars(LAYOUT, 3),
    "hparams": lambda: summary.hparams({"rate": 0.1}, metrics=["loss"], step=3),
    "hparams_end": lambda: summary.hparams_end(step=3),
}
ALWAYS = {"custom_scalars", "hparams", "hparams_end"}
"""Those that are written whatever the recording condition says."""


@pytest.fixture(autouse=True)
def one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hyperparameters hold the time, so that two ways of writing them are equal at one time only."""
    monkeypatch.setattr("asyncsummary.kinds._wall_time", lambda: 1700000000.5)


def written(bench: Bench) -> list[Any]:
    """Return the summaries behind the header."""
    return [event for event in bench.events() if event.summary.value]


@pytest.mark.parametrize("kind", METHODS)
async def test_every_way_writes_the_same(kind: str) -> None:
    """A method, a function, an op of a graph, and an op's message: same tags within the scope, same metadata with every value."""
    by_method, by_function, by_op = Bench(), Bench(), Bench()
    call, tags, plugin = METHODS[kind]
    async with by_method.writer() as writer:
        with summary.name_scope("s"):
            assert await call(writer) is True
            assert await call(writer) is True
    events = written(by_method)
    assert [[value.tag for value in event.summary.value] for event in events] == [tags, tags]
    assert {value.metadata.plugin_data.plugin_name for event in events for value in event.summary.value} == {plugin}
    assert [event.step for event in events] == [3, 3]
    assert events[0].wall_time == pytest.approx(time.time(), abs=60)

    async with by_function.writer() as writer, writer.as_default(), summary.always_record_summaries():
        with summary.name_scope("s"):
            assert await FUNCTIONS[kind]() is True
    assert events[0].summary == written(by_function)[0].summary

    async with by_op.writer() as writer, writer.as_default(), summary.always_record_summaries():
        graph = summary.Graph()
        with graph.as_default(), summary.name_scope("s"):
            op: Any = FUNCTIONS[kind]()
        assert await summary.Session(graph).run(op) is True
        if kind in KINDS:
            assert events[0].summary == await op.summary()
    assert events[0].summary == written(by_op)[0].summary


@pytest.mark.parametrize("kind", METHODS)
async def test_without_writer_and_without_recording(kind: str) -> None:
    """None and False; what describes the run is written whatever is recorded. A writer that does nothing does nothing."""
    assert await FUNCTIONS[kind]() is None
    assert await METHODS[kind][0](summary.create_noop_writer()) is None
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.never_record_summaries():
        assert await FUNCTIONS[kind]() is (kind in ALWAYS)
    assert len(written(bench)) == (kind in ALWAYS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda writer: writer.text("bad", 5, 1), "text of tag 'bad'"),
        (lambda writer: writer.pr_curve("bad", [2], [0.5], 1), "labels of tag 'bad'"),
        (lambda writer: writer.pr_curve_raw("bad", *[[1]] * 6, step=1), "true_positive_counts of tag 'bad'"),
        (lambda writer: writer.image("bad", b"?", 1), "images of tag 'bad'"),
        (lambda writer: writer.figure("bad", 5, 1), "figure of tag 'bad'"),
        (lambda writer: writer.figure("bad", drawing(title="$\\nonsense{$"), 1), "figure of tag 'bad': cannot be drawn"),
        (lambda writer: writer.video("bad", [1.0], 1), "frames of tag 'bad'"),
        (lambda writer: writer.audio("bad", [1.0], step=1), "sample_rate of tag 'bad'"),
        (lambda writer: writer.histogram("bad", [1.0], 1, buckets=0), "buckets of tag 'bad'"),
        (lambda writer: writer.histogram("bad", [1.0], 1, description="d"), "description of tag 'bad'"),
        (lambda writer: writer.histogram_buckets("bad", [1], [1], 1), "edges of tag 'bad'"),
        (lambda writer: writer.histogram_raw("bad", *NUMBERS, [1], [], 1), "bucket_limits of tag 'bad'"),
        (lambda writer: writer.mesh("bad", [1], 1), "vertices of tag 'bad'"),
        (lambda writer: writer.custom_scalars(5), "layout"),
        (lambda writer: writer.hparams({"a": None}), "hparams: 'a'"),
        (lambda writer: writer.hparams_end("done"), "status"),
        (lambda writer: writer.text("bad", "x", 1.5), "step of tag 'bad'"),
    ],
)
async def test_bad_values_reach_their_own_await(call: Callable[[Any], Written], message: str) -> None:
    """Nothing of them is written, and later writes work."""
    bench = Bench()
    async with bench.writer() as writer:
        with pytest.raises(summary.InvalidSummaryError, match=message):
            await call(writer)
        assert await writer.text("good", "x", 2)
        assert writer.stats.accepted == 1
    assert [event.summary.value[0].tag for event in written(bench)] == ["good"]


async def test_graphs_of_models() -> None:
    """By method and by function, whatever is recorded; a bad one reaches its await; a writer that does nothing looks at nothing."""
    model = b"\x3a\x0e" + b"\x0a\x0c" + b"\x0a\x01x\x12\x01y\x22\x04Relu"  # graph, node, input, output, op_type
    keras = {"config": {"name": "m", "layers": [{"config": {"name": "d"}}]}}
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.never_record_summaries():
        assert [await writer.onnx_graph(model), await summary.onnx_graph(model, 2)] == [True, True]
        assert [await writer.keras_model("k", keras, 1), await summary.keras_model("k", keras, 2)] == [True, True]
        for bad in (writer.torch_graph(5, 5), summary.torch_graph(5, 5), writer.onnx_graph(b"?"), writer.keras_model("k", 5)):
            with pytest.raises(summary.InvalidSummaryError, match="model"):
                await bad
    graphs = [event for event in bench.events() if event.graph_def]
    assert [event.step for event in graphs] == [0, 2]
    assert graphs[0].graph_def == graphs[1].graph_def
    assert [event.summary.value[0].tag for event in written(bench)] == ["k", "k"]
    assert [await summary.onnx_graph(5), await summary.torch_graph(5, 5), await summary.keras_model("k", 5)] == [None] * 3
    noop = summary.create_noop_writer()
    assert [await noop.onnx_graph(5), await noop.torch_graph(5, 5), await noop.keras_model("k", 5)] == [None] * 3


async def test_values_of_a_graph_may_be_callables() -> None:
    """Each is called when the op runs."""
    bench = Bench()
    calls = []

    async def predictions() -> Any:
        calls.append("predictions")
        return np.array(PREDICTIONS)

    async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
        graph = summary.Graph()
        with graph.as_default():
            text: Any = summary.text("t", lambda: f"call {len(calls)}", step=1)
            curve: Any = summary.pr_curve("c", lambda: LABELS, predictions, step=1)
            values: Any = summary.hparams(lambda: {"rate": 0.5})  # type: ignore[arg-type]  # as everything in a graph
        assert calls == []
        assert await summary.Session(graph).run([curve, text, values]) == [True] * 3
    _, second, third = written(bench)
    assert second.summary.value[0].tensor.string_val[0] == b"call 1"
    assert b"rate" in third.summary.value[0].metadata.plugin_data.content


async def test_the_order_of_acceptance() -> None:
    """Is kept among what is ready, what is encoded later, and scalars."""
    bench = Bench()
    async with bench.writer() as writer:
        for step in range(20):
            await writer.scalar("scalar", 1.0, step)
            await writer.pr_curve("curve", LABELS, PREDICTIONS, step)
            await writer.text("text", "x", step)
            await writer.mesh("mesh", POINTS, step)
    found = [(event.step, event.summary.value[0].tag) for event in written(bench)]
    assert found == [(step, tag) for step in range(20) for tag in ("scalar", "curve", "text", "mesh_VERTEX")]


@pytest.mark.parametrize("close", [True, False])
async def test_figures_of_pyplot_are_closed(close: bool) -> None:
    """By choice, and then whatever comes of the summary: written, refused, not recorded, or without a writer."""
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
        await summary.figure("t", pyplot.figure(figsize=(1, 1)), step=1, close=close)
        with summary.never_record_summaries():
            assert await summary.figure("t", pyplot.figure(figsize=(1, 1)), step=1, close=close) is False
        bad = pyplot.figure(figsize=(1, 1))
        bad.suptitle("$\\nonsense{$")
        with pytest.raises(summary.InvalidSummaryError):
            await summary.figure("t", bad, step=1, close=close)
    assert await summary.figure("t", pyplot.figure(figsize=(1, 1)), step=1, close=close) is None
    await summary.create_noop_writer().figure("t", pyplot.figure(figsize=(1, 1)), 1, close=close)
    assert len(pyplot.get_fignums()) == (0 if close else 5)
    pyplot.close("all")
    assert len(written(bench)) == 1


DESCRIBED: dict[str, Callable[[summary.SummaryWriter, Any], Written]] = {
    "text": lambda writer, description: writer.text("t", "hello", 3, description=description),
    "pr_curve": lambda writer, description: writer.pr_curve("t", LABELS, PREDICTIONS, 3, description=description),
    "pr_curve_raw": lambda writer, description: writer.pr_curve_raw("t", *CURVE, step=3, description=description),
    "image": lambda writer, description: writer.image("t", np.zeros((4, 4)), 3, dataformats="HW", description=description),
    "image of contrib": lambda writer, description: writer.image("t", np.zeros((1, 4, 4, 1), np.uint8), 3, description=description),
    "video": lambda writer, description: writer.video("t", np.zeros((2, 3, 6)), 3, dataformats="THW", description=description),
    "audio": lambda writer, description: writer.audio("t", np.zeros(9), 8000, 3, 3, labels="label", description=description),
    "audio file": lambda writer, description: writer.audio("t", b"fLaC", step=3, description=description),
    "histogram": lambda writer, description: writer.histogram("t", [1.0, 2.0], 3, buckets=4, description=description),
    "histogram_buckets": lambda writer, description: writer.histogram_buckets("t", [1, 2], [0, 1, 2], 3, description=description),
    "mesh": lambda writer, description: writer.mesh("t", POINTS, 3, description=description),
}


@pytest.mark.parametrize("kind", DESCRIBED)
@pytest.mark.parametrize("description", [5, "\ud800"])
async def test_a_bad_description(kind: str, description: Any) -> None:
    """Is refused at the await, and nobody's flush hears of it."""
    bench = Bench()
    async with bench.writer() as writer:
        with pytest.raises(summary.InvalidSummaryError, match="description of tag 't': ") as caught:
            await DESCRIBED[kind](writer, description)
        assert isinstance(caught.value, summary.InvalidTypeError) == (description == 5)
        await writer.flush()
        assert writer.stats.accepted == 0


async def test_a_bad_description_of_a_figure() -> None:
    """Is refused before it is drawn; it is closed all the same."""

    class Undrawn(Figure):
        def draw(self, renderer: Any) -> None:
            raise AssertionError("was drawn")

    bench = Bench()
    figure: Any = pyplot.figure(FigureClass=Undrawn)
    async with bench.writer() as writer:
        with pytest.raises(summary.InvalidTypeError, match="description of tag 't': must be a str, got int"):
            await writer.figure("t", figure, 1, description=5)  # type: ignore[arg-type]  # a user's mistake
        await writer.flush()
    assert pyplot.get_fignums() == []


async def test_a_figure_is_drawn_off_the_loop() -> None:
    """Which goes on meanwhile; the step is that of the call."""
    bench = Bench()
    drawn_by: list[threading.Thread] = []
    release = threading.Event()

    class Slow(Figure):
        def draw(self, renderer: Any) -> None:
            drawn_by.append(threading.current_thread())
            assert release.wait(30)
            super().draw(renderer)

    step = summary.get_or_create_global_step()
    async with bench.writer() as writer:
        writing = asyncio.create_task(writer.figure("t", Slow(figsize=(1, 1))))
        while not drawn_by:
            await asyncio.sleep(0)
        step.assign(7)
        assert await writer.text("meanwhile", "x")
        assert not writing.done()
        release.set()
        assert await writing
    assert [(event.summary.value[0].tag, event.step) for event in written(bench)] == [("meanwhile", 7), ("t", 0)]
    assert drawn_by[0] is not threading.main_thread()
