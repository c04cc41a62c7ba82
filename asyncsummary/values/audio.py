"""How do samples become sound in a summary? As 16-bit WAV, by the rules of tf.contrib.summary.

A sample x becomes x * 32768, rounded with halves away from zero, and held within 16 bits: 1.0 is 32767, NaN is 0. The file's header has
the sample rate rounded to an integer, with halves to the even one, but at least 1; the summary has it as it was given.

::

    offset  bytes  what                      offset  bytes  what
    0       4      "RIFF"                    24      4      sample rate
    4       4      36 + data bytes           28      4      bytes per second
    8       8      "WAVEfmt "                32      2      bytes per frame
    16      4      16                        34      2      16 bits
    20      2      1: PCM                    36      4      "data"
    22      2      channels                  40      4      data bytes, then the frames, channels interleaved
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.protos import Audio, Summary, Value
from asyncsummary.values.array import with_python_floats
from asyncsummary.values.limits import at_least_one, require_encodable
from asyncsummary.values.memory import copied

_HEADER = struct.Struct("<4sI8sIHHIIHH4sI")


@dataclass(frozen=True, slots=True)
class AudioBatch:
    """Clips that were checked and copied: float32 [number, frames, channels]."""

    tag: str
    samples: NDArray[np.float32]
    sample_rate: float
    max_outputs: int

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return int(self.samples.nbytes) + 64

    def summary(self) -> Summary:
        """Return one value for each clip: ``tag/audio`` if one was asked for at the most, else ``tag/audio/0`` and so on."""
        _, frames, channels = self.samples.shape
        values = []
        for index, clip in enumerate(self.samples):
            tag = f"{self.tag}/audio" if self.max_outputs == 1 else f"{self.tag}/audio/{index}"
            audio = Audio(
                sample_rate=self.sample_rate,
                num_channels=channels,
                length_frames=frames,
                encoded_audio_string=wav(clip, self.sample_rate),
                content_type="audio/wav",
            )
            values.append(Value(tag=tag, audio=audio))
        return Summary(value=values)


def audio_batch(value: Any, sample_rate: Any, max_outputs: Any, tag: str) -> AudioBatch:
    """Check clips and take a private copy of those that will be written.

    Raises:
        InvalidTypeError: not float32 (nor Python floats), or a sample rate that is no number.
        InvalidSummaryError: not [number, frames] or [number, frames, channels], nothing in it, a sample rate that is not above 0,
            ``max_outputs`` below 1, or more than a message can hold.
    """
    array = with_python_floats(value, tag)
    if array.dtype.name != "float32":
        raise InvalidTypeError(f"audio of tag {tag!r}: must be float32, got {array.dtype}", tag)
    if array.ndim not in {2, 3}:
        raise InvalidSummaryError(
            f"audio of tag {tag!r}: must be [number, frames] or [number, frames, channels], got shape {array.shape}", tag
        )
    array = array.astype(np.float32, copy=False)  # of either byte order
    clips = array if array.ndim == 3 else array[:, :, None]
    if not clips.shape[1]:
        raise InvalidSummaryError(f"audio of tag {tag!r}: num_frames must be positive.", tag)
    if not 0 < clips.shape[2] < 1 << 16:
        raise InvalidSummaryError(f"audio of tag {tag!r}: num_channels must be in (0, 2^16), got: {clips.shape[2]}", tag)
    limit = at_least_one("max_outputs", max_outputs, tag)
    require_encodable(2 * clips[:limit].size, tag)
    return AudioBatch(tag, copied(clips[:limit]), _rate(sample_rate, tag), limit)


def wav(samples: NDArray[np.float32], sample_rate: float) -> bytes:
    """Return one clip, [frames, channels], as a WAV file."""
    channels = samples.shape[1]
    data = to_pcm(samples).tobytes()
    rate = max(1, round(sample_rate))
    per_frame = 2 * channels
    sizes = (rate * per_frame & 0xFFFFFFFF, per_frame & 0xFFFF)  # no player looks at these where they overflow
    return _HEADER.pack(b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 1, channels, rate, *sizes, 16, b"data", len(data)) + data


def to_pcm(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return samples as 16-bit integers, little-endian."""
    scaled = np.nan_to_num(samples.astype(np.float64) * 32768, nan=0.0, posinf=32767, neginf=-32768)
    rounded = np.trunc(scaled + np.copysign(0.5, scaled))
    return np.clip(rounded, -32768, 32767).astype("<i2")


def _rate(sample_rate: Any, tag: str) -> float:
    rate = _as_float32(sample_rate, tag)
    if rate <= 0:
        raise InvalidSummaryError(f"sample_rate of tag {tag!r}: sample_rate must be > 0, got {shown(sample_rate)}", tag)
    if math.isnan(rate) or rate >= 2**32:
        raise InvalidSummaryError(f"sample_rate of tag {tag!r}: sample_rate must be in (0, 2^32), got: {shown(sample_rate)}", tag)
    return rate


def _as_float32(sample_rate: Any, tag: str) -> float:
    """Return a number of any kind, or an array of rank 0, as float32 holds it; infinite where it is beyond that."""
    try:
        number = sample_rate.item() if getattr(sample_rate, "shape", None) == () else sample_rate
        if isinstance(number, bool | str | bytes | bytearray) or getattr(number, "shape", ()) != ():
            raise TypeError("Python would make a number of it")
        with np.errstate(over="ignore"):
            return float(np.float32(float(number)))
    except OverflowError:
        return math.inf if sample_rate > 0 else -math.inf
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"sample_rate of tag {tag!r}: must be a number, got {shown(sample_rate)}", tag) from error
