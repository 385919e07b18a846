"""A trace as a waterfall: a bar a span, indented as they called each other, time to the right.

Rows are those of `Trace.rows`: span, depth, node, start_s, duration_s, error, open, span_id. What
is on the critical path is filled, what only holds such spans is empty, what runs beside the path is
hatched; colour says it once more.
"""

from collections.abc import Collection
from typing import Any

from course.figures.style import ACCENT, INK, SOFT, WARN, Picture, caption, figure


def waterfall(
    rows: list[dict[str, Any]], path: Collection[str] = (), deepest: int | None = None
) -> Picture:
    """The spans of one trace. `path` are the span ids on the critical path.

    `deepest` leaves out what is further down, which is how one reads a long trace first.
    """
    shown = [row for row in rows if deepest is None or row["depth"] <= deepest]
    if not shown:
        raise ValueError("a waterfall needs at least one span")
    made, axes = figure(9, 0.7 + 0.24 * len(shown))
    end = max(max(row["start_s"] + row["duration_s"] for row in shown), 1e-6)
    kinds = _kinds(rows, path)
    for y, row in enumerate(reversed(shown)):
        _bar(axes, y, row, end, kinds[row["span_id"]])
    names = ["    " * row["depth"] + row["span"] for row in reversed(shown)]
    axes.set_yticks(range(len(shown)), names, fontsize=8, ha="left")
    axes.yaxis.set_tick_params(pad=150, length=0)
    axes.set(xlabel="seconds since the request", xlim=(0, end * 1.25), ylim=(-0.6, len(shown)))
    axes.spines["left"].set_visible(False)
    return caption(
        made,
        "Filled: on the critical path, a faster one is felt. Empty: its children are. "
        "Hatched: beside the path, nothing is gained."
        + (" Dashed: not over yet." if any(row["open"] for row in shown) else ""),
    )


def _kinds(rows: list[dict[str, Any]], path: Collection[str]) -> dict[str, str]:
    """By span id: path, above (some span below it is on the path) or beside."""
    kinds: dict[str, str] = {}
    above: list[dict[str, Any]] = []  # the row's ancestors and itself
    for row in rows:
        above = [*above[: row["depth"]], row]
        kinds[row["span_id"]] = "path" if row["span_id"] in path else "beside"
        if row["span_id"] in path:
            for one in above[:-1]:
                if kinds[one["span_id"]] == "beside":
                    kinds[one["span_id"]] = "above"
    return kinds


def _bar(axes: Any, y: int, row: dict[str, Any], end: float, kind: str) -> None:
    ink = WARN if row["error"] else SOFT if kind == "beside" else ACCENT
    axes.barh(
        y, max(row["duration_s"], end / 400), left=row["start_s"], height=0.62,
        color=ink if kind == "path" else "white", edgecolor=ink,
        hatch="////" if kind == "beside" else "", ls="--" if row["open"] else "-",
    )  # fmt: skip
    text = f"{_time(row['duration_s'])}  {row['node']}" + ("  failed" if row["error"] else "")
    axes.text(
        row["start_s"] + max(row["duration_s"], end / 400) + end / 100, y, text,
        va="center", fontsize=7, color=INK,
    )  # fmt: skip


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1_000 * seconds:.3g} ms"
