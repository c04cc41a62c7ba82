"""How are boxes and their labels drawn into a picture? By Pillow, each in a colour of its own that its label has, too."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.array import as_array, is_real
from asyncsummary.values.given import labels_of
from asyncsummary.values.pillow import require_pillow

# Told apart by most people, on light and on dark.
_COLORS = ((230, 25, 75), (0, 130, 200), (60, 180, 75), (245, 130, 48), (145, 30, 180), (70, 200, 220), (240, 50, 230), (128, 128, 0))


class Box(NamedTuple):
    """Left, top, right and bottom, in pixels from the upper left corner; both ends are in the box."""

    left: int
    top: int
    right: int
    bottom: int
    label: str


def boxes_of(boxes: Any, labels: Any, shape: tuple[int, ...], tag: str) -> tuple[Box, ...]:
    """Return boxes [number, 4] that lie in a picture of the shape (height, width), with a label for each, or none.

    Raises:
        InvalidTypeError: not real numbers, or labels that are no str.
        InvalidSummaryError: another shape, boxes out of the picture or upside down, or another number of labels.
        InvalidArgumentError: Pillow is not installed.
    """
    if boxes is None:
        if labels is not None:
            raise InvalidSummaryError(f"labels of tag {tag!r}: there are no boxes", tag)
        return ()
    array = as_array(boxes, tag)
    if not array.size:
        array = np.zeros((0, 4))
    if not is_real(array):
        raise InvalidTypeError(f"boxes of tag {tag!r}: must be real numbers, got {array.dtype}", tag)
    if array.ndim != 2 or array.shape[1] != 4:
        raise InvalidSummaryError(f"boxes of tag {tag!r}: must be [number, 4]: left, top, right, bottom, got shape {array.shape}", tag)
    require_pillow("boxes", tag)
    names = [""] * len(array) if labels is None else labels_of(labels, tag)
    if len(names) != len(array):
        raise InvalidSummaryError(f"labels of tag {tag!r}: one for each box: {len(array)}, got {len(names)}", tag)
    height, width = shape
    for left, top, right, bottom in array.tolist():
        if not (0 <= left <= right <= width and 0 <= top <= bottom <= height):
            raise InvalidSummaryError(
                f"boxes of tag {tag!r}: ({left:g}, {top:g}, {right:g}, {bottom:g}) does not lie in {width} x {height} pixels", tag
            )
    rows = np.minimum(np.rint(array.astype(np.float64)), [width - 1, height - 1, width - 1, height - 1]).astype(int).tolist()
    return tuple(Box(row[0], row[1], row[2], row[3], name) for row, name in zip(rows, names, strict=True))


def with_boxes(pixels: NDArray[np.uint8], boxes: tuple[Box, ...]) -> NDArray[np.uint8]:
    """Return a picture [height, width, channels] with boxes drawn into it, in colour."""
    if not boxes:
        return pixels
    from PIL import Image, ImageDraw

    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if image.mode == "L":
        image = image.convert("RGB")
    draw = ImageDraw.Draw(image)
    line = max(1, round(min(image.size) / 200))
    for index, box in enumerate(boxes):
        color = _COLORS[index % len(_COLORS)]
        draw.rectangle(box[:4], outline=color, width=line)
        if box.label:
            _write_label(draw, box, color)
    return np.asarray(image)


def _write_label(draw: Any, box: Box, color: tuple[int, int, int]) -> None:
    """Write a label on top of its box, or within where there is no room above."""
    label = box.label
    try:
        draw.textbbox((0, 0), label)
    except UnicodeError:  # without FreeType, Pillow's own font has Latin-1 only
        label = label.encode("latin-1", "replace").decode("latin-1")
    left, _, right, bottom = draw.textbbox((box.left, 0), label)
    height = bottom + 2
    start = box.top - height if box.top >= height else box.top
    draw.rectangle((left, start, right + 2, start + height), fill=color)
    draw.text((box.left + 1, start), label, fill=(255, 255, 255))
