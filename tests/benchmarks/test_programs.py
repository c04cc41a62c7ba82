"""Our own programs run, in small, and give the figures of their rows' columns and goals."""

from pathlib import Path

import pytest

from benchmarks.catalogue import ROWS
from benchmarks.goals import Goal
from benchmarks.programs.event_loop import Options, Seen, figures_of
from benchmarks.programs.visible import points
from benchmarks.rows import OURS, Program, Row
from benchmarks.runner import Launcher
from tests.support.events import events_of

SMALL: dict[str, dict[str, str | int | float]] = {
    "scalars": {"count": 400, "warm": 20},
    "many_at_once": {"count": 400, "block": 10},
    "growth": {"events": 200, "coroutines": 2, "tags": 3},
    "histograms": {"count": 2, "size": 100},
    "images": {"count": 2},
    "event_loop": {"seconds": 0.3},
    "imports": {},
    "visible": {"seconds": 0.2},
}


def chosen() -> list[tuple[Row, Program]]:
    """Return each of our programs once, in the first row that has it."""
    found: dict[tuple[str, str], tuple[Row, Program]] = {}
    for row in ROWS:
        for program in row.programs:
            if program.environment == OURS:
                found.setdefault((program.file, program.program), (row, program))
    return list(found.values())


@pytest.mark.parametrize(("row", "program"), [pytest.param(*pair, id=f"{pair[1].file} {pair[1].program}") for pair in chosen()])
def test_program(row: Row, program: Program, tmp_path: Path) -> None:
    """A process of its own prints what the row's table needs, and finds all that it wrote."""
    figures = Launcher(tmp_path)(Program(program.name, program.file, program.program, arguments=SMALL[program.file]))
    needless = {"close_seconds"} if program.program == "idle" else set()  # there is nothing to close
    assert {column.figure for column in row.columns} - needless <= set(figures)
    judged = {goal.figure for goal in row.goals if isinstance(goal, Goal) and goal.program == program.name}
    assert judged <= set(figures)
    assert all(value >= 0 for name, value in figures.items() if name != "beyond_milliseconds")


def test_raw_writes_as_many_bytes(tmp_path: Path) -> None:
    """The raw write is one of the same bytes: it has what ours has, without what begins and ends a file."""
    launcher, arguments = Launcher(tmp_path), {"count": 40_000, "warm": 20}
    ours, raw, parts, framed = (
        launcher(Program("", "scalars", program, arguments=arguments))["bytes"] for program in ("asyncsummary", "raw", "parts", "framed")
    )
    assert 0 < 40_000 * (ours - raw) < 300
    assert raw == parts == framed


def test_stalls() -> None:
    """Heartbeats that are more than 5 ms late are stalls, and only they."""
    seen = Seen(0.0, 1.0, calls=[1e-6] * 98 + [2e-6, 3e-6], lateness=[0.001, 0.005, 0.0051, 0.015])
    figures = figures_of(seen, Options(seconds=1.0, rate=100))
    assert figures["stall_percent"] == pytest.approx(2.01)
    assert figures["longest_stall_milliseconds"] == 15.0
    assert figures["call_p50_microseconds"] == pytest.approx(1.0)
    assert figures["call_p99_microseconds"] == pytest.approx(3.0)
    assert figures["share_percent"] == 100.0


async def test_points(tmp_path: Path) -> None:
    """The reader takes whole records, and the times at which points were accepted."""
    import asyncsummary as summary

    async with summary.create_file_writer(tmp_path) as writer:
        for step in range(3):
            await writer.scalar("visible", 0.5, step)
            await writer.scalar("other", 0.5, step)
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    times = [event.wall_time for event in events_of(tmp_path) if event.summary.value and event.summary.value[0].tag == "visible"]
    assert len(times) == 3
    assert points(data) == (times, len(data))
    found, used = points(data[:-1])
    assert found == times
    assert used < len(data) - 1
    again, rest = points(data[used:])
    assert (again, used + rest) == ([], len(data))
