"""One knob turned, and what it did: the picture of a tuning step."""

from typing import Any

from course.figures.style import ACCENT, INK, LINES, MARKS, SOFT, Picture, caption, figure


def knob(
    rows: list[dict[str, Any]], x: str, y: str, by: str, text: str, labels: tuple[str, str]
) -> Picture:
    """A line for each value of `by`, with `y` against the settings `x` of the knob.

    `labels` name the axes with their units, `text` says what there is to see.
    """
    if not rows:
        raise ValueError("a knob needs at least one row")
    made, axes = figure()
    for i, name in enumerate(dict.fromkeys(row[by] for row in rows)):
        here = [row for row in rows if row[by] == name]
        axes.plot(
            [row[x] for row in here], [row[y] for row in here], LINES[i % 4], label=name,
            marker=MARKS[i % 6], ms=5, color=(ACCENT, INK, SOFT)[i % 3],
        )  # fmt: skip
    axes.set(xlabel=labels[0], ylabel=labels[1], xticks=sorted({row[x] for row in rows}))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return caption(made, text)
