"""Grafana's JSON back to what is to be seen, so that a notebook draws from the same file.

Understood: the views that `panels` makes, their Prometheus targets, unit, thresholds, legend,
description and the dashboard's time range. What is not understood is an error that names it, for a
panel that is silently left out would look like a cluster where nothing is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course.telemetry.dashboards.panels import NOW, VIEWS

HOUR_MS = 3_600_000
_RANGE = re.compile(r"now-(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class PanelError(ValueError):
    """This is not a panel or a dashboard that can be drawn here."""


@dataclass(frozen=True, slots=True)
class Target:
    """A query; `legend` is a name that may hold `{{label}}`, empty: all labels."""

    query: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What a panel says. `steps` are (from which value on, colour), rising, the first from None."""

    title: str
    view: str
    unit: str
    targets: tuple[Target, ...]
    steps: tuple[tuple[float | None, str], ...]
    description: str = ""

    @property
    def is_now(self) -> bool:
        return self.view in NOW

    def colour(self, value: float) -> str:
        """Which colour a value has; empty without thresholds."""
        found = ""
        for bound, colour in self.steps:
            if bound is None or value >= bound:
                found = colour
        return found if len(self.steps) > 1 else ""


def read(panel: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> Panel:
    """A panel of Grafana's JSON; `variables` are what the viewer chose, by default all."""
    if not isinstance(panel, Mapping) or "type" not in panel:
        raise PanelError("a panel is Grafana's JSON with a type, a title and targets")
    title, view = str(panel.get("title", "")), panel["type"]
    if view not in VIEWS:
        raise PanelError(f"{title!r}: view {view!r} is not drawn here; {', '.join(VIEWS)} are")
    targets = tuple(_target(title, row, variables or {}) for row in panel.get("targets") or ())
    if not targets:
        raise PanelError(f"{title!r} has no query: its targets are empty")
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    return Panel(
        title,
        view,
        str(defaults.get("unit", "short")),
        targets,
        _steps(defaults.get("thresholds", {}).get("steps", ())),
        str(panel.get("description", "")),
    )


def _target(title: str, row: Mapping[str, Any], variables: Mapping[str, str]) -> Target:
    query = row.get("expr")
    if not isinstance(query, str) or not query.strip():
        raise PanelError(f"{title!r}: target {row.get('refId', '?')} has no PromQL in expr")
    legend = str(row.get("legendFormat", "")).replace("__auto", "")
    return Target(chosen(query, variables), legend)


def chosen(query: str, variables: Mapping[str, str]) -> str:
    """The query with its variables filled in; one that is not given chooses everything."""
    return re.sub(r"\$\{?([a-z]+)\}?", lambda found: variables.get(found[1], ".*"), query)


def _steps(rows: Any) -> tuple[tuple[float | None, str], ...]:
    return tuple((row.get("value"), str(row["color"])) for row in rows)


def range_ms(board: Mapping[str, Any]) -> int:
    """How much time a dashboard shows, ms."""
    found = _RANGE.fullmatch(str(board.get("time", {}).get("from", "")))
    return int(found[1]) * _SECONDS[found[2]] * 1_000 if found else 6 * HOUR_MS
