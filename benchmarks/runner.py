"""Who runs what, when? Each program in a process of its own, all of a row in turn, round after round."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environments import python_of
from benchmarks.figures import Figures, Found, Results
from benchmarks.rows import OURS, PHOTO, Program, Row

ROOT = Path(__file__).parents[1]
_PROGRAM_SECONDS = 150
_NOT_PASSED_ON = {"PYTHONPATH", "PYTHONASYNCIODEBUG", "PYTHONDONTWRITEBYTECODE"}  # the last: pip compiles what it installs
_QUICK_PART = 6
"""A quick run has so much less time."""


class FailedError(Exception):
    """A program gave no figures; the message says why."""


def run_row(
    row: Row,
    launch: Callable[[Program], Figures],
    *,
    quick: bool = False,
    troubles: Mapping[str, str] | None = None,
    say: Callable[[str], None] = print,
    clock: Callable[[], float] = time.monotonic,
) -> Results:
    """Return what all programs of a row gave. ``troubles`` are the environments that cannot be had; who fails once is not run again."""
    troubles = troubles or {}
    results = {program.name: Found(trouble=troubles.get(program.environment, "")) for program in row.programs}
    begun = clock()
    seconds = row.seconds / (_QUICK_PART if quick else 1)
    for number in range((row.quick_rounds if quick else row.rounds) + row.unrecorded_rounds):
        if number > row.unrecorded_rounds and clock() - begun > seconds:
            break
        for program in row.programs:
            found = results[program.name]
            if found.trouble or len(found.runs) >= program.rounds:
                continue
            try:
                figures = launch(program)
            except FailedError as error:
                found.trouble = str(error)
                say(f"  {program.name}: {error}")
                continue
            say(f"  {program.name}: " + ", ".join(f"{name} {value:,.4g}" for name, value in figures.items()))
            if number >= row.unrecorded_rounds:
                found.runs.append(figures)
    return results


@dataclass(frozen=True, slots=True)
class Launcher:
    """Runs a program under the interpreter of its environment. ``variables`` are those of a bucket, ``folder`` is for temporary things."""

    folder: Path
    quick: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, program: Program) -> Figures:
        """Return its figures, or raise FailedError."""
        python = sys.executable if program.environment == OURS else str(python_of(program.environment, ROOT))
        command = [argument.replace(PHOTO, str(self.folder / "photo.npy")) for argument in program.command(quick=self.quick)]
        try:
            done = subprocess.run(
                [python, "-m", *command],
                cwd=ROOT,
                env=self._environment(ours=program.environment == OURS),
                capture_output=True,
                text=True,
                timeout=_PROGRAM_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FailedError(f"no end within {_PROGRAM_SECONDS} s") from None
        if done.returncode:
            raise FailedError(without_paths((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]))
        figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
        return figures

    def _environment(self, *, ours: bool) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
        kept |= {"TF_CPP_MIN_LOG_LEVEL": "3", "XDG_CACHE_HOME": str(self.folder / "cache"), **self.variables}
        if ours:
            kept["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "storage")])
        return kept


def without_paths(text: str) -> str:
    """Return a message without the folders of this machine."""
    return re.sub(r"(?<![\w:/.])/(?:[^\s'\"/:]+/)+", "", text)


def make_photo(folder: Path) -> None:
    """Put a part of a photo where programs find it."""
    import numpy as np
    from sklearn.datasets import load_sample_image

    np.save(folder / "photo.npy", np.ascontiguousarray(load_sample_image("china.jpg")[100:356, 200:456]))
