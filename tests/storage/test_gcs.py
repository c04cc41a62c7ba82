"""GCS by gcsfs, against our fake: lost requests and replies, and what users get for their mistakes."""

from pathlib import Path
from typing import Any

import pytest

from asyncsummary_storage import (
    NOTHING,
    AccessDeniedError,
    ContainerMissingError,
    OutcomeUnknownError,
    PermanentError,
    PreconditionFailedError,
    StorageError,
    ThrottledError,
    TransientError,
    open_folder,
)
from tests.support.gcs_fake import GCSFake
from tests.support.proxy import FaultProxy, Loss
from tests.support.servers import GCSEmulator, free_port
from tests.support.strikes import How, Strike

URL = "gs://bucket/run"


async def test_a_lost_reply_is_not_doubled() -> None:
    """The upload is stored and its reply lost. Probing finds our bytes, once."""
    async with GCSFake(buckets={"bucket": {}}) as server, FaultProxy(server.url) as proxy:
        folder = open_folder(URL, server.options(proxy.url))
        await folder.open()
        segment = folder.segment("a")
        first = await segment.append(b"one ", NOTHING)
        proxy.lose("POST", Loss.REPLY)
        with pytest.raises(OutcomeUnknownError):
            await segment.append(b"two ", first)
        with pytest.raises(PreconditionFailedError):
            await segment.append(b"two ", first)
        await segment.append(b"three", await segment.probe())
        assert await segment.read(0, 100) == b"one two three"
        await folder.close()


async def test_one_request_each() -> None:
    """gcsfs' own retries are off: a 503 costs one request, a reset too."""
    async with GCSFake(buckets={"bucket": {}}) as server, FaultProxy(server.url) as proxy:
        folder = open_folder(URL, server.options(proxy.url))
        await folder.open()
        for loss, kind in ((Loss.UNAVAILABLE, TransientError), (Loss.REQUEST, OutcomeUnknownError)):
            proxy.lose("POST", loss)
            before = len(proxy.requests)
            with pytest.raises(kind):
                await folder.segment("a").append(b"one", NOTHING)
            assert len(proxy.requests) - before == 1
        assert await folder.segment("a").probe() == NOTHING
        await folder.close()


async def test_throttling() -> None:
    """429 says to slow down, and stored nothing."""
    async with GCSFake(buckets={"bucket": {}}) as server:
        folder = open_folder(URL, server.options())
        await folder.open()
        server.slow_down = 1
        with pytest.raises(ThrottledError):
            await folder.segment("a").append(b"one", NOTHING)
        await folder.segment("a").append(b"one", NOTHING)
        await folder.close()


async def test_a_missing_bucket() -> None:
    """The error names the bucket and the cure."""
    async with GCSFake() as server:
        folder = open_folder(URL, server.options())
        with pytest.raises(ContainerMissingError, match="no bucket 'bucket'; create it"):
            await folder.open()
        await folder.close()


async def test_no_permission() -> None:
    """The error says what the credentials must be allowed."""
    async with GCSFake(buckets={"bucket": {}}, denied=True) as server:
        folder = open_folder(URL, server.options())
        with pytest.raises(AccessDeniedError, match=r"list, read and write objects in bucket 'bucket'"):
            await folder.open()
        await folder.close()


async def test_an_endpoint_that_is_away() -> None:
    """Nothing was sent, so a later try can succeed."""
    folder = open_folder(URL, {"token": "anon", "endpoint_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(TransientError):
        await folder.open()
    await folder.close()


async def test_bad_credentials(tmp_path: Path) -> None:
    """A key file that holds no key is told at once."""
    (tmp_path / "key.json").write_text('{"type": "service_account"}')
    folder = open_folder(URL, {"token": str(tmp_path / "key.json")})
    with pytest.raises(AccessDeniedError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        await folder.open()
    await folder.close()


@pytest.mark.parametrize(
    "options", [{"session_kwargs": {"bogus": 1}}, {"endpoint_url": "localhost:9000"}, {"endpoint_url": "localhost"}], ids=str
)
async def test_options_that_can_never_work(options: dict[str, Any]) -> None:
    """Are not tried again and again."""
    folder = open_folder(URL, {"token": "anon", **options})
    for _ in range(2):
        with pytest.raises(PermanentError):
            await folder.open()
    await folder.close()


async def test_a_redirect_to_nowhere() -> None:
    """Is no fault of the options, but that of a server on the way."""
    async with GCSFake(buckets={"bucket": {}}) as server:
        folder = open_folder(URL, server.options())
        server.strikes.then("list", Strike(How.ANSWER, 302, "elsewhere", {"Location": "nothing://here"}))
        with pytest.raises(TransientError):
            await folder.open()
        await folder.open()
        await folder.close()


async def test_long_listings() -> None:
    """A listing of more than one page is whole."""
    async with GCSFake(buckets={"bucket": {}}, page_size=2) as server:
        folder = open_folder(URL, server.options())
        await folder.open()
        for index in range(5):
            await folder.segment(f"a{index}").append(b"x", NOTHING)
        assert [f"a{index}" for index in range(5)] == [entry.name for entry in await folder.entries()]
        await folder.close()


async def test_the_emulator_variable(gcs_emulator: GCSEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """STORAGE_EMULATOR_HOST is enough: no token, no options."""
    gcs_emulator.make_bucket("smoke")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_emulator.url)
    folder = open_folder("gs://smoke/run")
    await folder.open()
    segment = folder.segment("a")
    end = await segment.append(b"one ", NOTHING)
    await segment.append(b"two", end)
    assert await segment.read(0, 100) == b"one two"
    assert [entry.name for entry in await folder.entries()] == ["a"]
    await folder.close()


@pytest.mark.parametrize(
    ("status", "kind"), [(429, ThrottledError), (503, TransientError), (500, OutcomeUnknownError), (400, PermanentError)]
)
async def test_the_word_invalid(status: int, kind: type[StorageError]) -> None:
    """In an answer's text, where names of objects are, says nothing of what the answer means."""
    async with GCSFake(buckets={"bucket": {}}) as server:
        folder = open_folder("gs://bucket/invalid-labels", server.options())
        await folder.open()
        server.strikes.then("upload", Strike(How.ANSWER, status, "bucket/invalid-labels/a was written to too often"))
        with pytest.raises(StorageError) as caught:
            await folder.segment("a").append(b"x", NOTHING)
        assert type(caught.value) is kind
        await folder.close()


async def test_a_conflict_is_tried_again() -> None:
    """Another request about the same object was being carried out; nothing was stored."""
    async with GCSFake(buckets={"bucket": {}}) as server:
        folder = open_folder(URL, server.options())
        await folder.open()
        server.strikes.then("POST", Strike(How.ANSWER, status=409, code="conflict"))
        with pytest.raises(TransientError, match=r"409|conflict"):
            await folder.segment("a").append(b"x", NOTHING)
        assert await folder.segment("a").probe() == NOTHING
        await folder.close()
