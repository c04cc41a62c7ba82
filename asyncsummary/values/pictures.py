"""Which pictures are images in other forms than tf.contrib.summary's? Arrays whose axes are named, PIL images, and encoded files.

They are written in TF2's form: a tensor of strings, [2 + number]: width, height, then a file for each picture, under exactly the tag.
Floats are in [0, 1], and are multiplied by 255 and cut off, as in torch and tensorboardX; bools are 0 and 255.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.protos import Summary
from asyncsummary.values.array import with_python_floats
from asyncsummary.values.boxes import Box, boxes_of, with_boxes
from asyncsummary.values.content import Content
from asyncsummary.values.encoded_image import encoded_images, is_encoded
from asyncsummary.values.given import description_of
from asyncsummary.values.image import image_batch
from asyncsummary.values.limits import at_least_one, require_encodable
from asyncsummary.values.memory import copied
from asyncsummary.values.plugin import plugin_value, strings
from asyncsummary.values.png import png

GRID_COLUMNS = 8
CHANNELS = (1, 3, 4)
# What becomes of a PIL image's mode; those of other depths are refused, since nobody knows their range.
_MODES = {"1": "L", "L": "L", "LA": "RGBA", "P": "RGBA", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA", "RGBX": "RGB"}
_MODES |= {"CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB", "La": "RGBA", "RGBa": "RGBA"}


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures that were checked and copied, [number, height, width, channels] of uint8, bool, or floats in [0, 1]."""

    tag: str
    pixels: NDArray[Any]
    boxes: tuple[Box, ...]
    columns: int
    description: str

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return int(self.pixels.nbytes) + 64

    def summary(self) -> Summary:
        """Encode them, and return them as one value."""
        pixels = to_uint8(self.pixels)
        if self.columns:
            pixels = grid_of(pixels, self.columns)[None]
        return pictures_summary(self.tag, [png(with_boxes(picture, self.boxes)) for picture in pixels], pixels.shape, self.description)


def pictures_summary(tag: str, files: list[bytes], shape: tuple[int, ...], description: object) -> Summary:
    """Return the summary of encoded pictures of the shape [number, height, width, ...]."""
    tensor = strings(str(shape[2]).encode(), str(shape[1]).encode(), *files, shape=(2 + len(files),))
    return Summary(value=[plugin_value(tag, tensor, "images", description=description)])


def image_form(
    images: Any,
    tag: str,
    bad_color: Any = None,
    max_images: Any = 3,
    dataformats: Any = None,
    grid: Any = False,
    boxes: Any = None,
    labels: Any = None,
    description: object = None,
) -> Content:
    """Check images for the form that they have, or that is asked for; without ``dataformats`` an array has that of tf.contrib.summary.

    Raises:
        InvalidTypeError: a dtype or mode that has no place in a picture, or a description that is no str.
        InvalidSummaryError: a shape that the format does not name, floats out of [0, 1], boxes out of the picture.
        InvalidArgumentError: an argument that the form does not have.
    """
    about = description_of(description, tag)
    if is_encoded(images):
        _refuse(tag, "of encoded files", bad_color=bad_color, dataformats=dataformats, grid=grid or None, boxes=boxes, labels=labels)
        return encoded_images(images, tag, at_least_one("max_images", max_images, tag), description)
    pillow = as_pillow_images(images)
    if pillow:
        _refuse(tag, "of PIL images", dataformats=dataformats)
        images, dataformats = np.stack(_pixels_of(pillow, tag)), "NHWC"
    if dataformats is None:
        _refuse(tag, "without dataformats", grid=grid or None, boxes=boxes, labels=labels, description=description)
        return image_batch(images, bad_color, max_images, tag)
    _refuse(tag, "with dataformats", bad_color=bad_color)
    pixels = as_nhwc(images, dataformats, tag)
    columns = GRID_COLUMNS if grid is True else at_least_one("grid", grid, tag) if grid else 0
    limit = at_least_one("max_images", max_images, tag)
    shown = pixels if columns else pixels[:limit]
    found = boxes_of(boxes, labels, shown.shape[1:3], tag)
    if found and (len(shown) > 1 or columns):
        raise InvalidSummaryError(f"boxes of tag {tag!r}: are for one picture, got {len(pixels)}", tag)
    require_encodable(int(shown.size) + 1024, tag)
    return Pictures(tag, copied(shown), found, columns, about)


def as_nhwc(images: Any, dataformats: Any, tag: str) -> NDArray[Any]:
    """Return an array whose axes are named by letters as [number, height, width, channels]; see that it holds colours."""
    array = with_python_floats(images, tag)
    if not isinstance(dataformats, str) or len(set(dataformats)) != len(dataformats) or not {"H", "W"} <= set(dataformats) <= set("NHWC"):
        raise InvalidSummaryError(f"dataformats of tag {tag!r}: must be like 'NHWC', 'CHW' or 'HW', got {shown(dataformats, 40)}", tag)
    if array.ndim != len(dataformats):
        raise InvalidSummaryError(f"images of tag {tag!r}: {dataformats!r} has {len(dataformats)} axes, got shape {array.shape}", tag)
    missing = [letter for letter in "NC" if letter not in dataformats]
    letters = dataformats + "".join(missing)
    found: NDArray[Any] = array.reshape([*array.shape, *(1 for _ in missing)]).transpose([letters.index(letter) for letter in "NHWC"])
    if found.shape[3] not in CHANNELS:
        raise InvalidSummaryError(f"images of tag {tag!r}: must have 1, 3 or 4 channels, got {found.shape[3]} by {dataformats!r}", tag)
    if not found.size:
        raise InvalidSummaryError(f"images of tag {tag!r}: have no pixels (shape {array.shape})", tag)
    require_colors(found, "images", tag)
    return found


def require_colors(array: NDArray[Any], argument: str, tag: str) -> None:
    """See that an array holds colours: uint8, bool, or floats in [0, 1]."""
    if array.dtype == np.uint8 or array.dtype == np.bool_:
        return
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise InvalidTypeError(f"{argument} of tag {tag!r}: must be uint8, bool, or floats in [0, 1], got {array.dtype}", tag)
    lowest, highest = float(array.min()), float(array.max())
    if not (lowest >= 0 and highest <= 1):
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: floats must be in [0, 1], got {lowest:g} to {highest:g}; clip them", tag)


def to_uint8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return colours as bytes."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    # Halves would round 255 times themselves.
    wide = pixels if pixels.dtype == np.float64 else pixels.astype(np.float32)
    return (wide * wide.dtype.type(255)).astype(np.uint8)


def grid_of(pictures: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Return one picture of many, by rows; what is left of the last row is black (transparent, where there is an alpha channel)."""
    number, height, width, channels = pictures.shape
    columns = min(columns, number)
    rows = -(-number // columns)
    whole = np.zeros((rows * columns, height, width, channels), np.uint8)
    whole[:number] = pictures
    return whole.reshape(rows, columns, height, width, channels).swapaxes(1, 2).reshape(rows * height, columns * width, channels)


def as_pillow_images(value: Any) -> list[Any]:
    """Return the PIL image or images that a value is; none, if it is something else."""
    pillow = sys.modules.get("PIL.Image")  # who has such an image has imported it
    images = value if isinstance(value, list | tuple) else [value]
    return list(images) if pillow and images and all(isinstance(image, pillow.Image) for image in images) else []


def _pixels_of(images: list[Any], tag: str) -> list[NDArray[np.uint8]]:
    modes = {image.mode for image in images}
    unknown = modes - set(_MODES)
    if unknown:
        raise InvalidTypeError(f"images of tag {tag!r}: PIL's mode {unknown.pop()!r} has no range of colours; convert it first", tag)
    sizes = {image.size for image in images}
    if len(sizes) > 1:
        raise InvalidSummaryError(f"images of tag {tag!r}: must be of one size, got {sorted(sizes)}", tag)
    targets = {_MODES[mode] for mode in modes}
    target = targets.pop() if len(targets) == 1 else "RGBA"
    try:
        arrays = [np.asarray(image if image.mode == target else image.convert(target)) for image in images]
    except Exception as error:  # a file that was opened is read only now, and may be damaged in any way
        raise InvalidSummaryError(f"images of tag {tag!r}: cannot be read: {error}", tag) from error
    return [array if array.ndim == 3 else array[:, :, None] for array in arrays]


def _refuse(tag: str, form: str, **arguments: Any) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise InvalidArgumentError(f"{name} of tag {tag!r}: cannot be used for images {form}")
