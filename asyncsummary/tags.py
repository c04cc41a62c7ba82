"""Which tag does a summary get? The naming rules of tf.contrib.summary, and the table of the tags a writer has seen."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.columns import scalar_size
from asyncsummary.errors import InvalidSummaryError, InvalidTypeError, shown

_FEW = 32
"""So many are added up faster in Python than numpy starts up."""
_PIECE = 65_536
"""So many are added up together: for more of them, numpy would ask for new memory each time, and that takes longer."""
_UNWANTED = re.compile(r"[^-/\w.]")


def clean(name: str) -> str:
    """Return the name with every character but letters, digits, ``_ . - /`` made ``_``, and without leading slashes."""
    return _UNWANTED.sub("_", name).lstrip("/")


def tag_of(name: object, family: object = None, scope: str = "") -> str:
    """Return the tag of a summary ``name`` within the name scope.

    A family appears twice, before and after the scope, so that TensorBoard groups by it: ``fam/scope/fam/name``.

    Raises:
        InvalidTypeError: the name is not a str, or the family neither str nor None.
        InvalidSummaryError: the name cannot be encoded as UTF-8.
    """
    name = _require_str(name)
    if family is not None and not isinstance(family, str):
        raise InvalidTypeError(f"family of tag {name!r}: must be a str or None, got {shown(family)} of type {type(family).__name__}", name)
    inner = clean(name)
    outer = f"{scope}/" if scope else ""
    if family is None:
        tag = f"{outer}{inner}".rstrip("/")
    else:
        group = clean(family)
        tag = f"{group}/" + f"{outer}{group}/{inner}".rstrip("/")
    return plain_tag(tag)


def plain_tag(name: object) -> str:
    """Return the name as a tag, unchanged. Raises as ``tag_of``."""
    tag = _require_str(name)
    try:
        tag.encode()
    except UnicodeEncodeError as error:
        raise InvalidSummaryError(f"name: tag {tag!r} cannot be encoded as UTF-8 ({error.reason})", name) from error
    return tag


def _require_str(name: object) -> str:
    if not isinstance(name, str):
        raise InvalidTypeError(f"name: a tag must be a str, got {shown(name)} of type {type(name).__name__}", name)
    return name


@dataclass(slots=True)
class TagTable:
    """The tags of one writer, numbered in the order of their first use. It only grows.

    By number: ``names``, ``encoded`` (UTF-8), and ``sizes``, the most bytes that a scalar of that tag takes in the file; ``largest`` of
    those.
    """

    names: list[str] = field(default_factory=list)
    encoded: list[bytes] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    largest: int = scalar_size(b"")
    _numbers: dict[str, int] = field(default_factory=dict)
    _given: dict[tuple[str, str | None, str], int] = field(default_factory=dict)
    _size_of: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def number(self, name: Any, family: Any, scope: str) -> int:
        """Return the tag's number, a new one at its first use. Raises as ``tag_of``."""
        if not isinstance(name, str) or (family is not None and not isinstance(family, str)):
            tag_of(name, family, scope)  # raises
        given = (name, family, scope)
        number = self._given.get(given)
        if number is None:
            number = self._given[given] = self._add(tag_of(name, family, scope))
        return number

    def total(self, numbers: NDArray[np.int32]) -> int:
        """Return the most bytes that so many scalars take in the file, by the numbers of their tags."""
        if len(numbers) < _FEW:
            sizes = self.sizes
            return sum([sizes[number] for number in numbers.tolist()])
        return int(np.add.reduce(self.sizes_of(numbers)))

    def sizes_of(self, numbers: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the most bytes that each of so many scalars takes in the file."""
        if len(self._size_of) < len(self.sizes):
            self._size_of = np.array(self.sizes, np.int64)
        return self._size_of.take(numbers)

    def ends_of(self, numbers: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the most bytes that the first n of so many scalars take in the file, for each n from 0 on."""
        ends = np.zeros(len(numbers) + 1, np.int64)
        for start in range(0, len(numbers), _PIECE):
            sizes = self.sizes_of(numbers[start : start + _PIECE])
            piece = ends[start + 1 : start + 1 + len(sizes)]
            np.cumsum(sizes, out=piece)
            piece += ends[start]
        return ends

    def name(self, name: Any, family: Any, scope: str) -> str:
        """Return the tag itself. Raises as ``tag_of``."""
        return self.names[self.number(name, family, scope)]

    def _add(self, tag: str) -> int:
        number = self._numbers.get(tag)
        if number is None:
            number = self._numbers[tag] = len(self.names)
            self.names.append(tag)
            self.encoded.append(tag.encode())
            self.sizes.append(scalar_size(self.encoded[-1]))
            self.largest = max(self.largest, self.sizes[-1])
        return number

    def __len__(self) -> int:
        return len(self.names)
