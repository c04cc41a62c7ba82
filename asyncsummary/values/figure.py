"""Which pixels are a matplotlib figure? Those that its Agg renderer draws, whichever window it was made for."""

import sys
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asyncsummary.errors import InvalidSummaryError, InvalidTypeError
from asyncsummary.values.given import description_of
from asyncsummary.values.pictures import Pictures

# matplotlib draws one figure at a time: caches of fonts and of mathematical text are the process's.
_drawing = threading.Lock()


def figures_of(value: Any, tag: object) -> list[Any]:
    """Return the figure or figures that a value is.

    Raises:
        InvalidTypeError: something else.
    """
    figures = list(value) if isinstance(value, list | tuple) else [value]
    module = sys.modules.get("matplotlib.figure")  # who has a figure has imported it
    if not figures or module is None or not all(isinstance(figure, module.Figure) for figure in figures):
        raise InvalidTypeError(f"figure of tag {tag!r}: must be a matplotlib Figure, or a list of them, got {type(value).__name__}", tag)
    return figures


def figure_content(figures: list[Any], tag: str, description: object = None) -> Pictures:
    """Draw figures, which takes its time; they must not be changed meanwhile.

    Raises:
        InvalidTypeError: a description that is no str; nothing is drawn then.
        InvalidSummaryError: they cannot be drawn, or are of several sizes.
    """
    about = description_of(description, tag)
    with _drawing:
        pictures = [_drawn(figure, tag) for figure in figures]
    shapes = {picture.shape for picture in pictures}
    if len(shapes) > 1:
        sizes = sorted(f"{shape[1]} x {shape[0]}" for shape in shapes)
        raise InvalidSummaryError(f"figure of tag {tag!r}: must be of one size in pixels, got {', '.join(sizes)}", tag)
    return Pictures(tag, np.stack(pictures), (), 0, about)


def close_figures(value: Any) -> None:
    """Let pyplot forget a figure or a list of them. Where pyplot was never used, and for anything else, there is nothing to forget."""
    module, pyplot = sys.modules.get("matplotlib.figure"), sys.modules.get("matplotlib.pyplot")
    for figure in value if isinstance(value, list | tuple) else [value]:
        if module is not None and pyplot is not None and isinstance(figure, module.Figure):
            pyplot.close(figure)


def _drawn(figure: Any, tag: str) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    own = figure.canvas
    canvas: Any = FigureCanvasAgg(figure)
    try:
        canvas.draw()
        return np.array(canvas.buffer_rgba(), np.uint8)
    except Exception as error:  # a formula that cannot be parsed, data of odd types: whatever the figure's artists raise
        raise InvalidSummaryError(f"figure of tag {tag!r}: cannot be drawn: {error}", tag) from error
    finally:
        figure.set_canvas(own)
