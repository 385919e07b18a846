"""Knobs turned, and what it did: one at several settings, or a list against what was promised."""

from typing import Any

from course.figures.style import (
    ACCENT,
    INK,
    LINES,
    MARKS,
    SOFT,
    WARN,
    Picture,
    caption,
    figure,
    plain_numbers,
)


def knob(
    rows: list[dict[str, Any]], x: str, y: str, by: str, text: str, labels: tuple[str, str],
    log: bool = False,
) -> Picture:  # fmt: skip
    """A line for each value of `by`, with `y` against the settings `x` of the knob.

    `labels` name the axes with their units, `text` says what there is to see. `log` makes both
    axes logarithmic, for settings and results that span decades.
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
    axes.set(xlabel=labels[0], ylabel=labels[1])
    if log:
        axes.set(xscale="log", yscale="log")
        plain_numbers(axes)
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({row[x] for row in rows}))
    axes.legend(frameon=False, fontsize=8)
    return caption(made, text)


def promised(rows: list[dict[str, Any]], text: str) -> Picture:
    """A pair of bars for each change: `promised` and `measured`, in percent better.

    Each row has `change`, `promised` and `measured`; what got worse is below 0. `text` says what
    there is to see.
    """
    if not rows:
        raise ValueError("a comparison needs at least one change")
    made, axes = figure(8, 0.9 + 0.5 * len(rows))
    places = range(len(rows))
    for row, place in zip(rows, places, strict=True):
        found = round(row["measured"])
        axes.barh(place - 0.2, row["promised"], 0.34, color="white", edgecolor=INK, hatch="//")
        axes.barh(place + 0.2, row["measured"], 0.34, color=WARN if found < 0 else ACCENT)
        axes.annotate(
            f"{found:+d} %", (found, place + 0.2), fontsize=8, va="center",
            xytext=(-4 if found < 0 else 4, 0), textcoords="offset points",
            ha="right" if found < 0 else "left",
        )  # fmt: skip
    axes.axvline(0, color=SOFT, lw=1)
    axes.set(xlabel="better by, % (hatched: promised; filled: measured)", yticks=places)
    axes.set_yticklabels([row["change"] for row in rows])
    axes.margins(x=0.12)
    axes.invert_yaxis()
    return caption(made, text)
