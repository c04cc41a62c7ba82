"""Is this a picture that browsers show, and how large is it? PNG, JPEG, GIF and WebP, by their headers; they are written as they are.

::

    PNG    8 signature, 4 length, "IHDR", 4 width, 4 height (big-endian)
    GIF    "GIF87a" or "GIF89a", 2 width, 2 height (little-endian)
    JPEG   FF D8, then segments: FF, marker, 2 length (big-endian, itself included); a frame's (C0 to CF but C4, C8, CC) has
           1 precision, 2 height, 2 width
    WebP   "RIFF", 4 length, "WEBP", then "VP8X", 8, 3 width - 1, 3 height - 1
                                        or "VP8L", 5, 14 bits width - 1, 14 bits height - 1
                                        or "VP8 ", 10, 14 bits width, 2 scale, 14 bits height, 2 scale (all little-endian)
"""

import struct
from typing import Any

from asyncsummary.errors import InvalidSummaryError
from asyncsummary.protos import Summary
from asyncsummary.values.limits import require_encodable
from asyncsummary.values.plugin import Ready, plugin_value, strings

_NO_FRAMES = {0xC4, 0xC8, 0xCC}  # tables, and what is reserved, among the markers of frames


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
    sizes = [size_of(file) for file in files]
    for file, size in zip(files, sizes, strict=True):
        if size is None:
            raise InvalidSummaryError(f"images of tag {tag!r}: these {len(file)} bytes are no PNG, JPEG, GIF or WebP", tag)
    require_encodable(sum(map(len, files)), tag)
    width, height = sizes[0] or (0, 0)
    tensor = strings(str(width).encode(), str(height).encode(), *files, shape=(2 + len(files),))
    return Ready(Summary(value=[plugin_value(tag, tensor, "images", description=description)]))


def size_of(file: bytes) -> tuple[int, int] | None:
    """Return the width and height of a picture, None if it is none that browsers show. What follows the header is not looked at."""
    try:
        size = _size_of(file)
    except (struct.error, IndexError):  # it ends within its header
        return None
    return size if size is not None and all(size) else None


def _size_of(file: bytes) -> tuple[int, int] | None:
    size: tuple[int, int]
    if file[:8] == b"\x89PNG\r\n\x1a\n" and file[12:16] == b"IHDR":
        size = struct.unpack_from(">II", file, 16)
        return size
    if file[:6] in {b"GIF87a", b"GIF89a"}:
        size = struct.unpack_from("<HH", file, 6)
        return size
    if file[:4] == b"RIFF" and file[8:12] == b"WEBP":
        return _size_of_webp(file)
    return _size_of_jpeg(file) if file[:3] == b"\xff\xd8\xff" else None


def _size_of_webp(file: bytes) -> tuple[int, int] | None:
    match file[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(_exactly(file, 24, 3), "little"), 1 + int.from_bytes(_exactly(file, 27, 3), "little")
        case b"VP8L":
            bits: int = struct.unpack_from("<I", file, 21)[0]
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", file, 26)
            return width & 0x3FFF, height & 0x3FFF
        case _:
            return None


def _size_of_jpeg(file: bytes) -> tuple[int, int] | None:
    at = 2
    while file[at] == 0xFF:
        marker = file[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            height, width = struct.unpack_from(">HH", file, at + 5)
            return width, height
        at += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", file, at + 2)[0]
    return None


def _exactly(file: bytes, start: int, count: int) -> bytes:
    if len(file) < start + count:
        raise IndexError
    return file[start : start + count]
