"""Who puts a batch in order, counts what came late, and tells it? Keeps what it has to know of earlier batches."""

from asyncsummary.config import WriterConfig
from asyncsummary.losses import tell_late
from asyncsummary.order import LatePolicy, Passed, StepTracker, by_step, in_order
from asyncsummary.stats import Counters
from asyncsummary.tags import TagTable
from asyncsummary.work import Work
from asyncsummary_storage import in_thread

_INLINE = 65_536  # larger batches are put in order in a thread, which gets on slowly beside a busy event loop


class Ordering:
    """Puts the works of one run in order, one after the other."""

    def __init__(self, config: WriterConfig, tags: TagTable, counters: Counters) -> None:
        self._config = config
        self._tags = tags
        self._counters = counters
        self._tracker = StepTracker(config.late_steps)
        self._told: set[int] = set()

    async def order(self, work: Work) -> int:
        """Put a work in order, unless it is, and take out of it what comes late; return how many scalars it has lost by that."""
        if work.batch is None or work.ordered:
            return 0
        ordered, rises = work.batch, in_order(work.batch)
        if not rises:
            ordered = await in_thread(by_step, ordered) if ordered.scalars > _INLINE else by_step(ordered)
        self._sort_out_late(work, self._tracker.pass_through(ordered, rises=rises))
        return len(ordered) - work.left

    def _sort_out_late(self, work: Work, passed: Passed) -> None:
        for number, count in passed.counts.items():
            if not self._config.is_late_run:  # its scalars were counted when they were handed over
                self._counters.late += count
            if number not in self._told and self._tracker.policy is not LatePolicy.KEEP:
                self._told.add(number)
                tell_late(self._config.logdir, self._tags.names[number], self._tracker.policy)
        work.batch, work.late, work.kept, work.ordered = passed.batch, passed.late, len(passed.batch), True
