"""In which words are those told whose summaries are not committed?"""

import logging
import warnings

from asyncsummary.errors import CommitError, FlushTimeoutError, ForeignWriterError, InvalidSummaryError, OpenError
from asyncsummary.order import LatePolicy
from asyncsummary.sink import GaveUpError
from asyncsummary.spool import Spool
from asyncsummary.stats import Counters

_logger = logging.getLogger("asyncsummary")

_BECOMES = {
    LatePolicy.WARN: "it was kept (late_steps='subrun' puts such points into a run of their own)",
    LatePolicy.DROP: "such points are dropped",
    LatePolicy.SUBRUN: "such points go to the run 'late' beside it",
}


class Drops:
    """Counts what the overflow policy of a writer drops, and says so once. It knows no pipeline, which would then know itself."""

    def __init__(self, logdir: str, overflow: str, counters: Counters) -> None:
        self._logdir = logdir
        self._overflow = overflow
        self._counters = counters
        self._is_told = False

    def note(self, count: int) -> None:
        """So many were dropped."""
        self._counters.dropped += count
        if not self._is_told:
            self._is_told = True
            _logger.warning("%s: summaries are being dropped (overflow=%r); writer.stats counts them", self._logdir, self._overflow)


def tell_late(logdir: str, tag: str, policy: LatePolicy) -> None:
    """Say that a tag's steps went back, and what becomes of such points."""
    _logger.warning(
        "%s: tag %r got a step below one that was written before; %s. TensorBoard's default reader for local and gs:// logdirs "
        "erases the points in between",
        logdir,
        tag,
        _BECOMES[policy],
    )


def tell_spooling(logdir: str, last_error: str | None, spool: Spool) -> None:
    """Log that summaries go to the spool for now."""
    told = "%s: storage is slow or away (%s); summaries go to the spool in %s until it is back"
    _logger.warning(told, logdir, last_error or "no answer yet", spool.folder)


def not_committed(logdir: str, count: int, error: GaveUpError) -> CommitError:
    """Return what a flush raises: so many summaries are waiting, and are tried again."""
    told = _kind(error)(f"{count} summaries for {logdir!r} are not committed: {error}", uncommitted=count, retriable=not error.permanent)
    told.__cause__ = error.error
    return told


def timed_out(logdir: str, count: int, timeout: float | None, counters: Counters, *, is_open: bool = True) -> FlushTimeoutError:
    """Return what a flush raises when its time is over."""
    what = f"{count} summaries are not committed after {timeout} s; they are still waiting and will be tried again"
    if not is_open:
        what = f"it is not open after {timeout} s"
    return FlushTimeoutError(f"flush of {logdir!r}: {what}. Last error: {counters.last_error or 'none'}", uncommitted=count)


def closed_without(logdir: str, count: int, error: GaveUpError, where: str) -> CommitError:
    """Return what ``close`` raises: so many summaries are not committed; ``where`` says what is left of them."""
    told = _kind(error)(f"closed {logdir!r} with {count} summaries not committed: {error}{where}", uncommitted=count, retriable=False)
    told.__cause__ = error.error
    return told


def both(loss: CommitError | None, other: CommitError) -> CommitError:
    """Return what is raised where a run and its late run have something to tell."""
    if loss is None:
        return other
    told = type(loss)(f"{loss}; {other}", uncommitted=loss.uncommitted + other.uncommitted, retriable=False)
    told.__cause__ = loss.__cause__
    return told


def cannot_be_encoded(logdir: str, failed: list[InvalidSummaryError], before: CommitError | None) -> CommitError:
    """Return what the next ``flush`` or ``close`` raises of dropped summaries, those of ``before``, not told of yet, among them."""
    count = len(failed) + (0 if before is None else before.uncommitted)
    told = CommitError(f"{count} summaries of {logdir!r} are dropped: {failed[0]}", uncommitted=count, retriable=False)
    told.__cause__ = failed[0]
    return told


def shut_down_while_opening(logdir: str) -> OpenError:
    """Return what is raised to those who wait for an opening that the end of the event loop has cut short."""
    return OpenError(f"opening logdir {logdir!r} was cancelled, as its event loop shuts down")


def warn_of_end(logdir: str, lost: int, *, left_open: bool) -> None:
    """Warn of an event loop that ended before a writer was closed."""
    warnings.warn(
        f"the writer of {logdir!r} was {'left open' if left_open else 'still closing'} when its event loop shut down; "
        f"{lost} summaries were not committed. Use 'async with', or await close()",
        ResourceWarning,
        stacklevel=3,
    )


def whereabouts(spool: Spool | None, saved: int, lost: int) -> str:
    """Return where those are that were ``saved``, the late run's among them, as the end of a sentence; ``lost`` summaries were not."""
    if spool is None or not saved:
        return ""
    what = "All of them" if not lost else f"{saved} of them"
    where = f"spool in {spool.folder}" if saved == spool.own else f"spools of the run and its late run in {spool.folder.parent}"
    return f". {what} are in the {where}; the next writer of this logdir on this machine commits them, and so does 'asyncsummary sync'"


def _kind(error: GaveUpError) -> type[CommitError]:
    return ForeignWriterError if isinstance(error.error, ForeignWriterError) else CommitError
