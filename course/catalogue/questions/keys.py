"""The key of a paper as plain rows, for a test cell that nobody but the examiner sees.

`key_rows(paper)` holds what marking needs and nothing that explains: type, number of options, and
the letters or the number that are right. `marks(rows, answers)` marks by `grading.grade`, so that
a paper is marked the same way from its key as from the pool.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from course.catalogue.questions import Calculation, Item, Option, blueprint
from course.catalogue.questions.draw import Paper, Question
from course.catalogue.questions.grading import grade


def key_rows(paper: Paper) -> list[dict[str, Any]]:
    """One row a question, in the paper's order."""
    return [_row(question) for question in paper.questions]


def marks(rows: Sequence[Mapping[str, Any]], answers: Mapping[Any, Any]) -> int:
    """How many of these questions are answered right; `answers` go by question number.

    An answer that cannot be read gets no mark and costs no other. Raises ValueError if `answers`
    is no mapping.
    """
    asked = tuple(_question(row) for row in rows)
    numbers = {str(question.number) for question in asked}
    if isinstance(answers, Mapping):
        answers = {key: value for key, value in answers.items() if str(key) in numbers}
    return grade(Paper(blueprint(), "", asked), answers).total


def _row(question: Question) -> dict[str, Any]:
    row: dict[str, Any] = {"number": question.number, "type": question.item.type}
    if calculation := question.item.calculation:
        about = {"unit": calculation.unit, "tolerance": calculation.tolerance}
        return row | about | {"answer": question.answer}
    return row | {"options": len(question.options), "key": question.key}


def _question(row: Mapping[str, Any]) -> Question:
    options = (Option("", ""),) * row.get("options", 0)
    worked_out = None
    if "answer" in row:
        worked_out = Calculation("", row["unit"], "", {}, ({}, 0.0), (), row["tolerance"])
    item = Item("", "", "", "", "", row["type"], 0.0, "", "", options, calculation=worked_out)
    answer = row.get("answer")
    return Question(row["number"], item, "", options, row.get("key", ""), {}, answer)
