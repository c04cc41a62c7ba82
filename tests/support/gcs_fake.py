"""Google Cloud Storage as its JSON API documents it, as far as writers and TensorBoard use it: generations, preconditions, ranges.

Emulators that can be installed ignore preconditions, so they cannot fail a test of them.
"""

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import google_crc32c
from aiohttp import web

_Handler = Callable[[web.Request], Any]


@dataclass(slots=True)
class _Object:
    content: bytes
    generation: int


@dataclass(slots=True)
class GCSFake:
    """A server in this event loop. ``denied`` makes it answer 403; ``slow_down`` counts requests to be answered with 429."""

    buckets: dict[str, dict[str, _Object]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    denied: bool = False
    slow_down: int = 0
    page_size: int = 1000
    _runner: web.AppRunner | None = None
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 30, middlewares=[self._before])
        for prefix in ("/storage/v1", "/download/storage/v1"):
            app.router.add_get(f"{prefix}/b/{{bucket}}", self._get_bucket)
            app.router.add_get(f"{prefix}/b/{{bucket}}/o", self._list)
            app.router.add_get(f"{prefix}/b/{{bucket}}/o/{{key:.+}}", self._get)
        app.router.add_post("/upload/storage/v1/b/{bucket}/o", self._upload)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def options(self, url: str | None = None) -> dict[str, Any]:
        """Return storage_options for this server, or for a proxy before it."""
        return {"token": "anon", "endpoint_url": url or self.url, "project": "p"}

    @web.middleware
    async def _before(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if self.denied:
            return _error(403, "the caller does not have storage.objects.create access")
        if self.slow_down:
            self.slow_down -= 1
            return _error(429, "the object exceeded the rate limit for object mutation operations")
        if request.match_info.get("bucket") not in self.buckets:
            return _error(404, "The specified bucket does not exist.")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _get_bucket(self, request: web.Request) -> web.Response:
        return web.json_response({"kind": "storage#bucket", "name": request.match_info["bucket"]})

    async def _list(self, request: web.Request) -> web.Response:
        objects = self.buckets[request.match_info["bucket"]]
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter")
        items: list[str] = []
        folders: set[str] = set()
        for key in sorted(objects):
            if not key.startswith(prefix):
                continue
            inner, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if found:
                folders.add(f"{prefix}{inner}{delimiter}")
            else:
                items.append(key)
        start = int(request.query.get("pageToken", "0"))
        stop = start + min(self.page_size, int(request.query.get("maxResults", "1000")))
        page: dict[str, Any] = {"kind": "storage#objects", "prefixes": sorted(folders)}
        page["items"] = [self._metadata(request, key, objects[key]) for key in items[start:stop]]
        if stop < len(items):
            page["nextPageToken"] = str(stop)
        return web.json_response(page)

    async def _get(self, request: web.Request) -> web.Response:
        found = self.buckets[request.match_info["bucket"]].get(request.match_info["key"])
        if found is None:
            return _error(404, "No such object")
        if request.query.get("alt") != "media":
            return web.json_response(self._metadata(request, request.match_info["key"], found))
        try:
            asked = request.http_range
        except ValueError:
            return _error(416, "Requested range not satisfiable")
        if asked.start is not None and asked.start >= len(found.content):
            return _error(416, "Requested range not satisfiable")
        content = found.content[asked.start : asked.stop]
        return web.Response(status=206 if asked.start is not None else 200, body=content, content_type="application/octet-stream")

    async def _upload(self, request: web.Request) -> web.Response:
        objects = self.buckets[request.match_info["bucket"]]
        key = request.query["name"]
        if request.query["uploadType"] != "media":
            return _error(400, "only media uploads are served here")
        content = await request.read()
        now = objects[key].generation if key in objects else 0
        if "ifGenerationMatch" in request.query and int(request.query["ifGenerationMatch"]) != now:
            return _error(412, "At least one of the pre-conditions you specified did not hold.")
        objects[key] = _Object(content, now + 1 if now else 1_700_000_000_000_000)
        return web.json_response(self._metadata(request, key, objects[key]))

    def _metadata(self, request: web.Request, key: str, stored: _Object) -> dict[str, Any]:
        bucket = request.match_info["bucket"]
        return {
            "kind": "storage#object",
            "name": key,
            "bucket": bucket,
            "generation": str(stored.generation),
            "metageneration": "1",
            "size": str(len(stored.content)),
            "crc32c": base64.b64encode(struct.pack(">I", google_crc32c.value(stored.content))).decode(),
            "updated": "2026-01-01T00:00:00.000Z",
            "timeCreated": "2026-01-01T00:00:00.000Z",
            "mediaLink": f"{self.url}/download/storage/v1/b/{bucket}/o/{key}?alt=media",
        }


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status)
