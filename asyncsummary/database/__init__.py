"""Summaries in SQLite databases, with the tables of tf.contrib.summary.create_db_writer; docs/database.md has their meaning.

The way of one summary: ``factory`` and ``names`` (who writes what), ``resource`` and ``scalars`` (what is accepted), the queue and the
pipeline of all writers, ``sink`` (batches become transactions), ``rows``, ``tensors``, ``graphs`` and ``plan`` (which rows), ``catalog``
and ``ids`` (under which ids), ``connection`` and ``schema`` (SQLite).
"""

from asyncsummary.database.factory import create_db_writer

__all__ = ["create_db_writer"]
