"""Which tensors are a mesh, or a cloud of points? Vertices, and if there are any, colours and faces: a value for each.

TensorBoard puts them together by the name in their metadata; ``components`` there tells it which to wait for.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.plugin_protos import MeshPluginData
from asyncsummary.protos import Summary
from asyncsummary.values.array import as_array, finite_float32, is_real
from asyncsummary.values.given import description_of
from asyncsummary.values.limits import require_encodable
from asyncsummary.values.plugin import plugin_value
from asyncsummary.values.tensor import tensor_proto

# MeshPluginData.ContentType
VERTEX, FACE, COLOR = 1, 2, 3
_NAMES = {VERTEX: "VERTEX", FACE: "FACE", COLOR: "COLOR"}


@dataclass(frozen=True, slots=True)
class Mesh:
    """Tensors [batch, number, 3] that were checked and copied, by their content type."""

    tag: str
    parts: dict[int, NDArray[Any]]
    config: str
    description: str

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return sum(int(part.nbytes) for part in self.parts.values()) + 3 * (len(self.config) + len(self.tag) + 64)

    def summary(self) -> Summary:
        """Return a value for each part: ``tag_VERTEX``, ``tag_FACE``, ``tag_COLOR``."""
        components = sum(1 << kind for kind in self.parts)
        values = []
        for kind, part in self.parts.items():
            data = MeshPluginData(name=self.tag, content_type=kind, components=components, shape=part.shape, json_config=self.config)
            tensor = tensor_proto(part, self.tag)
            values.append(plugin_value(f"{self.tag}_{_NAMES[kind]}", tensor, "mesh", data.SerializeToString(), self.description))
        return Summary(value=values)


def mesh_content(vertices: Any, tag: str, faces: Any = None, colors: Any = None, config: Any = None, description: object = None) -> Mesh:
    """Check the parts of a mesh and take private copies; those of rank 2 are a batch of one.

    Raises:
        InvalidTypeError: vertices that are no real numbers, faces or colours that are no integers, a config that is no mapping, a
            description that is no str.
        InvalidSummaryError: shapes that do not fit, vertices that are not finite in float32, faces of vertices that do not exist, colours
            out of 0 to 255, a config that JSON cannot express, or more than a protobuf message can hold.
    """
    points = _part(vertices, "vertices", tag)
    if not is_real(points):
        raise InvalidTypeError(f"vertices of tag {tag!r}: must be real numbers, got {points.dtype}", tag)
    if not points.size:
        raise InvalidSummaryError(f"vertices of tag {tag!r}: must be at least one, got shape {points.shape}", tag)
    parts: dict[int, NDArray[Any]] = {VERTEX: finite_float32(points, "vertices", tag)}
    if faces is not None:
        parts[FACE] = _integers(faces, "faces", points.shape[1] - 1, np.dtype(np.int32), tag)
    if colors is not None:
        parts[COLOR] = _integers(colors, "colors", 255, np.dtype(np.uint8), tag)
        if parts[COLOR].shape != points.shape:
            raise InvalidSummaryError(f"colors of tag {tag!r}: one for each vertex: {points.shape}, got {parts[COLOR].shape}", tag)
    for part in parts.values():
        if len(part) != len(points):
            raise InvalidSummaryError(f"faces of tag {tag!r}: are a batch of {len(part)}, vertices of {len(points)}", tag)
    found = Mesh(tag, parts, _json(config, tag), description_of(description, tag))
    require_encodable(found.size, tag)
    return found


def _part(value: Any, argument: str, tag: str) -> NDArray[Any]:
    array = as_array(value, tag)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.shape[2] != 3:
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must be [batch, number, 3] or [number, 3], got shape {array.shape}", tag)
    require_encodable(4 * array.size, tag)
    return array


def _integers(value: Any, argument: str, largest: int, dtype: np.dtype[Any], tag: str) -> NDArray[Any]:
    array = _part(value, argument, tag)
    if array.dtype.kind not in "iu":
        raise InvalidTypeError(f"{argument} of tag {tag!r}: must be integers, got {array.dtype}", tag)
    if array.size and (array.min() < 0 or array.max() > largest):
        raise InvalidSummaryError(f"{argument} of tag {tag!r}: must be 0 to {largest}, got {array.min()} to {array.max()}", tag)
    return np.array(array, dtype)


def _json(config: Any, tag: str) -> str:
    if config is None:
        return "{}"
    if not isinstance(config, Mapping):
        raise InvalidTypeError(f"config of tag {tag!r}: must be a mapping, got {type(config).__name__}", tag)
    try:
        return json.dumps(config, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidSummaryError(f"config of tag {tag!r}: cannot be written as JSON: {error}", tag) from error
