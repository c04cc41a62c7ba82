"""Which float32 is a scalar? Numbers and arrays of one number, by the rules of tf.contrib.summary.

float16/32/64, bfloat16, int8..64 and uint8..64 are accepted, from Python, numpy, or anything with ``__array__`` or ``__dlpack__``.
Of an array with several elements the first is taken, as the original does. Python numbers beyond float32 are refused, array elements
beyond it become infinite: that too is the original's rule.
"""

import math
import operator
from typing import Any, SupportsIndex

import numpy as np

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.values.array import as_array, is_real
from asyncsummary.values.given import typed

LARGEST = float(np.finfo(np.float32).max)


def scalar_value(value: Any, tag: object) -> float:
    """Return the number as a float that float32 holds or rounds.

    Raises:
        InvalidTypeError: a bool, complex, string or anything else that is no number.
        InvalidSummaryError: an empty array, or a Python number out of float32's range.
    """
    if isinstance(value, bool | str | bytes | complex) or value is None:
        raise _not_a_number(value, tag)
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return _python_number(value, tag)
    if isinstance(value, SupportsIndex) and not hasattr(value, "__array__"):
        try:
            return _python_number(operator.index(value), tag)  # a GlobalStep, for one
        except InvalidSummaryError:
            raise
        except Exception as error:  # the value's own conversion can raise anything
            raise InvalidTypeError(f"value of tag {tag!r}: cannot be read as a number: {error}", tag) from error
    array = as_array(value, tag)
    if array.dtype == object:
        raise _not_a_number(value, tag)
    if array.size == 0:
        raise InvalidSummaryError(f"value of tag {tag!r}: is empty (shape {array.shape}); a scalar needs one number", tag)
    if not is_real(array):
        raise InvalidTypeError(f"value of tag {tag!r}: must be a real number, got dtype {array.dtype}", tag)
    with np.errstate(over="ignore"):
        return float(array.reshape(-1)[:1].astype(np.float32)[0])


def _python_number(value: float, tag: object) -> float:
    try:
        number = float(value)
    except OverflowError as error:
        raise InvalidSummaryError(f"value of tag {tag!r}: {shown(value)} is out of range for float32", tag) from error
    with np.errstate(over="ignore"):
        rounded = np.float32(number)
    if math.isfinite(number) and not np.isfinite(rounded):
        raise InvalidSummaryError(f"value of tag {tag!r}: {shown(value)} is out of range for float32", tag)
    return number


def _not_a_number(value: object, tag: object) -> InvalidTypeError:
    return InvalidTypeError(f"value of tag {tag!r}: must be a real number, got {typed(value)}", tag)
