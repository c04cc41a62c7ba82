"""How do files get beside the segments? Each as a whole, then their index: what it holds now is read, amended, and replaced."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from asyncsummary.columns import Upload
from asyncsummary_storage import Folder, in_thread

Amend = Callable[[bytes], bytes]
"""Makes of what a file holds what it is to hold."""


async def amends(upload: Upload) -> list[tuple[str, Amend]]:
    """Return what is to be done, by the names of the files, in this order; they are made in a thread."""
    files = await in_thread(upload.files)
    return [*((name, partial(_whatever_was, data)) for name, data in files.items()), (upload.index, upload.amend)]


async def replace(folder: Folder, name: str, amend: Amend, answered: Callable[..., Awaitable[Any]]) -> None:
    """Make of a file's content what it is to hold, unless it holds that already. Doing it again does no harm.

    ``answered`` awaits a request that moves so many bytes, but not for ever.

    Raises:
        StorageError: it is not known to be done; PreconditionFailedError: somebody else was faster.
    """
    file = folder.segment(name)
    position = await answered(file.probe())
    before = await answered(file.read(0, position.offset), position.offset) if position.exists else b""
    after = amend(before)
    if not position.exists or after != before:
        await answered(folder.put(name, after, position), len(after))


def _whatever_was(data: bytes, before: bytes) -> bytes:
    return data
