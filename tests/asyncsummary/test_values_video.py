"""Videos: frames as browsers get them, and what is refused."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.video import Video, video_content

# Few colours, so that GIF loses none of them; no two frames alike, since GIF joins those.
FRAMES = np.zeros((2, 5, 4, 6, 3), np.uint8)
for time in range(5):
    FRAMES[0, time, :, time] = (250, 20, 5)
    FRAMES[1, time, time % 4] = (10, 200, 250)
SMALL = FRAMES[0]


def decoded(content: Video) -> tuple[Any, Any]:
    """Return the frames and the pause between them in ms; see that the size is told."""
    (value,) = content.summary().value
    width, height, file = value.tensor.string_val
    with Image.open(io.BytesIO(file)) as image:
        assert image.info["loop"] == 0
        pauses, frames = [], []
        for frame in ImageSequence.Iterator(image):
            frames.append(np.asarray(frame.convert("RGB")))
            pauses.append(frame.info["duration"])
        assert (str(image.width).encode(), str(image.height).encode()) == (width, height)
        assert image.format == content.format.upper()
    assert value.metadata.plugin_data.plugin_name == "images"
    return np.stack(frames), set(pauses)


def test_a_gif() -> None:
    """Has every frame, and the pauses of 4 frames per second."""
    frames, pauses = decoded(video_content(SMALL, "t"))
    assert (frames == SMALL).all()
    assert pauses == {250}


def test_a_webp() -> None:
    """Has every frame, nearly in its colours."""
    frames, pauses = decoded(video_content(SMALL, "t", 100, format="webp"))
    assert frames.shape == SMALL.shape
    assert np.abs(frames.astype(int) - SMALL).mean() < 30
    assert pauses == {10}


@given(st.permutations("NTHWC"))
def test_any_order_of_axes(letters: list[str]) -> None:
    """Gives the same video; several are shown side by side."""
    content = video_content(FRAMES.transpose(["NTHWC".index(letter) for letter in letters]), "t", dataformats="".join(letters))
    frames, _ = decoded(content)
    assert (frames == np.concatenate([FRAMES[0], FRAMES[1]], axis=2)).all()


def test_grey_frames_and_floats() -> None:
    """In [0, 1]; lists, too."""
    frames, _ = decoded(video_content([[[0.0, 1.0]], [[1.0, 0.0]]], "t", dataformats="THW"))
    assert frames[:, 0, :, 0].tolist() == [[0, 255], [255, 0]]


def test_one_frame() -> None:
    """Is a picture."""
    width, height, file = video_content(SMALL[:1], "t").summary().value[0].tensor.string_val
    assert (width, height) == (b"6", b"4")
    assert (np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) == SMALL[0]).all()


def test_the_frames_are_copied() -> None:
    """What the caller does to them later does not matter."""
    array = SMALL.copy()
    content = video_content(array, "t", description="about")
    array[:] = 9
    assert (decoded(content)[0] == SMALL).all()
    assert content.size > SMALL.nbytes


@pytest.mark.parametrize(
    ("frames", "rest", "kind", "message"),
    [
        (SMALL, {"dataformats": "THW"}, InvalidSummaryError, r"frames of tag 't': 'THW' has 3 axes, got shape \(5, 4, 6, 3\)"),
        (SMALL, {"dataformats": "HWC"}, InvalidSummaryError, "dataformats of tag 't': must be like 'THWC', 'NTCHW' or 'THW', got 'HWC'"),
        (SMALL, {"dataformats": "TTHW"}, InvalidSummaryError, "dataformats of tag 't'"),
        (SMALL, {"dataformats": None}, InvalidSummaryError, "dataformats of tag 't'"),
        (SMALL[..., :2], {}, InvalidSummaryError, "must have 1, 3 or 4 channels, got 2"),
        (SMALL[:0], {}, InvalidSummaryError, "have no pixels"),
        (SMALL.astype(int), {}, InvalidTypeError, "frames of tag 't': must be uint8, bool, or floats"),
        (SMALL.astype(float), {}, InvalidSummaryError, r"frames of tag 't': floats must be in \[0, 1\], got 0 to 250"),
        (SMALL, {"format": "mp4"}, InvalidSummaryError, "format of tag 't': must be 'gif' or 'webp', got 'mp4'"),
        (SMALL, {"format": ["gif"]}, InvalidSummaryError, "format of tag 't': must be 'gif' or 'webp'"),
        (SMALL, {"fps": 10**5000}, InvalidSummaryError, "fps of tag 't': must be 0.1 to 50 for gif, got <int>"),
        (SMALL, {"fps": 51}, InvalidSummaryError, "fps of tag 't': must be 0.1 to 50 for gif, got 51"),
        (SMALL, {"fps": 0}, InvalidSummaryError, "fps of tag 't'"),
        (SMALL, {"fps": float("nan")}, InvalidSummaryError, "fps of tag 't'"),
        (SMALL, {"fps": "4"}, InvalidTypeError, "fps of tag 't': must be a number, got '4'"),
        (np.broadcast_to(np.uint8(0), (1 << 12, 1 << 10, 1 << 9, 1)), {}, InvalidSummaryError, "2147418112 at the most"),
    ],
)
def test_what_is_refused(frames: Any, rest: dict[str, Any], kind: type[InvalidSummaryError], message: str) -> None:
    """With the argument, the tag and the reason."""
    with pytest.raises(kind, match=message):
        video_content(frames, "t", **rest)
