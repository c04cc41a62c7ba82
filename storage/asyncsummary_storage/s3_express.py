"""How does S3 Express One Zone answer the requests of ``ObjectStore``? Its objects take appends, at the offset where they end.

Only directory buckets do; any other bucket may take the offset for nothing and overwrite the object. Requests carry session credentials,
which botocore gets by CreateSession and renews. Listings come in no order.
"""

from asyncsummary_storage.content import Content
from asyncsummary_storage.errors import OutcomeUnknownError, UnsupportedError
from asyncsummary_storage.position import Position
from asyncsummary_storage.protocols import Growth, Terms
from asyncsummary_storage.s3 import S3Store

_SUFFIX = "--x-s3"


def is_directory_bucket(bucket: str) -> bool:
    """Return whether this is a directory bucket; the end of the name is reserved for them."""
    return bucket.endswith(_SUFFIX)


class S3ExpressStore(S3Store):
    """One directory bucket."""

    @property
    def terms(self) -> Terms:
        return Terms(Growth.IN_PLACE, most_appends=10_000)

    async def extend(self, key: str, data: bytes, at: Position) -> Position:
        # An offset of 0 creates the object where there is none, so an empty object is replaced under its version instead.
        if not at.exists or at.offset == 0:
            return await self.put(key, data, at)
        answer = await self._replace("put_object", key, Body=Content(data), WriteOffsetBytes=at.offset)
        due = at.offset + len(data)
        if answer.get("Size", due) != due:
            raise OutcomeUnknownError(f"{self._url(key)}: has {answer['Size']} bytes where {due} were due")
        return Position(due, answer["ETag"])

    async def sweep(self, prefix: str, older_than_seconds: float, also_of: str | None) -> int:
        return 0

    def _require_preconditions(self) -> None:
        super()._require_preconditions()
        if not self._client.knows("PutObject", "WriteOffsetBytes"):
            raise UnsupportedError("s3://: this botocore cannot append to directory buckets; upgrade aiobotocore")
