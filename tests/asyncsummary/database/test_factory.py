"""``create_db_writer``'s arguments, and who shares what."""

import getpass
import pwd
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from tests.support.database import column, query, scalars


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"experiment_name": "a\nb"}, ValueError, r"experiment_name \('a\\nb'\) must match"),
        ({"run_name": "<run>"}, ValueError, r"run_name \('<run>'\) must match"),
        ({"user_name": "-hi"}, ValueError, r"user_name \('-hi'\) must match"),
        ({"user_name": ""}, ValueError, r"user_name \(''\) must match"),
        ({"run_name": 5}, TypeError, "run_name"),
        ({"name": 5}, ValueError, "name: must be a str"),
        ({"db_uri": 5}, TypeError, "db_uri"),
        ({"db_uri": ""}, ValueError, "db_uri"),
        ({"db_uri": b"x"}, TypeError, "db_uri"),
        ({"db_uri": "a\0b"}, ValueError, "db_uri"),
        ({"db_uri": "\ud800.sqlite"}, ValueError, "db_uri"),
        ({"run_name": 10**5000}, TypeError, "run_name: must be a str, got <int>"),
        ({"max_queue": -1}, ValueError, "max_queue"),
        ({"flush_millis": 10**400}, ValueError, "flush_millis"),
        ({"flush_millis": "x"}, ValueError, "flush_millis"),
        ({"max_pending_bytes": "x"}, ValueError, "max_pending_bytes"),
        ({"overflow": "x"}, ValueError, "overflow"),
        ({"retry_seconds": 0}, ValueError, "retry_seconds"),
        ({"journal_mode": "off"}, ValueError, "journal_mode"),
        ({"resume": 1}, ValueError, "resume"),
        ({"fsync": None}, ValueError, "fsync"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    """Raise in the plain call, and name the argument; nothing is made."""
    with pytest.raises(kind, match=message) as caught:
        summary.create_db_writer(**{"db_uri": tmp_path / "db", **arguments})
    assert isinstance(caught.value, summary.InvalidArgumentError)
    assert list(tmp_path.iterdir()) == []


async def test_default_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Today, now, and who runs this, at the time of the call."""
    monkeypatch.setenv("LOGNAME", "somebody")
    assert getpass.getuser() == "somebody"
    before = datetime.now().astimezone()
    writer = summary.create_db_writer(tmp_path / "db")
    after = datetime.now().astimezone()
    async with writer:
        await writer.scalar("t", 1.0, 1)
    ((user, experiment, run),) = query(tmp_path / "db", "SELECT user_name, experiment_name, run_name FROM Users, Experiments, Runs")
    assert user == "somebody"
    assert experiment in {before.strftime("%Y-%m-%d"), after.strftime("%Y-%m-%d")}
    assert before.strftime("%H:%M:%S") <= run <= after.strftime("%H:%M:%S") or before.date() != after.date()


async def test_a_user_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number which nobody has: it is said what to give, and that works."""

    def nobody(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(summary.InvalidArgumentError, match=r"user_name: .*uid not found.*; give one, or b'' for nobody"):
        summary.create_db_writer(tmp_path / "db")
    async with summary.create_db_writer(tmp_path / "db", "experiment", "run", b"") as writer:
        await writer.scalar("t", 1.0, 1)
    assert scalars(tmp_path / "db") == [("t", 1, 1.0)]


async def test_nothing_is_made_by_the_call(tmp_path: Path) -> None:
    """``async with``, init or the first write make the file; and the tables, but no rows."""
    path = tmp_path / "db"
    writer = summary.create_db_writer(path, "experiment", "run", "user")
    assert not path.exists()
    async with writer:
        tables = column(path, "SELECT name FROM sqlite_master WHERE type = 'table'")
        assert len(tables) == 11
        assert all(query(path, f"SELECT * FROM {table}") == [] for table in tables)
    assert all(query(path, f"SELECT * FROM {table}") == [] for table in tables)


async def test_writers_of_one_name_share(tmp_path: Path) -> None:
    """One connection and one run, with the arguments of the first; closing one closes all."""
    first = summary.create_db_writer(tmp_path / "db", "experiment", "run", "user", name="shared")
    second = summary.create_db_writer(tmp_path / "other", "experiment2", "run2", "user", name="shared")
    async with first:
        await first.scalar("t", 1.0, 1)
        await second.scalar("t", 2.0, 2)
    assert scalars(tmp_path / "db") == [("t", 1, 1.0), ("t", 2, 2.0)]
    assert not (tmp_path / "other").exists()
    with pytest.raises(summary.WriterClosedError):
        await second.scalar("t", 3.0, 3)


async def test_writers_of_no_name_do_not(tmp_path: Path) -> None:
    """The original writes the second's summaries into the first's database."""
    first = summary.create_db_writer(tmp_path / "one", "experiment", "run", "user")
    second = summary.create_db_writer(tmp_path / "two", "experiment", "run", "user")
    async with first, second:
        await first.scalar("t", 1.0, 1)
        await second.scalar("t", 2.0, 2)
    assert scalars(tmp_path / "one") == [("t", 1, 1.0)]
    assert scalars(tmp_path / "two") == [("t", 2, 2.0)]


async def test_a_name_of_a_file_writer(tmp_path: Path) -> None:
    """Is not that of a database writer."""
    async with (
        summary.create_file_writer(tmp_path / "logs", name="same") as files,
        summary.create_db_writer(tmp_path / "db", name="same") as database,
    ):
        await files.scalar("f", 1.0, 1)
        await database.scalar("d", 1.0, 1)
    assert scalars(tmp_path / "db") == [("d", 1, 1.0)]


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}", "file:{}?cache=private"])
async def test_uris(tmp_path: Path, form: str) -> None:
    """Paths, and SQLite's own URIs."""
    async with summary.create_db_writer(form.format(tmp_path / "a db"), "experiment", "run", "user") as writer:
        await writer.scalar("t", 1.0, 1)
    assert scalars(tmp_path / "a db") == [("t", 1, 1.0)]


@pytest.mark.parametrize("uri", [":memory:", "file:name?mode=memory", "file::memory:"])
async def test_memory(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a database, too, for as long as it is open; no file is made."""
    monkeypatch.chdir(tmp_path)
    async with summary.create_db_writer(uri, "experiment", "run", "user") as writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        assert writer.stats.committed == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", ["db", "./db", "file:db", "file:db?cache=private", "~/db"])
async def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    """Is one of the folder in which the writer was made, wherever the program goes after that."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    writer = summary.create_db_writer(uri, "experiment", "run", "user")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with writer:
        await writer.scalar("t", 1.0, 1)
        await writer.flush()
        monkeypatch.chdir("/")
        await writer.scalar("t", 2.0, 2)
    assert scalars(tmp_path / "db") == [("t", 1, 1.0), ("t", 2, 2.0)]
    assert len(column(tmp_path / "db", "SELECT run_id FROM Runs")) == 1


async def test_journal_modes(tmp_path: Path) -> None:
    """WAL while it is written, unless another is wanted; one plain file afterwards."""
    for mode, expected in (("wal", "wal"), ("delete", "delete"), ("persist", "persist")):
        path = tmp_path / mode
        async with summary.create_db_writer(path, journal_mode=mode, fsync=True) as writer:
            await writer.scalar("t", 1.0, 1)
            await writer.flush()
            if mode == "wal":
                assert column(path, "PRAGMA journal_mode") == [expected]
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        connection.close()
        assert [found.name for found in tmp_path.glob(f"{mode}*")] == [mode]


def test_sqlite_is_imported_when_it_is_asked_for() -> None:
    """Some Pythons have none; everything else works there, and what does not says why."""
    program = (
        "import sys\n"
        "sys.modules['_sqlite3'] = None\n"
        "import asyncsummary\n"
        "asyncsummary.create_file_writer('runs')\n"
        "try:\n"
        "    asyncsummary.create_db_writer\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert "_sqlite3" in done.stdout
    program = (
        "import sys, asyncsummary; print('sqlite3' in sys.modules, asyncsummary.database.export.__name__, asyncsummary.create_db_writer)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False export <function create_db_writer")
