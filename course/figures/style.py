"""One look for all figures: sizes, line styles that differ without colour, a caption below."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INK, SOFT, ACCENT, WARN, CALM = "#1b1f24", "#6b7280", "#0b5cad", "#b3261e", "#2e7d4f"
LINES = ["-", "--", "-.", ":"]
MARKS = ["o", "s", "^", "D", "v", "P"]
HATCHES = ["", "//", "..", "xx", "\\\\", "oo"]


def figure(width: float = 8.0, height: float = 3.6) -> tuple[Figure, Axes]:
    """A figure that belongs to no global state, so that a notebook shows it once."""
    made = Figure(figsize=(width, height), layout="constrained", dpi=110)
    axes = made.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    return made, axes


def plain_numbers(axes: Axes) -> None:
    """Label logarithmic axes with 1, 10, 1,000 and not with powers of ten."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def caption(made: Figure, text: str) -> Figure:
    """Say below the figure what there is to see."""
    made.supxlabel(text, fontsize=9, color=SOFT)
    return made
