"""What is a row made of? Programs that run in turn, columns for their figures, goals, and how much time it may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.goals import Evenness, Goal

OURS = "asyncsummary"
"""The interpreter that runs the benchmarks; others are names of peers' environments."""

LOGDIR_ON_S3 = "s3://bench/"
PHOTO = "{photo}"
"""Stands for the file that the runner makes."""

Arguments = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Program:
    """One line of a table: a program of a file in ``benchmarks/programs``, with its arguments.

    ``quick`` has the arguments that differ in a quick run, ``rounds`` bounds how often it runs, ``at`` is its place on a plot's axis.
    """

    name: str
    file: str
    program: str
    environment: str = OURS
    arguments: Arguments = field(default_factory=dict)
    quick: Arguments = field(default_factory=dict)
    rounds: int = 1_000
    at: float = 0.0

    def command(self, *, quick: bool) -> list[str]:
        """Return what comes behind ``python -m``."""
        chosen = {**self.arguments, **(self.quick if quick else {})}
        return [f"benchmarks.programs.{self.file}", self.program, *(f"--{key}={value}" for key, value in chosen.items())]


@dataclass(frozen=True, slots=True)
class Column:
    """A figure in the table. That of the first column has a bar, and a ratio to the row's subject."""

    figure: str
    head: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A curve of medians over the places of some programs, in an SVG of that name."""

    name: str
    title: str
    axis: str
    figure: str
    label: str
    programs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """``subject`` is the program that the others are compared with, ``request_milliseconds`` what each request to its bucket takes."""

    key: str
    title: str
    about: str
    programs: tuple[Program, ...]
    columns: tuple[Column, ...]
    goals: tuple[Goal | Evenness, ...]
    subject: str = ""
    request_milliseconds: float | None = None
    rounds: int = 5
    quick_rounds: int = 2
    unrecorded_rounds: int = 0
    seconds: float = 120.0
    """No round is begun after so long."""
    plots: tuple[Plot, ...] = ()

    @property
    def environments(self) -> set[str]:
        """The peers' environments that it takes."""
        return {program.environment for program in self.programs} - {OURS}
