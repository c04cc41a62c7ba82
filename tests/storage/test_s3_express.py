"""S3 Express, against a strict fake: appends by offset, sessions, listings in no order, and other buckets that never see an offset."""

from collections.abc import AsyncIterator

import pytest

from asyncsummary_storage import (
    NOTHING,
    Growth,
    OutcomeUnknownError,
    Position,
    PreconditionFailedError,
    SegmentFullError,
    Terms,
    TransientError,
    UnsupportedError,
    open_folder,
)
from asyncsummary_storage.s3_client import S3Client
from asyncsummary_storage.s3_express import S3ExpressStore
from tests.support.s3_fake import S3Fake
from tests.support.strikes import LOST, How, Strike

BUCKET = "bucket--use1-az4--x-s3"
URL = f"s3://{BUCKET}/run"


@pytest.fixture
async def server() -> AsyncIterator[S3Fake]:
    """A server that takes five appends to an object."""
    async with S3Fake(most_appends=5) as made:
        made.make_bucket(BUCKET)
        made.make_bucket("bucket")
        yield made


async def test_one_request_for_each_append(server: S3Fake) -> None:
    """Nothing is read or written again; a session is got once, for all requests."""
    folder = open_folder(URL, server.options())
    await folder.open()
    assert folder.terms == Terms(Growth.IN_PLACE, most_appends=10_000)
    segment = folder.segment("a")
    server.strikes.operations.clear()
    end = await segment.append(b"one ", NOTHING)
    end = await segment.append(b"two ", end)
    assert server.strikes.operations == ["PutObject", "PutObject"]
    assert end == Position(8, server.buckets[BUCKET].objects["run/a"].etag)
    assert await folder.sweep(-3600.0) == 0
    await folder.close()


async def test_an_empty_object(server: S3Fake) -> None:
    """Is appended to; an offset of 0 would create it anew where it is missing, so there it is refused."""
    folder = open_folder(URL, server.options())
    await folder.open()
    server.buckets[BUCKET].overwrite("run/a", b"")
    segment = folder.segment("a")
    empty = await segment.probe()
    end = await segment.append(b"one ", empty)
    end = await segment.append(b"two", end)
    assert await segment.read(0, 100) == b"one two"
    with pytest.raises(PreconditionFailedError):
        await folder.segment("b").append(b"one", empty)
    await folder.close()


async def test_a_full_object(server: S3Fake) -> None:
    """Says so, whoever made the appends, and another one takes them."""
    folder = open_folder(URL, server.options())
    await folder.open()
    segment, end = folder.segment("a"), NOTHING
    for _ in range(5):
        end = await segment.append(b"x", end)
    with pytest.raises(SegmentFullError, match="go on in another"):
        await segment.append(b"x", end)
    assert end == await segment.probe()
    await folder.segment("b").append(b"x", NOTHING)
    await folder.close()


async def test_a_lost_reply(server: S3Fake) -> None:
    """The client sends the append again by itself, and that is refused by its offset: stored once."""
    folder = open_folder(URL, server.options())
    await folder.open()
    segment = folder.segment("a")
    end = await segment.append(b"one ", NOTHING)
    server.strikes.then("PutObject", LOST, LOST)
    with pytest.raises((OutcomeUnknownError, PreconditionFailedError)):
        await segment.append(b"two ", end)
    found = await segment.probe()
    assert await segment.read(0, 100) == b"one two "
    with pytest.raises(PreconditionFailedError):
        await segment.append(b"two ", end)
    await segment.append(b"three", found)
    assert await segment.read(0, 100) == b"one two three"
    await folder.close()


async def test_a_size_that_was_not_due(server: S3Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the answer says that the object is longer than it should be, nothing is certain."""
    folder = open_folder(URL, server.options())
    await folder.open()
    segment = folder.segment("a")
    end = await segment.append(b"one ", NOTHING)

    async def answer(*_: object, **__: object) -> dict[str, object]:
        return {"ETag": '"x"', "Size": 100}

    monkeypatch.setattr(S3ExpressStore, "_replace", answer)
    with pytest.raises(OutcomeUnknownError, match="has 100 bytes where 7 were due"):
        await segment.append(b"two", end)
    await folder.close()


async def test_being_asked_to_wait(server: S3Fake) -> None:
    """The error says for how long."""
    folder = open_folder(URL, server.options())
    await folder.open()
    server.strikes.then("PutObject", Strike(How.ANSWER, 503, "ServiceUnavailable", {"Retry-After": "3"}))
    with pytest.raises(TransientError) as caught:
        await folder.segment("a").append(b"one", NOTHING)
    assert caught.value.retry_after == 3.0
    await folder.close()


async def test_other_buckets_see_no_offset(server: S3Fake) -> None:
    """Not even by way of an append that follows many: an emulator would overwrite the object."""
    folder = open_folder("s3://bucket/run", server.options())
    await folder.open()
    assert folder.terms.growth is Growth.REWRITE
    segment, end = folder.segment("a"), NOTHING
    for _ in range(3):
        end = await segment.append(b"x", end)  # the fake refuses offsets there
    await folder.close()


async def test_a_client_that_knows_no_offsets(server: S3Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """s3fs would drop it and overwrite the object; this is told at opening."""
    monkeypatch.setattr(S3Client, "knows", lambda self, operation, *arguments: "WriteOffsetBytes" not in arguments)
    folder = open_folder(URL, server.options())
    with pytest.raises(UnsupportedError, match="directory buckets"):
        await folder.open()
    await folder.close()
