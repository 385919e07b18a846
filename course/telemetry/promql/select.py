"""Selectors: from `name{label="value"}` to the samples in the store.

An instant selector takes the newest sample not older than `LOOKBACK_MS`, unless that is a stale
marker. A range selector takes all samples of a window except stale markers. Whether a sample
that is exactly as old as the window belongs to it, or to the look-back, depends on the version:
in Prometheus 2 it does, in Prometheus 3 it does not. Regular expressions match whole values, by
Python's `re` in place of RE2: what only one of the two knows (look-ahead, `\\z`) is not portable.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import promql_parser as parser

from course.telemetry.labels import NAME, Labels, get
from course.telemetry.promql.limits import check_pattern, check_samples
from course.telemetry.promql.values import QueryError, Range, Row, UnsupportedError, Vector, Window
from course.telemetry.series import STALE_BITS, Series, Store

LOOKBACK_MS = 5 * 60 * 1000
VERSION = 2  # of Prometheus, whose rules are followed


@dataclass(frozen=True, slots=True)
class Bounds:
    """Begin and end that were asked for, ms: what `@ start()` and `@ end()` mean.

    `version` is that of the Prometheus whose rules hold, 2 or 3.
    """

    start: int
    end: int
    version: int = VERSION

    @property
    def oldest(self) -> int:
        """How much younger than the look-back a sample must at least be, ms."""
        return 0 if self.version == 2 else 1


def milliseconds(duration: timedelta | None) -> int:
    """A duration of the parser in ms; none is 0."""
    return 0 if duration is None else round(duration.total_seconds() * 1000)


def shifted(times: np.ndarray, node: Any, bounds: Bounds) -> np.ndarray:
    """The moments a selector or subquery looks at, after its `@` and `offset`."""
    if node.at is not None:
        times = np.full_like(times, _fixed(node.at, bounds))
    return times - milliseconds(node.offset)


def _fixed(at: parser.AtModifier, bounds: Bounds) -> int:
    if at.type == parser.AtModifierType.Start:
        return bounds.start
    if at.type == parser.AtModifierType.End:
        return bounds.end
    try:
        assert at.at is not None
        return round(at.at.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise QueryError("the time after @ is too far away") from None


def found(store: Store, selector: parser.VectorSelector) -> list[Series]:
    """The series that a selector means, sorted by labels."""
    if selector.matchers.or_matchers:
        raise UnsupportedError("alternatives between matchers (`or` inside braces)")
    tests = [_test(matcher) for matcher in selector.matchers.matchers]
    return store.select(selector.name, lambda labels: all(test(labels) for test in tests))


def _test(matcher: parser.Matcher) -> Callable[[Labels], bool]:
    name, value, op = matcher.name, matcher.value, matcher.op
    if op == parser.MatchOp.Equal:
        return lambda labels: get(labels, name) == value
    if op == parser.MatchOp.NotEqual:
        return lambda labels: get(labels, name) != value
    pattern, wanted = compiled(value), op == parser.MatchOp.Re
    return lambda labels: (pattern.fullmatch(get(labels, name)) is not None) == wanted


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression of a query."""
    check_pattern(pattern)
    try:
        return re.compile(pattern)
    except re.error as error:
        raise QueryError(f"regular expression {pattern!r}: {error}") from None


def instant(
    series: list[Series], times: np.ndarray, bounds: Bounds, stamps: bool = False
) -> Vector:
    """The value (or with `stamps` the time, s) of each series at each of `times`."""
    check_samples(len(series) * len(times))
    rows = [_newest(one, times, LOOKBACK_MS - bounds.oldest, stamps) for one in series]
    return Vector(tuple(row for row in rows if row.there.any()))


def _newest(series: Series, times: np.ndarray, age_max: int, stamps: bool) -> Row:
    at, values = series.arrays()
    newest = np.searchsorted(at, times, "right") - 1
    index = np.maximum(newest, 0)
    fresh = at[index] >= times - age_max
    there = (newest >= 0) & fresh & (values.view(np.int64)[index] != STALE_BITS)
    return Row(series.labels, at[index] / 1000.0 if stamps else values[index], there)


def windows(series: list[Series], times: np.ndarray, length: int, bounds: Bounds) -> Range:
    """The samples of each series in the `length` ms before each of `times`."""
    result = []
    for one in series:
        at, values = one.arrays()
        real = values.view(np.int64) != STALE_BITS
        result.append(window(one.labels, at[real], values[real], times, length, bounds))
    return Range(tuple(result))


def window(
    labels: Labels,
    at: np.ndarray,
    values: np.ndarray,
    times: np.ndarray,
    length: int,
    bounds: Bounds,
) -> Window:
    """The window of one series."""
    low = np.searchsorted(at, times - length + bounds.oldest, "left")
    high = np.searchsorted(at, times, "right")
    check_samples(int((high - low).sum()))
    return Window(labels, at, values, low, high, times - length, times)


def absent_labels(selector: parser.VectorSelector | None) -> Labels:
    """The labels of `absent(selector)`: those that an equality matcher fixes, each named once."""
    fixed: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in selector.matchers.matchers if selector else []:
        if matcher.name == NAME:
            continue
        if matcher.op == parser.MatchOp.Equal and matcher.name not in seen:
            fixed[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            fixed.pop(matcher.name, None)
    return tuple(sorted((name, value) for name, value in fixed.items() if value))
