"""What can a network and a storage service do to one request? A proxy that does it to the n-th request, overall or of a kind."""

import asyncio
import enum
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

_LATE_BY = 2  # a late request arrives before the second one after it: whoever sent it has looked by then, and not tried again yet
_NOT_PASSED_ON = {"host", "transfer-encoding", "expect"}
_NOT_PASSED_BACK = {"content-length", "transfer-encoding", "connection"}


class Fault(enum.Enum):
    """What happens to one request."""

    UNAVAILABLE = "503"
    THROTTLED = "429 with Retry-After"
    ERROR = "500, nothing done"
    ERROR_AFTER = "500, carried out"
    RESET_BEFORE = "reset before its effect"
    RESET_AFTER = "reset after its effect"
    CUT = "reply cut off half way"
    HANG = "no answer, nothing done"
    REPLY_LOST = "carried out, no answer"
    LATE = "no answer, carried out later"
    TWICE = "carried out twice"
    CONFLICT = "409 conflict"
    EXPIRED = "expired token"
    DENIED = "access denied"
    MISSING = "no such bucket"


SILENT = frozenset({Fault.HANG, Fault.REPLY_LOST, Fault.LATE})
"""Those after which the client waits for its own timeout."""

_ANSWERED = {
    Fault.UNAVAILABLE: (503, "ServiceUnavailable"),
    Fault.THROTTLED: (429, "SlowDown"),
    Fault.ERROR: (500, "InternalError"),
    Fault.ERROR_AFTER: (500, "InternalError"),
    Fault.CONFLICT: (409, "ConditionalRequestConflict"),
    Fault.EXPIRED: (400, "ExpiredToken"),
    Fault.DENIED: (403, "AccessDenied"),
    Fault.MISSING: (404, "NoSuchBucket"),
}


@dataclass(frozen=True, slots=True)
class Strike:
    """``fault`` at the requests number ``nth`` (from 0) to ``nth + times - 1``, counted among those of ``kind``, or among all."""

    fault: Fault
    nth: int
    times: int = 1
    kind: str | None = None


def kind_of(request: web.Request) -> str:
    """Return what a request does, in one word: what S3 and GCS call it."""
    query = request.query
    if "/storage/v1/" in request.path:
        return _kind_on_gcs(request)
    match request.method:
        case "GET":
            return "list" if "list-type" in query or "prefix" in query else "uploads" if "uploads" in query else "get"
        case "HEAD":
            return "head"
        case "PUT" if "partNumber" in query:
            return "copy" if "x-amz-copy-source" in request.headers else "part"
        case "PUT":
            return "create" if "If-None-Match" in request.headers else "put"
        case "POST":
            return "begin" if "uploads" in query else "complete" if "uploadId" in query else "delete" if "delete" in query else "post"
        case "DELETE":
            return "abort" if "uploadId" in query else "delete"
    return request.method.lower()


def _kind_on_gcs(request: web.Request) -> str:
    query, path = request.query, request.path
    if request.method == "GET":
        return "get" if query.get("alt") == "media" else "list" if path.endswith("/o") else "head"
    if request.method == "POST":
        for verb in ("compose", "rewriteTo", "copyTo"):
            if f"/{verb}" in path:
                return verb
        return "create" if query.get("ifGenerationMatch") == "0" else "put"
    return request.method.lower()


@dataclass(slots=True)
class _Request:
    """A request as it came, so that it can be carried out whenever and how often it is wanted."""

    method: str
    target: str
    headers: "CIMultiDict[str]"
    body: bytes
    number: int


@dataclass(slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class ChaosProxy:
    """Stands before the server at ``upstream`` and passes everything on but what its strikes say.

    ``away``: while it is set, every request suffers that. ``requests``: the kinds of all requests that came; ``struck``: number, kind and
    fault of those that suffered.
    """

    upstream: str
    strikes: list[Strike] = field(default_factory=list)
    away: Fault | None = None
    requests: list[str] = field(default_factory=list)
    struck: list[tuple[int, str, Fault]] = field(default_factory=list)
    url: str = ""
    _counts: "Counter[str]" = field(default_factory=Counter)
    _late: list[_Request] = field(default_factory=list)
    _silent: list[asyncio.Event] = field(default_factory=list)
    _runner: web.AppRunner | None = None
    _client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._runner is not None
        assert self._client is not None
        self.heal()
        await self._runner.cleanup()
        await self._client.close()

    def strike(self, *strikes: Strike) -> None:
        """Add strikes to come."""
        self.strikes.extend(strikes)

    def heal(self) -> None:
        """From now on pass everything on. Requests that are to arrive late still do so: see ``deliver``."""
        self.strikes.clear()
        self.away = None
        for event in self._silent:
            event.set()

    async def deliver(self) -> None:
        """Carry out what is still to arrive late."""
        late, self._late = self._late, []
        for request in late:
            await self._carry_out(request)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        kind = kind_of(request)
        number, number_of_kind = len(self.requests), self._counts[kind]
        self.requests.append(kind)
        self._counts[kind] += 1
        body = await request.read()
        due = [late for late in self._late if number - late.number >= _LATE_BY]
        self._late = [late for late in self._late if late not in due]
        for late in due:
            await self._carry_out(late)
        headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON)
        fault = self._fault(kind, number, number_of_kind)
        if fault is not None:
            self.struck.append((number, kind, fault))
        return await self._suffer(request, _Request(request.method, self.upstream + request.raw_path, headers, body, number), fault)

    def _fault(self, kind: str, number: int, number_of_kind: int) -> Fault | None:
        if self.away is not None:
            return self.away
        for strike in self.strikes:
            place = number if strike.kind is None else number_of_kind
            if strike.kind in {None, kind} and strike.nth <= place < strike.nth + strike.times:
                return strike.fault
        return None

    async def _suffer(self, request: web.Request, taken: _Request, fault: Fault | None) -> web.StreamResponse:
        match fault:
            case None:
                return self._reply(request, await self._carry_out(taken))
            case Fault.TWICE:
                await self._carry_out(taken)
                return self._reply(request, await self._carry_out(taken))
            case Fault.RESET_BEFORE:
                return _reset(request)
            case Fault.RESET_AFTER:
                await self._carry_out(taken)
                return _reset(request)
            case Fault.CUT:
                return await _cut_off(request, await self._carry_out(taken))
            case Fault.HANG | Fault.REPLY_LOST | Fault.LATE:
                if fault is Fault.REPLY_LOST:
                    await self._carry_out(taken)
                if fault is Fault.LATE:
                    self._late.append(taken)
                return await self._stay_silent(request)
            case Fault.ERROR_AFTER:
                await self._carry_out(taken)
        return _error(request, fault)

    async def _stay_silent(self, request: web.Request) -> web.StreamResponse:
        healed = asyncio.Event()
        self._silent.append(healed)
        await healed.wait()
        return _reset(request)

    async def _carry_out(self, taken: _Request) -> _Answer:
        assert self._client is not None
        target = URL(taken.target, encoded=True)
        async with self._client.request(taken.method, target, data=io.BytesIO(taken.body), headers=taken.headers) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_BACK}
            if taken.method == "HEAD":
                kept["Content-Length"] = answer.headers.get("Content-Length", "0")
            return _Answer(answer.status, kept, await answer.read())

    def _reply(self, request: web.Request, answer: _Answer) -> web.StreamResponse:
        return web.Response(status=answer.status, body=None if request.method == "HEAD" else answer.body, headers=answer.headers)


async def _cut_off(request: web.Request, answer: _Answer) -> web.StreamResponse:
    """Send the head and half of the body, then break the connection; without a body, only break it."""
    if request.method == "HEAD" or not answer.body:
        return _reset(request)
    reply = web.StreamResponse(status=answer.status, headers=answer.headers)
    reply.content_length = len(answer.body)
    await reply.prepare(request)
    await reply.write(answer.body[: len(answer.body) // 2])
    return _reset(request, reply)


def _reset(request: web.Request, reply: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return reply or web.Response()


def _error(request: web.Request, fault: Fault) -> web.Response:
    """Answer as the service does: S3 in XML, GCS in JSON, where an expired token is a 401."""
    status, code = _ANSWERED[fault]
    headers: Mapping[str, str] = {"Retry-After": "1"} if fault is Fault.THROTTLED else {}
    if "/storage/v1/" in request.path:
        status = 401 if fault is Fault.EXPIRED else status
        return web.json_response({"error": {"code": status, "message": fault.value}}, status=status, headers=headers)
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{fault.value}</Message></Error>'
    return web.Response(status=status, text=text, content_type="application/xml", headers=headers)
