"""Would the tests notice? The reference solution, changed in one place at a time.

A mutant has one comparison, one arithmetic or boolean operator, or one constant changed. A test
that lets many of them pass is too weak. Each is tried in a fork like a listed mistake (trials.py);
a survivor is shown as a diff. Some survivors are no fault: `<` and `<=` may mean the same there.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autograder.errors import CourseError
from autograder.trials import Exercise, judge

ENOUGH = 0.9

SWAPS: dict[type[ast.AST], type[Any]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True)
class Share:
    """How many mutants of one exercise were caught, and the diffs of those that were not."""

    exercise: str
    tried: int
    survivors: tuple[str, ...]

    @property
    def caught(self) -> int:
        """Mutants that lost their points."""
        return self.tried - len(self.survivors)

    @property
    def enough(self) -> bool:
        """Whether the tests notice nine in ten."""
        return self.caught >= ENOUGH * self.tried


def mutants(source: str) -> Iterator[str]:
    """Every version of the source with one place changed, without the ones that repeat."""
    seen = {ast.unparse(ast.parse(source))}
    for index, node in enumerate(ast.walk(ast.parse(source))):
        for change in _changes(node):
            tree = ast.parse(source)
            change(list(ast.walk(tree))[index])
            text = ast.unparse(ast.fix_missing_locations(tree))
            if text not in seen:
                seen.add(text)
                yield text


def _changes(node: ast.AST) -> Iterator[Any]:
    """Functions that change such a node in place, in one way each."""
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            if type(op) in SWAPS:
                yield partial(_swap_comparison, place=place)
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in SWAPS:
        yield _swap_operator
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield partial(_set_value, value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield partial(_set_value, value=node.value + 1)
        yield partial(_set_value, value=node.value - 1)


def _swap_comparison(node: ast.Compare, place: int) -> None:
    node.ops[place] = SWAPS[type(node.ops[place])]()


def _swap_operator(node: ast.BinOp | ast.BoolOp | ast.AugAssign) -> None:
    node.op = SWAPS[type(node.op)]()


def _set_value(node: ast.Constant, value: float) -> None:
    node.value = value


def tried(notebook: Path, todo: Sequence[Exercise], limit_s: float = 5.0) -> list[Share]:
    """Try every mutant of these exercises of a notebook, which should be a copy. Takes minutes.

    Raises CourseError if a reference solution itself does not earn its points in `limit_s`
    seconds a cell: then every mutant would seem to be caught.
    """
    tries = [(e.id, text) for e in todo for text in mutants(e.answer)]
    changed = {id for id, _ in tries}
    whole = [(e.id, e.answer) for e in todo if e.id in changed]
    earned = {i for i, v in judge(notebook, [*whole, *tries], limit_s) if v.earned} if tries else ()
    for number, (id, _) in enumerate(whole):
        if number not in earned:
            raise CourseError(f"{id}: the solution itself earns nothing in {limit_s:g} s a cell.")
    survived = [one for number, one in enumerate(tries, len(whole)) if number in earned]
    return [_share(e, tries, survived) for e in todo]


def _share(
    exercise: Exercise, tries: list[tuple[str, str]], survived: list[tuple[str, str]]
) -> Share:
    diffs = [diff(exercise.answer, text) for id, text in survived if id == exercise.id]
    return Share(exercise.id, sum(id == exercise.id for id, _ in tries), tuple(diffs))


def diff(reference: str, mutant: str) -> str:
    """The lines in which they differ, both written the same way."""
    plain = ast.unparse(ast.parse(reference))
    lines = difflib.unified_diff(plain.splitlines(), mutant.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
