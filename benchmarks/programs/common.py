"""What do all programs have in common? A command line made from a dataclass, a folder to write to, and one line of JSON at the end."""

import argparse
import dataclasses
import json
import os
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

TAGS = [f"train/tag{index:02d}" for index in range(20)]

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Options:
    """An empty ``logdir`` becomes a temporary folder, one that ends in a slash gets a folder of its own in there."""

    logdir: str = ""


Chosen = TypeVar("Chosen", bound=Options)


def main(defaults: Chosen, programs: Mapping[str, Callable[[Chosen], Figures]]) -> None:
    """Run the program that the command line names, and print its figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=list(programs))
    for field in dataclasses.fields(defaults):
        default = getattr(defaults, field.name)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(default), default=default)
    chosen = vars(parser.parse_args())
    program = programs[chosen.pop("program")]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        logdir = chosen.pop("logdir") or folder
        options = dataclasses.replace(defaults, logdir=logdir + uuid.uuid4().hex if logdir.endswith("/") else logdir, **chosen)
        print(json.dumps(program(options)), flush=True)
    if threading.active_count() > 1:
        os._exit(0)  # a peer's threads may go on for minutes with what it has not sent


def written_bytes(logdir: str) -> int:
    """Return how many bytes are in the files of a local folder, and in its folders."""
    return sum(path.stat().st_size for path in Path(logdir).rglob("*") if path.is_file())
