"""What was measured, from a terminal: one metric's series, all of them kept, compared, grouped.

Names may be given without `dwcp_`. A histogram is asked for by what it writes, with _bucket, _sum
or _count. Samples are those of the monitor, 15 s apart; more is asked with PromQL in a notebook.
"""

import hashlib
import json
import math
from statistics import fmean, median
from typing import Any

from course.dwcp.units import MS, SECOND
from course.lab.cluster import World
from course.lab.commands.lookups import clock_text, host_named
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import EPOCH
from course.lab.metrics.monitor import INTERVAL, Monitor, stamp
from course.telemetry.labels import nameless, show
from course.telemetry.series import Series, Store, is_stale

DURATION_MAX = 86_400
NAME_MAX = 64


@verb("metrics get", kind="R")
def metrics_get(
    world: World, metric: str, node: str | None = None, migration: str | None = None,
    duration: int = 300,
) -> Result:  # fmt: skip
    """The series of one metric in the last `duration` s: labels, and points [time in s, value].

    Times are seconds since the lab began. `node` and `migration` (an id) select.
    """
    wanted = {"node": host_named(world, node).name if node else None, "migration": migration}
    begin = stamp(0)
    return [
        {**labels, "points": [[(at - begin) / 1_000, value] for at, value in points]}
        for labels, points in _recent(world, metric, duration)
        if all(value in (None, labels.get(label)) for label, value in wanted.items())
    ]


@verb("metrics analyze", kind="R")
def metrics_analyze(world: World, metric: str, group: str, duration: int = 3_600) -> Result:
    """Statistics of one metric over the last `duration` s, by the values of the label `group`."""
    groups: dict[str, list[float]] = {}
    for labels, points in _recent(world, metric, duration):
        if group not in labels:
            known = ", ".join(labels)
            raise CommandError("INVALID_REQUEST", f"{metric} has no label {group!r}: {known}")
        groups.setdefault(labels[group], []).extend(value for _, value in points)
    return [{group: name, **_statistics(values)} for name, values in sorted(groups.items())]


@verb("metrics export", kind="R")
def metrics_export(world: World, output: str) -> Result:
    """Keep the latest value of every series under a name, to compare with later."""
    if not 1 <= len(output) <= NAME_MAX:
        raise CommandError("INVALID_REQUEST", f"a name has 1 to {NAME_MAX} characters")
    if output in world.kept:
        raise CommandError("INVALID_REQUEST", f"{output} is there already; nothing is overwritten")
    at, values = clock_text(EPOCH + world.now), _current(world)
    text = json.dumps(values, sort_keys=True).encode()
    row = {"at": at, "size_bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    world.kept[output] = {"kind": "metrics", "content": values, **row}
    return {"name": output, **row, "series": len(values)}


@verb("metrics compare", kind="R")
def metrics_compare(
    world: World, before: str, after: str = "now", metric: str | None = None
) -> Result:
    """Series whose value differs between two exports, with the change; `after` may be now.

    A value is None where the series was not there.
    """
    old, new = _exported(world, before), _current(world) if after == "now" else None
    new = _exported(world, after) if new is None else new
    name = None if metric is None else _name(world, metric)
    rows = []
    for series in sorted({*old, *new}):
        values = old.get(series), new.get(series)
        if values[0] != values[1] and name in (None, series.split("{")[0]):
            both = None not in values
            change = round(values[1] - values[0], 9) if both else None  # type: ignore[operator]
            row = {"series": series, "before": values[0], "after": values[1], "change": change}
            rows.append(row)
    return rows


def _recent(
    world: World, metric: str, duration: int
) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
    """(labels, samples) of each series that has samples in the last `duration` s."""
    if not 1 <= duration <= DURATION_MAX:
        raise CommandError("INVALID_REQUEST", f"duration is {duration} s; give 1 to 86,400")
    since = stamp(world.now - duration * SECOND)
    found = []
    for series in _store(world).select(_name(world, metric)):
        points = [
            (at, value)
            for at, value in series.samples()
            if at >= since and math.isfinite(value)  # the mark of an end is no number
        ]
        if points:
            found.append((dict(nameless(series.labels)), points))
    return found


def _statistics(values: list[float]) -> dict[str, Any]:
    numbers = {"min": min(values), "median": median(values), "mean": fmean(values)}
    numbers |= {"max": max(values)}
    return {"samples": len(values), **{name: round(v, 6) for name, v in numbers.items()}}


def _current(world: World) -> dict[str, float]:
    """The latest value of each series that has not ended."""
    return {
        show(series.labels): series.last[1]
        for series in _store(world).select()
        if series.last and _is_current(world, series)
    }


def _is_current(world: World, series: Series) -> bool:
    assert series.last
    at, value = series.last
    return not is_stale(value) and at > stamp(world.now) - 2 * INTERVAL // MS


def _exported(world: World, name: str) -> dict[str, float]:
    kept = world.kept.get(name)
    if kept is None or kept["kind"] != "metrics":
        known = [n for n, k in world.kept.items() if k["kind"] == "metrics"]
        told = ", ".join(known) or "none: metrics export"
        raise CommandError("INVALID_REQUEST", f"no metrics are kept as {name!r}; there are {told}")
    found: dict[str, float] = kept["content"]
    return found


def _name(world: World, metric: str) -> str:
    """The full name; METRIC_NOT_FOUND with what there is."""
    full = metric if metric.startswith("dwcp_") or metric == "up" else f"dwcp_{metric}"
    names = _store(world).names()
    if full not in names:
        near = [name for name in names if name.startswith(full.rsplit("_", 1)[0])]
        told = f"near it are {', '.join(near)}" if near else f"{len(names)} others have samples"
        raise CommandError("METRIC_NOT_FOUND", f"{metric!r} has no samples here; {told}")
    return full


def _store(world: World) -> Store:
    if not isinstance(world.onlooker, Monitor):
        raise CommandError("INVALID_REQUEST", "nothing is measured: this lab has no monitor")
    return world.onlooker.store
