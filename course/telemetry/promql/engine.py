"""PromQL without Prometheus: one query on one store, at a moment or over a span.

The text is parsed and type-checked by `promql_parser`; here the tree is evaluated, all moments of
the query at once (see `values`). The subset is the one the course needs and a little more; what is
missing is refused by name with `UnsupportedError`, never answered wrongly. The rules are those of
Prometheus 2 unless version 3 is asked for (see `select` for what that changed); tests hold the
evaluator equal to a real one.

Left out: native histograms, exponential smoothing, calendar and trigonometric functions, `atan2`,
and everything that is experimental in Prometheus.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import promql_parser as parser

from course.telemetry.labels import nameless
from course.telemetry.promql import over_time, select
from course.telemetry.promql.aggregate import aggregate, by, excluding
from course.telemetry.promql.functions import FUNCTIONS
from course.telemetry.promql.limits import check_moments, check_text
from course.telemetry.promql.operators import (
    combine_sets,
    match_vectors,
    matching_key,
    scalars,
    with_scalar,
)
from course.telemetry.promql.select import Bounds, milliseconds, shifted
from course.telemetry.promql.values import (
    QueryError,
    Range,
    Row,
    Scalar,
    Text,
    UnsupportedError,
    Value,
    Vector,
    vector,
)
from course.telemetry.series import Store

SUBQUERY_STEP_MS = 60_000  # Prometheus' own: the default evaluation interval
_SETS = ("and", "or", "unless")


def parse(promql: str) -> parser.Expr:
    """The syntax tree of a query; QueryError says what is wrong with the text."""
    check_text(promql)
    try:
        return parser.parse(promql)
    except ValueError as error:
        raise QueryError(f"{promql!r}: {error}") from None


@dataclass(frozen=True, slots=True)
class Engine:
    """Evaluates the nodes of a syntax tree; `bounds` are those of the whole query."""

    store: Store
    bounds: Bounds

    def evaluate(self, node: Any, times: np.ndarray) -> Value:
        """The value of a node at each of `times`."""
        match node:
            case parser.NumberLiteral():
                return Scalar(np.full(len(times), node.val))
            case parser.StringLiteral():
                return Text(node.val)
            case parser.ParenExpr():
                return self.evaluate(node.expr, times)
            case parser.UnaryExpr():
                return _negative(self.evaluate(node.expr, times))
            case parser.VectorSelector():
                found = select.found(self.store, node)
                return select.instant(found, shifted(times, node, self.bounds), self.bounds)
            case parser.MatrixSelector() | parser.SubqueryExpr():
                return self._range(node, times)
            case parser.AggregateExpr():
                return self._aggregate(node, times)
            case parser.BinaryExpr():
                return self._binary(node, times)
            case parser.Call():
                return self._call(node, times)
        raise UnsupportedError(type(node).__name__)

    def _range(self, node: Any, times: np.ndarray) -> Range:
        length = milliseconds(node.range)
        if isinstance(node, parser.MatrixSelector):
            selector = node.vector_selector
            found = select.found(self.store, selector)
            return select.windows(found, shifted(times, selector, self.bounds), length, self.bounds)
        ends = shifted(times, node, self.bounds)
        step = milliseconds(node.step) or SUBQUERY_STEP_MS
        first = -(-(int(ends.min()) - length + self.bounds.oldest) // step) * step
        check_moments((int(ends.max()) - first) // step + 1)
        inner = np.arange(first, int(ends.max()) + 1, step, dtype=np.int64)
        rows = _rows(self.evaluate(node.expr, inner), len(inner)) if len(inner) else ()
        return Range(
            tuple(
                select.window(
                    row.labels, inner[row.there], row.values[row.there], ends, length, self.bounds
                )
                for row in rows
            )
        )

    def _aggregate(self, node: parser.AggregateExpr, times: np.ndarray) -> Vector:
        rows = self.evaluate(node.expr, times)
        assert isinstance(rows, Vector)
        modifier = node.modifier
        without = modifier is not None and modifier.type == parser.AggModifierType.Without
        key = (excluding if without else by)(modifier.labels if modifier else ())
        param = None if node.param is None else self.evaluate(node.param, times)
        value = param.values if isinstance(param, Scalar) else getattr(param, "value", None)
        return aggregate(str(node.op), rows, key, value)

    def _binary(self, node: parser.BinaryExpr, times: np.ndarray) -> Value:
        op, modifier = str(node.op), node.modifier
        left, right = self.evaluate(node.lhs, times), self.evaluate(node.rhs, times)
        as_bool = bool(modifier and modifier.return_bool)
        if isinstance(left, Scalar) and isinstance(right, Scalar):
            return scalars(op, left, right)
        if isinstance(left, Vector) and isinstance(right, Scalar):
            return with_scalar(op, left, right, as_bool, swapped=False)
        if isinstance(left, Scalar) and isinstance(right, Vector):
            return with_scalar(op, right, left, as_bool, swapped=True)
        assert isinstance(left, Vector) and isinstance(right, Vector)
        if op in _SETS:
            return combine_sets(op, left, right, matching_key(modifier))
        return match_vectors(op, left, right, modifier)

    def _call(self, node: parser.Call, times: np.ndarray) -> Value:
        name, args = node.func.name, node.args
        if name in over_time.FUNCTIONS:
            return self._over_time(name, args[0], times)
        if name in ("absent", "absent_over_time"):
            return self._absent(args[0], times)
        if name == "quantile_over_time":
            q, rows = self.evaluate(args[0], times), self._windows(args[1], times)
            assert isinstance(q, Scalar)
            return _per_window(rows, lambda w: over_time.quantile_over_time(w, q.values))
        if name == "predict_linear":
            ahead, rows = self.evaluate(args[1], times), self._windows(args[0], times)
            assert isinstance(ahead, Scalar)
            return _per_window(rows, lambda w: over_time.predict_linear(w, times, ahead.values))
        if name == "timestamp" and isinstance(args[0], parser.VectorSelector):
            found = select.found(self.store, args[0])
            at = shifted(times, args[0], self.bounds)
            stamps = select.instant(found, at, self.bounds, stamps=True)
            return vector(Row(nameless(r.labels), r.values, r.there) for r in stamps.rows)
        if name not in FUNCTIONS:
            raise UnsupportedError(f"the function {name}")
        return FUNCTIONS[name]([self.evaluate(arg, times) for arg in args], times)

    def _windows(self, node: Any, times: np.ndarray) -> Range:
        rows = self.evaluate(node, times)
        assert isinstance(rows, Range)
        return rows

    def _over_time(self, name: str, node: Any, times: np.ndarray) -> Vector:
        function = over_time.FUNCTIONS[name]
        return _per_window(self._windows(node, times), function, keep=name == "last_over_time")

    def _absent(self, node: Any, times: np.ndarray) -> Vector:
        value = self.evaluate(node, times)
        if isinstance(value, Range):
            present = [window.high > window.low for window in value.windows]
        else:
            assert isinstance(value, Vector)
            present = [row.there for row in value.rows]
        there = ~np.any(present, axis=0) if present else np.ones(len(times), bool)
        selector = getattr(node, "vector_selector", node)
        labels = select.absent_labels(
            selector if isinstance(selector, parser.VectorSelector) else None
        )
        return vector([Row(labels, np.ones(len(times)), there)])


def _per_window(rows: Range, function: Any, keep: bool = False) -> Vector:
    return vector(
        Row(window.labels if keep else nameless(window.labels), *function(window))
        for window in rows.windows
    )


def _negative(value: Value) -> Value:
    if isinstance(value, Scalar):
        return Scalar(-value.values)
    assert isinstance(value, Vector)
    return vector(Row(nameless(row.labels), -row.values, row.there) for row in value.rows)


def _rows(value: Value, moments: int) -> tuple[Row, ...]:
    if isinstance(value, Vector):
        return value.rows
    if isinstance(value, Scalar):
        return (Row((), value.values, np.ones(moments, bool)),)
    raise QueryError("only an instant vector or a number can be followed over time")
