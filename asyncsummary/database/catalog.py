"""Under which ids does a writer write? Its user, experiment, run and tags are found, or made with the first summary, in a transaction."""

import math
import random
from dataclasses import dataclass, field

from asyncsummary.database.connection import Database
from asyncsummary.database.graphs import GraphRows
from asyncsummary.database.ids import MOST_DRAWS, draw
from asyncsummary.database.names import Names
from asyncsummary.database.plan import Plan
from asyncsummary.database.rows import Metadata

_AT_ONCE = 500  # parameters of one statement


@dataclass(slots=True)
class Catalog:
    """The ids of one writer. ``run_id`` and ``experiment_id`` are None where there is no run, or experiment, of a name.

    ``series`` has the tag_id of each tag, ``started`` the run's started_time. A transaction works on a ``draft`` and, once it is
    committed, leaves it as the writer's catalog.
    """

    is_found: bool = False
    experiment_id: int | None = None
    run_id: int | None = None
    started: float = math.inf
    series: dict[str, int] = field(default_factory=dict)
    new_tags: dict[str, int] = field(default_factory=dict)

    def draft(self) -> "Catalog":
        """Return a copy for a transaction."""
        return Catalog(self.is_found, self.experiment_id, self.run_id, self.started, self.series)

    def keep(self) -> "Catalog":
        """Return the catalog after a draft's transaction was committed."""
        self.series.update(self.new_tags)
        return Catalog(self.is_found, self.experiment_id, self.run_id, self.started, self.series)

    def tag_ids(self) -> "dict[str, int]":
        """Return the tag_id of each tag, the draft's own included."""
        return {**self.series, **self.new_tags} if self.new_tags else self.series


async def complete(database: Database, draft: Catalog, names: Names, plan: Plan, now: float, *, resume: bool) -> None:
    """See that there are rows for the run and all tags of a plan, and that started_time is not after its earliest row."""
    earliest = now if plan.earliest is None else plan.earliest
    if not draft.is_found:
        await _find_run(database, draft, names, now, earliest, resume=resume)
        draft.is_found = True
    if earliest < draft.started and draft.run_id is not None:
        draft.started = earliest
        for table, column, number in (("Runs", "run_id", draft.run_id), ("Experiments", "experiment_id", draft.experiment_id)):
            await database.fetch(
                f"UPDATE {table} SET started_time = ?1 WHERE {column} = ?2 AND (started_time IS NULL OR started_time > ?1)",
                (earliest, number),
            )
    new = {tag: metadata for tag, metadata in plan.tags.items() if tag not in draft.series}
    if new:
        await _add_tags(database, draft, new, now)


async def add_graph(database: Database, run_id: int | None, graph: GraphRows, now: float) -> int:
    """Write a graph, which becomes that of the run; return its graph_id."""
    (graph_id,) = await new_ids(database, 1)
    await database.fetch(
        "INSERT OR REPLACE INTO Graphs (run_id, graph_id, inserted_time, graph_def) VALUES (?, ?, ?, ?)",
        (run_id, graph_id, now, graph.rest),
    )
    await database.many(
        "INSERT INTO Nodes (graph_id, node_id, node_name, op, device, node_def) VALUES (?, ?, ?, ?, ?, ?)",
        ((graph_id, *row) for row in graph.nodes),
    )
    await database.many(
        "INSERT INTO NodeInputs (graph_id, node_id, idx, input_node_id, input_node_idx, is_control) VALUES (?, ?, ?, ?, ?, ?)",
        ((graph_id, *row) for row in graph.inputs),
    )
    return graph_id


async def finish(database: Database, catalog: Catalog, now: float) -> None:
    """Note that the run's writer is closed."""
    if catalog.run_id is not None:
        await database.fetch("UPDATE Runs SET finished_time = ? WHERE run_id = ?", (now, catalog.run_id))


async def is_still_there(database: Database, catalog: Catalog) -> bool:
    """Whether the ids of a catalog were given out by this database: it may be another one, which took the place of the first."""
    number = catalog.run_id if catalog.run_id is not None else next(iter(catalog.series.values()), None)
    return number is None or bool(await database.fetch("SELECT 1 FROM Ids WHERE id = ?", (number,)))


async def new_ids(database: Database, count: int) -> list[int]:
    """Give out ids that no table has yet. The transaction holds the lock for writing, so nobody else can take them meanwhile."""
    found: list[int] = []
    for attempt in range(MOST_DRAWS):
        if len(found) == count:
            return found
        drawn = draw(count - len(found), attempt, random.randint)
        taken: set[int] = set()
        for start in range(0, len(drawn), _AT_ONCE):
            some = drawn[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            taken.update(number for (number,) in await database.fetch(f"SELECT id FROM Ids WHERE id IN ({marks})", some))
        free = [number for number in drawn if number not in taken]
        await database.many("INSERT INTO Ids (id) VALUES (?)", ((number,) for number in free))
        found += free
    raise RuntimeError(f"database {database.uri!r}: {MOST_DRAWS} draws gave no id that is free")


async def _find_run(database: Database, draft: Catalog, names: Names, now: float, earliest: float, *, resume: bool) -> None:
    if not names.run:
        return
    draft.experiment_id = await _experiment(database, names, now, earliest)
    if resume and await _resumed(database, draft, names.run):
        return
    (draft.run_id,) = await new_ids(database, 1)
    await database.fetch(
        "INSERT OR REPLACE INTO Runs (experiment_id, run_id, inserted_time, started_time, run_name) VALUES (?, ?, ?, ?, ?)",
        (draft.experiment_id, draft.run_id, now, earliest, names.run),
    )


async def _resumed(database: Database, draft: Catalog, name: str) -> bool:
    """Go on in the run of that name, if there is one: under its run_id, with its tags."""
    rows = await database.fetch(
        "SELECT run_id, started_time FROM Runs WHERE experiment_id IS ? AND run_name = ? ORDER BY rowid DESC LIMIT 1",
        (draft.experiment_id, name),
    )
    if not rows:
        return False
    ((draft.run_id, started),) = rows
    draft.started = math.inf if started is None else started
    await database.fetch("UPDATE Runs SET finished_time = NULL WHERE run_id = ?", (draft.run_id,))
    tags = await database.fetch("SELECT tag_name, tag_id FROM Tags WHERE run_id = ?", (draft.run_id,))
    draft.series = {tag: number for tag, number in tags if tag is not None}
    return True


async def _experiment(database: Database, names: Names, now: float, earliest: float) -> int | None:
    if not names.experiment:
        return None
    user_id = await _user(database, names.user, now)
    rows = await database.fetch(
        "SELECT experiment_id FROM Experiments WHERE user_id IS ? AND experiment_name = ? ORDER BY rowid DESC LIMIT 1",
        (user_id, names.experiment),
    )
    if rows:
        return int(rows[0][0])
    (number,) = await new_ids(database, 1)
    await database.fetch(
        "INSERT INTO Experiments (user_id, experiment_id, inserted_time, started_time, is_watching, experiment_name)"
        " VALUES (?, ?, ?, ?, 0, ?)",
        (user_id, number, now, earliest, names.experiment),
    )
    return number


async def _user(database: Database, name: str, now: float) -> int | None:
    if not name:
        return None
    rows = await database.fetch("SELECT user_id FROM Users WHERE user_name = ?", (name,))
    if rows:
        return int(rows[0][0])
    (number,) = await new_ids(database, 1)
    await database.fetch("INSERT INTO Users (user_id, inserted_time, user_name) VALUES (?, ?, ?)", (number, now, name))
    return number


async def _add_tags(database: Database, draft: Catalog, new: dict[str, Metadata], now: float) -> None:
    draft.new_tags = await _tags_of(database, draft.run_id, list(new))  # somebody else may have gone on in this run, too
    new = {tag: metadata for tag, metadata in new.items() if tag not in draft.new_tags}
    draft.new_tags.update(zip(new, await new_ids(database, len(new)), strict=True))
    await database.many(
        "INSERT INTO Tags (run_id, tag_id, inserted_time, tag_name, display_name, plugin_name, plugin_data) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (draft.run_id, draft.new_tags[tag], now, tag, of_tag.display_name, of_tag.plugin_name, of_tag.plugin_data)
            for tag, of_tag in new.items()
        ),
    )
    await database.many(
        "INSERT INTO Descriptions (id, description) VALUES (?, ?)",
        ((draft.new_tags[tag], of_tag.description) for tag, of_tag in new.items()),
    )


async def _tags_of(database: Database, run_id: int | None, tags: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(tags), _AT_ONCE):
        some = tags[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        found.update(
            (tag, number)
            for tag, number in await database.fetch(
                f"SELECT tag_name, tag_id FROM Tags WHERE run_id = ? AND tag_name IN ({marks})", (run_id, *some)
            )
        )
    return found
