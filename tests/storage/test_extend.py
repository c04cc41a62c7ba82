"""The contract of ``extend``, over every backend that has it: what ``append`` promises, and no trace that stays."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from asyncsummary_storage import (
    NOTHING,
    ContainerMissingError,
    Folder,
    OutcomeUnknownError,
    Position,
    PreconditionFailedError,
    Segment,
    StorageError,
    ThrottledError,
    TransientError,
    UnsupportedError,
)
from tests.storage import backends
from tests.storage.backends import Place, Struck
from tests.storage.test_contract import opened
from tests.support.servers import MotoServer
from tests.support.strikes import LOST, RESET, How, Strike

NAMES = ["memory-extending", "s3", "s3-fake", "gcs"]

S3_REQUESTS = ("CreateMultipartUpload", "UploadPartCopy", "UploadPart", "CompleteMultipartUpload")
GCS_REQUESTS = ("upload", "compose")
REQUESTS = [("s3-fake", name) for name in S3_REQUESTS] + [("gcs", name) for name in GCS_REQUESTS]


@contextlib.asynccontextmanager
async def made(name: str) -> AsyncIterator[Place]:
    async with getattr(backends, name.replace("-", "_"))() as place:
        yield place


@pytest.fixture(params=NAMES)
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A place of each backend that extends, empty. That of moto takes S3's own 5 MiB."""
    if request.param == "s3":
        moto: MotoServer = request.getfixturevalue("moto")
        async with backends.s3(moto)() as found:
            yield found
    else:
        async with made(request.param) as found:
            yield found


@pytest.fixture(params=["memory-extending", "s3-fake", "gcs"])
async def strict_place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A place of each backend whose server looks at the preconditions of extends; moto does not."""
    async with made(request.param) as found:
        yield found


@pytest.fixture(params=["s3-fake", "gcs"])
async def struck_place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A place of each backend whose server can be told to fail."""
    async with made(request.param) as found:
        yield found


@pytest.fixture(params=REQUESTS, ids="-".join)
async def at_request(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Place, str]]:
    """A place, and each request that an extend makes there."""
    backend, operation = request.param
    async with made(backend) as found:
        assert found.struck is not None
        assert operation in found.struck.requests
        yield found, operation


async def begun(folder: Folder, name: str = "a") -> tuple[Segment, Position, bytes]:
    """Make a segment that is just long enough to be extended."""
    least = folder.terms.extend_from
    assert least is not None
    assert folder.terms.extend_requests > 0
    content = bytes(range(250)) * (least // 250) + b"x" * (least % 250)
    segment = folder.segment(name)
    return segment, await segment.append(content, NOTHING), content


def of(place: Place) -> Struck:
    assert place.struck is not None
    return place.struck


async def test_extends_follow_one_another(place: Place) -> None:
    """Each returns where the segment ends; the next append or extend goes on there, also one of another process."""
    async with opened(place) as folder:
        segment, end, content = await begun(folder)
        for part in (b"one ", b"two "):
            end = await segment.extend(part, end)
            content += part
            assert end == await segment.probe()
            assert end.offset == len(content)
        end = await segment.append(b"three ", end)
        end = await segment.extend(b"four ", end)
        content += b"three four "
    async with opened(place) as folder:
        segment = folder.segment("a")
        end = await segment.extend(b"five", await segment.probe())
        content += b"five"
        assert content == await segment.read(0, len(content) + 1)
        assert [(entry.name, entry.size) for entry in await folder.entries()] == [("a", len(content))]
        assert end == await segment.probe()


async def test_names_that_need_quoting(place: Place) -> None:
    """A name within a request that copies is the same name."""
    async with opened(place) as folder:
        for name in ("lr=0.1, run 2+3", "100%25 ü?#&"):
            segment, end, content = await begun(folder, name)
            await segment.extend(b"one", end)
            assert len(content) + 3 == (await segment.probe()).offset
        assert [entry.name for entry in await folder.entries()] == ["100%25 ü?#&", "lr=0.1, run 2+3"]


async def test_extending_at_a_stale_position_is_refused(strict_place: Place) -> None:
    """Whether the first to come appended or extended; nothing of the second is stored, and the first goes on."""
    async with opened(strict_place) as one, opened(strict_place) as other:
        mine, start, content = await begun(one)
        first = await mine.append(b"first ", start)
        second = await mine.extend(b"second ", first)
        for stale in (start, first, Position(second.offset, first.version)):
            with pytest.raises(PreconditionFailedError):
                await other.segment("a").extend(b"theirs", stale)
        await mine.extend(b"third", second)
        assert content + b"first second third" == await mine.read(0, len(content) + 100)


async def test_extending_what_is_missing_is_refused(place: Place) -> None:
    """Nothing is begun in the middle."""
    async with opened(place) as folder:
        _, end, _ = await begun(folder, "other")
        with pytest.raises(PreconditionFailedError):
            await folder.segment("a").extend(b"more", end)
        assert [entry.name for entry in await folder.entries()] == ["other"]


async def test_an_append_after_extends_writes_what_they_left(struck_place: Place) -> None:
    """What an append sent in vain before an extend does not come back by a later append."""
    struck = of(struck_place)
    async with opened(struck_place) as folder:
        segment, end, content = await begun(folder)
        name = "PutObject" if "UploadPart" in struck.requests else "upload"
        struck.strikes.always(name, Strike(How.ANSWER, 503, "SlowDown"))
        with pytest.raises(TransientError):
            await segment.append(b"in vain, and rather long", end)
        struck.strikes.heal()
        struck.strikes.always(struck.requests[-1], LOST)
        with pytest.raises(OutcomeUnknownError):
            await segment.extend(b"short ", end)
        struck.strikes.heal()
        end = await segment.append(b"more", await segment.probe())
        assert content + b"short more" == await segment.read(0, 10_000)
        await segment.extend(b".", end)
        assert not segment._sent  # type: ignore[attr-defined]  # extending does not hold the content in memory


async def test_no_trace_stays(struck_place: Place) -> None:
    """An extend that went well takes everything with it but the object, and is as many writing requests as the terms say."""
    struck = of(struck_place)
    async with opened(struck_place) as folder:
        segment, end, _ = await begun(folder)
        struck.strikes.operations.clear()
        await segment.extend(b"one", end)
        assert struck.traces() == 0
        assert list(struck.requests) == [name for name in struck.strikes.operations if name != "delete"]
        assert folder.terms.extend_requests == len(struck.requests)


@pytest.mark.parametrize("before", [b"", b"before "])
async def test_bytes_of_another_writer_are_kept(struck_place: Place, before: bytes) -> None:
    """After an append of unknown outcome, what is as long as what was sent need not be that."""
    struck = of(struck_place)
    async with opened(struck_place) as one, opened(struck_place) as other:
        mine, theirs = one.segment("a"), other.segment("a")
        end = await mine.append(before, NOTHING) if before else NOTHING
        struck.strikes.then("PutObject" if "UploadPart" in struck.requests else "upload", Strike(How.ANSWER, 500))
        with pytest.raises(OutcomeUnknownError):
            await mine.append(b"mine ", end)
        await theirs.append(b"their", end)
        with pytest.raises(PreconditionFailedError):
            await mine.append(b"mine ", end)
        await mine.append(b" mine", await mine.probe())
        assert await theirs.read(0, 100) == before + b"their mine"


async def test_content_is_fetched_only_where_it_is_not_known(struck_place: Place) -> None:
    """Not again at the Position of an append that went well, nor at that of one that did not."""
    struck = of(struck_place)
    put, get = ("PutObject", "GetObject") if "UploadPart" in struck.requests else ("upload", "get")
    async with opened(struck_place) as folder:
        segment = folder.segment("a")
        end = await segment.append(b"one ", NOTHING)
        struck.strikes.operations.clear()
        end = await segment.append(b"two ", end)
        for status, kind in ((503, TransientError), (500, OutcomeUnknownError)):
            struck.strikes.then(put, Strike(How.ANSWER, status))
            with pytest.raises(kind):
                await segment.append(b"three ", end)
        end = await segment.append(b"three ", end)
        assert struck.strikes.operations == [put] * 4
        struck.strikes.then(put, Strike(How.ANSWER_AFTER, 500))
        with pytest.raises(OutcomeUnknownError):
            await segment.append(b"four ", end)
        end = await segment.probe()
        struck.strikes.operations.clear()
        end = await segment.append(b"five ", end)
        await segment.append(b"six", end)
        assert struck.strikes.operations == [get, put, put]
        assert await segment.read(0, 100) == b"one two three four five six"


@pytest.mark.parametrize("strike", [LOST, RESET, Strike(How.ANSWER, 500), Strike(How.ANSWER_AFTER, 500)], ids=lambda s: s.how.name)
async def test_a_request_that_gets_no_answer(at_request: tuple[Place, str], strike: Strike) -> None:
    """Before the last one nothing is stored, and the error says so; after it the outcome is unknown, and all or nothing."""
    place, operation = at_request
    struck = of(place)
    async with opened(place) as folder:
        segment, end, content = await begun(folder)
        struck.strikes.always(operation, strike)
        is_last = operation == struck.requests[-1]
        with pytest.raises(OutcomeUnknownError if is_last else TransientError):
            await segment.extend(b"one ", end)
        struck.strikes.heal()
        found = await segment.probe()
        if is_last and strike.how in {How.LOST, How.ANSWER_AFTER}:
            assert found.offset == end.offset + 4
            with pytest.raises(PreconditionFailedError):
                await segment.extend(b"one ", end)
        else:
            assert end == found
            found = await segment.extend(b"one ", end)
        await segment.extend(b"two", found)
        assert content + b"one two" == await segment.read(0, 10_000)
        assert all(text in {content, content + b"one ", content + b"one two"} for key, text in struck.history if key.endswith("/a"))
        await folder.sweep(-3600.0)
        assert struck.traces() == 0


@pytest.mark.parametrize("how", [How.HANG, How.HANG_AFTER])
async def test_cancelling_at_any_request(at_request: tuple[Place, str], how: How) -> None:
    """The cancellation comes out, the segment is as before or as after, and goes on; what stays is swept."""
    place, operation = at_request
    struck = of(place)
    async with opened(place) as folder:
        segment, end, content = await begun(folder)
        struck.strikes.then(operation, Strike(how))
        task = asyncio.create_task(segment.extend(b"one ", end))
        async with asyncio.timeout(20):
            await struck.strikes.hanging.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        struck.strikes.heal()
        found = await segment.probe()
        assert found.offset == end.offset + (4 if how is How.HANG_AFTER and operation == struck.requests[-1] else 0)
        # An upload whose name never came is all that can be left.
        assert struck.traces() == (1 if operation == "CreateMultipartUpload" and how is How.HANG_AFTER else 0)
        await folder.sweep(3600.0, also_of="a")
        assert struck.traces() == 0
        await segment.extend(b"two", found)
        assert await segment.read(end.offset, 10_000) in {b"two", b"one two"}
        assert content == await segment.read(0, end.offset)


async def test_another_writer_between_the_requests(at_request: tuple[Place, str]) -> None:
    """Whatever the moment, what it wrote stays, and the extend is refused."""
    place, operation = at_request
    struck = of(place)
    async with opened(place) as folder:
        segment, end, content = await begun(folder)
        struck.strikes.then(operation, Strike(How.MEANWHILE, happens=lambda: struck.overwrite("a", content + b"theirs")))
        with pytest.raises(PreconditionFailedError):
            await segment.extend(b"ours", end)
        assert content + b"theirs" == await segment.read(0, 10_000)
        assert struck.traces() == 0


async def test_being_asked_to_wait(at_request: tuple[Place, str]) -> None:
    """The error says for how long, and nothing was stored."""
    place, operation = at_request
    struck = of(place)
    async with opened(place) as folder:
        segment, end, _ = await begun(folder)
        status = 503 if "UploadPart" in struck.requests else 429
        struck.strikes.then(operation, Strike(How.ANSWER, status, "SlowDown", {"Retry-After": "7"}))
        with pytest.raises(ThrottledError) as caught:
            await segment.extend(b"one", end)
        assert caught.value.retry_after == 7.0
        assert end == await segment.probe()
        await segment.extend(b"one", end)


@pytest.mark.parametrize("status", [400, 403, 405, 501])
async def test_a_storage_that_does_not_extend(at_request: tuple[Place, str], status: int) -> None:
    """A refusal of the request as such is told once, by the kind of error and by the terms; appends go on, and opening asks again."""
    place, operation = at_request
    struck = of(place)
    codes = {400: "InvalidRequest", 403: "AccessDenied", 405: "MethodNotAllowed", 501: "NotImplemented"}
    async with opened(place) as folder:
        segment, end, content = await begun(folder)
        struck.strikes.then(operation, Strike(How.ANSWER, status, codes[status]))
        with pytest.raises(UnsupportedError, match="do not let objects be extended"):
            await segment.extend(b"one", end)
        assert folder.terms.extend_from is None
        with pytest.raises(UnsupportedError):
            await segment.extend(b"one", end)
        end = await segment.append(b"two", end)
        assert content + b"two" == await segment.read(0, 10_000)
        assert struck.traces() == 0
        await folder.close()
        await folder.open()
        assert folder.terms.extend_from is not None


async def test_a_bucket_that_disappears(struck_place: Place) -> None:
    """Is told as that; it says nothing about extends."""
    struck = of(struck_place)
    async with opened(struck_place) as folder:
        segment, end, _ = await begun(folder)
        terms = folder.terms
        struck.strikes.then(struck.requests[0], Strike(How.ANSWER, 404, "NoSuchBucket"))
        with pytest.raises(ContainerMissingError):
            await segment.extend(b"one", end)
        assert terms == folder.terms


async def leave_traces(place: Place, folder: Folder, *names: str) -> None:
    """Extend these segments as somebody does who is killed before the last request."""
    struck = of(place)
    for name in names:
        segment, end, _ = await begun(folder, name)
        struck.strikes.always(struck.cleaning, Strike(How.ANSWER, 500))
        struck.strikes.then(struck.requests[-1], RESET)
        with pytest.raises(StorageError):
            await segment.extend(b"one", end)
        struck.strikes.heal()


async def test_sweeping(struck_place: Place) -> None:
    """Removes what is old enough, and what is of one segment whatever its age, in this folder alone."""
    struck = of(struck_place)
    async with opened(struck_place) as folder:
        await leave_traces(struck_place, folder, "a", "ab", "c")
        assert struck.traces() == 3
        assert await folder.sweep(3600.0) == 0
        assert await folder.sweep(3600.0, also_of="a") == 1
        assert await folder.sweep(3600.0, also_of="a") == 0
        await leave_traces(struck_place, folder, "below/d")
        assert struck.traces() == 3
        assert await folder.sweep(-3600.0) == 2
        assert struck.traces() == 1
        for name in ("a", "ab", "c"):
            segment = folder.segment(name)
            await segment.extend(b"one", await segment.probe())


async def test_sweeping_without_permission(struck_place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Removes nothing and raises nothing, whether listing or removing is denied; an error that passes is told."""
    struck = of(struck_place)
    caplog.set_level("DEBUG", "asyncsummary_storage")
    async with opened(struck_place) as folder:
        await leave_traces(struck_place, folder, "a", "b")
        for operation in (struck.listing, struck.cleaning):
            struck.strikes.then(operation, Strike(How.ANSWER, 403, "AccessDenied"))
            assert await folder.sweep(-3600.0) == 0
            assert "not swept" in caplog.text
            caplog.clear()
        struck.strikes.then(struck.listing, Strike(How.ANSWER, 503, "ServiceUnavailable"))
        with pytest.raises(TransientError):
            await folder.sweep(-3600.0)
        assert await folder.sweep(-3600.0) == 2
