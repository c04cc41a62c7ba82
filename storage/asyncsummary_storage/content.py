"""How is an upload handed to a client library? As a file in memory that copies nothing, and in pieces that let others have a turn."""

import asyncio
import io
from typing import Any, Self


class Content(io.BytesIO):
    """Bytes to send.

    aiohttp sends a file in pieces, but bytes in one go, which holds up the event loop. A plain ``BytesIO`` copies: all of it when it is
    asked for its buffer (aiohttp does, to know its size), and each piece that is read (botocore reads all of it up to three times).
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._content = memoryview(content)

    def getbuffer(self) -> memoryview:
        """Return the bytes, not to be changed."""
        return self._content[:]  # one of its own, since whoever asks may release it

    def read(self, size: int | None = -1, /) -> memoryview:  # type: ignore[override]  # whoever sends or hashes takes either
        """Return the next bytes as a view of them."""
        start = self.tell()
        end = max(start, len(self._content))
        stop = end if size is None or size < 0 else min(start + size, end)
        self.seek(stop)
        return self._content[start:stop]


class InTurns:
    """Pieces to send, as aiobotocore makes them where checksums go behind the data: of 1 MiB.

    aiohttp sends one after the other while the network takes them, which a fast one does with megabytes, each of which has to be
    checksummed and encrypted. Between these, other tasks have a turn.
    """

    def __init__(self, pieces: Any) -> None:
        self._pieces = pieces
        self._begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._begun:
            await asyncio.sleep(0)
        self._begun = True
        piece: bytes = await anext(self._pieces)
        return piece

    def seek(self, offset: int, whence: int = 0) -> None:
        """Begin anew, which is the only place to go to."""
        self._pieces.seek(offset, whence)
