"""What may a user choose for a writer, and what is chosen for them? ``create_file_writer``'s arguments, checked."""

import enum
import operator
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, SupportsIndex, TypeVar

from asyncsummary.batch import BatchPolicy
from asyncsummary.commit import RetryPolicy
from asyncsummary.errors import InvalidArgumentError, shown
from asyncsummary.order import LatePolicy
from asyncsummary.plan import KIB, MIB
from asyncsummary.queue import Limits, Overflow
from asyncsummary.spool import default_root
from asyncsummary_storage import StorageError, absolute, is_local, open_folder

MAX_PENDING_BYTES = 64 * MIB
BATCHES_PENDING = 16
"""A batch is due when this part of ``max_pending_bytes`` waits, so that uploads of much begin early."""
MAX_PENDING_SUMMARIES = 2_000_000
MAX_SPOOL_BYTES = 1024 * MIB
RETRY_SECONDS = 60.0
REQUEST_SECONDS = 20.0

LONGEST_MILLIS = 10**18
"""Thirty million years; far beyond it there are no floats for the seconds."""
_PATHLIB_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")
_Choice = TypeVar("_Choice", bound=enum.Enum)


class Durability(enum.Enum):
    """Where a batch goes first."""

    COMMIT = "commit"
    """To the logdir; to the local spool only while that is away."""

    SPOOL = "spool"
    """To the local spool, so that a process that is killed leaves it there for the next one."""


class ForeignWriter(enum.Enum):
    """What happens when somebody else has written to our segment."""

    CONTINUE = "continue"
    """We go on in a segment of our own."""

    RAISE = "raise"
    """``flush`` and ``close`` raise ForeignWriterError."""


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """Everything that a writer's pipeline is told. Times are in seconds."""

    logdir: str
    filename_suffix: str = ".v2"
    resume: bool = False
    session_start: bool = True
    """Whether a new run begins with a SessionLog START."""
    storage_options: Mapping[str, Any] = field(default_factory=dict)
    batch: BatchPolicy = field(default_factory=lambda: BatchPolicy(10, 120.0, MAX_PENDING_BYTES // BATCHES_PENDING))
    max_segment_bytes: int | None = None
    """The user's own limit of a segment's size; the planner may stay below it."""
    spool_root: Path | None = None
    """Where spools are; None for a writer that has none."""
    max_spool_bytes: int = MAX_SPOOL_BYTES
    durability: Durability = Durability.COMMIT
    foreign_writer: ForeignWriter = ForeignWriter.CONTINUE
    limits: Limits = field(default_factory=lambda: Limits(MAX_PENDING_SUMMARIES, MAX_PENDING_BYTES))
    overflow: Overflow = Overflow.BLOCK
    late_steps: LatePolicy = LatePolicy.WARN
    is_late_run: bool = False
    """Whether this is where another writer's late scalars go: they were accepted, counted and told of there."""
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(RETRY_SECONDS))
    request_seconds: float = REQUEST_SECONDS
    """A request without an answer for so long, and a while more for what it has to send, has an unknown outcome."""
    farewell_seconds: float = 5.0
    """How long a writer that was left open tries to commit what waits, when its event loop shuts down."""


def make_config(
    logdir: object,
    *,
    max_queue: object,
    flush_millis: object,
    filename_suffix: object,
    resume: object,
    storage_options: object,
    max_pending_bytes: object,
    overflow: object,
    late_steps: object,
    retry_seconds: object,
    max_segment_bytes: object = None,
    spool_dir: object = None,
    max_spool_bytes: object = MAX_SPOOL_BYTES,
    durability: object = "commit",
    foreign_writer: object = "continue",
    session_start: bool = True,
    first_at_once: bool = False,
) -> WriterConfig:
    """Return the configuration, with the defaults for that kind of logdir.

    Raises:
        InvalidArgumentError: the message names the argument.
    """
    url = _logdir(logdir)
    local = is_local(url)
    options = _options(storage_options)
    _require_storage(url, options)
    pending = whole("max_pending_bytes", max_pending_bytes, at_least=1)
    count = 10 if max_queue is None and local else None if max_queue is None else whole("max_queue", max_queue)
    millis = (120_000 if local else 10_000) if flush_millis is None else whole("flush_millis", flush_millis, at_most=LONGEST_MILLIS)
    root = _spool_root(spool_dir, local=local)
    room = whole("max_spool_bytes", max_spool_bytes, at_least=1)
    if root is not None and room < pending // 2:
        raise InvalidArgumentError(
            f"max_spool_bytes: must be at least half of max_pending_bytes, {pending // 2}: so much goes there at once"
        )
    wanted = one_of("durability", durability, Durability)
    if wanted is Durability.SPOOL and root is None:
        raise InvalidArgumentError("durability: 'spool' needs a spool_dir; a local logdir has none by default")
    if not isinstance(resume, bool):
        raise InvalidArgumentError(f"resume: must be True or False, got {shown(resume)}")
    return WriterConfig(
        logdir=absolute(url),  # tasks change folders, and so do the processes that find this in a spool
        filename_suffix=_suffix(filename_suffix, local=local),
        resume=resume,
        session_start=session_start,
        storage_options=options,
        batch=BatchPolicy(count, millis / 1000, max(1, pending // BATCHES_PENDING), first_at_once),
        max_segment_bytes=None if max_segment_bytes is None else whole("max_segment_bytes", max_segment_bytes, at_least=64 * KIB),
        spool_root=root,
        max_spool_bytes=room,
        durability=wanted,
        foreign_writer=one_of("foreign_writer", foreign_writer, ForeignWriter),
        limits=Limits(MAX_PENDING_SUMMARIES, pending),
        overflow=one_of("overflow", overflow, Overflow),
        late_steps=one_of("late_steps", late_steps, LatePolicy),
        retry=RetryPolicy(positive_seconds("retry_seconds", retry_seconds)),
    )


def _logdir(logdir: object) -> str:
    if not isinstance(logdir, str | os.PathLike):
        raise InvalidArgumentError(f"logdir: must be a str or a path, got {shown(logdir)} of type {type(logdir).__name__}")
    path = os.fspath(logdir)
    if isinstance(path, bytes):
        raise InvalidArgumentError(f"logdir: must be a str or a path, got bytes {path!r}")
    if not path:
        raise InvalidArgumentError("logdir: is empty; use '.' for the current folder")
    if "\0" in path:
        raise InvalidArgumentError(f"logdir: {path!r} holds a null character")
    require_name("logdir", path, local=is_local(path))
    collapsed = _PATHLIB_URL.match(path)
    if collapsed:
        raise InvalidArgumentError(
            f"logdir: {path!r} looks like a URL that pathlib has shortened; pass it as a str, {collapsed.group(1)}://..."
        )
    last = path.rstrip("/").rsplit("/", 1)[-1]
    if "tfevents" in last:
        raise InvalidArgumentError(
            f"logdir: TensorBoard takes a folder called {last!r} for an event file; leave 'tfevents' out of its name"
        )
    return path


def require_name(argument: str, name: str, *, local: bool) -> None:
    """See that a storage can take a name: UTF-8, or locally what Python makes of any other bytes that it finds there.

    Raises InvalidArgumentError, which names the argument.
    """
    try:
        os.fsencode(name) if local else name.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"{argument}: {name!r} cannot be a file's name: {error.reason}") from error


def _spool_root(spool_dir: object, *, local: bool) -> Path | None:
    if spool_dir is False:
        return None
    if spool_dir is None:
        return None if local else default_root()
    if isinstance(spool_dir, str | os.PathLike) and isinstance(os.fspath(spool_dir), str) and os.fspath(spool_dir):
        require_name("spool_dir", os.fspath(spool_dir), local=True)
        return Path(absolute(os.fspath(spool_dir)))
    raise InvalidArgumentError(f"spool_dir: must be a folder's path, None or False, got {shown(spool_dir)}")


def _require_storage(url: str, options: Mapping[str, Any]) -> None:
    try:
        open_folder(url, options)
    except StorageError as error:
        raise InvalidArgumentError(f"logdir: {error}") from error


def _options(options: object) -> dict[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise InvalidArgumentError(f"storage_options: must be a dict, got {shown(options)} of type {type(options).__name__}")
    return dict(options)


def whole(name: str, value: object, at_least: int = 0, at_most: int | None = None) -> int:
    """Return an argument that must be an integer. Raises InvalidArgumentError, which names it."""
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise InvalidArgumentError(f"{name}: must be an integer, got {shown(value)} of type {type(value).__name__}")
    number = operator.index(value)
    if number < at_least:
        raise InvalidArgumentError(f"{name}: must be at least {at_least}, got {shown(number)}")
    if at_most is not None and number > at_most:
        raise InvalidArgumentError(f"{name}: must be at most {at_most}, got {shown(number)}")
    return number


def positive_seconds(name: str, value: object) -> float:
    """Return an argument that must be a positive time. Raises InvalidArgumentError, which names it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise InvalidArgumentError(f"{name}: must be a positive number of seconds, got {shown(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidArgumentError(f"{name}: {shown(value)} seconds are more than a float has") from error


def _suffix(suffix: object, *, local: bool) -> str:
    if suffix is None:
        return ".v2"
    if not isinstance(suffix, str):
        raise InvalidArgumentError(f"filename_suffix: must be a str or None, got {shown(suffix)} of type {type(suffix).__name__}")
    if "/" in suffix or "\0" in suffix:
        raise InvalidArgumentError(f"filename_suffix: becomes part of a file name and cannot hold a slash or a null, got {suffix!r}")
    require_name("filename_suffix", suffix, local=local)
    return suffix


def one_of(name: str, value: object, kind: type[_Choice]) -> _Choice:
    """Return an argument that must be one of the values of an enum. Raises InvalidArgumentError, which names it."""
    try:
        return kind(value)
    except ValueError as error:
        choices = ", ".join(repr(item.value) for item in kind)
        raise InvalidArgumentError(f"{name}: must be one of {choices}, got {shown(value)}") from error
