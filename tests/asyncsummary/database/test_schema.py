"""Whose tables they are."""

import sqlite3
from contextlib import closing
from pathlib import Path

import asyncsummary
from asyncsummary.database.schema import APPLICATION_ID, TABLES, misfit

SQL = Path(asyncsummary.__file__).parent / "database" / "schema.sql"


def test_the_tables_are_those_of_the_script() -> None:
    """All of them, with all of their columns."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SQL.read_text())
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: frozenset(row[1] for row in connection.execute(f"PRAGMA table_info({name})")) for name in names}
    assert found == TABLES


def test_misfit() -> None:
    """Missing columns are named; more of them do no harm."""
    assert misfit("Ids", ["id", "more"]) == ""
    assert misfit("Tags", ["rowid", "tag_name"]) == (
        "its table Tags has no column display_name, inserted_time, plugin_data, plugin_name, run_id, tag_id"
    )


def test_the_application_id_fits() -> None:
    """32 bits, signed, and the four bytes that the original means."""
    assert APPLICATION_ID.to_bytes(4, "big", signed=True) == bytes.fromhex("FEEDABEE")
