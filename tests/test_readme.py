"""What the READMEs show works when it is pasted."""

import contextlib
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.events import accumulated

ROOT = Path(__file__).parents[1]


def run_block(document: str, folder: Path, number: int = 0, of: int = 1) -> str:
    """Run a Python block of a document in a folder; return what it prints."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    assert len(blocks) == of
    program = [sys.executable, "-W", "error", "-c", blocks[number]]
    return subprocess.run(program, check=True, cwd=folder, stdout=subprocess.PIPE, text=True).stdout


def test_readme(tmp_path: Path) -> None:
    """Two runs of a hundred points each."""
    run_block("README.md", tmp_path, 0, of=2)
    for name in ("fast", "slow"):
        assert [step for step, _ in accumulated(tmp_path / "runs" / name)["loss"]] == list(range(100))


def test_readme_of_a_database(tmp_path: Path) -> None:
    """A hundred points again."""
    assert run_block("README.md", tmp_path, 1, of=2) == "('loss', 100)\n"


def test_docs_of_databases(tmp_path: Path) -> None:
    """And again; the statements that tidy up are SQL."""
    assert run_block("docs/database.md", tmp_path) == "('slow', 'loss', 100, 99)\n"
    (block,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "database.md").read_text(), re.DOTALL)
    with contextlib.closing(sqlite3.connect(tmp_path / "runs.sqlite")) as connection:
        connection.executescript(block)
        assert connection.execute("SELECT count(*) FROM Tensors").fetchone() == (100,)


def test_storage_readme(tmp_path: Path) -> None:
    """Two lines in one file."""
    run_block("storage/README.md", tmp_path)
    assert (tmp_path / "logs" / "0001.log").read_bytes() == b"first\nsecond\n"


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/database.md",
        "docs/kinds.md",
        "docs/late_steps.md",
        "docs/ranks.md",
        "storage/README.md",
    ],
)
def test_files_that_are_named_exist(name: str) -> None:
    """Documents do not point to what is gone."""
    text = (ROOT / name).read_text()
    for path in re.findall(r"[`(]((?:docs|examples|tests|storage|benchmarks|\.ci)/[\w./-]+)[`)]", text):
        assert (ROOT / path).exists(), path


def test_verbs_that_are_named_exist() -> None:
    """Every make verb in the documents is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    for name in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
        for verb in re.findall(r"(?:`|^    )make ([a-z0-9-]+)", (ROOT / name).read_text(), re.MULTILINE):
            assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb
