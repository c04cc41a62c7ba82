"""Pictures: arrays by the names of their axes, PIL images, encoded files, and what is refused."""

import io
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from asyncsummary.errors import InvalidArgumentError, InvalidSummaryError, InvalidTypeError
from asyncsummary.values.content import Content
from asyncsummary.values.encoded_image import size_of
from asyncsummary.values.pictures import grid_of, image_form
from asyncsummary.values.video import video_content
from tests.support.plugin_summaries import TheirSummary, assert_same, tensorboards

rng = np.random.default_rng(0)
PIXELS = rng.integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)


def decoded(content: Content) -> np.ndarray[Any, Any]:
    """Return the pictures [number, height, width, channels], and see that their size is told."""
    (value,) = content.summary().value
    width, height, *files = value.tensor.string_val
    assert value.metadata.plugin_data.plugin_name == "images"
    assert [dim.size for dim in value.tensor.tensor_shape.dim] == [2 + len(files)]
    pictures = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
    assert all((int(height), int(width)) == picture.shape[:2] for picture in pictures)
    return np.stack([picture if picture.ndim == 3 else picture[:, :, None] for picture in pictures])


def saved(kind: str, **options: Any) -> bytes:
    """Return a picture as a file."""
    stream = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(stream, kind, **options)
    return stream.getvalue()


def test_the_same_as_tensorboards_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Width, height, files, and metadata; but for the way in which PNG is compressed."""
    theirs = tensorboards("image.summary", monkeypatch)
    monkeypatch.setattr(theirs.encoder, "encode_png", lambda image: b"png %d" % image.sum())
    monkeypatch.setattr("asyncsummary.values.pictures.png", lambda image: b"png %d" % image.sum())
    expected = theirs.pb("t", PIXELS, display_name="", description="about")
    assert_same(image_form(PIXELS, "t", dataformats="NHWC", description="about").summary(), expected, tag="t")


@given(st.permutations("NHWC"))
def test_any_order_of_axes(letters: list[str]) -> None:
    """Gives the same pictures."""
    given = PIXELS.transpose(["NHWC".index(letter) for letter in letters])
    assert (decoded(image_form(given, "t", dataformats="".join(letters))) == PIXELS).all()


@pytest.mark.parametrize("letters", ["HW", "WH", "HWC", "CHW", "NHW"])
def test_axes_that_are_missing(letters: str) -> None:
    """Have one element."""
    whole = PIXELS if "C" in letters else PIXELS[..., :1]
    whole = whole if "N" in letters else whole[:1]
    index = tuple(slice(None) if letter in letters else 0 for letter in "NHWC")
    kept = [letter for letter in "NHWC" if letter in letters]
    given = whole[index].transpose([kept.index(letter) for letter in letters])
    assert (decoded(image_form(given, "t", dataformats=letters)) == whole).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats(dtype: str) -> None:
    """In [0, 1] are multiplied by 255 and cut off."""
    row = np.array([[0.0, 0.1, 0.5, 0.999, 1.0]], dtype)
    assert decoded(image_form(row, "t", dataformats="HW"))[0, 0, :, 0].tolist() == [0, 25, 127, 254, 255]


def test_bools_and_lists() -> None:
    """Are 0 and 255; Python floats are floats."""
    assert decoded(image_form([[True, False]], "t", dataformats="HW")).reshape(-1).tolist() == [255, 0]
    assert decoded(image_form([[0.0, 1.0]], "t", dataformats="HW")).reshape(-1).tolist() == [0, 255]


def test_max_images() -> None:
    """Holds for a batch, not for a grid."""
    many = np.repeat(PIXELS, 4, axis=0)
    assert len(decoded(image_form(many, "t", dataformats="NHWC"))) == 3
    assert len(decoded(image_form(many, "t", max_images=5, dataformats="NHWC"))) == 5
    assert decoded(image_form(many, "t", dataformats="NHWC", grid=True)).shape == (1, 4, 48, 3)


def test_a_grid() -> None:
    """Has its pictures by rows, and is black where there are none."""
    pictures = np.arange(1, 6, dtype=np.uint8)[:, None, None, None] * np.ones((5, 2, 3, 1), np.uint8)
    whole = grid_of(pictures, 2)
    assert whole[::2, ::3, 0].tolist() == [[1, 2], [3, 4], [5, 0]]
    assert (decoded(image_form(pictures, "t", dataformats="NHWC", grid=2)) == whole[None]).all()
    assert grid_of(pictures, 9).shape == (2, 15, 1)


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 4), ("P", 4), ("RGB", 3), ("RGBA", 4), ("CMYK", 3), ("HSV", 3), ("YCbCr", 3)]
)
def test_pillow_images(mode: str, channels: int) -> None:
    """In each mode that holds colours."""
    source = Image.fromarray(PIXELS[0])
    image = source.convert("L").convert("LA") if mode == "LA" else source.convert(mode)
    found = decoded(image_form(image, "t"))
    assert found.shape == (1, 4, 6, channels)
    if mode == "RGB":
        assert (found[0] == PIXELS[0]).all()


def test_many_pillow_images() -> None:
    """Of one size are a batch; of several modes they get the most that is needed. They can be a grid, and have boxes."""
    first, second = (Image.fromarray(picture) for picture in PIXELS)
    assert (decoded(image_form([first, second], "t")) == PIXELS).all()
    assert decoded(image_form([first, second.convert("L")], "t")).shape == (2, 4, 6, 4)
    assert decoded(image_form([first, second], "t", grid=1)).shape == (1, 8, 6, 3)
    assert (decoded(image_form(first, "t", boxes=[[0, 0, 5, 3]]))[0, 0] == [230, 25, 75]).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_encoded_files(kind: str) -> None:
    """Are written as they are, with their size; also several."""
    file = saved(kind)
    summary = image_form(file, "t", description="about").summary()
    assert list(summary.value[0].tensor.string_val) == [b"6", b"4", file]
    assert summary.value[0].metadata.summary_description == "about"
    assert list(image_form([file, bytearray(file)], "t").summary().value[0].tensor.string_val) == [b"6", b"4", file, file]
    assert len(image_form([file] * 5, "t").summary().value[0].tensor.string_val) == 5
    assert TheirSummary.FromString(summary.SerializeToString()).value[0].tag == "t"


def test_the_form_of_contrib_is_as_it_was() -> None:
    """Without dataformats an array has a value for each picture, scaled."""
    assert [value.tag for value in image_form(PIXELS, "t").summary().value] == ["t/image/0", "t/image/1"]
    assert image_form(np.array([[[[2.0]]]], np.float32), "t", max_images=1).summary().value[0].image.colorspace == 1


def test_the_pixels_are_copied() -> None:
    """What the caller does to the array later does not matter."""
    array = PIXELS.copy()
    content = image_form(array, "t", dataformats="NHWC")
    array[:] = 9
    assert (decoded(content) == PIXELS).all()
    assert content.size > PIXELS.nbytes


def test_boxes() -> None:
    """Are drawn on their edges, each in a colour of its own, with labels; the picture is in colour then."""
    grey = np.zeros((60, 80), np.uint8)
    boxes = np.array([[5, 20, 30, 50], [40.4, 0, 80, 60]])
    plain = decoded(image_form(grey, "t", dataformats="HW", boxes=boxes))[0]
    assert plain.shape == (60, 80, 3)
    red, blue = (230, 25, 75), (0, 130, 200)
    assert [tuple(plain[y, x]) for y, x in ((20, 5), (50, 30), (20, 30), (0, 40), (59, 79))] == [red, red, red, blue, blue]
    assert plain[35, 15].sum() == 0
    labelled = decoded(image_form(grey, "t", dataformats="HW", boxes=boxes, labels=["cat", "hönd ✓"]))[0]
    assert (labelled != plain)[:20].any()
    assert (labelled == 255).all(axis=2).any()
    assert (plain == decoded(image_form(grey, "t", dataformats="HW", boxes=boxes, labels=["", ""]))[0]).all()


def test_no_boxes() -> None:
    """Leave the picture as it is."""
    assert (decoded(image_form(PIXELS[0], "t", dataformats="HWC", boxes=[])) == PIXELS[:1]).all()


def test_a_transparent_picture_with_boxes() -> None:
    """Keeps its transparency."""
    clear = np.zeros((10, 10, 4), np.uint8)
    found = decoded(image_form(clear, "t", dataformats="HWC", boxes=[[2, 2, 8, 8]]))[0]
    assert (found[0, 0, 3], found[2, 2, 3]) == (0, 255)


HWC = {"dataformats": "HWC"}


@pytest.mark.parametrize(
    ("images", "rest", "kind", "message"),
    [
        (PIXELS[0], {"dataformats": "HWX"}, InvalidSummaryError, "dataformats of tag 't': must be like 'NHWC', 'CHW' or 'HW', got 'HWX'"),
        (PIXELS[0], {"dataformats": "HHW"}, InvalidSummaryError, "dataformats of tag 't'"),
        (PIXELS[0], {"dataformats": "HC"}, InvalidSummaryError, "dataformats of tag 't'"),
        (PIXELS[0], {"dataformats": 5}, InvalidSummaryError, "dataformats of tag 't'"),
        (PIXELS, HWC, InvalidSummaryError, r"images of tag 't': 'HWC' has 3 axes, got shape \(2, 4, 6, 3\)"),
        (PIXELS[0, :2], {"dataformats": "CHW"}, InvalidSummaryError, "must have 1, 3 or 4 channels, got 2 by 'CHW'"),
        (np.zeros((0, 1, 1), np.uint8), HWC, InvalidSummaryError, "have no pixels"),
        (np.zeros((1, 1, 3), np.int64), HWC, InvalidTypeError, r"must be uint8, bool, or floats in \[0, 1\], got int64"),
        (np.full((1, 1, 3), 1.5), HWC, InvalidSummaryError, r"floats must be in \[0, 1\], got 1.5 to 1.5; clip them"),
        (np.full((1, 1, 3), -0.5), HWC, InvalidSummaryError, r"floats must be in \[0, 1\]"),
        (np.full((1, 1, 3), np.nan), HWC, InvalidSummaryError, r"floats must be in \[0, 1\], got nan"),
        (PIXELS[0], {**HWC, "bad_color": [1]}, InvalidArgumentError, "bad_color of tag 't': cannot be used for images with dataformats"),
        (PIXELS, {"grid": True}, InvalidArgumentError, "grid of tag 't': cannot be used for images without dataformats"),
        (PIXELS, {"boxes": []}, InvalidArgumentError, "boxes of tag 't': cannot be used for images without dataformats"),
        (PIXELS, {"description": "d"}, InvalidArgumentError, "description of tag 't': cannot be used"),
        (saved("PNG"), {"boxes": []}, InvalidArgumentError, "boxes of tag 't': cannot be used for images of encoded files"),
        (Image.new("RGB", (1, 1)), HWC, InvalidArgumentError, "dataformats of tag 't': cannot be used for images of PIL images"),
        (Image.new("I", (1, 1)), {}, InvalidTypeError, "PIL's mode 'I' has no range of colours"),
        ([Image.new("L", (1, 1)), Image.new("L", (2, 1))], {}, InvalidSummaryError, "must be of one size"),
        (b"no picture", {}, InvalidSummaryError, "these 10 bytes are no PNG, JPEG, GIF or WebP"),
        (saved("BMP"), {}, InvalidSummaryError, "are no PNG, JPEG, GIF or WebP"),
        (saved("PNG")[:20], {}, InvalidSummaryError, "are no PNG"),
        (PIXELS, {"dataformats": "NHWC", "max_images": 0}, InvalidSummaryError, "max_images of tag 't'"),
        (PIXELS, {"dataformats": "NHWC", "grid": -1}, InvalidSummaryError, "grid of tag 't'"),
        (PIXELS, {"dataformats": "NHWC", "boxes": [[0, 0, 1, 1]]}, InvalidSummaryError, "boxes of tag 't': are for one picture, got 2"),
        (PIXELS[0], {**HWC, "boxes": [[0, 0, 7, 1]]}, InvalidSummaryError, r"\(0, 0, 7, 1\) does not lie in 6 x 4 pixels"),
        (PIXELS[0], {**HWC, "boxes": [[1, 0, 0, 1]]}, InvalidSummaryError, "does not lie in"),
        (PIXELS[0], {**HWC, "boxes": [[0, float("nan"), 1, 1]]}, InvalidSummaryError, "does not lie in"),
        (PIXELS[0], {**HWC, "boxes": [0, 0, 1, 1]}, InvalidSummaryError, r"boxes of tag 't': must be \[number, 4\]"),
        (PIXELS[0], {**HWC, "boxes": [["a"] * 4]}, InvalidTypeError, "boxes of tag 't': must be real numbers"),
        (PIXELS[0], {**HWC, "labels": ["a"]}, InvalidSummaryError, "labels of tag 't': there are no boxes"),
        (PIXELS[0], {**HWC, "boxes": [[0, 0, 1, 1]], "labels": []}, InvalidSummaryError, "labels of tag 't': one for each box: 1, got 0"),
        (PIXELS[0], {**HWC, "boxes": [[0, 0, 1, 1]], "labels": [5]}, InvalidTypeError, "labels of tag 't': must be str, got 5"),
        (PIXELS[0], {**HWC, "boxes": [[0, 0, 1, 1]], "labels": [None]}, InvalidTypeError, "labels of tag 't': must be str, got None"),
        (PIXELS[0], {**HWC, "boxes": [[0, 0, 1, 1]], "labels": 5}, InvalidTypeError, "labels of tag 't': must be a list, got 5"),
        ([[0.5, "a"]], {"dataformats": "HW"}, InvalidTypeError, "images of tag 't': must be uint8, bool, or floats"),
        ([[0.5, 1j]], {"dataformats": "HW"}, InvalidTypeError, "images of tag 't': must be uint8, bool, or floats"),
        (np.broadcast_to(np.uint8(0), (1 << 16, 1 << 16)), {"dataformats": "HW"}, InvalidSummaryError, "2147418112 at the most"),
    ],
)
def test_what_is_refused(images: Any, rest: dict[str, Any], kind: type[InvalidArgumentError], message: str) -> None:
    """With the argument, the tag and the reason."""
    with pytest.raises(kind, match=message):
        image_form(images, "t", **rest)


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"lossless": False, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}])
@pytest.mark.parametrize("size", [(1, 1), (300, 7), (2, 1000)])
def test_sizes_of_webp(size: tuple[int, int], options: dict[str, Any]) -> None:
    """In each of its three headers."""
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, "WEBP", **options)
    assert size_of(stream.getvalue()) == size


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": bytes(500)}])
def test_sizes_of_jpeg(options: dict[str, Any]) -> None:
    """Behind whatever segments."""
    stream = io.BytesIO()
    Image.new("RGB", (300, 7)).save(stream, "JPEG", **options)
    assert size_of(stream.getvalue()) == (300, 7)


@given(st.binary())
@pytest.mark.parametrize(
    "start", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"RIFFxxxxWEBPVP8 ", b"RIFFxxxxWEBPVP8X", b"RIFFxxxxWEBPVP8L"]
)
def test_any_bytes(start: bytes, rest: bytes) -> None:
    """Have a size, or are no picture."""
    size = size_of(start + rest)
    assert size is None or min(size) > 0


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_files_that_end_within_their_header(kind: str) -> None:
    """Are no pictures; cut later, their size is known."""
    file = saved(kind)
    found = [size_of(file[:end]) for end in range(len(file))]
    assert found[0] is None
    assert found == sorted(found, key=lambda size: size is not None)
    assert set(found) == {None, (6, 4)}


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs it says so; pictures and files do not."""
    file = saved("PNG")
    monkeypatch.setitem(sys.modules, "PIL", None)
    message = r"boxes of tag 't': need Pillow; pip install 'asyncsummary\[pictures\]'"
    with pytest.raises(InvalidArgumentError, match=message):
        image_form(PIXELS[0], "t", dataformats="HWC", boxes=[[0, 0, 1, 1]])
    with pytest.raises(InvalidArgumentError, match="frames of tag 't': need Pillow"):
        video_content(PIXELS, "t")
    assert image_form(PIXELS, "t", dataformats="NHWC").summary().value
    assert image_form(file, "t").summary().value


def test_a_file_that_is_damaged_behind_its_header() -> None:
    """Is told of when its pixels are wanted: for a PIL image, which reads them only now."""
    with pytest.raises(InvalidSummaryError, match="images of tag 't': cannot be read"):
        image_form(Image.open(io.BytesIO(saved("PNG")[:60])), "t")
