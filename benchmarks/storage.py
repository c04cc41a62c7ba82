"""Where do the benchmarks find an S3 bucket that answers slowly? Here: a server in a process of its own, which has one port where it
takes its time for each request, and one where it does not.

python -m benchmarks.storage --milliseconds 200      # prints the environment of its clients; ends with its standard input
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.programs.visible import DIRECT_URL
from tests.support.servers import MotoServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

BUCKET = "bench"
_STOP_SECONDS = 20


@contextmanager
def slow_bucket(milliseconds: float) -> Iterator[dict[str, str]]:
    """Start the server; give the environment variables that lead clients there."""
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


def serve(milliseconds: float) -> None:
    """Serve until standard input ends."""
    os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(1 << 30)  # objects stay in memory, rather than to be written to files
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    bucket: WSGIApplication = DomainDispatcherApplication(create_backend_app)

    def slow(environ: "WSGIEnvironment", respond: "StartResponse") -> "Iterable[bytes]":
        time.sleep(milliseconds / 1e3)
        return bucket(environ, respond)

    with _served(bucket) as direct, _served(slow) as delayed:
        urllib.request.urlopen(urllib.request.Request(f"{direct}/{BUCKET}", method="PUT")).close()
        # Each client has a variable of its own for the server's address.
        print(json.dumps({**MotoServer.environment, "AWS_ENDPOINT_URL": delayed, "S3_ENDPOINT": delayed, DIRECT_URL: direct}), flush=True)
        sys.stdin.read()


@contextmanager
def _served(app: "WSGIApplication") -> Iterator[str]:
    """Serve in a thread, with one more for each connection; give the URL."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--milliseconds", type=float, default=200.0)
    with contextlib.suppress(KeyboardInterrupt):
        serve(parser.parse_args().milliseconds)
