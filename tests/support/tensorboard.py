"""The real ``tensorboard`` process, asked over its HTTP JSON."""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.support.servers import ServerProcess, free_port


class TensorBoard(ServerProcess):
    """TensorBoard on a logdir, by its Python reader or by its Rust reader (which reads local folders only)."""

    def __init__(self, logdir: str, *, rust: bool = False, environment: dict[str, str] | None = None) -> None:
        self.logdir = logdir
        port = free_port()
        command = [sys.executable, "-W", "ignore", "-m", "tensorboard.main", "--logdir", logdir, "--host", "127.0.0.1", "--port", str(port)]
        command += [f"--load_fast={str(rust).lower()}", "--reload_interval=1", "--samples_per_plugin=scalars=100000"]
        super().__init__(command, port, {"PYTHONASYNCIODEBUG": "", **(environment or {})})

    def ask(self, path: str, **query: str) -> Any:
        """Return the JSON at a path below /data, None where there is none yet."""
        try:
            with urllib.request.urlopen(f"{self.url}/data/{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            return None

    def fetch(self, path: str, **query: str) -> tuple[str, bytes]:
        """Return the type and the bytes of what is at a path below /data, which may have a query already."""
        with urllib.request.urlopen(f"{self.url}/data/{path}{'?' if query else ''}{urllib.parse.urlencode(query)}", timeout=30) as answer:
            return str(answer.headers.get_content_type()), answer.read()

    def post(self, path: str, question: Any) -> Any:
        """Return the JSON that answers a question in JSON."""
        request = urllib.request.Request(f"{self.url}/data/{path}", json.dumps(question).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def points(self, run: str, tag: str) -> list[tuple[int, float]]:
        """Return (step, value) of the points it serves."""
        return [(step, value) for _, step, value in self.ask("plugin/scalars/scalars", run=run, tag=tag) or []]

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = 90.0) -> None:
        """Wait until a condition on its answers holds; this event loop goes on meanwhile."""
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(condition):
            assert time.monotonic() < deadline, f"TensorBoard never showed {what}"
            await asyncio.sleep(0.2)  # its answers are polled: it tells nobody when it has reloaded
