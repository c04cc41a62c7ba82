"""Databases as event files: ours and TensorFlow's, read by our own reader and by TensorBoard's."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asyncsummary as summary
from asyncsummary.cli import main
from asyncsummary.database import ExportedRun, export, import_logdir
from asyncsummary.protos import Event, Value
from tests.support.database import contents, execute
from tests.support.events import accumulated, events_of
from tests.support.golden import GOLDEN_DATABASE
from tests.support.servers import MotoServer


async def fill(path: Path, experiment: str, run: str, user: "str | bytes" = "user", steps: int = 3) -> None:
    """Write scalars by a writer of its own."""
    async with summary.create_db_writer(path, experiment, run, user) as writer:
        for step in range(steps):
            await writer.scalar("loss", 1.0 / (1 + step), step)


def values_of(folder: Path) -> dict[tuple[str, int], Value]:
    return {(value.tag, event.step): value for event in events_of(folder) for value in event.summary.value}


async def test_tensorflows_database(tmp_path: Path) -> None:
    """Every value in it, under the names that it has there; TensorBoard reads the scalars."""
    seen: list[ExportedRun] = []
    (run,) = await export(GOLDEN_DATABASE, tmp_path, on_progress=seen.append)
    folder = tmp_path / "experiment" / "run"
    assert run == ExportedRun(str(folder), 28, 28)
    assert seen[-1] == run
    values = values_of(folder)
    assert len(values) == 27
    assert values["scalar", 1].simple_value == 9.0
    assert values["scalar_i64", 1].simple_value == 7.0
    assert np.frombuffer(values["scalar_f64", 1].tensor.tensor_content)[0] == 0.1
    assert values["gen_f32", 2].metadata.summary_description == "desc"
    assert values["gen_strv", 1].tensor.string_val == [b"z"]
    assert (values["img2/image", 1].image.width, values["img2/image", 1].image.colorspace) == (1, 1)
    assert values["aud/audio", 1].audio.sample_rate == 8000
    assert (values["histo", 1].histo.num, list(values["histo", 1].histo.bucket)) == (3.0, [0, 1, 0, 1, 0, 1, 0])
    times = {(value.tag, event.step): event.wall_time for event in events_of(folder) for value in event.summary.value}
    assert times["imp_scalar", 42] == 123.5
    assert [(event.step, bool(event.graph_def)) for event in events_of(folder) if event.WhichOneof("what") == "graph_def"] == [(0, True)]
    assert accumulated(folder)["scalar"] == [(1, 9.0), (2, 3.5)]


async def test_there_and_back(tmp_path: Path) -> None:
    """TensorFlow's database, exported and imported: the same rows, but for what no reader can see and for dtypes of scalars."""
    await export(GOLDEN_DATABASE, tmp_path)
    await import_logdir(tmp_path / "experiment", tmp_path / "db", user_name="user")
    ours, theirs = contents(tmp_path / "db"), contents(GOLDEN_DATABASE)
    for table in ("Users", "Experiments", "Runs", "Tags", "Descriptions"):
        assert ours[table] == theirs[table], table
    lost = {"scalar_i64", "scalar_half"}  # float32 holds their values, and is what they become
    for tag in {row[0] for row in theirs["Tensors"]} - lost:
        points = [sorted(row for row in found["Tensors"] if row[0] == tag) for found in (ours, theirs)]
        assert points[0] == points[1], tag
    assert [row[1:] for row in ours["TensorStrings"]] == [row[1:] for row in theirs["TensorStrings"] if row[0] is not None]
    assert ours["Graphs"] == [("run", 0, b'"\x02\x08\x15')]
    assert ours["Nodes"] == [row for row in theirs["Nodes"] if row[0] == 0]
    assert ours["NodeInputs"] == [row for row in theirs["NodeInputs"] if row[0] == 0]


async def test_folders(tmp_path: Path) -> None:
    """By experiment and run; users are named where there are several; nothing leads out of the logdir."""
    path = tmp_path / "db"
    for experiment, run in [("e", "a"), ("e", "b/c"), ("", "alone"), ("..", "../x"), ("e", "events.out.tfevents.1"), ("e", "b//c")]:
        await fill(path, experiment, run, b"")
    await fill(path, "", "", b"")
    runs = await export(path, f"{tmp_path}/one/")
    names = sorted(os.path.relpath(run.logdir, tmp_path / "one") for run in runs)
    assert names[:2] == ["_/_/x", "alone"]
    assert names[2:4] == ["e/a", "e/b/c"]
    assert names[4].startswith("e/b/c-")
    assert names[5:] == ["e/events.out.tf-events.1", "no-run"]
    assert all(list(accumulated(Path(run.logdir))) == ["loss"] for run in runs)
    await fill(path, "e", "a", "somebody")
    runs = await export(path, tmp_path / "two")
    assert str(tmp_path / "two" / "somebody" / "e" / "a") in [run.logdir for run in runs]


async def test_more_than_a_page(tmp_path: Path) -> None:
    """In the order of steps, negative ones first, with progress in between."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "e", "r", "user") as writer:
        for step in [*range(-5, 1000), -(2**63), 2**63 - 1]:
            await writer.scalar("loss", 1.0, step)
    seen: list[ExportedRun] = []
    await export(path, tmp_path / "logs", on_progress=seen.append)
    steps = [event.step for event in events_of(tmp_path / "logs" / "e" / "r") if event.summary.value]
    assert steps == [-(2**63), *range(-5, 1000), 2**63 - 1]
    assert [run.events for run in seen] == [256, 512, 768, 1007]


async def test_orphans(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Runs whose name a newer one has are left out, and said so; or exported by their numbers."""
    path = tmp_path / "db"
    await fill(path, "e", "r", steps=2)
    await fill(path, "e", "r", steps=5)
    (run,) = await export(path, tmp_path / "without")
    assert run.events == 5
    assert "1 runs are left out" in caplog.text
    first, second = await export(path, tmp_path / "with", with_orphans=True)
    assert (first.events, second.events) == (5, 2)
    assert os.path.basename(second.logdir).startswith("orphan-")


async def test_a_database_that_is_being_written(tmp_path: Path) -> None:
    """May be; its writer is not held up."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "e", "r", "user", retry_seconds=0.01) as writer:
        for step in range(600):
            await writer.scalar("loss", 1.0, step)
        await writer.flush()
        task = asyncio.create_task(export(path, tmp_path / "logs"))
        while not task.done():
            await writer.scalar("other", 1.0, 0)
            await writer.flush()
        assert (await task)[0].events >= 600


async def test_placeholders_are_left_out(tmp_path: Path) -> None:
    """TensorFlow's rows without a step or a dtype."""
    path = tmp_path / "db"
    await fill(path, "e", "r")
    execute(path, "INSERT INTO Tensors (series, step) SELECT tag_id, 99 FROM Tags")
    execute(path, "INSERT INTO Tensors (series, data) SELECT tag_id, zeroblob(32) FROM Tags")
    (run,) = await export(path, tmp_path / "logs")
    assert (run.events, run.total) == (3, 3)


async def test_a_folder_that_has_event_files(tmp_path: Path) -> None:
    """Is not written into: everything would be there twice."""
    path = tmp_path / "db"
    await fill(path, "e", "r")
    await export(path, tmp_path / "logs")
    with pytest.raises(summary.InvalidArgumentError, match="has event files already"):
        await export(path, tmp_path / "logs")
    assert accumulated(tmp_path / "logs" / "e" / "r")["loss"][0] == (0, 1.0)


async def test_what_cannot_be_read(tmp_path: Path) -> None:
    """Is named, and nothing is made."""
    (tmp_path / "text").write_text("not a database " * 100)
    execute(tmp_path / "foreign", "CREATE TABLE Tags (x)")
    for name, message in (("missing", "unable to open"), ("text", "not a database"), ("foreign", "has no table"), (".", "is a folder")):
        with pytest.raises(summary.OpenError, match=message):
            await export(tmp_path / name, tmp_path / "logs")
    assert not (tmp_path / "missing").exists()
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    ("logdir", "options", "message"),
    [
        ("nosuch://a/b", None, "unknown URL scheme 'nosuch'"),
        ("s3:///runs", None, "names no bucket"),
        ("simplecache::s3://b/a", None, "chained URLs"),
        ("logs", {"nosuch": 1}, "'fsync' only, not 'nosuch'"),
    ],
)
async def test_what_cannot_be_written_to(
    logdir: str, options: dict[str, Any] | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is named, with the reason."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs" / "e" / "r").mkdir(parents=True)
    await fill(tmp_path / "db", "e", "r")
    with pytest.raises(summary.OpenError, match=f"logdir '{logdir}.*: .*{message}"):
        await export(tmp_path / "db", logdir, storage_options=options)


async def test_to_a_bucket(tmp_path: Path, moto: MotoServer) -> None:
    """As to any logdir, and back from there."""
    moto.make_bucket("exports")
    url = f"s3://exports/{tmp_path.name}"
    options = moto.options(moto.url)
    await export(GOLDEN_DATABASE, url, storage_options=options)
    with pytest.raises(summary.InvalidArgumentError, match="has event files already"):
        await export(GOLDEN_DATABASE, url, storage_options=options)
    # In a process of its own: fsspec, which lists the bucket, keeps a thread and its sessions for ever.
    program = [sys.executable, "-m", "asyncsummary", "import", url, str(tmp_path / "db"), "--storage-options", json.dumps(options)]
    done = await asyncio.to_thread(subprocess.run, program, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "experiment/run: 28 events\n1 run imported\n"
    assert len(contents(tmp_path / "db")["Tensors"]) == 27


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``asyncsummary export`` and ``asyncsummary import``."""
    shutil.copy(GOLDEN_DATABASE, tmp_path / "tf.sqlite")
    assert main(["export", str(tmp_path / "tf.sqlite"), str(tmp_path / "logs")]) == 0
    assert f"{tmp_path}/logs/experiment/run: 28 events\n1 run exported\n" in capsys.readouterr().out
    assert main(["import", str(tmp_path / "logs"), str(tmp_path / "db"), "--experiment", "e", "--user", "me"]) == 0
    assert "experiment/run: 28 events\n1 run imported\n" in capsys.readouterr().out
    assert contents(tmp_path / "db")["Experiments"] == [("me", 0, "e")]
    assert main(["export", str(tmp_path / "missing"), str(tmp_path / "logs")]) == 2
    assert "missing" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "logs"), str(tmp_path / "db"), "--user", "-"]) == 2


async def test_the_way_of_a_graph(tmp_path: Path) -> None:
    """Comes back as it was, but for its step."""
    (run,) = await export(GOLDEN_DATABASE, tmp_path)
    (event,) = [event for event in events_of(run.logdir) if event.graph_def]
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "experiment", "run", "user") as writer:
        await writer.import_event(Event(wall_time=10.0, graph_def=event.graph_def).SerializeToString())
    assert contents(path)["NodeInputs"] == contents(GOLDEN_DATABASE)["NodeInputs"][:3]
