"""What does Google Cloud Storage do, as its JSON API says and the emulators do not? Generations, preconditions, ranges, composing.

Emulators that can be installed ignore preconditions, so they cannot fail a test of them.
"""

import asyncio
import base64
import itertools
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import google_crc32c
from aiohttp import web

from tests.support.strikes import Strike, Strikes

_generations = itertools.count(1_700_000_000_000_000)

_Handler = Callable[[web.Request], Any]


@dataclass(slots=True)
class _Object:
    content: bytes
    generation: int = field(default_factory=lambda: next(_generations))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class GCSFake:
    """A server in this event loop. ``denied`` makes it answer 403; ``slow_down`` counts requests to be answered with 429.

    ``seconds_between_writes`` is how long an object takes no second write. ``versioned`` buckets keep what was overwritten. With
    ``tokens`` set, others are answered with 401. Strikes go by these operations: get-bucket, list, get, upload, compose, delete.
    """

    buckets: dict[str, dict[str, _Object]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    denied: bool = False
    slow_down: int = 0
    page_size: int = 1000
    seconds_between_writes: float = 0.0
    tokens: set[str] | None = None
    versioned: bool = False
    strikes: Strikes = field(default_factory=Strikes)
    history: list[tuple[str, bytes]] = field(default_factory=list)
    _noncurrent: dict[tuple[str, str], _Object] = field(default_factory=dict)
    _written: dict[str, float] = field(default_factory=dict)
    _runner: web.AppRunner | None = None
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 30, middlewares=[self._before])
        for prefix in ("/storage/v1", "/download/storage/v1"):
            app.router.add_get(f"{prefix}/b/{{bucket}}", self._get_bucket)
            app.router.add_get(f"{prefix}/b/{{bucket}}/o", self._list)
            app.router.add_get(f"{prefix}/b/{{bucket}}/o/{{key:.+}}", self._get)
        app.router.add_post("/upload/storage/v1/b/{bucket}/o", self._upload)
        # A key's slashes come quoted, but aiohttp routes by the unquoted path.
        app.router.add_post("/storage/v1/b/{bucket}/o/{key:.+}/compose", self._compose)
        app.router.add_delete("/storage/v1/b/{bucket}/o/{key:.+}", self._delete)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        self.buckets, self.history, self._noncurrent = {}, [], {}  # aiohttp remembers the handlers of servers that have ended, so this, too

    def options(self, url: str | None = None) -> dict[str, Any]:
        """Return storage_options for this server, or for a proxy before it."""
        return {"token": "anon", "endpoint_url": url or self.url, "project": "p"}

    def overwrite(self, bucket: str, key: str, content: bytes) -> None:
        """Replace an object whatever it was, as another writer would."""
        self._replace(self.buckets[bucket], key, content)

    @web.middleware
    async def _before(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if self.denied:
            return _error(403, "the caller does not have storage.objects.create access")
        if self.slow_down:
            self.slow_down -= 1
            return _error(429, "the object exceeded the rate limit for object mutation operations")
        if self.tokens is not None and request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _error(401, "Invalid Credentials")
        if request.match_info.get("bucket") not in self.buckets:
            return _error(404, "The specified bucket does not exist.")

        async def handle(body: bytes) -> web.StreamResponse:
            answer: web.StreamResponse = await handler(request)
            return answer

        def struck(strike: Strike) -> web.StreamResponse:
            return _error(strike.status, strike.code, strike.headers)

        return await self.strikes.carry_out(request, handler.__name__.strip("_").replace("_", "-"), handle, struck)

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
        return self._refusal(request, objects, key) or self._store(request, objects, key, content)

    async def _compose(self, request: web.Request) -> web.Response:
        objects = self.buckets[request.match_info["bucket"]]
        key = request.match_info["key"]
        sources = json.loads(await request.read())["sourceObjects"]
        if not 1 <= len(sources) <= 32:
            return _error(400, "The number of source components provided is out of range.")
        content = b""
        for source in sources:
            found = objects.get(source["name"])
            if found is None or source.get("generation", str(found.generation)) != str(found.generation):
                found = self._noncurrent.get((source["name"], source.get("generation")))
            if found is None:
                return _error(404, "No such object")
            content += found.content
        return self._refusal(request, objects, key) or self._store(request, objects, key, content)

    async def _delete(self, request: web.Request) -> web.Response:
        objects = self.buckets[request.match_info["bucket"]]
        key = request.match_info["key"]
        if key not in objects:
            return _error(404, "No such object")
        refusal = self._refusal(request, objects, key)
        if refusal is None:
            del objects[key]
        return refusal or web.Response(status=204)

    def _refusal(self, request: web.Request, objects: dict[str, _Object], key: str) -> web.Response | None:
        """Return why the object may not be written now, if so."""
        now = objects[key].generation if key in objects else 0
        if "ifGenerationMatch" in request.query and int(request.query["ifGenerationMatch"]) != now:
            return _error(412, "At least one of the pre-conditions you specified did not hold.")
        if request.method == "DELETE":
            return None
        clock = asyncio.get_running_loop().time()
        if clock - self._written.get(key, -1e9) < self.seconds_between_writes:
            return _error(429, "The object exceeded the rate limit for object mutation operations.")
        self._written[key] = clock
        return None

    def _store(self, request: web.Request, objects: dict[str, _Object], key: str, content: bytes) -> web.Response:
        self._replace(objects, key, content)
        return web.json_response(self._metadata(request, key, objects[key]))

    def _replace(self, objects: dict[str, _Object], key: str, content: bytes) -> None:
        if self.versioned and key in objects:
            self._noncurrent[(key, str(objects[key].generation))] = objects[key]
        objects[key] = _Object(content)
        self.history.append((key, content))

    def _metadata(self, request: web.Request, key: str, stored: _Object) -> dict[str, Any]:
        bucket = request.match_info["bucket"]
        created = stored.created.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return {
            "kind": "storage#object",
            "name": key,
            "bucket": bucket,
            "generation": str(stored.generation),
            "metageneration": "1",
            "size": str(len(stored.content)),
            "crc32c": base64.b64encode(struct.pack(">I", google_crc32c.value(stored.content))).decode(),
            "updated": created,
            "timeCreated": created,
            "mediaLink": f"{self.url}/download/storage/v1/b/{bucket}/o/{key}?alt=media",
        }


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status, headers=headers)
