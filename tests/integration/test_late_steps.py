"""What both readers of TensorBoard make of late steps: what ``docs/late_steps.md`` and the default of ``late_steps`` rest on."""

from pathlib import Path

import pytest

from benchmarks.late_steps import CASES, DOCUMENT, READERS, Run, late_into, measure, up_to_22
from tests.support.events import accumulated

RUST = [reader for reader in READERS if "Rust" in reader]
PYTHON = [reader for reader in READERS if "Python" in reader]


async def test_what_the_readers_show(tmp_path: Path) -> None:
    """Of each case, live and afterwards."""
    found = await measure(tmp_path)

    def steps(reader: str, case: str, curve: str = " loss") -> list[int]:
        return [step for step, _ in found[reader][case][curve]]

    for case in ("a", "b"):
        for reader in RUST:
            assert steps(reader, case) == [12, 23, 24], "Rust erases behind a lower step"
        for reader in PYTHON:
            assert steps(reader, case) == [20, 21, 22, 12, 23, 24], "Python keeps all"
    again = [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0), (6, 2.0)]
    for case in ("c1", "c2", "c3"):
        for reader in RUST:
            assert found[reader][case] == {" loss": again, " other": [(step, 1.0) for step in range(6)]}, (
                "Rust needs no START, nor heeds it"
            )
    for reader in PYTHON:
        assert found[reader]["c2"] == {" loss": again, " other": [(0, 1.0), (1, 1.0), (2, 1.0)]}, "a second START cuts all tags"
        for case in ("c1", "c3"):
            assert steps(reader, case) == [0, 1, 2, 3, 4, 5, 3, 4, 5, 6], "a lone START does nothing"
    python_live, python_afterwards, rust_live, rust_afterwards = READERS
    assert steps(python_live, "d2", " loss0") == [0, 1], "Python leaves a file once there is a later one"
    assert steps(python_live, "d1") == [0, 1, 3, 5]
    assert steps(python_afterwards, "d1") == [0, 2, 4, 1, 3, 5]
    assert steps(rust_afterwards, "d1") == [0, 1, 3, 5]
    for reader in (python_afterwards, rust_live, rust_afterwards):
        assert steps(reader, "d2", " loss0") == [0, 1, 2, 3]
    for reader in READERS:
        assert steps(reader, "d2", " loss1") == [0, 1, 2, 3]
    for reader in RUST:
        assert found[reader]["e"][" loss"] == [(1, 1.0), (2, 2.0), (3, 1.0)], "Rust shows the last of equal steps"
        assert steps(reader, "f3", "/late loss") == [5]
    for reader in PYTHON:
        assert steps(reader, "e") == [1, 2, 2, 3]
        assert steps(reader, "f3", "/late loss") == [12, 13, 5]
    for reader in READERS:
        for case, run in (("f1", "_late"), ("f2", "/late")):
            assert found[reader][case] == {" loss": [(step, 1.0) for step in range(20, 25)], f"{run} loss": [(12, 1.0)]}, (
                "runs of their own"
            )


@pytest.mark.parametrize("folder", ["/late", "_late"])
async def test_a_run_beside_it_is_no_part_of_it(folder: str, tmp_path: Path) -> None:
    """To a program that reads one run."""
    run = Run(tmp_path / "run")
    await up_to_22(run)
    await late_into(folder, 12)(run)
    await run.close()
    assert [step for step, _ in accumulated(tmp_path / "run")["loss"]] == [20, 21, 22, 23, 24]
    assert [step for step, _ in accumulated(f"{tmp_path}/run{folder}")["loss"]] == [12]


def test_the_document_has_every_case() -> None:
    """As ``make late-steps`` writes it."""
    text = DOCUMENT.read_text()
    for case in CASES:
        assert f"| {case.name} | {case.says} |" in text
