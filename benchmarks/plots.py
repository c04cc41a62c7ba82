"""How does a figure grow? Curves as SVG, of the medians with their ranges."""

from pathlib import Path

from benchmarks.figures import Results, Spread
from benchmarks.rows import Plot, Row


def draw(row: Row, results: Results, folder: Path) -> list[Path]:
    """Draw a row's plots into a folder; return the files."""
    return [draw_one(plot, {program.name: program.at for program in row.programs}, results, folder) for plot in row.plots]


def draw_one(plot: Plot, places: dict[str, float], results: Results, folder: Path) -> Path:
    """Draw one curve, on a logarithmic axis, and a band of 1.5 times its least median, which is the goal."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    found = {name: Spread.of(results[name].of(plot.figure)) for name in plot.programs if name in results}
    points = [(places[name], spread) for name, spread in found.items() if spread is not None]
    path = folder / f"{plot.name}.svg"
    with mpl.rc_context({"svg.hashsalt": plot.name, "svg.fonttype": "none", "font.size": 11}):
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        axes = figure.subplots()
        if points:
            least = min(spread.median for _, spread in points)
            axes.axhspan(least, 1.5 * least, color="tab:green", alpha=0.12, label="within 1.5×")
            medians = [spread.median for _, spread in points]
            errors = [[s.median - s.low for _, s in points], [s.high - s.median for _, s in points]]
            axes.errorbar([at for at, _ in points], medians, yerr=errors, marker="o", capsize=3, color="tab:blue")
            axes.set_ylim(0, max(2 * least, 1.1 * max(spread.high for _, spread in points)))
            axes.legend(loc="lower right", frameon=False)
        axes.set_xscale("log")
        axes.set_xlabel(plot.axis)
        axes.set_ylabel(plot.label)
        axes.set_title(plot.title)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path
