"""How does S3 answer the requests of ``ObjectStore``? Whole puts under a precondition, and extends as multipart uploads.

An extend copies the object into the first part of an upload, at the storage, sends the new bytes as the second, and completes the upload
over the object. Nothing of it is visible before the last request, which alone can have an unknown outcome.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from asyncsummary_storage.content import Content
from asyncsummary_storage.errors import (
    PermanentError,
    PreconditionFailedError,
    SegmentMissingError,
    TransientError,
    UnsupportedError,
)
from asyncsummary_storage.extending import given_up, is_final, tidied
from asyncsummary_storage.http_times import time_there
from asyncsummary_storage.position import NOTHING, Position
from asyncsummary_storage.protocols import Entry, Growth, Terms
from asyncsummary_storage.s3_client import S3Client
from asyncsummary_storage.s3_errors import code_of, is_beyond_the_end

logger = logging.getLogger(__name__)

_LARGEST_COPY = 5 * 1024**3
_CHECKSUMS = ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256")


class S3Store:
    """One bucket. ``options`` go to ``s3fs.S3FileSystem``, whose own reading of the AWS variables and files applies."""

    smallest_part = 5 * 1024 * 1024
    """S3 takes no part below this but the last one, so shorter objects cannot be copied into a part."""

    puts_are_whole = True

    def __init__(self, bucket: str, options: Mapping[str, Any]) -> None:
        self._bucket = bucket
        self._client = S3Client(bucket, options)
        self._extends = False

    @property
    def terms(self) -> Terms:
        return Terms(Growth.REWRITE, self.smallest_part, extend_requests=4) if self._extends else Terms(Growth.REWRITE)

    async def connect(self) -> None:
        await self._client.connect()
        self._require_preconditions()

    async def entries(self, prefix: str) -> list[Entry]:
        entries: list[Entry] = []
        more: dict[str, str] = {}
        while True:
            page = await self._client.call("list_objects_v2", self._url(prefix), sent=False, Prefix=prefix, Delimiter="/", **more)
            found = (item for item in page.get("Contents", ()) if item["Key"] != prefix)  # the folder's own marker, which consoles make
            entries += [Entry(item["Key"].removeprefix(prefix), item["Size"]) for item in found]
            if not page.get("IsTruncated"):
                return entries
            token = page.get("NextContinuationToken")
            if token is None or token == more.get("ContinuationToken"):
                raise TransientError(f"{self._url(prefix)}: the listing is not whole, and does not say how it goes on")
            more = {"ContinuationToken": token}

    async def head(self, key: str) -> Position:
        try:
            answer = await self._client.call("head_object", self._url(key), sent=False, giving=("ContentLength", "ETag"), Key=key)
        except SegmentMissingError:
            return NOTHING
        return Position(answer["ContentLength"], answer["ETag"])

    async def get(self, key: str, start: int, stop: int) -> bytes:
        try:
            answer = await self._client.call("get_object", self._url(key), sent=False, Key=key, Range=f"bytes={start}-{stop - 1}")
        except PermanentError as error:
            if is_beyond_the_end(error.__cause__):
                return b""
            raise
        with self._client.mapped(self._url(key), sent=False):
            async with answer["Body"] as body:
                content: bytes = await body.read()
        return content

    async def put(self, key: str, content: bytes, replacing: Position) -> Position:
        condition = {"IfMatch": replacing.version} if replacing.exists else {"IfNoneMatch": "*"}
        answer = await self._replace("put_object", key, Body=Content(content), **condition)
        return Position(len(content), answer["ETag"])

    async def extend(self, key: str, data: bytes, at: Position) -> Position:
        if at.offset > _LARGEST_COPY:
            raise UnsupportedError(f"{self._url(key)}: S3 copies no more than 5 GiB into a part")
        try:
            return await self._extend(key, data, at)
        except PermanentError as error:
            if not is_final(error):
                raise
            self._extends = False
            raise given_up(self._url(key), error) from error

    async def _extend(self, key: str, data: bytes, at: Position) -> Position:
        upload = await self._client.call("create_multipart_upload", self._url(key), sent=False, giving=("UploadId",), Key=key)
        named = {"Key": key, "UploadId": upload["UploadId"]}
        try:
            copied = await self._copy(key, at, named)
            sent = await self._client.call(
                "upload_part", self._url(key), sent=False, giving=("ETag",), PartNumber=2, Body=Content(data), **named
            )
            parts = [{"PartNumber": number, **_part(answer, upload)} for number, answer in enumerate((copied, sent), 1)]
            answer = await self._replace("complete_multipart_upload", key, MultipartUpload={"Parts": parts}, IfMatch=at.version, **named)
        except BaseException:
            # Also where the outcome is unknown: an upload that was completed is no longer there, and one that was not never will be.
            await tidied(self._abort(**named), self._url(key))
            raise
        return Position(at.offset + len(data), answer["ETag"])

    async def _copy(self, key: str, at: Position, named: Mapping[str, str]) -> Any:
        source = {"Bucket": self._bucket, "Key": key}
        try:
            answer = await self._client.call(
                "upload_part_copy",
                self._url(key),
                sent=False,
                giving=("CopyPartResult",),
                PartNumber=1,
                CopySource=source,
                CopySourceIfMatch=at.version,
                **named,
            )
        except SegmentMissingError as error:
            raise PreconditionFailedError(f"{self._url(key)}: the object has disappeared") from error
        if "ETag" not in answer["CopyPartResult"]:  # there are storages like that, and some of them have not copied anything
            raise UnsupportedError(f"{self._url(key)}: the copied part has no ETag")
        return answer["CopyPartResult"]

    async def _replace(self, operation: str, key: str, **arguments: Any) -> Any:
        try:
            return await self._client.call(operation, self._url(key), sent=True, giving=("ETag",), **{"Key": key, **arguments})
        except SegmentMissingError as error:  # If-Match on an object that somebody deleted
            raise PreconditionFailedError(f"{self._url(key)}: the object has disappeared") from error

    async def sweep(self, prefix: str, older_than_seconds: float, also_of: str | None) -> int:
        swept = 0
        try:
            async for upload, age in self._uploads(prefix):
                if age > older_than_seconds or upload["Key"] == also_of:
                    await self._abort(upload["Key"], upload["UploadId"])
                    swept += 1
        except PermanentError as error:  # no permission to list or abort, or a storage that has no such request
            logger.debug("%s: unfinished uploads are not swept: %s", self._url(prefix), error)
        return swept

    async def _uploads(self, prefix: str) -> AsyncIterator[tuple[Any, float]]:
        """Give the unfinished uploads directly under ``prefix``, each with its age in seconds.

        Storages that do not say how a listing goes on, or say the same again, have given what they give.
        """
        more: dict[str, str] = {}
        while True:
            page = await self._client.call("list_multipart_uploads", self._url(prefix), sent=False, Prefix=prefix, Delimiter="/", **more)
            now = time_there(page["ResponseMetadata"]["HTTPHeaders"].get("date"))
            for upload in page.get("Uploads", ()):
                yield upload, (now - upload["Initiated"]).total_seconds()
            markers = {name: page[f"Next{name}"] for name in ("KeyMarker", "UploadIdMarker") if page.get(f"Next{name}")}
            if not page.get("IsTruncated") or "KeyMarker" not in markers or markers == more:
                return
            more = markers

    async def _abort(self, Key: str, UploadId: str) -> None:  # noqa: N803  # S3's own names, so that a part's arguments serve here
        try:
            await self._client.call("abort_multipart_upload", self._url(Key), sent=False, Key=Key, UploadId=UploadId)
        except TransientError as error:
            if error.__cause__ is None or code_of(error.__cause__) != "NoSuchUpload":
                raise

    async def disconnect(self) -> None:
        await self._client.disconnect()
        self._extends = False

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _require_preconditions(self) -> None:
        """See what botocore knows: conditional writes are needed; without conditional copies and completions nothing is extended."""
        if not self._client.knows("PutObject", "IfMatch", "IfNoneMatch"):
            raise UnsupportedError("s3://: this botocore has no conditional writes; upgrade aiobotocore: pip install -U s3fs aiobotocore")
        self._extends = self._client.knows("CompleteMultipartUpload", "IfMatch") and self._client.knows(
            "UploadPartCopy", "CopySourceIfMatch"
        )


def _part(answer: Mapping[str, Any], upload: Mapping[str, Any]) -> dict[str, str]:
    """Return what completes a part. An upload that was begun with a checksum wants those of its parts back; others refuse them."""
    names = ("ETag", *_CHECKSUMS) if "ChecksumAlgorithm" in upload else ("ETag",)
    return {name: answer[name] for name in names if name in answer}
