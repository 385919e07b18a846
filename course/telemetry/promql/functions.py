"""Functions of instant vectors: rounding, clamping, labels, time.

A function takes its evaluated arguments and the moments of the query. All of them drop the metric
name, except the ones that only sort or change labels. Functions of a range are in `over_time`.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course.telemetry.labels import LABEL_NAME, get, nameless, with_label
from course.telemetry.promql.histogram import histogram_quantile
from course.telemetry.promql.select import compiled
from course.telemetry.promql.values import QueryError, Row, Scalar, Text, Value, Vector, vector

Times = np.ndarray
Function = Callable[[Sequence[Any], Times], Value]


def _each(change: Callable[[np.ndarray], np.ndarray]) -> Function:
    def function(args: Sequence[Any], times: Times) -> Vector:
        return vector(Row(nameless(r.labels), change(r.values), r.there) for r in args[0].rows)

    return function


def _clamp(args: Sequence[Any], times: Times) -> Vector:
    rows, low, high = args[0], args[1].values, args[2].values
    return vector(_clamped(row, low, high, low <= high) for row in rows.rows)


def _clamped(row: Row, low: np.ndarray, high: np.ndarray, possible: np.ndarray) -> Row:
    values = np.maximum(low, np.minimum(high, row.values))
    return Row(
        nameless(row.labels), values, row.there & (possible | np.isnan(low) | np.isnan(high))
    )


def _clamp_min(args: Sequence[Any], times: Times) -> Value:
    return _each(lambda values: np.maximum(values, args[1].values))(args, times)


def _clamp_max(args: Sequence[Any], times: Times) -> Value:
    return _each(lambda values: np.minimum(values, args[1].values))(args, times)


def _round(args: Sequence[Any], times: Times) -> Value:
    inverse = 1.0 / (args[1].values if len(args) > 1 else np.ones(len(times)))
    return _each(lambda values: np.floor(values * inverse + 0.5) / inverse)(args, times)


def _vector(args: Sequence[Any], times: Times) -> Vector:
    return Vector((Row((), args[0].values, np.ones(len(times), bool)),))


def _scalar(args: Sequence[Any], times: Times) -> Scalar:
    rows = args[0].rows
    if not rows:
        return Scalar(np.full(len(times), np.nan))
    count = np.sum([row.there for row in rows], axis=0)
    first = np.sum([np.where(row.there, row.values, 0.0) for row in rows], axis=0)
    return Scalar(np.where(count == 1, first, np.nan))


def _time(args: Sequence[Any], times: Times) -> Scalar:
    return Scalar(times / 1000.0)


def _timestamp(args: Sequence[Any], times: Times) -> Value:
    return _each(lambda values: times / 1000.0)(args, times)


def _sorted(args: Sequence[Any], sign: float) -> Vector:
    """By the value at the first moment; a graph has no order to change."""
    return Vector(
        tuple(
            sorted(
                args[0].rows,
                key=lambda r: (np.isnan(r.values[0]), sign * np.nan_to_num(r.values[0])),
            )
        )
    )


def _label_replace(args: Sequence[Any], times: Times) -> Vector:
    rows, target, replacement, source, pattern = args[0], *(_text(a) for a in args[1:])
    _must_be_label(target, "label_replace")
    expression, template = compiled(pattern), replacement
    return vector(_replaced(row, target, template, source, expression) for row in rows.rows)


def _replaced(row: Row, target: str, template: str, source: str, pattern: re.Pattern[str]) -> Row:
    found = pattern.fullmatch(get(row.labels, source))
    if found is None:
        return row
    return Row(with_label(row.labels, target, _expand(found, template)), row.values, row.there)


def _expand(found: re.Match[str], template: str) -> str:
    """`$1`, `$name` and `${name}` replaced by what they caught; unknown groups are empty."""

    def group(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        if match.group(0) == "$$":
            return "$"
        try:
            return found.group(int(name) if name.isdigit() else name) or ""
        except IndexError:
            return ""

    return re.sub(r"\$(?:\{(\w+)\}|(\w+)|\$)", group, template)


def _label_join(args: Sequence[Any], times: Times) -> Vector:
    target, separator, *sources = (_text(a) for a in args[1:])
    _must_be_label(target, "label_join")
    return vector(
        Row(
            with_label(row.labels, target, separator.join(get(row.labels, s) for s in sources)),
            row.values,
            row.there,
        )
        for row in args[0].rows
    )


def _text(value: Value) -> str:
    assert isinstance(value, Text)  # the parser has checked it
    return value.value


def _must_be_label(name: str, function: str) -> None:
    if not LABEL_NAME.fullmatch(name):
        raise QueryError(f"{function}: {name!r} is no label name")


FUNCTIONS: dict[str, Function] = {
    "abs": _each(np.abs),
    "ceil": _each(np.ceil),
    "floor": _each(np.floor),
    "exp": _each(np.exp),
    "sqrt": _each(np.sqrt),
    "ln": _each(np.log),
    "log2": _each(np.log2),
    "log10": _each(np.log10),
    "sgn": _each(np.sign),
    "round": _round,
    "clamp": _clamp,
    "clamp_min": _clamp_min,
    "clamp_max": _clamp_max,
    "histogram_quantile": lambda args, times: histogram_quantile(args[0].values, args[1]),
    "label_replace": _label_replace,
    "label_join": _label_join,
    "sort": lambda args, times: _sorted(args, 1.0),
    "sort_desc": lambda args, times: _sorted(args, -1.0),
    "time": _time,
    "timestamp": _timestamp,
    "vector": _vector,
    "scalar": _scalar,
}
