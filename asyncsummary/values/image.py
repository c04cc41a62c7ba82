"""How do pixels become images in a summary? By the scaling rules of tf.contrib.summary, as PNG.

uint8 pixels go in as they are. Of float32 and float16 images, each is scaled by its own finite pixels: with m the largest magnitude, to
255 / m where nothing is negative, else to 127 / m around 128; the product is made in the image's own type and cut off to an integer. A
pixel with anything non-finite in it gets the bad colour.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.protos import Image, Summary, Value
from asyncsummary.values.array import as_array, python_kind, with_python_floats
from asyncsummary.values.limits import at_least_one
from asyncsummary.values.memory import copied
from asyncsummary.values.png import Pixels, png

DEFAULT_BAD_COLOR = (255, 0, 0, 255)
_CHANNELS = (1, 3, 4)
_TOO_DARK = 1e-6


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """Images that were checked and copied: [number, height, width, channels] of uint8, float32 or float16."""

    tag: str
    pixels: NDArray[Any]
    max_images: int
    bad_color: Pixels

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return int(self.pixels.nbytes) + 64

    def summary(self) -> Summary:
        """Return one value for each image: ``tag/image`` if one was asked for at the most, else ``tag/image/0`` and so on."""
        _, height, width, channels = self.pixels.shape
        values = []
        for index, image in enumerate(self.pixels):
            tag = f"{self.tag}/image" if self.max_images == 1 else f"{self.tag}/image/{index}"
            encoded = png(to_uint8(image, self.bad_color[:channels]))
            values.append(Value(tag=tag, image=Image(height=height, width=width, colorspace=channels, encoded_image_string=encoded)))
        return Summary(value=values)


def image_batch(value: Any, bad_color: Any, max_images: Any, tag: str) -> ImageBatch:
    """Check images and take a private copy of those that will be written.

    Raises:
        InvalidTypeError: a dtype other than uint8, float32 and float16, or a bad colour that is no vector of uint8.
        InvalidSummaryError: not [number, height, width, 1, 3 or 4], no pixels, ``max_images`` below 1, or a bad colour that is too short.
    """
    array = with_python_floats(value, tag)
    if array.dtype.name not in {"uint8", "float32", "float16"}:
        raise InvalidTypeError(f"images of tag {tag!r}: must be uint8, float32 or float16, got {array.dtype}", tag)
    if array.ndim != 4 or array.shape[3] not in _CHANNELS:
        raise InvalidSummaryError(f"images of tag {tag!r}: Tensor must be 4-D with last dim 1, 3, or 4, not {list(array.shape)}", tag)
    if not array.shape[1] or not array.shape[2]:
        raise InvalidSummaryError(f"images of tag {tag!r}: have no pixels (shape {array.shape})", tag)
    limit = at_least_one("max_images", max_images, tag)
    color = _color(bad_color, tag)
    if array.dtype != np.uint8 and len(color) < array.shape[3]:
        raise InvalidSummaryError(
            f"bad_color of tag {tag!r}: expected depth <= bad_color.size, got depth = {array.shape[3]}, bad_color.size = {len(color)}", tag
        )
    return ImageBatch(tag, copied(array[:limit]), limit, color)


def to_uint8(image: NDArray[Any], bad_color: Pixels) -> Pixels:
    """Return one image's pixels, scaled if it is float."""
    if image.dtype == np.uint8:
        return image
    finite = np.isfinite(image)
    if finite.all():
        return _scaled(image)
    good = finite.all(axis=2)
    pixels: Pixels = np.empty(image.shape, np.uint8)
    pixels[~good] = bad_color
    if good.any():
        pixels[good] = _scaled(image[good])
    return pixels


def _scaled(finite: NDArray[Any]) -> Pixels:
    kind = finite.dtype.type
    lowest, highest = kind(finite.min()), kind(finite.max())
    if lowest < 0:
        largest, reach, offset = max(abs(lowest), abs(highest)), kind(127), kind(128)
    else:
        largest, reach, offset = highest, kind(255), kind(0)
    scale = kind(0) if largest < _TOO_DARK else kind(reach / largest)
    pixels: Pixels = (finite * scale + offset).astype(np.uint8)
    return pixels


def _color(bad_color: Any, tag: str) -> Pixels:
    if bad_color is None:
        return np.array(DEFAULT_BAD_COLOR, np.uint8)
    color = as_array(bad_color, tag)
    if color.dtype.kind not in "iu" or (color.dtype != np.uint8 and python_kind(bad_color) is not int):
        raise InvalidTypeError(f"bad_color of tag {tag!r}: must be a vector of uint8, got {color.dtype}", tag)
    if color.ndim != 1:
        raise InvalidSummaryError(f"bad_color of tag {tag!r}: bad_color must be a vector, got shape {list(color.shape)}", tag)
    return color.astype(np.uint8)
