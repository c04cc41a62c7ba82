"""Summaries in SQLite databases, with the tables of tf.contrib.summary.create_db_writer; docs/database.md has their meaning.

The way of one summary: ``factory`` and ``names`` (who writes what), ``resource`` and ``scalars`` (what is accepted), the queue and the
pipeline of all writers, ``sink`` (batches become transactions), ``rows``, ``tensors``, ``graphs`` and ``plan`` (which rows), ``catalog``
and ``ids`` (under which ids), ``connection`` and ``schema`` (SQLite). ``exporting``, with ``events``, and ``importing`` go from databases
to event files and back.
"""

from asyncsummary.database.exporting import ExportedRun, export
from asyncsummary.database.factory import create_db_writer
from asyncsummary.database.importing import ImportedRun, import_logdir

__all__ = ["ExportedRun", "ImportedRun", "create_db_writer", "export", "import_logdir"]
