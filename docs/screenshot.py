"""Make the pictures in the README: run two examples, show what they wrote in TensorBoard, take pictures in headless Chromium.

make docs     (needs Debian's packages chromium and fonts-dejavu-core)
"""

import contextlib
import io
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "images"
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
FLAGS += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # curves and graphs are drawn by WebGL


@contextlib.contextmanager
def tensorboard(logdir: Path, runs: int) -> Iterator[str]:
    """Show a logdir; give the URL once TensorBoard has found so many runs."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tensorboard.main",
        "--logdir",
        str(logdir),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    board = subprocess.Popen([*command, "--samples_per_plugin=images=100"], stderr=subprocess.DEVNULL)
    try:
        wait_for_runs(f"http://127.0.0.1:{port}", runs)
        yield f"http://127.0.0.1:{port}"
    finally:
        board.terminate()
        board.wait()


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


def close_settings(page: Page) -> None:
    """Leave the room to the curves."""
    page.get_by_role("button", name="Settings").last.click()


def nothing(page: Page) -> None:
    """Leave the page as it is."""


def show_actual_size(page: Page) -> None:
    """Show images as large as they are, so that many are to be seen."""
    page.get_by_text("Show actual image size").click()


def fit_to_screen(page: Page) -> None:
    """Let the graph fill the page."""
    page.get_by_text("Fit to screen").click()


def picture_of(page: Page, url: str, prepare: Callable[[Page], None]) -> Image.Image:
    """Return what a page of TensorBoard shows."""
    page.goto("about:blank")  # what comes behind a # alone would not load the page anew
    page.goto(url)
    page.wait_for_timeout(2000)
    prepare(page)
    page.wait_for_timeout(6000)  # drawn by workers that tell nobody when they are done
    return Image.open(io.BytesIO(page.screenshot()))


def side_by_side(pictures: list[Image.Image], columns: int = 2) -> Image.Image:
    """Return one picture of several of the same size."""
    width, height = pictures[0].size
    whole = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height))
    for index, picture in enumerate(pictures):
        whole.paste(picture, (index % columns * width, index // columns * height))
    return whole


def main() -> None:
    """Train, show, take the pictures."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium found; install Debian's packages chromium and fonts-dejavu-core")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        digits, gallery = Path(folder, "digits"), Path(folder, "gallery")
        for example, logdir in (("digits_trainer", digits), ("gallery", gallery / "digits")):
            subprocess.run([sys.executable, str(ROOT / "examples" / f"{example}.py"), "--logdir", str(logdir)], check=True)
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        (session,) = digits.iterdir()
        with tensorboard(session, 5) as url:
            page = chromium.new_page(viewport={"width": 1300, "height": 800})
            curves = picture_of(page, f"{url}/?darkMode=false&tagFilter=accuracy%7Closs&smoothing=0#timeseries", close_settings)
            curves.save(PICTURES / "scalars.png")
        with tensorboard(gallery, 1) as url:
            page = chromium.new_page(viewport={"width": 1100, "height": 500})
            kinds = {"images": show_actual_size, "histograms": nothing, "audio": nothing, "graphs": fit_to_screen}
            shown = [picture_of(page, f"{url}/?darkMode=false#{kind}", prepare) for kind, prepare in kinds.items()]
            side_by_side([picture.crop((275, 68, 735, 448)) for picture in shown]).save(PICTURES / "kinds.png")
        chromium.close()


if __name__ == "__main__":
    main()
