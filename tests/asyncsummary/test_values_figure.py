"""Figures: what is drawn, and what is refused."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.figure import close_figures, figure_content, figures_of


def drawing(color: str = "red", inches: float = 1.0) -> Any:
    """Return a figure of one colour."""
    figure = Figure(figsize=(inches, 0.5), dpi=80, facecolor=color)
    figure.add_subplot().plot([1, 2], [1, 2])
    return figure


def test_a_figure_is_what_matplotlib_saves() -> None:
    """Pixel for pixel; the canvas that it had is its canvas again."""
    figure = drawing()
    figure.set_canvas(own := FigureCanvasSVG(figure))
    content = figure_content([figure], "t", "about")
    stream = io.BytesIO()
    drawing().savefig(stream, format="png", dpi=80)
    width, height, file = content.summary().value[0].tensor.string_val
    assert (width, height) == (b"80", b"40")
    assert (np.asarray(Image.open(io.BytesIO(file))) == np.asarray(Image.open(stream))).all()
    assert figure.canvas is own
    assert content.summary().value[0].metadata.summary_description == "about"


def test_several_figures() -> None:
    """Are a batch."""
    content = figure_content([drawing("red"), drawing("blue")], "t")
    assert content.pixels[:, 0, 0].tolist() == [[255, 0, 0, 255], [0, 0, 255, 255]]


def test_figures_of_several_sizes() -> None:
    """Are refused."""
    with pytest.raises(InvalidSummaryError, match="figure of tag 't': must be of one size in pixels, got 160 x 40, 80 x 40"):
        figure_content([drawing(), drawing(inches=2)], "t")


def test_what_cannot_be_drawn() -> None:
    """Is told with matplotlib's own words; the next figure is drawn."""
    figure = drawing()
    figure.suptitle("$\\nonsense{$")
    with pytest.raises(InvalidSummaryError, match=r"(?s)figure of tag 't': cannot be drawn: .*nonsense"):
        figure_content([figure], "t")
    assert figure_content([drawing()], "t").pixels.shape == (1, 40, 80, 4)


def test_threads_draw_one_at_a_time() -> None:
    """Since matplotlib's caches are the process's."""
    inside = [0]
    most = [0]
    lock = threading.Lock()

    class Watched(Figure):
        def draw(self, renderer: Any) -> None:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            super().draw(renderer)
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: figure_content([Watched(figsize=(1, 1))], "t"), range(12)))
    assert most == [1]


@pytest.mark.parametrize("value", [5, None, [], "figure", np.zeros(3), [drawing(), 5]])
def test_what_is_no_figure(value: Any) -> None:
    """Is refused, and there is nothing to close of it."""
    with pytest.raises(InvalidTypeError, match="figure of tag 't': must be a matplotlib Figure, or a list of them"):
        figures_of(value, "t")
    close_figures(value)


def test_closing() -> None:
    """Takes the figure from pyplot's list; others stay."""
    first, second, third = pyplot.figure(), pyplot.figure(), pyplot.figure()
    close_figures([first, second])
    assert pyplot.get_fignums() == [third.number]
    close_figures(third)
    assert pyplot.get_fignums() == []
