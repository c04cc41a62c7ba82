"""Where do large copies live? In memory that earlier ones do not need any more.

Large arrays that come and go are given back to the operating system each time, and to get their memory anew costs a page fault for every
4 KiB: ten times what it takes to copy into it, in the thread of the event loop. So a few blocks are kept, of the sizes that are in use.
"""

import itertools
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

COPIES_BYTES = 16 << 20
SCRATCH_BYTES = 8 << 20
"""So much is kept at the most, by all writers of the process together. What is in use does not count."""
SMALLEST = 1 << 16
"""Smaller arrays are the allocator's own business."""
MOST_SIZES = 4


class Spare:
    """Blocks of memory that nobody refers to.

    Any thread may use it, and an array may end, and give its block back, in the middle of the same thread's work here. So there is no lock:
    each step by itself leaves every block in one place or none, and the worst that a race does is to forget a block or to keep one more.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._blocks: dict[int, list[NDArray[np.uint8]]] = {}

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return sum(size * len(blocks) for size, blocks in list(self._blocks.items()))

    def take(self, size: int) -> NDArray[np.uint8]:
        """Return a block of that size, with anything in it."""
        blocks = self._blocks.pop(size, [])
        self._blocks[size] = blocks  # the size that was asked for last comes last
        try:
            return blocks.pop()
        except IndexError:
            self._forget_others(size)
            return np.empty(size, np.uint8)

    def give(self, block: NDArray[np.uint8]) -> None:
        """Keep a block, if there is room, and its size was asked for lately."""
        blocks = self._blocks.get(block.size)
        if blocks is not None and self.size + block.size <= self._limit:
            blocks.append(block)

    def _forget_others(self, size: int) -> None:
        """Let go of the sizes that were asked for least lately, where they are too many or leave no room for one that is missing."""
        for other in list(self._blocks)[:-1]:
            if len(self._blocks) > MOST_SIZES or self.size + size > self._limit:
                self._blocks.pop(other, None)


class _Lease:
    """What arrays in a block refer to: with the last of them it ends, and the block is spare again."""

    def __init__(self, spare: Spare, block: NDArray[np.uint8]) -> None:
        self._spare = spare
        self._block = block
        self.__array_interface__ = block.__array_interface__

    def __del__(self) -> None:
        self._spare.give(self._block)


_copies = Spare(COPIES_BYTES)
_scratch = Spare(SCRATCH_BYTES)


def copied(array: NDArray[Any]) -> NDArray[Any]:
    """Return a private copy, contiguous."""
    copy = _empty(array.shape, array.dtype, _copies)
    copy[...] = array
    return copy


def scratch(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return a contiguous array, with anything in it, for what is needed only for a moment."""
    return _empty(shape, np.dtype(dtype), _scratch)


def scratches(count: int, *dtypes: DTypeLike) -> list[NDArray[Any]]:
    """Return such an array of each of the types, all in one block. Types with larger items come first, so that all are aligned."""
    sizes = [count * np.dtype(dtype).itemsize for dtype in dtypes]
    ends = itertools.accumulate(sizes)
    memory = scratch((sum(sizes),), np.uint8)
    return [memory[end - size : end].view(dtype) for size, end, dtype in zip(sizes, ends, dtypes, strict=True)]


def _empty(shape: tuple[int, ...], dtype: np.dtype[Any], spare: Spare) -> NDArray[Any]:
    size = prod(shape) * dtype.itemsize
    if size < SMALLEST or dtype.hasobject:
        return np.empty(shape, dtype)
    memory = np.asarray(_Lease(spare, spare.take(_rounded(size))))
    return memory[:size].view(dtype).reshape(shape)


def _rounded(size: int) -> int:
    """Return the size of a block for so many bytes: of each power of two eight sizes, so that similar arrays find each other's blocks."""
    step = 1 << max(size.bit_length() - 4, 0)
    return -(-size // step) * step
