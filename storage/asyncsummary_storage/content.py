"""How is an upload handed to a client library? As a file in memory that copies nothing."""

import io


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
