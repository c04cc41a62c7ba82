"""Memory of copies: private as long as anybody refers to it, used again afterwards, never more of it kept than allowed."""

import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asyncsummary.values import memory
from asyncsummary.values.memory import COPIES_BYTES, MOST_SIZES, SMALLEST, Spare, copied, scratch, scratches

LARGE = np.arange(100_000, dtype=np.float32)


@pytest.fixture(autouse=True)
def spare(monkeypatch: pytest.MonkeyPatch) -> Spare:
    """Return what copies of this test are made in."""
    own = Spare(COPIES_BYTES)
    monkeypatch.setattr(memory, "_copies", own)
    return own


def address(array: NDArray[Any]) -> int:
    """Return where an array begins."""
    return int(array.__array_interface__["data"][0])


@pytest.mark.parametrize(
    "array",
    [
        LARGE,
        LARGE.reshape(100, 10, 100),
        LARGE[::3],
        LARGE.reshape(100, 1000).T,
        LARGE.astype(">f8"),
        LARGE > 5.0,
        LARGE.astype(np.longdouble),
        np.zeros((3, 0, 5)),
        np.float64(2.5) * np.ones(()),
        np.ones(3, np.int8),
        np.array(["a", None, 3] * 10_000, dtype=object),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_a_copy(array: NDArray[Any]) -> None:
    """Equal in values, shape and dtype; contiguous, writable, aligned, and private."""
    copy = copied(array)
    assert copy.dtype == array.dtype
    np.testing.assert_array_equal(copy, array, strict=True)
    assert copy.flags.c_contiguous
    assert copy.flags.writeable
    assert copy.flags.aligned
    assert not np.shares_memory(copy, array)


def test_bfloat16() -> None:
    """Types that numpy does not know by itself."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = LARGE.astype(ml_dtypes.bfloat16)
    assert copied(array).dtype == array.dtype
    assert (copied(array) == array).all()


def test_memory_comes_back(spare: Spare) -> None:
    """When nobody refers to it any more, by whatever view."""
    copy = copied(LARGE)
    where = address(copy)
    view = copy[1000:].reshape(-1, 100)[3].view(np.uint32)
    del copy
    assert spare.size == 0
    del view
    assert LARGE.nbytes <= spare.size <= 1.15 * LARGE.nbytes
    assert address(copied(LARGE[:-10])) == where  # sizes that differ a little share their blocks


def test_what_is_referred_to_is_left_alone() -> None:
    """By any number of other copies that come and go."""
    kept = copied(LARGE)
    for number in range(50):
        assert (copied(np.full_like(LARGE, number)) == number).all()
    assert (kept == LARGE).all()


def test_small_ones_are_not_kept(spare: Spare) -> None:
    """They are the allocator's own business."""
    copied(np.zeros(SMALLEST - 1, np.uint8))
    assert spare.size == 0
    copied(np.zeros(SMALLEST, np.uint8))
    assert spare.size == SMALLEST


def test_no_more_is_kept_than_allowed() -> None:
    """The rest goes back at once."""
    spare = Spare(10_000)
    blocks = [spare.take(3000) for _ in range(5)]
    for block in blocks:
        spare.give(block)
    assert spare.size == 9000
    spare.take(20_000)
    assert spare.size == 0


def test_a_size_that_nobody_asks_for_any_more() -> None:
    """Makes room for those that are in use."""
    spare = Spare(10_000)
    old = [spare.take(5000), spare.take(5000)]
    for block in old:
        spare.give(block)
    new = spare.take(2000)
    assert spare.size == 0
    spare.give(new)
    assert spare.size == 2000
    spare.give(old[0])
    assert spare.size == 2000


def test_many_sizes() -> None:
    """Only those that were asked for last are kept."""
    spare = Spare(1 << 20)
    for size in range(1000, 1010):
        spare.give(spare.take(size))
    assert spare.size == sum(range(1010 - MOST_SIZES, 1010))
    first = spare.take(1009)
    spare.give(first)
    assert spare.take(1009) is first


def test_scratch_is_apart_from_copies(spare: Spare) -> None:
    """It comes and goes in sizes of its own."""
    array = scratch((1000, 100), np.float64)
    assert array.shape == (1000, 100)
    assert array.dtype == np.float64
    del array
    assert spare.size == 0


def test_threads() -> None:
    """Of two arrays that live at the same time, none has the other's memory."""
    wrong: list[int] = []

    def work(number: int) -> None:
        held: list[tuple[int, NDArray[Any]]] = []
        for turn in range(300):
            value = number * 1000 + turn
            held.append((value, copied(np.full(20_000 + 5000 * (turn % 3), value))))
            if len(held) > 5:
                was, array = held.pop(turn % 5)
                if not (array == was).all():
                    wrong.append(was)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("count", [0, 1, 3, 1001, 100_001])
def test_several_in_one_block(count: int) -> None:
    """Each of its type, aligned, and apart from the others."""
    dtypes = [np.float64, np.uint32, np.uint16, np.uint8]
    arrays = scratches(count, *dtypes)
    for number, (array, dtype) in enumerate(zip(arrays, dtypes, strict=True)):
        assert array.dtype == np.dtype(dtype)
        assert array.shape == (count,)
        assert array.flags.aligned
        assert array.flags.c_contiguous
        array[...] = number
    assert [set(array.tolist()) for array in arrays] == [{number} if count else set() for number in range(len(dtypes))]
