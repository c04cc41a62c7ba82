"""Is this a picture that browsers show? PNG, JPEG, GIF and WebP, by Pillow's look at their headers; they are written as they are."""

import io
from typing import Any

from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import Summary
from asyncsummary.values.limits import require_encodable
from asyncsummary.values.plugin import Ready, plugin_value, strings

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


def is_encoded(value: Any) -> bool:
    """Return whether a value is bytes, or a list of nothing but bytes."""
    kinds = (bytes, bytearray, memoryview)
    return isinstance(value, kinds) or (isinstance(value, list | tuple) and bool(value) and all(isinstance(one, kinds) for one in value))


def encoded_images(value: Any, tag: str, max_images: int, description: object) -> Ready:
    """Return the summary of encoded pictures, with the width and height of the first.

    Raises:
        InvalidSummaryError: bytes that are no such picture, or more than a message can hold.
    """
    files = [bytes(one) for one in (value if isinstance(value, list | tuple) else [value])][:max_images]
    sizes = [size_of(file, tag) for file in files]
    require_encodable(sum(map(len, files)), tag)
    width, height = sizes[0]
    tensor = strings(str(width).encode(), str(height).encode(), *files, shape=(2 + len(files),))
    return Ready(Summary(value=[plugin_value(tag, tensor, "images", description=description)]))


def size_of(file: bytes, tag: str) -> tuple[int, int]:
    """Return the width and height in a picture's header."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as image:
            width, height = image.size
    except Exception as error:  # what a damaged header raises is Pillow's own affair
        raise InvalidSummaryError(f"images of tag {tag!r}: these {len(file)} bytes are no PNG, JPEG, GIF or WebP: {error}", tag) from error
    return width, height
