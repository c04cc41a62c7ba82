"""Batches as transactions: the rows in the order of acceptance."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asyncsummary.columns import Batch, Columns, Deferred, pack_row
from asyncsummary.database.plan import Plan, flattened, parts_of
from asyncsummary.database.rows import SCALAR, EventRows, Metadata, TensorRow
from asyncsummary.database.scalars import packed
from asyncsummary.database.tensors import Tensor

NAMES = ["zero", "one", "two", "three"]
ITEMS = st.lists(st.one_of(st.tuples(st.integers(0, 3), st.integers(-5, 5), st.floats(width=32)), st.binary(max_size=3)), max_size=30)


def batch_of(items: list[tuple[int, int, float] | bytes]) -> Batch:
    columns = Columns()
    for number, item in enumerate(items):
        if isinstance(item, bytes):
            columns.events.append((columns.scalars, item))
        else:
            tag, step, value = item
            columns.rows += pack_row(step, float(number), value, tag)
    return columns.batch()


@given(ITEMS)
def test_the_order_of_acceptance(items: list[tuple[int, int, float] | bytes]) -> None:
    """Whatever stands between what."""
    found: list[tuple[int, int, bytes] | bytes] = []
    for part in parts_of(batch_of(items)):
        assert not isinstance(part, Deferred)
        if isinstance(part, bytes):
            found.append(part)
        else:
            assert part.scalars
            columns = zip(part.tags.tolist(), part.steps.tolist(), part.values, strict=True)
            found += [(tag, step, value.tobytes()) for tag, step, value in columns]
    assert found == [item if isinstance(item, bytes) else (*item[:2], np.float32(item[2]).tobytes()) for item in items]


def text(tag: str, step: int, *strings: bytes) -> TensorRow:
    return TensorRow(tag, Metadata(""), step, 7.0, Tensor(7, str(len(strings)), None, strings))


def test_rows_and_strings() -> None:
    """rowids go on through both kinds of parts, and strings refer to them."""
    plan = Plan(NAMES)
    plan.add_scalars(batch_of([(1, 5, 0.5), (0, 6, 1.5)]))
    plan.add_event(EventRows(7.0, (text("words", 8, b"a", b"b"), text("one", 9, b"c"))))
    plan.add_scalars(batch_of([(1, 10, 2.5)]))
    plan.add_packed(packed((9, bytes(8)), 2, 11, 4.0))
    plan.add_event(EventRows(3.0))
    assert plan.tags == {"one": SCALAR, "zero": SCALAR, "words": Metadata(""), "two": SCALAR}
    assert list(plan.tags) == ["one", "zero", "words", "two"]
    assert (plan.tensors, plan.earliest, plan.has_strings) == (6, 0.0, True)
    series = {"zero": 100, "one": 101, "words": 102, "two": 103}
    assert list(plan.rows(series, 41)) == [
        (41, 101, 5, 1, 0.0, "", np.float32(0.5).tobytes()),
        (42, 100, 6, 1, 1.0, "", np.float32(1.5).tobytes()),
        (43, 102, 8, 7, 7.0, "2", None),
        (44, 101, 9, 7, 7.0, "1", None),
        (45, 101, 10, 1, 0.0, "", np.float32(2.5).tobytes()),
        (46, 103, 11, 9, 4.0, "", bytes(8)),
    ]
    assert list(plan.strings(41)) == [(43, 0, b"a"), (43, 1, b"b"), (44, 0, b"c")]


@given(ITEMS)
def test_tags_come_in_the_order_of_their_first_use(items: list[tuple[int, int, float] | bytes]) -> None:
    """As their rows do in TensorFlow's databases."""
    plan = Plan(NAMES)
    scalars = [item for item in items if not isinstance(item, bytes)]
    if scalars:
        plan.add_scalars(batch_of(list(scalars)))
    assert list(plan.tags) == list(dict.fromkeys(NAMES[tag] for tag, _, _ in scalars))


def test_many_rows() -> None:
    """More than a piece of them; the last bits of times and steps are kept."""
    count = 10_000
    tags = np.arange(count, dtype=np.int32) % 4
    steps = np.arange(count, dtype=np.int64) + 2**62
    times = np.linspace(1.7e9, 1.7e9 + 0.01, count, dtype=np.float64)
    plan = Plan(NAMES)
    plan.add_scalars(Batch(tags, steps, np.arange(count, dtype=np.float32), times))

    def series(tag: int) -> int:
        return 100 + tag

    rows = list(plan.rows({name: series(tag) for tag, name in enumerate(NAMES)}, 1))
    assert rows == [
        (1 + index, series(index % 4), 2**62 + index, 1, float(times[index]), "", np.float32(index).tobytes()) for index in range(count)
    ]


def test_nothing() -> None:
    """Events without rows leave a plan empty."""
    plan = Plan(NAMES)
    plan.add_event(EventRows(1.0))
    assert (plan.tensors, plan.earliest, plan.tags, plan.has_strings) == (0, None, {}, False)


def test_flattened() -> None:
    """Statements of so many rows each; what is left stays in the iterator."""
    rows = iter([(number, 0, 0, 0, 0.0, "", None) for number in range(7)])
    assert [parameters[::7] for parameters in flattened(rows, 3, 2)] == [[0, 1, 2], [3, 4, 5]]
    assert [row[0] for row in itertools.islice(rows, 9)] == [6]
