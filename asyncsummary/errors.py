"""What can go wrong, whose fault it is, and whether a retry can help.

::

    SummaryError
    ├── InvalidArgumentError (ValueError)   yours: an argument of a writer, a scope or a step; nothing was done
    │   └── InvalidSummaryError             yours: a summary's value, tag or step; nothing of it was written, later ones work
    ├── WriterClosedError (RuntimeError)    yours: written after close(); ``await writer.init()`` opens it again
    ├── WrongLoopError (RuntimeError)       yours: used from another event loop, thread or forked child
    ├── QueueFullError                      the storage's: overflow="raise" and the queue is full; a later write can succeed
    ├── OpenError                           the logdir, or the database, cannot be opened; the message names the cure
    ├── CommitError                         the storage's: summaries that were accepted are not committed (yet)
    │   ├── FlushTimeoutError (TimeoutError)    flush(timeout=) ran out; they are still waiting, a later flush can succeed
    │   └── ForeignWriterError              another process wrote to our segment, and ``foreign_writer="raise"``
    └── PipelineError                       ours: the writer's task died of a bug; the cause is attached, nothing more is accepted
"""


def shown(value: object, longest: int = 60) -> str:
    """Return how a value is shown in an error's message: the beginning of its repr, or its type where it has none.

    An int of more than 4300 digits has none, and the repr of a user's class may raise anything.
    """
    try:
        return repr(value)[:longest]
    except Exception:  # the class's own repr may raise anything
        return f"<{type(value).__name__}>"


class SummaryError(Exception):
    """Root of the errors that this package raises.

    ``retriable`` says whether the same call can succeed later without anybody changing anything.
    """

    retriable = False


class InvalidArgumentError(SummaryError, ValueError):
    """An argument cannot be used; the message names it. Nothing was done."""


class InvalidSummaryError(InvalidArgumentError):
    """A summary cannot be written; the message names the argument and the tag. Nothing of it was written.

    ``tag`` is the tag as it was given.
    """

    def __init__(self, message: str, tag: object = None) -> None:
        super().__init__(message)
        self.tag = tag


class InvalidTypeError(InvalidSummaryError, TypeError):
    """The same, where it is the type that is wrong."""


class WriterClosedError(SummaryError, RuntimeError):
    """The writer was closed."""


class WrongLoopError(SummaryError, RuntimeError):
    """The writer belongs to another event loop, thread or process."""


class QueueFullError(SummaryError):
    """The queue is full and ``overflow="raise"``; this summary was not accepted."""

    retriable = True


class OpenError(SummaryError):
    """The logdir, or the database, cannot be opened. ``retriable`` is that of the storage's error, which is the cause."""

    def __init__(self, message: str, *, retriable: bool = False) -> None:
        super().__init__(message)
        self.retriable = retriable


class CommitError(SummaryError):
    """Accepted summaries are not committed.

    ``uncommitted`` counts them. After ``flush()`` they are still waiting and are tried again; after ``close()`` they are lost.
    """

    def __init__(self, message: str, *, uncommitted: int = 0, retriable: bool = True) -> None:
        super().__init__(message)
        self.uncommitted = uncommitted
        self.retriable = retriable


class FlushTimeoutError(CommitError, TimeoutError):
    """The timeout given to ``flush()`` ran out first."""


class ForeignWriterError(CommitError):
    """Another process wrote to the segment that this writer was appending to; the message names both. Nothing was overwritten."""


class PipelineError(SummaryError):
    """The writer's task died of an unexpected error, which is the cause."""
