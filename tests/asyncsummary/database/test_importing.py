"""Event files as databases."""

import os
from pathlib import Path

import fsspec
import pytest
from fsspec import AbstractFileSystem

import asyncsummary as summary
from asyncsummary.cli import main
from asyncsummary.database import ImportedRun, import_logdir
from asyncsummary.protos import Event, Summary, TensorProto, Value
from asyncsummary.records import frames
from tests.support.database import column, query
from tests.support.golden import GOLDEN, GOLDEN_EVENTS


async def fill(folder: Path, steps: int = 3) -> None:
    """Write scalars."""
    async with summary.create_file_writer(folder) as writer:
        for step in range(steps):
            await writer.scalar("loss", float(step), step)


async def test_runs_are_called_as_tensorboard_calls_them(tmp_path: Path) -> None:
    """By their folders; the logdir's own run is "."; several files of a run are one."""
    logs = tmp_path / "logs"
    for name in (".", "a", "a/eval", "b/c"):
        await fill(logs / name)
    async with summary.create_file_writer(logs / "a") as writer:
        await writer.scalar("loss", 9.0, 9)
    (logs / "empty").mkdir()
    (logs / "a" / "notes.txt").write_text("not an event file")
    seen: list[ImportedRun] = []
    runs = await import_logdir(logs, tmp_path / "db", user_name="user", on_progress=seen.append)
    assert [(run.run_name, run.events, run.skipped, run.damage) for run in runs] == [
        (".", 3, 0, None),
        ("a", 4, 0, None),
        ("a/eval", 3, 0, None),
        ("b/c", 3, 0, None),
    ]
    assert all(run.bytes == run.total > 0 for run in runs)
    assert set(runs) <= set(seen)
    assert query(tmp_path / "db", "SELECT user_name, experiment_name FROM Experiments JOIN Users USING (user_id)") == [("user", "logs")]
    points = "SELECT step FROM Tensors JOIN Tags ON series = tag_id JOIN Runs USING (run_id) WHERE run_name = ? ORDER BY step"
    assert column(tmp_path / "db", points, ["a"]) == [0, 1, 2, 9]


async def test_tensorflows_file(tmp_path: Path) -> None:
    """All of it but a bool tensor, which no database holds: counted and said."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / GOLDEN_EVENTS.name).write_bytes(GOLDEN_EVENTS.read_bytes())
    (run,) = await import_logdir(tmp_path / "logs", tmp_path / "db", experiment_name="e", user_name="user")
    assert (run.run_name, run.events, run.skipped) == (".", 26, 1)
    tags = column(tmp_path / "db", "SELECT tag_name FROM Tags")
    assert "gen_bool" not in tags
    assert {"scalar", "myfamily/myfamily/fam", "gen_str", "histo", "img/image/1", "aud1/audio"} <= set(tags)
    assert column(tmp_path / "db", "SELECT started_time FROM Runs") == [123.5]
    assert column(tmp_path / "db", "SELECT node_name FROM Nodes ORDER BY rowid") == ["hi", "hi", "c"]
    assert (GOLDEN / "contrib_events.txt").exists()


@pytest.mark.parametrize(("cut", "kind"), [(3, "torn"), (0, "corrupt")])
async def test_a_damaged_file(tmp_path: Path, cut: int, kind: str) -> None:
    """What is whole is imported; the damage is named; other files of the run are read."""
    await fill(tmp_path / "logs")
    (path,) = (tmp_path / "logs").iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:-cut] if cut else data[:-1] + b"x")
    await fill(tmp_path / "logs", steps=1)
    (run,) = await import_logdir(tmp_path / "logs", tmp_path / "db", user_name="user")
    assert run.events == 3
    assert run.damage is not None
    assert path.name in run.damage
    assert kind in run.damage


async def test_an_event_that_no_database_holds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is left out and said; what is beside it is not."""
    async with summary.create_file_writer(tmp_path / "logs") as writer:
        await writer.scalar("before", 1.0, 1)
        value = Value(tag="the tag", tensor=TensorProto(dtype=10, tensor_content=b"\1"))
        await writer.import_event(Event(wall_time=1.0, summary=Summary(value=[value])).SerializeToString())
        await writer.scalar("after", 1.0, 1)
    (run,) = await import_logdir(tmp_path / "logs", tmp_path / "db", user_name="user")
    assert (run.events, run.skipped) == (2, 1)
    assert "'the tag': bool tensors" in caplog.text
    assert column(tmp_path / "db", "SELECT tag_name FROM Tags") == ["before", "after"]


async def test_a_record_that_is_no_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Though its checksums are right: it is left out and said, in which run; what is beside it is not."""
    await fill(tmp_path / "logs")
    (path,) = (tmp_path / "logs").iterdir()
    path.write_bytes(frames([b"\xff\xff\xff no Event"]) + path.read_bytes())
    (run,) = await import_logdir(tmp_path / "logs", tmp_path / "db", user_name="user")
    assert (run.events, run.skipped, run.damage) == (3, 1, None)
    assert "no serialised Event" in caplog.text
    assert column(tmp_path / "db", "SELECT step FROM Tensors ORDER BY step") == [0, 1, 2]


async def test_links(tmp_path: Path) -> None:
    """To folders are followed, as by TensorBoard; but those that lead back to where they are."""
    await fill(tmp_path / "elsewhere")
    await fill(tmp_path / "logs" / "a")
    (tmp_path / "logs" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "logs" / "a" / "up").symlink_to(tmp_path / "logs")
    (tmp_path / "logs" / "a" / "here").symlink_to(tmp_path / "logs" / "a")
    runs = await import_logdir(tmp_path / "logs", tmp_path / "db", user_name="user")
    assert [(run.run_name, run.events) for run in runs] == [("a", 3), ("b", 3)]


async def test_twice(tmp_path: Path) -> None:
    """The newer import takes the run's name; nothing is counted twice by those who look at runs."""
    await fill(tmp_path / "logs")
    for _ in range(2):
        await import_logdir(tmp_path / "logs", tmp_path / "db", user_name="user")
    assert column(tmp_path / "db", "SELECT count(*) FROM Tensors JOIN Tags ON series = tag_id JOIN Runs USING (run_id)") == [3]


async def test_nothing_to_import(tmp_path: Path) -> None:
    """Is told, and no database is made."""
    (tmp_path / "logs").mkdir()
    for name in ("logs", "missing"):
        with pytest.raises(summary.InvalidArgumentError, match="there are no event files"):
            await import_logdir(tmp_path / name, tmp_path / "db")
    with pytest.raises(summary.OpenError, match="nosuch"):
        await import_logdir("nosuch://logs", tmp_path / "db")
    assert not (tmp_path / "db").exists()


class Unfriendly(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A filesystem whose client raises errors of its own, as those of clouds do where there are no credentials."""

    protocol = "unfriendly"

    def ls(self, path: str, detail: bool = True, **kwargs: object) -> list[object]:
        raise RuntimeError("Unable to locate credentials")


async def test_whatever_a_filesystem_raises(tmp_path: Path) -> None:
    """Says which logdir cannot be opened, and why; so do options that nobody knows."""
    fsspec.register_implementation("unfriendly", Unfriendly, clobber=True)
    await fill(tmp_path / "logs")
    for logdir, options, message in (
        ("unfriendly://logs", None, "RuntimeError: Unable to locate credentials"),
        (str(tmp_path / "logs"), {"nosuch": 1}, "'fsync' only, not 'nosuch'"),
    ):
        with pytest.raises(summary.OpenError, match=f"logdir '{logdir}': .*{message}"):
            await import_logdir(logdir, tmp_path / "db", user_name="user", storage_options=options)


def test_the_same_in_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line."""
    fsspec.register_implementation("unfriendly", Unfriendly, clobber=True)
    assert main(["import", "unfriendly://logs", str(tmp_path / "db"), "--user", "user"]) == 2
    assert capsys.readouterr().err == "asyncsummary: logdir 'unfriendly://logs': RuntimeError: Unable to locate credentials\n"


async def test_names_are_checked_first(tmp_path: Path) -> None:
    """A run that cannot be called so in a database keeps the others from being imported by halves."""
    await fill(tmp_path / "logs" / "a")
    await fill(tmp_path / "logs" / "<b>")
    with pytest.raises(summary.InvalidArgumentError, match="run_name"):
        await import_logdir(tmp_path / "logs", tmp_path / "db")
    assert not (tmp_path / "db").exists()


async def test_a_relative_logdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a slash at its end, as shells complete it."""
    await fill(tmp_path / "logs" / "a")
    monkeypatch.chdir(tmp_path)
    (run,) = await import_logdir("logs" + os.sep, "db", user_name="user")
    assert run.run_name == "a"
    assert column("db", "SELECT experiment_name FROM Experiments") == ["logs"]


async def test_any_filesystem(tmp_path: Path) -> None:
    """Of fsspec's."""
    url = f"memory://{tmp_path.name}/logs"
    async with summary.create_file_writer(f"{url}/a") as writer:
        await writer.scalar("t", 1.0, 1)
    (run,) = await import_logdir(url, tmp_path / "db", user_name="user")
    assert (run.run_name, run.events) == ("a", 1)
