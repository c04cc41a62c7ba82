"""The calls that made TensorFlow's database, made here: the same rows in the same order, but for ids, times and how a PNG is compressed."""

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

import asyncsummary as summary
from asyncsummary.protos import Event, GraphDef, PluginData, Summary, SummaryMetadata, TensorProto, Value
from tests.support.database import column, contents, query
from tests.support.golden import GOLDEN_DATABASE

METADATA = SummaryMetadata(plugin_data=PluginData(plugin_name="myplug", content=b"\1\2"), display_name="disp", summary_description="desc")
TABLES = (
    "Ids",
    "Users",
    "Experiments",
    "Runs",
    "Tags",
    "Descriptions",
    "Tensors",
    "TensorStrings",
    "Graphs",
    "Nodes",
    "NodeInputs",
)


def golden_images() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """The pixels of the images in the golden database, each as [1, height, width, channels]."""
    pngs = column(GOLDEN_DATABASE, "SELECT data FROM TensorStrings WHERE substr(data, 2, 3) = CAST('PNG' AS BLOB) ORDER BY rowid")
    pixels = [np.asarray(PillowImage.open(io.BytesIO(png))) for png in pngs]
    return [image.reshape(1, *image.shape[:2], -1) for image in pixels]


def golden_graph() -> bytes:
    """The graph in the golden database: three placeholders and an Add that has each of them as an input, in every way there is."""
    attribute = b"*\x07\n\x01a\x12\x02\x18\x03"
    graph = GraphDef.FromString(b'"\x02\x08\x15')
    for name, op, device, inputs in (
        ("x", "Placeholder", "", []),
        ("y", "Placeholder", "", []),
        ("z", "NoOp", "", []),
        ("add", "Add", "/cpu:0", ["x", "y:1", "^z"]),
    ):
        node = graph.node.add()
        node.ParseFromString(attribute)
        node.name, node.op, node.device = name, op, device
        node.input.extend(inputs)
    return graph.SerializeToString()


def imported() -> bytes:
    """An Event with a value of each kind that was imported."""
    tensor = TensorProto(dtype=1, float_val=[1.0, 2.0])
    tensor.tensor_shape.dim.add(size=2)
    values = [
        Value(tag="imp_scalar", simple_value=1.5),
        Value(tag="imp_meta", simple_value=1.5, metadata=METADATA),
        Value(tag="imp_tensor", tensor=tensor),
        Value(tag="without content"),
    ]
    return Event(wall_time=123.5, step=42, summary=Summary(value=values)).SerializeToString()


async def make_the_calls(*, each_by_itself: bool = False) -> None:
    """Write what tf.contrib.summary was told to write."""
    first, second = golden_images()
    file_version = Event(wall_time=10.0, step=1, file_version="brain.Event:2").SerializeToString()
    graph = Event(wall_time=10.0, step=1, graph_def=golden_graph()).SerializeToString()
    calls = [
        summary.scalar("scalar", 2.5, step=1),
        summary.scalar("scalar", 3.5, step=2),
        summary.scalar("scalar", 9.0, step=1),
        summary.scalar("scalar_f64", np.float64(0.1), step=1),
        summary.scalar("scalar_i64", np.int64(7), step=1),
        summary.scalar("scalar_vec", [5.0, 6.0], step=1),
        summary.scalar("scalar_half", np.float16(1.5), step=1),
        summary.scalar("scalar_nan", float("nan"), step=1),
        summary.scalar("x", 1.0, family="fam", step=1),
        summary.scalar("negstep", 1.0, step=-3),
        summary.generic("gen_f32", [[1.0, 2.0], [3.0, 4.0]], metadata=METADATA, step=1),
        summary.generic("gen_f32", [[1.0, 2.0], [3.0, 4.0]], step=2),
        summary.generic("gen_i64", np.int64(9), step=1),
        summary.generic("gen_str", "hello", step=1),
        summary.generic("gen_strv", [b"a", b"b\0c", b""], step=1),
        summary.generic("gen_strv", ["z"], step=1),
        summary.generic("gen_str2", [["a"], ["b"]], step=1),
        summary.generic("gen_empty", np.zeros((0, 3), np.float32), step=1),
        summary.generic("gen_c64", np.complex64(1 + 2j), step=1),
        summary.generic("gen_u64", np.uint64(2**64 - 1), step=1),
        summary.generic("gen_big", np.zeros(1000, np.float32), step=1),
        summary.histogram("histo", [1.0, 2.0, -3.0], step=1),
        summary.histogram("histo_e", np.zeros(0, np.float32), step=1),
        summary.image("img", first, step=1),
        summary.image("img2", second, max_images=1, step=1),
        summary.audio("aud", [[0.0, 0.5]], 8000, 1, step=1),
        summary.import_event(imported()),
        summary.import_event(file_version),
        summary.graph(golden_graph(), step=1),
        summary.graph(golden_graph(), step=1),
        summary.import_event(graph),
    ]
    for call in calls:
        await call
        if each_by_itself:
            await summary.flush()


@pytest.mark.parametrize("each_by_itself", [False, True], ids=["one transaction", "a transaction for each"])
async def test_every_row_is_tensorflows(tmp_path: Path, each_by_itself: bool) -> None:
    """Of every table, in its order."""
    path = tmp_path / "ours.sqlite"
    writer = summary.create_db_writer(path, "experiment", "run", "user")
    async with writer, writer.as_default(), summary.always_record_summaries():
        await make_the_calls(each_by_itself=each_by_itself)
    ours, theirs = contents(path), contents(GOLDEN_DATABASE)
    assert tuple(ours) == TABLES
    for table in TABLES:
        assert ours[table] == theirs[table], table
    assert (writer.stats.appends > 20) is each_by_itself


async def test_the_times_have_the_same_meaning(tmp_path: Path) -> None:
    """started_time is the earliest computed_time, imported ones included; finished_time comes with the close."""
    path = tmp_path / "ours.sqlite"
    writer = summary.create_db_writer(path, "experiment", "run", "user")
    async with writer, writer.as_default(), summary.always_record_summaries():
        await make_the_calls()
    for database in (path, GOLDEN_DATABASE):
        assert query(database, "SELECT started_time FROM Experiments UNION ALL SELECT started_time FROM Runs") == [(10.0,), (10.0,)]
        ((inserted, finished),) = query(database, "SELECT inserted_time, finished_time FROM Runs")
        assert 10.0 < inserted <= finished
        assert column(database, "SELECT count(*) FROM Tags WHERE inserted_time BETWEEN ? AND ?", (inserted, finished)) == [25]
        times = column(database, "SELECT DISTINCT computed_time FROM Tensors WHERE step = 42")
        assert times == [123.5]


def test_the_schema_is_tensorflows(tmp_path: Path) -> None:
    """Tables, their columns with type and NOT NULL, and the unique indexes with their conditions."""
    schema = (Path(summary.__file__).parent / "database" / "schema.sql").read_text()
    path = tmp_path / "ours.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(schema)

    def described(database: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for kind, name, table, text in query(database, "SELECT type, name, tbl_name, sql FROM sqlite_master"):
            if kind == "table":
                found[name] = [row[1:] for row in query(database, f"PRAGMA table_info({name})")]
            else:
                columns = [row[2] for row in query(database, f"PRAGMA index_info({name})")]
                condition = " ".join(text.partition("WHERE")[2].split())
                found[name] = (table, "UNIQUE" in text, columns, condition)
        return found

    assert described(path) == described(GOLDEN_DATABASE)
