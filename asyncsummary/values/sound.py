"""Which sounds are audio in other forms than tf.contrib.summary's? Samples of other types, clips with labels, and encoded files.

Samples without labels are written as in ``audio``. Labels and files are written in TF2's form, a tensor of strings [number, 2]: a file and
its label, under exactly the tag.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError
from asyncsummary.plugin_protos import AudioPluginData
from asyncsummary.protos import Summary
from asyncsummary.values.array import with_python_floats
from asyncsummary.values.audio import AudioBatch, audio_batch, wav
from asyncsummary.values.content import Content
from asyncsummary.values.encoded_image import is_encoded
from asyncsummary.values.given import description_of, labels_of
from asyncsummary.values.limits import at_least_one, require_encodable
from asyncsummary.values.plugin import Ready, plugin_value, strings

UNKNOWN, WAV = 0, 11
"""Of AudioPluginData.Encoding there is nothing else; browsers find out by themselves."""


@dataclass(frozen=True, slots=True)
class Clips:
    """Clips that were checked and copied, with a label for each."""

    batch: AudioBatch
    labels: list[bytes]
    description: str

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return self.batch.size + sum(map(len, self.labels))

    def summary(self) -> Summary:
        """Encode them, and return them as one value."""
        files = [wav(clip, self.batch.sample_rate) for clip in self.batch.samples]
        return _summary(self.batch.tag, files, self.labels, WAV, self.description)


def audio_form(
    samples: Any, tag: str, sample_rate: Any = None, max_outputs: Any = 3, labels: Any = None, description: object = None
) -> Content:
    """Check sounds for the form that they have, or that is asked for.

    Raises:
        InvalidTypeError: a dtype other than float32, float64 and int16, or labels or a description that are no str, or
            a sample rate that is no number.
        InvalidSummaryError: a shape that is none of clips, no sample rate, another number of labels, or bytes that are no sound.
        InvalidArgumentError: a sample rate of files, which tell their own, or a description without labels.
    """
    about = description_of(description, tag)
    if is_encoded(samples):
        return _encoded(samples, tag, sample_rate, at_least_one("max_outputs", max_outputs, tag), labels, about)
    if sample_rate is None:
        raise InvalidSummaryError(f"sample_rate of tag {tag!r}: samples need one", tag)
    clips = _as_float32(samples, tag)
    batch = audio_batch(clips, sample_rate, max_outputs, tag)
    if labels is None:
        if description is not None:
            raise InvalidArgumentError(f"description of tag {tag!r}: is for audio with labels, or of files, only")
        return batch
    require_encodable(2 * int(batch.samples.size) + 1024, tag)
    return Clips(batch, _labels(labels, len(clips), tag)[: batch.max_outputs], about)


def _as_float32(samples: Any, tag: str) -> Any:
    """Return samples as they are wanted; 16-bit ones become what they are made of again, bit by bit."""
    array: NDArray[Any] = with_python_floats(samples, tag)
    name = array.dtype.name  # of either byte order
    if name == "float64":
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    elif name == "int16":
        array = array.astype(np.float32) / np.float32(32768)
    return array[None] if array.ndim == 1 else array


def _encoded(value: Any, tag: str, sample_rate: Any, limit: int, labels: Any, description: str) -> Ready:
    if sample_rate is not None:
        raise InvalidArgumentError(f"sample_rate of tag {tag!r}: cannot be given for files, which tell their own")
    given = list(value) if isinstance(value, list | tuple) else [value]
    files = [bytes(one) for one in given[:limit]]
    encodings = {_encoding(file, tag) for file in files}
    require_encodable(sum(map(len, files)), tag)
    names = [b""] * len(files) if labels is None else _labels(labels, len(given), tag)[:limit]
    return Ready(_summary(tag, files, names, encodings.pop() if len(encodings) == 1 else UNKNOWN, description))


def _encoding(file: bytes, tag: str) -> int:
    """Return the number of a file's encoding, by its first bytes."""
    if file[:4] == b"RIFF" and file[8:12] == b"WAVE":
        return WAV
    if file[:4] not in {b"fLaC", b"OggS"}:
        raise InvalidSummaryError(f"samples of tag {tag!r}: these {len(file)} bytes are no WAV, FLAC or Ogg", tag)
    return UNKNOWN


def _labels(labels: Any, count: int, tag: str) -> list[bytes]:
    names = labels_of([labels] if isinstance(labels, str) else labels, tag)
    if len(names) != count:
        raise InvalidSummaryError(f"labels of tag {tag!r}: one for each clip: {count}, got {len(names)}", tag)
    return [name.encode("utf-8", "replace") for name in names]


def _summary(tag: str, files: list[bytes], labels: list[bytes], encoding: int, description: str) -> Summary:
    pairs = [item for pair in zip(files, labels, strict=True) for item in pair]
    content = AudioPluginData(encoding=encoding).SerializeToString()
    return Summary(value=[plugin_value(tag, strings(*pairs, shape=(len(files), 2)), "audio", content, description)])
