"""Opening: what is wrong with a file is told with its name, in a sentence; and what SQLite is told about it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from asyncsummary.database.connection import described, is_passing, open_database, path_of
from tests.support.database import column, execute, query


def not_a_database(path: Path) -> None:
    path.write_text("this is a text, and long enough to be looked at as the header of a database would be " * 20)


def folder(path: Path) -> None:
    path.mkdir()


def foreign_table(path: Path) -> None:
    execute(path, "CREATE TABLE Tags (name TEXT, value TEXT)")


def foreign_view(path: Path) -> None:
    execute(path, "CREATE VIEW Runs AS SELECT 1 AS run_id")


def duplicates(path: Path) -> None:
    execute(path, "CREATE TABLE Users (rowid INTEGER PRIMARY KEY, user_id INTEGER, inserted_time REAL, user_name TEXT, email TEXT)")
    execute(path, "INSERT INTO Users (user_id, user_name) VALUES (1, 'a'), (2, 'a')")


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (not_a_database, "db", "file is not a database"),
        (folder, "db", "is a folder; name a file in it"),
        (lambda path: None, "missing/db", r"folder '.*/missing' does not exist; make it first"),
        (foreign_table, "db", "its table Tags has no column display_name, .*; it holds something else than summaries"),
        (foreign_view, "db", "its table Runs has no column"),
        (duplicates, "db", "its rows break the unique indexes of summary databases"),
    ],
)
async def test_what_cannot_be_opened(tmp_path: Path, make: Any, name: str, message: str) -> None:
    """Is an OpenError at once, from init and from the first write, and is left as it was."""
    path = tmp_path / name
    make(path)
    before = path.read_bytes() if path.is_file() else None
    for by_writing in (False, True):
        writer = summary.create_db_writer(path)
        with pytest.raises(summary.OpenError, match=message) as caught:
            await (writer.scalar("t", 1.0, 1) if by_writing else writer.init())
        assert str(path) in str(caught.value)
        assert not caught.value.retriable
    assert (path.read_bytes() if path.is_file() else None) == before


async def test_a_file_that_may_only_be_read(tmp_path: Path) -> None:
    """Is told at opening, not with the first batch."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path):
        pass
    with pytest.raises(summary.OpenError, match="readonly database; check the permissions"):
        await summary.create_db_writer(f"file:{path}?mode=ro").init()


async def test_a_later_try_works(tmp_path: Path) -> None:
    """Once what was wrong is put right, with the same writer."""
    path = tmp_path / "folder" / "db"
    writer = summary.create_db_writer(path, "experiment", "run", "user")
    with pytest.raises(summary.OpenError):
        await writer.scalar("t", 1.0, 1)
    path.parent.mkdir()
    await writer.scalar("t", 1.0, 2)
    await writer.close()
    assert column(path, "SELECT step FROM Tensors") == [2]


async def test_what_is_in_the_header(tmp_path: Path) -> None:
    """The application_id that the original means, user_version 0, and pages of 4096 bytes."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path):
        pass
    assert path.read_bytes()[68:72] == bytes.fromhex("FEEDABEE")
    assert [column(path, f"PRAGMA {name}") for name in ("user_version", "page_size", "encoding")] == [[0], [4096], ["UTF-8"]]


async def test_tables_of_others_beside_ours(tmp_path: Path) -> None:
    """Are left alone."""
    path = tmp_path / "db"
    execute(path, "CREATE TABLE mine (x)")
    execute(path, "INSERT INTO mine VALUES (5)")
    async with summary.create_db_writer(path) as writer:
        await writer.scalar("t", 1.0, 1)
    assert query(path, "SELECT x FROM mine") == [(5,)]


@pytest.mark.parametrize(
    ("journal_mode", "fsync", "found"), [("wal", False, ("wal", 1)), ("wal", True, ("wal", 2)), ("delete", False, ("delete", 2))]
)
async def test_durability(tmp_path: Path, journal_mode: str, fsync: bool, found: tuple[str, int]) -> None:
    """WAL without fsync leaves it to checkpoints; without WAL, each transaction is on the disk: there a power cut could do damage."""
    database = await open_database(str(tmp_path / "db"), journal_mode=journal_mode, fsync=fsync)
    ((mode,),), ((synchronous,),) = await database.fetch("PRAGMA journal_mode"), await database.fetch("PRAGMA synchronous")
    await database.close()
    assert (mode, synchronous) == found


async def test_a_reader_that_keeps_it_open_while_we_close(tmp_path: Path) -> None:
    """Then it stays in WAL, with nothing lost, until somebody else closes it last."""
    path = tmp_path / "db"
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        async with summary.create_db_writer(path, "experiment", "run", "user") as writer:
            await writer.scalar("t", 1.0, 1)
            await writer.flush()
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM Tensors").fetchone() == (1,)
        assert reader.execute("SELECT finished_time FROM Runs").fetchone() == (None,)
    assert column(path, "SELECT finished_time IS NULL FROM Runs") == [0]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("a/b", Path("a/b")),
        ("file:a/b", Path("a/b")),
        ("file:/a/b%20c?mode=ro", Path("/a/b c")),
        ("file:///a/b", Path("/a/b")),
        (":memory:", None),
        ("file::memory:", None),
        ("file:x?mode=memory&cache=shared", None),
        ("a?b", Path("a?b")),
    ],
)
def test_path_of(uri: str, path: Path | None) -> None:
    """Where the file is, if there is one."""
    assert path_of(uri) == path


def test_errors_that_sqlite_did_not_make() -> None:
    """Have no code; what they say is passed on, and waiting does not help."""
    error = sqlite3.ProgrammingError("Cannot operate on a closed database.")
    assert described(error, "db") == "database 'db': Cannot operate on a closed database."
    assert not is_passing(error)
