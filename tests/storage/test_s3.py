"""S3 by s3fs, against a real server: lost requests and replies, and what users get for their mistakes."""

import json
import ssl
import uuid
from typing import Any

import botocore.exceptions
import botocore.loaders
import pytest
import s3fs

from asyncsummary_storage import (
    NOTHING,
    AccessDeniedError,
    ContainerMissingError,
    OutcomeUnknownError,
    PermanentError,
    PreconditionFailedError,
    SegmentFullError,
    SegmentMissingError,
    ThrottledError,
    TransientError,
    UnsupportedError,
    open_folder,
    s3_client,
)
from asyncsummary_storage.s3_errors import translated
from tests.support.proxy import FaultProxy, Loss
from tests.support.servers import MotoServer, free_port


def new_url() -> str:
    return f"s3://faults/{uuid.uuid4()}/run"


async def test_a_lost_reply_is_not_doubled(moto: MotoServer) -> None:
    """The PUT is stored and its reply lost; the client sends it again by itself. Probing finds our bytes, once."""
    moto.make_bucket("faults")
    async with FaultProxy(moto.url) as proxy:
        folder = open_folder(new_url(), moto.options(proxy.url))
        await folder.open()
        segment = folder.segment("a")
        first = await segment.append(b"one ", NOTHING)
        proxy.lose("PUT", Loss.REPLY, Loss.REPLY)
        with pytest.raises((OutcomeUnknownError, PreconditionFailedError)):
            await segment.append(b"two ", first)
        found = await segment.probe()
        assert await segment.read(0, 100) == b"one two "
        await segment.append(b"three", found)
        assert await segment.read(0, 100) == b"one two three"
        await folder.close()


async def test_a_lost_request_is_stored_by_the_next_try(moto: MotoServer) -> None:
    """A reset before the effect leaves the segment as it was."""
    moto.make_bucket("faults")
    async with FaultProxy(moto.url) as proxy:
        folder = open_folder(new_url(), moto.options(proxy.url))
        await folder.open()
        segment = folder.segment("a")
        proxy.lose("PUT", *[Loss.REQUEST] * 2)
        with pytest.raises(OutcomeUnknownError):
            await segment.append(b"one", NOTHING)
        assert await segment.probe() == NOTHING
        await segment.append(b"one", NOTHING)
        assert await segment.read(0, 100) == b"one"
        await folder.close()


async def test_one_request_each(moto: MotoServer) -> None:
    """The clients' own retries are off: a 503 costs one request and comes back at once."""
    moto.make_bucket("faults")
    async with FaultProxy(moto.url) as proxy:
        folder = open_folder(new_url(), moto.options(proxy.url))
        await folder.open()
        proxy.lose("PUT", Loss.UNAVAILABLE)
        before = len(proxy.requests)
        with pytest.raises(TransientError):
            await folder.segment("a").append(b"one", NOTHING)
        assert len(proxy.requests) - before == 1
        await folder.close()


async def test_a_missing_bucket(moto: MotoServer) -> None:
    """The error names the bucket and the cure."""
    folder = open_folder("s3://no-such-bucket/run", moto.options())
    with pytest.raises(ContainerMissingError, match="no bucket 'no-such-bucket'; create it"):
        await folder.open()
    await folder.close()


async def test_an_endpoint_that_is_away() -> None:
    """Nothing was sent, so a later try can succeed."""
    options = {"key": "k", "secret": "s", "endpoint_url": f"http://127.0.0.1:{free_port()}", "client_kwargs": {"region_name": "us-east-1"}}
    folder = open_folder("s3://bucket/run", options)
    with pytest.raises(TransientError, match="s3://bucket"):
        await folder.open()
    await folder.close()


async def test_no_credentials(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variables to set."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    folder = open_folder("s3://faults/run", {"endpoint_url": moto.url, "client_kwargs": {"region_name": "us-east-1"}})
    with pytest.raises(AccessDeniedError, match="AWS_ACCESS_KEY_ID"):
        await folder.open()
    await folder.close()


async def test_options_that_cannot_be_used(moto: MotoServer) -> None:
    """Are told at once, by the name of the argument."""
    folder = open_folder("s3://faults/run", {**moto.options(), "asynchronous": False})
    with pytest.raises(PermanentError, match="storage_options: "):
        await folder.open()
    await folder.close()


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "localhost:9000"},
        {"config_kwargs": {"bogus": 1}},
        {"config_kwargs": {"s3": {"addressing_style": "bogus"}}},
        {"config_kwargs": {"retries": {"mode": "bogus"}}},
        {"client_kwargs": {"bogus": 1}},
        {"client_kwargs": {"region_name": "no region"}},
        {"bogus": 1},
    ],
    ids=str,
)
async def test_options_that_can_never_work(options: dict[str, Any]) -> None:
    """Are not tried again and again."""
    folder = open_folder("s3://bucket/run", {"key": "k", "secret": "s", **options})
    for _ in range(2):
        with pytest.raises(PermanentError, match="s3://bucket"):
            await folder.open()
    await folder.close()


async def test_a_bucket_of_no_possible_name(moto: MotoServer) -> None:
    """Is told without a request."""
    folder = open_folder("s3://my bucket/run", moto.options())
    with pytest.raises(PermanentError, match="Invalid bucket name"):
        await folder.open()
    await folder.close()


@pytest.mark.parametrize(
    "problem",
    [
        ConnectionResetError("reset"),
        ssl.SSLCertVerificationError("not yet valid"),
        json.JSONDecodeError("of a command's output", "", 0),
        botocore.exceptions.CredentialRetrievalError(provider="sso", error_msg="away"),
        botocore.exceptions.MetadataRetrievalError(error_msg="away"),
        botocore.exceptions.ConnectTimeoutError(endpoint_url="http://169.254.169.254"),
    ],
    ids=lambda problem: type(problem).__name__,
)
async def test_a_session_that_cannot_be_made_for_now(moto: MotoServer, problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials may come from elsewhere, and there may be trouble there, which passes."""
    moto.make_bucket("faults")
    folder = open_folder(new_url(), moto.options())

    async def fail(self: Any, **kwargs: Any) -> None:
        raise problem

    with monkeypatch.context() as patch, pytest.raises(TransientError):
        patch.setattr(s3fs.S3FileSystem, "set_session", fail)
        await folder.open()
    await folder.open()
    await folder.close()


async def test_opening_again_after_closing(moto: MotoServer) -> None:
    """Connects anew, with the same options."""
    moto.make_bucket("faults")
    folder = open_folder(new_url(), {**moto.options(), "config_kwargs": {"read_timeout": 7}})
    for _ in range(2):
        await folder.open()
        assert folder._store._client.fs.config_kwargs["read_timeout"] == 7  # type: ignore[attr-defined]
        await folder.close()


async def test_sessions_share_what_describes_s3(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Megabytes of JSON are read once per process, whatever the number of writers; but anew for another folder of descriptions."""
    moto.make_bucket("faults")
    made: list[str | None] = []
    create = botocore.loaders.create_loader

    def counted(path: str | None = None) -> Any:
        made.append(path)
        return create(path)

    s3_client._loader.cache_clear()
    monkeypatch.setattr(botocore.loaders, "create_loader", counted)
    folders = [open_folder(new_url(), moto.options()) for _ in range(3)]
    for folder in folders[:2]:
        await folder.open()
    assert len(made) == 1
    monkeypatch.setenv("AWS_DATA_PATH", "/nowhere")
    await folders[2].open()
    assert made == [made[0], "/nowhere"]
    for folder in folders:
        await folder.close()


async def test_long_listings(moto: MotoServer) -> None:
    """A listing of more than one page is whole."""
    moto.make_bucket("faults")
    folder = open_folder(new_url(), moto.options())
    await folder.open()
    for index in range(5):
        await folder.segment(f"a{index}").append(b"x", NOTHING)
    fs = folder._store._client.fs  # type: ignore[attr-defined]  # a smaller page than S3's thousand
    call = fs._call_s3

    async def small_pages(method: str, **kwargs: Any) -> Any:
        return await call(method, **({**kwargs, "MaxKeys": 2} if method == "list_objects_v2" else kwargs))

    fs._call_s3 = small_pages
    assert [f"a{index}" for index in range(5)] == [entry.name for entry in await folder.entries()]
    await folder.close()


async def test_sweeping_unfinished_uploads(moto: MotoServer) -> None:
    """On another's implementation of S3, what was left behind is found and removed, in this folder alone."""
    moto.make_bucket("faults")
    folder, other = (open_folder(new_url(), moto.options()) for _ in range(2))
    for opened in (folder, other):
        await opened.open()
    for name in ("a", "a", "b"):
        await folder._store._client.call("create_multipart_upload", "", sent=False, Key=f"{folder._prefix}{name}")  # type: ignore[attr-defined]
    assert await other.sweep(-3600.0) == 0
    assert await folder.sweep(3600.0) == 3  # moto's uploads all have the same date, years ago
    assert await folder.sweep(3600.0, also_of="a") == 0
    for opened in (folder, other):
        await opened.close()


class AnswerError(Exception):
    """botocore's ClientError, as far as it is looked at."""

    def __init__(self, code: str, status: int, operation: str) -> None:
        super().__init__(code)
        self.operation_name = operation
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


@pytest.mark.parametrize(
    ("code", "status", "sent", "kind"),
    [
        ("PreconditionFailed", 412, True, PreconditionFailedError),
        ("412", 412, True, PreconditionFailedError),
        ("NoSuchBucket", 404, True, ContainerMissingError),
        ("NoSuchKey", 404, False, SegmentMissingError),
        ("404", 404, False, SegmentMissingError),
        ("SlowDown", 503, True, ThrottledError),
        ("TooManyRequests", 429, True, ThrottledError),
        ("ConditionalRequestConflict", 409, True, TransientError),
        ("ExpiredToken", 400, True, TransientError),
        ("AccessDenied", 403, True, AccessDeniedError),
        ("SignatureDoesNotMatch", 403, True, AccessDeniedError),
        ("InvalidRequest", 400, True, PermanentError),
        ("PermanentRedirect", 301, False, PermanentError),
        ("400", 400, False, PermanentError),
        ("400", 400, True, PermanentError),
        ("408", 408, False, TransientError),
        ("408", 408, True, OutcomeUnknownError),
        ("499", 499, True, OutcomeUnknownError),
        ("BadDigest", 400, True, TransientError),
        ("InvalidWriteOffset", 400, True, PreconditionFailedError),
        ("TooManyParts", 400, True, SegmentFullError),
        ("NoSuchUpload", 404, False, TransientError),
        ("NoSuchUpload", 404, True, OutcomeUnknownError),
        ("NotImplemented", 501, True, UnsupportedError),
        ("MethodNotAllowed", 405, True, UnsupportedError),
        ("ServiceUnavailable", 503, True, TransientError),
        ("InternalError", 500, True, OutcomeUnknownError),
        ("InternalError", 500, False, TransientError),
        ("RequestTimeout", 400, True, OutcomeUnknownError),
    ],
)
def test_error_codes(code: str, status: int, sent: bool, kind: type[Exception]) -> None:
    """Each code of the S3 API becomes the error that says what to do next."""
    error = OSError(5, "what s3fs makes of it")
    error.__cause__ = AnswerError(code, status, "PutObject")
    assert kind is type(translated(error, "s3://b/k", "b", sent=sent))


@pytest.mark.parametrize(("operation", "kind"), [("HeadObject", TransientError), ("GetObject", PermanentError)])
def test_a_status_without_a_code(operation: str, kind: type[Exception]) -> None:
    """Expired credentials are what makes an answer without a body 400; others have a code, or are not S3's."""
    assert kind is type(translated(AnswerError("400", 400, operation), "s3://b/k", "b", sent=False))
