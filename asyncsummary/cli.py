"""What can be done from a shell? ``asyncsummary sync``, ``export`` and ``import``."""

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
    """Run a command; return the exit status: 1 if something is left in the spool, or of event files, 2 if nothing could be done."""
    parser = argparse.ArgumentParser(prog="asyncsummary", description="TensorBoard summaries from async Python.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_database_commands(commands)
    command = commands.add_parser("sync", help="commit what processes that are gone have left in the local spool")
    command.set_defaults(run=_sync)
    command.add_argument("--spool-dir", help=f"where the spool is (default: {default_root()})")
    command.add_argument("--logdir", help="of this logdir only")
    command.add_argument("--storage-options", help="a JSON object for the logdir's filesystem, as the writers had it")
    command.add_argument("--retry-seconds", type=float, default=RETRY_SECONDS, help="how long an append is tried again")
    given = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    try:
        status: int = asyncio.run(given.run(given))
        return status
    except SummaryError as error:
        print(f"asyncsummary: {error}", file=sys.stderr)
        return 2


def _add_database_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    out = commands.add_parser("export", help="write a database of create_db_writer, ours or TensorFlow's, out as event files")
    out.set_defaults(run=_export)
    out.add_argument("database")
    out.add_argument("logdir")
    out.add_argument("--storage-options", help="a JSON object for the logdir's filesystem")
    out.add_argument("--with-orphans", action="store_true", help="also runs whose names newer runs have")
    back = commands.add_parser("import", help="write the runs below a logdir into a database")
    back.set_defaults(run=_import)
    back.add_argument("logdir")
    back.add_argument("database")
    back.add_argument("--experiment", help="default: the last part of the logdir")
    back.add_argument("--user", help="default: you")
    back.add_argument("--storage-options", help="a JSON object for the logdir's filesystem")


def _counted(count: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


async def _export(given: argparse.Namespace) -> int:
    from asyncsummary.database import export

    done = await export(given.database, given.logdir, storage_options=options_of(given.storage_options), with_orphans=given.with_orphans)
    for run in done:
        print(f"{run.logdir}: {_counted(run.events, 'event')}")
    print(f"{_counted(len(done), 'run')} exported")
    return 0


async def _import(given: argparse.Namespace) -> int:
    from asyncsummary.database import import_logdir

    done = await import_logdir(
        given.logdir,
        given.database,
        experiment_name=given.experiment,
        user_name=given.user,
        storage_options=options_of(given.storage_options),
    )
    for run in done:
        print(f"{run.run_name}: {_counted(run.events, 'event')}" + (f", {run.skipped} left out" if run.skipped else ""))
    print(f"{_counted(len(done), 'run')} imported")
    return 1 if any(run.skipped or run.damage for run in done) else 0


async def _sync(given: argparse.Namespace) -> int:
    options = options_of(given.storage_options)
    done = await sync(given.spool_dir, given.logdir, options, retry_seconds=given.retry_seconds, on_end=_say)
    if not any(one.committed or one.left or one.error for one in done):
        print("nothing was left in the spool")
    return 1 if any(one.error for one in done) else 0


def _say(one: Synced) -> None:
    if one.committed or one.left or one.error:
        print(f"{one.logdir}: {one.committed} summaries committed" + (f", {one.left} left: {one.error}" if one.error else ""), flush=True)


if __name__ == "__main__":
    sys.exit(main())
