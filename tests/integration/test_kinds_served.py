"""Each plugin of TensorBoard serves what was written for it: by its Python reader, by its Rust reader, and from S3."""

import asyncio
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from matplotlib.figure import Figure
from onnx import TensorProto, helper
from PIL import Image

import asyncsummary as summary
from asyncsummary_storage import open_folder
from tests.support.servers import MotoServer
from tests.support.tensorboard import TensorBoard

POINTS = [[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]]
FACES = [[[0, 1, 2], [0, 2, 3]]]
COLORS = [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]]
_INPUT, _OUTPUT = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
ONNX = helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["y"], name="/layer/Relu")], "g", [_INPUT], [_OUTPUT]))
KERAS = {"class_name": "Sequential", "config": {"name": "model", "layers": [{"class_name": "Dense", "config": {"name": "dense"}}]}}
LAYOUT = {"losses": {"all": ["Multiline", ["loss"]], "band": ["Margin", ["loss", "low", "high"]]}}


PIXELS = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
ENCODED = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "application/octet-stream"}  # browsers see what it is


def encoded(kind: str) -> bytes:
    """Return a picture as a file."""
    stream = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(stream, kind)
    return stream.getvalue()


VECTORS = np.array([[0.5, -1.25], [3.0, 4.0], [1e-9, 1e9]], np.float32)
SINE = np.sin(np.arange(800) / 5)


def sound_file(kind: str) -> bytes:
    """Return a sine as a file. Ogg files have random serial numbers, so it is the same one always."""
    if kind not in _sounds:
        stream = io.BytesIO()
        soundfile.write(stream, SINE, 8000, format=kind)
        _sounds[kind] = stream.getvalue()
    return _sounds[kind]


_sounds: dict[str, bytes] = {}


async def write_run(logdir: str, options: Any, name: str, rate: float) -> None:
    """Write two steps of every kind."""
    async with summary.create_file_writer(f"{logdir}/{name}", storage_options=options) as writer:
        await writer.hparams({"rate": rate, "deep": rate > 0.1, "optimizer": "adam"}, {"rate": (0.0, 1.0)}, ["loss"])
        await writer.custom_scalars(LAYOUT)
        await writer.onnx_graph(ONNX)
        await writer.keras_model("keras", KERAS)
        for step in range(2):
            for tag in ("loss", "low", "high"):
                await writer.scalar(tag, rate + step, step)
            await writer.image("pixels", PIXELS, step, dataformats="NHWC", description="some *pixels*")
            await writer.image("boxes", PIXELS[0], step, dataformats="HWC", boxes=[[1, 1, 5, 5]], labels=["x"])
            for kind in ENCODED:
                await writer.image(kind, encoded(kind), step)
            await writer.figure("figure", Figure(figsize=(1, 1), dpi=50), step)
            for kind in ("gif", "webp"):
                await writer.video(kind, np.eye(12).reshape(2, 6, 12), step, dataformats="THW", format=kind)
            await writer.audio("clip", SINE, 8000, 1, step)
            await writer.audio("labelled", [SINE, -SINE], 8000, 3, step, labels=["one", "two"])
            for kind in ("WAV", "FLAC", "OGG"):
                await writer.audio(kind, sound_file(kind), step=step)
            await writer.histogram("default", [1.0, 2.0, 2.5], step)
            await writer.histogram("four", [0.0, 1.0, 3.0, 4.0, 4.0], step, buckets=4)
            await writer.histogram_buckets("ready", [1, 2], [0.0, 1.0, 3.0], step)
            await writer.histogram_raw("raw", 0.0, 2.0, 2.0, 3.0, 5.0, [1.0, 2.0], [1.0, 1.0], step)
            await writer.text("words", f"step *{step}*", step)
            await writer.text("table", [["a", "b"], ["c", f"**{step}**"]], step)
            await writer.pr_curve("curve", [True, False, True, False], [1.0, 0.4, 0.6, 0.1], step, 5, description="a *curve*")
            await writer.pr_curve_raw("raw curve", [2, 1], [2, 0], [0, 2], [0, 1], [0.5, 1.0], [1.0, 0.5], step)
            await writer.mesh("mesh", POINTS, step, faces=FACES, colors=COLORS, config={"camera": {"fov": 75}})
            await writer.mesh("cloud", POINTS, step)
        await writer.embedding("vectors", VECTORS, 1, metadata=["a", "b", "c"], images=PIXELS[[0, 1, 0]])
        await writer.embedding("other vectors", VECTORS[:2], 2, format="bytes")
        await writer.hparams_end("failure" if rate > 0.1 else "success")


@pytest.fixture(scope="module", params=["python", "rust", "s3"])
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TensorBoard]:
    """TensorBoard on two runs."""
    logdir, options, environment = str(tmp_path_factory.mktemp("kinds")), None, {}
    if request.param == "s3":
        moto: MotoServer = request.getfixturevalue("moto")
        moto.make_bucket("kinds")
        logdir, options, environment = "s3://kinds/logdir", moto.options(), {**moto.environment, "AWS_ENDPOINT_URL": moto.url}
    for name, rate in (("first", 0.1), ("second", 0.5)):
        asyncio.run(write_run(logdir, options, name, rate))
    with TensorBoard(logdir, rust=request.param == "rust", environment=environment) as served:
        deadline = time.monotonic() + 90
        while not _all_there(served):
            assert time.monotonic() < deadline, "TensorBoard never showed the runs"
            time.sleep(0.2)
        yield served


def _all_there(board: TensorBoard) -> bool:
    """Whether what was written last is served for both runs."""
    sessions = board.post("plugin/hparams/session_groups", QUESTION)["sessionGroups"]
    return len(sessions) == 2 and all(group["sessions"][0].get("endTimeSecs") for group in sessions)


QUESTION: dict[str, Any] = {
    "startIndex": 0,
    "sliceSize": 10,
    "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
    "colParams": [{"metric": {"group": "", "tag": "loss"}}, {"hparam": "rate"}],
}


def test_text(board: TensorBoard) -> None:
    """As Markdown; a table as a table."""
    words = board.ask("plugin/text/text", run="first", tag="words")
    assert [(one["step"], one["text"]) for one in words] == [(step, f"<p>step <em>{step}</em></p>") for step in range(2)]
    table = board.ask("plugin/text/text", run="second", tag="table")[1]["text"]
    assert table.count("<tr>") == 2
    assert "<strong>1</strong>" in table


def test_images(board: TensorBoard) -> None:
    """All pictures of a batch under one tag; files byte for byte, as what they are."""
    for sample in range(2):
        shown = board.ask("plugin/images/images", run="first", tag="pixels", sample=str(sample))
        assert [one["step"] for one in shown] == [0, 1]
        _, file = board.fetch(f"plugin/images/individualImage?{shown[1]['query']}")
        assert (np.asarray(Image.open(io.BytesIO(file))) == PIXELS[sample]).all()
    assert board.ask("plugin/images/tags")["first"]["pixels"]["description"] == "<p>some <em>pixels</em></p>"
    assert len(board.ask("plugin/images/images", run="first", tag="boxes", sample="0")) == 2
    for kind, expected in ENCODED.items():
        (first, _) = board.ask("plugin/images/images", run="first", tag=kind, sample="0")
        assert (expected, encoded(kind)) == board.fetch(f"plugin/images/individualImage?{first['query']}")


def test_figures_and_videos(board: TensorBoard) -> None:
    """Are images; moving ones move."""
    for tag, size, frames in (("figure", (50, 50), 1), ("gif", (12, 6), 2), ("webp", (12, 6), 2)):
        (_, last) = board.ask("plugin/images/images", run="second", tag=tag, sample="0")
        _, file = board.fetch(f"plugin/images/individualImage?{last['query']}")
        with Image.open(io.BytesIO(file)) as image:
            assert (image.size, getattr(image, "n_frames", 1)) == (size, frames)


def test_audio(board: TensorBoard) -> None:
    """Samples of both clips; files byte for byte."""
    for sample, wave in enumerate((SINE, -SINE)):
        (_, last) = board.ask("plugin/audio/audio", run="first", tag="labelled", sample=str(sample))
        assert last["contentType"] == "audio/wav"
        _, file = board.fetch(f"plugin/audio/individualAudio?{last['query']}")
        samples, rate = soundfile.read(io.BytesIO(file))
        assert rate == 8000
        assert np.abs(samples - wave).max() < 1e-4
    assert len(board.ask("plugin/audio/audio", run="first", tag="clip/audio", sample="0")) == 2
    for kind in ("WAV", "FLAC", "OGG"):
        (_, last) = board.ask("plugin/audio/audio", run="first", tag=kind, sample="0")
        assert last["contentType"] == ("audio/wav" if kind == "WAV" else "application/octet-stream")
        assert board.fetch(f"plugin/audio/individualAudio?{last['query']}")[1] == sound_file(kind)


def test_histograms(board: TensorBoard) -> None:
    """In every form, and their distributions."""
    expected = {
        "four": [[0, 1, 1], [1, 2, 1], [2, 3, 0], [3, 4, 3]],
        "ready": [[0, 1, 1], [1, 3, 2]],
    }
    for tag, rows in expected.items():
        (first, second) = board.ask("plugin/histograms/histograms", run="first", tag=tag)
        assert (first[1], second[1], second[2]) == (0, 1, rows)
        assert board.ask("plugin/distributions/distributions", run="first", tag=tag)
    for tag, count in (("default", 3), ("raw", 2)):
        assert sum(row[2] for row in board.ask("plugin/histograms/histograms", run="first", tag=tag)[0][2]) == pytest.approx(count)


def test_pr_curves(board: TensorBoard) -> None:
    """Numbers and thresholds."""
    (first, second) = board.ask("plugin/pr_curves/pr_curves", run="first", tag="curve")["first"]
    assert [first["step"], second["step"]] == [0, 1]
    assert first["thresholds"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert first["true_positives"] == [2, 2, 2, 1, 1]
    assert first["false_positives"] == [2, 1, 0, 0, 0]
    raw = board.ask("plugin/pr_curves/pr_curves", run="first", tag="raw_curve")["first"][0]
    assert raw["precision"] == [0.5, 1.0]
    assert board.ask("plugin/pr_curves/tags")["first"]["curve"] == {"displayName": "curve", "description": "<p>a <em>curve</em></p>"}


def test_meshes(board: TensorBoard) -> None:
    """Points, faces, colours and config."""
    parts = board.ask("plugin/mesh/meshes", run="first", tag="mesh", sample="0")
    assert {(part["step"], part["content_type"]) for part in parts} == {(step, kind) for step in range(2) for kind in (1, 2, 3)}
    assert json.loads(parts[0]["config"]) == {"camera": {"fov": 75}}
    kinds: dict[str, tuple[Any, Any]] = {"VERTEX": (np.float32, POINTS), "FACE": (np.int32, FACES), "COLOR": (np.uint8, COLORS)}
    for kind, (dtype, expected) in kinds.items():
        _, data = board.fetch("plugin/mesh/data", run="first", tag="mesh", sample="0", step="1", content_type=kind)
        assert np.frombuffer(data, dtype).reshape(-1, 3).tolist() == expected[0]
    assert len(board.ask("plugin/mesh/meshes", run="second", tag="cloud", sample="0")) == 2


def test_custom_scalars(board: TensorBoard) -> None:
    """The layout, and the scalars that it names."""
    (category,) = board.ask("plugin/custom_scalars/layout")["category"]
    assert [chart["title"] for chart in category["chart"]] == ["all", "band"]
    found = board.ask("plugin/custom_scalars/scalars", run="first", tag="loss")
    assert [step for _, step, _ in found["tag_to_events"]["loss"]] == [0, 1]


def test_hparams(board: TensorBoard) -> None:
    """A session for each run, with its values, its metric and its status, and no other run."""
    experiment = board.post("plugin/hparams/experiment", {})
    infos = {info["name"]: info for info in experiment["hparamInfos"]}
    assert infos["rate"]["domainInterval"] == {"minValue": 0.0, "maxValue": 1.0}
    assert [info["name"]["tag"] for info in experiment["metricInfos"]] == ["loss"]
    groups = board.post("plugin/hparams/session_groups", QUESTION)["sessionGroups"]
    assert {group["hparams"]["rate"]: group["sessions"][0]["status"] for group in groups} == {
        0.1: "STATUS_SUCCESS",
        0.5: "STATUS_FAILURE",
    }
    assert {group["sessions"][0]["name"]: group["metricValues"][0]["value"] for group in groups} == {
        "first": pytest.approx(1.1),
        "second": pytest.approx(1.5),
    }
    assert board.ask("runs") == ["first", "second"]


def test_graphs(board: TensorBoard) -> None:
    """The operations of the ONNX model, and the concept of the Keras model."""
    info = board.ask("plugin/graphs/info")["first"]
    assert info["run_graph"] is True
    assert info["tags"]["keras"]["conceptual_graph"] is True
    _, operations = board.fetch("plugin/graphs/graph", run="first")
    assert b'name: "layer/Relu"' in operations
    _, concept = board.fetch("plugin/graphs/graph", run="first", tag="keras", conceptual="true")
    assert b'name: "model/dense"' in concept


def test_the_projector(board: TensorBoard, moto: MotoServer, tmp_path: Path) -> None:
    """Vectors, labels and pictures of both embeddings; those in a bucket from a copy, since TensorBoard 2.21 looks for them on its disk."""
    if not board.logdir.startswith("s3://"):
        look_at_projector(board)
        return
    assert board.ask("plugin/projector/info", run="first") is None
    for name in ("first", "second"):
        asyncio.run(copy_run(f"{board.logdir}/{name}", moto.options(), tmp_path / name))
    with TensorBoard(str(tmp_path)) as local:
        deadline = time.monotonic() + 60
        while local.ask("runs") != ["first", "second"]:
            assert time.monotonic() < deadline, "TensorBoard never showed the runs"
            time.sleep(0.2)
        look_at_projector(local)


async def copy_run(url: str, options: Any, to: Path) -> None:
    """Copy a run from a bucket."""
    to.mkdir()
    folder = open_folder(url, options)
    await folder.open()
    for entry in await folder.entries():
        (to / entry.name).write_bytes(await folder.segment(entry.name).read(0, entry.size))
    await folder.close()


def look_at_projector(board: TensorBoard) -> None:
    """See that everything of both embeddings is served."""
    config = board.ask("plugin/projector/info", run="first")
    assert [info["tensorName"] for info in config["embeddings"]] == ["vectors:00001", "other_vectors:00002"]
    _, data = board.fetch("plugin/projector/tensor", run="first", name="vectors:00001")
    assert (np.frombuffer(data, np.float32).reshape(3, 2) == VECTORS).all()
    _, data = board.fetch("plugin/projector/tensor", run="second", name="other_vectors:00002")
    assert (np.frombuffer(data, np.float32).reshape(2, 2) == VECTORS[:2]).all()
    assert board.fetch("plugin/projector/metadata", run="first", name="vectors:00001")[1] == b"a\nb\nc\n"
    _, file = board.fetch("plugin/projector/sprite_image", run="first", name="vectors:00001")
    assert (np.asarray(Image.open(io.BytesIO(file)))[:6, 8:16] == PIXELS[1]).all()


def test_nothing_else_is_there(board: TensorBoard) -> None:
    """No plugin but those that were written for."""
    listing = board.ask("plugins_listing")
    on = {name for name, plugin in listing.items() if plugin["enabled"]}
    assert {
        "scalars",
        "text",
        "pr_curves",
        "mesh",
        "custom_scalars",
        "hparams",
        "histograms",
        "distributions",
        "images",
        "audio",
        "graphs",
    } <= on
