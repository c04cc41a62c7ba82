"""merge_all: the summaries of a graph as one message."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary.merge import merge
from asyncsummary.protos import Summary, Value
from tests.asyncsummary.test_graph import op_of
from tests.support.events import events_of
from tests.support.writing import Bench


def merged() -> summary.SummaryOp:
    """Return the op that merge_all makes here."""
    found = summary.merge_all()
    assert found is not None
    return found


async def tags_of(op: summary.SummaryOp) -> list[str]:
    """Run an op, and return the tags of its message."""
    message = await summary.Session().run(op)
    assert isinstance(message, Summary)
    return [value.tag for value in message.value]


async def test_all_kinds_in_the_order_of_definition() -> None:
    """One message, with the values of the moment in which it is run; no writer is needed, and no global step is made."""
    with summary.Graph().as_default() as graph:
        loss = [3.0]
        op_of(summary.scalar("loss", lambda: loss[0]))
        op_of(summary.histogram("weights", [1.0, 2.0], family="f"))
        op_of(summary.image("image", np.zeros((2, 1, 1, 3), np.uint8)))
        op_of(summary.audio("sound", np.zeros((1, 4), np.float32), 8000, 1))
        op_of(summary.generic("text", "a"))
        op = merged()
        op_of(summary.scalar("later", 1.0))
        assert await tags_of(op) == ["loss", "f/f/weights", "image/image/0", "image/image/1", "sound/audio", "text"]
        loss[0] = 2.0
        message = await summary.Session().run(op)
        assert message.value[0].simple_value == 2.0
        assert message.value[1].histo.sum == 3.0
        assert graph.global_step is None
    graph.close()


async def test_names_are_unique() -> None:
    """As in any graph."""
    with summary.Graph().as_default():
        for _ in range(2):
            op_of(summary.scalar("s", 1.0))
        op_of(summary.scalar("name", 1.0, family="fam"))
        assert await tags_of(merged()) == ["s", "s_1", "fam/fam/name"]


async def test_nothing_to_merge() -> None:
    """None: without summaries, under an unknown key, and where the scope matches none."""
    with summary.Graph().as_default():
        assert summary.merge_all() is None
        op_of(summary.scalar("a", 1.0))
        op_of(summary.scalar("b", 1.0))
        assert summary.merge_all("other") is None
        assert summary.merge_all(scope="x") is None
        chosen = summary.merge_all(scope="b")
        assert chosen is not None
        assert await tags_of(chosen) == ["b"]
    with pytest.raises(RuntimeError, match="merge_all is only supported in graph mode"):
        summary.merge_all()


async def test_duplicate_tags() -> None:
    """Are an error when it is run, in the original's words."""
    with summary.Graph().as_default():
        op_of(summary.scalar("a", 1.0, family="f"))
        op_of(summary.scalar("f/f/a", 1.0))
        with pytest.raises(summary.InvalidArgumentError, match="Duplicate tag f/f/a found in summary inputs"):
            await summary.Session().run(merged())
    with pytest.raises(ValueError, match="Duplicate tag q found in summary inputs"):
        merge([Summary(value=[Value(tag="q"), Value(tag="r")]), Summary(value=[Value(tag="q")])])


async def test_what_was_merged_may_have_a_writer_too() -> None:
    """Merging writes nothing there, does not ask the condition, and counts as a run."""
    bench = Bench()
    with summary.Graph().as_default() as graph:
        async with bench.writer() as writer, writer.as_default(), summary.never_record_summaries():
            op_of(summary.scalar("a", 1.0, step=1))
            assert await tags_of(merged()) == ["a"]
    graph.close()
    assert bench.scalars() == []


async def test_errors_come_when_it_is_run() -> None:
    """Of a name and of a value; ops that are no summaries have no message."""
    with summary.Graph().as_default():
        bad_name = op_of(summary.scalar("_lead", 1.0))
        assert await bad_name.run() is None
        with pytest.raises(ValueError, match="'_lead' is not a valid scope name"):
            await bad_name.summary()
        bad_value = op_of(summary.histogram("h", lambda: [float("inf")]))
        with pytest.raises(summary.InvalidSummaryError, match="Infinity in summary histogram for: h"):
            await bad_value.summary()
        with pytest.raises(summary.InvalidSummaryError, match="flush: is no summary"):
            await op_of(summary.flush()).summary()


def test_a_merged_op_that_was_never_run_is_named() -> None:
    """When the graph is closed."""
    with summary.Graph().as_default() as graph:
        op_of(summary.scalar("a", 1.0))
        summary.merge_all()
    with pytest.warns(UserWarning, match="1 summaries were defined and never run: Merge/MergeSummary"):
        graph.close()


async def test_with_a_file_writer(tmp_path: Path) -> None:
    """As TF1's tutorial does."""
    with summary.Graph().as_default():
        op_of(summary.scalar("a", 1.5))
        op = merged()
        async with summary.FileWriter(tmp_path) as writer:
            for step in range(2):
                await writer.add_summary(await summary.Session().run(op), step)
    assert [(event.step, event.summary.value[0].simple_value) for event in events_of(tmp_path)[1:]] == [(0, 1.5), (1, 1.5)]


@pytest.mark.parametrize(
    ("choose", "tags"),
    [
        (lambda ops: ops[0], ["a"]),
        (lambda ops: ops, ["a", "b"]),
        (lambda ops: summary.merge_all(), ["a+b"]),
        (lambda ops: [summary.merge_all(), Summary(value=[Value(tag="c")])], ["a+b", "c"]),
    ],
    ids=["one", "list", "merged", "mixed"],
)
async def test_in_a_hook(choose: Callable[[Any], Any], tags: list[str]) -> None:
    """Ops without a writer go where the hook writes, at its step."""
    bench = Bench()
    with summary.Graph().as_default():
        step = summary.get_or_create_global_step()
        ops = [op_of(summary.scalar("a", lambda: int(step))), op_of(summary.scalar("b", lambda: int(step)))]
        async with bench.writer() as writer:
            hook = summary.SummarySaverHook(2, summary_writer=writer, summary_op=choose(ops))
            async with summary.MonitoredSession(hooks=[hook]) as session:
                for _ in range(3):
                    await session.run(step.assign_add)
    found = [(event.step, "+".join(value.tag for value in event.summary.value)) for event in bench.events() if event.summary.value]
    assert found == [(step, tag) for step in (1, 3) for tag in tags]


async def test_in_a_hook_with_a_writer_of_their_own(tmp_path: Path) -> None:
    """Ops with a writer write there, on the hook's steps, and once."""
    bench = Bench()
    with summary.Graph().as_default():
        step = summary.get_or_create_global_step()
        async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
            op_of(summary.scalar("a", 1.0))
            hook = summary.SummarySaverHook(2, output_dir=tmp_path, summary_op=summary.all_summary_ops())
            async with summary.MonitoredSession(hooks=[hook]) as session:
                for _ in range(3):
                    await session.run(step.assign_add)
    await summary.FileWriterCache.clear()
    assert bench.steps() == [1, 3]
    assert [event for event in events_of(tmp_path) if event.summary.value] == []
