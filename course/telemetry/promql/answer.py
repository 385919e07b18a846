"""The answer to a query, and the two ways to ask.

An answer is a kind (`vector`, `scalar`, `string`, `matrix`) and lines: a label set with times (ms)
and values. At one moment each line has one value. The same shape holds what a real Prometheus
says, so who answered makes no difference to who reads.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import promql_parser as parser

from course.telemetry.labels import Labels, show
from course.telemetry.promql.engine import Engine, parse
from course.telemetry.promql.select import VERSION, Bounds
from course.telemetry.promql.values import QueryError, Range, Scalar, Text, Value, Vector
from course.telemetry.series import Store

if TYPE_CHECKING:
    import pandas as pd

POINTS_MAX = 11_000  # a line may have so many points, as in Prometheus


@dataclass(frozen=True, slots=True)
class Line:
    """One series of an answer."""

    labels: Labels
    times: np.ndarray  # int64, ms
    values: np.ndarray  # float64

    @property
    def value(self) -> float:
        """The last value."""
        return float(self.values[-1])

    def __str__(self) -> str:
        return f"{show(self.labels)} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gives. `by` says who answered."""

    kind: str
    lines: tuple[Line, ...]
    text: str = ""
    by: str = "embedded evaluator"

    def __bool__(self) -> bool:
        return bool(self.lines)

    @property
    def value(self) -> float:
        """The one number there is; ValueError if there is none or more than one."""
        if len(self.lines) != 1:
            raise ValueError(f"the answer has {len(self.lines)} series, not one")
        return self.lines[0].value

    def rows(self) -> list[dict[str, Any]]:
        """Plain rows: the labels of each line and its last value."""
        return [{**dict(line.labels), "value": line.value} for line in self.lines]

    def frame(self, origin: int | None = None) -> "pd.DataFrame":
        """A table: a row a moment, a column a line. Moments are UTC, or seconds after `origin`
        (ms)."""
        import pandas as pd  # half a second, and only here

        def moments(line: Line) -> pd.Index:
            if origin is None:
                return pd.to_datetime(line.times, unit="ms", utc=True)
            return pd.Index((line.times - origin) / 1_000, name="s")

        columns = {
            show(line.labels): pd.Series(line.values, index=moments(line)) for line in self.lines
        }
        return pd.DataFrame(columns).sort_index()


def query(store: Store, promql: str, at: int, version: int = VERSION) -> Answer:
    """The answer at the moment `at` (ms). QueryError says what is wrong.

    `version` is that of the Prometheus whose rules are followed, 2 or 3.
    """
    node, bounds = parse(promql), _bounds(at, at, version)
    if isinstance(node, parser.SubqueryExpr | parser.MatrixSelector):
        return _samples(store, node, at, bounds)
    value = _evaluate(store, node, np.array([at], np.int64), bounds)
    if isinstance(value, Text):
        return Answer("string", (), value.value)
    return Answer("scalar" if isinstance(value, Scalar) else "vector", _lines(value, at))


def query_range(
    store: Store, promql: str, start: int, end: int, step: int, version: int = VERSION
) -> Answer:
    """The answer at `start`, `start + step`, ... up to `end` (ms). `version` as for `query`."""
    if step <= 0 or end < start:
        raise QueryError(f"from {start} to {end} ms by {step} ms is no span: steps go forward")
    if (end - start) // step >= POINTS_MAX:
        raise QueryError(f"over {POINTS_MAX} points a line; take a longer step")
    times = np.arange(start, end + 1, step, dtype=np.int64)
    value = _evaluate(store, parse(promql), times, _bounds(start, end, version))
    if isinstance(value, Range | Text):
        raise QueryError("only an instant vector or a number can be followed over time")
    lines = (
        Line(labels, times[there], values[there]) for labels, values, there in _plain(value, times)
    )
    return Answer("matrix", tuple(sorted(lines, key=lambda line: line.labels)))


def _bounds(start: int, end: int, version: int) -> Bounds:
    if version not in (2, 3):
        raise QueryError(f"version {version} of Prometheus is not known here; give 2 or 3")
    return Bounds(start, end, version)


def _evaluate(store: Store, node: Any, times: np.ndarray, bounds: Bounds) -> Value:
    try:
        with np.errstate(all="ignore"):  # dividing by zero has an answer in PromQL
            return Engine(store, bounds).evaluate(node, times)
    except RecursionError:
        raise QueryError("the query is nested too deeply") from None


def _plain(value: Value, times: np.ndarray) -> list[tuple[Labels, np.ndarray, np.ndarray]]:
    if isinstance(value, Scalar):
        return [((), value.values, np.ones(len(times), bool))]
    assert isinstance(value, Vector)
    return [(row.labels, row.values, row.there) for row in value.rows]


def _lines(value: Value, at: int) -> tuple[Line, ...]:
    times = np.array([at], np.int64)
    return tuple(Line(labels, times, values) for labels, values, _ in _plain(value, times))


def _samples(store: Store, node: Any, at: int, bounds: Bounds) -> Answer:
    value = _evaluate(store, node, np.array([at], np.int64), bounds)
    assert isinstance(value, Range)
    lines = []
    for window in value.windows:
        part = slice(int(window.low[0]), int(window.high[0]))
        if part.stop > part.start:
            lines.append(Line(window.labels, window.at[part], window.values[part]))
    return Answer("matrix", tuple(lines))
