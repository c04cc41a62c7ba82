"""The queries by which TensorFlow's own tests verify a database, and the one by which TensorBoard 1.14 reads scalars."""

from pathlib import Path

import numpy as np

import asyncsummary as summary
from asyncsummary.protos import GraphDef, NodeDef
from tests.support.database import column, query


async def test_steps_and_tags(tmp_path: Path) -> None:
    """1, 1, 1, then 1, 1, 1, 2, 2, 2."""
    path = tmp_path / "db"
    writer = summary.create_db_writer(path, "experiment", "run", "user")
    async with writer, writer.as_default(), summary.always_record_summaries():
        for step, expected in ((1, [1, 1, 1]), (2, [1, 1, 1, 2, 2, 2])):
            await summary.generic("x", 7 + step, step=step)
            await summary.generic("y", "my", step=step)
            await summary.scalar("t1", 1.0, step=step)
            await summary.flush()
            assert column(path, "SELECT step FROM Tensors WHERE dtype IS NOT NULL") == expected
    assert column(path, "SELECT tag_name FROM Tags") == ["x", "y", "t1"]
    assert column(path, 'SELECT count(*) FROM Tags WHERE tag_name = "t1"') == [1]
    (series,) = column(path, 'SELECT tag_id FROM Tags WHERE tag_name = "x"')
    values = "SELECT dtype, shape, data FROM Tensors WHERE series = ? AND step = ?"
    assert query(path, values, [series, 1]) == [(3, "", np.int32(8).tobytes())]
    assert query(path, values, [series, 2]) == [(3, "", np.int32(9).tobytes())]
    (series,) = column(path, 'SELECT tag_id FROM Tags WHERE tag_name = "y"')
    assert query(path, values, [series, 2]) == [(7, "", b"my")]


async def test_names_and_nodes(tmp_path: Path) -> None:
    """One of each, and the nodes of the graph in their order."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "experiment", "run", "user") as writer:
        await writer.graph(GraphDef(node=[NodeDef(name="x"), NodeDef(name="y", input=["x"])]), 1)
    assert column(path, "SELECT experiment_name FROM Experiments") == ["experiment"]
    assert column(path, "SELECT run_name FROM Runs") == ["run"]
    assert column(path, "SELECT user_name FROM Users") == ["user"]
    assert column(path, "SELECT node_name FROM Nodes") == ["x", "y"]


async def test_what_tensorboard_asks(tmp_path: Path) -> None:
    """Its scalars plugin wants a run, the plugin's name, no shape, and steps from 0 on."""
    path = tmp_path / "db"
    async with summary.create_db_writer(path, "experiment", "run", "user") as writer:
        await writer.scalar("scalar", 9.0, 1)
        await writer.scalar("scalar", np.float64(3.5), 2)
        await writer.scalar("scalar", 1.0, -3)
    rows = query(
        path,
        """
        SELECT Tensors.step, Tensors.dtype, Tensors.data
        FROM Tensors
        JOIN Tags ON Tensors.series = Tags.tag_id
        JOIN Runs ON Tags.run_id = Runs.run_id
        JOIN Experiments ON Runs.experiment_id = Experiments.experiment_id
        WHERE Runs.run_name = 'run' AND Tags.tag_name = 'scalar' AND Tags.plugin_name = 'scalars'
          AND Tensors.shape = '' AND Tensors.step > -1
        ORDER BY Tensors.step
        """,
    )
    decoded = [(step, float(np.frombuffer(data, {1: "<f4", 2: "<f8"}[dtype])[0])) for step, dtype, data in rows]
    assert decoded == [(1, 9.0), (2, 3.5)]
