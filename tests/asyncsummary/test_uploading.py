"""Embeddings through a writer: in their turn, whatever storage does, beside what others wrote."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format

import asyncsummary as summary
from asyncsummary.config import Durability
from asyncsummary.plugin_protos import ProjectorConfig
from asyncsummary_storage import AccessDeniedError, Fault, When
from tests.support.writing import Bench

VECTORS = np.arange(6.0).reshape(3, 2)
INDEX = "run/projector_config.pbtxt"


def names_in_index(bench: Bench) -> list[str]:
    """Return which embeddings the index of the run has."""
    config: ProjectorConfig = text_format.Parse(bench.disk.content.get(INDEX, b""), ProjectorConfig())
    return [info.tensor_name for info in config.embeddings]


async def test_the_files_are_there_when_a_flush_returns() -> None:
    """And the summaries around them; the tag is that of the scope, the step that of the writer."""
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(step=4), summary.always_record_summaries():
        await summary.scalar("before", 1.0)
        with summary.name_scope("scope"):
            assert await summary.embedding("e", VECTORS, metadata=["a", "b", "c"]) is True
        await summary.scalar("after", 1.0)
        await writer.flush()
        assert names_in_index(bench) == ["scope/e:00004"]
        assert [tag for tag, _, _ in bench.scalars()] == ["before", "after"]
        assert writer.stats.committed == 3
    files = sorted(bench.disk.content)
    assert [name.rsplit(".", 2)[1] for name in files if "projector-" in name] == ["metadata", "tensors"]


async def test_without_writer_and_without_recording() -> None:
    """None and False, and nothing from a writer that does nothing."""
    assert await summary.embedding("e", VECTORS) is None
    assert await summary.create_noop_writer().embedding("e", VECTORS) is None
    bench = Bench()
    async with bench.writer() as writer, writer.as_default(), summary.never_record_summaries():
        assert await summary.embedding("e", "not looked at") is False
    assert INDEX not in bench.disk.content


async def test_bad_values_reach_their_own_await() -> None:
    """Nothing is stored, and later ones are."""
    bench = Bench()
    async with bench.writer() as writer:
        with pytest.raises(summary.InvalidSummaryError, match="vectors of tag 'bad'"):
            await writer.embedding("bad", [1.0], 1)
        await writer.embedding("good", VECTORS, 1)
    assert names_in_index(bench) == ["good:00001"]


async def test_what_others_wrote_is_kept() -> None:
    """Another writer of the run, before and at the same time."""
    bench = Bench()
    async with bench.writer() as first, bench.writer() as second:
        for step in range(5):
            await asyncio.gather(first.embedding("one", VECTORS, step), second.embedding("two", VECTORS, step))
            await asyncio.gather(first.flush(), second.flush())
    async with bench.writer() as third:
        await third.embedding("three", VECTORS, 0)
        await third.embedding("one", VECTORS[:2], 0)
    expected = {f"{tag}:{step:05d}" for tag in ("one", "two") for step in range(5)} | {"three:00000"}
    assert sorted(names_in_index(bench)) == sorted(expected)
    assert bench.disk.content["run/projector-one-00000.tensors.tsv"] == b"0\t1\n2\t3\n"


@pytest.mark.virtual_time
@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize("operation", ["put", "probe", "read"])
@pytest.mark.parametrize("number", [0, 1])
async def test_faults(operation: str, when: When, number: int) -> None:
    """Of any request are tried again, and in the end all is there."""
    bench = Bench()
    async with bench.writer() as writer:
        await writer.embedding("first", VECTORS, 0)
        await writer.flush()
        bench.script.passing(operation, number).then(Fault(operation, when))
        await writer.embedding("second", VECTORS, 0)
        await writer.scalar("s", 1.0, 1)
        await writer.flush()
        assert bench.steps() == [1]
        assert names_in_index(bench) == ["first:00000", "second:00000"]


@pytest.mark.virtual_time
async def test_storage_that_is_away() -> None:
    """A flush says so; the files are stored when it is back, and what came behind them after them."""
    bench = Bench()
    async with bench.writer(retry_seconds=5.0) as writer:
        await writer.scalar("s", 1.0, 1)
        await writer.flush()
        bench.script.always([Fault("put"), Fault("append")])
        await writer.embedding("e", VECTORS, 0)
        await writer.scalar("s", 1.0, 2)
        with pytest.raises(summary.CommitError, match=r"2 summaries for .* are not committed: scripted: put"):
            await writer.flush()
        assert bench.steps() == [1]
        bench.script.heal()
        await writer.flush()
        assert (bench.steps(), names_in_index(bench)) == ([1, 2], ["e:00000"])


@pytest.mark.virtual_time
async def test_files_that_are_refused_for_good() -> None:
    """Fail the flush and the close, with the storage's words, and are counted as lost."""
    bench = Bench()
    writer = bench.writer(retry_seconds=5.0)
    await writer.init()
    bench.script.always([Fault("put", error=lambda: AccessDeniedError("no puts here"))])
    await writer.embedding("e", VECTORS, 0)
    with pytest.raises(summary.CommitError, match="no puts here"):
        await writer.flush()
    with pytest.raises(summary.CommitError, match="1 summaries not committed: no puts here"):
        await writer.close()
    assert writer.stats.dropped == 1


@pytest.mark.parametrize("durability", list(Durability))
async def test_beside_a_spool(durability: Durability, tmp_path: Path) -> None:
    """The files go to storage, never into the spool; order and number of all else are as without them."""
    bench = Bench()
    async with bench.writer(spool_root=tmp_path, durability=durability) as writer:
        for step in range(20):
            await writer.scalar("s", 1.0, step)
            if step % 5 == 0:
                await writer.embedding("e", VECTORS, step)
            if step % 7 == 0:
                await writer.flush()
    assert bench.steps() == list(range(20))
    assert names_in_index(bench) == [f"e:{step:05d}" for step in range(0, 20, 5)]


@pytest.mark.virtual_time
async def test_files_do_not_go_to_the_spool(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While storage is away they wait in memory, and so does what came behind them, bounded as without a spool; nobody says otherwise."""
    bench = Bench()
    async with bench.writer(spool_root=tmp_path, pending_bytes=4000, retry_seconds=5.0) as writer:
        await writer.scalar("s", 1.0, 0)
        await writer.flush()
        bench.script.always([Fault("put"), Fault("append"), Fault("probe")])
        await writer.embedding("e", VECTORS, 0)
        tasks = [asyncio.create_task(writer.scalar("s", 1.0, step)) for step in range(1, 100)]
        await asyncio.sleep(60)
        assert not all(task.done() for task in tasks)
        bench.script.heal()
        await asyncio.gather(*tasks)
        await writer.flush()
    assert bench.steps() == list(range(100))
    assert names_in_index(bench) == ["e:00000"]
    assert "go to the spool" not in caplog.text


@pytest.mark.virtual_time
@pytest.mark.parametrize("durability", list(Durability))
async def test_files_behind_what_goes_to_the_spool(durability: Durability, tmp_path: Path) -> None:
    """Are not lost there: they stay in memory, and so does what came behind them; all is stored when storage is back, in order."""
    bench = Bench()
    async with bench.writer(spool_root=tmp_path, pending_bytes=4000, retry_seconds=5.0, durability=durability) as writer:
        bench.script.always([Fault("put"), Fault("append"), Fault("probe")])
        tasks = [asyncio.create_task(writer.scalar("s", 1.0, step)) for step in range(60)]
        await asyncio.sleep(30)
        assert all(task.done() for task in tasks)
        tasks += [asyncio.create_task(writer.embedding("e", VECTORS, 0))]
        tasks += [asyncio.create_task(writer.scalar("s", 1.0, step)) for step in range(60, 160)]
        await asyncio.sleep(60)
        assert not all(task.done() for task in tasks)
        assert 0 < writer.stats.spooled <= 60
        bench.script.heal()
        await asyncio.gather(*tasks)
        await writer.flush()
    assert bench.steps() == list(range(160))
    assert names_in_index(bench) == ["e:00000"]


@pytest.mark.parametrize(
    "call",
    [
        lambda writer: writer.embedding("e", VECTORS, 0, metadata=["a", "b", "c"], format="bytes"),
        lambda writer: writer.embedding("e", VECTORS, 0, images=np.zeros((3, 2, 2, 1), np.uint8)),
    ],
)
async def test_local_files(call: Callable[[Any], Any], tmp_path: Path) -> None:
    """Lie beside the event file, and nothing else does."""
    async with summary.create_file_writer(tmp_path / "run") as writer:
        assert await call(writer)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert len([name for name in names if "tfevents" in name]) == 1
    assert names[-1] == "projector_config.pbtxt"
    assert len(names) == 4
