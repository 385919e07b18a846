"""What an expression has as its value, over all steps of a query at once.

A query is evaluated at one moment or at many (a graph). Both are one case: `times` is the array of
moments, and every value has one column a moment. A vector has one row a series; a series that has
no value at a moment is not there, which is different from being NaN or 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from course.telemetry.labels import Labels, show


class QueryError(ValueError):
    """The query is wrong, or its data does not allow an answer."""


class UnsupportedError(QueryError):
    """Correct PromQL that this evaluator does not know; the real Prometheus does."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number a moment: `values` [moments]."""

    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Row:
    """One series of a vector: `values` [moments], and where it is `there` [moments]."""

    labels: Labels
    values: np.ndarray
    there: np.ndarray


@dataclass(frozen=True, slots=True)
class Vector:
    """An instant vector: rows with different labels, in an order that `sort` may have set."""

    rows: tuple[Row, ...]

    @property
    def any_there(self) -> np.ndarray | bool:
        """At which moments is the vector not empty? [moments]"""
        return np.any([row.there for row in self.rows], axis=0) if self.rows else False


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of one series and, for each moment, which of them are in its range.

    Those of moment i are `at[low[i]:high[i]]`; the range is `start[i]` to `end[i]` (ms), both ends
    included.
    """

    labels: Labels
    at: np.ndarray  # int64 [samples]
    values: np.ndarray  # float64 [samples]
    low: np.ndarray  # int64 [moments]
    high: np.ndarray  # int64 [moments]
    start: np.ndarray  # int64 [moments]
    end: np.ndarray  # int64 [moments]

    @property
    def seconds(self) -> float:
        """The length of the range."""
        return float(self.end[0] - self.start[0]) / 1000.0


@dataclass(frozen=True, slots=True)
class Range:
    """A range vector."""

    windows: tuple[Window, ...]


Value = Scalar | Text | Vector | Range


def vector(rows: Iterable[Row]) -> Vector:
    """A vector of rows; those with equal labels become one, if they are never there together."""
    merged: dict[Labels, Row] = {}
    for row in rows:
        if not row.there.any():
            continue
        other = merged.get(row.labels)
        merged[row.labels] = row if other is None else _merge(other, row)
    return Vector(tuple(merged.values()))


def _merge(one: Row, other: Row) -> Row:
    if (one.there & other.there).any():
        raise QueryError(
            f"vector cannot contain metrics with the same labelset: {show(one.labels)} twice"
        )
    values = np.where(one.there, one.values, other.values)
    return Row(one.labels, values, one.there | other.there)
