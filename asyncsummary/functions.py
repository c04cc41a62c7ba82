"""What do the module-level functions do? They find the default writer, ask the recording condition, and pass the summary on.

Within a ``Graph`` they return a ``SummaryOp`` instead, which does so when a session runs it.
"""

import os
from collections.abc import Mapping
from typing import Any, SupportsIndex

from asyncsummary.errors import InvalidArgumentError, shown
from asyncsummary.file_writer import FileWriter
from asyncsummary.graph import deferrable
from asyncsummary.handle import FileWriterHandle
from asyncsummary.scopes import recording, should_record_summaries
from asyncsummary.steps import get_step
from asyncsummary.writer import NoopWriter, SummaryWriter, default_writer


@deferrable
async def scalar(name: str, tensor: Any, family: str | None = None, step: SupportsIndex | None = None) -> bool | None:
    """Write one number to the default writer, if summaries are recorded here.

    Returns:
        None without a default writer, False where summaries are not recorded (nothing is checked then, in both cases), True once it is
        accepted. What that promises, and what is raised, is said at ``SummaryWriter.scalar``. So it is for all kinds.
    """
    writer = recording_writer()
    return await writer.scalar(name, tensor, step, family) if isinstance(writer, SummaryWriter) else writer


async def scalars(values: Mapping[str, Any], family: str | None = None, step: SupportsIndex | None = None) -> bool | None:
    """Write several numbers at one step to the default writer, if summaries are recorded here; see ``SummaryWriter.scalars``."""
    writer = recording_writer()
    return await writer.scalars(values, step, family) if isinstance(writer, SummaryWriter) else writer


async def scalar_series(name: str, values: Any, steps: Any, wall_times: Any = None, family: str | None = None) -> bool | None:
    """Write many points of one tag to the default writer, if summaries are recorded here; see ``SummaryWriter.scalar_series``."""
    writer = recording_writer()
    return await writer.scalar_series(name, values, steps, wall_times, family) if isinstance(writer, SummaryWriter) else writer


@deferrable
async def generic(
    name: str, tensor: Any, metadata: Any = None, family: str | None = None, step: SupportsIndex | None = None
) -> bool | None:
    """Write an array as a tensor to the default writer, if summaries are recorded here; see ``SummaryWriter.generic``."""
    writer = recording_writer()
    return await writer.generic(name, tensor, step, metadata, family) if isinstance(writer, SummaryWriter) else writer


async def write(tag: str, tensor: Any, step: SupportsIndex | None = None, metadata: Any = None) -> bool | None:
    """Write a tensor under exactly this tag to the default writer, if summaries are recorded here; see ``SummaryWriter.write``.

    After tf.summary.write: the step comes from ``step``, ``set_step`` or ``as_default(step=...)``, never from the global step.

    Raises:
        InvalidArgumentError: no step was set.
    """
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    if step is None and get_step() is None:
        raise InvalidArgumentError(
            f"step of tag {tag!r}: No step set. Please specify one either through the `step` argument or through asyncsummary.set_step()"
        )
    return await writer.write(tag, tensor, step, metadata)


@deferrable
async def histogram(
    name: str,
    tensor: Any,
    family: str | None = None,
    step: SupportsIndex | None = None,
    *,
    buckets: int | None = None,
    description: str | None = None,
) -> bool | None:
    """Write a histogram to the default writer, if summaries are recorded here; see ``SummaryWriter.histogram``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    return await writer.histogram(name, tensor, step, family, buckets=buckets, description=description)


@deferrable
async def image(
    name: str,
    tensor: Any,
    bad_color: Any = None,
    max_images: int = 3,
    family: str | None = None,
    step: SupportsIndex | None = None,
    *,
    dataformats: str | None = None,
    grid: bool | int = False,
    boxes: Any = None,
    labels: Any = None,
    description: str | None = None,
) -> bool | None:
    """Write images to the default writer, if summaries are recorded here; see ``SummaryWriter.image``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    form: dict[str, Any] = {"dataformats": dataformats, "grid": grid, "boxes": boxes, "labels": labels, "description": description}
    return await writer.image(name, tensor, step, bad_color, max_images, family, **form)


@deferrable
async def audio(
    name: str,
    tensor: Any,
    sample_rate: float | None = None,
    max_outputs: int = 3,
    family: str | None = None,
    step: SupportsIndex | None = None,
    *,
    labels: Any = None,
    description: str | None = None,
) -> bool | None:
    """Write sound to the default writer, if summaries are recorded here; see ``SummaryWriter.audio``."""
    writer = recording_writer()
    if not isinstance(writer, SummaryWriter):
        return writer
    return await writer.audio(name, tensor, sample_rate, max_outputs, step, family, labels=labels, description=description)


@deferrable
async def graph(param: Any, step: SupportsIndex | None = None, name: str | None = None) -> bool | None:
    """Write a graph to the default writer; the recording condition does not count. ``name`` is not used. See ``SummaryWriter.graph``."""
    writer = default_writer.get()
    return None if writer is None else await writer.graph(param, step)


def recording_writer() -> SummaryWriter | bool | None:
    """Return the default writer; None if there is none, False where summaries are not recorded. In this order, as the original."""
    writer = default_writer.get()
    if writer is None:
        return None
    if should_record_summaries():
        return writer
    if recording.get() is None and isinstance(writer, FileWriterHandle):
        writer.warn_never_recording()
    return False


@deferrable
async def import_event(tensor: bytes, name: str | None = None) -> None:
    """Write a serialised Event to the default writer, byte for byte; the recording condition does not count. ``name`` is not used."""
    writer = default_writer.get()
    if writer is not None:
        await writer.import_event(tensor)


@deferrable
async def flush(writer: SummaryWriter | FileWriter | None = None, name: str | None = None, *, timeout: float | None = None) -> None:
    """Flush ``writer``, or else the default writer, if there is one. ``name`` is not used.

    Raises:
        InvalidArgumentError: ``writer`` is no writer.
        CommitError: see ``SummaryWriter.flush``.
    """
    if writer is None:
        writer = default_writer.get()
    if writer is None:
        return
    if isinstance(writer, NoopWriter) or not isinstance(writer, SummaryWriter | FileWriter):
        raise InvalidArgumentError(f"writer: must be a writer that writes, got {shown(writer)}")
    await writer.flush(timeout)


def eval_dir(model_dir: "str | os.PathLike[str]", name: str | None = None) -> str:
    """Return the logdir of an evaluation beside a training run: ``<model_dir>/eval``, or ``<model_dir>/eval_<name>``."""
    return os.path.join(os.fspath(model_dir), "eval" if not name else f"eval_{name}")
