"""How does a reader see at one look what was tried and what was lost? Sections of rows, written as Markdown."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was done, how many times, what became of it; ``figures`` go into the section's columns of its own."""

    what: str
    runs: int
    verdict: Verdict
    figures: tuple[str, ...] = ()
    skipped: str = ""
    failures: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return self.verdict.good and not self.failures


@dataclass(slots=True)
class Section:
    """A table with a sentence before it and the words that repeat it."""

    key: str
    title: str
    about: str
    columns: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return all(row.good for row in self.rows)


def machine() -> str:
    """Return what the figures depend on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


def as_markdown(sections: Sequence[Section], seed: int, *, full: bool) -> str:
    """Return the whole page."""
    bad = [row for section in sections for row in section.rows if not row.good]
    runs = sum(row.runs for section in sections for row in section.rows)
    total = sum((row.verdict for section in sections for row in section.rows), Verdict())
    how = "make chaos" if full else "python -m tests.chaos"
    lines = [
        "# Reliability",
        "",
        f"Written by `{how}` with seed {seed}, on {machine()}. Another seed: `make chaos SEED=2`; one section: `make chaos SECTIONS=wire`.",
        "The seed decides what is done and when; how processes and sockets race is up to the machine, so times differ from run to run.",
        "`make test` runs a part of each section.",
        "",
        "**confirmed**: events whose `flush()` or `close()` returned. **lost**: of those, not in the logdir. **doubled**: there more than",
        "once, confirmed or not. **disordered**: behind a later step of their tag. **unreadable**: segments with bytes that are no record.",
        "",
        f"In all: {runs:,} runs, {total.confirmed:,} events confirmed, **{total.lost} lost, {total.doubled} doubled**, "
        f"{total.disordered} disordered, {total.unreadable} unreadable; {len(bad)} rows with something wrong.",
    ]
    for section in sections:
        lines += ["", f"## {section.title}", "", section.about, "", *_table(section)]
        lines += [f"- **{row.what}**: {failure}" for row in section.rows for failure in row.failures]
    return "\n".join(lines).rstrip() + "\n"


def _table(section: Section) -> list[str]:
    heads = ("what", "runs", "confirmed", "lost", "doubled", "disordered", "unreadable", *section.columns)
    lines = [f"| {' | '.join(heads)} |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    for row in section.rows:
        if row.skipped:
            lines.append(f"| {row.what} | skipped: {row.skipped} |" + " |" * (len(heads) - 2))
            continue
        verdict = row.verdict
        counts = (verdict.lost, verdict.doubled, verdict.disordered + verdict.unknown, verdict.unreadable)
        cells = [f"{row.runs:,}", f"{verdict.confirmed:,}", *(str(n) if not n else f"**{n}**" for n in counts), *row.figures]
        lines.append(f"| {row.what} | {' | '.join(cells)} |")
    return [*lines, ""]
