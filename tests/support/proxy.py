"""A proxy before a storage server that loses requests and replies when told to, and takes its time."""

import asyncio
import enum
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL


class Loss(enum.Enum):
    """What happens to one request."""

    REQUEST = "reset before it reaches the server"
    REPLY = "carried out, then reset"
    UNAVAILABLE = "answered with 503"


@dataclass(slots=True)
class FaultProxy:
    """Passes everything on to ``upstream`` but the next requests of a method for which there is a loss."""

    upstream: str
    delay_seconds: float = 0.0
    """How long each request waits here."""
    losses: dict[str, list[Loss]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    url: str = ""
    _runner: web.AppRunner | None = None
    _client: aiohttp.ClientSession | None = None

    def lose(self, method: str, *losses: Loss) -> None:
        """Let the next requests of that method suffer these losses."""
        self.losses.setdefault(method, []).extend(losses)

    def count(self, *methods: str) -> int:
        """Return how many requests of these methods came."""
        return sum(request.split(" ", 1)[0] in methods for request in self.requests)

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._runner is not None
        assert self._client is not None
        await self._runner.cleanup()
        await self._client.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        assert self._client is not None
        self.requests.append(f"{request.method} {request.path}")
        waiting = self.losses.get(request.method)
        loss = waiting.pop(0) if waiting else None
        body = await request.read()
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        self.sent_bytes += len(body)
        if loss is Loss.REQUEST:
            return self._reset(request)
        if loss is Loss.UNAVAILABLE:
            return web.Response(status=503, text="<Error><Code>ServiceUnavailable</Code></Error>")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in {"host", "transfer-encoding", "expect"}}
        target = self.upstream + request.raw_path
        async with self._client.request(request.method, URL(target, encoded=True), data=body, headers=headers) as answer:
            content = await answer.read()
            if loss is Loss.REPLY:
                return self._reset(request)
            kept = {n: v for n, v in answer.headers.items() if n.lower() not in {"content-length", "transfer-encoding", "connection"}}
            if request.method == "HEAD":
                kept["Content-Length"] = answer.headers.get("Content-Length", "0")
            return web.Response(status=answer.status, body=content if request.method != "HEAD" else None, headers=kept)

    def _reset(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
