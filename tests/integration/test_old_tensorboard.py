"""TensorBoard 1.14, the last that reads databases, shows ours, also while they are written.

It needs Python 3.7 or older, so an environment of its own: ``make test-old-tensorboard`` makes it and says where it is.
"""

import asyncio
import json
import os
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asyncsummary as summary
from tests.support.database import column

PROGRAM = os.environ.get("TENSORBOARD_1_14", "")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="make test-old-tensorboard runs it")


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """Run TensorBoard 1.14 on a database; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    program = [PROGRAM, "--db", f"sqlite:{path}", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(program, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


async def fetched(url: str) -> bytes:
    """Return what is at an address, once the server is up."""

    def fetch() -> bytes:
        with urllib.request.urlopen(url) as answer:
            data: bytes = answer.read()
            return data

    for _ in range(300):
        try:
            return await asyncio.to_thread(fetch)
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError):
                raise
            await asyncio.sleep(0.1)
    raise AssertionError("the server does not answer")


async def test_tensorboard_1_14(tmp_path: Path) -> None:
    """Scalars of every dtype that it knows, histograms and images, of two runs; a point that is committed later appears."""
    path = tmp_path / "runs.sqlite"
    histogram = np.array([1.0, 2.0, 2.0])
    async with summary.create_db_writer(path, "experiment", "first", "user") as writer:
        await writer.scalar("other", 1.0, 1)
    async with summary.create_db_writer(path, "experiment", "second", "user") as writer:
        for step in range(3):
            await writer.scalars({"float": step / 2, "int": step, "double": np.float64(step) / 3, "half": np.float16(step)}, step)
        await writer.histogram("histogram", histogram, 1)
        await writer.image("image", np.zeros((1, 4, 6, 3), np.uint8), 1)
        await writer.flush()
        (experiment,) = column(path, "SELECT experiment_id FROM Experiments")
        with serving(path) as url:

            async def of(what: str, tag: str = "") -> Any:
                query = urllib.parse.urlencode({"tag": tag, "run": "second", "experiment": experiment, "sample": 0}) if tag else ""
                return json.loads(await fetched(f"{url}/data/{what}?{query}"))

            assert await of("runs") == ["first", "second"]
            assert sorted((await of("plugin/scalars/tags"))["second"]) == ["double", "float", "half", "int"]
            for tag, slope in (("float", 1 / 2), ("int", 1), ("double", 1 / 3), ("half", 1)):
                assert [point[1:] for point in await of("plugin/scalars/scalars", tag)] == [[step, step * slope] for step in range(3)]
            ((_, step, buckets),) = await of("plugin/histograms/histograms", "histogram")
            assert (step, sum(bucket[2] for bucket in buckets)) == (1, 3.0)
            (image,) = await of("plugin/images/images", "image/image/0")
            assert (image["width"], image["height"]) == (6, 4)
            assert (await fetched(f"{url}/data/plugin/images/individualImage?{image['query']}")).startswith(b"\x89PNG")
            await writer.scalar("float", 9.0, 3)
            await writer.flush()
            assert (await of("plugin/scalars/scalars", "float"))[-1][1:] == [3, 9.0]
