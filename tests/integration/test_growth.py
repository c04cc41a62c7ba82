"""Runs long enough for their segments to be extended by the storage: through a writer, on strict servers."""

import uuid

import pytest

import asyncsummary as summary
from asyncsummary.plan import MIB
from asyncsummary_storage import open_folder
from tests.support.events import events_in
from tests.support.gcs_fake import GCSFake
from tests.support.s3_fake import S3Fake

BLOB = "x" * (MIB // 2)


async def written(logdir: str, options: dict[str, object], flushes: int) -> tuple[list[int], list[str]]:
    """Write half a megabyte per flush, resuming in the middle; return the sizes of the segments, and the texts' steps in order."""
    for half in range(2):
        async with summary.create_file_writer(logdir, resume=bool(half), storage_options=options, flush_millis=60_000) as writer:
            for step in range(half * flushes, (half + 1) * flushes):
                await writer.generic("text", f"{step} {BLOB}", step)
                await writer.flush()
            assert writer.stats.committed == flushes
    folder = open_folder(logdir, options)
    await folder.open()
    sizes, steps = [], []
    for entry in await folder.entries():
        sizes.append(entry.size)
        events = events_in(await folder.segment(entry.name).read(0, entry.size))
        steps += [event.summary.value[0].tensor.string_val[0].split(b" ")[0].decode() for event in events if event.summary.value]
    await folder.close()
    return sizes, steps


@pytest.mark.parametrize("storage", ["s3", "gcs"])
async def test_few_objects_however_much_is_written(storage: str) -> None:
    """Each flush is there once, in order, in one or two objects; nothing is left beside them."""
    flushes = 16
    if storage == "s3":
        async with S3Fake() as s3:
            bucket = s3.make_bucket("growth")
            sizes, steps = await written(f"s3://growth/{uuid.uuid4()}", s3.options(), flushes)
            assert not bucket.uploads
            assert sum(operation == "CompleteMultipartUpload" for operation in s3.strikes.operations) > flushes // 2
    else:
        async with GCSFake(buckets={"growth": {}}) as gcs:
            sizes, steps = await written("gs://growth/run", gcs.options(), flushes)
            assert [key for key in gcs.buckets["growth"] if "tails" in key] == []
            assert any("compose" in request for request in gcs.requests)
    assert steps == [str(step) for step in range(2 * flushes)]
    assert len(sizes) <= 2
    assert sum(sizes) > 15 * MIB
