"""How does Google Cloud Storage answer the requests of ``ObjectStore``? Whole uploads under a precondition, and extends by composing.

Uploads are "media" uploads, since gcsfs' multipart form has a fixed boundary that a payload may contain. An extend uploads the new bytes
as an object of their own, the tail, composes the object and the tail into the object, and deletes the tail. Only the composing can have
an unknown outcome.
"""

import hashlib
import json
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

from asyncsummary_storage.content import Content
from asyncsummary_storage.errors import (
    ContainerMissingError,
    OutcomeUnknownError,
    PermanentError,
    PreconditionFailedError,
    SegmentMissingError,
    StorageError,
    TransientError,
    UnsupportedError,
)
from asyncsummary_storage.extending import given_up, is_final, tidied
from asyncsummary_storage.gcs_client import GCSClient
from asyncsummary_storage.http_times import time_there
from asyncsummary_storage.position import NOTHING, Position
from asyncsummary_storage.protocols import Entry, Growth, Terms

logger = logging.getLogger(__name__)

TAILS = ".asyncsummary-tails/"
"""Where the tails are, from the bucket's root: outside of any logdir, so that no reader lists them, and for one lifecycle rule."""


class GCSStore:
    """One bucket. ``options`` go to ``gcsfs.GCSFileSystem``, whose own reading of Google's credentials applies."""

    extend_from = 1024 * 1024
    """Below this one upload of everything is cheaper than two requests, and takes no longer."""

    puts_are_whole = True

    def __init__(self, bucket: str, options: Mapping[str, Any], emulator: str | None = None) -> None:
        self._bucket = bucket
        self._client = GCSClient(bucket, options, emulator)
        self._extends = False

    @property
    def terms(self) -> Terms:
        # Google's limit of one write per second and object; what is served without TLS is an emulator, which has none.
        pause = 0.0 if self._client.location.startswith("http://") else 1.0
        if not self._extends:
            return Terms(Growth.REWRITE, seconds_between_writes=pause)
        return Terms(Growth.REWRITE, self.extend_from, extend_requests=2, seconds_between_writes=pause)

    async def connect(self) -> None:
        await self._client.connect()
        self._extends = True

    async def entries(self, prefix: str) -> list[Entry]:
        return [Entry(item["name"].removeprefix(prefix), int(item["size"])) async for item in self._items(prefix)]

    async def _items(self, prefix: str) -> AsyncIterator[Any]:
        token: str | None = None
        while True:
            query: dict[str, Any] = {"prefix": prefix, "delimiter": "/", "pageToken": token}
            page = await self._client.call(json.loads, "GET", "b/{}/o", self._bucket, where=self._url(prefix), **query)
            for item in page.get("items", ()):
                if item["name"] != prefix:  # the folder's own marker, which consoles make
                    yield item
            token = page.get("nextPageToken")
            if token is None:
                return

    async def head(self, key: str) -> Position:
        try:
            return await self._client.call(_position, "GET", "b/{}/o/{}", self._bucket, key, where=self._url(key), of_object=True)
        except SegmentMissingError:
            return NOTHING

    async def get(self, key: str, start: int, stop: int) -> bytes:
        query: dict[str, Any] = {"alt": "media", "headers": {"Range": f"bytes={start}-{stop - 1}"}}
        try:
            return await self._client.call(bytes, "GET", "b/{}/o/{}", self._bucket, key, where=self._url(key), of_object=True, **query)
        except PermanentError:
            if self._client.status() == 416:  # the object ends before
                return b""
            raise

    async def put(self, key: str, content: bytes, replacing: Position) -> Position:
        return await self._upload(key, content, sent=True, ifGenerationMatch=replacing.version if replacing.exists else "0")

    async def extend(self, key: str, data: bytes, at: Position) -> Position:
        tail = f"{_tails_of(key)}-{uuid.uuid4().hex}"
        try:
            try:
                # A name that nobody else has needs no precondition, and what became of it is of no interest if no answer comes.
                stored = await self._upload(tail, data, sent=False)
                return await self._compose(key, at, tail, stored)
            finally:
                # Also where the outcome is unknown: what was composed does not need it any more, and what was not never will be.
                await tidied(self._delete(tail), self._url(tail))
        except PermanentError as error:
            if not is_final(error):
                raise
            self._extends = False
            raise given_up(self._url(key), error) from error

    async def _compose(self, key: str, at: Position, tail: str, stored: Position) -> Position:
        sources = [{"name": name, "generation": version} for name, version in ((key, at.version), (tail, stored.version))]
        body = {"sourceObjects": sources, "destination": {"contentType": "application/octet-stream"}}
        try:
            end = await self._client.call(
                _position,
                "POST",
                "b/{}/o/{}/compose",
                self._bucket,
                key,
                where=self._url(key),
                sent=True,
                ifGenerationMatch=at.version,
                json=body,
            )
        except ContainerMissingError as error:
            raise await self._what_is_missing(key, at, tail) from error
        due = at.offset + stored.offset
        if end.offset != due:
            raise OutcomeUnknownError(f"{self._url(key)}: has {end.offset} bytes where {due} were due")
        return end

    async def _what_is_missing(self, key: str, at: Position, tail: str) -> StorageError:
        """Find out what a 404 to composing means; nothing was stored."""
        if await self.head(key) != at:
            return PreconditionFailedError(f"{self._url(key)}: the object's generation is another, or it has disappeared")
        if not (await self.head(tail)).exists:
            return TransientError(f"{self._url(tail)}: somebody has deleted what was to be composed")
        return UnsupportedError(f"{self._url(key)}: this storage does not compose objects")

    async def _upload(self, key: str, content: bytes, *, sent: bool, **condition: Any) -> Position:
        return await self._client.call(
            _position,
            "POST",
            f"{self._client.location}/upload/storage/v1/b/{self._bucket}/o",
            where=self._url(key),
            sent=sent,
            uploadType="media",
            name=key,
            data=Content(content),
            headers={"Content-Type": "application/octet-stream"},
            **condition,
        )

    async def _delete(self, key: str) -> None:
        await self._client.call(bytes, "DELETE", "b/{}/o/{}", self._bucket, key, where=self._url(key), of_object=True)

    async def sweep(self, prefix: str, older_than_seconds: float, also_of: str | None) -> int:
        swept = 0
        try:
            async for tail in self._items(_tails_under(prefix)):
                age = time_there(self._client.date()) - time_there(tail.get("timeCreated"))
                if age.total_seconds() > older_than_seconds or (also_of is not None and tail["name"].startswith(_tails_of(also_of))):
                    swept += await self._remove(tail["name"])
        except PermanentError as error:  # no permission to list or delete there
            logger.debug("%s: tails are not swept: %s", self._url(prefix), error)
        return swept

    async def _remove(self, tail: str) -> bool:
        try:
            await self._delete(tail)
        except SegmentMissingError:  # another process sweeps, too, or it was in use until now
            return False
        return True

    async def disconnect(self) -> None:
        await self._client.disconnect()
        self._extends = False

    def _url(self, key: str) -> str:
        return f"gs://{self._bucket}/{key}"


def _tails_under(prefix: str) -> str:
    """Return the prefix of all tails of a folder. Names are hashed: they must not look like what readers search for."""
    return f"{TAILS}{_digest(prefix)}/"


def _tails_of(key: str) -> str:
    """Return what the names of all tails of an object begin with."""
    folder, slash, _ = key.rpartition("/")
    return f"{_tails_under(folder + slash)}{_digest(key)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _position(metadata: bytes) -> Position:
    fields = json.loads(metadata)
    return Position(int(fields["size"]), str(fields["generation"]))
