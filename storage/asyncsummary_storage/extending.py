"""What do extends have in common, whatever the object storage? What becomes of their traces, and which refusals end them."""

import asyncio
import logging
from collections.abc import Awaitable

from asyncsummary_storage.errors import AccessDeniedError, PermanentError, StorageError, UnsupportedError

logger = logging.getLogger(__name__)

_TIDY_SECONDS = 3.0


async def tidied(cleaning: Awaitable[object], where: str) -> None:
    """Await a request that removes traces, for a short time at most, whatever it answers.

    A caller that was cancelled may await this on its way out: whoever cancelled it waits for these seconds at most.
    """
    try:
        async with asyncio.timeout(_TIDY_SECONDS):
            await cleaning
    except (StorageError, TimeoutError) as error:  # what stays is found by a sweep, or by the bucket's lifecycle rule
        logger.debug("%s: left behind: %s", where, error)


def is_final(refusal: PermanentError) -> bool:
    """Return whether a refusal says that extends will never do here: not permitted, not known, or not to be understood.

    Plain writes do without those requests. If it is them, too, that are refused, they will say so themselves.
    """
    return isinstance(refusal, AccessDeniedError | UnsupportedError) or type(refusal) is PermanentError


def given_up(where: str, refusal: PermanentError) -> UnsupportedError:
    """Return the error to raise for a final refusal, which is also logged: from then on appends are more expensive."""
    logger.info("%s: objects are not extended from now on: %s", where, refusal)
    return UnsupportedError(f"{where}: the storage, or the permissions, do not let objects be extended: {refusal}")
