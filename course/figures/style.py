"""One look for all figures: sizes, line styles that differ without colour, a caption below."""

import io
from base64 import b64encode
from html import escape
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

INK, SOFT, ACCENT, WARN, CALM = "#1b1f24", "#6b7280", "#0b5cad", "#b3261e", "#2e7d4f"
LINES = ["-", "--", "-.", ":"]
MARKS = ["o", "s", "^", "D", "v", "P"]
HATCHES = ["", "//", "..", "xx", "\\\\", "oo"]


class Picture(Figure):
    """A figure that a notebook shows without pyplot, with its caption for who cannot see it."""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        file = io.BytesIO()
        self.savefig(file, format="png")
        png, said = b64encode(file.getvalue()).decode(), self.get_supxlabel()
        image = (
            f'<img alt="{escape(said)}" src="data:image/png;base64,{png}" style="max-width:100%">'
        )
        return {"text/html": image, "image/png": png, "text/plain": f"Figure: {said}"}


def figure(width: float = 8.0, height: float = 3.6) -> tuple[Picture, Axes]:
    """A figure that belongs to no global state, so that a notebook shows it once."""
    made = Picture(figsize=(width, height), layout="constrained", dpi=110)
    axes = made.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    return made, axes


def plain_numbers(axes: Axes) -> None:
    """Label logarithmic axes with 1, 10, 1,000 and not with powers of ten."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axis.set_minor_formatter(NullFormatter())


def caption(made: Picture, text: str) -> Picture:
    """Say below the figure what there is to see."""
    made.supxlabel(text, fontsize=9, color=SOFT)
    return made
