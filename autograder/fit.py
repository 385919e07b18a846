"""Can the tests of an assignment be run by the examiner? Asked before it is released.

What a test reads from the author's code must be plain data, and all else that it uses must come
from locked cells. `unfit` reads that off the text; `refused` runs the reference solutions through
both processes and reports each test that met something that cannot cross.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_solution

from autograder.errors import CourseError
from autograder.names import names_of, to_fetch
from autograder.pool import Files, Pool
from autograder.script import Given, is_judge, script


class RequirePlain(NbGraderPreprocessor):
    """Refuses to generate an assignment whose tests could not be run."""

    def preprocess(self, nb: NotebookNode, resources):  # type: ignore[no-untyped-def]
        """Raise CourseError with every reason; else nothing is changed."""
        name = resources["nbgrader"]["notebook"]
        if found := list(unfit(nb)):
            raise CourseError("\n".join(f"{name}, {cell}: {why}" for cell, why in found))
        return nb, resources


def unfit(nb: NotebookNode) -> Iterator[tuple[str, str]]:
    """(locked cell, what is wrong) as far as the text tells."""
    locked = [cell for cell in nb.cells if is_judge(cell)]
    solved = [c.source for c in nb.cells if c.cell_type == "code" and is_solution(c)]
    offered = {name for source in solved for name in names_of(source).binds}
    for cell, fetched in zip(locked, to_fetch([c.source for c in locked]), strict=True):
        where = cell.metadata.nbgrader.grade_id
        for name in fetched:
            if name not in offered:
                yield (
                    where,
                    (
                        f"`{name}` is defined neither in a locked cell nor in an answer. Define or "
                        "import it in this cell: what stands in other cells a student can change."
                    ),
                )
        for use in _inside(cell.source, set(fetched) & offered):
            yield (
                where,
                (
                    f"`{use}` looks inside something of the student's, of which only calls and "
                    "plain data reach a test. Call it, and compare what comes back."
                ),
            )


def _inside(source: str, fetched: set[str]) -> Iterator[str]:
    """Expressions that need a fetched object itself."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is(node.value, fetched):
            if node.attr.startswith("_") or not isinstance(node.ctx, ast.Load):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and (_of_classes(node) or _of_code(node)):
            arguments = node.args[1:] if _of_classes(node) else node.args
            if any(_names_in(argument) & fetched for argument in arguments):
                yield ast.unparse(node)


def _of_classes(call: ast.Call) -> bool:
    return _is(call.func, {"isinstance", "issubclass"})


def _of_code(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and _is(call.func.value, {"inspect", "dis", "ast"})


def _is(node: ast.expr, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _names_in(node: ast.expr) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def refused(notebook: Path, pool: Pool, files: Files) -> Iterator[tuple[str, str]]:
    """(locked cell, what could not cross) when the reference solution is examined."""
    nb = nbformat.read(notebook, as_version=4)
    steps = [step for step in script(nb, Given()) if step]
    for step, outputs in zip(steps, pool.examine(steps, files), strict=True):
        for output in outputs:
            if output["output_type"] == "error" and output["ename"] == "NotPlain":
                yield step["name"], output["evalue"]
