"""nbgrader's steps, one function each: generate, release, collect, grade, feedback.

Each runs the class that the command of the same name runs, with the course's configuration. What
nbgrader logs is kept back and comes out with the error if a step fails.

`grade` is in grading.py. Read next: scores.py, feedback.py.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import nbformat
from nbgrader.auth import Authenticator
from nbgrader.converters import GenerateAssignment, GenerateFeedback
from nbgrader.exchange import ExchangeFactory

from autograder.courseroot import CourseRoot
from autograder.errors import CourseError, UsageError
from autograder.feedback import named
from autograder.fit import refused
from autograder.grading import EXCHANGE_FILES, Graded, Progress, chosen, grade, run
from autograder.pages import Overview, results, summary, title_of
from autograder.pool import Files
from autograder.preprocessor import files_of, terms_of
from autograder.scores import require_generated

__all__ = ["Graded", "Progress", "chosen", "collect", "feedback", "generate", "grade", "release"]


def generate(course: CourseRoot, assignment: str) -> None:
    """Make release/ASSIGNMENT from source/ASSIGNMENT, and record its cells in the gradebook."""
    course.require(assignment)
    run(
        GenerateAssignment(coursedir=course.coursedir(assignment), config=course.config),
        f"{assignment} could not be generated",
    )


def release(course: CourseRoot, assignment: str) -> None:
    """Generate, then copy the release to the exchange for students to fetch.

    Raises CourseError if a test meets something in the reference solution that cannot cross.
    """
    course.require(assignment)
    require_runnable(course, assignment)
    generate(course, assignment)
    step = _exchange(course, assignment, "ReleaseAssignment")
    step.force = True
    run(step, f"{assignment} could not be released")


def require_runnable(course: CourseRoot, assignment: str) -> None:
    """Examine the reference solutions; raise CourseError for tests that need more than data."""
    source = course.folder("source", assignment)
    files = Files(files_of(source, course.files(assignment)))
    with replace(terms_of(course.config, source), sandbox="none").pool() as pool:
        found = [
            f"{path.stem}, {cell}: {why}"
            for path in sorted(source.glob("*.ipynb"))
            for cell, why in refused(path, pool, files)
        ]
    if found:
        raise CourseError("These tests cannot be run by the examiner:\n" + "\n".join(found))


def collect(course: CourseRoot, assignment: str) -> list[str]:
    """Copy each student's newest submission from the exchange; return whom submitted/ now has."""
    course.require(assignment)
    step = _exchange(course, assignment, "Collect")
    step.update = True
    step.check_owner = False  # on one laptop every submission belongs to one account
    run(step, f"Submissions of {assignment} could not be collected")
    return course.students(assignment)


def feedback(
    course: CourseRoot,
    assignment: str,
    students: Iterable[str] = (),
    progress: Progress = lambda student: None,
) -> list[str]:
    """Write feedback/STUDENT/ASSIGNMENT/*.html and release what came through the exchange.

    Returns the students whose pages cannot go back through the exchange, because their
    submissions did not come from it. Who is not graded gets no page and stops nobody else.
    Raises UsageError if nobody is graded.
    """
    require_generated(course, assignment)
    by_hand, ungraded = [], []
    todo = chosen(course, assignment, students)
    for student in todo:
        autograded = course.folder("autograded", assignment, student)
        if not autograded.is_dir():
            ungraded.append(student)
            continue
        coursedir = course.coursedir(assignment, glob.escape(student))
        step = GenerateFeedback(coursedir=coursedir, config=course.config)
        step.force = True
        run(step, f"The feedback for {student} could not be written")
        summarise(course, assignment, student)
        if all((autograded / name).is_file() for name in EXCHANGE_FILES):
            back = _exchange(course, assignment, "ReleaseFeedback", glob.escape(student))
            run(back, f"The feedback for {student} could not be released")
        else:
            by_hand.append(student)
        progress(student)
    if ungraded and not any(course.folder("autograded", assignment, s).is_dir() for s in todo):
        who = ", ".join(ungraded)
        raise UsageError(f"{who} is not graded. Run: autograder grade {assignment}")
    return by_hand


def summarise(course: CourseRoot, assignment: str, student: str) -> None:
    """Write feedback/STUDENT/ASSIGNMENT/summary/index.html.

    In a folder of its own: nbgrader takes every page beside the others for a notebook's.
    """
    autograded = course.folder("autograded", assignment, student)
    found, penalty = [], 0.0
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission(assignment, student)
        for book in sorted(submission.notebooks, key=lambda book: book.name):
            path = autograded / f"{book.name}.ipynb"
            if path.is_file():
                nb = nbformat.read(path, as_version=4)
                for grade in book.grades:
                    role = named(nb)[grade.name].metadata.nbgrader
                    role.update(score=grade.score, points=grade.max_score)
                title = title_of(nb, book.name)
                found.append(
                    Overview(book.name, title, book.score, book.max_score, tuple(results(nb)))
                )
            penalty += book.late_submission_penalty or 0
    page = course.folder("feedback", assignment, student) / "summary" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(summary(student, assignment, found, penalty), encoding="utf-8")


def _exchange(course: CourseRoot, assignment: str, step: str, student: str = "*") -> Any:
    """One of nbgrader's exchange steps, as configured."""
    return getattr(ExchangeFactory(config=course.config), step)(
        coursedir=course.coursedir(assignment, student),
        authenticator=Authenticator(config=course.config),
        config=course.config,
    )
