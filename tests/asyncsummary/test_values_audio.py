"""Audio: samples at every rounding edge, the header, and what is refused."""

import io
import math
import wave
from typing import Any

import numpy as np
import pytest

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.audio import audio_batch, to_pcm


@pytest.mark.parametrize(
    ("sample", "pcm"),
    [
        (0.0, 0),
        (0.25, 8192),
        (-0.25, -8192),
        (1.0, 32767),
        (-1.0, -32768),
        (2.0, 32767),
        (-7.0, -32768),
        (0.5 / 32768, 1),
        (-0.5 / 32768, -1),
        (1.5 / 32768, 2),
        (2.5 / 32768, 3),
        (0.49 / 32768, 0),
        (32766.5 / 32768, 32767),
        (math.nan, 0),
        (math.inf, 32767),
        (-math.inf, -32768),
    ],
)
def test_samples(sample: float, pcm: int) -> None:
    """Rounded with halves away from zero, held within 16 bits."""
    assert to_pcm(np.array([[sample]], np.float32)).tolist() == [[pcm]]


@pytest.mark.parametrize(("rate", "in_header"), [(8000, 8000), (0.2, 1), (1.5, 2), (2.5, 2), (44100.0, 44100), (3.5, 4)])
def test_wav(rate: float, in_header: int) -> None:
    """Any player reads it; the header's rate is a whole number, the summary's is as given."""
    samples = np.array([[[0.0, 0.5], [-0.5, 1.0], [0.25, -1.0]]], np.float32)
    (value,) = audio_batch(samples, rate, 1, "t").summary().value
    assert (value.audio.num_channels, value.audio.length_frames, value.audio.content_type) == (2, 3, "audio/wav")
    assert value.audio.sample_rate == np.float32(rate)
    with wave.open(io.BytesIO(value.audio.encoded_audio_string)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate(), sound.getnframes()) == (2, 2, in_header, 3)
        assert np.frombuffer(sound.readframes(3), "<i2").tolist() == [0, 16384, -16384, 32767, 8192, -32768]
    assert len(value.audio.encoded_audio_string) == 44 + 12


@pytest.mark.parametrize(
    ("number", "max_outputs", "tags"),
    [(2, 1, ["t/audio"]), (1, 3, ["t/audio/0"]), (3, 2, ["t/audio/0", "t/audio/1"]), (0, 3, [])],
)
def test_tags(number: int, max_outputs: int, tags: list[str]) -> None:
    """Depend on max_outputs, not on how many there are. An empty batch is an empty summary."""
    batch = audio_batch(np.zeros((number, 4), np.float32), 8000, max_outputs, "t")
    assert [value.tag for value in batch.summary().value] == tags


def test_the_samples_are_copied() -> None:
    """What the caller does to the array later does not matter; Python floats are float32."""
    array = np.zeros((1, 4), np.float32)
    batch = audio_batch(array, 8000, 1, "t")
    array[:] = 1.0
    assert batch.samples.max() == 0.0
    assert audio_batch([[0.5]], 8000, 1, "t").samples.dtype == np.float32


@pytest.mark.parametrize(
    ("samples", "rate", "max_outputs", "kind", "message"),
    [
        (np.zeros((1, 4)), 8000, 3, InvalidTypeError, "must be float32, got float64"),
        ([[1, 2]], 8000, 3, InvalidTypeError, "must be float32"),
        (np.zeros(4, np.float32), 8000, 3, InvalidSummaryError, r"got shape \(4,\)"),
        (np.zeros((1, 1, 1, 1), np.float32), 8000, 3, InvalidSummaryError, "got shape"),
        (np.zeros((), np.float32), 8000, 3, InvalidSummaryError, "got shape"),
        (np.zeros((1, 0), np.float32), 8000, 3, InvalidSummaryError, "num_frames must be positive"),
        (np.zeros((1, 4, 0), np.float32), 8000, 3, InvalidSummaryError, r"num_channels must be in \(0, 2\^16\), got: 0"),
        (np.zeros((1, 1, 65536), np.float32), 8000, 3, InvalidSummaryError, "got: 65536"),
        (np.zeros((1, 4), np.float32), 0, 3, InvalidSummaryError, "sample_rate must be > 0"),
        (np.zeros((1, 4), np.float32), -1.0, 3, InvalidSummaryError, "sample_rate must be > 0"),
        (np.zeros((1, 4), np.float32), math.nan, 3, InvalidSummaryError, r"sample_rate must be in \(0, 2\^32\), got: nan"),
        (np.zeros((1, 4), np.float32), "fast", 3, InvalidTypeError, "sample_rate of tag 't'"),
        (np.broadcast_to(np.float32(0), (3, 2**29, 1)), 8000, 2, InvalidSummaryError, "value of tag 't': 2147483648 bytes"),
        (np.zeros((1, 4), np.float32), 8000, 0, InvalidSummaryError, "max_outputs of tag 't': 0 must be at least minimum 1"),
    ],
)
def test_refused(samples: Any, rate: Any, max_outputs: Any, kind: type[Exception], message: str) -> None:
    """In words that name the argument and the tag."""
    with pytest.raises(kind, match=message):
        audio_batch(samples, rate, max_outputs, "t")
