"""A lab seen as its operators see it: dashboards, single panels, traces, all as pictures.

from course.observe import dashboard, draw, panel, waterfall

    dashboard(lab, "migration")                          one of the four
    lag = panel("Lag", "dwcp_state_sync_lag_seconds", unit="s", thresholds=(30, 60))
    draw(lab, lag)                                       a panel of your own, from Grafana's JSON
    waterfall(lab.trace("shop"))                         where the time of a migration went
    silent(lab)                                          which of the 25 panels have no data
"""

from collections.abc import Mapping
from typing import Any

from course import figures
from course.figures.style import Picture
from course.lab import Lab
from course.telemetry.dashboards import BOARDS, answered, board, panel
from course.telemetry.traces import Trace, critical_path

__all__ = ["dashboard", "draw", "panel", "silent", "waterfall"]

SPAN_S = 1_800


def dashboard(lab: Lab, name: str = "overview", span_s: float = SPAN_S, **chosen: str) -> Picture:
    """One of the four as it stands now: overview, migration, network or consensus.

    `span_s` is how far back its lines go; `chosen` narrows it, as in `node="worker-2"`.
    """
    made = board(name)
    shown = [_answered(lab, one, span_s, chosen) for one in made["panels"]]
    return figures.board(made["title"], shown)


def silent(lab: Lab, span_s: float = SPAN_S, **chosen: str) -> list[dict[str, str]]:
    """The panels of the four that say "no data" as they stand now: rows of dashboard and panel."""
    found = []
    for made in map(board, BOARDS):
        for one in made["panels"]:
            if not _answered(lab, one, span_s, chosen)["lines"]:
                found.append({"dashboard": made["title"], "panel": one["title"]})
    return found


def draw(lab: Lab, one: Mapping[str, Any], span_s: float = SPAN_S, **chosen: str) -> Picture:
    """A panel of Grafana's JSON, such as `panel(...)` makes."""
    return figures.panel(_answered(lab, one, span_s, chosen))


def _answered(
    lab: Lab, one: Mapping[str, Any], span_s: float, chosen: Mapping[str, str]
) -> dict[str, Any]:
    if not 15 <= span_s <= 30 * 86_400:
        raise ValueError(f"span_s is {span_s:g}; give 15 s (one scrape) to 30 days")
    metrics = lab.metrics
    return answered(one, metrics.store, metrics.ms(None), round(span_s * 1_000), chosen)


def waterfall(trace: Trace, deepest: int | None = None) -> Picture:
    """A trace with its critical path; `deepest` leaves out what is further down."""
    on_path = {part.span.span_id for part in critical_path(trace)}
    return figures.waterfall(trace.rows(), on_path, deepest)
