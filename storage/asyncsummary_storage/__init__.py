"""Segments that only ever grow, on local disks, S3, GCS and other fsspec storages, each append under a precondition.

This package knows bytes, not what they mean. Read in this order: ``position``, ``errors``, ``protocols`` (the contract), ``memory``
(the reference), ``local``, ``objects`` with ``s3``, ``s3_express`` and ``gcs``, ``anyfs``, ``opening``; ``faulty`` is for tests.
"""

from asyncsummary_storage.errors import (
    AccessDeniedError,
    ContainerMissingError,
    NotAFolderError,
    OutcomeUnknownError,
    PermanentError,
    PreconditionFailedError,
    SegmentFullError,
    SegmentMissingError,
    StorageError,
    ThrottledError,
    TransientError,
    UnsupportedError,
)
from asyncsummary_storage.faulty import Fault, FaultyFolder, Script, When
from asyncsummary_storage.in_thread import in_thread
from asyncsummary_storage.local import LocalFolder
from asyncsummary_storage.memory import MemoryDisk, MemoryFolder
from asyncsummary_storage.opening import absolute, is_local, open_folder, scheme_of
from asyncsummary_storage.position import NOTHING, Position
from asyncsummary_storage.protocols import Entry, Folder, Growth, Segment, Terms

__all__ = [
    "NOTHING",
    "AccessDeniedError",
    "ContainerMissingError",
    "Entry",
    "Fault",
    "FaultyFolder",
    "Folder",
    "Growth",
    "LocalFolder",
    "MemoryDisk",
    "MemoryFolder",
    "NotAFolderError",
    "OutcomeUnknownError",
    "PermanentError",
    "Position",
    "PreconditionFailedError",
    "Script",
    "Segment",
    "SegmentFullError",
    "SegmentMissingError",
    "StorageError",
    "Terms",
    "ThrottledError",
    "TransientError",
    "UnsupportedError",
    "When",
    "absolute",
    "in_thread",
    "is_local",
    "open_folder",
    "scheme_of",
]
