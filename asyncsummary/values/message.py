"""What is the Summary message of a value? For those who want the message itself, rather than have it written."""

from collections.abc import Mapping
from typing import Any

from asyncsummary.protos import Summary, Value
from asyncsummary.values.audio import audio_batch
from asyncsummary.values.histogram import histogram_content
from asyncsummary.values.image import image_batch
from asyncsummary.values.mesh import mesh_content
from asyncsummary.values.pr_curve import pr_curve_content, pr_curve_raw_content
from asyncsummary.values.scalar import scalar_value
from asyncsummary.values.tensor import tensor_value
from asyncsummary.values.text import text_content

KINDS = frozenset({"scalar", "generic", "histogram", "image", "audio", "text", "pr_curve", "pr_curve_raw", "mesh"})


def summary_of(kind: str, tag: str, arguments: Mapping[str, Any]) -> Summary:
    """Return the Summary that ``kind`` makes under a whole tag of the other arguments of the module-level function of that name.

    Raises:
        InvalidSummaryError: as the writer's method of that name.
    """
    rest = dict(arguments)
    value = rest.pop("tensor", None)
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
        case "text":
            return text_content(value, tag, **rest).summary()
        case "pr_curve":
            return pr_curve_content(tag=tag, **rest).summary()
        case "pr_curve_raw":
            description = rest.pop("description")
            return pr_curve_raw_content(list(rest.values()), tag, description).summary()
        case "mesh":
            return mesh_content(tag=tag, **rest).summary()
        case _:
            raise NotImplementedError(kind)
