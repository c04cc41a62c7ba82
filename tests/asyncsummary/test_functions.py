"""The module-level functions: the original's order of checks and answers."""

import sys
import warnings
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary import steps as steps_module
from asyncsummary.protos import Event, Summary, Value
from tests.support.writing import Bench


async def nothing(call: Awaitable[Any]) -> Any:
    """Await a call that is declared to return nothing, and return what it does."""
    return await call


async def test_without_a_writer() -> None:
    """None, and nothing is validated or created."""
    with summary.always_record_summaries():
        assert await summary.scalar("t", "no number") is None
        assert await summary.scalar(3, True, step="x") is None  # type: ignore[arg-type]  # nothing is looked at
    assert await nothing(summary.import_event(b"\xff\xff")) is None
    assert await nothing(summary.flush()) is None
    assert steps_module._global_step is None


async def test_without_recording() -> None:
    """False, and nothing is validated or created."""
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.never_record_summaries():
        assert await summary.scalar("t", "no number", step="x") is False  # type: ignore[arg-type]  # nothing is looked at
    assert steps_module._global_step is None
    assert bench.steps() == []


async def test_without_any_condition() -> None:
    """The classic of no summaries at all: told once, by the name of the cure."""
    bench = Bench()
    async with bench.writer() as writer, writer.as_default():
        with pytest.warns(UserWarning, match="asyncsummary.always_record_summaries") as caught:
            assert await summary.scalar("t", 1.0) is False
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert await summary.scalar("t", 1.0) is False


async def test_recording() -> None:
    """True, and it is written with the step that holds."""
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
        assert await summary.scalar("a", 1.5, step=7) is True
        assert await summary.scalar("a", 2.5, family="fam", step=3) is True
        with summary.name_scope("outer"):
            await summary.scalar("a", 3.5, "fam", 3)
            await summary.scalar("b", 4.5, step=8)
        await summary.scalar("c", 5.5)
        summary.get_or_create_global_step().assign(9)
        await summary.scalar("c", 6.5)
        summary.set_step(11)
        await summary.scalar("c", 7.5)
        await summary.flush()
        assert bench.scalars() == [
            ("a", 7, 1.5),
            ("fam/fam/a", 3, 2.5),
            ("fam/outer/fam/a", 3, 3.5),
            ("outer/b", 8, 4.5),
            ("c", 0, 5.5),
            ("c", 9, 6.5),
            ("c", 11, 7.5),
        ]


async def test_every_n_does_not_look_at_a_summarys_own_step() -> None:
    """Only the global step decides."""
    bench = Bench()
    step = summary.get_or_create_global_step()
    async with bench.writer() as writer, writer.as_default(), summary.record_summaries_every_n_global_steps(2):
        step.assign(3)
        assert await summary.scalar("t", 1.0, step=2) is False
        step.assign(4)
        assert await summary.scalar("t", 1.0, step=3) is True
    assert bench.steps() == [3]


async def test_ten_steps_and_ten_more() -> None:
    """Every second of twenty."""
    bench = Bench()
    step = summary.get_or_create_global_step()
    async with bench.writer() as writer, writer.as_default(), summary.record_summaries_every_n_global_steps(2, step):
        for _ in range(20):
            await summary.scalar("t", 1.0)
            step.assign_add()
    assert bench.steps() == list(range(0, 20, 2))


@pytest.mark.parametrize(
    ("name", "value", "step", "message"),
    [
        ("loss", True, 1, "value of tag 'loss': must be a real number, got True of type bool"),
        ("loss", [], 1, "value of tag 'loss': is empty"),
        ("loss", "x", 1, "value of tag 'loss': must be a real number"),
        ("loss", 1.0, 1.5, "step of tag 'loss': must be an integer"),
        ("loss", 1.0, 2**63, "step of tag 'loss': 9223372036854775808 is out of range"),
        (None, 1.0, 1, "name: a tag must be a str, got None"),
        (["a"], 1.0, 1, "name: a tag must be a str"),
    ],
)
async def test_bad_input_reaches_its_own_await(name: Any, value: Any, step: Any, message: str) -> None:
    """Nothing of it is written, and later writes work."""
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
        await summary.scalar("t", 1.0, step=1)
        with pytest.raises(summary.InvalidSummaryError, match=message):
            await summary.scalar(name, value, step=step)
        with pytest.raises(summary.InvalidSummaryError, match=message):
            await writer.scalar(name, value, step)
        await summary.scalar("t", 1.0, step=2)
        assert writer.stats.accepted == 2
    assert bench.steps() == [1, 2]


async def test_import_event_keeps_every_byte() -> None:
    """wall_time, step and unknown fields, also where nothing is recorded, in its place among the scalars."""
    bench = Bench()
    data = Event(wall_time=123.5, step=42, file_version="brain.Event:2").SerializeToString() + b"\xfa\x07\x03abc"
    async with bench.writer() as writer, writer.as_default(), summary.never_record_summaries():
        await writer.scalar("t", 1.0, 1)
        assert await nothing(summary.import_event(data)) is None
        await writer.scalar("t", 1.0, 2)
        with pytest.raises(summary.InvalidSummaryError, match="no serialised Event"):
            await summary.import_event(b"\xff\xff")
    assert [event.SerializeToString() == data for event in bench.events()] == [False, False, False, True, False]


async def test_flush_of_a_writer() -> None:
    """The one that is given, which need not be the default one."""
    one, two = Bench(), Bench()
    async with one.writer() as first, two.writer() as second, first.as_default():
        await first.scalar("t", 1.0, 1)
        await second.scalar("t", 1.0, 1)
        await summary.flush(second)
        assert (one.steps(), two.steps()) == ([], [1])
        await summary.flush()
        assert one.steps() == [1]
        for wrong in (summary.create_noop_writer(), "writer", sys.stdout, 10**5000):
            with pytest.raises(summary.InvalidArgumentError, match="writer: must be a writer"):
                await summary.flush(wrong)  # type: ignore[arg-type]  # a user's mistake


async def test_flush_of_a_file_writer(tmp_path: Path) -> None:
    """TF1's face of a writer is one, too."""
    writer = summary.FileWriter(tmp_path, max_queue=100)
    await writer.add_summary(Summary(value=[Value(tag="t", simple_value=1)]), 7)
    await summary.flush(writer)
    assert writer.stats.committed == 1
    await writer.close()


async def test_as_default_flushes_at_its_end() -> None:
    """With "async with", after an exception too; a plain "with" only ends."""
    bench = Bench()
    async with bench.writer() as writer:
        async with writer.as_default(), summary.always_record_summaries():
            await summary.scalar("t", 1.0, step=1)
        assert bench.steps() == [1]
        with writer.as_default(), summary.always_record_summaries():
            await summary.scalar("t", 1.0, step=2)
        assert bench.steps() == [1]
        with pytest.raises(KeyError):
            async with writer.as_default(), summary.always_record_summaries():
                await summary.scalar("t", 1.0, step=3)
                raise KeyError
        assert bench.steps() == [1, 2, 3]


def test_eval_dir() -> None:
    """Beside the model's directory, in a bucket too."""
    assert summary.eval_dir("/m") == "/m/eval"
    assert summary.eval_dir("/m", "x") == "/m/eval_x"
    assert summary.eval_dir("/m", "") == "/m/eval"
    assert summary.eval_dir("s3://b/m", "x") == "s3://b/m/eval_x"


async def test_write_after_tf2() -> None:
    """A plain tag, and a step that was set somewhere; never the global step."""
    bench = Bench()
    summary.get_or_create_global_step().assign(99)
    async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries(), summary.name_scope("scope"):
        with pytest.raises(summary.InvalidArgumentError, match="step of tag 'a': No step set"):
            await summary.write("a", 1.0)
        assert await summary.write("x y!/é", 1.0, 3) is True
        summary.set_step(4)
        assert await summary.write("a", [1, 2], metadata=b"") is True
        with summary.never_record_summaries():
            assert await summary.write("a", 1.0) is False
        with pytest.raises(summary.InvalidSummaryError, match="name: a tag must be a str"):
            await summary.write(3, 1.0)  # type: ignore[arg-type]  # a user's mistake
    assert [(event.step, event.summary.value[0].tag) for event in bench.events()[2:]] == [(3, "x y!/é"), (4, "a")]
    assert await summary.write("a", 1.0) is None


async def test_default_steps() -> None:
    """as_default(step=...) holds within its block, a GlobalStep is read at each summary, set_as_default sets it for good."""
    bench = Bench()
    step = summary.GlobalStep(5)
    async with bench.writer() as writer:
        with summary.always_record_summaries():
            assert summary.get_step() is None
            async with writer.as_default(step=step):
                assert summary.get_step() is step
                await summary.scalar("t", 1.0)
                step.assign_add()
                await summary.scalar("t", 1.0)
                with writer.as_default(step=9):
                    await summary.scalar("t", 1.0)
            assert summary.get_step() is None
            writer.set_as_default(step=11)
            await summary.scalar("t", 1.0)
            with pytest.raises(summary.InvalidArgumentError, match="step"):
                writer.as_default(step=1.5)  # type: ignore[arg-type]  # a user's mistake
    assert bench.steps() == [5, 6, 9, 11]
