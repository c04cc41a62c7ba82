"""Meshes: what TensorBoard's own writer makes of them, and what is refused."""

from typing import Any

import numpy as np
import pytest

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.mesh import mesh_content
from tests.support.plugin_summaries import assert_same, tensorboards

POINTS = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], np.float32)
FACES = np.array([[[0, 1, 2], [0, 2, 3]]], np.int32)
COLORS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]], np.uint8)
CONFIG = {"camera": {"cls": "PerspectiveCamera", "fov": 75}, "a": 1}


@pytest.mark.parametrize("faces", [None, FACES])
@pytest.mark.parametrize("colors", [None, COLORS])
@pytest.mark.parametrize("config", [None, CONFIG])
def test_the_same_as_tensorboards_own(faces: Any, colors: Any, config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value for each part, with metadata that tell which parts there are."""
    theirs = tensorboards("mesh.summary_v2", monkeypatch).mesh_pb("a/mesh", POINTS, faces, colors, config, "about")
    assert_same(mesh_content(POINTS, "a/mesh", faces, colors, config, "about").summary(), theirs)


def test_one_mesh_without_a_batch() -> None:
    """Is a batch of one; doubles, and integers of any kind, are as good."""
    whole = mesh_content(POINTS, "t", FACES, COLORS).summary()
    assert whole == mesh_content(POINTS[0].astype(float), "t", FACES[0].tolist(), COLORS[0].astype(np.int64)).summary()


def test_the_arrays_are_copied() -> None:
    """What the caller does to them later does not matter."""
    points = POINTS.copy()
    content = mesh_content(points, "t")
    points[:] = 9
    assert content.parts[1].max() == 1
    assert content.size > points.nbytes


@pytest.mark.parametrize(
    ("parts", "kind", "message"),
    [
        ({"vertices": [1, 2, 3]}, InvalidSummaryError, r"vertices of tag 't': must be \[batch, number, 3\] or \[number, 3\], got shape"),
        ({"vertices": [[["a"] * 3]]}, InvalidTypeError, "vertices of tag 't': must be real numbers"),
        ({"vertices": [[0.0, float("nan"), 0]]}, InvalidSummaryError, "vertices of tag 't': must be finite"),
        ({"vertices": [[0.0, 1e300, 0]]}, InvalidSummaryError, "vertices of tag 't': must be finite, in float32"),
        ({"vertices": np.zeros((1, 0, 3))}, InvalidSummaryError, "at least one"),
        ({"faces": [[0, 1, 4]]}, InvalidSummaryError, "faces of tag 't': must be 0 to 3, got 0 to 4"),
        ({"faces": [[0, 1, -1]]}, InvalidSummaryError, "faces of tag 't': must be 0 to 3"),
        ({"faces": [[0.0, 1, 2]]}, InvalidTypeError, "faces of tag 't': must be integers, got float64"),
        ({"faces": np.zeros((2, 1, 3), int)}, InvalidSummaryError, "are a batch of 2, vertices of 1"),
        ({"colors": COLORS.astype(int) + 1}, InvalidSummaryError, "colors of tag 't': must be 0 to 255, got 1 to 256"),
        ({"colors": COLORS[:, :3]}, InvalidSummaryError, r"one for each vertex: \(1, 4, 3\), got \(1, 3, 3\)"),
        ({"colors": COLORS / 255}, InvalidTypeError, "colors of tag 't': must be integers"),
        ({"config": "a"}, InvalidTypeError, "config of tag 't': must be a mapping, got str"),
        ({"config": {"a": object()}}, InvalidSummaryError, "config of tag 't': cannot be written as JSON"),
        ({"config": {"a": float("nan")}}, InvalidSummaryError, "cannot be written as JSON"),
        ({"vertices": np.broadcast_to(np.float32(0), (1, 1 << 28, 3))}, InvalidSummaryError, "a summary can have 2147418112 at the most"),
    ],
)
def test_what_is_refused(parts: dict[str, Any], kind: type[InvalidSummaryError], message: str) -> None:
    """With the argument, the tag and the reason."""
    with pytest.raises(kind, match=message):
        mesh_content(**{"vertices": POINTS, "tag": "t", **parts})
