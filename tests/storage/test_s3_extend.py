"""S3's extends and credentials, against a strict fake: what S3 demands of uploads, and what it may answer."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from asyncsummary_storage import (
    NOTHING,
    AccessDeniedError,
    OutcomeUnknownError,
    Position,
    PreconditionFailedError,
    TransientError,
    UnsupportedError,
    extending,
    open_folder,
)
from asyncsummary_storage.objects import ObjectFolder, ObjectSegment
from asyncsummary_storage.s3 import S3Store
from asyncsummary_storage.s3_client import S3Client
from tests.support import s3_fake
from tests.support.s3_fake import S3Fake
from tests.support.strikes import How, Strike

LEAST = 100


def folder_on(server: S3Fake, **options: Any) -> ObjectFolder:
    server.make_bucket("bucket")
    store = S3Store("bucket", {**server.options(), **options})
    store.smallest_part = LEAST
    return ObjectFolder(store, "s3://bucket/run", "run")


@pytest.fixture
async def server() -> AsyncIterator[S3Fake]:
    """A server with S3's rules and small parts."""
    async with S3Fake(smallest_part=LEAST) as made:
        yield made


async def begun(folder: ObjectFolder) -> tuple[ObjectSegment, Position]:
    await folder.open()
    segment = folder.segment("a")
    return segment, await segment.append(b"x" * LEAST, NOTHING)


async def test_an_error_within_a_success(server: S3Fake) -> None:
    """S3 may answer to a completion with 200 and an error in the body; what became of it is not known."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    server.strikes.then("CompleteMultipartUpload", Strike(How.ANSWER, 200, "InternalError"))
    with pytest.raises(OutcomeUnknownError):
        await segment.extend(b"one", end)
    assert end == await segment.probe()
    await folder.close()


async def test_an_answer_that_makes_no_sense(server: S3Fake) -> None:
    """A proxy's success without what S3 says is an error of ours: not known for a write, worth a try for what leads to it."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    strike = Strike(How.ANSWER, 204)
    for operation, kind in (
        ("CreateMultipartUpload", TransientError),
        ("UploadPart", TransientError),
        ("CompleteMultipartUpload", OutcomeUnknownError),
        ("UploadPartCopy", UnsupportedError),
    ):
        server.strikes.then(operation, strike)
        with pytest.raises(kind):
            await segment.extend(b"one", end)
    server.strikes.then("PutObject", strike)
    with pytest.raises(OutcomeUnknownError, match="has no ETag"):
        await segment.append(b"one", end)
    server.strikes.then("HeadObject", strike)
    with pytest.raises(TransientError):
        await segment.probe()
    await folder.close()


async def test_an_answer_without_a_code(server: S3Fake) -> None:
    """To HEAD, which has no body, 400 is what is made of expired credentials, and worth another try with new ones."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    server.strikes.then("HeadObject", Strike(How.ANSWER, 400))
    with pytest.raises(TransientError):
        await segment.probe()
    assert end == await segment.probe()
    await folder.close()


async def test_a_damaged_transfer(server: S3Fake) -> None:
    """Bytes that changed on their way are refused by their checksum, and can be sent again."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    server.strikes.then("UploadPart", Strike(How.DAMAGED))
    with pytest.raises(TransientError, match="BadDigest"):
        await segment.extend(b"one", end)
    server.strikes.then("PutObject", Strike(How.DAMAGED))
    with pytest.raises(TransientError, match="BadDigest"):
        await segment.append(b"one", end)
    await segment.extend(b"one", end)
    await folder.close()


async def test_checksums_that_the_user_asks_for(server: S3Fake) -> None:
    """An upload begun with a checksum wants those of its parts when it is completed; another one refuses them."""
    folder = folder_on(server, s3_additional_kwargs={"ChecksumAlgorithm": "CRC32"})
    segment, end = await begun(folder)
    end = await segment.extend(b"one", end)
    assert await segment.read(LEAST, 1000) == b"one"
    await folder.close()


async def test_an_upload_that_somebody_aborted(server: S3Fake) -> None:
    """Another process may sweep while we extend: before the completion nothing is stored; at it, it may be our own first try."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    uploads = server.buckets["bucket"].uploads
    for operation, kind in (("UploadPart", TransientError), ("CompleteMultipartUpload", OutcomeUnknownError)):
        server.strikes.then(operation, Strike(How.MEANWHILE, happens=uploads.clear))
        with pytest.raises(kind, match="NoSuchUpload"):
            await segment.extend(b"one", end)
        assert end == await segment.probe()
    await segment.extend(b"one", end)
    await folder.close()


async def test_an_object_that_is_another_for_a_moment(server: S3Fake) -> None:
    """What is copied is the content that was asked for, also if it is there again, with its ETag, at the completion."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    bucket = server.buckets["bucket"]
    server.strikes.then("UploadPartCopy", Strike(How.MEANWHILE, happens=lambda: bucket.overwrite("run/a", b"y" * LEAST)))
    server.strikes.then("CompleteMultipartUpload", Strike(How.MEANWHILE, happens=lambda: bucket.overwrite("run/a", b"x" * LEAST)))
    with pytest.raises(PreconditionFailedError):
        await segment.extend(b"one", end)
    await folder.close()


async def test_an_object_that_somebody_deleted(server: S3Fake) -> None:
    """At whatever request it is noticed, the extend is refused, and nothing is begun again."""
    folder = folder_on(server)
    objects = server.buckets["bucket"].objects
    for operation in ("UploadPartCopy", "CompleteMultipartUpload"):
        segment, end = await begun(folder)
        server.strikes.then(operation, Strike(How.MEANWHILE, happens=objects.clear))
        with pytest.raises(PreconditionFailedError, match="disappeared"):
            await segment.extend(b"one", end)
        assert await segment.probe() == NOTHING
    await folder.close()


async def test_a_storage_with_larger_parts(server: S3Fake) -> None:
    """If it takes no part as small as ours, objects are not extended there."""
    folder = folder_on(server)
    server.buckets["bucket"].smallest_part = 2 * LEAST
    segment, end = await begun(folder)
    with pytest.raises(UnsupportedError, match="EntityTooSmall"):
        await segment.extend(b"one", end)
    assert folder.terms.extend_from is None
    assert server.buckets["bucket"].uploads == {}
    await folder.close()


async def test_objects_too_large_to_copy(server: S3Fake) -> None:
    """S3 copies 5 GiB into one part; more is not asked for, and smaller objects are extended as before."""
    folder = folder_on(server)
    segment, end = await begun(folder)
    with pytest.raises(UnsupportedError, match="5 GiB"):
        await segment.extend(b"one", Position(5 * 1024**3 + 1, end.version))
    await segment.extend(b"one", end)
    await folder.close()


@pytest.mark.parametrize("operation", ["CompleteMultipartUpload", "UploadPartCopy"])
async def test_a_client_without_preconditions_of_extends(server: S3Fake, operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """s3fs drops arguments that its botocore does not know, so extends are off rather than unconditional."""
    monkeypatch.setattr(S3Client, "knows", lambda self, asked, *arguments: asked != operation)
    folder = folder_on(server)
    segment, end = await begun(folder)
    assert folder.terms.extend_from is None
    with pytest.raises(UnsupportedError):
        await segment.extend(b"one", end)
    assert "CreateMultipartUpload" not in server.strikes.operations
    await folder.close()


async def test_a_client_without_conditional_writes(server: S3Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told at opening."""
    monkeypatch.setattr(S3Client, "knows", lambda self, asked, *arguments: asked != "PutObject")
    folder = folder_on(server)
    with pytest.raises(UnsupportedError, match="upgrade aiobotocore"):
        await folder.open()
    await folder.close()


async def test_what_the_client_knows(server: S3Fake) -> None:
    """botocore's own tables are asked."""
    folder = folder_on(server)
    await folder.open()
    client = S3Client("bucket", server.options())
    await client.connect()
    assert client.knows("CompleteMultipartUpload", "IfMatch", "IfNoneMatch")
    assert not client.knows("CompleteMultipartUpload", "IfMatch", "IfTheMoonIsFull")
    await client.disconnect()
    await folder.close()


async def test_many_unfinished_uploads(server: S3Fake) -> None:
    """A listing of more than one page is swept to its end, and one that somebody else aborts meanwhile is no trouble."""
    server.page_size = 2
    folder = folder_on(server)
    await folder.open()
    bucket = server.buckets["bucket"]
    for index in range(5):
        bucket.begin(f"run/{index}", None)
    bucket.begin("run/below/x", None)
    old = bucket.uploads[bucket.begin("run/old", None)]
    old.initiated -= timedelta(hours=2)
    assert await folder.sweep(3600.0) == 1
    server.strikes.then("AbortMultipartUpload", None, Strike(How.ANSWER, 404, "NoSuchUpload"))
    assert await folder.sweep(-3600.0) == 5
    assert sorted(upload.key for upload in bucket.uploads.values()) == ["run/1", "run/below/x"]
    await folder.close()


@pytest.mark.parametrize(
    ("left_out", "swept"), [({"NextUploadIdMarker"}, 5), ({"NextKeyMarker"}, 2), ({"NextKeyMarker", "NextUploadIdMarker"}, 2)]
)
async def test_listings_that_do_not_say_how_they_go_on(server: S3Fake, left_out: set[str], swept: int) -> None:
    """Some storages leave markers out; what they say is enough, or the rest is not swept."""
    server.page_size, server.left_out = 2, left_out
    folder = folder_on(server)
    await folder.open()
    for index in range(5):
        server.buckets["bucket"].begin(f"run/{index}", None)
    assert await folder.sweep(-3600.0) == swept
    await folder.close()


@pytest.mark.parametrize("broken", ["says nothing", "says the same again"])
async def test_listings_without_an_end(server: S3Fake, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a listing of a folder is none, and worth another try; of what was swept, as much as was seen is enough."""
    query = s3_fake._query
    folder = folder_on(server)
    await folder.open()
    for index in range(3):
        server.buckets["bucket"].begin(f"run/{index}", None)
        await folder.segment(str(index)).append(b"x", NOTHING)
    server.page_size = 2
    with monkeypatch.context() as patch:
        if broken == "says nothing":
            server.left_out = {"NextContinuationToken", "NextKeyMarker", "NextUploadIdMarker"}
        else:
            patch.setattr(s3_fake, "_query", lambda request, name: "" if "marker" in name or "token" in name else query(request, name))
        with pytest.raises(TransientError, match="does not say how it goes on"):
            await folder.entries()
        assert await folder.sweep(3600.0) == 0
    server.left_out = set()
    assert len(await folder.entries()) == 3
    await folder.close()


async def test_an_abort_that_hangs(server: S3Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds up neither an error nor a cancellation for long, and changes neither."""
    monkeypatch.setattr(extending, "_TIDY_SECONDS", 0.05)
    folder = folder_on(server)
    segment, end = await begun(folder)
    server.strikes.always("AbortMultipartUpload", Strike(How.HANG))
    server.strikes.then("UploadPart", Strike(How.ANSWER, 500))
    with pytest.raises(TransientError, match="InternalError"):
        await segment.extend(b"one", end)
    server.strikes.hanging.clear()
    server.strikes.then("UploadPart", Strike(How.HANG))
    task = asyncio.create_task(segment.extend(b"one", end))
    await server.strikes.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(server.buckets["bucket"].uploads) == 2
    await folder.close()


def write_keys_file(home: Path, key: str) -> None:
    (home / "credentials").write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n")


def write_process_file(home: Path, key: str) -> None:
    """As a company's login tool does it: a program that prints credentials and when they end."""
    printed = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2099-01-01T00:00:00Z"}
    (home / "printed").write_text(json.dumps(printed))
    program = f"import sys; sys.stdout.write(open({str(home / 'printed')!r}).read())"
    (home / "program.py").write_text(program)
    (home / "config").write_text(f"[default]\ncredential_process = {sys.executable} {home / 'program.py'}\n")


@pytest.mark.parametrize("write", [write_keys_file, write_process_file])
@pytest.mark.parametrize("bucket", ["bucket", "bucket--use1-az4--x-s3"])
async def test_credentials_that_expire(server: S3Fake, tmp_path: Path, write: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next try reads them anew, from wherever the client had them; until there are new ones it is worth another try."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    server.make_bucket(bucket)
    write(tmp_path, "first")
    server.keys = {"first"}
    folder = open_folder(f"s3://{bucket}/run", {"endpoint_url": server.url, "client_kwargs": {"region_name": "us-east-1"}})
    await folder.open()
    segment = folder.segment("a")
    end = await segment.append(b"one ", NOTHING)
    server.keys = {"second"}
    for _ in range(2):
        with pytest.raises(TransientError, match="ExpiredToken"):
            await segment.append(b"two", end)
    with pytest.raises(TransientError):
        await segment.probe()
    write(tmp_path, "second")
    end = await segment.append(b"two", end)
    assert await segment.read(0, 100) == b"one two"
    assert end == await segment.probe()
    await folder.close()


async def test_no_credentials_at_the_renewal(server: S3Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told as such, and another try reads them again."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "first")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    server.keys = {"first"}
    folder = folder_on(server, key=None, secret=None)
    segment, end = await begun(folder)
    server.keys = {"second"}
    with pytest.raises(TransientError):
        await segment.probe()
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(AccessDeniedError, match="AWS_PROFILE"):
        await segment.probe()
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "second")
    assert end == await segment.probe()
    await folder.close()
