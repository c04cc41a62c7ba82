"""Eight coroutines, 40,000 scalars over 20 tags, to local, S3 and GCS logdirs: TensorBoard shows each once, in order, live."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import asyncsummary as summary
from tests.support.events import accumulated
from tests.support.gcs_fake import GCSFake
from tests.support.servers import GCSEmulator, MotoServer
from tests.support.tensorboard import TensorBoard

COROUTINES = 8
EACH = 5000
TAGS = [f"train/tag{index:02d}" for index in range(20)]
STEPS = COROUTINES * EACH // len(TAGS)


def expected(steps: int) -> dict[str, list[tuple[int, float]]]:
    """Return what is to be seen of each tag after so many steps."""
    return {tag: [(step, float(step + 100 * index)) for step in range(steps)] for index, tag in enumerate(TAGS)}


async def write_part(writer: summary.SummaryWriter, part: int, parts: int) -> None:
    """Let eight coroutines write their shares of one part of all scalars, at once."""
    size = EACH // parts

    async def work(worker: int) -> None:
        for number in range(part * size, (part + 1) * size):
            index = number * COROUTINES + worker
            step, tag = divmod(index, len(TAGS))
            await writer.scalar(TAGS[tag], step + 100 * tag, step)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(worker) for worker in range(COROUTINES)))


@dataclass(frozen=True, slots=True)
class Place:
    """A logdir, and how a writer and TensorBoard get there."""

    logdir: str
    options: Mapping[str, Any] | None = None
    environment: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def made(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        if name.startswith("local"):
            yield Place(str(tmp_path))
        elif name == "s3":
            moto: MotoServer = request.getfixturevalue("moto")
            moto.make_bucket("tensorboard")
            yield Place(f"s3://tensorboard/{tmp_path.name}", moto.options(), {**moto.environment, "AWS_ENDPOINT_URL": moto.url})
        else:
            if name == "gs-fake":
                fake = await stack.enter_async_context(GCSFake(buckets={"tensorboard": {}}))
                url, options = fake.url, fake.options()
            else:
                emulator: GCSEmulator = request.getfixturevalue("gcs_emulator")
                emulator.make_bucket("tensorboard")
                url, options = emulator.url, {"token": "anon", "endpoint_url": emulator.url}
            settings = {
                "STORAGE_EMULATOR_HOST": url,
                "FSSPEC_GS": '{"use_listings_cache": false, "token": "anon"}',
                "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
            }
            yield Place(f"gs://tensorboard/{tmp_path.name}", options, settings)


@pytest.mark.parametrize("name", ["local-python", "local-rust", "s3", "gs-fake", "gs-emulator"])
async def test_everything_once_in_order_and_live(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """TensorBoard shows what was flushed while the writer goes on, and in the end every point exactly once."""
    async with made(name, tmp_path, request) as place, AsyncExitStack() as stack:
        writer = await stack.enter_async_context(
            summary.create_file_writer(f"{place.logdir}/run", flush_millis=100, storage_options=place.options)
        )
        await write_part(writer, 0, 2)
        await writer.flush()
        process = TensorBoard(place.logdir, rust=name == "local-rust", environment=place.environment)
        board = await asyncio.to_thread(process.__enter__)
        stack.callback(process.__exit__, None, None, None)
        half = expected(STEPS // 2)
        await board.until(lambda: board.points("run", TAGS[-1]) == half[TAGS[-1]], "the first half")
        assert {tag: board.points("run", tag) for tag in TAGS} == half
        await write_part(writer, 1, 2)
        await writer.flush()
        whole = expected(STEPS)
        await board.until(lambda: board.points("run", TAGS[-1]) == whole[TAGS[-1]], "the second half")
        assert {tag: board.points("run", tag) for tag in TAGS} == whole
        assert sorted(board.ask("plugin/scalars/tags")["run"]) == TAGS
        assert (writer.stats.committed, writer.stats.dropped, writer.stats.late) == (COROUTINES * EACH, 0, 0)


@pytest.mark.parametrize("name", ["local", "s3", "gs-fake", "gs-emulator"])
async def test_event_accumulator(name: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader that programs use sees each of the 40,000 events once, in step order per tag."""
    async with made(name, tmp_path, request) as place:
        async with summary.create_file_writer(f"{place.logdir}/run", flush_millis=50, storage_options=place.options) as writer:
            await write_part(writer, 0, 1)
        for variable, value in place.environment.items():
            monkeypatch.setenv(variable, value)
        assert await asyncio.to_thread(read_in_a_process, f"{place.logdir}/run") == expected(STEPS)


def read_in_a_process(run: str) -> dict[str, list[tuple[int, float]]]:
    """Read by EventAccumulator in a process of its own, since readers keep sessions and threads."""
    import json
    import subprocess
    import sys

    code = f"import json, tests.support.events as e; print(json.dumps(e.accumulated({run!r})))"
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True)
    return {tag: [(step, value) for step, value in points] for tag, points in json.loads(found.stdout.splitlines()[-1]).items()}


async def test_coroutines_that_never_pause(tmp_path: Path) -> None:
    """One after the other they write all their steps; within a batch each tag is put in order all the same."""
    async with summary.create_file_writer(tmp_path) as writer:

        async def work(worker: int) -> None:
            for number in range(EACH):
                step, tag = divmod(number * COROUTINES + worker, len(TAGS))
                await writer.scalar(TAGS[tag], step + 100 * tag, step)

        await asyncio.gather(*(work(worker) for worker in range(COROUTINES)))
        assert writer.stats.late == 0
    assert accumulated(tmp_path) == expected(STEPS)
