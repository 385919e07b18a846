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
    if not isinstance(panel, Mapping) or not isinstance(panel.get("type"), str):
        raise PanelError("a panel is Grafana's JSON with a type, a title and targets")
    title, view = str(panel.get("title", "")), panel["type"]
    if view not in VIEWS:
        raise PanelError(f"{title!r}: view {view!r} is not drawn here; {', '.join(VIEWS)} are")
    rows = panel.get("targets")
    if not isinstance(rows, list) or not rows:
        raise PanelError(f"{title!r} has no query: its targets are empty")
    targets = tuple(_target(title, row, variables or {}) for row in rows)
    defaults = _part(_part(panel, "fieldConfig"), "defaults")
    return Panel(
        title,
        view,
        str(defaults.get("unit", "short")),
        targets,
        _steps(title, _part(defaults, "thresholds").get("steps") or ()),
        str(panel.get("description", "")),
    )


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _target(title: str, row: Any, variables: Mapping[str, str]) -> Target:
    query = row.get("expr") if isinstance(row, Mapping) else None
    if not isinstance(query, str) or not query.strip():
        name = row.get("refId", "?") if isinstance(row, Mapping) else "?"
        raise PanelError(f"{title!r}: target {name} has no PromQL in expr")
    legend = str(row.get("legendFormat", "")).replace("__auto", "")
    return Target(chosen(query, variables), legend)


def chosen(query: str, variables: Mapping[str, str]) -> str:
    """The query with its variables filled in; one that is not given chooses everything."""
    return re.sub(r"\$\{?([a-z]+)\}?", lambda found: variables.get(found[1], ".*"), query)


def _steps(title: str, rows: Any) -> tuple[tuple[float | None, str], ...]:
    """The first step holds for all that is below the second, so it has no value."""
    try:
        steps = tuple((row.get("value"), str(row["color"])) for row in rows)
        bounds = [float(bound) for bound, _ in steps[1:]]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise PanelError(
            f"{title!r}: a threshold's steps are a list of value and color, and only the first "
            "has no value"
        ) from None
    if bounds != sorted(bounds):
        raise PanelError(f"{title!r}: the values of its threshold's steps must rise")
    return tuple((None if i == 0 else bounds[i - 1], step[1]) for i, step in enumerate(steps))


def range_ms(board: Mapping[str, Any]) -> int:
    """How much time a dashboard shows, ms."""
    found = _RANGE.fullmatch(str(board.get("time", {}).get("from", "")))
    return int(found[1]) * _SECONDS[found[2]] * 1_000 if found else 6 * HOUR_MS
