"""Deferred mode: what graph mode did, with sessions, ops, and names made unique."""

import asyncio
import gc
import inspect
import sys
from typing import Any

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary.protos import Event, GraphDef, NodeDef
from tests.support.writing import Bench


def op_of(call: Any) -> summary.SummaryOp:
    """Return what a function returns within a graph, which its type does not say."""
    assert isinstance(call, summary.SummaryOp)
    return call


async def test_define_then_run() -> None:
    """A summary is written each time it is run, with the value and the step of that moment."""
    bench = Bench()
    loss = 10.0

    async def value() -> float:
        await asyncio.sleep(0)
        return loss

    with summary.Graph().as_default() as graph:
        step = summary.get_or_create_global_step()
        writer = bench.writer()
        with writer.as_default(), summary.always_record_summaries():
            op_of(summary.scalar("loss", value))
            op_of(summary.scalar("twice", lambda: 2 * loss, step=7))
            op_of(summary.scalar("constant", 1.5))
            op_of(summary.scalar("step", step))
            async with summary.Session() as session:
                for _ in range(2):
                    assert await session.run([step.assign_add, summary.all_summary_ops()]) == [step, [True] * 4]
                    loss -= 1.0
        await writer.flush()
        assert bench.scalars() == [
            ("loss", 1, 10.0),
            ("twice", 7, 20.0),
            ("constant", 1, 1.5),
            ("step", 1, 1.0),
            ("loss", 2, 9.0),
            ("twice", 7, 18.0),
            ("constant", 2, 1.5),
            ("step", 2, 2.0),
        ]
        await writer.close()
    graph.close()
    assert int(summary.get_or_create_global_step()) == 0  # the graph's step was its own


async def test_names_are_unique() -> None:
    """A second "a" is "a_1", a second scope "sc" is "sc_1"; families count, and so do letters of any case."""
    bench = Bench()
    with summary.Graph().as_default() as graph:
        async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
            names = [op_of(summary.scalar("a", 1.0, step=1)).name for _ in range(3)]
            names.append(op_of(summary.scalar("A", 1.0, step=1)).name)
            for _ in range(2):
                with summary.name_scope("sc"):
                    names.append(op_of(summary.scalar("a", 1.0, step=1)).name)
            names += [op_of(summary.scalar("b", 1.0, family="f", step=1)).name for _ in range(2)]
            assert names == ["a", "a_1", "a_2", "A_3", "sc/a", "sc_1/a", "f/f/b", "f/f/b_1"]
            await summary.Session().run(summary.all_summary_ops())
    graph.close()
    assert [tag for tag, _, _ in bench.scalars()] == names


@pytest.mark.parametrize("name", ["_lead", "é", "", "中"])
async def test_names_that_are_no_names_of_ops(name: str) -> None:
    """Are refused when they are defined, as in a graph; outside of one they are tags like others."""
    with summary.Graph().as_default(), Bench().writer().as_default():
        with pytest.raises(ValueError, match=r"is not a valid (scope|node) name"):
            op_of(summary.scalar(name, 1.0))
        with pytest.raises(TypeError, match="name: a tag must be a str"):
            op_of(summary.scalar(3, 1.0))  # type: ignore[arg-type]  # a user's mistake
        assert summary.all_summary_ops() == []


async def test_steps() -> None:
    """Are checked when they are defined; a GlobalStep, or that of set_step, is read when the op runs."""
    bench = Bench()
    with summary.Graph().as_default() as graph:
        async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
            with pytest.raises(TypeError, match="step of tag 'a': must be an integer"):
                op_of(summary.scalar("a", 1.0, step=1.5))  # type: ignore[arg-type]  # a user's mistake
            counter = summary.GlobalStep(5)
            op_of(summary.scalar("b", 1.0, step=counter))
            summary.set_step(9)
            op_of(summary.scalar("c", 1.0))
            counter.assign(6)
            summary.set_step(None)
            await summary.Session().run(summary.all_summary_ops())
    graph.close()
    assert [(tag, step) for tag, step, _ in bench.scalars()] == [("b", 6), ("c", 9)]


async def test_conditions_are_asked_at_each_run() -> None:
    """Every call that has a writer is an op, also where nothing is recorded."""
    bench = Bench()
    asked: list[int] = []

    def condition() -> bool:
        asked.append(1)
        return len(asked) == 2

    with summary.Graph().as_default() as graph:
        async with bench.writer() as writer, writer.as_default():
            with summary.record_if(condition):
                op_of(summary.scalar("a", lambda: len(asked), step=1))
            with summary.never_record_summaries():
                op_of(summary.scalar("b", lambda: 1 / 0, step=1))
            session = summary.Session()
            assert [await session.run(summary.all_summary_ops()) for _ in range(3)] == [[False, False], [True, False], [False, False]]
    graph.close()
    assert bench.scalars() == [("a", 1, 2.0)]


async def test_without_a_writer() -> None:
    """An op that does nothing, and that is not among the summaries."""
    with summary.Graph().as_default() as graph:
        op = op_of(summary.scalar("a", "not looked at"))
        assert summary.all_summary_ops() == []
        assert await summary.Session().run([op, summary.import_event(b"\xff")]) == [None, None]
        assert op_of(summary.flush()).runs == 0
    graph.close()


async def test_all_kinds() -> None:
    """Each may have a value that is computed when it runs; its errors come then."""
    bench = Bench()
    images = np.zeros((1, 1, 1, 1), np.uint8)
    with summary.Graph().as_default() as graph:
        async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries(), summary.name_scope("s"):
            op_of(summary.histogram("h", lambda: [1.0], step=1))
            op_of(summary.image("i", lambda: images, max_images=1, step=1))
            op_of(summary.audio("a", np.zeros((1, 4), np.float32), 8000, 1, step=1))
            op_of(summary.generic("g", lambda: "text", metadata=b"", step=1))
            await summary.Session().run(summary.all_summary_ops())
            bad = op_of(summary.histogram("bad", lambda: [float("nan")], step=1))
            with pytest.raises(summary.InvalidSummaryError, match="s/bad"):
                await summary.Session().run(bad)
            graph_op = op_of(summary.graph(lambda: GraphDef(node=[NodeDef(name="n", op="NoOp")]), step=3))
            event_op = op_of(summary.import_event(lambda: Event(wall_time=1.0, step=4).SerializeToString()))  # type: ignore[arg-type]
            assert graph_op not in (summary.all_summary_ops() or [])
            assert await summary.Session().run([graph_op, event_op, summary.flush()]) == [True, None, None]
            found = [(event.step, event.summary.value[0].tag if event.summary.value else "") for event in bench.events()[2:]]
    graph.close()
    assert found == [(1, "s/h"), (1, "s/i/image"), (1, "s/a/audio"), (1, "s/g"), (3, ""), (4, "")]


async def test_awaiting_an_op_gives_the_op() -> None:
    """So that code with an await before each call serves both modes."""
    bench = Bench()
    with summary.Graph().as_default() as graph:
        async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
            found: Any = await summary.scalar("a", 1.0, step=1)
            assert isinstance(found, summary.SummaryOp)
            assert repr(found) == "<SummaryOp 'a'>"
            await summary.Session().run(found)
    graph.close()
    assert bench.steps() == [1]


async def test_initialisers(tmp_path: Any) -> None:
    """One for each writer that was created here, in that order, also for two of one name."""
    with summary.Graph().as_default() as graph:
        one = summary.create_file_writer(tmp_path / "one")
        two = summary.create_file_writer(tmp_path / "two")
        again = summary.create_file_writer(tmp_path / "two")
        ops = summary.summary_writer_initializer_op()
        assert len(ops) == 3
        assert list(tmp_path.iterdir()) == []
        await summary.Session().run(ops)
        assert [len(list((tmp_path / name).iterdir())) for name in ("one", "two")] == [1, 1]
        with one.as_default():
            await summary.initialize(graph=GraphDef(node=[NodeDef(name="n", op="NoOp")]))
        assert one.stats.accepted == 1
        for writer in (one, two, again):
            await writer.close()
    graph.close()


async def test_initialising_without_a_writer() -> None:
    """Is an error in a graph, and nothing outside of one."""
    await summary.initialize()
    assert summary.all_summary_ops() is None
    with pytest.raises(RuntimeError, match="only supported in graph mode"):
        summary.summary_writer_initializer_op()
    with summary.Graph().as_default(), pytest.raises(RuntimeError, match="No default"):
        await summary.initialize()


async def test_what_was_never_run(tmp_path: Any) -> None:
    """Is named when the graph is closed, and so are writers that were never opened."""
    graph = summary.Graph()
    with graph.as_default():
        writer = summary.create_file_writer(tmp_path)
        with writer.as_default(), summary.always_record_summaries():
            for _ in range(12):
                op_of(summary.scalar("loss", 1.0))
    with pytest.warns(UserWarning, match="never") as caught:
        graph.close()
    messages = [str(warning.message) for warning in caught]
    assert "12 summaries were defined and never run: loss, loss_1," in messages[0]
    assert "and 2 more" in messages[0]
    assert str(tmp_path) in messages[1]
    graph.close()


async def test_a_forgotten_graph_warns() -> None:
    """As if it were closed."""
    with pytest.warns(UserWarning, match="1 summaries were defined and never run: loss"):
        with summary.Graph().as_default(), Bench().writer().as_default():
            op_of(summary.scalar("loss", 1.0))
        gc.collect()


async def test_a_session_flushes_at_its_end(tmp_path: Any) -> None:
    """What its graph's writers have."""
    with summary.Graph().as_default() as graph:
        writer = summary.create_file_writer(tmp_path)
        with writer.as_default(), summary.always_record_summaries():
            op = op_of(summary.scalar("a", 1.0, step=1))
        async with summary.Session() as session:
            await session.run(op)
            assert writer.stats.pending == 1
        assert writer.stats.committed == 1
        await writer.close()
    graph.close()


async def test_hooks_run_ops() -> None:
    """A MonitoredSession takes ops like any other fetch."""
    bench = Bench()
    with summary.Graph().as_default() as graph:
        step = summary.get_or_create_global_step()
        async with bench.writer() as writer, writer.as_default(), summary.always_record_summaries():
            op = op_of(summary.scalar("a", lambda: int(step)))
            async with summary.MonitoredSession() as session:
                for _ in range(3):
                    await session.run([step.assign_add, op])
    graph.close()
    assert bench.scalars() == [("a", 1, 1.0), ("a", 2, 2.0), ("a", 3, 3.0)]


def test_the_functions_are_coroutine_functions() -> None:
    """For whoever asks asyncio."""
    asks = inspect.iscoroutinefunction if sys.version_info >= (3, 12) else asyncio.iscoroutinefunction
    assert asks(summary.scalar)
    assert summary.scalar.__name__ == "scalar"
