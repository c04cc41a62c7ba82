"""Images: pixels against hand-computed ones, and what is refused."""

import io
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.image import image_batch, to_uint8

NAN, INF = math.nan, math.inf
RED = np.array([255, 0, 0, 255], np.uint8)


def scaled(row: list[float], dtype: str = "float32") -> list[int]:
    """Return the pixels of a grey image of one row."""
    pixels: list[int] = to_uint8(np.array(row, dtype).reshape(1, -1, 1), RED[:1])[0, :, 0].tolist()
    return pixels


@pytest.mark.parametrize(
    ("row", "pixels"),
    [
        ([0, 0.5, 1], [0, 127, 255]),
        ([-1, 0, 1, 0.5], [1, 128, 255, 191]),
        ([-2, -1], [1, 64]),
        ([-1, 0, 3], [85, 128, 255]),
        ([0, 0], [0, 0]),
        ([-1e-7], [128]),
        ([2e-6], [255]),
        ([5e-7], [0]),
        ([NAN, NAN], [255, 255]),
        ([0.0, NAN, 2.0, INF, -INF], [0, 255, 255, 255, 255]),
        ([0.3], [254]),
    ],
)
def test_scaling(row: list[float], pixels: list[int]) -> None:
    """By the finite pixels alone, in float32, cut off."""
    assert scaled(row) == pixels


def test_float32_rounding() -> None:
    """Shows for 125 of the largest values 0.001 to 0.999."""
    assert sum(scaled([value / 1000]) == [254] for value in range(1, 1000)) == 125


def test_half() -> None:
    """Is computed in half."""
    scale = np.float16(255) / np.float16(0.7)
    expected = [int(np.float16(value) * scale) for value in (0.1, 0.3, 0.7)]
    assert scaled([0.1, 0.3, 0.7], "float16") == expected


def test_a_pixel_with_one_bad_channel() -> None:
    """Is bad as a whole, and its finite channels do not count for the scale."""
    image = np.array([[[1.0, NAN, 100.0], [0.0, 0.5, 1.0]]], np.float32)
    assert to_uint8(image, np.array([9, 8, 7], np.uint8)).tolist() == [[[9, 8, 7], [0, 127, 255]]]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png(channels: int) -> None:
    """Of uint8 pixels holds them as they are."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 7, channels), dtype=np.uint8)
    values = image_batch(pixels, None, 3, "t").summary().value
    for value, image in zip(values, pixels, strict=True):
        assert (value.image.height, value.image.width, value.image.colorspace) == (5, 7, channels)
        decoded = np.asarray(PillowImage.open(io.BytesIO(value.image.encoded_image_string)))
        assert (decoded.reshape(5, 7, channels) == image).all()


@pytest.mark.parametrize(
    ("number", "max_images", "tags"),
    [
        (2, 1, ["t/image"]),
        (1, 3, ["t/image/0"]),
        (5, 3, ["t/image/0", "t/image/1", "t/image/2"]),
        (5, 2.5, ["t/image/0", "t/image/1"]),
        (0, 3, []),
    ],
)
def test_tags(number: int, max_images: Any, tags: list[str]) -> None:
    """Depend on max_images, not on how many there are. An empty batch is an empty summary."""
    batch = image_batch(np.zeros((number, 1, 1, 1), np.uint8), None, max_images, "t")
    assert [value.tag for value in batch.summary().value] == tags


def test_each_image_is_scaled_by_itself() -> None:
    """And Python floats are float32."""
    batch = image_batch([[[[1.0], [2.0]]], [[[10.0], [5.0]]]], None, 3, "t")
    decoded = [np.asarray(PillowImage.open(io.BytesIO(v.image.encoded_image_string))).tolist() for v in batch.summary().value]
    assert decoded == [[[127, 255]], [[255, 127]]]


def test_the_pixels_are_copied() -> None:
    """What the caller does to the array later does not matter."""
    array = np.zeros((1, 1, 1, 1), np.uint8)
    batch = image_batch(array, None, 1, "t")
    array[:] = 9
    assert batch.pixels.max() == 0


@pytest.mark.parametrize(
    ("images", "bad_color", "max_images", "kind", "message"),
    [
        (np.zeros((1, 1, 2, 2), np.uint8), None, 3, InvalidSummaryError, r"4-D with last dim 1, 3, or 4, not \[1, 1, 2, 2\]"),
        (np.zeros((1, 1, 3), np.uint8), None, 3, InvalidSummaryError, "4-D"),
        (np.zeros((1, 0, 1, 1), np.uint8), None, 3, InvalidSummaryError, "no pixels"),
        (np.zeros((1, 1, 1, 1)), None, 3, InvalidTypeError, "uint8, float32 or float16, got float64"),
        ([[[[1]]]], None, 3, InvalidTypeError, "uint8, float32 or float16"),
        (np.zeros((1, 1, 1, 1), bool), None, 3, InvalidTypeError, "got bool"),
        (np.zeros((1, 1, 1, 1), np.uint8), None, 0, InvalidSummaryError, "max_images of tag 't': 0 must be at least minimum 1"),
        (np.zeros((1, 1, 1, 1), np.uint8), None, 2**31, InvalidSummaryError, r"must be < 2\^31"),
        (np.zeros((1, 1, 1, 1), np.uint8), None, "3", InvalidTypeError, "max_images"),
        (np.zeros((1, 1, 1, 4), np.float32), [1, 2, 3], 3, InvalidSummaryError, r"got depth = 4, bad_color.size = 3"),
        (np.zeros((1, 1, 1, 1), np.float32), 5, 3, InvalidSummaryError, r"must be a vector, got shape \[\]"),
        (np.zeros((1, 1, 1, 1), np.float32), [1.5], 3, InvalidTypeError, "bad_color of tag 't'"),
    ],
)
def test_refused(images: Any, bad_color: Any, max_images: Any, kind: type[Exception], message: str) -> None:
    """In words that name the argument and the tag."""
    with pytest.raises(kind, match=message):
        image_batch(images, bad_color, max_images, "t")


def test_a_short_bad_color_for_uint8() -> None:
    """Does not matter, as nothing can be bad; list numbers wrap to a byte."""
    assert image_batch(np.zeros((1, 1, 1, 4), np.uint8), [256], 3, "t").bad_color.tolist() == [0]
