"""Why an expression says what it says: the sentences that a learner gets."""

from typing import Any

import promql_parser as parser

from course.telemetry import promql
from course.telemetry.promql import Answer
from course.telemetry.promql.engine import parse
from course.telemetry.series import Store
from course.telemetry.timeline import Timeline

COMPARISONS = ("<", ">", "<=", ">=", "==", "!=")


def why(expression: str, timeline: Timeline, at: int) -> str:
    """What the expression, or the two sides of its comparison, say at a moment."""
    node = parse(expression)
    while isinstance(node, parser.ParenExpr):
        node = node.expr
    when = f"at {timeline.seconds(at):g} s"
    if not isinstance(node, parser.BinaryExpr) or str(node.op) not in COMPARISONS:
        return f"{when} the expression says {brief(promql.query(timeline.store, expression, at))}"
    sides = [promql.query(timeline.store, side.prettify(), at) for side in (node.lhs, node.rhs)]
    text = f"{when} it compares {brief(sides[0])} with {brief(sides[1])}"
    if not sides[0].lines or not sides[1].lines:
        return text + emptiness(timeline.store, node)
    return text


def emptiness(store: Store, node: Any) -> str:
    """A likely reason why there is no answer, as the end of a sentence."""
    text = node.prettify()
    bare = [name for name in _names(node) if _is_histogram(store, name)]
    if bare:
        return f"; {bare[0]} is a histogram, its samples are called {bare[0]}_bucket, _sum, _count"
    unknown = [name for name in _names(node) if name not in store.names()]
    if unknown:
        return f"; no series is called {unknown[0]}"
    if "count(" in text.replace(" ", "") or "==" in text:
        return (
            "; a filter that leaves nothing, counted, is nothing and not 0: "
            "think of sum, of bool, or of `or vector(0)`"
        )
    return "; nothing compared with a number is nothing, and so the rule is silent"


def _names(node: Any) -> list[str]:
    """The metric names that an expression reads."""
    if isinstance(node, parser.VectorSelector):
        return [node.name] if node.name else []
    if isinstance(node, parser.MatrixSelector):
        return _names(node.vector_selector)
    parts = [getattr(node, part, None) for part in ("expr", "lhs", "rhs", "param")]
    parts += list(getattr(node, "args", ()) or ())
    return [name for part in parts if part is not None for name in _names(part)]


def _is_histogram(store: Store, name: str) -> bool:
    names = store.names()
    return name not in names and f"{name}_bucket" in names


def brief(answer: Answer) -> str:
    """The values of an answer, the first three of them."""
    if not answer.lines:
        return "nothing"
    values = [f"{line.value:g}" for line in answer.lines[:3]]
    more = f" and {len(answer.lines) - 3} more" if len(answer.lines) > 3 else ""
    return ", ".join(values) + more
