"""Which kinds can every writer write, besides scalars, tensors and graphs? All that TensorBoard's plugins show.

Each method says what is wanted and makes the check that the value needs; how a checked value is accepted is the writer's.
"""

import abc
import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, SupportsIndex

from asyncsummary.steps import current_step
from asyncsummary.values.content import Content
from asyncsummary.values.figure import close_figures, figure_content, figures_of
from asyncsummary.values.histogram_forms import histogram_form, raw_histogram_content, ready_buckets_content
from asyncsummary.values.hparams import SESSION_END, SESSION_START, hparams_content, session_end_content
from asyncsummary.values.layout import TAG, layout_content
from asyncsummary.values.mesh import mesh_content
from asyncsummary.values.pictures import image_form
from asyncsummary.values.pr_curve import THRESHOLDS, pr_curve_content, pr_curve_raw_content
from asyncsummary.values.sound import audio_form
from asyncsummary.values.text import text_content
from asyncsummary.values.video import video_content

_wall_time = time.time


class Kinds(abc.ABC):
    """What a writer can write by one way for all kinds: a check, and what the check has made of the value.

    ``tag``, ``step``, ``family``, results and errors are those of ``SummaryWriter.scalar``. Arrays are looked at and copied when a method
    is called; what takes time is done in a thread, in the order of acceptance. ``description`` is Markdown that TensorBoard shows beside.
    """

    @abc.abstractmethod
    async def _write(self, tag: str, step: Any, family: Any, check: Callable[[str], Content], *, plain: bool = False) -> bool | None:
        """Have a value checked under its whole tag, a ``plain`` one as it is, and accept it."""

    async def histogram(
        self,
        tag: str,
        values: Any,
        step: SupportsIndex | None = None,
        family: str | None = None,
        *,
        buckets: int | None = None,
        description: str | None = None,
    ) -> bool | None:
        """Write how numbers are distributed.

        Args:
            tag: as for ``scalar``; so are ``step`` and ``family``.
            values: of any shape and real dtype, copied when this is called, and sorted into buckets in a thread. No bools, NaNs or
                infinities.
            buckets: how many, of equal width, in TF2's form. Default: 1,551 that grow by a tenth, in the form of tf.contrib.summary.
            description: see above; for TF2's form.

        Returns and raises as ``scalar``.
        """
        return await self._write(tag, step, family, lambda name: histogram_form(values, name, buckets, description))

    async def histogram_buckets(
        self,
        tag: str,
        counts: Any,
        edges: Any,
        step: SupportsIndex | None = None,
        family: str | None = None,
        *,
        description: str | None = None,
    ) -> bool | None:
        """Write a histogram that was counted elsewhere, as ``numpy.histogram`` returns it: [k] counts, [k + 1] ascending edges.

        Returns and raises as ``scalar``.
        """
        return await self._write(tag, step, family, lambda name: ready_buckets_content(counts, edges, name, description))

    async def histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: float,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        step: SupportsIndex | None = None,
        family: str | None = None,
    ) -> bool | None:
        """Write a HistogramProto whose fields are all known, after torch's ``add_histogram_raw``; ``bucket_limits`` are upper limits.

        Returns and raises as ``scalar``.
        """
        fields = {"min": min, "max": max, "num": num, "sum": sum, "sum_squares": sum_squares}
        return await self._write(tag, step, family, lambda name: raw_histogram_content(fields, bucket_limits, bucket_counts, name))

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

    async def text(
        self, tag: str, text: Any, step: SupportsIndex | None = None, family: str | None = None, *, description: str | None = None
    ) -> bool | None:
        """Write text, which TensorBoard shows as Markdown.

        Args:
            tag: as for ``scalar``; so are ``step`` and ``family``.
            text: a str, or bytes in UTF-8; a sequence or array of them, of rank 1 or 2, is a table.
            description: see above.

        Returns and raises as ``scalar``.
        """
        return await self._write(tag, step, family, lambda name: text_content(text, name, description))

    async def pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        step: SupportsIndex | None = None,
        num_thresholds: int = THRESHOLDS,
        weights: Any = None,
        family: str | None = None,
        *,
        description: str | None = None,
    ) -> bool | None:
        """Write the precision-recall curve of a binary classifier.

        Args:
            tag: as for ``scalar``; so are ``step`` and ``family``.
            labels: bools, or integers 0 and 1, of any shape.
            predictions: how likely 1 is, in [0, 1], of the same shape.
            num_thresholds: evenly spaced in [0, 1], at least 2.
            weights: how much each counts; anything that can be broadcast to the shape, not negative. Default 1.
            description: see above.

        Returns and raises as ``scalar``.
        """
        return await self._write(
            tag, step, family, lambda name: pr_curve_content(labels, predictions, name, num_thresholds, weights, description)
        )

    async def pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        step: SupportsIndex | None = None,
        family: str | None = None,
        *,
        description: str | None = None,
    ) -> bool | None:
        """Write a precision-recall curve that was computed elsewhere: vectors of real numbers, one for each threshold from 0 to 1.

        Returns and raises as ``scalar``.
        """
        rows = [true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall]
        return await self._write(tag, step, family, lambda name: pr_curve_raw_content(rows, name, description))

    async def mesh(
        self,
        tag: str,
        vertices: Any,
        step: SupportsIndex | None = None,
        family: str | None = None,
        *,
        faces: Any = None,
        colors: Any = None,
        config: Mapping[str, Any] | None = None,
        description: str | None = None,
    ) -> bool | None:
        """Write a mesh, or without faces a cloud of points.

        Args:
            tag: as for ``scalar``; so are ``step`` and ``family``. Its parts are written as ``tag_VERTEX``, ``tag_FACE`` and ``tag_COLOR``.
            vertices: finite coordinates [batch, number, 3] or [number, 3], kept as float32.
            faces: numbers of vertices, three for each triangle: [batch, faces, 3] or [faces, 3].
            colors: a colour for each vertex, integers from 0 to 255, in the shape of ``vertices``.
            config: classes of three.js and their settings, for example ``{"camera": {"cls": "PerspectiveCamera", "fov": 75}}``.
            description: see above.

        Returns and raises as ``scalar``.
        """
        return await self._write(tag, step, family, lambda name: mesh_content(vertices, name, faces, colors, config, description))

    async def custom_scalars(self, layout: Any, step: SupportsIndex = 0) -> bool | None:
        """Write the layout of the custom scalars dashboard, which holds for the whole logdir; write it once, in one run.

        Args:
            layout: torch's mapping ``{category: {chart: ["Multiline", [regex of tags, ...]], chart: ["Margin", [tag, lower, upper]]}}``,
                or TensorBoard's Layout message, or its bytes.
            step: of no importance.

        Returns and raises as ``scalar``.
        """
        return await self._write(TAG, step, None, lambda _: layout_content(layout), plain=True)

    async def hparams(
        self,
        values: Mapping[str, Any],
        domains: Mapping[str, Any] | None = None,
        metrics: Any = None,
        *,
        trial_id: str | None = None,
        description: str | None = None,
        step: SupportsIndex = 0,
    ) -> bool | None:
        """Write with which hyperparameters this run is made. Its metrics are its scalars; no other run is needed.

        Args:
            values: a bool, number or str for each name; lists and tuples become strings.
            domains: which values there are, by name: a list of all of them, or a tuple (lowest, highest). Without ``domains``,
                ``metrics`` and ``description``, no experiment is written, and TensorBoard makes one of what it finds.
            metrics: tags of the scalars to compare runs by, or a mapping of tags to display names.
            trial_id: runs with the same one are sessions of one trial, which TensorBoard averages. Default: each run is its own.
            description: of the experiment, in Markdown.
            step: of no importance.

        Returns and raises as ``scalar``.
        """
        now = _wall_time()
        return await self._write(
            SESSION_START, step, None, lambda _: hparams_content(values, domains, metrics, trial_id, now, description), plain=True
        )

    async def hparams_end(self, status: str = "success", *, step: SupportsIndex = 0) -> bool | None:
        """Write that the run has ended now, with "success", "failure", "unknown", or is "running" after all.

        Returns and raises as ``scalar``.
        """
        now = _wall_time()
        return await self._write(SESSION_END, step, None, lambda _: session_end_content(status, now), plain=True)
