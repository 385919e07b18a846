"""Panels of a dashboard as Grafana shows them: stat, gauge, bars, table, lines, heat map.

A panel is plain data: `title`, `view`, `unit`, `steps` (from which value on which colour, rising),
`span_s`, and `lines` with `name`, `labels`, `times_s` (seconds before now), `values` and `colour`.
What a colour says is also written: "ok", "look", "act". A panel without lines says "no data".
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes

from course.figures.style import (
    ACCENT,
    CALM,
    INK,
    LINES,
    MARKS,
    SOFT,
    WARN,
    Picture,
    caption,
)

WORDS = {"green": "ok", "yellow": "look", "red": "act", "": ""}
INKS = {"green": CALM, "yellow": "#9a6700", "red": WARN, "": INK}
COLOURS = [ACCENT, WARN, CALM, INK, SOFT, "#9a6700"]
UNITS = {
    "s": "s", "percentunit": "%", "percent": "%", "Mbits": "Mbps", "ops": "per second",
    "bytes": "bytes", "short": "",
}  # fmt: skip
RANKS = ("", "look", "act")
ROWS_MAX = 12
"""Of a table, and bars; how many more there are is said below."""


def board(title: str, panels: Sequence[dict[str, Any]], columns: int = 2) -> Picture:
    """All panels of a dashboard, in their order."""
    rows = math.ceil(len(panels) / columns)
    made = Picture(figsize=(5.6 * columns, 2.9 * rows + 0.5), layout="constrained", dpi=100)
    grid = made.subplots(rows, columns, squeeze=False)
    for place, shown in zip(grid.flat, panels, strict=False):
        _draw(place, shown)
    for place in grid.flat[len(panels) :]:
        place.axis("off")
    scale, unit_name = _clock(span_s := max(panel["span_s"] for panel in panels))
    made.suptitle(f"{title}, last {span_s / scale:g} {unit_name}", fontsize=12, color=INK)
    return caption(made, _said(panels))


def panel(shown: dict[str, Any]) -> Picture:
    """One panel by itself."""
    made = Picture(figsize=(7.5, 3.2), layout="constrained", dpi=110)
    _draw(made.subplots(), shown)
    return caption(made, shown["description"] or _said([shown]))


def _said(panels: Sequence[dict[str, Any]]) -> str:
    """In words what the colours say."""
    worst = {
        p["title"]: max(map(_rank, (r["colour"] for r in p["lines"])), default=0) for p in panels
    }
    bad = [f"{title}: {RANKS[rank]}" for title, rank in worst.items() if rank]
    empty = [panel["title"] for panel in panels if not panel["lines"]]
    said = "; ".join(bad) or "No threshold is crossed"
    return said + (f". No data: {', '.join(empty)}." if empty else ".")


def _rank(colour: str) -> int:
    return {"yellow": 1, "red": 2}.get(colour, 0)


def _draw(axes: Axes, shown: dict[str, Any]) -> None:
    axes.set_title(shown["title"], fontsize=10, loc="left", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    if not shown["lines"]:
        _blank(axes)
        axes.text(0.5, 0.5, "no data", ha="center", va="center", color=SOFT, fontsize=12)
        return
    VIEWS[shown["view"]](axes, shown)


def _blank(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    axes.spines[:].set_visible(False)


def _stat(axes: Axes, shown: dict[str, Any]) -> None:
    """Big figures, each with its name and what it means."""
    _blank(axes)
    lines = shown["lines"][:6]
    for number, line in enumerate(lines):
        x = (number + 0.5) / len(lines)
        ink = INKS.get(line["colour"], INK)
        size = 26 if len(lines) < 3 else 15
        value = _number(line["values"][-1], shown["unit"])
        axes.text(x, 0.58, value, ha="center", va="center", fontsize=size, color=ink)
        word = WORDS.get(line["colour"], "")
        said = f"{line['name']}\n{word}" if word else line["name"]
        axes.text(x, 0.2, said, ha="center", va="center", fontsize=8, color=ink)


def _gauge(axes: Axes, shown: dict[str, Any]) -> None:
    """One bar from 0 to the whole, with its thresholds."""
    whole = 1.0 if shown["unit"] == "percentunit" else 100.0
    lines = shown["lines"][:3]
    for number, line in enumerate(lines):
        value, ink = line["values"][-1], INKS.get(line["colour"], ACCENT)
        axes.barh(number, value, color=ink, height=0.45)
        word = WORDS.get(line["colour"], "")
        text = " ".join(filter(None, (_number(value, shown["unit"]), word)))
        axes.text(0, number + 0.32, f"{line['name']}: {text}", fontsize=9, color=INK)
    axes.set(xlim=(0, whole), ylim=(-0.6, len(lines) - 0.2), yticks=[])
    axes.spines["left"].set_visible(False)
    _thresholds(axes, axes.axvline, shown)
    _unit(axes.set_xlabel, axes.xaxis, shown["unit"])


def _bars(axes: Axes, shown: dict[str, Any]) -> None:
    """A bar a line, the names at the left."""
    lines = shown["lines"][:ROWS_MAX]
    for number, line in enumerate(reversed(lines)):
        value, ink = line["values"][-1], INKS.get(line["colour"], ACCENT)
        axes.barh(number, value, color=ACCENT if not line["colour"] else ink, height=0.6)
        word = WORDS.get(line["colour"], "")
        text = f" {_number(value, shown['unit'])} {word}".rstrip()
        axes.text(max(value, 0), number, text, va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(lines)), [line["name"] for line in reversed(lines)])
    axes.set_xlim(0, max(1e-9, *(line["values"][-1] for line in lines)) * 1.25)
    _more(axes, shown, len(lines))
    _unit(axes.set_xlabel, axes.xaxis, shown["unit"])


def _table(axes: Axes, shown: dict[str, Any]) -> None:
    """A row for each set of labels, a column for each query."""
    _blank(axes)
    targets = list(dict.fromkeys(line["target"] for line in shown["lines"]))
    rows: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for line in shown["lines"]:
        labels = {k: v for k, v in line["labels"].items() if k not in ("job", "instance")}
        cell = _number(line["values"][-1], shown["unit"])
        word = WORDS.get(line["colour"], "")
        row = rows.setdefault(tuple(sorted(labels.items())), {})
        row[line["target"]] = f"{cell} {word}".strip()
    names = list(dict.fromkeys(name for key in rows for name, _ in key))
    shared = [n for n in names if len(rows) > 1 and len({dict(key).get(n) for key in rows}) == 1]
    names = [name for name in names if name not in shared]
    kept = list(rows.items())[:ROWS_MAX]
    text = [
        [dict(key).get(name, "") for name in names] + [row.get(target, "") for target in targets]
        for key, row in kept
    ]
    made = axes.table(text, colLabels=names + targets, loc="upper center", cellLoc="left")
    made.auto_set_font_size(False)
    made.set_fontsize(8)
    for box in made.get_celld().values():
        box.set_edgecolor("#d0d7de")
    _more(axes, {"lines": list(rows)}, len(kept))


def _more(axes: Axes, shown: dict[str, Any], drawn: int) -> None:
    rest = len(shown["lines"]) - drawn
    if rest > 0:
        axes.text(
            1, 1, f"and {rest} more", transform=axes.transAxes, ha="right", va="bottom",
            fontsize=8, color=SOFT,
        )  # fmt: skip


def _series(axes: Axes, shown: dict[str, Any]) -> None:
    """Lines over time; each differs by dash and mark, not by colour alone."""
    scale, unit_name = _clock(shown["span_s"])
    for number, line in enumerate(shown["lines"][:ROWS_MAX]):
        times = [at / scale for at in line["times_s"]]
        axes.plot(
            times, line["values"], LINES[number % 4], color=COLOURS[number % 6], lw=1.3,
            marker=MARKS[number // 4 % 6] if number > 3 else None,
            markevery=max(1, len(times) // 8), ms=4, label=line["name"],
        )  # fmt: skip
        alone = _alone(line["values"])
        points = [times[i] for i in alone], [line["values"][i] for i in alone]
        axes.plot(*points, MARKS[number % 6], color=COLOURS[number % 6], ms=4)
    axes.set(xlim=(-shown["span_s"] / scale, 0), xlabel=f"{unit_name} before now")
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    finite = [v for line in shown["lines"] for v in line["values"] if math.isfinite(v)]
    axes.set_ylim(min(0.0, *finite, 0.0), 1.15 * max(*finite, 0.0) or 1.0)
    _thresholds(axes, axes.axhline, shown)
    _unit(axes.set_ylabel, axes.yaxis, shown["unit"])
    axes.legend(frameon=False, fontsize=7, ncols=2, loc="upper left")
    _more(axes, shown, min(ROWS_MAX, len(shown["lines"])))


def _alone(values: Sequence[float]) -> list[int]:
    """Which values have no neighbour: a line would not show them."""
    there = [False, *(math.isfinite(value) for value in values), False]
    return [i - 1 for i in range(1, len(there) - 1) if there[i - 1 : i + 2] == [False, True, False]]


def _heatmap(axes: Axes, shown: dict[str, Any]) -> None:
    """Buckets of a histogram upwards, time to the right; the darker, the more observations."""
    scale, unit_name = _clock(shown["span_s"])
    lines = sorted(shown["lines"], key=lambda line: float(line["labels"].get("le", "inf")))
    times = sorted({at for line in lines for at in line["times_s"]})
    grid, below = [], [0.0] * len(times)
    for line in lines:
        found = dict(zip(line["times_s"], line["values"], strict=True))
        total = [found.get(at, 0.0) for at in times]
        grid.append([max(0.0, t - b) for t, b in zip(total, below, strict=True)])
        below = total
    mesh = axes.pcolormesh([at / scale for at in times], range(len(lines)), grid, cmap="Greys")
    axes.figure.colorbar(mesh, ax=axes, label="observations")
    axes.set_yticks(range(len(lines)), [f"<= {line['labels'].get('le', '?')}" for line in lines])
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.set(xlabel=f"{unit_name} before now", ylabel=UNITS.get(shown["unit"], shown["unit"]))


VIEWS: dict[str, Callable[[Axes, dict[str, Any]], None]] = {
    "stat": _stat,
    "gauge": _gauge,
    "bargauge": _bars,
    "table": _table,
    "timeseries": _series,
    "heatmap": _heatmap,
}


def _thresholds(axes: Axes, line: Callable[..., Any], shown: dict[str, Any]) -> None:
    """A dotted line at each, in the colour of its worse side, with its word."""
    for below, above in zip(shown["steps"], shown["steps"][1:], strict=False):
        worse = max(below["colour"], above["colour"], key=_rank)
        ink = INKS.get(worse, SOFT)
        line(above["from"], color=ink, ls=":", lw=1)
        upright = line.__name__ == "axvline"
        spot = (above["from"], 1.0) if upright else (1.0, above["from"])
        axes.annotate(
            WORDS.get(worse, ""), spot, fontsize=7, color=ink, ha="right",
            va="top" if upright else "bottom", annotation_clip=True,
            xycoords=axes.get_xaxis_transform() if upright else axes.get_yaxis_transform(),
        )  # fmt: skip


def _unit(label: Callable[..., Any], axis: Any, unit: str) -> None:
    label(UNITS.get(unit, unit), fontsize=8)
    if unit == "percentunit":
        axis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")


def _clock(span_s: float) -> tuple[float, str]:
    return (3_600.0, "hours") if span_s >= 7_200 else (60.0, "minutes")


def _number(value: float, unit: str) -> str:
    """A value as Grafana writes it: three digits and the unit."""
    if not math.isfinite(value):
        return str(value)
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    text = f"{value:,.0f}" if value == int(value) else f"{value:.3g}"
    return " ".join(filter(None, (text, UNITS.get(unit, unit))))
