"""The catalogue: what its rows name exists."""

import dataclasses
import importlib
from typing import Any

import pytest

from benchmarks.catalogue import ROWS
from benchmarks.environments import ENVIRONMENTS
from benchmarks.rows import OURS, Program, Row

PROGRAMS = [pytest.param(program, id=f"{row.key} {program.name}") for row in ROWS for program in row.programs]


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program: Program) -> None:
    """Its file has it, knows its arguments, and its environment can be installed."""
    module: Any = importlib.import_module(f"benchmarks.programs.{program.file}")
    assert program.program in module.PROGRAMS
    assert {*program.arguments, *program.quick} <= {field.name for field in dataclasses.fields(module.Options)}
    assert program.environment in {OURS, *ENVIRONMENTS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_row(row: Row) -> None:
    """Goals, plots and comparisons are about its own programs."""
    names = [program.name for program in row.programs]
    assert len(set(names)) == len(names)
    assert {name for goal in row.goals for name in goal.programs} <= set(names)
    assert {name for plot in row.plots for name in plot.programs} <= set(names)
    assert row.subject in {"", *names}
    on_s3 = any("://" in str(value) for program in row.programs for value in program.arguments.values())
    assert on_s3 == (row.request_milliseconds is not None)


def test_time() -> None:
    """All rows together stay within fifteen minutes, if none has a round that is longer than the rest of its time."""
    assert sum(row.seconds for row in ROWS) <= 15 * 60
    assert [row.key for row in ROWS] == [str(number) for number in range(1, 11)]
