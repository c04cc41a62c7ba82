"""Which tensor is a text? A string, or a table of strings; TensorBoard shows them as Markdown."""

from typing import Any

import numpy as np

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown
from asyncsummary.protos import Summary
from asyncsummary.values.array import as_array
from asyncsummary.values.given import typed, utf8
from asyncsummary.values.limits import require_encodable
from asyncsummary.values.plugin import Ready, plugin_value, strings

MOST_RANKS = 2


def text_content(value: Any, tag: str, description: object = None) -> Ready:
    """Return the summary of a str, of bytes in UTF-8, or of an array or nested sequence of them, of rank 1 or 2: a table.

    Raises:
        InvalidTypeError: something else.
        InvalidSummaryError: a higher rank (TensorBoard would show a part of it), nothing at all, text that is no UTF-8, or more than a
            message can hold.
    """
    if isinstance(value, str | bytes):
        items, shape = [value], ()
    else:
        array = _as_strings(value, tag)
        if array.ndim > MOST_RANKS:
            raise InvalidSummaryError(f"text of tag {tag!r}: must be of rank 0, 1 or 2, got shape {array.shape}", tag)
        items, shape = array.reshape(-1).tolist(), array.shape
    if not items:
        raise InvalidSummaryError(f"text of tag {tag!r}: is empty (shape {shape})", tag)
    texts = [_utf8(item, tag) for item in items]
    require_encodable(sum(map(len, texts)), tag)
    tensor = strings(*texts, shape=shape)
    return Ready(Summary(value=[plugin_value(tag, tensor, "text", description=description)]))


def _as_strings(value: Any, tag: str) -> Any:
    if isinstance(value, list | tuple):
        try:
            return np.array(value, dtype=object)  # numpy's own strings lose null bytes at their ends
        except ValueError as error:
            raise InvalidSummaryError(f"text of tag {tag!r}: its rows have different lengths", tag) from error
    return as_array(value, tag)


def _utf8(item: object, tag: str) -> bytes:
    if isinstance(item, list | tuple):
        raise InvalidSummaryError(f"text of tag {tag!r}: its rows have different lengths", tag)
    if not isinstance(item, str | bytes):
        raise InvalidTypeError(f"text of tag {tag!r}: must be strings, got {typed(item)}", tag)
    if isinstance(item, str):
        return utf8(item, "text", tag)
    try:
        item.decode()
    except UnicodeDecodeError as error:
        raise InvalidSummaryError(f"text of tag {tag!r}: {shown(item)} is no UTF-8 ({error.reason})", tag) from error
    return item
