"""What a student is told: the reason in words, and never a hidden test.

`failure` turns the outputs of a graded cell into one message. `Explain` prepares an autograded
notebook for its HTML page: a test's traceback becomes that message, hidden tests are cut out,
and a line of them that turns up in any other output is withheld.
Read next: scores.py.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.preprocessors import ClearHiddenTests
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


class Explain(ClearHiddenTests):
    """Prepares an autograded notebook for its feedback page."""

    def preprocess(self, nb, resources):  # type: ignore[no-untyped-def]
        """Change nb in place. Its notices come first, then the cells as the author may see them."""
        told = messages(nb)
        secrets = self._cut_hidden_tests(nb)
        for name, cell in named(nb).items():
            message = told.get(exercise_of(name)) if is_grade(cell) else None
            if message:
                cell.outputs = [_spoken(message)]
        for cell in nb.cells:
            withhold(cell, secrets)
        notices = [*about(nb)["notices"], *refused_beside(Path(resources["metadata"]["path"]), nb)]
        if notices:
            nb.cells.insert(0, _notice_cell(notices))
        return nb, resources

    def _cut_hidden_tests(self, nb: NotebookNode) -> set[str]:
        """Remove the hidden regions; return their telling lines that no visible cell has."""
        before: set[str] = set()
        for cell in filter(is_grade, nb.cells):
            before |= _lines([cell])
            if self._remove_hidden_test_region(cell):
                cell.source += "\n# The hidden tests of this cell are not shown."
        return before - _lines(nb.cells)


def about(nb: NotebookNode) -> dict[str, Any]:
    """What the grader wrote into a notebook: `notices`, and whether it was `refused`."""
    return {"notices": [], "refused": False, **nb.metadata.get("autograder", {})}


def refused_beside(folder: Path, nb: NotebookNode) -> list[str]:
    """Notices of the submission's other notebooks that were refused.

    nbgrader hands a page back only for a notebook that came in, so that a missing one must be
    mentioned on the pages of the others.
    """
    others = [nbformat.read(path, as_version=4) for path in sorted(folder.glob("*.ipynb"))]
    told = [line for other in others if about(other)["refused"] for line in about(other)["notices"]]
    return [line for line in told if line not in about(nb)["notices"]]


def _lines(cells: Iterable[NotebookNode]) -> set[str]:
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


def _spoken(message: str) -> NotebookNode:
    """The message as an error output: the page shows it set apart, and escapes it."""
    lines = [textwrap.fill(line, 88) for line in message.splitlines()]  # a page does not scroll
    return v4.new_output("error", ename="", evalue=message, traceback=lines)


def _notice_cell(notices: Sequence[str]) -> NotebookNode:
    text = "**About this submission**\n\n" + "\n".join(f"- {notice}" for notice in notices)
    return v4.new_markdown_cell(text, id="notices")
