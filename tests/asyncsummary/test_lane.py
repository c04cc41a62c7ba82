"""The short way of several scalars: it does what the resource does, or leaves it to the resource."""

import asyncio
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asyncsummary as summary
from asyncsummary import lane as lanes
from asyncsummary.errors import SummaryError
from asyncsummary.handle import FileWriterHandle
from asyncsummary.lane import Lane
from asyncsummary.queue import Overflow
from tests.support.scalar_calls import Deaf, families, numbers, scopes, steps
from tests.support.writing import Bench

keys = st.sampled_from(["loss", "a b", "a_b", "/x", "", "é", 3, None, b"loss", ("loss",)])
calls = st.tuples(st.dictionaries(keys, numbers, max_size=4), steps, families, scopes)
few_tags = st.sampled_from(["a", "b", "ab", "ba"])
calls_of_few_tags = st.tuples(
    few_tags.flatmap(lambda tags: st.tuples(*[numbers] * len(tags)).map(lambda values: dict(zip(tags, values, strict=True)))),
    st.one_of(st.integers(0, 9), steps),
    st.sampled_from([None, None, "fam"]),
    scopes,
)
plain_calls = st.tuples(st.dictionaries(st.sampled_from("abc"), st.floats(width=32), max_size=3), st.integers(0, 9), st.none(), st.just(""))


async def outcomes(writer: FileWriterHandle, made: list[tuple[Any, ...]]) -> list[object]:
    """Make the calls, and say what each returned or raised."""
    found: list[object] = []
    for values, step, family, scope in made:
        with summary.name_scope(scope):
            try:
                found.append(await writer.scalars(values, step, family))
            except SummaryError as error:
                found.append((type(error), str(error)))
            except ValueError as error:
                found.append(("its own", str(error)))
    return found


def played(made: list[tuple[Any, ...]], *, use_lane: bool, times: int = 3, **limits: Any) -> tuple[list[object], str, int, int]:
    """Make the calls so many times: the third time all are known. Return what came of it."""

    async def play() -> tuple[list[object], str, int, int]:
        bench = Bench()
        writer = bench.writer(**limits)
        if not use_lane:
            writer._lane = writer._resource.lane = Deaf()
        summary.set_step(11)
        async with writer:
            found = [outcome for _ in range(times) for outcome in await outcomes(writer, made)]
            stats = writer.stats
        return found, repr(bench.scalars()), stats.accepted, stats.dropped  # repr, since NaN is not equal to itself

    return asyncio.run(play())


@settings(max_examples=60, deadline=None)
@given(st.lists(calls, max_size=6))
def test_both_ways_do_the_same(made: list[tuple[Any, ...]]) -> None:
    """Return values, errors with their messages, and what is written: for any arguments, in any order."""
    assert played(made, use_lane=True) == played(made, use_lane=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(few_tags, st.sampled_from([None, "fam"]), scopes), max_size=4), st.lists(calls_of_few_tags, max_size=8))
def test_known_tags_with_any_values(known: list[tuple[str, str | None, str]], made: list[tuple[Any, ...]]) -> None:
    """The same, after calls of such tags that made them known."""
    warm = [(dict.fromkeys(tags, 0.5), step, family, scope) for tags, family, scope in known for step in range(2)]
    assert played(warm + made, use_lane=True, times=1) == played(warm + made, use_lane=False, times=1)


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.bool_(True),
        "1",
        None,
        10**400,
        1e39,
        np.float64(1e39),
        np.array(1e39),
        np.array([1.5, 2.0]),
        np.float16(0.5),
        np.int64(3),
        7,
    ],
    ids=repr,
)
def test_known_tags_with_this_value(value: Any) -> None:
    """What struct would pack, and we do not, or the other way round."""
    made = [({"a": 0.5, "b": 0.5}, step, None, "") for step in range(3)] + [({"a": 0.5, "b": value}, 3, None, "")]
    assert played(made, use_lane=True, times=1) == played(made, use_lane=False, times=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(plain_calls, max_size=12), st.integers(1, 20))
def test_limits_hold(made: list[tuple[Any, ...]], limit: int) -> None:
    """Of a call all is accepted or nothing, to the same bounds of the queue."""
    few: dict[str, Any] = {"summaries": limit, "overflow": Overflow.DROP_NEWEST}
    assert played(made, use_lane=True, **few) == played(made, use_lane=False, **few)


async def test_known_calls_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the third one with the same tags in the same order; but for the first of each batch."""
    bench = Bench()
    async with bench.writer() as writer:
        assert isinstance(writer, FileWriterHandle)
        asked: list[list[str]] = []
        general = writer._resource.scalars

        async def noted(*args: Any) -> bool:
            asked.append(list(args[0]))
            return await general(*args)

        monkeypatch.setattr(writer._resource, "scalars", noted)
        for step in range(50):
            await writer.scalars({"a": 0.5, "b": 1}, step)
        assert asked == [["a", "b"]] * 2
        await writer.scalars({"b": 0.5, "a": 1}, 50)
        await writer.scalars({"a": 0.5}, 51)
        assert asked[2:] == [["b", "a"], ["a"]]
        await writer.flush()
        await writer.scalars({"a": 0.5, "b": 1}, 52)
        await writer.scalars({"a": 0.5, "b": 1}, 53)
        assert asked[4:] == [["a", "b"]]
    assert len(bench.steps()) == 107


def test_other_mappings_are_left_to_the_resource() -> None:
    """Only a dict is known to give its keys and values in one order, and to be fast at it."""
    made = [(MappingProxyType({"a": 1.0, "b": 2.0}), 1, None, "")]
    found, written, accepted, _ = played(made, use_lane=True)
    assert (found, accepted) == ([True] * 3, 6)
    assert written.count("'b', 1, 2.0") == 3


def test_packers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before all of them together have more tags than allowed, they are forgotten; a call with more gets none."""
    monkeypatch.setattr(lanes, "MOST_PACKED", 10)
    lane = Lane()

    def learn(*names: str) -> None:
        for _ in range(2):
            lane.learn_together("", None, {name: number for number, name in enumerate(names)})

    learn(*"abcde")
    learn(*"fgh")
    assert [names for _, _, names in lane.packers] == [tuple("abcde"), tuple("fgh")]
    learn(*"abcde")
    learn(*"ijk")
    assert [names for _, _, names in lane.packers] == [tuple("ijk")]
    learn(*"abcdefghijklm")
    learn(*"lmnopqr")
    assert [names for _, _, names in lane.packers] == [tuple("ijk"), tuple("lmnopqr")]


def test_calls_of_nothing() -> None:
    """Are always left to the resource, which knows whether the writer is open."""
    lane = Lane()
    for _ in range(2):
        lane.learn_together("", None, {})
    assert not lane.packers


def test_the_first_call_makes_no_packer() -> None:
    """Calls whose tags never come again cost nothing but their names."""
    lane = Lane()
    lane.learn_together("", None, {"a": 0})
    assert not lane.packers
