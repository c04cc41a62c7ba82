"""Which kinds can every writer write, besides scalars, tensors and graphs? All that TensorBoard's plugins show; ``media`` has some."""

import abc
import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, SupportsIndex

from asyncsummary.errors import InvalidArgumentError
from asyncsummary.media import Media
from asyncsummary.values.embedding import Embedding, embedding_content
from asyncsummary.values.histogram_forms import histogram_form, raw_histogram_content, ready_buckets_content
from asyncsummary.values.hparams import SESSION_END, SESSION_START, hparams_content, session_end_content
from asyncsummary.values.keras import keras_content
from asyncsummary.values.layout import TAG, layout_content
from asyncsummary.values.mesh import mesh_content
from asyncsummary.values.onnx import onnx_graph_bytes
from asyncsummary.values.pr_curve import THRESHOLDS, pr_curve_content, pr_curve_raw_content
from asyncsummary.values.text import text_content
from asyncsummary.values.torch_graph import torch_graph_bytes

_wall_time = time.time


class Kinds(Media):
    """What a writer can write, pictures and sounds among it. What ``Media`` says of arguments holds here, too."""

    async def _upload(self, tag: str, step: Any, family: Any, check: Callable[[str, int], Embedding]) -> bool | None:
        """Have files for a whole tag and a step checked, and accept them, to be stored beside the events."""
        raise InvalidArgumentError(f"tag {tag!r}: {self!r} keeps no files beside its events")

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

    async def embedding(
        self,
        tag: str,
        vectors: Any,
        step: SupportsIndex | None = None,
        family: str | None = None,
        *,
        metadata: Any = None,
        header: Sequence[str] | None = None,
        images: Any = None,
        dataformats: str = "NHWC",
        format: str = "tsv",
    ) -> bool | None:
        """Write vectors for the embedding projector: files beside the event files, in the same storage.

        They are stored in their turn, and a flush waits for them; the index of the run keeps what others wrote. While storage is away,
        they wait in memory: what was accepted behind them does not go to the spool before them.

        Args:
            tag: as for ``scalar``; so are ``step`` and ``family``. The same tag at the same step replaces what was there.
            vectors: finite numbers [number, dimensions], kept as float32. Copied when this is called, written out in a thread.
            metadata: a label for each vector, or with ``header`` a row of columns; whatever it is, it is made a str.
            header: the names of two or more columns.
            images: a picture for each vector, as for ``image`` with ``dataformats``; together up to 8192 pixels a side.
            dataformats: names the axes of ``images``.
            format: "tsv", which people can read, or "bytes", a quarter of the size.

        Returns and raises as ``scalar``.
        """
        return await self._upload(
            tag,
            step,
            family,
            lambda name, at: embedding_content(vectors, name, at, metadata, header, images, dataformats, format),
        )

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

    @abc.abstractmethod
    async def graph(self, graph: Any, step: SupportsIndex | None = None) -> bool | None:
        """Write a GraphDef: a message of any library's making, its bytes, or a tf.Graph. The recording condition does not count.

        Returns and raises as ``scalar``.
        """

    async def keras_model(self, tag: str, model: Any, step: SupportsIndex | None = 0) -> bool | None:
        """Write a Keras model, of which TensorBoard shows a conceptual graph: the model, its ``to_json()``, or what is in that.

        Returns and raises as ``scalar``.
        """
        return await self._write(tag, step, None, lambda name: keras_content(model, name))

    async def torch_graph(self, model: Any, inputs: Any, step: SupportsIndex | None = 0, *, strict: bool = True) -> bool | None:
        """Write the graph of a torch module. It is traced by torch in a thread, in evaluation mode: leave it alone until this returns.

        Needs torch and tensorboard: ``pip install 'asyncsummary[torch]'``.

        Args:
            model: a torch.nn.Module.
            inputs: what it is called with: a tensor, or a tuple of arguments.
            step: as for ``scalar``.
            strict: torch's own; False traces models that return dicts and lists.

        Returns and raises as ``scalar``.
        """
        return await self.graph(await asyncio.to_thread(torch_graph_bytes, model, inputs, strict), step)

    async def onnx_graph(self, model: Any, step: SupportsIndex | None = 0) -> bool | None:
        """Write the graph of an ONNX model: a path, a ModelProto, or its bytes. It is read in a thread; the package onnx is not needed.

        Returns and raises as ``scalar``.
        """
        return await self.graph(await asyncio.to_thread(onnx_graph_bytes, model), step)
