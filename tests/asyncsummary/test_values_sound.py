"""Sounds: other types of samples, labels, files, and what is refused."""

import io
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import soundfile

from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError, InvalidTypeError
from asyncsummary.values.audio import audio_batch, wav
from asyncsummary.values.sound import audio_form
from tests.support.plugin_summaries import assert_same, tensorboards

CLIPS = np.random.default_rng(0).uniform(-1, 1, (2, 50, 2)).astype(np.float32)


def saved(kind: str) -> bytes:
    """Return a clip as a file."""
    stream = io.BytesIO()
    soundfile.write(stream, CLIPS[0], 8000, format=kind)
    return stream.getvalue()


def test_the_form_of_contrib_is_as_it_was() -> None:
    """For float32 samples."""
    assert audio_form(CLIPS, "t", 8000, 3).summary() == audio_batch(CLIPS, 8000, 3, "t").summary()


def test_doubles_and_one_clip() -> None:
    """Are written as float32 samples are."""
    expected = audio_batch(CLIPS, 8000, 3, "t").summary()
    assert expected == audio_form(CLIPS.astype(np.float64), "t", 8000).summary()
    assert expected == audio_form(CLIPS.tolist(), "t", 8000).summary()
    assert audio_form(CLIPS[0, :, 0], "t", 8000).summary() == audio_batch(CLIPS[:1, :, 0], 8000, 3, "t").summary()


def test_16_bits() -> None:
    """Are the 16 bits of the file."""
    samples = np.arange(-32768, 32768).astype(np.int16)
    (value,) = audio_form(samples, "t", 8000, 1).summary().value
    assert value.tag == "t/audio"
    assert (np.frombuffer(value.audio.encoded_audio_string[44:], "<i2") == samples).all()


@pytest.mark.parametrize("dtype", ["i2", "f4", "f8"])
def test_either_byte_order(dtype: str) -> None:
    """Sounds the same."""
    samples = (CLIPS * (32767 if dtype == "i2" else 1)).astype(f"<{dtype}")
    for labels in (None, ["a", "b"]):
        expected = audio_form(samples, "t", 8000, labels=labels)
        assert audio_form(samples.astype(f">{dtype}"), "t", 8000, labels=labels).summary() == expected.summary()


@pytest.mark.parametrize("rate", [8000, 8000.0, np.int32(8000), np.float32(8000), np.array(8000), Decimal(8000), Fraction(8000)])
def test_sample_rates(rate: Any) -> None:
    """Are numbers of any kind."""
    assert audio_form(CLIPS, "t", rate).summary() == audio_form(CLIPS, "t", 8000).summary()


def test_labels_the_same_as_tensorboards_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """In TF2's form: a file and its label for each clip."""
    theirs = tensorboards("audio.summary", monkeypatch)
    monkeypatch.setattr(theirs.encoder_util, "encode_wav", lambda clip, samples_per_second: wav(clip, samples_per_second))
    with pytest.warns(UserWarning, match="deprecated"):
        expected = theirs.pb("t", CLIPS, 8000, ["one", "zwei ✓"], 1, display_name="", description="about")
    assert_same(audio_form(CLIPS, "t", 8000, 1, ["one", "zwei ✓"], "about").summary(), expected, tag="t")


@pytest.mark.parametrize(("kind", "encoding"), [("WAV", b"\x10\x0b"), ("FLAC", b""), ("OGG", b"")])
def test_files(kind: str, encoding: bytes) -> None:
    """Are written as they are; what TensorBoard has a name for is named."""
    file = saved(kind)
    (value,) = audio_form(file, "t", description="about").summary().value
    assert value.tag == "t"
    assert list(value.tensor.string_val) == [file, b""]
    assert [dim.size for dim in value.tensor.tensor_shape.dim] == [1, 2]
    assert (value.metadata.plugin_data.plugin_name, value.metadata.plugin_data.content) == ("audio", encoding)


def test_several_files() -> None:
    """Have labels, and an encoding if all have the same; no more than were asked for."""
    files = [saved("WAV"), bytearray(saved("FLAC"))]
    (value,) = audio_form(files, "t", labels=["a", "b"]).summary().value
    assert list(value.tensor.string_val) == [files[0], b"a", files[1], b"b"]
    assert value.metadata.plugin_data.content == b""
    (first,) = audio_form(files, "t", max_outputs=1, labels=["a", "b"]).summary().value
    assert list(first.tensor.string_val) == [files[0], b"a"]


def test_the_samples_are_copied() -> None:
    """What the caller does to the array later does not matter."""
    array = CLIPS.copy()
    content = audio_form(array, "t", 8000, labels=["a", "b"])
    before = content.summary().SerializeToString()
    array[:] = 0
    assert before == content.summary().SerializeToString()
    assert content.size > CLIPS.nbytes


@pytest.mark.parametrize(
    ("samples", "rest", "kind", "message"),
    [
        (CLIPS, {}, InvalidSummaryError, "sample_rate of tag 't': samples need one"),
        (CLIPS.astype(np.int32), {"sample_rate": 1}, InvalidTypeError, "audio of tag 't': must be float32, got int32"),
        (CLIPS[None], {"sample_rate": 1}, InvalidSummaryError, "audio of tag 't': must be"),
        (5.0, {"sample_rate": 1}, InvalidSummaryError, "audio of tag 't': must be"),
        (CLIPS, {"sample_rate": 0}, InvalidSummaryError, "sample_rate of tag 't'"),
        (CLIPS, {"sample_rate": 1, "description": "d"}, InvalidArgumentError, "description of tag 't'"),
        (CLIPS, {"sample_rate": 1, "labels": ["a"]}, InvalidSummaryError, "labels of tag 't': one for each clip: 2, got 1"),
        (CLIPS, {"sample_rate": 1, "labels": ["a", 5]}, InvalidTypeError, "labels of tag 't': must be str, got 5"),
        (CLIPS, {"sample_rate": 1, "labels": ["a", None]}, InvalidTypeError, "labels of tag 't': must be str, got None"),
        (CLIPS, {"sample_rate": 1, "labels": 5}, InvalidTypeError, "labels of tag 't': must be a list, got 5"),
        (saved("WAV"), {"labels": [None]}, InvalidTypeError, "labels of tag 't': must be str, got None"),
        ([[0.5, "a"]], {"sample_rate": 1}, InvalidTypeError, "audio of tag 't': must be float32"),
        ([[0.5, 1j]], {"sample_rate": 1}, InvalidTypeError, "audio of tag 't': must be float32, got complex128"),
        (CLIPS, {"sample_rate": "8000"}, InvalidTypeError, "sample_rate of tag 't': must be a number, got '8000'"),
        (CLIPS, {"sample_rate": True}, InvalidTypeError, "sample_rate of tag 't': must be a number, got True"),
        (CLIPS, {"sample_rate": np.True_}, InvalidTypeError, "sample_rate of tag 't': must be a number"),
        (CLIPS, {"sample_rate": [8000]}, InvalidTypeError, "sample_rate of tag 't': must be a number"),
        (CLIPS, {"sample_rate": np.array([8000])}, InvalidTypeError, "sample_rate of tag 't': must be a number"),
        (CLIPS, {"sample_rate": 8000j}, InvalidTypeError, "sample_rate of tag 't': must be a number"),
        (CLIPS, {"sample_rate": 10**400}, InvalidSummaryError, r"sample_rate of tag 't': sample_rate must be in \(0, 2\^32\)"),
        (CLIPS, {"sample_rate": 1e300}, InvalidSummaryError, r"sample_rate of tag 't': sample_rate must be in \(0, 2\^32\)"),
        (CLIPS, {"sample_rate": -(10**5000)}, InvalidSummaryError, "sample_rate of tag 't': sample_rate must be > 0, got <int>"),
        (saved("WAV"), {"sample_rate": 8000}, InvalidArgumentError, "sample_rate of tag 't': cannot be given for files"),
        (saved("WAV"), {"max_outputs": 0}, InvalidSummaryError, "max_outputs of tag 't'"),
        (saved("AIFF"), {}, InvalidSummaryError, "bytes are no WAV, FLAC or Ogg"),
        (b"", {}, InvalidSummaryError, "these 0 bytes are no WAV, FLAC or Ogg"),
    ],
)
def test_what_is_refused(samples: Any, rest: dict[str, Any], kind: type[InvalidArgumentError], message: str) -> None:
    """With the argument, the tag and the reason."""
    with pytest.raises(kind, match=message):
        audio_form(samples, "t", **rest)
