"""The runner: programs take turns; who fails is reported and does not stop the rest."""

import sys
from pathlib import Path

import pytest

from benchmarks.environments import ENVIRONMENTS, InstallError, install
from benchmarks.figures import Figures, Found
from benchmarks.rows import PHOTO, Column, Program, Row
from benchmarks.runner import FailedError, Launcher, run_row, without_paths


def row(*programs: Program, rounds: int = 3, unrecorded: int = 0, seconds: float = 100.0) -> Row:
    """Return a row of these programs."""
    return Row("1", "", "", programs, (Column("n", ""),), (), rounds=rounds, unrecorded_rounds=unrecorded, seconds=seconds)


class Launches:
    """Gives each launch a number, and fails for who is to fail; a launch takes ten seconds."""

    def __init__(self, failing: str = "") -> None:
        self.names: list[str] = []
        self._failing = failing

    def __call__(self, program: Program) -> Figures:
        self.names.append(program.name)
        if program.name == self._failing:
            raise FailedError("no reason")
        return {"n": float(len(self.names))}

    def clock(self) -> float:
        return 10.0 * len(self.names)


A, B, C = (Program(name, "", "") for name in "abc")


def quiet(text: str) -> None:
    """Say nothing."""


def test_turns() -> None:
    """Round by round, in the order of the row."""
    launches = Launches()
    results = run_row(row(A, B), launches, say=quiet)
    assert launches.names == ["a", "b"] * 3
    assert results == {"a": Found([{"n": 1.0}, {"n": 3.0}, {"n": 5.0}]), "b": Found([{"n": 2.0}, {"n": 4.0}, {"n": 6.0}])}


def test_failure() -> None:
    """Who fails is not run again, and says why."""
    launches = Launches(failing="a")
    results = run_row(row(A, B), launches, say=quiet)
    assert launches.names == ["a", "b", "b", "b"]
    assert results["a"] == Found([], "no reason")
    assert len(results["b"].runs) == 3


def test_environment_that_cannot_be_had() -> None:
    """Its programs are not run."""
    launches = Launches()
    peer = Program("peer", "", "", "torch")
    results = run_row(row(A, peer), launches, troubles={"torch": "left out"}, say=quiet)
    assert set(launches.names) == {"a"}
    assert results["peer"] == Found([], "left out")


def test_rounds() -> None:
    """Rounds to warm up do not count; a program may have fewer rounds than its row."""
    launches = Launches()
    once = Program("once", "", "", rounds=1)
    results = run_row(row(A, once, rounds=2, unrecorded=1), launches, say=quiet)
    assert launches.names == ["a", "once", "a", "once", "a"]
    assert results == {"a": Found([{"n": 3.0}, {"n": 5.0}]), "once": Found([{"n": 4.0}])}


@pytest.mark.parametrize(("quick", "seconds", "rounds"), [(False, 0, 1), (False, 35, 2), (False, 41, 3), (True, 100, 1), (True, 200, 2)])
def test_time(quick: bool, seconds: float, rounds: int) -> None:
    """No round is begun when the time is over, but the first is; a quick run has a sixth of it, and two rounds."""
    launches = Launches()
    run_row(row(A, B, seconds=seconds), launches, quick=quick, clock=launches.clock, say=quiet)
    assert len(launches.names) == 2 * rounds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OSError: [Errno 2] no file '/home/someone/x/y.npy'", "OSError: [Errno 2] no file 'y.npy'"),
        ("cannot open /a/b/c.so: no memory", "cannot open c.so: no memory"),
        ("1,000/s on 2/3 cores", "1,000/s on 2/3 cores"),
        ("http://127.0.0.1:80/a/b", "http://127.0.0.1:80/a/b"),
    ],
)
def test_without_paths(text: str, expected: str) -> None:
    """A reason does not tell of this machine's folders."""
    assert without_paths(text) == expected


def test_command() -> None:
    """A quick run's arguments go before the others."""
    program = Program("x", "images", "pillow", arguments={"count": 5, "photo": PHOTO}, quick={"count": 1})
    assert program.command(quick=False) == ["benchmarks.programs.images", "pillow", "--count=5", "--photo={photo}"]
    assert program.command(quick=True) == ["benchmarks.programs.images", "pillow", "--count=1", "--photo={photo}"]


def test_launcher_tells_why(tmp_path: Path) -> None:
    """The last line of what a program says is the reason."""
    broken = Program("x", "images", "pillow", arguments={"count": 1, "photo": PHOTO})
    with pytest.raises(FailedError, match=r"^FileNotFoundError: .* 'photo.npy'$"):
        Launcher(tmp_path)(broken)


def test_install_keeps_what_is_there(tmp_path: Path) -> None:
    """An environment that is as it should be is not made again; one that cannot be made is a trouble with a reason."""
    folder = tmp_path / ".venv-bench-torch"
    folder.mkdir()
    (folder / ".ready").write_text(ENVIRONMENTS["torch"].text)
    install("torch", tmp_path)
    assert [path.name for path in folder.iterdir()] == [".ready"]
    assert sys.version in ENVIRONMENTS["torch"].text


def test_install_tells_why_it_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that cannot be had is an error with a reason, and is tried again next time."""
    monkeypatch.setattr("benchmarks.environments.venv.create", lambda *arguments, **settings: None)
    python = tmp_path / ".venv-bench-clu" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'first line' >&2\necho 'ERROR: no such package' >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(InstallError, match=r"^ERROR: no such package$"):
        install("clu", tmp_path)
    assert not (tmp_path / ".venv-bench-clu" / ".ready").exists()
