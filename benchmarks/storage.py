"""Where do the benchmarks find an S3 bucket that answers slowly? Here: a server and a proxy that delays, in processes of their own.

python -m benchmarks.storage --milliseconds 200      # prints the environment of its clients; ends with its standard input
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.programs.visible import DIRECT_URL
from tests.support.proxy import FaultProxy
from tests.support.servers import MotoServer

BUCKET = "bench"
_STOP_SECONDS = 20


@contextmanager
def slow_bucket(milliseconds: float) -> Iterator[dict[str, str]]:
    """Start the server and the proxy; give the environment variables that lead clients there."""
    command = [sys.executable, "-m", "benchmarks.storage", "--milliseconds", str(milliseconds)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            environment: dict[str, str] = json.loads(process.stdout.readline() or "{}")
            if not environment:
                raise RuntimeError("the S3 server of the benchmarks does not start")
            yield environment
        finally:
            process.stdin.close()  # it stops its server, then itself
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            process.kill()


async def serve(milliseconds: float) -> None:
    """Serve until standard input ends."""
    with MotoServer() as moto:
        moto.make_bucket(BUCKET)
        async with FaultProxy(moto.url, delay_seconds=milliseconds / 1e3) as proxy:
            # Each client has a variable of its own for the server's address.
            environment = {
                **moto.environment,
                "AWS_ENDPOINT_URL": proxy.url,
                "S3_ENDPOINT": proxy.url,
                DIRECT_URL: moto.url,
            }
            print(json.dumps(environment), flush=True)
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--milliseconds", type=float, default=200.0)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args().milliseconds))
