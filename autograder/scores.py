"""Scores, as plain rows out of the gradebook.

Every number comes from nbgrader's own record: points by the tests, or by hand where an
instructor changed them in the formgrader. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nbgrader.api import Gradebook, SubmittedAssignment

from autograder.courseroot import CourseRoot
from autograder.errors import UsageError
from autograder.submission import exercise_of


@dataclass(frozen=True, order=True)
class Score:
    """One exercise of one student."""

    student: str
    assignment: str
    notebook: str
    exercise: str
    score: float
    max_score: float


def scores(course: CourseRoot, assignment: str) -> list[Score]:
    """All scores of an assignment, ordered by student, notebook and exercise.

    Raises UsageError if the gradebook has never heard of the assignment.
    """
    require_generated(course, assignment)
    with course.gradebook() as gradebook:
        rows = [
            row
            for submission in gradebook.assignment_submissions(assignment)
            for row in _rows(submission, assignment)
        ]
    return sorted(rows)


def _rows(submission: SubmittedAssignment, assignment: str) -> Iterable[Score]:
    for notebook in submission.notebooks:
        for grade in notebook.grades:
            yield Score(
                submission.student.id,
                assignment,
                notebook.name,
                exercise_of(grade.name),
                grade.score,
                grade.max_score,
            )


def score_of(course: CourseRoot, assignment: str, student: str) -> tuple[float, float]:
    """(points earned, points possible) of one student, without the penalty for being late."""
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission(assignment, student)
        return total(_rows(submission, assignment))


def total(some: Iterable[Score]) -> tuple[float, float]:
    """(points earned, points possible)."""
    rows = list(some)
    return sum(row.score for row in rows), sum(row.max_score for row in rows)


def require_generated(course: CourseRoot, assignment: str) -> None:
    """Raise UsageError unless the assignment exists and its cells are in the gradebook."""
    course.require(assignment)
    with course.gradebook() as gradebook:
        known = known_notebooks(gradebook, assignment)
    if not known:
        raise UsageError(
            f"The gradebook does not know {assignment} yet. Run: autograder release {assignment}"
        )


def known_notebooks(gradebook: Gradebook, assignment: str) -> list[str]:
    """The assignment's notebooks that the gradebook knows, in order; none if it is new."""
    found = [a for a in gradebook.assignments if a.name == assignment]
    return sorted(notebook.name for a in found for notebook in a.notebooks)
