"""How does one append become committed, whatever storage answers? A state machine, pure: told what happened, it says what to do next.

Every append carries the Position that it follows, so storage takes it once or refuses it. A refusal is not proof of another writer
(clients send a request twice by themselves), and no answer is not a failure. In both cases the machine looks (Probe) and compares
(ReadBack) before it decides. What grows in place may also have been cut off in the middle, by a connection that broke or a process that
was killed: then only the rest is appended.

::

    Begin ──► Append ──Stored──────────────────────────────► Committed
                │ ├──Refused, Unknown──► Probe ──Found──┬──► Sleep, then Append     the segment has not changed
                │ │                        ▲            ├──► ReadBack ─┬─► Committed  our bytes are there (also with others behind them)
                │ │                        │            │              ├─► Sleep, then Append the rest     their beginning is, at the end
                │ │                        │            └──► Fenced ◄──┘                                   something else is
                │ └──Unavailable──► Sleep ─┘
                └──Denied──► GaveUp ──Begin──► ...                                   also when the time is up
"""

from dataclasses import dataclass

from asyncsummary.beginning import length_in_common
from asyncsummary_storage import OutcomeUnknownError, Position, PreconditionFailedError, SegmentFullError, StorageError, TransientError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits grow from ``first_seconds`` by doubling to ``longest_seconds``; after ``window_seconds`` of them the machine gives up.

    Giving up loses nothing: the machine begins again where it was.
    """

    window_seconds: float
    first_seconds: float = 0.1
    longest_seconds: float = 10.0

    def wait(self, attempt: int, jitter: float) -> float:
        """Return the wait before retry number ``attempt`` (from 0); ``jitter`` in [0, 1) spreads writers that failed together."""
        return float(min(self.first_seconds * 2.0 ** min(attempt, 30), self.longest_seconds) * (0.5 + jitter / 2))


# What the machine asks for.


@dataclass(frozen=True, slots=True)
class Append:
    """Append the batch at this Position, but for its first ``stored`` bytes."""

    at: Position
    stored: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask where the segment ends."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Read the bytes from ``start`` up to ``stop``."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Committed:
    """The batch is stored, once; the segment ends here now.

    ``overtaken``: somebody else has appended behind it, so the segment is theirs from here on.
    """

    position: Position
    overtaken: bool = False


@dataclass(frozen=True, slots=True)
class Fenced:
    """The segment is another writer's now, or gone. Of this batch the first ``stored`` bytes are in it, which may end within a record."""

    found: Position
    stored: int = 0


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The batch is not known to be stored, for now. ``permanent``: waiting alone will not help."""

    error: Exception
    permanent: bool


Action = Append | Probe | ReadBack | Sleep | Committed | Fenced | GaveUp

# What the machine is told.


@dataclass(frozen=True, slots=True)
class Begin:
    """Start, or start again after ``GaveUp``."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The append was answered: it is stored."""

    position: Position


@dataclass(frozen=True, slots=True)
class Refused:
    """The precondition did not hold."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer came, or none that tells."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The request had no effect and may have one later. ``retry_after`` in seconds, if storage said so."""

    error: Exception
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """The request had no effect and will have none until somebody changes something."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to ``Probe``."""

    position: Position


@dataclass(frozen=True, slots=True)
class Read:
    """The answer to ``ReadBack``."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Woken:
    """The sleep is over."""


Outcome = Begin | Stored | Refused | Unknown | Unavailable | Denied | Found | Read | Woken


def outcome_of(error: StorageError) -> Outcome:
    """Return what an error of a request means for the append."""
    match error:
        case PreconditionFailedError() | SegmentFullError():  # full, maybe by this very append, which the client has sent twice
            return Refused(error)
        case OutcomeUnknownError():
            return Unknown(error)
        case TransientError():
            return Unavailable(error, error.retry_after)
        case _:
            return Denied(error)


@dataclass(slots=True)
class Commit:
    """The commit of one batch, ``data``, right after ``at``."""

    data: bytes
    at: Position
    policy: RetryPolicy
    retries: int = 0
    doubtful: bool = False
    """Whether the append may have been stored before, so that storage must be asked first."""
    grows_in_place: bool = False
    """Whether storage may have taken the beginning of an append: it writes the new bytes one after the other, and not a whole object."""
    last_error: Exception | None = None
    """Why it is tried again."""
    _stored: int = 0
    _stored_up_to: Position | None = None
    _found: Position | None = None
    _attempt: int = 0
    _deadline: float | None = None

    def step(self, outcome: Outcome, now: float, jitter: float) -> Action:
        """Return what to do after ``outcome``. ``now`` in seconds on any clock that only goes forward; ``jitter`` in [0, 1)."""
        match outcome:
            case Begin():
                self._attempt = 0
                self._deadline = now + self.policy.window_seconds
                return self._next_try()
            case Stored(position):
                return Committed(position)
            case Refused(error) | Unknown(error):
                return self._doubt(error, now, jitter)
            case Unavailable(error, retry_after):
                return self._retry_later(error, now, jitter, retry_after or 0.0)
            case Denied(error):
                return GaveUp(error, permanent=True)
            case Found(position):
                return self._judge(position, now, jitter)
            case Read(data):
                return self._compare(data, now, jitter)
            case Woken():
                return self._next_try()

    def hurry(self, policy: RetryPolicy, now: float) -> None:
        """From now on, give up when the window of this policy is over."""
        self.policy = policy
        if self._deadline is not None:
            self._deadline = min(self._deadline, now + policy.window_seconds)

    @property
    def end(self) -> int:
        """The offset at which the segment ends if this batch is stored."""
        return self.at.offset + len(self.data)

    def _next_try(self) -> Action:
        return Probe() if self.doubtful else Append(self._stored_up_to or self.at, self._stored)

    def _doubt(self, error: Exception, now: float, jitter: float) -> Action:
        """The append may be stored: look at once, or later if it was the looking that failed."""
        self.last_error = error
        if self.doubtful:
            return self._retry_later(error, now, jitter)
        self.doubtful = True
        return Probe()

    def _judge(self, position: Position, now: float, jitter: float) -> Action:
        is_only_made = self.grows_in_place and not self.at.exists and position.exists and not position.offset
        if position == self.at and isinstance(self.last_error, SegmentFullError):
            return GaveUp(self.last_error, permanent=True)
        if position == self.at or is_only_made:
            return self._go_on(position, 0, now, jitter)
        least = self.at.offset + 1 if self.grows_in_place else self.end
        if position.exists and position.offset >= least and self.data:
            self._found = position
            return ReadBack(self.at.offset, min(position.offset, self.end))
        return Fenced(position)

    def _compare(self, data: bytes, now: float, jitter: float) -> Action:
        found = self._found
        assert found is not None, "ReadBack is asked for only after Found"
        if data == self.data:
            return Committed(found, overtaken=found.offset > self.end)
        stored = length_in_common(self.data, data) if self.grows_in_place else 0
        if stored and found.offset == self.at.offset + stored:
            return self._go_on(found, stored, now, jitter)
        return Fenced(found, stored)

    def _go_on(self, position: Position, stored: int, now: float, jitter: float) -> Action:
        """What is not stored yet is appended where the segment ends, which is right behind what is."""
        self._stored_up_to, self._stored, self.doubtful = position, stored, False
        return self._retry_later(self.last_error or RuntimeError("an append without its whole effect"), now, jitter)

    def _retry_later(self, error: Exception, now: float, jitter: float, at_least: float = 0.0) -> Action:
        assert self._deadline is not None, "Begin comes first"
        self.last_error = error
        wait = max(self.policy.wait(self._attempt, jitter), at_least)
        if now + wait > self._deadline:
            return GaveUp(error, permanent=False)
        self._attempt += 1
        self.retries += 1
        return Sleep(wait)
