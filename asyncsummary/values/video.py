"""How do frames become a video in a summary? As an animated GIF or WebP, the moving pictures that TensorBoard shows among its images."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.protos import Summary
from asyncsummary.values.array import with_python_floats
from asyncsummary.values.given import description_of
from asyncsummary.values.limits import require_encodable
from asyncsummary.values.memory import copied
from asyncsummary.values.pictures import CHANNELS, GRID_COLUMNS, grid_of, pictures_summary, require_colors, to_uint8
from asyncsummary.values.pillow import require_pillow

# The fastest that browsers show: they take shorter pauses between the frames of a GIF for mistakes, and those of WebP are milliseconds.
_FASTEST = {"gif": 50.0, "webp": 1000.0}


@dataclass(frozen=True, slots=True)
class Video:
    """Frames that were checked and copied: [number, time, height, width, channels]; several videos are shown side by side."""

    tag: str
    frames: NDArray[Any]
    fps: float
    format: str
    description: str

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return int(self.frames.nbytes) + 64

    def summary(self) -> Summary:
        """Encode it, and return it as one value."""
        pictures = [grid_of(to_uint8(self.frames[:, time]), GRID_COLUMNS) for time in range(self.frames.shape[1])]
        file = animation(pictures, self.fps, self.format)
        return pictures_summary(self.tag, [file], (1, *pictures[0].shape), self.description)


def video_content(frames: Any, tag: str, fps: Any = 4, dataformats: Any = "THWC", format: Any = "gif", description: object = None) -> Video:
    """Check frames whose axes are named by letters, N (number), T, H, W and C, and take a private copy.

    Raises:
        InvalidTypeError: a dtype that has no place in a picture, ``fps`` that is no number, or a description that is no str.
        InvalidSummaryError: a shape that the format does not name, floats out of [0, 1], an unknown format, or too many frames per second.
        InvalidArgumentError: Pillow is not installed.
    """
    if not isinstance(format, str) or format not in _FASTEST:
        raise InvalidSummaryError(f"format of tag {tag!r}: must be 'gif' or 'webp', got {shown(format)}", tag)
    if isinstance(fps, bool) or not isinstance(fps, int | float | np.integer | np.floating):
        raise InvalidTypeError(f"fps of tag {tag!r}: must be a number, got {shown(fps)}", tag)
    if not 0.1 <= fps <= _FASTEST[format]:
        raise InvalidSummaryError(f"fps of tag {tag!r}: must be 0.1 to {_FASTEST[format]:g} for {format}, got {shown(fps)}", tag)
    about = description_of(description, tag)
    require_pillow("frames", tag)
    array = _as_nthwc(frames, dataformats, tag)
    require_encodable(2 * int(array.size), tag)
    return Video(tag, copied(array), float(fps), format, about)


def animation(pictures: list[NDArray[np.uint8]], fps: float, format: str) -> bytes:
    """Return pictures [height, width, channels] as one file that is shown again and again."""
    from PIL import Image

    first, *rest = [Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture) for picture in pictures]
    stream = io.BytesIO()
    first.save(stream, format.upper(), save_all=True, append_images=rest, duration=round(1000 / fps), loop=0)
    return stream.getvalue()


def _as_nthwc(frames: Any, dataformats: Any, tag: str) -> NDArray[Any]:
    array = with_python_floats(frames, tag)
    if not isinstance(dataformats, str) or len(set(dataformats)) != len(dataformats) or not set("THW") <= set(dataformats) <= set("NTHWC"):
        raise InvalidSummaryError(f"dataformats of tag {tag!r}: must be like 'THWC', 'NTCHW' or 'THW', got {shown(dataformats, 40)}", tag)
    if array.ndim != len(dataformats):
        raise InvalidSummaryError(f"frames of tag {tag!r}: {dataformats!r} has {len(dataformats)} axes, got shape {array.shape}", tag)
    missing = [letter for letter in "NC" if letter not in dataformats]
    letters = dataformats + "".join(missing)
    found: NDArray[Any] = array.reshape([*array.shape, *(1 for _ in missing)]).transpose([letters.index(letter) for letter in "NTHWC"])
    if found.shape[4] not in CHANNELS:
        raise InvalidSummaryError(f"frames of tag {tag!r}: must have 1, 3 or 4 channels, got {found.shape[4]} by {dataformats!r}", tag)
    if not found.size:
        raise InvalidSummaryError(f"frames of tag {tag!r}: have no pixels (shape {array.shape})", tag)
    require_colors(found, "frames", tag)
    return found
