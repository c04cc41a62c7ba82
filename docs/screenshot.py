"""Make the picture in the README: run the digits trainer, show its curves in TensorBoard, take a picture in headless Chromium.

make docs     (needs Debian's packages chromium and fonts-dejavu-core)
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "scalars.png"


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def wait_for_runs(url: str, count: int) -> None:
    """Wait until TensorBoard has found so many runs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/data/runs", timeout=10) as answer:
                if len(json.load(answer)) >= count:
                    return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.5)
    raise TimeoutError("TensorBoard found no runs")


def take_picture(url: str) -> None:
    """Let a browser draw the page, close its settings, and save what it shows."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium found; install Debian's packages chromium and fonts-dejavu-core")
    PICTURE.parent.mkdir(exist_ok=True)
    flags = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # the curves are drawn by WebGL
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=flags)
        page = chromium.new_page(viewport={"width": 1300, "height": 800})
        page.goto(f"{url}/?darkMode=false&tagFilter=accuracy%7Closs&smoothing=0#timeseries")
        page.get_by_role("button", name="Settings").last.click()
        page.wait_for_timeout(6000)  # the curves are drawn by a worker that tells nobody when it is done
        page.screenshot(path=PICTURE)
        chromium.close()


def main() -> None:
    """Train, show, take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(ROOT / "examples" / "digits_trainer.py"), "--logdir", folder], check=True)
        (session,) = Path(folder).iterdir()
        port = free_port()
        board = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", str(session), "--host", "127.0.0.1", "--port", str(port)],
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_runs(f"http://127.0.0.1:{port}", 5)
            take_picture(f"http://127.0.0.1:{port}")
        finally:
            board.terminate()
            board.wait()
    print(f"wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
