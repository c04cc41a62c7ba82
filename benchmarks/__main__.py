"""Which benchmarks are run, and where do the figures go?

    python -m benchmarks                         # all rows, to the terminal
    python -m benchmarks --quick --rows 1,3
    python -m benchmarks --peers none            # nothing is installed
    python -m benchmarks --report docs           # and write benchmarks.md, benchmarks.json and the plots
    python -m benchmarks --render docs           # run nothing; write benchmarks.md and the plots again from benchmarks.json

Peers are installed before anything is timed, each in an environment of its own beside the project's.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.catalogue import ROWS
from benchmarks.environments import ENVIRONMENTS, InstallError, install
from benchmarks.machine import machine
from benchmarks.page import Report, as_json, as_markdown, from_json
from benchmarks.plots import draw
from benchmarks.rows import PHOTO, Row
from benchmarks.runner import ROOT, Launcher, make_photo, run_row, without_paths
from benchmarks.storage import slow_bucket


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="asyncsummary beside its peers, on this machine")
    parser.add_argument("--quick", action="store_true", help="about three minutes: fewer rounds, fewer events")
    parser.add_argument("--rows", default=",".join(row.key for row in ROWS), help="numbers of rows, with commas between")
    parser.add_argument("--peers", default=",".join(ENVIRONMENTS), help="names with commas between, or none")
    parser.add_argument("--report", type=Path, help="a folder: write benchmarks.md, benchmarks.json and images/ there")
    parser.add_argument("--render", type=Path, help="a folder with a benchmarks.json: write the rest from it, and run nothing")
    return parser.parse_args()


def chosen(names: str, of: list[str]) -> list[str]:
    """Return the names that are in a list with commas, in our order."""
    wanted = {name.strip() for name in names.split(",")} - {"none", ""}
    if unknown := wanted - set(of):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(of)}")
    return [name for name in of if name in wanted]


def install_peers(rows: list[Row], peers: list[str]) -> dict[str, str]:
    """Make the environments that rows need; return why some cannot be had."""
    troubles = {}
    for name in sorted(set().union(*(row.environments for row in rows))):
        if name not in peers:
            troubles[name] = "left out"
            continue
        say(f"environment of {name}")
        try:
            install(name, ROOT)
        except InstallError as error:
            troubles[name] = without_paths(str(error))
            say(f"  {troubles[name]}")
    return troubles


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def run(rows: list[Row], peers: list[str], *, quick: bool) -> Report:
    """Run the rows one after the other."""
    troubles = install_peers(rows, peers)
    report = Report(machine(), quick=quick)
    report.packages = {
        name: [*environment.alone, *environment.requirements] for name, environment in ENVIRONMENTS.items() if name not in troubles
    }
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if any(PHOTO in program.arguments.values() for row in rows for program in row.programs):
            make_photo(folder)
        for row in rows:
            say(f"{row.key}. {row.title}")
            with contextlib.ExitStack() as stack:
                delay = row.request_milliseconds
                variables = {} if delay is None else stack.enter_context(slow_bucket(delay))
                launcher = Launcher(folder, quick=quick, variables=variables)
                report.rows[row.key] = run_row(row, launcher, quick=quick, troubles=troubles, say=say)
    report.minutes = (time.monotonic() - begun) / 60
    return report


def write(report: Report, rows: list[Row], folder: Path) -> None:
    """Write the documents."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.json").write_text(json.dumps(as_json(report, rows), indent=1) + "\n")
    (folder / "benchmarks.md").write_text(as_markdown(report, rows))
    for row in rows:
        draw(row, report.rows[row.key], folder / "images")


def main() -> None:
    """Run what the command line asks for."""
    options = arguments()
    if options.render:
        measured = from_json(json.loads((options.render / "benchmarks.json").read_text()))
        write(measured, [row for row in ROWS if row.key in measured.rows], options.render)
        return
    rows = [row for row in ROWS if row.key in chosen(options.rows, [row.key for row in ROWS])]
    report = run(rows, chosen(options.peers, list(ENVIRONMENTS)), quick=options.quick)
    print(as_markdown(report, rows))
    if options.report:
        write(report, rows, options.report)


if __name__ == "__main__":
    main()
