"""An autograded notebook made ready for its author's eyes.

A test's traceback becomes a message, hidden tests are cut out, and a line of them that turns up
in any other output is withheld. What the page needs beside the cells goes into
resources["nbgrader"]: results, notices, overview. Read next: pages.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearHiddenTests
from nbgrader.utils import is_grade, is_solution

from autograder.feedback import about, lines_of, messages, named, withhold
from autograder.pages import Overview, results, title_of
from autograder.submission import exercise_of


class Explain(ClearHiddenTests):
    """Prepares an autograded notebook for its feedback page."""

    def preprocess(self, nb, resources):  # type: ignore[no-untyped-def]
        """Change nb in place: what its author may see, with messages in the place of tracebacks."""
        graded = resources["nbgrader"]
        graded["results"] = results(nb)
        folder = Path(resources["metadata"]["path"])
        others = {path.stem: nbformat.read(path, 4) for path in sorted(folder.glob("*.ipynb"))}
        graded["notices"] = [*about(nb)["notices"], *refused_beside(others.values(), nb)]
        with Gradebook(graded["db_url"]) as gradebook:
            submission = gradebook.find_submission(graded["assignment"], graded["student"])
            books = sorted(submission.notebooks, key=lambda book: book.name)
            graded["overview"] = [
                Overview(name, title_of(others[name], name), book.score, book.max_score)
                for book in books
                if (name := book.name) in others
            ]
        told = messages(nb)
        secrets = self._cut_hidden_tests(nb)
        for name, cell in named(nb).items():
            if is_grade(cell) and not is_solution(cell) and cell.cell_type == "code":
                message = told.get(exercise_of(name))
                cell.outputs = [_spoken(message)] if message else cell.outputs
        for cell in nb.cells:
            withhold(cell, secrets)
        return nb, resources

    def _cut_hidden_tests(self, nb: NotebookNode) -> set[str]:
        """Remove the hidden regions; return their telling lines that no visible cell has."""
        before: set[str] = set()
        for cell in filter(is_grade, nb.cells):
            before |= lines_of([cell])
            if self._remove_hidden_test_region(cell):
                cell.source += "\n# The hidden tests of this cell are not shown."
        return before - lines_of(nb.cells)


def refused_beside(others: Iterable[NotebookNode], nb: NotebookNode) -> list[str]:
    """Notices of the submission's other notebooks that were refused.

    nbgrader hands a page back only for a notebook that came in, so that a missing one must be
    mentioned on the pages of the others.
    """
    told = [line for other in others if about(other)["refused"] for line in about(other)["notices"]]
    return [line for line in told if line not in about(nb)["notices"]]


def _spoken(message: str) -> NotebookNode:
    """The message as an error output: the page shows it set apart, and escapes it."""
    return v4.new_output("error", ename="", evalue=message, traceback=message.splitlines())
