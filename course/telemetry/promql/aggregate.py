"""Aggregations: many series into few, with `by` or `without`.

`sum avg min max count group stddev stdvar quantile` make one series a group; `topk` and `bottomk`
keep some series as they are; `count_values` makes one series a value. A series that is not there
at a moment is not counted at that moment, and a group of none is not there either: `count` of
nothing is nothing, never 0.
"""

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from course.telemetry.labels import LABEL_NAME, Labels, only, with_label, without
from course.telemetry.labels import NAME as NAME_LABEL
from course.telemetry.promql.over_time import quantile
from course.telemetry.promql.values import QueryError, Row, UnsupportedError, Vector, vector

Key = Callable[[Labels], Labels]
Reduce = Callable[
    [np.ndarray, np.ndarray], np.ndarray
]  # values, there [rows, moments] -> [moments]


def aggregate(op: str, rows: Vector, key: Key, param: np.ndarray | str | None) -> Vector:
    """One aggregation. `key` gives the labels of a row's group; `param` is that of the operator."""
    groups: dict[Labels, list[Row]] = {}
    for row in rows.rows:
        groups.setdefault(key(row.labels), []).append(row)
    if op in REDUCTIONS:
        return vector(_reduced(labels, group, REDUCTIONS[op]) for labels, group in groups.items())
    if op == "quantile":
        q = _numbers(param)
        return vector(_quantiles(labels, group, q) for labels, group in groups.items())
    if op in ("topk", "bottomk"):
        k = _how_many(op, _numbers(param))
        return vector(row for group in groups.values() for row in _best(op, group, k))
    if op == "count_values":
        name = _label_name(param)
        return vector(r for labels, group in groups.items() for r in _by_value(labels, group, name))
    raise UnsupportedError(f"the aggregation {op}")


def by(names: Iterable[str]) -> Key:
    """Groups are told apart by these labels."""
    kept = frozenset(names)
    return lambda labels: only(labels, kept)


def excluding(names: Iterable[str]) -> Key:
    """Groups are told apart by all labels but these and the metric name."""
    dropped = frozenset(names) | {NAME_LABEL}
    return lambda labels: without(labels, dropped)


def _stacked(group: list[Row]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row.values for row in group]), np.array([row.there for row in group])


def _reduced(labels: Labels, group: list[Row], reduce: Reduce) -> Row:
    values, there = _stacked(group)
    return Row(labels, reduce(values, there), np.any(there, axis=0))


def _sum(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(there, values, 0.0).sum(axis=0))


def _avg(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    count = there.sum(axis=0)
    mean = _sum(values, there) / count
    finite = np.where(there, np.isfinite(values), True).all(axis=0)
    return np.where(np.isinf(mean) & finite, _sum(values / count, there), mean)


def _stdvar(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    away, count = values - _avg(values, there), there.sum(axis=0)
    return np.where(count == 1, 0.0, _sum(away * away, there) / count)  # even one infinity: 0


def _numbers_only(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    return np.where(there, values, np.nan)


REDUCTIONS: dict[str, Reduce] = {
    "sum": _sum,
    "avg": _avg,
    "min": lambda values, there: np.fmin.reduce(_numbers_only(values, there), axis=0),
    "max": lambda values, there: np.fmax.reduce(_numbers_only(values, there), axis=0),
    "count": lambda values, there: there.sum(axis=0).astype(float),
    "group": lambda values, there: np.ones(values.shape[1]),
    "stdvar": _stdvar,
    "stddev": lambda values, there: np.sqrt(_stdvar(values, there)),
}


def _quantiles(labels: Labels, group: list[Row], q: np.ndarray) -> Row:
    values, there = _stacked(group)
    result = np.full(len(q), np.nan)
    for i in np.flatnonzero(there.any(axis=0)):
        result[i] = quantile(float(q[i]), values[there[:, i], i])
    return Row(labels, result, np.any(there, axis=0))


def _best(op: str, group: list[Row], k: np.ndarray) -> Iterator[Row]:
    """The k highest (topk) or lowest rows of each moment, best first; NaN comes last."""
    values, there = _stacked(group)
    size = np.nan_to_num(
        -values if op == "topk" else values, nan=0.0, posinf=math.inf, neginf=-math.inf
    )
    rank_group = np.where(there, np.isnan(values), 2)
    order = np.lexsort((size, rank_group), axis=0)  # [place, moment] -> row
    place = np.argsort(order, axis=0, kind="stable")  # [row, moment] -> place
    chosen = there & (place < k)
    for i in order[:, 0]:
        yield Row(group[i].labels, group[i].values, chosen[i])


def _by_value(labels: Labels, group: list[Row], name: str) -> Iterator[Row]:
    values, there = _stacked(group)
    for value in np.unique(values[there]):
        same = there & ((values == value) | (np.isnan(values) & np.isnan(value)))
        count = same.sum(axis=0)
        yield Row(with_label(labels, name, number(value)), count.astype(float), count > 0)


def number(value: float) -> str:
    """A number as Prometheus writes it into a label: shortest, without exponent."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    return np.format_float_positional(value, unique=True, trim="-")


def _numbers(param: np.ndarray | str | None) -> np.ndarray:
    assert isinstance(param, np.ndarray)  # the parser has checked it
    return param


def _how_many(op: str, k: np.ndarray) -> np.ndarray:
    if not (np.abs(k) < 2**63).all():
        raise QueryError(f"{op} takes a number of series, not {k[~(np.abs(k) < 2**63)][0]:g}")
    return np.trunc(k)


def _label_name(param: np.ndarray | str | None) -> str:
    if not isinstance(param, str) or not LABEL_NAME.fullmatch(param):
        raise QueryError(f"count_values: {param!r} is no label name")
    return param
