"""Which points are a series of scalars? Arrays of values and steps, of the same length, by the rules for single scalars."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import ROW
from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.array import as_array, is_real


@dataclass(frozen=True, slots=True)
class Series:
    """Points that were checked and copied. ``times`` is None where all have the time of their acceptance."""

    values: NDArray[np.float32]
    steps: NDArray[np.int64]
    times: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.steps)

    def rows(self, start: int, stop: int, number: int, wall_time: float) -> bytes:
        """Return the points from ``start`` up to ``stop`` as rows of a queue, for the tag of that number."""
        points = slice(start, stop)
        rows = np.empty(len(self.steps[points]), ROW)
        rows["step"], rows["value"], rows["tag"] = self.steps[points], self.values[points], number
        rows["time"] = wall_time if self.times is None else self.times[points]
        return rows.tobytes()


def series(values: Any, steps: Any, wall_times: Any, tag: str) -> Series:
    """Check the points of a series and take a private copy.

    Raises:
        InvalidTypeError: values that are no real numbers, steps that are no integers, times that are no numbers; bools are none of these.
        InvalidSummaryError: not one-dimensional, of different lengths, a step out of int64, or a time that is not finite.
    """
    found = _flat("values", values, tag)
    if not is_real(found):
        raise InvalidTypeError(f"values of tag {tag!r}: must be real numbers, got dtype {found.dtype}", tag)
    numbers = _steps(_flat("steps", steps, tag), tag)
    times = None if wall_times is None else _times(_flat("wall_times", wall_times, tag), tag)
    for name, array in (("steps", numbers), ("wall_times", times)):
        if array is not None and len(array) != len(found):
            raise InvalidSummaryError(f"{name} of tag {tag!r}: must be as many as the values, {len(found)}, got {len(array)}", tag)
    with np.errstate(over="ignore"):
        return Series(np.array(found, np.float32), numbers, times)


def _flat(name: str, value: Any, tag: str) -> NDArray[Any]:
    array = as_array(value, tag)
    if array.ndim != 1:
        raise InvalidSummaryError(f"{name} of tag {tag!r}: must be one-dimensional, got shape {list(array.shape)}", tag)
    return array if array.size else array.astype(np.int64)  # an empty list has no dtype of its own


def _steps(array: NDArray[Any], tag: str) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise InvalidTypeError(f"steps of tag {tag!r}: must be integers, got dtype {array.dtype}", tag)
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise InvalidSummaryError(f"steps of tag {tag!r}: {int(array.max())} is out of range for int64", tag)
    return np.array(array, np.int64)


def _times(array: NDArray[Any], tag: str) -> NDArray[np.float64]:
    if array.dtype.kind not in "fiu":
        raise InvalidTypeError(f"wall_times of tag {tag!r}: must be seconds since the epoch, got dtype {array.dtype}", tag)
    times = np.array(array, np.float64)
    if not np.isfinite(times).all():
        raise InvalidSummaryError(f"wall_times of tag {tag!r}: must be finite", tag)
    return times
