"""What do the module-level functions of ``kinds`` do? What those of ``functions`` do: they pass the summary on to the default writer."""

from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex

from asyncsummary.functions import recording_writer
from asyncsummary.graph import deferrable
from asyncsummary.values.figure import close_figures
from asyncsummary.values.pr_curve import THRESHOLDS
from asyncsummary.writer import SummaryWriter, default_writer


@deferrable
async def figure(
    name: str,
    tensor: Any,
    family: str | None = None,
    step: SupportsIndex | None = None,
    *,
    close: bool = True,
    description: str | None = None,
) -> bool | None:
    """Write a matplotlib figure to the default writer, if summaries are recorded here; see ``SummaryWriter.figure``.

    ``close`` holds also where it is not recorded.
    """
    writer = recording_writer()
    if isinstance(writer, SummaryWriter):
        return await writer.figure(name, tensor, step, family, close=close, description=description)
    if close:
        close_figures(tensor)
    return writer


@deferrable
async def video(
    name: str,
    tensor: Any,
    fps: float = 4,
    family: str | None = None,
    step: SupportsIndex | None = None,
    *,
    dataformats: str = "THWC",
    format: str = "gif",
    description: str | None = None,
) -> bool | None:
    """Write a video to the default writer, if summaries are recorded here; see ``SummaryWriter.video``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    return await writer.video(name, tensor, step, fps, family, dataformats=dataformats, format=format, description=description)


@deferrable
async def histogram_buckets(
    name: str,
    counts: Any,
    edges: Any,
    family: str | None = None,
    step: SupportsIndex | None = None,
    *,
    description: str | None = None,
) -> bool | None:
    """Write a counted histogram to the default writer, if summaries are recorded here; see ``SummaryWriter.histogram_buckets``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    return await writer.histogram_buckets(name, counts, edges, step, family, description=description)


@deferrable
async def histogram_raw(
    name: str,
    min: float,
    max: float,
    num: float,
    sum: float,
    sum_squares: float,
    bucket_limits: Any,
    bucket_counts: Any,
    family: str | None = None,
    step: SupportsIndex | None = None,
) -> bool | None:
    """Write a whole HistogramProto to the default writer, if summaries are recorded here; see ``SummaryWriter.histogram_raw``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    return await writer.histogram_raw(name, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, step, family)


@deferrable
async def text(
    name: str, tensor: Any, family: str | None = None, step: SupportsIndex | None = None, *, description: str | None = None
) -> bool | None:
    """Write text to the default writer, if summaries are recorded here; see ``SummaryWriter.text``."""
    writer = recording_writer()
    return await writer.text(name, tensor, step, family, description=description) if isinstance(writer, SummaryWriter) else writer


@deferrable
async def pr_curve(
    name: str,
    labels: Any,
    predictions: Any,
    num_thresholds: int = THRESHOLDS,
    weights: Any = None,
    family: str | None = None,
    step: SupportsIndex | None = None,
    *,
    description: str | None = None,
) -> bool | None:
    """Write a precision-recall curve to the default writer, if summaries are recorded here; see ``SummaryWriter.pr_curve``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    return await writer.pr_curve(name, labels, predictions, step, num_thresholds, weights, family, description=description)


@deferrable
async def pr_curve_raw(
    name: str,
    true_positive_counts: Any,
    false_positive_counts: Any,
    true_negative_counts: Any,
    false_negative_counts: Any,
    precision: Any,
    recall: Any,
    family: str | None = None,
    step: SupportsIndex | None = None,
    *,
    description: str | None = None,
) -> bool | None:
    """Write a finished curve to the default writer, if summaries are recorded here; see ``SummaryWriter.pr_curve_raw``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    rows = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall)
    return await writer.pr_curve_raw(name, *rows, step, family, description=description)


@deferrable
async def mesh(
    name: str,
    vertices: Any,
    family: str | None = None,
    step: SupportsIndex | None = None,
    *,
    faces: Any = None,
    colors: Any = None,
    config: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> bool | None:
    """Write a mesh or a cloud of points to the default writer, if summaries are recorded here; see ``SummaryWriter.mesh``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    return await writer.mesh(name, vertices, step, family, faces=faces, colors=colors, config=config, description=description)


async def embedding(
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
    """Write vectors for the projector to the default writer, if summaries are recorded here; see ``SummaryWriter.embedding``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    form: dict[str, Any] = {"metadata": metadata, "header": header, "images": images, "dataformats": dataformats, "format": format}
    return await writer.embedding(tag, vectors, step, family, **form)


@deferrable
async def custom_scalars(layout: Any, step: SupportsIndex = 0) -> bool | None:
    """Write a layout to the default writer; the recording condition does not count. See ``SummaryWriter.custom_scalars``."""
    writer = default_writer.get()
    return None if writer is None else await writer.custom_scalars(layout, step)


@deferrable
async def hparams(
    values: Mapping[str, Any],
    domains: Mapping[str, Any] | None = None,
    metrics: Any = None,
    *,
    trial_id: str | None = None,
    description: str | None = None,
    step: SupportsIndex = 0,
) -> bool | None:
    """Write hyperparameters to the default writer; the recording condition does not count. See ``SummaryWriter.hparams``."""
    writer = default_writer.get()
    if writer is None:
        return None
    return await writer.hparams(values, domains, metrics, trial_id=trial_id, description=description, step=step)


@deferrable
async def hparams_end(status: str = "success", *, step: SupportsIndex = 0) -> bool | None:
    """Write the end of a session to the default writer; the recording condition does not count. See ``SummaryWriter.hparams_end``."""
    writer = default_writer.get()
    return None if writer is None else await writer.hparams_end(status, step=step)


async def keras_model(name: str, model: Any, step: SupportsIndex | None = 0) -> bool | None:
    """Write a Keras model to the default writer; the recording condition does not count. See ``SummaryWriter.keras_model``."""
    writer = default_writer.get()
    return None if writer is None else await writer.keras_model(name, model, step)


async def torch_graph(model: Any, inputs: Any, step: SupportsIndex | None = 0, *, strict: bool = True) -> bool | None:
    """Write a torch module's graph to the default writer; the recording condition does not count. See ``SummaryWriter.torch_graph``."""
    writer = default_writer.get()
    return None if writer is None else await writer.torch_graph(model, inputs, step, strict=strict)


async def onnx_graph(model: Any, step: SupportsIndex | None = 0) -> bool | None:
    """Write an ONNX model's graph to the default writer; the recording condition does not count. See ``SummaryWriter.onnx_graph``."""
    writer = default_writer.get()
    return None if writer is None else await writer.onnx_graph(model, step)
