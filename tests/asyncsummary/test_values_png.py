"""PNG: decoded by Pillow to the same pixels, the choice of filters, the Paeth predictor against its definition, and the sizes."""

import io
import itertools
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage
from sklearn.datasets import load_sample_images

from asyncsummary.values import png as png_module
from asyncsummary.values.png import Pixels, filtered, paeth, png

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
random = np.random.default_rng(0)


def check(pixels: Pixels) -> None:
    """Compare what a decoder reads, which looks at every checksum, with the pixels."""
    height, width, channels = pixels.shape
    with PillowImage.open(io.BytesIO(png(pixels))) as image:
        assert (image.format, image.mode, image.size) == ("PNG", MODES[channels], (width, height))
        assert (np.asarray(image).reshape(pixels.shape) == pixels).all()


def by_pillow(pixels: Pixels) -> bytes:
    """Encode by Pillow as it does by itself."""
    stream = io.BytesIO()
    PillowImage.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(stream, "PNG")
    return stream.getvalue()


def pictures() -> dict[str, Pixels]:
    """Return 256 x 256 pixels of each sort that is deflated in its own way, or hard to deflate."""
    china, flower = (np.array(image[80:336, 150:406]) for image in load_sample_images().images)
    y, x = np.mgrid[:256, :256]
    bars = np.where(np.abs(200 - y - 60 * np.sin(x / 20)) < 3, 0, 255)
    return {
        "china": china,
        "flower": flower,
        "noise": random.integers(0, 256, (256, 256, 3), np.uint8),
        "noisy photo": np.clip(china + random.normal(0, 12, china.shape), 0, 255).astype(np.uint8),
        "flat": np.full((256, 256, 3), (40, 90, 200), np.uint8),
        "black": np.zeros((256, 256, 3), np.uint8),
        "gradient": np.stack([x, y, (x + y) // 2], axis=-1).astype(np.uint8),
        "tiles": np.tile(random.integers(0, 256, (32, 32, 3), np.uint8), (8, 8, 1)),
        "curve": bars[:, :, None].repeat(3, axis=2).astype(np.uint8),
        "half a photo": np.concatenate([np.full((128, 256, 3), 255, np.uint8), china[:128]]),
        "grey": china[:, :, :1],
        "with alpha": np.dstack([flower, np.full((256, 256), 255, np.uint8)]),
        "16 colours": np.array(PillowImage.fromarray(china).quantize(16).convert("RGB")),
        "blocks": (random.random((32, 32, 1)) > 0.7).repeat(8, axis=0).repeat(8, axis=1).repeat(3, axis=2) * np.uint8(255),
    }


PICTURES = pictures()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (2, 1), (1, 17), (17, 1), (3, 5), (7, 11), (31, 33), (257, 129)])
def test_sizes(height: int, width: int, channels: int) -> None:
    """From one pixel on, of noise and of few colours."""
    check(random.integers(0, 256, (height, width, channels), np.uint8))
    check(random.integers(0, 2, (height, width, channels), np.uint8))


@given(st.data())
def test_any_pixels(data: st.DataObject) -> None:
    """Come back as they are, random ones and such that repeat."""
    height, width, channels = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12)), data.draw(st.sampled_from([1, 3, 4]))
    number = height * width * channels
    values = st.integers(0, 255) | st.sampled_from([0, 1, 127, 128, 255])
    pixels = np.array(data.draw(st.lists(values, min_size=number, max_size=number)), np.uint8).reshape(height, width, channels)
    check(pixels)
    check(np.repeat(pixels, 3, axis=0))


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name: str) -> None:
    """Come back as they are, whichever way they are deflated, and as no more than 1.15 times the bytes that Pillow makes of them."""
    check(PICTURES[name])
    assert len(png(PICTURES[name])) <= 1.15 * len(by_pillow(PICTURES[name]))


@pytest.mark.parametrize("shape", [(900, 400, 1), (700, 400, 3), (3, 100_000, 3), (2, 300_000, 1)])
def test_more_than_one_stripe(shape: tuple[int, int, int]) -> None:
    """Rows at the edges of stripes, and rows longer than a stripe."""
    smooth = np.cumsum(random.integers(-2, 3, shape), axis=1).astype(np.uint8)
    check(smooth)
    check(np.repeat(smooth[::2], 2, axis=0)[: shape[0]])
    check(np.cumsum(random.integers(-2, 3, shape), axis=0).astype(np.uint8))


@pytest.mark.parametrize("stripe_bytes", [1, 2000, 1 << 20])
@pytest.mark.parametrize("name", PICTURES)
def test_stripes(name: str, stripe_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no trace: a row is filtered by the one above in the stripe before."""
    expected = png(PICTURES[name])
    monkeypatch.setattr(png_module, "_STRIPE_BYTES", stripe_bytes)
    assert png(PICTURES[name]) == expected


@pytest.mark.parametrize("view", [np.s_[::2, ::3], np.s_[::-1, :, ::-1], np.s_[1:, 1:]])
def test_views(view: Any) -> None:
    """Pixels need not be contiguous, nor writable."""
    pixels = PICTURES["china"][view]
    pixels.flags.writeable = False
    check(pixels)


def test_chunks() -> None:
    """Header, one data chunk, end; each with its checksum."""
    data = png(np.zeros((2, 3, 4), np.uint8))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + content),)
        chunks.append((kind, content))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks[0][1] == bytes([0, 0, 0, 3, 0, 0, 0, 2, 8, 6, 0, 0, 0])
    assert zlib.decompress(chunks[1][1]) == bytes(2 * (1 + 3 * 4))
    assert chunks[2][1] == b""


def filtered_rows(image: list[list[int]]) -> list[list[int]]:
    """Filter all rows of one channel at once."""
    rows: list[list[int]] = filtered(np.array(image, np.uint8)[:, :, None], np.arange(len(image))).tolist()
    return rows


def filtered_by_definition(image: list[list[int]]) -> list[list[int]]:
    """Filter rows of one channel, byte by byte, as the specification puts it."""
    rows = []
    for index, row in enumerate(image):
        left, above = [0, *row], image[index - 1] if index else [0] * len(row)
        corner = [0, *above]
        candidates: list[list[int]] = [[], [], [], [], []]
        for x, a, b, c in zip(row, left, above, corner, strict=False):
            nearest = min([a, b, c], key=lambda neighbour, target=a + b - c: abs(neighbour - target))  # type: ignore[misc]
            for candidate, expected in zip(candidates, [0, a, b, (a + b) // 2, nearest], strict=True):
                candidate.append((x - expected) % 256)
        sums = [sum(min(byte, 256 - byte) for byte in candidate) for candidate in candidates]
        best = 2 if row == above and any(row) else sums.index(min(sums))
        rows.append([best, *candidates[best]])
    return rows


@pytest.mark.parametrize(
    ("image", "rows"),
    [
        ([[0, 0], [0, 0]], [[0, 0, 0], [0, 0, 0]]),
        ([[9, 0, 3]], [[0, 9, 0, 3]]),
        ([[90, 90, 91]], [[1, 90, 0, 1]]),
        ([[9, 250], [9, 250], [9, 251]], [[0, 9, 250], [2, 0, 0], [2, 0, 1]]),
        ([[100, 200], [50, 125]], [[0, 100, 200], [3, 0, 0]]),
        ([[0, 0, 60], [20, 20, 60]], [[0, 0, 0, 60], [4, 20, 0, 0]]),
    ],
)
def test_filters(image: list[list[int]], rows: list[list[int]]) -> None:
    """0 none, 1 left, 2 above, 3 mean, 4 Paeth: that with the least sum of differences, and the first of equals."""
    assert filtered_rows(image) == rows
    assert filtered_by_definition(image) == rows


@given(st.integers(1, 9).flatmap(lambda width: st.lists(st.lists(st.integers(0, 255), min_size=width, max_size=width), min_size=1)))
def test_any_rows(image: list[list[int]]) -> None:
    """Are filtered as the specification says. A row like the one above is a row of zeros."""
    assert filtered_rows(image) == filtered_by_definition(image)
    assert filtered_rows(image + image[-1:]) == filtered_by_definition(image + image[-1:])


def test_paeth() -> None:
    """Of the three neighbours the closest to left + above - corner, for all bytes of two of them and each fourth of the third."""
    left, above = (grid.astype(np.uint8) for grid in np.mgrid[:256, :256])
    for value in itertools.chain(range(0, 256, 4), [1, 127, 253, 254, 255]):
        corner = np.full_like(left, value)
        target = left.astype(int) + above - corner
        neighbours = np.stack([left, above, corner])
        nearest = np.abs(neighbours - target).argmin(axis=0)  # the first of equals, as the specification says
        assert (paeth(left, above, corner) == np.take_along_axis(neighbours, nearest[None], axis=0)[0]).all()


def test_memory() -> None:
    """Besides the pixels: the result as it is put together, and a megabyte."""
    pixels = np.tile(PICTURES["china"], (8, 8, 1))
    tracemalloc.start()
    try:
        data = png(pixels)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(data) + 2**20
    finally:
        tracemalloc.stop()
