"""How do pixels become a PNG file? Each row filtered by what makes it smallest, then deflated in the way that suits the picture.

::

    bytes                  what (RFC 2083; integers are big-endian)
    8                      signature
    4 + 4 + 13 + 4         chunk IHDR: width, height, 8 bits a channel, colour type, compression 0, filters 0, not interlaced
    4 + 4 + n + 4          chunk IDAT: a zlib stream of the rows, each one byte for its filter and then the filtered bytes
    4 + 4 + 0 + 4          chunk IEND

A filter writes a byte as its difference, modulo 256, from what its neighbours (the same channel of the pixels to the left, above, and
above left; 0 beyond the edge) let expect. As usual the one is taken whose differences are smallest in sum.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_COLOR_TYPES = {1: 0, 3: 2, 4: 6}
_NONE, _UP = 0, 2  # filters
_STRIPE_BYTES = 20 << 10  # filtered at a time; so small that the allocator keeps the memory, which then need not be cleared again
_SMALL_BYTES = 16 << 10  # deflated without a look at a sample
_PIECES, _PIECE_BYTES = 4, 3 << 10  # a sample
_DENSE, _HARDLY_MORE = 1 / 8, 1.02
_FAST = 1


def png(pixels: Pixels) -> bytes:
    """Return one image, [height, width, 1, 3 or 4], as PNG with 8 bits a channel. Needs little memory beside the two."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    pixels = np.ascontiguousarray(pixels)
    data = _deflated(_stripes(pixels), *_way_to_deflate(pixels))
    return b"".join([b"\x89PNG\r\n\x1a\n", *_chunk(b"IHDR", header), *_chunk(b"IDAT", data), *_chunk(b"IEND", b"")])


def filtered(pixels: Pixels, numbers: NDArray[np.intp]) -> Pixels:
    """Return the rows of an image that have these numbers, each with the number of its filter in front."""
    _, width, channels = pixels.shape
    flat = pixels.reshape(-1, width * channels)
    here, above = flat[numbers], flat[numbers - 1]
    above[numbers == 0] = 0
    rows: Pixels = np.empty((len(here), 1 + width * channels), np.uint8)
    is_new = (here != above).any(axis=1)
    if not is_new.all():  # a row like the one above needs no search
        rows[:, 0] = np.where(here.any(axis=1), _UP, _NONE)
        rows[:, 1:] = 0
        here, above = here[is_new], above[is_new]
    if len(here):
        rows[is_new] = _least(here, above, channels)
    return rows


def _least(here: Pixels, above: Pixels, channels: int) -> Pixels:
    """Return rows under that filter which leaves the least sum of differences, its number in front."""
    candidates = _candidates(here, _shifted(here, channels), above, _shifted(above, channels))
    best = np.abs(candidates.view(np.int8)).view(np.uint8).sum(axis=2, dtype=np.uint32).argmin(axis=0)
    return np.concatenate([best[:, None].astype(np.uint8), candidates[best, np.arange(len(best))]], axis=1)


def _shifted(rows: Pixels, channels: int) -> Pixels:
    """Return the pixels to the left; 0 beyond the edge."""
    shifted: Pixels = np.zeros(rows.shape, np.uint8)
    shifted[:, channels:] = rows[:, :-channels]
    return shifted


def _candidates(here: Pixels, left: Pixels, above: Pixels, corner: Pixels) -> Pixels:
    """Return the rows under each of the five filters, in the order of their numbers."""
    candidates: Pixels = np.empty((5, *here.shape), np.uint8)
    candidates[0] = here
    np.subtract(here, left, out=candidates[1])
    np.subtract(here, above, out=candidates[2])
    np.subtract(here, (left & above) + (left ^ above) // np.uint8(2), out=candidates[3])  # the mean, without a ninth bit
    np.subtract(here, paeth(left, above, corner), out=candidates[4])
    return candidates


def paeth(left: Pixels, above: Pixels, corner: Pixels) -> Pixels:
    """Return that one of three neighbours which is closest to left + above - corner; of equals the first named.

    With low and high for the lesser and the greater of left and above, high is closest where corner - low is at most half of
    high - corner, low where high - corner is at most half of corner - low, corner elsewhere. Both distances are held at 0, so
    that eight bits are enough.
    """
    low, high = np.minimum(left, above), np.maximum(left, above)
    over = np.maximum(corner, low) - low
    under = high - np.minimum(corner, high)
    less = np.minimum(over, under)
    closest: Pixels = corner + (low - corner) * (over - less >= under)
    closest += (high - closest) * (under - less >= over)
    return closest


def _stripes(pixels: Pixels) -> Iterator[Pixels]:
    height, width, channels = pixels.shape
    step = max(1, _STRIPE_BYTES // (width * channels))
    for start in range(0, height, step):
        yield filtered(pixels, np.arange(start, min(start + step, height)))


def _way_to_deflate(pixels: Pixels) -> tuple[int, int]:
    if pixels.size > _SMALL_BYTES and _is_like_a_photo(_sample(pixels)):
        return _FAST, zlib.Z_RLE
    return zlib.Z_DEFAULT_COMPRESSION, zlib.Z_DEFAULT_STRATEGY


def _sample(pixels: Pixels) -> Pixels:
    """Return some rows, filtered, from here and there."""
    height, width, channels = pixels.shape
    piece = np.arange(max(1, _PIECE_BYTES // (width * channels)))
    starts = np.linspace(0, height, _PIECES, endpoint=False, dtype=np.intp) + height // (2 * _PIECES)
    return filtered(pixels, np.minimum(starts[:, None] + piece, height - 1).reshape(-1))


def _is_like_a_photo(sample: Pixels) -> bool:
    """Return whether the differences hardly repeat: then the search for repeats, which takes most of the time, is in vain.

    Runs of one byte are found without it. Drawings, text, masks and tiles do repeat; they are small and quick to deflate.
    """
    with_runs = len(_deflated([sample], _FAST, zlib.Z_RLE))
    with_repeats = len(_deflated([sample], _FAST, zlib.Z_DEFAULT_STRATEGY))
    is_dense = min(with_runs, with_repeats) > _DENSE * sample.nbytes
    return is_dense and with_runs <= _HARDLY_MORE * with_repeats


def _deflated(parts: Iterable[Pixels], level: int, strategy: int) -> bytes:
    deflate = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
    return b"".join([*(deflate.compress(part.data) for part in parts), deflate.flush()])


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, ...]:
    return struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
