"""Who told whom, and when: messages as arrows between lanes of time."""

from collections.abc import Sequence
from dataclasses import dataclass

from course.figures.style import ACCENT, CALM, INK, SOFT, WARN, Picture, caption, figure

COLOURS = [ACCENT, INK, CALM, WARN, SOFT]


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message. Times in ms; `arrived` None: it was lost on the way."""

    kind: str
    sender: str
    to: str
    sent: float
    arrived: float | None


def lanes(
    names: Sequence[str],
    arrows: Sequence[Arrow],
    marks: Sequence[tuple[float, str, str]] = (),
    said: str = "Time runs to the right; a cross is a message that was lost.",
) -> Picture:
    """A lane a node, time to the right. `marks` are (ms, node, what happened there)."""
    made, axes = figure(9, 0.7 * len(names) + 1.2)
    height = {name: float(len(names) - 1 - i) for i, name in enumerate(names)}
    kinds = list(dict.fromkeys(arrow.kind for arrow in arrows))
    for name, y in height.items():
        axes.axhline(y, color=SOFT, lw=0.6, zorder=0)
        axes.text(-0.01, y, name, transform=axes.get_yaxis_transform(), ha="right", va="center")
    for arrow in arrows:
        i = kinds.index(arrow.kind)
        y0, y1 = height[arrow.sender], height[arrow.to]
        end = arrow.arrived
        if end is None:
            y1, end = (y0 + y1) / 2, arrow.sent + 5
            axes.plot(end, y1, "x", color=COLOURS[i % 5], ms=6)
        axes.annotate(
            "", (end, y1), (arrow.sent, y0),
            arrowprops={"arrowstyle": "->", "color": COLOURS[i % 5], "ls": ["-", "--", ":"][i % 3]},
        )  # fmt: skip
    for at, name, text in marks:
        axes.plot(at, height[name], "o", color=WARN, ms=5)
        axes.text(at, height[name] + 0.16, text, fontsize=8, color=WARN, ha="left")
    for i, kind in enumerate(kinds):
        axes.plot([], [], color=COLOURS[i % 5], ls=["-", "--", ":"][i % 3], label=kind)
    times = [float(t) for a in arrows for t in (a.sent, a.arrived or a.sent)] + [
        m[0] for m in marks
    ]
    axes.set(xlabel="ms", yticks=[], ylim=(-0.5, len(names) - 0.3))
    axes.set_xlim(min(times, default=0) - 2, max(times, default=1) * 1.02 + 2)
    axes.spines["left"].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.2))
    return caption(made, said)
