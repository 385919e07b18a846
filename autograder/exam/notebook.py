"""The notebook of a written exam, as nbgrader's source: what is read, one panel, a cell a domain.

The key stands in the hidden tests, which nbgrader takes out of what is given out. Each domain is
one graded cell with a mark a question, so that the gradebook itself is the report by domain.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from nbformat import NotebookNode, v4

from course.catalogue.questions.draw import Paper
from course.catalogue.questions.keys import key_rows

ANSWERS = "written-answers"

RULES = """\
# {title}

Candidate: **{candidate}**. {size} questions, {minutes} minutes, {pass_marks} to pass. One mark a \
question; a wrong answer costs nothing. A calculator and the formula sheet below are allowed, \
nothing else.

The next cell starts the clock. It goes on if the kernel is restarted, the browser closed or the \
computer switched off; run the cell again and go on where you were. Each answer is kept at once in \
`paper.answers.json` and may be changed until the time is up. The time is kept in \
`paper.clock.json`: leave both files where they are.

When you are done, save the notebook and submit it as any other. The time of your hand-in counts.

| | |
|---|---|
| liars tolerated by n voters | f = (n - 1) / 3, rounded down |
| quorum | 2f + 1 |
| saving from a factor | 1 - 1 / factor |
| wire reduction, dedup d and compression c | 1 - (1 - d)(1 - c) |
| transfer time | bits x (1 - reduction) / rate |
| buffer | rate x RTT |
| break-even share of wrong votes | 0.01 / (0.01 + 0.10) |
"""
START = """\
from pathlib import Path

from course.widgets.exam import open_exam

open_exam(Path("paper.json"))
"""
READ = """\
from pathlib import Path

from course.widgets.answers import kept_answers

# Hands your answers to the examiner. Nothing is to be changed here.
answers = kept_answers(Path("paper.answers.json"))
print(f"{len(answers)} of {size} questions answered.")
"""
MARK = """\
from course.catalogue.questions.keys import marks

### BEGIN HIDDEN TESTS
assert answers, "No answers came in: paper.answers.json was missing or could not be read."
marks({rows}, answers)
### END HIDDEN TESTS
"""


def written(drawn: Paper, candidate: str) -> NotebookNode:
    """The source notebook of one candidate's paper."""
    plan = drawn.blueprint
    rules = RULES.format(
        title=plan.title, candidate=candidate, size=plan.size, minutes=plan.minutes,
        pass_marks=plan.pass_marks,
    )  # fmt: skip
    cells = [
        v4.new_markdown_cell(rules, id="rules"),
        v4.new_code_cell(START.rstrip("\n"), id="paper"),
        _cell(ANSWERS, READ.replace("{size}", str(plan.size)), solution=True),
        *_tests(drawn),
    ]  # fmt: skip
    nb = v4.new_notebook(cells=cells)
    nb.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nb


def _tests(drawn: Paper) -> list[NotebookNode]:
    made = []
    rows = zip(drawn.questions, key_rows(drawn), strict=True)
    for domain, pairs in groupby(rows, key=lambda pair: pair[0].item.domain):
        keys = [row for _, row in pairs]
        text = MARK.replace("{rows}", json.dumps(keys))
        made.append(_cell(f"written-{domain}-test", text, points=len(keys)))
    return made


def _cell(
    name: str, source: str, solution: bool = False, points: int | None = None
) -> NotebookNode:
    role: dict[str, Any] = {
        "schema_version": 3, "grade_id": name, "locked": not solution, "solution": solution,
        "grade": points is not None, "task": False,
    }  # fmt: skip
    cell = v4.new_code_cell(source.rstrip("\n"), id=name)
    cell.metadata["nbgrader"] = role | ({} if points is None else {"points": points})
    return cell
