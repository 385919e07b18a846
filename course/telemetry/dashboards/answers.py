"""A panel's queries answered on a store: the plain data that a picture is drawn from.

As in Grafana: a view of this moment asks once, a view over time asks at about 120 moments of its
span. A query without an answer gives no line, and the picture says "no data". Times are ms.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from course.telemetry.dashboards.reading import Panel, Target, read
from course.telemetry.labels import nameless
from course.telemetry.promql import Line, query, query_range
from course.telemetry.series import Store

POINTS = 120
STEP_MS_MIN = 15_000  # there is nothing new between two scrapes


def answered(
    panel: Mapping[str, Any], store: Store, end: int, span: int,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What `course.figures.panels` draws: title, view, unit, steps and the lines.

    The panel is Grafana's JSON; it shows the `span` before `end`. Each line has a name, its labels,
    and times (s before the end, so at most 0) with values; one point for a view of this moment.
    PanelError or QueryError say what is wrong.
    """
    seen = read(panel, variables)
    lines = [line for target in seen.targets for line in _lines(seen, target, store, end, span)]
    return {
        "title": seen.title,
        "view": seen.view,
        "unit": seen.unit,
        "description": seen.description,
        "steps": [{"from": bound, "colour": colour} for bound, colour in seen.steps],
        "span_s": span / 1_000,
        "lines": lines,
    }


def _lines(seen: Panel, target: Target, store: Store, end: int, span: int) -> list[dict[str, Any]]:
    if seen.is_now:
        answer = query(store, target.query, end)
    else:
        step = max(STEP_MS_MIN, span // POINTS)
        answer = query_range(store, target.query, end - span // step * step, end, step)
    return [
        _line(seen, target, line, end, 0 if seen.is_now else step)
        for line in answer.lines
        if not all(math.isnan(value) for value in line.values)
    ]


def _line(seen: Panel, target: Target, line: Line, end: int, step: int) -> dict[str, Any]:
    """One line; where it was not there it has a NaN, so that nothing is drawn across."""
    times: list[int] = []
    values: list[float] = []
    for at, value in zip(line.times.tolist(), line.values.tolist(), strict=True):
        if step and times and at - times[-1] > step:
            times.append(times[-1] + step)
            values.append(math.nan)
        times.append(at)
        values.append(value)
    is_there = seen.is_now or times[-1] == end
    return {
        "name": named(target.legend, dict(line.labels)),
        "target": target.legend or target.query,
        "labels": dict(nameless(line.labels)),
        "times_s": [(at - end) / 1_000 for at in times],
        "values": values,
        "colour": seen.colour(values[-1]) if is_there else "",
    }


def named(legend: str, labels: Mapping[str, str]) -> str:
    """The name of a line: the legend with its labels filled in, or all labels.

    >>> named("{{node}} leads", {"node": "controller-1"})
    'controller-1 leads'
    """
    if legend:
        return re.sub(
            r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend
        ).strip()
    rest = {key: value for key, value in labels.items() if key != "__name__"}
    return ", ".join(f"{key}={value}" for key, value in rest.items()) or "value"
