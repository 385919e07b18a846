"""Binary operators: between numbers, a vector and a number, and two vectors.

Two vectors are matched series by series: those with the same labels belong together, apart from
the metric name, or with `on` by these labels only, with `ignoring` by all but these. One side may
have many for one of the other if `group_left` or `group_right` says so. A comparison is a filter:
it keeps the left value where it holds and nothing where it does not, or with `bool` gives 1 and 0.
"""

from collections.abc import Callable, Iterator

import numpy as np
import promql_parser as parser

from course.telemetry.labels import NAME, Labels, get, nameless, only, show, with_label, without
from course.telemetry.promql.values import (
    QueryError,
    Row,
    Scalar,
    UnsupportedError,
    Vector,
    vector,
)

Key = Callable[[Labels], Labels]

ARITHMETIC: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
COMPARISON: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def compute(
    op: str, left: np.ndarray, right: np.ndarray, as_bool: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The values of `left op right`, and where they are kept. [moments]"""
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right), np.ones(np.shape(left), bool)
    if op not in COMPARISON:
        raise UnsupportedError(f"the operator {op}")
    holds = COMPARISON[op](left, right)
    if as_bool:
        return holds.astype(float), np.ones(np.shape(left), bool)
    return left, holds


def scalars(op: str, left: Scalar, right: Scalar) -> Scalar:
    """A number and a number; the parser demands `bool` of a comparison."""
    return Scalar(compute(op, left.values, right.values, True)[0])


def with_scalar(op: str, rows: Vector, number: Scalar, as_bool: bool, swapped: bool) -> Vector:
    """A vector and a number (`swapped`: number first). A filter keeps the vector's value."""
    result = []
    for row in rows.rows:
        left, right = (number.values, row.values) if swapped else (row.values, number.values)
        values, keep = compute(op, left, right, as_bool)
        if op in COMPARISON and not as_bool:
            values = row.values
        labels = nameless(row.labels) if op in ARITHMETIC or as_bool else row.labels
        result.append(Row(labels, values, row.there & keep))
    return vector(result)


def matching_key(modifier: parser.BinModifier | None) -> Key:
    """What of a series' labels has to be equal on both sides."""
    matching = modifier.matching if modifier else None
    if matching is None:
        return nameless
    names = frozenset(matching.labels)
    if matching.type == parser.LabelModifierType.Include:
        return lambda labels: only(labels, names)
    return lambda labels: without(labels, names | {NAME})


def combine_sets(op: str, left: Vector, right: Vector, key: Key) -> Vector:
    """`and`, `or`, `unless`: decided by whether the other side has a match."""
    if op == "or":
        return vector([*left.rows, *_filtered(right, left, key, wanted=False)])
    return vector(_filtered(left, right, key, wanted=op == "and"))


def _filtered(rows: Vector, other: Vector, key: Key, wanted: bool) -> Iterator[Row]:
    there: dict[Labels, np.ndarray] = {}
    for row in other.rows:
        sign = key(row.labels)
        there[sign] = there[sign] | row.there if sign in there else row.there
    for row in rows.rows:
        match = there.get(key(row.labels), np.zeros_like(row.there))
        yield Row(row.labels, row.values, row.there & (match if wanted else ~match))


def match_vectors(
    op: str, left: Vector, right: Vector, modifier: parser.BinModifier | None
) -> Vector:
    """An arithmetic or comparing operator between two vectors."""
    card = modifier.card if modifier else parser.VectorMatchCardinality.OneToOne
    swapped = card == parser.VectorMatchCardinality.OneToMany
    many, one = (right, left) if swapped else (left, right)
    if not many.rows or not one.rows:
        return Vector(())
    key = matching_key(modifier)
    ones = _one_side(one, many, key, "left" if swapped else "right")
    found: dict[Labels, list[Row]] = {}
    for row in many.rows:
        sign = key(row.labels)
        for other in ones.get(sign, ()):
            found.setdefault(sign, []).append(_pair(op, row, other, modifier, swapped))
    grouped = card != parser.VectorMatchCardinality.OneToOne
    for rows in found.values():
        _must_be_unique(rows, grouped)
    return vector(row for rows in found.values() for row in rows)


def _one_side(one: Vector, many: Vector, key: Key, side: str) -> dict[Labels, list[Row]]:
    """The rows of the "one" side by what they are matched by; two at a moment are an error."""
    ones: dict[Labels, list[Row]] = {}
    for row in one.rows:
        ones.setdefault(key(row.labels), []).append(row)
    for sign, rows in ones.items():
        together = np.sum([row.there for row in rows], axis=0) > 1
        if len(rows) > 1 and (together & many.any_there).any():
            raise QueryError(
                f"found duplicate series for the match group {show(sign)} on the {side} hand-side "
                f"of the operation: [{show(rows[0].labels)}, {show(rows[1].labels)}]; "
                "many-to-many matching not allowed: matching labels must be unique on one side"
            )
    return ones


def _pair(op: str, row: Row, other: Row, modifier: parser.BinModifier | None, swapped: bool) -> Row:
    left, right = (other.values, row.values) if swapped else (row.values, other.values)
    as_bool = bool(modifier and modifier.return_bool)
    values, keep = compute(op, left, right, as_bool)
    labels = _result_labels(row.labels, other.labels, modifier)
    if op in ARITHMETIC or as_bool:
        labels = nameless(labels)
    return Row(labels, values, row.there & other.there & keep)


def _result_labels(many: Labels, one: Labels, modifier: parser.BinModifier | None) -> Labels:
    if modifier is None:
        return many
    if modifier.card != parser.VectorMatchCardinality.OneToOne:
        for name in modifier.group_labels or ():
            many = with_label(many, name, get(one, name))
        return many
    if modifier.matching is None:
        return many
    names = modifier.matching.labels
    if modifier.matching.type == parser.LabelModifierType.Include:
        return only(many, names)
    return without(many, names)


def _must_be_unique(rows: list[Row], grouped: bool) -> None:
    """One result for a match group, or with `group_left` one for each label set."""
    clashing: dict[Labels, list[Row]] = {}
    for row in rows:
        clashing.setdefault(row.labels if grouped else (), []).append(row)
    for group in clashing.values():
        if len(group) > 1 and (np.sum([row.there for row in group], axis=0) > 1).any():
            raise QueryError(
                "multiple matches for labels: grouping labels must ensure unique matches"
                if grouped
                else "multiple matches for labels: many-to-one matching must be explicit "
                "(group_left/group_right)"
            )
