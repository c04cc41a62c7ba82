"""Where do summaries go, as far as the pipeline is concerned? A protocol, which event files (``outflow``) and databases carry out."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from asyncsummary.errors import CommitError
from asyncsummary.queue import SummaryQueue


class GaveUpError(Exception):
    """The work in hand could not be made durable for now; ``error`` says why. ``permanent``: waiting alone will not help."""

    def __init__(self, error: Exception, *, permanent: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.permanent = permanent


class Sink(Protocol):
    """The way from the queue to storage, used by the pipeline's task only. It has one piece of work in hand at the most."""

    since: float
    """When the first summary that waits in the queue came, on the event loop's clock."""
    is_spooling: bool
    """Whether what is accepted goes to a spool, since storage is away."""
    refused: CommitError | None
    """Which accepted summaries turned out to be such that storage can never take them; they are settled, as dropped. The pipeline tells
    it once, and takes it away."""

    is_urgent: bool
    """Whether all that is not durable is to be put elsewhere soon: the process may not live long. ``be_urgent`` sets it."""

    has_looked: asyncio.Event
    """Set when it is known what earlier processes have left in a spool, before the storage is open."""

    @property
    def has_work(self) -> bool:
        """Whether there is work in hand."""
        ...

    @property
    def has_more(self) -> bool:
        """Whether something waits besides the queue and the work in hand."""
        ...

    @property
    def in_spool(self) -> int:
        """How many summaries are in a spool, those of earlier processes included."""
        ...

    @property
    def saved(self) -> int:
        """How many of those that this process has accepted are in a spool."""
        ...

    @property
    def recovering(self) -> int:
        """How many of its own spool were accepted before this sink was made, by this writer or by earlier processes."""
        ...

    @property
    def beside(self) -> int:
        """How many more summaries than the queue knows of are neither committed nor dropped."""
        ...

    @property
    def elsewhere(self) -> int:
        """How many of those have a pipeline of their own, which tells of them when it is closed."""
        ...

    async def open(self) -> None:
        """Open the storage. Raises OpenError."""
        ...

    async def next_work(self) -> None:
        """Take the next work in hand, if there is any."""
        ...

    async def send(self) -> None:
        """Make the work in hand durable, and settle it with the queue.

        Raises:
            GaveUpError: it is not known to be durable; call this again.
        """
        ...

    def be_urgent(self, urgent: bool) -> None:
        """Have ``relieve`` put elsewhere all that is not durable; or go on as always."""
        ...

    async def relieve(self) -> None:
        """Put what waits elsewhere, if it is time for that: storage is away."""
        ...

    async def save(self) -> int:
        """Put everything elsewhere, since there is no more time; return how many summaries found no room there."""
        ...

    def whereabouts(self, lost: int) -> str:
        """Return where what was saved is, as the end of a sentence; ``lost`` summaries were not."""
        ...

    def forget(self) -> None:
        """Let go of everything that is held in memory, as dropped."""
        ...

    def hurry(self, seconds: float) -> None:
        """From now on, give up after so many seconds."""
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...

    async def flush_beside(self, timeout: float | None) -> None:
        """Wait for what went another way. Raises CommitError."""
        ...

    async def ended_beside(self) -> None:
        """Wait until what has a pipeline of its own has ended, as it does by itself behind the writer's."""
        ...

    async def close_beside(self) -> None:
        """Close the other way. Raises CommitError."""
        ...

    def abandon_beside(self) -> None:
        """Let the other way finish by itself."""
        ...


MakeSink = Callable[[SummaryQueue, asyncio.Event], Sink]
"""Makes the way out of a queue; the event is set when somebody wants something."""
