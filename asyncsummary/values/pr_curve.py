"""How do labels and predictions become a precision-recall curve? By TensorBoard's own counting, at evenly spaced thresholds.

The tensor is float32 [6, thresholds]: true positives, false positives, true negatives, false negatives, precision, recall. A prediction p
counts as positive at all thresholds up to the one number floor(p * (thresholds - 1)).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.plugin_protos import PrCurvePluginData
from asyncsummary.protos import Summary
from asyncsummary.values.array import as_array, finite_float32, is_real
from asyncsummary.values.given import description_of
from asyncsummary.values.limits import count_of
from asyncsummary.values.plugin import Ready, plugin_value
from asyncsummary.values.scalar import LARGEST
from asyncsummary.values.tensor import tensor_proto

THRESHOLDS = 201
_MOST_THRESHOLDS = 1 << 24
"""TensorBoard's own default. torch and tensorboardX have at most 127."""
_SMALLEST_COUNT = 1e-7
_ROWS = (
    "true_positive_counts",
    "false_positive_counts",
    "true_negative_counts",
    "false_negative_counts",
    "precision",
    "recall",
)


@dataclass(frozen=True, slots=True)
class PrCurve:
    """Labels, predictions and weights that were checked and copied, flat."""

    tag: str
    labels: NDArray[np.bool_]
    predictions: NDArray[Any]
    weights: NDArray[np.float64] | None
    num_thresholds: int
    description: str

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        held = self.labels.nbytes + self.predictions.nbytes + (0 if self.weights is None else self.weights.nbytes)
        return int(held) + 24 * self.num_thresholds + 64

    def summary(self) -> Summary:
        """Count, and return the curve."""
        return _summary(self.tag, curve(self.labels, self.predictions, self.weights, self.num_thresholds), self.description)


def pr_curve_content(
    labels: Any, predictions: Any, tag: str, num_thresholds: Any = THRESHOLDS, weights: Any = None, description: object = None
) -> PrCurve:
    """Check labels and predictions of one shape, and weights that can be broadcast to it, and take private copies.

    Raises:
        InvalidTypeError: labels other than bools or integers, predictions or weights that are no real numbers, a description that is
            no str.
        InvalidSummaryError: shapes that differ, no predictions, labels other than 0 and 1, predictions out of [0, 1], weights that are
            negative or not finite (nor is their sum, in float32), or fewer than two thresholds.
    """
    about = description_of(description, tag)
    wanted = as_array(labels, tag)
    found = as_array(predictions, tag)
    if wanted.dtype.kind not in "biu":
        raise InvalidTypeError(f"labels of tag {tag!r}: must be bools, or integers 0 and 1, got {wanted.dtype}", tag)
    if not is_real(found):
        raise InvalidTypeError(f"predictions of tag {tag!r}: must be real numbers, got {found.dtype}", tag)
    if wanted.shape != found.shape:
        raise InvalidSummaryError(f"labels of tag {tag!r}: have shape {wanted.shape}, predictions have {found.shape}", tag)
    if not found.size:
        raise InvalidSummaryError(f"predictions of tag {tag!r}: there are none (shape {found.shape})", tag)
    if wanted.dtype.kind != "b" and not np.isin(wanted, (0, 1)).all():
        raise InvalidSummaryError(f"labels of tag {tag!r}: must be 0 or 1, got {wanted.min()} to {wanted.max()}", tag)
    if found.dtype.kind in "iu" or found.dtype.name in {"float16", "bfloat16"}:  # they could not hold the numbers of thresholds
        found = found.astype(np.float32)
    if not ((found >= 0) & (found <= 1)).all():
        raise InvalidSummaryError(f"predictions of tag {tag!r}: must be in [0, 1], got {found.min()} to {found.max()}", tag)
    count = count_of("num_thresholds", num_thresholds, tag, 2, _MOST_THRESHOLDS)
    flat = np.array(found, copy=True).reshape(-1)
    return PrCurve(tag, wanted.astype(bool).reshape(-1), flat, _weights(weights, wanted.shape, tag), count, about)


def pr_curve_raw_content(counts: Any, tag: str, description: object = None) -> Ready:
    """Return the summary of a curve that was computed elsewhere: six vectors of one length, in the order of the tensor's rows.

    Raises:
        InvalidTypeError: not real numbers.
        InvalidSummaryError: not vectors, lengths that differ, fewer than two thresholds, or numbers that are not finite in float32.
    """
    rows: list[NDArray[np.float32]] = []
    for name, row in zip(_ROWS, counts, strict=True):
        array = as_array(row, tag)
        if not is_real(array):
            raise InvalidTypeError(f"{name} of tag {tag!r}: must be real numbers, got {array.dtype}", tag)
        if array.ndim != 1 or len(array) < 2 or (rows and len(array) != len(rows[0])):
            shape = f"({len(rows[0])},)" if rows else "[thresholds], at least two"
            raise InvalidSummaryError(f"{name} of tag {tag!r}: must have shape {shape}, got {array.shape}", tag)
        rows.append(finite_float32(array, name, tag))
    return Ready(_summary(tag, np.stack(rows), description))


def curve(
    labels: NDArray[np.bool_], predictions: NDArray[Any], weights: NDArray[np.float64] | None, num_thresholds: int
) -> NDArray[np.float64]:
    """Return the six rows of the tensor, in float64."""
    buckets = np.floor(predictions * (num_thresholds - 1)).astype(np.int64)
    each = np.ones(len(labels)) if weights is None else weights
    positive = np.bincount(buckets, each * labels, num_thresholds)
    negative = np.bincount(buckets, each * ~labels, num_thresholds)
    true_positives, false_positives = positive[::-1].cumsum()[::-1], negative[::-1].cumsum()[::-1]
    true_negatives, false_negatives = false_positives[0] - false_positives, true_positives[0] - true_positives
    precision = true_positives / np.maximum(_SMALLEST_COUNT, true_positives + false_positives)
    recall = true_positives / np.maximum(_SMALLEST_COUNT, true_positives + false_negatives)
    return np.stack([true_positives, false_positives, true_negatives, false_negatives, precision, recall])


def _summary(tag: str, rows: NDArray[Any], description: object) -> Summary:
    content = PrCurvePluginData(num_thresholds=rows.shape[1]).SerializeToString()
    tensor = tensor_proto(rows.astype(np.float32), tag)
    return Summary(value=[plugin_value(tag, tensor, "pr_curves", content, description, tag)])  # its dashboard shows the display name only


def _weights(weights: Any, shape: tuple[int, ...], tag: str) -> NDArray[np.float64] | None:
    if weights is None:
        return None
    array = as_array(weights, tag)
    if not is_real(array):
        raise InvalidTypeError(f"weights of tag {tag!r}: must be real numbers, got {array.dtype}", tag)
    try:
        each = np.broadcast_to(array, shape).astype(np.float64).reshape(-1)
    except ValueError as error:
        raise InvalidSummaryError(f"weights of tag {tag!r}: shape {array.shape} cannot be broadcast to {shape}", tag) from error
    if not np.isfinite(each).all() or (each < 0).any():
        raise InvalidSummaryError(f"weights of tag {tag!r}: must be finite, and not negative", tag)
    with np.errstate(over="ignore"):
        if float(each.sum()) > LARGEST:
            raise InvalidSummaryError(f"weights of tag {tag!r}: their sum is out of range for float32", tag)
    return each
