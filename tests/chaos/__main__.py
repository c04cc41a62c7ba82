"""Run the chaos suite and write its report: python -m tests.chaos --full --report docs/reliability.md."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos import disk, histories, kills, outages, wire
from tests.chaos.clouds import BUCKET
from tests.chaos.report import Section, as_markdown
from tests.support.quiet import quiet
from tests.support.servers import MotoServer

SECTIONS = ("wire", "kills", "outages", "disk", "histories")


def sections(wanted: list[str], seed: int, *, full: bool) -> Iterator[Section]:
    """Yield the sections as they are done."""
    with MotoServer() as moto, tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # spools of runs that are not to find each other's
        moto.make_bucket(BUCKET)
        runs: dict[str, Callable[[], Section]] = {
            "wire": lambda: asyncio.run(wire.run_wire(moto, seed, full=full)),
            "kills": lambda: asyncio.run(kills.run_kills(moto, Path(folder), seed, full=full)),
            "outages": lambda: asyncio.run(outages.run_outages(moto, full=full)),
            "disk": lambda: asyncio.run(disk.run_disk(Path(folder), seed, full=full)),
            "histories": lambda: histories.run_histories(seed, full=full),
        }
        for key in wanted:
            print(f"{key} ...", file=sys.stderr, flush=True)
            yield runs[key]()


def main() -> int:
    """Run, write, and return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--full", action="store_true", help="all runs, not some; about twenty minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="a Markdown file for the result; else it is printed")
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; all by default")
    given = parser.parse_args()
    unknown = set(given.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    with quiet():
        done = list(sections(given.sections or list(SECTIONS), given.seed, full=given.full))
    text = as_markdown(done, given.seed, full=given.full)
    if given.report:
        given.report.write_text(text)
    else:
        print(text)
    return 0 if all(section.good for section in done) else 1


if __name__ == "__main__":
    sys.exit(main())
