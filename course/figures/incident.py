"""An incident on one line: who saw and did what, and when."""

from collections.abc import Sequence

from course.figures.style import ACCENT, INK, MARKS, SOFT, WARN, Picture, caption, figure


def incident(
    rows: Sequence[tuple[float, str, str]],
    text: str,
    limits: Sequence[tuple[float, str]] = (),
) -> Picture:
    """Rows (minute, lane, what) as marks, a lane for each kind; limits (minute, name) as lines."""
    lanes = list(dict.fromkeys(lane for _, lane, _ in rows))
    made, axes = figure(9.0, 0.8 + 0.85 * len(lanes))
    last = max(minute for minute, _, _ in rows)
    for minute, name in limits:
        axes.axvline(minute, color=WARN, ls="--", lw=1)
        axes.text(minute, -0.75, f"{name} ", fontsize=8, color=WARN, ha="right", va="top")
    for i, lane in enumerate(lanes):
        here = sorted((minute, what) for minute, kind, what in rows if kind == lane)
        axes.plot([m for m, _ in here], [i] * len(here), MARKS[i % 6], ms=7, color=ACCENT)
        for place, (minute, what) in enumerate(here):
            up = -1 if place % 2 else 1
            axes.annotate(
                what, (minute, i), xytext=(3, 6 * up), textcoords="offset points", fontsize=8,
                color=INK, va="bottom" if up > 0 else "top",
            )  # fmt: skip
    axes.hlines(range(len(lanes)), 0, last, color=SOFT, lw=0.6, zorder=0)
    axes.set(yticks=range(len(lanes)), xlabel="minutes", ylim=(len(lanes) - 0.4, -0.8))
    axes.set_yticklabels(lanes)
    return caption(made, text)
