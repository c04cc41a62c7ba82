"""The same values to torch's own writer and to ours: the messages mean the same. make test-torch installs torch."""

import importlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.embedding import embedding_content
from asyncsummary.values.histogram_forms import raw_histogram_content
from asyncsummary.values.hparams import hparams_content
from asyncsummary.values.layout import layout_content
from asyncsummary.values.mesh import mesh_content
from asyncsummary.values.onnx import onnx_graph_bytes
from asyncsummary.values.pictures import image_form
from asyncsummary.values.pr_curve import pr_curve_content
from asyncsummary.values.sound import audio_form
from asyncsummary.values.text import text_content
from asyncsummary.values.torch_graph import torch_graph_bytes

torch: Any = pytest.importorskip("torch", reason="needs torch: make test-torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pkg_resources, which tensorboard imports
    theirs: Any = importlib.import_module("torch.utils.tensorboard.summary")
    their_graph: Any = importlib.import_module("torch.utils.tensorboard._pytorch_graph")
    tensor_util: Any = importlib.import_module("tensorboard.util.tensor_util")
    graph_pb2: Any = importlib.import_module("tensorboard.compat.proto.graph_pb2")
    hparams_pb2: Any = importlib.import_module("tensorboard.plugins.hparams.plugin_data_pb2")

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning")
rng = np.random.default_rng(0)


def read(summary: Any) -> Any:
    """Return a summary of ours by their messages."""
    return theirs.Summary.FromString(summary.SerializeToString())


def plugin(value: Any) -> tuple[str, bytes]:
    """Return a value's plugin and what is told to it."""
    data = value.metadata.plugin_data
    return data.plugin_name, data.content


def pixels(file: bytes) -> Any:
    """Return what a picture shows."""
    return np.asarray(Image.open(io.BytesIO(file)))


def test_text() -> None:
    """The same string; torch puts /text_summary behind the tag."""
    our, their = read(text_content("*hi* ✓", "t").summary()).value[0], theirs.text("t", "*hi* ✓").value[0]
    assert (plugin(our), list(our.tensor.string_val)) == (plugin(their), list(their.tensor.string_val))


@pytest.mark.parametrize("weights", [None, 0.5])
def test_pr_curve(weights: Any) -> None:
    """The same curve, up to torch's 127 thresholds."""
    labels, predictions = rng.random(300) < 0.4, rng.random(300)
    our = read(pr_curve_content(labels, torch.from_numpy(predictions), "t", 127, weights).summary()).value[0]
    their = theirs.pr_curve("t", labels, predictions, 127, weights).value[0]
    assert (our.tag, plugin(our)) == (their.tag, plugin(their))
    assert (tensor_util.make_ndarray(our.tensor) == tensor_util.make_ndarray(their.tensor)).all()


def test_mesh() -> None:
    """The same parts; torch writes faces and colours as floats, TensorBoard and we as integers."""
    points, faces, colors = torch.rand(1, 4, 3), torch.tensor([[[0, 1, 2]]]), torch.randint(0, 256, (1, 4, 3))
    ours = read(mesh_content(points, "t", faces, colors, {"a": 1}).summary()).value
    for our, their in zip(ours, theirs.mesh("t", points, colors, faces, {"a": 1}).value, strict=True):
        assert (our.tag, plugin(our)) == (their.tag, plugin(their))
        assert (tensor_util.make_ndarray(our.tensor) == tensor_util.make_ndarray(their.tensor)).all()


def test_custom_scalars() -> None:
    """The same layout of the same mapping."""
    layout = {"c": {"all": ["Multiline", ["a", "b.*"]], "band": ["Margin", ["m", "low", "high"]]}}
    our, their = read(layout_content(layout).summary()).value[0], theirs.custom_scalars(layout).value[0]
    assert (our.tag, plugin(our), our.tensor.string_val[0]) == (their.tag, plugin(their), their.tensor.string_val[0])


def test_hparams() -> None:
    """The same values, domains and metrics; torch tells no times, and makes numbers of bools."""
    values = {"rate": 0.1, "layers": 3, "kind": "adam"}
    experiment, start, _ = theirs.hparams(values, {"loss": 1.0}, {"rate": [0.1, 0.2], "kind": ["adam", "sgd"]})
    ours = read(hparams_content(values, {"rate": [0.1, 0.2], "kind": ["adam", "sgd"]}, ["loss"], None, 0.0).summary()).value

    def content(value: Any) -> Any:
        return hparams_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)

    assert [value.tag for value in ours] == [experiment.value[0].tag, start.value[0].tag]
    assert content(ours[1]).session_start_info.hparams == content(start.value[0]).session_start_info.hparams
    our_infos = {info.name: info for info in content(ours[0]).experiment.hparam_infos}
    their_infos = {info.name: info for info in content(experiment.value[0]).experiment.hparam_infos}
    for name in ("rate", "kind"):
        assert our_infos[name] == their_infos[name]
    assert {name: info.type for name, info in our_infos.items()} == {name: info.type for name, info in their_infos.items()}
    assert content(ours[0]).experiment.metric_infos == content(experiment.value[0]).experiment.metric_infos


def test_histogram_raw() -> None:
    """The same message."""
    numbers = {"min": 0.0, "max": 5.0, "num": 3.0, "sum": 7.0, "sum_squares": 21.0}
    expected = theirs.histogram_raw("t", *numbers.values(), [1.0, 2.0, 5.0], [1.0, 0.0, 2.0])
    assert read(raw_histogram_content(numbers, torch.tensor([1.0, 2.0, 5.0]), torch.tensor([1, 0, 2]), "t").summary()) == expected


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_images(dtype: str) -> None:
    """The same pixels; torch makes one picture of a batch."""
    image = torch.randint(0, 256, (3, 6, 8), dtype=torch.uint8) if dtype == "uint8" else torch.rand(3, 6, 8)
    our = image_form(image, "t", dataformats="CHW").summary().value[0].tensor.string_val[2]
    assert (pixels(our) == pixels(theirs.image("t", image, dataformats="CHW").value[0].image.encoded_image_string)).all()
    batch = torch.stack([image] * 3)
    our = image_form(batch, "t", dataformats="NCHW", grid=True).summary().value[0].tensor.string_val[2]
    assert (pixels(our) == pixels(theirs.image("t", batch, dataformats="NCHW").value[0].image.encoded_image_string)).all()


def test_audio() -> None:
    """The same number of samples, and each within two of 32,768 steps: torch multiplies by 32,767 and cuts off."""
    sound = torch.rand(1, 400) * 2 - 1
    our = audio_form(sound, "t", 8000, 1).summary().value[0].audio
    their = theirs.audio("t", sound, 8000).value[0].audio
    assert (our.sample_rate, our.num_channels) == (their.sample_rate, their.num_channels)
    ours, them = (np.frombuffer(found.encoded_audio_string[-800:], "<i2").astype(int) for found in (our, their))
    assert np.abs(ours - them).max() <= 2


def test_embedding(tmp_path: Path) -> None:
    """The same vectors, labels and name in the index."""
    vectors = torch.rand(4, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(tmp_path))
    writer.add_embedding(vectors, ["a", "b", "c", "d"], global_step=7, tag="tag")
    writer.close()
    ours = embedding_content(vectors, "tag", 7, ["a", "b", "c", "d"])
    (their_vectors,), (labels,) = list(tmp_path.rglob("tensors.tsv")), list(tmp_path.rglob("metadata.tsv"))
    files = ours.files()
    read_vectors = np.loadtxt(io.BytesIO(files["projector-tag-00007.tensors.tsv"]), delimiter="\t").astype(np.float32)
    assert (read_vectors == np.loadtxt(their_vectors, delimiter="\t").astype(np.float32)).all()
    assert files["projector-tag-00007.metadata.tsv"] == labels.read_bytes()
    assert 'tensor_name: "tag:00007"' in (tmp_path / "projector_config.pbtxt").read_text()
    assert b'tensor_name: "tag:00007"' in ours.amend(b"")


class Model(torch.nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        return self.second(torch.relu(self.first(x)))


def test_the_graph_of_a_module() -> None:
    """Is torch's own."""
    model, inputs = Model(), torch.zeros(1, 3)
    expected, _ = their_graph.graph(model, inputs)
    found = graph_pb2.GraphDef.FromString(torch_graph_bytes(model, inputs))
    assert [(node.name, node.op) for node in found.node] == [(node.name, node.op) for node in expected.node]
    assert any("second" in node.name for node in found.node)
    assert model.training


def test_what_cannot_be_traced() -> None:
    """Is refused with torch's words."""
    with pytest.raises(InvalidSummaryError, match=r"(?s)model: Model cannot be traced: .*shapes"):
        torch_graph_bytes(Model(), torch.zeros(1, 5))
    with pytest.raises(InvalidTypeError, match=r"model: must be a torch.nn.Module, got Tensor"):
        torch_graph_bytes(torch.zeros(1), None)


def test_an_onnx_model() -> None:
    """Has the operations that torch's reading of it has."""
    onnx: Any = pytest.importorskip("onnx")
    helper = onnx.helper
    info = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xz"]
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Exp", ["y"], ["z"])]
    model = helper.make_model(helper.make_graph(nodes, "g", info[:1], info[1:]))
    parse = importlib.import_module("torch.utils.tensorboard._onnx_graph").parse
    operations = {(node.op, tuple(node.input)) for node in parse(model.graph).node if node.op != "Variable"}
    found = graph_pb2.GraphDef.FromString(onnx_graph_bytes(model))
    assert operations == {(node.op, tuple(node.input)) for node in found.node if node.op in {"Relu", "Exp"}}


def test_bfloat16_and_gradients() -> None:
    """Tensors that numpy cannot see as they are, are seen."""
    value = torch.rand(2, 3, requires_grad=True)
    assert embedding_content(value.to(torch.bfloat16), "t", 0).vectors.dtype == np.float32
    assert mesh_content(value, "t").parts[1].shape == (1, 2, 3)
