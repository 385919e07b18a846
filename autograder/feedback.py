"""What a student is told: the reason in words, and never a hidden test.

`failure` turns the outputs of a graded cell into one message; `withhold` takes the lines of
hidden tests out of anything else that is shown. Read next: explain.py, pages.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from nbformat import NotebookNode
from nbgrader.utils import is_grade

from autograder.submission import exercise_of

LONGEST = 2_000  # characters of a message
SHORTEST_SECRET = 8  # a line shorter than this gives nothing away
WITHHELD = "[withheld]"
ANSI = re.compile(r"\x1b\[[0-9;]*m")

NO_MESSAGE = "A hidden test failed. Compare your answer with what the exercise asks for."
TOO_LONG = (
    "This cell took too long and was stopped. A loop that never ends is the usual cause: check "
    "that its condition becomes false."
)
ENDED = "This cell ended the Python process (a call of exit, a crash, or too much memory)."
NO_ANSWER = "This exercise has no answer yet."


def words(ename: str, evalue: str) -> str:
    """An exception, told to the person whose answer met it."""
    evalue = ANSI.sub("", evalue).strip()
    told = {
        "AssertionError": evalue or NO_MESSAGE,
        "NotRun": evalue,
        "CellTimeoutError": TOO_LONG,
        "NotImplementedError": NO_ANSWER,
        "ProcessEnded": ENDED,
        "NameError": f"{evalue}. The test needs it: define it in the answer cell above the test.",
    }
    return told.get(ename, f"The test stopped with {ename}: {evalue}")[:LONGEST]


def failure(test: NotebookNode, answer: NotebookNode | None = None) -> str | None:
    """Why the graded cell earned no points, or None if it raised nothing.

    `answer` is the exercise's solution cell: where it stopped itself, that is the reason.
    """
    error = _error(test)
    if error is None:
        return None
    first = _error(answer) if answer is not None else None
    if first is None or error.ename in ("AssertionError", "NotRun"):
        return words(error.ename, error.evalue)
    if first.ename in ("NotRun", "NotImplementedError", "CellTimeoutError", "ProcessEnded"):
        return words(first.ename, first.evalue)
    return f"The answer cell stopped with {first.ename}: {ANSI.sub('', first.evalue)}"[:LONGEST]


def _error(cell: NotebookNode) -> NotebookNode | None:
    """The cell's error; a time limit comes before the interrupt that it caused."""
    errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
    late = [e for e in errors if e.ename == "CellTimeoutError"]
    return next(iter(late + errors), None)


def named(nb: NotebookNode) -> dict[str, NotebookNode]:
    """The notebook's cells by their nbgrader name."""
    by_name = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in nb.cells}
    return {name: cell for name, cell in by_name.items() if name}


def messages(nb: NotebookNode) -> dict[str, str | None]:
    """Exercise id -> why it earned nothing (None: it did not fail), in the notebook's order."""
    cells = named(nb)
    return {
        exercise_of(name): failure(cell, cells.get(exercise_of(name)))
        for name, cell in cells.items()
        if is_grade(cell)
    }


def about(nb: NotebookNode) -> dict[str, Any]:
    """What the grader wrote into a notebook: `notices`, and whether it was `refused`."""
    return {"notices": [], "refused": False, **nb.metadata.get("autograder", {})}


def lines_of(cells: Iterable[NotebookNode]) -> set[str]:
    lines = (line.strip() for cell in cells for line in cell.source.splitlines())
    return {line for line in lines if len(line) >= SHORTEST_SECRET}


def withhold(cell: NotebookNode, secrets: set[str]) -> None:
    """Replace each secret line in the cell's outputs, wherever the author's code put it."""
    # Longest first: a secret may be part of another.
    ordered = sorted(secrets, key=lambda line: (-len(line), line))
    for output in cell.get("outputs", []):
        for holder in (output, output.get("data", {})):
            for key, value in holder.items():
                if isinstance(value, str) and key not in ("output_type", "name"):
                    holder[key] = _without(value, ordered)
                elif key == "traceback":
                    holder[key] = [_without(ANSI.sub("", line), ordered) for line in value]


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        for shape in (secret, repr(secret)[1:-1]):
            text = text.replace(shape, WITHHELD)
    return text
