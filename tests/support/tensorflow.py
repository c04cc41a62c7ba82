"""TensorFlow, if it is installed: its own writers, and its own reading of event files."""

import importlib
import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from asyncsummary.protos import Event, Summary
from tests.support.events import events_of


def load_tensorflow() -> Any:
    """Return the module; skip the tests of the module that calls this if TensorFlow is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("tensorflow")
        except ImportError:
            return pytest.skip("needs TensorFlow: make test-tensorflow", allow_module_level=True)


class KernelWriter:
    """Writes by the kernels that tf.contrib.summary called."""

    def __init__(self, tf: Any, folder: Path) -> None:
        self._ops = tf.raw_ops
        self._resource = self._ops.SummaryWriter(shared_name=str(folder), container="")
        self._ops.CreateSummaryFileWriter(
            writer=self._resource, logdir=str(folder), max_queue=1000, flush_millis=1_000_000, filename_suffix=".v2"
        )
        self._tf = tf

    def call(self, kernel: str, **arguments: Any) -> None:
        """Call a kernel on this writer."""
        getattr(self._ops, kernel)(writer=self._resource, **arguments)

    def close(self) -> None:
        """Flush and close."""
        self._ops.CloseSummaryWriter(writer=self._resource)


def written_by(tf: Any, folder: Path, write: Callable[[KernelWriter], None]) -> list[Event]:
    """Return the events behind the first that TensorFlow's kernels write."""
    writer = KernelWriter(tf, folder)
    try:
        write(writer)
    finally:
        writer.close()
    return events_of(folder)[1:]


def comparable(events: Sequence[Event]) -> list[Event]:
    """Return copies without wall_time and source, and with pixels in place of a PNG's bytes, which differ by how they are compressed."""
    copies = [Event.FromString(event.SerializeToString()) for event in events]
    for event in copies:
        event.wall_time = 0
        event.ClearField("source_metadata")
        _with_pixels(event.summary)
    return copies


def comparable_summary(summary: bytes) -> Summary:
    """Return a Summary with pixels in place of a PNG's bytes."""
    copy = Summary.FromString(summary)
    _with_pixels(copy)
    return copy


def _with_pixels(summary: Summary) -> None:
    for value in summary.value:
        if value.WhichOneof("value") == "image":
            with PillowImage.open(io.BytesIO(value.image.encoded_image_string)) as image:
                value.image.encoded_image_string = np.asarray(image).tobytes()
