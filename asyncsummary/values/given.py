"""Can what was given be written at all? Text, lists of it, descriptions: checks of arguments that several kinds have."""

from typing import Any

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown


def utf8(text: str, argument: str, tag: object = None) -> bytes:
    """Return a str as UTF-8, which all text in an event file is.

    Raises:
        InvalidSummaryError: half of a surrogate pair, which is no character.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidSummaryError(f"{_named(argument, tag)}: {shown(text)} is no UTF-8 ({error.reason})", tag) from error


def description_of(description: object, tag: object) -> str:
    """Return a description as it is written: None is none. Checked before a content is accepted, since it is encoded later.

    Raises:
        InvalidTypeError: something else.
        InvalidSummaryError: a str that has no UTF-8.
    """
    if description is None:
        return ""
    if not isinstance(description, str):
        raise InvalidTypeError(f"description of tag {tag!r}: must be a str, got {type(description).__name__}", tag)
    utf8(description, "description", tag)
    return description


def listed(value: Any, argument: str, tag: object = None) -> list[Any]:
    """Return what is in a sequence or any other iterable. Raises InvalidTypeError if it is none."""
    try:
        return list(value)
    except TypeError as error:
        raise InvalidTypeError(f"{_named(argument, tag)}: must be a list, got {typed(value)}", tag) from error


def labels_of(labels: Any, tag: object) -> list[str]:
    """Return a list of labels. Raises InvalidTypeError if it is none, or if one of them is no str."""
    names = listed(labels, "labels", tag)
    for name in names:
        if not isinstance(name, str):
            raise InvalidTypeError(f"labels of tag {tag!r}: must be str, got {typed(name)}", tag)
    return names


def typed(value: object) -> str:
    """Return how a value of a wrong type is shown in a message."""
    return f"{shown(value)} of type {type(value).__name__}"


def _named(argument: str, tag: object) -> str:
    return argument if tag is None else f"{argument} of tag {tag!r}"
