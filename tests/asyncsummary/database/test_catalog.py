"""Users, experiments, runs and tags: found again, begun anew, gone on with; and the times in them."""

import random
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary.database import catalog
from asyncsummary.database.connection import open_database
from asyncsummary.protos import Event, PluginData, Summary, SummaryMetadata, Value
from tests.support.database import column, execute, query


async def write(path: Path, step: int, tag: str = "t", names: tuple[Any, Any, Any] = ("experiment", "run", "user"), **options: Any) -> None:
    """Write a scalar by a writer of its own."""
    async with summary.create_db_writer(path, *names, **options) as writer:
        await writer.scalar(tag, float(step), step)


def at(time: float, tag: str = "t", step: int = 1) -> bytes:
    return Event(wall_time=time, step=step, summary=Summary(value=[Value(tag=tag, simple_value=1.0)])).SerializeToString()


async def test_the_first_scalar(tmp_path: Path) -> None:
    """Four ids, of user, experiment, run and tag, from the 23 bits that small ids have; one description, which is empty."""
    path = tmp_path / "db"
    await write(path, 1)
    ids = column(path, "SELECT id FROM Ids")
    assert len(ids) == 4
    assert all(0 < number < 2**23 for number in ids)
    ((user, experiment, run, tag),) = query(path, "SELECT Users.user_id, Runs.experiment_id, Runs.run_id, tag_id FROM Users, Runs, Tags")
    assert {user, experiment, run, tag} == set(ids)
    assert query(path, "SELECT id, description FROM Descriptions") == [(tag, "")]
    assert query(path, "SELECT series FROM Tensors") == [(tag,)]


async def test_users_and_experiments_are_found_again(tmp_path: Path) -> None:
    """By name, and the experiment's user; case counts."""
    path = tmp_path / "db"
    for step, names in enumerate([("e", "1", "user"), ("e", "2", "user"), ("E", "3", "user"), ("e", "4", "other"), ("e", "5", "User")]):
        await write(path, step, names=names)
    assert column(path, "SELECT user_name FROM Users ORDER BY rowid") == ["user", "other", "User"]
    assert query(
        path, "SELECT user_name, experiment_name, run_name FROM Runs JOIN Experiments USING (experiment_id) JOIN Users USING (user_id)"
    ) == [
        ("user", "e", "1"),
        ("user", "e", "2"),
        ("user", "E", "3"),
        ("other", "e", "4"),
        ("User", "e", "5"),
    ]
    assert column(path, "SELECT count(*) FROM Experiments") == [4]
    assert column(path, "SELECT DISTINCT is_watching FROM Experiments") == [0]
    assert column(path, "SELECT DISTINCT email FROM Users") == [None]


async def test_no_run(tmp_path: Path) -> None:
    """Then there is nobody's experiment either, and tags belong to no run."""
    path = tmp_path / "db"
    await write(path, 1, names=("experiment", "", "user"))
    assert [query(path, f"SELECT * FROM {table}") for table in ("Users", "Experiments", "Runs")] == [[], [], []]
    assert query(path, "SELECT tag_name, run_id FROM Tags") == [("t", None)]
    assert column(path, "SELECT step FROM Tensors") == [1]
    async with summary.create_db_writer(path, "experiment", "", "user") as writer:
        await writer.graph(b"", 1)
    assert column(path, "SELECT run_id FROM Graphs") == [None]


async def test_no_experiment_and_no_user(tmp_path: Path) -> None:
    """Leave NULLs where they would be."""
    path = tmp_path / "db"
    await write(path, 1, names=("", "run", "user"))
    assert query(path, "SELECT run_name, experiment_id FROM Runs") == [("run", None)]
    assert query(path, "SELECT * FROM Experiments") == query(path, "SELECT * FROM Users") == []
    await write(path, 2, names=("experiment", "run", b""))
    assert query(path, "SELECT experiment_name, user_id FROM Experiments") == [("experiment", None)]
    await write(path, 3, names=("experiment", "run2", b""))
    assert len(query(path, "SELECT * FROM Experiments")) == 1


async def test_the_newest_run_wins(tmp_path: Path) -> None:
    """As the original has it: a second writer of a run's name takes it, and what the first wrote stays as orphans."""
    path = tmp_path / "db"
    await write(path, 1)
    (first,) = column(path, "SELECT run_id FROM Runs")
    await write(path, 2)
    (second,) = column(path, "SELECT run_id FROM Runs")
    assert first != second
    assert query(path, "SELECT run_id, step FROM Tags JOIN Tensors ON series = tag_id ORDER BY step") == [(first, 1), (second, 2)]


async def test_both_write_while_both_live(tmp_path: Path) -> None:
    """Each to its own tags; the name is the one's that wrote last for the first time."""
    path = tmp_path / "db"
    first = summary.create_db_writer(path, "experiment", "run", "user")
    second = summary.create_db_writer(path, "experiment", "run", "user")
    async with first, second:
        for step, writer in enumerate([first, second, first]):
            await writer.scalar("t", 1.0, step)
            await writer.flush()
    assert column(path, "SELECT step FROM Tensors JOIN Tags ON series = tag_id JOIN Runs USING (run_id)") == [1]
    assert column(path, "SELECT count(*) FROM Tensors") == [3]


async def test_resume(tmp_path: Path) -> None:
    """Goes on: the run keeps its id, its times and its tags; a value at a step that is there replaces it."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "experiment", "run", "user") as writer:
        await writer.import_event(at(10.0, step=1))
        await writer.import_event(at(20.0, step=2))
    before = query(path, "SELECT run_id, started_time, inserted_time FROM Runs")
    tags = query(path, "SELECT * FROM Tags")
    async with summary.create_db_writer(path, "experiment", "run", "user", resume=True) as writer:
        await writer.import_event(at(30.0, step=2))
        await writer.import_event(at(40.0, "new", step=3))
        await writer.flush()
        assert column(path, "SELECT finished_time FROM Runs") == [None]
    assert query(path, "SELECT run_id, started_time, inserted_time FROM Runs") == before
    assert query(path, "SELECT * FROM Tags")[:1] == tags
    assert query(path, "SELECT tag_name, step, computed_time FROM Tensors JOIN Tags ON series = tag_id ORDER BY step") == [
        ("t", 1, 10.0),
        ("t", 2, 30.0),
        ("new", 3, 40.0),
    ]
    assert column(path, "SELECT finished_time IS NULL FROM Runs") == [0]


async def test_resume_of_nothing(tmp_path: Path) -> None:
    """Begins."""
    path = tmp_path / "db"
    await write(path, 1, resume=True)
    await write(path, 2, resume=True)
    assert column(path, "SELECT step FROM Tensors JOIN Tags ON series = tag_id JOIN Runs USING (run_id) ORDER BY step") == [1, 2]


async def test_two_that_resume_one_run(tmp_path: Path) -> None:
    """Share its tags, also those that the other one has just made."""
    path = tmp_path / "db"
    await write(path, 0)
    first = summary.create_db_writer(path, "experiment", "run", "user", resume=True)
    second = summary.create_db_writer(path, "experiment", "run", "user", resume=True)
    async with first, second:
        for step, writer in enumerate([first, second]):
            await writer.scalar("t", 1.0, step)  # from now on, both know which tags there are
            await writer.flush()
        for step, writer in enumerate([first, second, first, second], start=1):
            await writer.scalar("new", 1.0, step)
            await writer.scalar(f"of{step}", 1.0, step)
            await writer.flush()
    assert column(path, "SELECT step FROM Tensors JOIN Tags ON series = tag_id WHERE tag_name = 'new' ORDER BY step") == [1, 2, 3, 4]
    assert sorted(column(path, "SELECT tag_name FROM Tags")) == ["new", "of1", "of2", "of3", "of4", "t"]


async def test_started_time(tmp_path: Path) -> None:
    """That of the first write; lowered by an earlier one, never raised; an experiment's is that of its earliest run."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "experiment", "first", "user") as writer:
        for time, expected in ((50.0, 50.0), (60.0, 50.0), (40.0, 40.0), (45.0, 40.0)):
            await writer.import_event(at(time))
            await writer.flush()
            assert query(path, "SELECT Runs.started_time, Experiments.started_time FROM Runs, Experiments") == [(expected, expected)]
    async with summary.create_db_writer(path, "experiment", "second", "user") as writer:
        await writer.import_event(at(70.0))
        await writer.flush()
        assert column(path, "SELECT started_time FROM Experiments") == [40.0]
        await writer.import_event(at(30.0))
    assert column(path, "SELECT started_time FROM Runs ORDER BY rowid") == [40.0, 30.0]
    assert column(path, "SELECT started_time FROM Experiments") == [30.0]


async def test_finished_time(tmp_path: Path) -> None:
    """Not before the close; and not at all of a writer that wrote nothing."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "experiment", "run", "user") as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        assert column(path, "SELECT finished_time FROM Runs") == [None]
    assert column(path, "SELECT finished_time >= inserted_time FROM Runs") == [1]
    async with summary.create_db_writer(path, "experiment", "run2", "user"):
        pass
    assert column(path, "SELECT run_name FROM Runs") == ["run"]


METADATA = SummaryMetadata(plugin_data=PluginData(plugin_name="plugin", content=b"\1"), display_name="name", summary_description="words")


@pytest.mark.parametrize("resume", [False, True])
async def test_the_first_metadata_stay(tmp_path: Path, resume: bool) -> None:
    """Whatever comes later, in the same transaction, the next one, or after a resume."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "experiment", "run", "user") as writer:
        await writer.generic("with", 1.0, 1, METADATA)
        await writer.generic("with", 1.0, 2)
        await writer.generic("without", 1.0, 1)
        await writer.generic("without", 1.0, 2, METADATA)
        await writer.flush()
        await writer.generic("with", 1.0, 3, SummaryMetadata(display_name="other"))
    if resume:
        async with summary.create_db_writer(path, "experiment", "run", "user", resume=True) as writer:
            await writer.generic("without", 1.0, 4, METADATA)
    assert query(
        path, "SELECT tag_name, plugin_name, display_name, plugin_data, description FROM Tags JOIN Descriptions ON id = tag_id"
    ) == [
        ("with", "plugin", "name", b"\1", "words"),
        ("without", "", "", b"", ""),
    ]


async def test_ids_that_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are drawn again, from a wider range."""
    path = tmp_path / "db"
    database = await open_database(str(path), journal_mode="wal", fsync=False)
    try:
        await database.fetch("INSERT INTO Ids (id) VALUES (5), (6)")
        draws = iter([5, 7, 5, 6, 8])
        ranges: list[int] = []

        def drawn(low: int, high: int) -> int:
            ranges.append(high)
            return next(draws)

        monkeypatch.setattr(random, "randint", drawn)
        assert await catalog.new_ids(database, 2) == [7, 8]
        assert ranges == [2**23 - 1] * 2 + [2**31 - 1] + [2**47 - 1] * 2
        monkeypatch.setattr(random, "randint", lambda low, high: 5)
        with pytest.raises(RuntimeError, match="21 draws"):
            await catalog.new_ids(database, 1)
        assert await catalog.new_ids(database, 0) == []
    finally:
        await database.close()


async def test_more_tags_than_a_statement_has_parameters(tmp_path: Path) -> None:
    """In one transaction."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "experiment", "run", "user") as writer:
        await writer.scalars({f"tag{number}": 1.0 for number in range(1500)}, 1)
        await writer.flush()
        assert writer.stats.appends == 1
    assert column(path, "SELECT count(*) FROM Tags JOIN Tensors ON series = tag_id") == [1500]
    assert column(path, "SELECT count(*) FROM Ids") == [1503]


async def test_placeholders_of_tensorflow(tmp_path: Path) -> None:
    """Rows that it preallocates and never fills do no harm, and we make none."""
    path = tmp_path / "db"
    await write(path, 1)
    (tag,) = column(path, "SELECT tag_id FROM Tags")
    execute(path, "INSERT INTO Tensors (series, data) VALUES (?, zeroblob(32))", (tag,))
    await write(path, 2, resume=True)
    assert column(path, "SELECT step FROM Tensors WHERE dtype IS NOT NULL ORDER BY step") == [1, 2]
    assert column(path, "SELECT count(*) FROM Tensors") == [3]
