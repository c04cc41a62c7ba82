"""Embeddings: the files that TensorBoard's projector reads, the index of them, and what is refused."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from tensorboard.plugins.projector import projector_config_pb2, projector_plugin

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.embedding import embedding_content, sprite, tsv

messages: Any = projector_config_pb2  # made at run time, so that type checkers know nothing of it
readers: Any = projector_plugin
VECTORS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
PICTURES = np.arange(1, 6, dtype=np.uint8)[:, None, None] * np.ones((5, 2, 4), np.uint8)


def parsed(index: bytes) -> Any:
    """Return an index by TensorBoard's own message."""
    return text_format.Parse(index, messages.ProjectorConfig())


@pytest.mark.parametrize("format", ["tsv", "bytes"])
def test_tensorboards_own_reader_reads_the_vectors(format: str, tmp_path: Path) -> None:
    """Each float32 as it was."""
    content = embedding_content(VECTORS, "tag", 7, format=format)
    ((name, data),) = content.files().items()
    assert name == f"projector-tag-00007.tensors.{format}"
    path = tmp_path / name
    path.write_bytes(data)
    if format == "tsv":
        found = readers._read_tensor_tsv_file(str(path))
    else:
        with pytest.raises(UnicodeDecodeError):
            readers._read_tensor_tsv_file(str(path))
        found = readers._read_tensor_binary_file(str(path), parsed(content.amend(b"")).embeddings[0].tensor_shape)
    assert (np.asarray(found, np.float32) == VECTORS).all()


@given(arrays(np.float32, (2, 3), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_no_bit_is_lost(vectors: Any) -> None:
    """In the text."""
    read = np.loadtxt(io.BytesIO(tsv(vectors)), delimiter="\t", dtype=np.float64).astype(np.float32)
    assert (read == vectors).all()


def test_bytes_that_would_be_taken_for_text() -> None:
    """Are written as text: zeros are UTF-8."""
    content = embedding_content(np.zeros((2, 2)), "tag", 0, format="bytes")
    assert content.files() == {"projector-tag-00000.tensors.tsv": b"0\t0\n0\t0\n"}


def test_the_index() -> None:
    """Has what torch's has, by torch's name."""
    content = embedding_content(VECTORS, "tag", 7, list("abcde"), images=PICTURES, dataformats="NHW")
    (info,) = parsed(content.amend(b"")).embeddings
    assert info.tensor_name == "tag:00007"
    assert list(info.tensor_shape) == [5, 3]
    assert set(content.files()) == {info.tensor_path, info.metadata_path, info.sprite.image_path}
    assert list(info.sprite.single_image_dim) == [4, 2]


def test_the_index_keeps_what_is_there() -> None:
    """Of others, bookmarks included; the same tag at the same step is replaced."""
    before = b'model_checkpoint_path: "here"\nembeddings { tensor_name: "other:00000" bookmarks_path: "b.txt" }\n'
    once = embedding_content(VECTORS, "tag", 7).amend(before)
    twice = embedding_content(VECTORS[:2], "tag", 7).amend(embedding_content(VECTORS, "tag", 8).amend(once))
    config = parsed(twice)
    assert config.model_checkpoint_path == "here"
    assert [info.tensor_name for info in config.embeddings] == ["other:00000", "tag:00008", "tag:00007"]
    assert config.embeddings[0].bookmarks_path == "b.txt"
    assert list(config.embeddings[2].tensor_shape) == [2, 3]
    assert embedding_content(VECTORS[:2], "tag", 7).amend(twice) == twice


@pytest.mark.parametrize("index", [b"no index {", b"\xff\xfe", b"unknown_field: 5"])
def test_an_index_that_nobody_can_read(index: bytes) -> None:
    """Is replaced."""
    assert len(parsed(embedding_content(VECTORS, "tag", 0).amend(index)).embeddings) == 1


def test_labels() -> None:
    """One column has no header, several do; whatever they are, they are text."""
    files = embedding_content(VECTORS, "t", 0, [1, "b", None, 2.5, "ü\ud800"]).files()
    assert files["projector-t-00000.metadata.tsv"].decode() == "1\nb\nNone\n2.5\nü?\n"
    rows = [(index, f"name {index}") for index in range(5)]
    files = embedding_content(VECTORS, "t", 0, rows, ["number", "name"]).files()
    assert files["projector-t-00000.metadata.tsv"].startswith(b"number\tname\n0\tname 0\n")


def test_the_sprite() -> None:
    """Is a square, by rows, as many rows as columns."""
    whole = sprite(PICTURES[..., None])
    assert whole[::2, ::4, 0].tolist() == [[1, 2, 3], [4, 5, 0], [0, 0, 0]]
    file = embedding_content(VECTORS, "t", 0, images=PICTURES, dataformats="NHW").files()["projector-t-00000.sprite.png"]
    assert (np.asarray(Image.open(io.BytesIO(file))) == whole[..., 0]).all()


def test_the_arrays_are_copied() -> None:
    """What the caller does to them later does not matter."""
    vectors, pictures = VECTORS.copy(), PICTURES.copy()
    content = embedding_content(vectors, "t", 0, images=pictures, dataformats="NHW")
    before = content.files()
    vectors[:], pictures[:] = 9, 9
    assert before == content.files()
    assert content.size > vectors.nbytes + pictures.nbytes


@pytest.mark.parametrize("tag", ["a/b", "a_b", "a b", "ü", "A", "x" * 300, "a.tfevents.b", ".."])
def test_names_of_files(tag: str) -> None:
    """Tell tags apart, also where case does not count, lie in the folder of the run, and are not those of event files."""
    name, *_ = embedding_content(VECTORS, tag, 0).files()
    others = {other: next(iter(embedding_content(VECTORS, other, 0).files())).lower() for other in ("a/b", "a_b", "a b", "ü", "A", "a")}
    assert len(set(others.values())) == len(others)
    assert "/" not in name
    assert "tfevents" not in name
    assert len(name) < 200


@pytest.mark.parametrize(
    ("vectors", "rest", "kind", "message"),
    [
        ([1.0], {}, InvalidSummaryError, r"vectors of tag 't': must be \[number, dimensions\], got shape \(1,\)"),
        (np.zeros((0, 3)), {}, InvalidSummaryError, "vectors of tag 't': must be"),
        ([["a"]], {}, InvalidTypeError, "vectors of tag 't': must be real numbers"),
        ([[float("nan")]], {}, InvalidSummaryError, "vectors of tag 't': must be finite"),
        (VECTORS, {"format": "csv"}, InvalidSummaryError, "format of tag 't': must be 'tsv' or 'bytes', got 'csv'"),
        ([[1e300]], {}, InvalidSummaryError, "vectors of tag 't': must be finite, in float32"),
        (VECTORS, {"format": ["tsv"]}, InvalidSummaryError, "format of tag 't': must be 'tsv' or 'bytes'"),
        (VECTORS, {"metadata": 5}, InvalidTypeError, "metadata of tag 't': must be a list, got 5"),
        (VECTORS, {"metadata": ["a"] * 5, "header": 5}, InvalidTypeError, "header of tag 't': must be a list, got 5"),
        (VECTORS, {"metadata": [10**5000] * 5}, InvalidSummaryError, "metadata of tag 't': cannot be made a str"),
        (VECTORS, {"metadata": ["a"]}, InvalidSummaryError, "metadata of tag 't': one for each vector: 5, got 1"),
        (VECTORS, {"metadata": ["a\tb"] * 5}, InvalidSummaryError, "metadata of tag 't': must have no tabs or line breaks"),
        (VECTORS, {"metadata": ["a"] * 5, "header": ["x", "y"]}, InvalidSummaryError, "each must have 2 columns, got 'a'"),
        (VECTORS, {"metadata": [["a"]] * 5, "header": ["x"]}, InvalidSummaryError, "header of tag 't': is for two columns"),
        (VECTORS, {"header": ["x", "y"]}, InvalidSummaryError, "header of tag 't': there are no metadata"),
        (VECTORS, {"images": PICTURES[:2], "dataformats": "NHW"}, InvalidSummaryError, "images of tag 't': one for each vector: 5, got 2"),
        (VECTORS, {"images": PICTURES}, InvalidSummaryError, "images of tag 't': 'NHWC' has 4 axes"),
        (VECTORS, {"images": np.zeros((5, 3000, 1), bool), "dataformats": "NHW"}, InvalidSummaryError, "a square of 9000 pixels a side"),
        (np.broadcast_to(np.float32(0), (1 << 14, 1 << 14)), {}, InvalidSummaryError, "2147418112 at the most"),
    ],
)
def test_what_is_refused(vectors: Any, rest: dict[str, Any], kind: type[InvalidSummaryError], message: str) -> None:
    """With the argument, the tag and the reason."""
    with pytest.raises(kind, match=message):
        embedding_content(vectors, "t", 0, **rest)
