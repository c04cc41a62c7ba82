"""What can be done from a shell? ``asyncsummary sync``."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence

from asyncsummary import __version__
from asyncsummary.config import RETRY_SECONDS
from asyncsummary.errors import SummaryError
from asyncsummary.spool import default_root
from asyncsummary.sync import Synced, options_of, sync


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 1 if something is left in the spool."""
    parser = argparse.ArgumentParser(prog="asyncsummary", description="TensorBoard summaries from async Python.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("sync", help="commit what processes that are gone have left in the local spool")
    command.add_argument("--spool-dir", help=f"where the spool is (default: {default_root()})")
    command.add_argument("--logdir", help="of this logdir only")
    command.add_argument("--storage-options", help="a JSON object for the logdir's filesystem, as the writers had it")
    command.add_argument("--retry-seconds", type=float, default=RETRY_SECONDS, help="how long an append is tried again")
    given = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    try:
        return asyncio.run(_sync(given))
    except SummaryError as error:
        print(f"asyncsummary: {error}", file=sys.stderr)
        return 2


async def _sync(given: argparse.Namespace) -> int:
    options = options_of(given.storage_options)
    done = await sync(given.spool_dir, given.logdir, options, retry_seconds=given.retry_seconds, on_end=_say)
    if not any(one.committed or one.left for one in done):
        print("nothing was left in the spool")
    return 1 if any(one.error for one in done) else 0


def _say(one: Synced) -> None:
    if one.committed or one.left or one.error:
        print(f"{one.logdir}: {one.committed} summaries committed" + (f", {one.left} left: {one.error}" if one.error else ""), flush=True)


if __name__ == "__main__":
    sys.exit(main())
