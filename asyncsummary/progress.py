"""Up to which summary is everything settled?

What is taken from the queue is settled in its order; what is dropped while it waits is settled at once, though older ones may still be on
their way.
"""

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """Counts accepted summaries that are settled; each has the number that it was accepted with, from 0 on."""

    total: int = 0
    """How many are settled, wherever they are."""
    up_to: int = 0
    """So many of the first are settled, every one."""
    _dropped: deque[tuple[int, int]] = field(default_factory=deque)  # from the first to before the second, beyond up_to

    def settle(self, count: int) -> None:
        """Note that of those that were not dropped, so many more are settled: the oldest."""
        self.total += count
        while self._dropped and self.up_to + count >= self._dropped[0][0]:
            begin, end = self._dropped.popleft()
            count -= begin - self.up_to
            self.up_to = end
        self.up_to += count

    def drop(self, first: int, count: int) -> None:
        """Note that so many from number ``first`` on are dropped: behind all that were taken, and all that were dropped before."""
        self.total += count
        end = first + count
        if first == self.up_to:
            self.up_to = end
        elif self._dropped and self._dropped[-1][1] == first:
            self._dropped[-1] = (self._dropped[-1][0], end)
        else:
            self._dropped.append((first, end))

    def left(self, target: int) -> int:
        """Return how many of the first ``target`` are not settled."""
        dropped = sum(min(end, target) - begin for begin, end in self._dropped if begin < target)
        return max(0, target - self.up_to - dropped)
