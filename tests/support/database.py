"""Reads databases by plain sqlite3, with ids replaced by what they stand for."""

import io
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

Row = tuple[Any, ...]
_PNG = b"\x89PNG"


def query(path: "Path | str", statement: str, parameters: Iterable[Any] = ()) -> list[Row]:
    """Return the rows of a query."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement, tuple(parameters)).fetchall()


def execute(path: "Path | str", statement: str, parameters: Iterable[Any] = ()) -> None:
    """Carry out a statement."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, tuple(parameters))


def column(path: "Path | str", statement: str, parameters: Iterable[Any] = ()) -> list[Any]:
    """Return the one column of a query."""
    return [value for (value,) in query(path, statement, parameters)]


def scalars(path: "Path | str", dtype: str = "<f4") -> list[tuple[str, int, float]]:
    """Return (tag, step, value) of all scalars, in the order of their rows."""
    rows = query(path, "SELECT tag_name, step, data FROM Tensors JOIN Tags ON series = tag_id WHERE shape = '' ORDER BY Tensors.rowid")
    return [(tag, step, float(np.frombuffer(data, dtype)[0])) for tag, step, data in rows]


def is_sound(path: "Path | str") -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    return column(path, "PRAGMA integrity_check") == ["ok"]


def contents(path: "Path | str") -> dict[str, list[Row]]:
    """Return the rows of all tables in their order, without times, and with names or places instead of ids and rowids."""
    tensors = column(path, "SELECT rowid FROM Tensors WHERE step IS NOT NULL AND dtype IS NOT NULL ORDER BY rowid")
    places = {rowid: place for place, rowid in enumerate(tensors)}
    graphs = {
        number: place for place, number in enumerate(column(path, "SELECT graph_id FROM Nodes GROUP BY graph_id ORDER BY min(rowid)"))
    }

    def nodes(table: str, columns: str) -> list[Row]:
        return [(graphs[row[0]], *row[1:]) for row in query(path, f"SELECT graph_id, {columns} FROM {table} ORDER BY rowid")]

    strings = query(path, "SELECT tensor_rowid, idx, data FROM TensorStrings ORDER BY rowid")
    return {
        "Ids": query(path, "SELECT count(*) FROM Ids"),
        "Users": query(path, "SELECT user_name, email FROM Users ORDER BY rowid"),
        "Experiments": query(
            path,
            "SELECT user_name, is_watching, experiment_name FROM Experiments LEFT JOIN Users USING (user_id) ORDER BY Experiments.rowid",
        ),
        "Runs": query(
            path,
            "SELECT experiment_name, run_name, finished_time IS NULL FROM Runs LEFT JOIN Experiments USING (experiment_id)"
            " ORDER BY Runs.rowid",
        ),
        "Tags": query(
            path,
            "SELECT run_name, tag_name, display_name, plugin_name, plugin_data FROM Tags LEFT JOIN Runs USING (run_id) ORDER BY Tags.rowid",
        ),
        "Descriptions": query(path, "SELECT tag_name, description FROM Descriptions LEFT JOIN Tags ON tag_id = id ORDER BY Tags.rowid"),
        "Tensors": query(
            path,
            "SELECT tag_name, step, dtype, shape, data FROM Tensors LEFT JOIN Tags ON tag_id = series"
            " WHERE step IS NOT NULL AND dtype IS NOT NULL ORDER BY Tensors.rowid",
        ),
        "TensorStrings": [(places.get(rowid), index, _pixels(data)) for rowid, index, data in strings],
        "Graphs": [
            (run, graphs.get(number), rest)
            for run, number, rest in query(
                path, "SELECT run_name, graph_id, graph_def FROM Graphs LEFT JOIN Runs USING (run_id) ORDER BY Graphs.rowid"
            )
        ],
        "Nodes": nodes("Nodes", "node_id, node_name, op, device, node_def"),
        "NodeInputs": nodes("NodeInputs", "node_id, idx, input_node_id, input_node_idx, is_control"),
    }


def _pixels(data: bytes) -> Any:
    """Return what is in a PNG, since its compression is up to whoever wrote it; other data as they are."""
    return np.asarray(PillowImage.open(io.BytesIO(data))).tolist() if data.startswith(_PNG) else data
