"""One panel: a title, queries, and how they are to be seen. The result is Grafana's JSON.

It is built by Grafana's own Foundation SDK, so what comes out is what a Grafana 10 or later takes.
Units are Grafana's ids. Thresholds are the values from which on something is worth a look, and then
worth acting on; `worse` says on which side of them trouble lies.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, gauge, heatmap, prometheus, stat
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import timeseries as lines
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueTextMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
VIEWS: dict[str, Any] = {
    "stat": stat.Panel,
    "timeseries": lines.Panel,
    "table": tables.Panel,
    "gauge": gauge.Panel,
    "bargauge": bargauge.Panel,
    "heatmap": heatmap.Panel,
}
NOW = ("stat", "table", "gauge", "bargauge")
"""Views of this moment; the others show a span of time."""
UNITS = {
    "short": "a number",
    "s": "seconds",
    "percentunit": "0 to 1, shown as percent",
    "percent": "0 to 100",
    "Mbits": "Mbps",
    "ops": "per second",
    "bytes": "bytes",
}
COLOURS = ("green", "yellow", "red")


def panel(
    title: str,
    queries: str | Mapping[str, str],
    view: str = "timeseries",
    unit: str = "short",
    thresholds: Sequence[float] = (),
    worse: str = "above",
    description: str = "",
) -> dict[str, Any]:
    """A panel as Grafana's JSON.

    `queries` is one in PromQL, or several by the name that their lines get in the legend; a name
    may hold labels, as in `"{{node}}"`. `thresholds` are up to two: look (yellow), act (red);
    `worse` is "above" or "below" them. ValueError says what is wrong and what would be right.
    """
    _check(title, view, unit, thresholds, worse)
    named = {"": queries} if isinstance(queries, str) else dict(queries)
    if not named or not all(query.strip() for query in named.values()):
        raise ValueError("a panel needs at least one query, and none of them empty")
    made = VIEWS[view]().title(title).unit(unit).datasource(SOURCE)
    if description:
        made = made.description(description)
    for number, (legend, query) in enumerate(named.items()):
        made = made.with_target(_target(chr(ord("A") + number), query, legend, view))
    if view != "heatmap":
        made = made.thresholds(_thresholds(thresholds, worse))
    return plain(_seen_as(made, view, bool(thresholds)).build())


def _check(title: str, view: str, unit: str, thresholds: Sequence[float], worse: str) -> None:
    if not title.strip():
        raise ValueError("a panel needs a title: what is it that is seen here?")
    if view not in VIEWS:
        raise ValueError(f"no view is {view!r}; there are {', '.join(VIEWS)}")
    if unit not in UNITS:
        known = ", ".join(f"{name} ({text})" for name, text in UNITS.items())
        raise ValueError(f"no unit is {unit!r}; there are {known}")
    if worse not in ("above", "below"):
        raise ValueError(f"worse is {worse!r}; trouble lies above or below the thresholds")
    if len(thresholds) > 2:
        raise ValueError(f"{len(thresholds)} thresholds; give at most two: look, act")
    rising = sorted(thresholds, reverse=worse == "below")
    if list(thresholds) != rising or len(set(thresholds)) < len(thresholds):
        order = "rise" if worse == "above" else "fall"
        raise ValueError(f"thresholds {list(thresholds)} must {order}: first look, then act")


def _seen_as(made: Any, view: str, has_thresholds: bool) -> Any:
    """What a view needs besides: the last value of a line, a legend, one table for all queries."""
    if view in ("stat", "gauge", "bargauge"):
        made = made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if view == "stat":
        made = made.text_mode(BigValueTextMode.VALUE_AND_NAME)
    if view == "table":
        made = made.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    if view == "timeseries":
        shown = LegendDisplayMode.LIST, LegendPlacement.BOTTOM
        legend = common.VizLegendOptions().display_mode(shown[0]).placement(shown[1])
        made = made.legend(legend.show_legend(True))
    if view == "timeseries" and has_thresholds:
        as_lines = common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.LINE)
        made = made.thresholds_style(as_lines)
    return made


def _target(name: str, query: str, legend: str, view: str) -> Any:
    made = prometheus.Dataquery().ref_id(name).expr(query).legend_format(legend or "__auto")
    made = made.instant() if view in NOW else made.range()
    shape = {"table": PromQueryFormat.TABLE, "heatmap": PromQueryFormat.HEATMAP}
    return made.format(shape.get(view, PromQueryFormat.TIME_SERIES))


def _thresholds(values: Sequence[float], worse: str) -> Any:
    """Grafana's steps rise: each colour holds from its value upwards, the first from below."""
    colours = list(COLOURS[: len(values) + 1])
    bounds = list(values)
    if worse == "below":
        colours, bounds = colours[::-1], bounds[::-1]
    steps = [
        Threshold(value=bound, color=colour)
        for bound, colour in zip([None, *bounds], colours, strict=True)
    ]
    return dashboards.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def plain(built: Any) -> dict[str, Any]:
    """What the SDK built, as plain data."""
    made: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(built))
    return {key: value for key, value in made.items() if value is not None}
