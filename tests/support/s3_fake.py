"""What does S3 do, as its API reference says and the emulators do not? Preconditions everywhere, strict uploads, directory buckets.

Path style; signatures are not verified, but whose key signed is seen. State and rules are in ``s3_objects``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiohttp import web

from tests.support.s3_objects import Bucket, Refusal, Stored, is_directory
from tests.support.strikes import Strike, Strikes

_SESSION = "session-of-"


@dataclass(slots=True)
class S3Fake:
    """A server in this event loop. ``smallest_part`` and ``most_appends`` are S3's limits; ``page_size`` is a listing's.

    With ``keys`` set, requests signed by any other access key are answered with ExpiredToken. ``left_out`` are what its listings do not
    say of how they go on.
    """

    buckets: dict[str, Bucket] = field(default_factory=dict)
    smallest_part: int = 5 * 1024 * 1024
    most_appends: int = 10_000
    page_size: int = 1000
    keys: set[str] | None = None
    left_out: set[str] = field(default_factory=set)
    strikes: Strikes = field(default_factory=Strikes)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{bucket}", self._serve)
        app.router.add_route("*", "/{bucket}/{key:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        self.buckets = {}  # aiohttp remembers the handlers of servers that have ended, and so this, too

    def make_bucket(self, name: str) -> Bucket:
        """Create a bucket, if it is not there, and return it."""
        return self.buckets.setdefault(name, Bucket(name, self.smallest_part, self.most_appends))

    def options(self, url: str | None = None) -> dict[str, Any]:
        """Return storage_options for this server, or for a proxy before it."""
        return {"key": "key", "secret": "secret", "endpoint_url": url or self.url, "client_kwargs": {"region_name": "us-east-1"}}

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        operation = _operation(request)

        async def handle(body: bytes) -> web.StreamResponse:
            try:
                bucket = self._admit(request, operation)
                answer: web.Response = getattr(self, f"_{operation}")(request, bucket, request.match_info.get("key", ""), body)
            except Refusal as refusal:
                return _error(request, refusal.status, refusal.code, refusal.extra)
            return answer

        def strike(strike: Strike) -> web.StreamResponse:
            return _error(request, strike.status, strike.code, {}, strike.headers)

        return await self.strikes.carry_out(request, operation, handle, strike)

    def _admit(self, request: web.Request, operation: str) -> Bucket:
        signed_by = request.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0].removeprefix(_SESSION)
        if self.keys is not None and signed_by not in self.keys:
            raise Refusal(400, "ExpiredToken")
        name = request.match_info["bucket"]
        if name not in self.buckets:
            raise Refusal(404, "NoSuchBucket")
        if is_directory(name) and operation != "CreateSession" and "x-amz-s3session-token" not in request.headers:
            raise Refusal(403, "AccessDenied")
        return self.buckets[name]

    def _CreateSession(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        if not is_directory(bucket.name):
            raise Refusal(400, "InvalidRequest")
        signed_by = request.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        names = {"SessionToken": "token", "SecretAccessKey": "secret", "AccessKeyId": _SESSION + signed_by}
        return _xml("CreateSessionResult", [{"Credentials": [{**names, "Expiration": "2099-01-01T00:00:00Z"}]}])

    def _PutObject(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        offset = request.headers.get("x-amz-write-offset-bytes")
        stored = bucket.put(key, body, request.headers, None if offset is None else int(offset))
        headers = {"ETag": stored.etag}
        if offset is not None:
            headers["x-amz-object-size"] = str(len(stored.content))
        return web.Response(headers=headers)

    def _GetObject(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        stored = bucket.found(key)
        try:
            asked = request.http_range
        except ValueError:
            raise Refusal(416, "InvalidRange") from None
        if asked.start is not None and asked.start >= len(stored.content):
            raise Refusal(416, "InvalidRange")
        content = stored.content[asked.start : asked.stop]
        return web.Response(status=200 if asked.start is None else 206, body=content, headers=_described(stored))

    def _HeadObject(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        stored = bucket.found(key)
        return web.Response(headers={**_described(stored), "Content-Length": str(len(stored.content))})

    def _DeleteObject(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        bucket.objects.pop(key, None)
        return web.Response(status=204)

    def _ListObjectsV2(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        keys, folders = bucket.listed(sorted(bucket.objects), _query(request, "prefix"), _query(request, "delimiter"))
        start = int(_query(request, "continuation-token") or 0)
        stop = start + min(self.page_size, int(_query(request, "max-keys") or 1000))
        contents = [{"Key": k, "Size": str(len(bucket.objects[k].content)), "ETag": bucket.objects[k].etag} for k in keys[start:stop]]
        page: list[dict[str, Any]] = [{"IsTruncated": "true" if stop < len(keys) else "false"}, {"Contents": contents}]
        page.append({"CommonPrefixes": [{"Prefix": folder} for folder in folders]})
        if stop < len(keys):
            page.append(self._next({"NextContinuationToken": str(stop)}))
        return _xml("ListBucketResult", page)

    def _CreateMultipartUpload(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        algorithm = request.headers.get("x-amz-checksum-algorithm")
        headers = {} if algorithm is None else {"x-amz-checksum-algorithm": algorithm}
        names = {"Bucket": bucket.name, "Key": key, "UploadId": bucket.begin(key, algorithm)}
        return _xml("InitiateMultipartUploadResult", [names], headers)

    def _UploadPart(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        part = bucket.add_part(key, _query(request, "uploadId"), int(_query(request, "partNumber")), body, request.headers)
        return web.Response(headers={"ETag": part.etag, "x-amz-checksum-crc32": part.crc32})

    def _UploadPartCopy(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        name, _, source = unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        copied = self.buckets[name].found(source)
        if request.headers.get("x-amz-copy-source-if-match", copied.etag) != copied.etag:
            raise Refusal(412, "PreconditionFailed")
        part = bucket.add_part(key, _query(request, "uploadId"), int(_query(request, "partNumber")), copied.content, {})
        return _xml("CopyPartResult", [{"ETag": part.etag, "ChecksumCRC32": part.crc32}])

    def _CompleteMultipartUpload(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        parts = [{_local(field.tag): field.text or "" for field in part} for part in ElementTree.fromstring(body)]
        stored = bucket.complete(key, _query(request, "uploadId"), parts, request.headers)
        return _xml("CompleteMultipartUploadResult", [{"Bucket": bucket.name, "Key": key, "ETag": stored.etag}])

    def _AbortMultipartUpload(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        bucket.upload(key, _query(request, "uploadId"))
        del bucket.uploads[_query(request, "uploadId")]
        return web.Response(status=204)

    def _ListMultipartUploads(self, request: web.Request, bucket: Bucket, key: str, body: bytes) -> web.Response:  # noqa: N802
        ordered = sorted((upload.key, name) for name, upload in bucket.uploads.items())
        keys, _folders = bucket.listed([key for key, _name in ordered], _query(request, "prefix"), _query(request, "delimiter"))
        after = (_query(request, "key-marker"), _query(request, "upload-id-marker"))
        left = [(key, name) for key, name in ordered if key in keys and ((key, name) > after if after[1] else key > after[0])]
        page: list[dict[str, Any]] = [{"IsTruncated": "true" if len(left) > self.page_size else "false"}]
        if len(left) > self.page_size:
            last = left[self.page_size - 1]
            page.append(self._next({"NextKeyMarker": last[0], "NextUploadIdMarker": last[1]}))
        shown = ((key, name, bucket.uploads[name].initiated) for key, name in left[: self.page_size])
        page.append({"Upload": [{"Key": key, "UploadId": name, "Initiated": at.isoformat()} for key, name, at in shown]})
        return _xml("ListMultipartUploadsResult", page)

    def _next(self, fields: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in fields.items() if name not in self.left_out}


def _operation(request: web.Request) -> str:
    """Return the API's name of what is asked for."""
    query, key = request.query, request.match_info.get("key")
    if not key:
        return "CreateSession" if "session" in query else "ListMultipartUploads" if "uploads" in query else "ListObjectsV2"
    if request.method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
    if "uploadId" in query:
        if request.method == "DELETE":
            return "AbortMultipartUpload"
        return "UploadPartCopy" if "x-amz-copy-source" in request.headers else "UploadPart"
    return f"{request.method.title()}Object"


def _query(request: web.Request, name: str) -> str:
    return request.query.get(name, "")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _described(stored: Stored) -> dict[str, str]:
    return {"ETag": stored.etag, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}


def _xml(root: str, fields: list[dict[str, Any]], headers: Mapping[str, str] | None = None, status: int = 200) -> web.Response:
    text = f'<?xml version="1.0"?><{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{"".join(map(_written, fields))}</{root}>'
    return web.Response(status=status, text=text, content_type="application/xml", headers=headers)


def _written(fields: dict[str, Any]) -> str:
    """Write fields as elements; a list is as many elements of the name."""
    text = ""
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            text += f"<{name}>{_written(one) if isinstance(one, dict) else escape(one)}</{name}>"
    return text


def _error(
    request: web.Request, status: int, code: str, extra: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> web.Response:
    if request.method == "HEAD":
        return web.Response(status=status, headers=headers)
    text = f'<?xml version="1.0"?><Error>{_written({"Code": code, "Message": code, **extra})}</Error>'
    return web.Response(status=status, text=text, content_type="application/xml", headers=headers)
