"""What do the module-level functions do? They find the default writer, ask the recording condition, and pass the summary on."""

import os
from typing import Any, SupportsIndex

from asyncsummary.errors import InvalidArgumentError
from asyncsummary.scopes import recording, should_record_summaries
from asyncsummary.writer import FileWriterHandle, NoopWriter, SummaryWriter, default_writer


async def scalar(name: str, tensor: Any, family: str | None = None, step: SupportsIndex | None = None) -> bool | None:
    """Write one number to the default writer, if summaries are recorded here.

    Returns:
        None without a default writer, False where summaries are not recorded (nothing is checked then, in both cases), True once it is
        accepted. What that promises, and what is raised, is said at ``SummaryWriter.scalar``.
    """
    writer = default_writer.get()
    if writer is None:
        return None
    if not should_record_summaries():
        if recording.get() is None and isinstance(writer, FileWriterHandle):
            writer.warn_never_recording()
        return False
    return await writer.scalar(name, tensor, step, family)


async def import_event(tensor: bytes, name: str | None = None) -> None:
    """Write a serialised Event to the default writer, byte for byte; the recording condition does not count. ``name`` is not used."""
    writer = default_writer.get()
    if writer is not None:
        await writer.import_event(tensor)


async def flush(writer: SummaryWriter | None = None, name: str | None = None, *, timeout: float | None = None) -> None:
    """Flush ``writer``, or else the default writer, if there is one. ``name`` is not used.

    Raises:
        InvalidArgumentError: ``writer`` is no writer.
        CommitError: see ``SummaryWriter.flush``.
    """
    if writer is None:
        writer = default_writer.get()
    if writer is None:
        return
    if isinstance(writer, NoopWriter) or not hasattr(writer, "flush"):
        raise InvalidArgumentError(f"writer: must be a writer that writes, got {writer!r}")
    await writer.flush(timeout)


def eval_dir(model_dir: "str | os.PathLike[str]", name: str | None = None) -> str:
    """Return the logdir of an evaluation beside a training run: ``<model_dir>/eval``, or ``<model_dir>/eval_<name>``."""
    return os.path.join(os.fspath(model_dir), "eval" if not name else f"eval_{name}")
