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
from dataclasses import dataclass
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
        logdir.name,  # pictures show it, and a folder of this machine is nobody's business
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    board = subprocess.Popen([*command, "--samples_per_plugin=images=100"], cwd=logdir.parent, stderr=subprocess.DEVNULL)
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


def show_actual_size(page: Page) -> None:
    """Show images as large as they are, so that many are to be seen."""
    page.get_by_text("Show actual image size").click()


def fit_to_screen(page: Page) -> None:
    """Let the graph fill the page."""
    page.get_by_text("Fit to screen").click()


def show_images(page: Page) -> None:
    """Show some of them, as large as they are."""
    show_actual_size(page)
    page.locator("tf-tag-filterer input").fill("confusion|mistaken")


def show_table(page: Page) -> None:
    """Show the text that is a table."""
    page.locator("tf-tag-filterer input").fill("mistakes")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard, what it must show of the gallery before its picture is taken, and what is done to show more."""

    name: str
    shows: str
    prepare: Callable[[Page], None] | None = None


DASHBOARDS = [
    Dashboard("timeseries", "loss", close_settings),
    Dashboard("custom_scalars", "accuracy of the digits"),
    Dashboard("hparams", "rate"),
    Dashboard("images", "mistaken", show_images),
    Dashboard("histograms", "probability_of_the_right_digit"),
    Dashboard("distributions", "weights"),
    Dashboard("pr_curves", "is_it_an_eight"),
    Dashboard("text", "Softmax regression on", show_table),
    Dashboard("mesh", "weights_of_the_zero"),
    Dashboard("audio", "sureness/audio"),
    Dashboard("graphs", "layer", fit_to_screen),
    Dashboard("projector", "3 runs found"),
]


def wait_for_text(page: Page, text: str) -> None:
    """Wait until a text is there: on the page, or in a frame of it, where the projector is."""
    deadline = time.monotonic() + 30
    while not any(frame.get_by_text(text).count() for frame in page.frames):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{page.url} never showed {text!r}")
        page.wait_for_timeout(200)


def picture_of(page: Page, url: str, shows: str, prepare: Callable[[Page], None] | None) -> Image.Image:
    """Return what a page of TensorBoard shows, once it shows a text."""
    page.goto("about:blank")  # what comes behind a # alone would not load the page anew
    page.goto(url)
    wait_for_text(page, shows)
    page.wait_for_timeout(2000)
    if prepare is not None:
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
        for example, logdir in (("digits_trainer", digits), ("gallery", gallery)):
            subprocess.run([sys.executable, str(ROOT / "examples" / f"{example}.py"), "--logdir", str(logdir)], check=True)
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        (session,) = digits.iterdir()
        with tensorboard(session, 5) as url:
            page = chromium.new_page(viewport={"width": 1300, "height": 800})
            curves = picture_of(page, f"{url}/?darkMode=false&tagFilter=accuracy%7Closs&smoothing=0#timeseries", "loss", close_settings)
            curves.save(PICTURES / "scalars.png")
        with tensorboard(gallery, 3) as url:
            page = chromium.new_page(viewport={"width": 1200, "height": 760})
            shown = [picture_of(page, f"{url}/?darkMode=false#{one.name}", one.shows, one.prepare) for one in DASHBOARDS]
            side_by_side([picture.resize((600, 380), Image.Resampling.LANCZOS) for picture in shown], columns=3).save(
                PICTURES / "kinds.png"
            )
        chromium.close()


if __name__ == "__main__":
    main()
