"""How is a log kept readable that is full of warnings on purpose?"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what asyncsummary logs of the trouble that is made here to itself."""
    logger = logging.getLogger("asyncsummary")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
