"""What can every writer show and sound? Images, figures, videos and audio, by the one way in that all kinds have.

Each method says what is wanted and makes the check that the value needs; how a checked value is accepted is the writer's.
"""

import abc
import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, SupportsIndex

from asyncsummary.steps import current_step
from asyncsummary.values.content import Content
from asyncsummary.values.figure import close_figures, figure_content, figures_of
from asyncsummary.values.pictures import image_form
from asyncsummary.values.sound import audio_form
from asyncsummary.values.video import video_content


class Media(abc.ABC):
    """What a writer can write by one way for all kinds: a check, and what the check has made of the value.

    ``tag``, ``step``, ``family``, results and errors are those of ``SummaryWriter.scalar``. Arrays are looked at and copied when a method
    is called; what takes time is done in a thread, in the order of acceptance. ``description`` is Markdown that TensorBoard shows beside.
    """

    @abc.abstractmethod
    async def _write(self, tag: str, step: Any, family: Any, check: Callable[[str], Content], *, plain: bool = False) -> bool | None:
        """Have a value checked under its whole tag, a ``plain`` one as it is, and accept it."""

    async def image(
        self,
        tag: str,
        images: Any,
        step: SupportsIndex | None = None,
        bad_color: Any = None,
        max_images: int = 3,
        family: str | None = None,
        *,
        dataformats: str | None = None,
        grid: bool | int = False,
        boxes: Any = None,
        labels: Any = None,
        description: str | None = None,
    ) -> bool | None:
        """Write images.

        An array without ``dataformats`` is written as tf.contrib.summary writes it, each image under a tag of its own: ``tag/image``, or
        ``tag/image/0``, ``/1``... if ``max_images`` is above 1. All else is written as TF2 does, all images under exactly the tag.

        Args:
            tag: as for ``scalar``; so are ``step`` and ``family``.
            images: an array, PIL images of one size, or encoded files: bytes of PNG, JPEG, GIF (also animated) or WebP, or a list of them.
                Copied when this is called, encoded in a thread. Without ``dataformats`` an array is [number, height, width, channels] of
                uint8, or of float32 or float16, which are scaled by their largest magnitude; 1, 3 or 4 channels.
            bad_color: what a pixel that is not finite becomes, one uint8 for each channel. Default red, opaque. Without ``dataformats``.
            max_images: how many of them are written at the most.
            dataformats: names the axes, "HW", "HWC", "CHW", "NCHW", "NHWC" or any other order, as in torch and tensorboardX. Then
                the array is uint8, bool, or floats in [0, 1], which are multiplied by 255.
            grid: write all images as one, in rows of 8, or of so many.
            boxes: [number, 4] left, top, right and bottom, in pixels, to be drawn into one picture, by Pillow.
            labels: a str for each box.
            description: see above; not without ``dataformats``.

        Returns and raises as ``scalar``.
        """
        return await self._write(
            tag,
            step,
            family,
            lambda name: image_form(images, name, bad_color, max_images, dataformats, grid, boxes, labels, description),
        )

    async def figure(
        self,
        tag: str,
        figure: Any,
        step: SupportsIndex | None = None,
        family: str | None = None,
        *,
        close: bool = True,
        description: str | None = None,
    ) -> bool | None:
        """Write a matplotlib figure, as an image.

        It is drawn in a thread while this is awaited: leave it alone until then. Of several tasks that draw, one draws at a time.

        Args:
            tag: as for ``scalar``; so are ``step`` and ``family``.
            figure: a Figure, or a list of Figures of one size.
            close: let pyplot forget it afterwards, whatever comes of the summary; else figures pile up.
            description: see above.

        Returns and raises as ``scalar``.
        """
        figures = figures_of(figure, tag)
        try:
            at = current_step() if step is None else step
            content = await asyncio.to_thread(figure_content, figures, tag, description)
        finally:
            if close:
                close_figures(figures)
        return await self._write(tag, at, family, lambda name: replace(content, tag=name))

    async def video(
        self,
        tag: str,
        frames: Any,
        step: SupportsIndex | None = None,
        fps: float = 4,
        family: str | None = None,
        *,
        dataformats: str = "THWC",
        format: str = "gif",
        description: str | None = None,
    ) -> bool | None:
        """Write a video, as an animated image. Needs Pillow: ``pip install 'asyncsummary[pictures]'``.

        Args:
            tag: as for ``scalar``; so are ``step`` and ``family``.
            frames: an array of uint8, bool, or floats in [0, 1], with 1, 3 or 4 channels. Copied when this is called, encoded in a thread.
            fps: frames per second, up to 50 for GIF and 1000 for WebP.
            dataformats: names the axes: "THWC", torch's "NTCHW", "THW", or any other order. Several videos (N) are shown side by side.
            format: "gif", which has 256 colours a frame, or "webp", which is smaller and has all.
            description: see above.

        Returns and raises as ``scalar``.
        """
        return await self._write(tag, step, family, lambda name: video_content(frames, name, fps, dataformats, format, description))

    async def audio(
        self,
        tag: str,
        samples: Any,
        sample_rate: float | None = None,
        max_outputs: int = 3,
        step: SupportsIndex | None = None,
        family: str | None = None,
        *,
        labels: Any = None,
        description: str | None = None,
    ) -> bool | None:
        """Write sound: samples as 16-bit WAV, files as they are.

        Args:
            tag: as for ``scalar``; so are ``step`` and ``family``. Behind that of samples without labels, ``/audio`` is put, and ``/0``,
                ``/1``... if ``max_outputs`` is above 1, as in tf.contrib.summary; all else is written as TF2 does, under exactly the tag.
            samples: float32 or float64 in [-1, 1], or int16: [frames], [number, frames] or [number, frames, channels]. Copied when
                this is called, encoded in a thread. Or bytes of a WAV, FLAC or Ogg file, or a list of them.
            sample_rate: frames per second; files tell their own.
            max_outputs: how many of them are written at the most.
            labels: a str for each clip. It is in the file, but TensorBoard 2.21 does not show it.
            description: see above; for clips with labels and for files.

        Returns and raises as ``scalar``.
        """
        return await self._write(tag, step, family, lambda name: audio_form(samples, name, sample_rate, max_outputs, labels, description))
