"""GCS' extends and credentials, against our fake: where tails go, what composing may answer, and tokens that were revoked."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError, TransportError

from asyncsummary_storage import (
    NOTHING,
    AccessDeniedError,
    OutcomeUnknownError,
    Position,
    PreconditionFailedError,
    StorageError,
    Terms,
    ThrottledError,
    TransientError,
    UnsupportedError,
    gcs_client,
    open_folder,
)
from asyncsummary_storage.gcs import TAILS, GCSStore
from asyncsummary_storage.objects import ObjectFolder, ObjectSegment
from tests.support.gcs_fake import GCSFake
from tests.support.servers import GCSEmulator
from tests.support.strikes import RESET, How, Strike

LEAST = 100


def folder_on(server: GCSFake, **options: Any) -> ObjectFolder:
    store = GCSStore("bucket", {**server.options(), **options})
    store.extend_from = LEAST
    return ObjectFolder(store, "gs://bucket/run", "run")


@pytest.fixture
async def server() -> AsyncIterator[GCSFake]:
    """A server with one bucket."""
    async with GCSFake(buckets={"bucket": {}}) as made:
        yield made


async def begun(folder: ObjectFolder) -> tuple[ObjectSegment, Position]:
    await folder.open()
    segment = folder.segment("events.out.tfevents.1.v2")
    return segment, await segment.append(b"x" * LEAST, NOTHING)


async def test_where_a_tail_goes(server: GCSFake) -> None:
    """To the bucket's root, by a name that no reader takes for an event file, and away again."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    await segment.extend(b"one", end)
    tails = [key for key, _ in server.history if key.startswith(TAILS)]
    assert len(tails) == 1
    assert "tfevents" not in tails[0]
    assert "run" not in tails[0]
    assert list(server.buckets["bucket"]) == ["run/events.out.tfevents.1.v2"]
    await folder.close()


async def test_tails_of_a_logdir_at_the_root(server: GCSFake) -> None:
    """Are not among its segments."""
    store = GCSStore("bucket", server.options())
    store.extend_from = LEAST
    folder = ObjectFolder(store, "gs://bucket", "")
    segment, end = await begun(folder)
    server.strikes.then("delete", Strike(How.ANSWER, 500))
    await segment.extend(b"one", end)
    assert len(server.buckets["bucket"]) == 2
    assert [entry.name for entry in await folder.entries()] == [segment.name]
    assert await folder.sweep(3600.0, also_of=segment.name) == 1
    await folder.close()


async def test_terms_before_and_after_opening(server: GCSFake) -> None:
    """Google wants a second between writes of an object; an emulator, which has no TLS, does not."""
    google = open_folder("gs://bucket/run", {"token": "anon"})
    assert google.terms.seconds_between_writes == 1.0
    folder = open_folder("gs://bucket/run", server.options())
    await folder.open()
    assert folder.terms == Terms(folder.terms.growth, 1024 * 1024, 2, seconds_between_writes=0.0)
    await folder.close()
    assert folder.terms.extend_from is None


async def test_too_many_writes(server: GCSFake) -> None:
    """The object's limit is told as a request to slow down; nothing was stored, and no tail stays."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    server.seconds_between_writes = 3600.0
    with pytest.raises(ThrottledError):
        await segment.extend(b"one", end)
    server.seconds_between_writes = 0.0
    assert len(server.buckets["bucket"]) == 1
    await segment.extend(b"one", end)
    await folder.close()


async def test_a_bucket_that_keeps_versions(server: GCSFake) -> None:
    """What is no longer current can be composed there, but not into what is."""
    server.versioned = True
    folder = folder_on(server)
    segment, end = await begun(folder)
    server.overwrite("bucket", f"run/{segment.name}", b"theirs")
    with pytest.raises(PreconditionFailedError):
        await segment.extend(b"ours", end)
    assert await segment.read(0, 1000) == b"theirs"
    await folder.close()


async def test_a_composed_size_that_was_not_due(server: GCSFake) -> None:
    """If the object is not as long as both its parts, nothing is certain."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    assert end.version is not None
    with pytest.raises(OutcomeUnknownError, match="has 103 bytes where 104 were due"):
        await segment.extend(b"one", Position(end.offset + 1, end.version))
    await folder.close()


async def test_what_is_missing_when_composing(server: GCSFake) -> None:
    """A 404 is the object, the tail, or the request itself; which, is found out by looking."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    objects = server.buckets["bucket"]

    def lose_the_tail() -> None:
        del objects[next(key for key in objects if key.startswith(TAILS))]

    def lose_the_object() -> None:
        del objects[f"run/{segment.name}"]

    server.strikes.then("compose", Strike(How.MEANWHILE, happens=lose_the_tail))
    with pytest.raises(TransientError, match="somebody has deleted"):
        await segment.extend(b"one", end)
    end = await segment.extend(b"one", end)
    server.strikes.then("compose", Strike(How.ANSWER, 404, "Not Found"))
    with pytest.raises(UnsupportedError, match="does not compose"):
        await segment.extend(b"one", end)
    assert folder.terms.extend_from is None
    await folder.close()
    await folder.open()
    server.strikes.then("compose", Strike(How.MEANWHILE, happens=lose_the_object))
    with pytest.raises(PreconditionFailedError, match="disappeared"):
        await segment.extend(b"one", end)
    assert objects == {}
    await folder.close()


async def test_an_answer_that_makes_no_sense(server: GCSFake) -> None:
    """A proxy's page instead of the object's metadata comes out as an error of ours: not known for a write, worth a try for a look."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    tries: list[tuple[str, Callable[[], Awaitable[object]], type[StorageError]]] = [
        ("upload", lambda: segment.append(b"one", end), OutcomeUnknownError),
        ("compose", lambda: segment.extend(b"one", end), OutcomeUnknownError),
        ("upload", lambda: segment.extend(b"one", end), TransientError),
        ("get", segment.probe, TransientError),
    ]
    for operation, call, kind in tries:
        server.strikes.then(operation, Strike(How.ANSWER, 200))
        with pytest.raises(StorageError) as caught:
            await call()
        assert type(caught.value) is kind
    await folder.close()


async def test_the_emulator_composes(gcs_emulator: GCSEmulator) -> None:
    """A smoke test on another's implementation, which looks at no preconditions."""
    gcs_emulator.make_bucket("extends")
    store = GCSStore("extends", {"token": "anon", "endpoint_url": gcs_emulator.url, "project": "p"})
    store.extend_from = LEAST
    folder = ObjectFolder(store, "gs://extends/run", "run")
    segment, end = await begun(folder)
    end = await segment.extend(b"one", end)
    assert await segment.read(LEAST, 1000) == b"one"
    assert await folder.sweep(-3600.0) == 0
    await folder.close()


def away() -> Exception:
    """Return what is raised where the server of tokens cannot be reached."""
    return TransportError("away")  # type: ignore[no-untyped-call]


def refusal(said: str, *, retryable: bool = False, cause: Exception | None = None) -> Exception:
    """Return what is raised where it answers, but not by a token."""
    error: Exception = RefreshError(said, retryable=retryable)  # type: ignore[no-untyped-call]
    error.__cause__ = cause
    return error


class Revocable(Credentials):
    """Credentials whose token is renewed when asked, or not."""

    def __init__(self, *renewals: str | Exception) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token: str | None = "first"
        self.expiry: datetime | None = None
        self.renewals = list(renewals)

    def refresh(self, request: Any) -> None:
        renewal = self.renewals.pop(0)
        if isinstance(renewal, Exception):
            raise renewal
        self.token = renewal
        self.expiry = None


async def test_a_token_that_was_revoked(server: GCSFake) -> None:
    """Is renewed, once and off the event loop, and the next try has the new one, each time that this happens."""
    server.tokens = {"first"}
    credentials = Revocable("second", "third")
    folder = folder_on(server, token=credentials)
    segment, end = await begun(folder)
    for token in ("second", "third"):
        server.tokens = {token}
        with pytest.raises(TransientError, match="is renewed"):
            await segment.append(b"one ", end)
        end = await segment.append(b"one ", end)
    assert credentials.renewals == []
    assert await segment.read(LEAST, 1000) == b"one one "
    await folder.close()


async def test_a_token_that_is_about_to_end(server: GCSFake) -> None:
    """Is renewed before it does, without a request in vain."""
    server.tokens = {"first", "second"}
    credentials = Revocable("second")
    folder = folder_on(server, token=credentials)
    segment, end = await begun(folder)
    credentials.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=1)
    server.tokens = {"second"}
    await segment.extend(b"one", end)
    await folder.close()


@pytest.mark.parametrize(
    ("seconds", "problem", "kind"),
    [
        (230, refusal("away", retryable=True), None),
        (60, refusal("away", retryable=True), None),
        (60, refusal("no"), None),
        (-1, refusal("away", retryable=True), TransientError),
        (-1, refusal("away", cause=away()), TransientError),
        (-1, away(), TransientError),
        (-1, refusal("no"), AccessDeniedError),
        (-1, refusal("credentials do not contain the necessary fields need to refresh"), AccessDeniedError),
    ],
)
async def test_a_token_that_is_not_renewed(server: GCSFake, seconds: int, problem: Exception, kind: type[StorageError] | None) -> None:
    """Is used as long as it holds. Then it is told whether its server is away, or refuses to renew it."""
    server.tokens = {"first"}
    credentials = Revocable(*[problem] * 10)
    folder = folder_on(server, token=credentials)
    segment, end = await begun(folder)
    credentials.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=seconds)
    if kind is None:
        end = await segment.append(b"one", end)
    else:
        with pytest.raises(kind) as caught:
            await segment.append(b"one", end)
        assert type(caught.value) is kind
    credentials.renewals[:] = ["second"]
    server.tokens = {"second"}
    await segment.append(b"two", end)
    await folder.close()


async def test_the_first_token_is_fetched_off_the_event_loop(server: GCSFake) -> None:
    """By a blocking request, and so in a thread."""
    threads: list[threading.Thread] = []

    class Watched(Revocable):
        def refresh(self, request: Any) -> None:
            threads.append(threading.current_thread())
            super().refresh(request)

    credentials = Watched("second", "third")
    credentials.token = None
    folder = folder_on(server, token=credentials)
    await folder.open()
    credentials.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=280)
    await folder.entries()
    assert len(threads) == 1
    credentials.expiry -= timedelta(seconds=60)
    await folder.entries()
    assert len(threads) == 2
    assert threading.main_thread() not in threads
    await folder.close()


async def test_a_server_of_tokens_that_hangs(server: GCSFake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds nobody up for long while the old token holds, and is asked once; its answer is used when it comes."""
    begun_to_ask, back = threading.Event(), threading.Event()

    class Slow(Revocable):
        def refresh(self, request: Any) -> None:
            begun_to_ask.set()
            back.wait()
            super().refresh(request)

    monkeypatch.setattr(gcs_client, "_PATIENCE_SECONDS", 0.01)
    server.tokens = {"first"}
    credentials = Slow("second", "third")
    folder = folder_on(server, token=credentials)
    segment, end = await begun(folder)
    credentials.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=3)
    try:
        async with asyncio.timeout(10.0):
            end = await segment.append(b"one ", end)
            assert begun_to_ask.is_set()
            end = await segment.append(b"two ", end)
    finally:
        back.set()
    while credentials.token == "first":
        await asyncio.sleep(0)
    server.tokens = {"second"}
    await segment.append(b"three", end)
    assert await segment.read(LEAST, 1000) == b"one two three"
    assert credentials.renewals == ["third"]
    await folder.close()


async def test_requests_at_once_with_a_token_that_was_revoked(server: GCSFake) -> None:
    """Have one new token for all of them, and all are worth another try."""
    server.tokens = {"first"}
    credentials = Revocable("second", "third")
    folder = folder_on(server, token=credentials)
    segment, end = await begun(folder)
    server.tokens = {"second"}
    answers = await asyncio.gather(segment.append(b"one", end), segment.probe(), folder.entries(), return_exceptions=True)
    assert {type(answer) for answer in answers} == {TransientError}
    assert credentials.renewals == ["third"]
    assert (await segment.append(b"one", end)).offset == LEAST + 3
    await folder.close()


async def test_a_new_token_that_is_refused(server: GCSFake) -> None:
    """Only a person can mend that."""
    server.tokens = {"first"}
    folder = folder_on(server, token=Revocable("second"))
    segment, end = await begun(folder)
    server.tokens = {"another"}
    with pytest.raises(TransientError):
        await segment.append(b"one", end)
    with pytest.raises(AccessDeniedError, match="Invalid Credentials"):
        await segment.append(b"one", end)
    await folder.close()


async def test_a_token_that_cannot_be_renewed(server: GCSFake) -> None:
    """No connection to the token's server is worth another try; its refusal, or no credentials at all, are not."""
    server.tokens = {"first"}
    folder = folder_on(server, token=Revocable(away(), refusal("no"), "second"))
    segment, end = await begun(folder)
    server.tokens = {"second"}
    for kind in (TransientError, AccessDeniedError, TransientError):
        with pytest.raises(StorageError) as caught:
            await segment.append(b"one", end)
        assert type(caught.value) is kind
    await segment.append(b"one", end)
    await folder.close()
    anonymous = folder_on(server)
    with pytest.raises(AccessDeniedError):
        await anonymous.open()
    await anonymous.close()


async def test_waits_are_those_of_the_task_that_asked(server: GCSFake) -> None:
    """What one request was told is not taken for another's answer."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    server.strikes.then("upload", Strike(How.ANSWER, 429, "slow", {"Retry-After": "9"}))
    server.strikes.then("get", Strike(How.ANSWER, 503, "away"))
    answers = await asyncio.gather(segment.append(b"one", end), segment.probe(), return_exceptions=True)
    assert [getattr(answer, "retry_after", "no error") for answer in answers] == [9.0, None]
    for strike, wait in ((Strike(How.ANSWER, 503, "away", {"Retry-After": "5"}), 5.0), (RESET, None)):
        server.strikes.always("get", strike)  # the client asks twice by itself when a connection ends
        with pytest.raises(TransientError) as caught:
            await segment.probe()
        assert wait == caught.value.retry_after
    await folder.close()


async def test_a_tail_that_another_removes(server: GCSFake) -> None:
    """While we sweep is no trouble, and is not counted."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    for _ in range(2):
        server.strikes.then("delete", Strike(How.ANSWER, 500))
        end = await segment.extend(b"one", end)
    server.strikes.then("delete", Strike(How.ANSWER, 404, "No such object"))
    assert await folder.sweep(-3600.0) == 1
    await folder.close()
