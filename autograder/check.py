"""Grade one's own notebook, as it will be graded, without handing it in.

The notebook, and the answers to a quiz beside it, are copied into a temporary course, go through
the same steps as a submission, and leave nothing behind. What comes back names exercises, points
and reasons; the text of a hidden test stays in the temporary folder.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

import nbformat

from autograder.courseroot import CourseRoot, scratch_course
from autograder.errors import GraderFailed, Refused, UsageError
from autograder.feedback import about, messages
from autograder.pipeline import generate, grade
from autograder.preprocessor import files_of
from autograder.scores import scores
from autograder.submission import read_notebook

ME = "you"


@dataclass(frozen=True)
class Result:
    """One exercise: points, and why there are not more (None if nothing failed)."""

    exercise: str
    score: float
    max_score: float
    message: str | None


@dataclass(frozen=True)
class Checked:
    """A notebook's exercises in its own order; `error` says why it could not be read, if so."""

    notebook: str
    assignment: str
    exercises: tuple[Result, ...]
    notices: tuple[str, ...] = ()
    error: str | None = None

    def as_data(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {**asdict(self), "notices": list(self.notices)}


def check(course: CourseRoot, path: Path) -> Checked:
    """Grade the notebook at `path`.

    Raises UsageError if it is no notebook of this course, GraderFailed if the grader stopped.
    """
    assignment, notebook = locate(course, path)
    with scratch_course(course, assignment, [notebook]) as scratch:
        generate(scratch, assignment)
        desk = scratch.folder("submitted", assignment, ME)
        desk.mkdir(parents=True)
        copyfile(path, desk / f"{notebook}.ipynb")
        for name, content in files_of(path.parent, course.brought(assignment)).items():
            (desk / name).write_bytes(content)
        (graded,) = grade(scratch, assignment)
        if graded.failure:
            raise GraderFailed(graded.failure)
        return _checked(scratch, assignment, notebook)


def _checked(scratch: CourseRoot, assignment: str, notebook: str) -> Checked:
    file = scratch.folder("autograded", assignment, ME) / f"{notebook}.ipynb"
    nb = nbformat.read(file, as_version=4)
    points = {row.exercise: row for row in scores(scratch, assignment)}
    results = [
        Result(exercise, points[exercise].score, points[exercise].max_score, message)
        for exercise, message in messages(nb).items()
    ]
    notices = tuple(about(nb)["notices"])
    if about(nb)["refused"]:
        return Checked(notebook, assignment, tuple(results), error=notices[0])
    return Checked(notebook, assignment, tuple(results), notices)


def locate(course: CourseRoot, path: Path) -> tuple[str, str]:
    """(assignment, notebook) of a learner's file: by folder and name, else by its exercises."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    known = [(a, n) for a in course.assignments() for n in course.notebooks(a)]
    by_name = [place for place in known if place[1] == path.stem]
    by_folder = [place for place in by_name if place[0] == path.resolve().parent.name]
    found = by_folder or by_name or [place for place in known if _shares(course, place, path)]
    if not found:
        names = ", ".join(f"{a}/{n}.ipynb" for a, n in known)
        raise UsageError(f"{path.name} is not a notebook of this course. It has: {names}.")
    return found[0]


def _shares(course: CourseRoot, place: tuple[str, str], path: Path) -> bool:
    """Whether the file, perhaps renamed, has an exercise of that notebook."""
    assignment, notebook = place
    try:
        mine = _names(path)
    except Refused:
        return False
    return bool(mine & _names(course.folder("source", assignment) / f"{notebook}.ipynb"))


def _names(path: Path) -> set[str]:
    roles = (cell.metadata.get("nbgrader", {}) for cell in read_notebook(path).cells)
    return {role["grade_id"] for role in roles if role}
