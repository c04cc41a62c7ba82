"""Real servers in processes of their own, on free ports of the loopback interface, stopped by their own handle."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import Any, ClassVar, Self

_START_SECONDS = 60


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def wait_until_served(url: str, process: "subprocess.Popen[bytes]", tls: ssl.SSLContext | None = None) -> None:
    """Wait until something answers at the URL, whatever it says."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5, context=tls):
                return
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except (OSError, TimeoutError):
            time.sleep(0.05)
    raise TimeoutError(f"{url}: nothing answers after {_START_SECONDS} s")


class ServerProcess:
    """A server that is started by a ``with`` block and stopped at its end."""

    def __init__(self, command: list[str], port: int, environment: dict[str, str] | None = None) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._command = command
        # The packages that a test has put in front of the installed ones are not for its servers.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._environment = {**inherited, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.tls: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until_served(self.url, self._process, self.tls)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()


class MotoServer(ServerProcess):
    """S3, with conditional writes."""

    environment: ClassVar = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}

    def __init__(self, *arguments: str) -> None:
        port = free_port()
        # The server puts a second "Server" header beside moto's own, which aiohttp refuses when asyncio's debug mode is on.
        start = (
            "from werkzeug.serving import WSGIRequestHandler as Handler; Handler.send_response = Handler.send_response_only;"
            f"from moto.server import main; main({['-H', '127.0.0.1', '-p', str(port), *arguments]!r})"
        )
        super().__init__([sys.executable, "-c", start], port)

    def options(self, url: str | None = None) -> dict[str, Any]:
        """Return storage_options for this server, or for a proxy before it."""
        return {"key": "key", "secret": "secret", "endpoint_url": url or self.url, "client_kwargs": {"region_name": "us-east-1"}}

    def make_bucket(self, name: str) -> None:
        """Create a bucket, if it is not there."""
        request = urllib.request.Request(f"{self.url}/{name}", method="PUT")
        with urllib.request.urlopen(request, timeout=30, context=self.tls):
            pass


class GCSEmulator(ServerProcess):
    """gcp-storage-emulator, in memory."""

    def __init__(self) -> None:
        port = free_port()
        start = f"from gcp_storage_emulator.server import create_server; create_server('127.0.0.1', {port}, in_memory=True).run()"
        super().__init__([sys.executable, "-c", start], port)

    def make_bucket(self, name: str) -> None:
        """Create a bucket."""
        body = f'{{"name": "{name}"}}'.encode()
        request = urllib.request.Request(f"{self.url}/storage/v1/b?project=p", data=body, headers={"Content-Type": "application/json"})
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=30):
            pass
