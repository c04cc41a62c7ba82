"""What does the embedding projector read? Files beside the event files, and an index of them, ``projector_config.pbtxt``.

::

    projector-TAG-STEP.tensors.tsv     a vector in each line, its numbers behind tabs; or .tensors.bytes: float32, little-endian
    projector-TAG-STEP.metadata.tsv    a label in each line; or the columns' names, then the columns of each
    projector-TAG-STEP.sprite.png      a square of pictures, by rows

The index has an entry for each embedding of the run, named ``TAG:STEP``, as torch names it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.plugin_protos import EmbeddingInfo, ProjectorConfig, SpriteMetadata
from asyncsummary.values.array import as_array, finite_float32, is_real
from asyncsummary.values.given import listed
from asyncsummary.values.limits import require_encodable
from asyncsummary.values.pictures import as_nhwc, grid_of, to_uint8
from asyncsummary.values.png import png

INDEX = "projector_config.pbtxt"
LARGEST_SPRITE = 8192
"""The projector shows no larger ones, in pixels a side."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True)
class Embedding:
    """Vectors, labels and pictures that were checked and copied."""

    tag: str
    step: int
    vectors: NDArray[np.float32]
    lines: tuple[str, ...]
    pictures: NDArray[Any] | None
    format: str

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        pictures = 0 if self.pictures is None else self.pictures.nbytes
        return int(self.vectors.nbytes) + sum(map(len, self.lines)) + int(pictures) + 256

    def files(self) -> dict[str, bytes]:
        """Make the files. Takes its time, and may run in any thread."""
        info = self._info()
        made = {info.tensor_path: tsv(self.vectors) if self.format == "tsv" else self.vectors.astype("<f4").tobytes()}
        if self.lines:
            made[info.metadata_path] = "".join(f"{line}\n" for line in self.lines).encode()
        if self.pictures is not None:
            made[info.sprite.image_path] = png(sprite(to_uint8(self.pictures)))
        return made

    def amend(self, index: bytes) -> bytes:
        """Return the index with an entry for this, in place of one of the same name; what cannot be read by anybody is replaced."""
        from google.protobuf import text_format  # which nothing else needs

        config = ProjectorConfig()
        try:
            text_format.Parse(index, config)
        except (text_format.ParseError, UnicodeDecodeError):
            config = ProjectorConfig()
        info = self._info()
        kept = [known for known in config.embeddings if known.tensor_name != info.tensor_name]
        del config.embeddings[:]
        config.embeddings.extend([*kept, info])
        return text_format.MessageToString(config, as_utf8=True).encode()

    def _info(self) -> EmbeddingInfo:
        base = f"projector-{_slug(self.tag)}-{self.step:05d}"
        info = EmbeddingInfo(
            tensor_name=f"{self.tag}:{self.step:05d}", tensor_path=f"{base}.tensors.{self.format}", tensor_shape=self.vectors.shape
        )
        if self.lines:
            info.metadata_path = f"{base}.metadata.tsv"
        if self.pictures is not None:
            _, height, width, _ = self.pictures.shape
            info.sprite.MergeFrom(SpriteMetadata(image_path=f"{base}.sprite.png", single_image_dim=[width, height]))
        return info


def embedding_content(
    vectors: Any,
    tag: str,
    step: int,
    metadata: Any = None,
    header: Any = None,
    images: Any = None,
    dataformats: Any = "NHWC",
    format: Any = "tsv",
) -> Embedding:
    """Check vectors [number, dimensions], with labels and pictures for each, and take private copies.

    Raises:
        InvalidTypeError: vectors that are no real numbers, metadata or a header that are no lists, or pictures of a dtype that has no
            colours.
        InvalidSummaryError: other shapes, vectors that are not finite in float32, another number of labels or pictures, labels with tabs
            or line breaks, or more pictures than the projector shows.
    """
    array = as_array(vectors, tag)
    if not is_real(array):
        raise InvalidTypeError(f"vectors of tag {tag!r}: must be real numbers, got {array.dtype}", tag)
    if array.ndim != 2 or not array.size:
        raise InvalidSummaryError(f"vectors of tag {tag!r}: must be [number, dimensions], got shape {array.shape}", tag)
    require_encodable(16 * array.size, tag)
    numbers = finite_float32(array, "vectors", tag)
    if not isinstance(format, str) or format not in {"tsv", "bytes"}:
        raise InvalidSummaryError(f"format of tag {tag!r}: must be 'tsv' or 'bytes', got {shown(format)}", tag)
    lines = _lines(metadata, header, len(numbers), tag)
    return Embedding(tag, step, numbers, lines, _pictures(images, dataformats, len(numbers), tag), _readable(numbers, format))


def tsv(vectors: NDArray[np.float32]) -> bytes:
    """Return vectors as lines of numbers, none of which loses a bit."""
    row = "\t".join(["%.9g"] * vectors.shape[1]) + "\n"
    return "".join(row % tuple(vector) for vector in vectors.tolist()).encode()


def sprite(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pictures in a square, by rows, as many rows as columns: the projector counts on that."""
    side = _side(len(pictures))
    whole = np.zeros((side * side, *pictures.shape[1:]), np.uint8)
    whole[: len(pictures)] = pictures
    return grid_of(whole, side)


def _side(number: int) -> int:
    return int(np.ceil(np.sqrt(number)))


def _readable(vectors: NDArray[np.float32], format: str) -> str:
    """TensorBoard takes bytes that happen to be UTF-8 for a table: those are written as one."""
    if format == "bytes":
        try:
            vectors.astype("<f4").tobytes().decode()
        except UnicodeDecodeError:
            return format
    return "tsv"


def _lines(metadata: Any, header: Any, number: int, tag: str) -> tuple[str, ...]:
    if metadata is None:
        if header is not None:
            raise InvalidSummaryError(f"header of tag {tag!r}: there are no metadata", tag)
        return ()
    labels = listed(metadata, "metadata", tag)
    if len(labels) != number:
        raise InvalidSummaryError(f"metadata of tag {tag!r}: one for each vector: {number}, got {len(labels)}", tag)
    if header is None:
        return tuple(_cell(label, tag) for label in labels)
    names = listed(header, "header", tag)
    if len(names) < 2:
        raise InvalidSummaryError(f"header of tag {tag!r}: is for two columns and more, got {shown(names)}", tag)
    for row in labels:
        if isinstance(row, str | bytes) or not isinstance(row, Sequence | np.ndarray) or len(row) != len(names):
            raise InvalidSummaryError(f"metadata of tag {tag!r}: each must have {len(names)} columns, got {shown(row)}", tag)
    return tuple("\t".join(_cell(cell, tag) for cell in row) for row in [names, *labels])


def _cell(value: Any, tag: str) -> str:
    try:
        text = str(value)
    except Exception as error:  # an int of more than 4300 digits, or a user's class
        raise InvalidSummaryError(f"metadata of tag {tag!r}: cannot be made a str: {error}", tag) from error
    if any(character in text for character in "\t\n\r"):
        raise InvalidSummaryError(f"metadata of tag {tag!r}: must have no tabs or line breaks, got {shown(text)}", tag)
    return text.encode("utf-8", "replace").decode()


def _pictures(images: Any, dataformats: Any, number: int, tag: str) -> NDArray[Any] | None:
    if images is None:
        return None
    array = as_nhwc(images, dataformats, tag)
    if len(array) != number:
        raise InvalidSummaryError(f"images of tag {tag!r}: one for each vector: {number}, got {len(array)}", tag)
    longest = _side(number) * max(array.shape[1:3])
    if longest > LARGEST_SPRITE:
        raise InvalidSummaryError(
            f"images of tag {tag!r}: make a square of {longest} pixels a side, and the projector shows {LARGEST_SPRITE}", tag
        )
    return np.array(array, copy=True)


def _slug(tag: str) -> str:
    """Return a name for files that is the tag where that can be, and one of its own for each tag.

    TensorBoard takes files with "tfevents" in their names for event files.
    """
    plain = _UNSAFE.sub("_", tag).replace("tfevents", "tf-events")[:100]
    return plain if plain == tag and plain == plain.lower() else f"{plain}-{hashlib.sha256(tag.encode()).hexdigest()[:8]}"
