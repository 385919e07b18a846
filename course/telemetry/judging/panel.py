"""Does a panel show what it should, and does its colour say so in time?

A panel is Grafana's JSON. It is judged by what somebody who looks at it would see: its values in
their unit, so that 0.62 shown as a fraction and 62 shown as per cent are the same, and its colours,
at 12 moments of a history. How its query is written does not matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from course.telemetry import promql
from course.telemetry.dashboards.reading import Panel, PanelError, Target, read
from course.telemetry.judging.query import judge_query
from course.telemetry.judging.reasons import emptiness
from course.telemetry.promql import QueryError
from course.telemetry.promql.engine import parse
from course.telemetry.timeline import Timeline

MOMENTS = 12
SCALES = {"percent": 0.01, "Mbits": 1e6}
"""What one of a unit is in its base unit, where that is not 1."""
RANKS = {"": 0, "green": 0, "yellow": 1, "red": 2}


def judge_panel(
    panel: Mapping[str, Any],
    timelines: Iterable[Timeline],
    within_s: float = 60,
    reference: Mapping[str, Any] | None = None,
) -> list[str]:
    """What is wrong with a panel; an empty list if nothing is.

    On a timeline with a fault it must leave green `within_s` seconds after the fault began, and be
    green before; on one without a fault it stays green. With a `reference` panel its values must be
    the same; then a reference without thresholds asks for no colours.
    """
    try:
        seen = read(panel)
        known = None if reference is None else read(reference)
        found = []
        for timeline in timelines:
            if known is not None:
                found += _values(seen, known, timeline)
            if known is None or len(known.steps) > 1:
                found += _colours(seen, timeline, round(within_s * 1_000))
    except (PanelError, QueryError) as error:
        return [str(error)]
    return found


def judge_dashboard(
    board: Mapping[str, Any],
    references: Sequence[Mapping[str, Any]],
    timelines: Sequence[Timeline],
    within_s: float = 60,
) -> list[str]:
    """What a dashboard lacks: each reference panel must be shown by one of its panels."""
    panels = board.get("panels") if isinstance(board, Mapping) else None
    if not isinstance(panels, list) or not panels:
        return ["a dashboard is Grafana's JSON with a list of panels in it; this has none"]
    found = []
    for reference in references:
        complaints = [(judge_panel(p, timelines, within_s, reference), p) for p in panels]
        if all(wrong for wrong, _ in complaints):
            wrong, nearest = min(complaints, key=lambda pair: _distance(pair[1], reference))
            title = nearest.get("title", "?") if isinstance(nearest, Mapping) else "?"
            found.append(
                f"no panel shows {reference['title']!r}; the nearest is {title!r}, and {wrong[0]}"
            )
    return found


def _distance(panel: Any, reference: Mapping[str, Any]) -> int:
    """How many names of the reference's queries a panel does not have."""
    return len(_words(reference) - _words(panel))


def _words(panel: Any) -> set[str]:
    targets = panel.get("targets") if isinstance(panel, Mapping) else None
    text = " ".join(str(t.get("expr", "")) for t in targets or () if isinstance(t, Mapping))
    return set(text.replace("(", " ").replace("{", " ").replace("[", " ").split())


def _values(seen: Panel, known: Panel, timeline: Timeline) -> list[str]:
    """Each query of the reference must be answered by one of the panel's."""
    found = []
    for wanted in known.targets:
        wrong = [_compared(seen, target, known, wanted, timeline) for target in seen.targets]
        if all(wrong):
            found.append(f"{seen.title!r} {min(wrong, key=len)[0]}")
    return found


def _compared(
    seen: Panel, target: Target, known: Panel, wanted: Target, timeline: Timeline
) -> list[str]:
    ours = f"({target.query}) * {SCALES.get(seen.unit, 1)}"
    theirs = f"({wanted.query}) * {SCALES.get(known.unit, 1)}"
    unit = "" if seen.unit == known.unit else f" (its unit is {seen.unit!r})"
    return [text + unit for text in judge_query(ours, theirs, [timeline], labels=False)]


def _colours(seen: Panel, timeline: Timeline, within: int) -> list[str]:
    """At moments of the history: the worst colour of its lines, and whether that is right."""
    begin, end = timeline.fault or (timeline.end + 1, timeline.end + 1)
    for at in np.linspace(timeline.start, timeline.end, MOMENTS + 1)[1:].astype(int).tolist():
        shown = [(line.value, target) for target in seen.targets
                 for line in promql.query(timeline.store, target.query, at).lines]  # fmt: skip
        where = f"{seen.title!r} on {timeline.name}, at {timeline.seconds(at):g} s"
        worst = max((RANKS.get(seen.colour(value), 0) for value, _ in shown), default=0)
        if at < begin and worst:
            value = max(shown, key=lambda pair: RANKS.get(seen.colour(pair[0]), 0))[0]
            return [f"{where}, where nothing is wrong: it shows {value:g} and is not green"]
        if begin + within <= at < end and not worst:
            return [_still_green(seen, timeline, at, where, [value for value, _ in shown])]
    return []


def _still_green(seen: Panel, timeline: Timeline, at: int, where: str, values: list[float]) -> str:
    if not values:
        reason = emptiness(timeline.store, parse(seen.targets[0].query))
        return f"{where}: the fault is there, and it shows no data{reason}"
    if len(seen.steps) < 2:
        return f"{where}: it shows {values[0]:g} and has no thresholds, so nobody is warned"
    return (
        f"{where}: the fault is there, it shows {min(values):g} to {max(values):g}, and all is "
        "green: look at the thresholds, and on which side of them trouble lies"
    )
