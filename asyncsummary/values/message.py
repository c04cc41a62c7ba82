"""What is the Summary message of a value? For those who want the message itself, rather than have it written."""

from collections.abc import Mapping
from typing import Any

from asyncsummary.protos import Summary, Value
from asyncsummary.values.audio import audio_batch
from asyncsummary.values.histogram import histogram_content
from asyncsummary.values.image import image_batch
from asyncsummary.values.scalar import scalar_value
from asyncsummary.values.tensor import tensor_value

KINDS = frozenset({"scalar", "generic", "histogram", "image", "audio"})


def summary_of(kind: str, tag: str, value: Any, rest: Mapping[str, Any]) -> Summary:
    """Return the Summary that ``kind`` makes of a value under a whole tag; ``rest`` has the kind's other arguments by name.

    Raises:
        InvalidSummaryError: as the writer's method of that name.
    """
    match kind:
        case "scalar":
            return Summary(value=[Value(tag=tag, simple_value=scalar_value(value, tag))])
        case "generic":
            return Summary(value=[tensor_value(value, rest["metadata"], tag)])
        case "histogram":
            return histogram_content(value, tag).summary()
        case "image":
            return image_batch(value, rest["bad_color"], rest["max_images"], tag).summary()
        case "audio":
            return audio_batch(value, rest["sample_rate"], rest["max_outputs"], tag).summary()
        case _:
            raise NotImplementedError(kind)
