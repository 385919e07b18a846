"""nbgrader's steps, one function each: generate, release, collect, grade, feedback.

Each runs the class that the command of the same name runs, with the course's configuration. What
nbgrader logs is kept back and comes out with the error if a step fails.

`grade` goes student by student, so that nobody's submission can stop anybody else's.
Read next: scores.py, feedback.py.
"""

from __future__ import annotations

import glob
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.auth import Authenticator
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback, NbGraderException
from nbgrader.exchange import ExchangeFactory
from nbgrader.utils import capture_log

from autograder.courseroot import CourseRoot
from autograder.errors import CourseError, GraderFailed, UsageError
from autograder.feedback import about
from autograder.fit import refused
from autograder.pool import Pool
from autograder.preprocessor import files_of, modules_in
from autograder.scores import require_generated, scores, total

EXCHANGE_FILES = {"timestamp.txt", "submission_secret.txt"}  # nbgrader's own, in a submission

RAISED = re.compile(r"\s*[\w.]*(Error|Exception)\b")  # the last line of a traceback

Progress = Callable[[str], None]  # called with a student's id when that student is done


@dataclass(frozen=True)
class Graded:
    """What became of one submission."""

    student: str
    score: float
    max_score: float
    notices: tuple[str, ...]  # what its author, and perhaps an instructor, should know
    failure: str | None = None  # the grader's own failure; the submission keeps no score

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look."""
        return bool(self.notices or self.failure)


class Marking(Autograde):
    """nbgrader's Autograde for one student's folder, even if there is no notebook in it."""

    def init_notebooks(self) -> None:
        """List what is there; where nothing is, what ought to be."""
        try:
            super().init_notebooks()
        except NbGraderException:
            assignment, student = self.coursedir.assignment_id, self.coursedir.student_id
            folder = Path(self._format_source(assignment, student))
            source = self.coursedir.format_path("source", ".", assignment)
            names = sorted(path.name for path in Path(source).glob("*.ipynb"))
            self.assignments = {str(folder): [str(folder / name) for name in names]}


def generate(course: CourseRoot, assignment: str) -> None:
    """Make release/ASSIGNMENT from source/ASSIGNMENT, and record its cells in the gradebook."""
    course.require(assignment)
    _run(
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
    _run(step, f"{assignment} could not be released")


def require_runnable(course: CourseRoot, assignment: str) -> None:
    """Examine the reference solutions; raise CourseError for tests that need more than data."""
    source = course.folder("source", assignment)
    files = files_of(source, course.files(assignment))
    with Pool(modules_in(source), sandboxed=False) as pool:
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
    _run(step, f"Submissions of {assignment} could not be collected")
    return course.students(assignment)


def grade(
    course: CourseRoot,
    assignment: str,
    students: Iterable[str] = (),
    progress: Progress = lambda student: None,
) -> list[Graded]:
    """Grade the submissions of `students`, or everybody's. Grading again changes nothing.

    Raises UsageError for a name without a submission.
    """
    require_generated(course, assignment)
    graded = []
    todo = chosen(course, assignment, students)
    with Pool(modules_in(course.folder("source", assignment)), course.sandboxed) as pool:
        for student in todo:
            graded.append(_grade_one(course, assignment, student, pool))
            progress(student)
    return graded


def chosen(course: CourseRoot, assignment: str, students: Iterable[str]) -> list[str]:
    """The students named, each of whom must have handed in; everybody if none is named."""
    submitted = course.students(assignment)
    unknown = sorted(set(students) - set(submitted))
    if unknown:
        raise UsageError(
            f"No submission of {assignment} from {', '.join(unknown)}. "
            f"Submissions are from: {', '.join(submitted) or 'nobody'}."
        )
    return sorted(set(students)) or submitted


def _grade_one(course: CourseRoot, assignment: str, student: str, pool: Pool) -> Graded:
    coursedir = course.coursedir(
        assignment, glob.escape(student), ignore=_strange_names(course, assignment, student)
    )
    marking = Marking(coursedir=coursedir, config=course.config)
    marking.force = True
    marking.pool = pool
    try:
        _run(marking, f"The grader stopped at {student}'s submission")
    except GraderFailed as failed:
        return Graded(student, 0, 0, (), f"{failed}: {_reason(failed.log)}")
    mine = [row for row in scores(course, assignment) if row.student == student]
    return Graded(student, *total(mine), _notices(course, assignment, student))


def _strange_names(course: CourseRoot, assignment: str, student: str) -> list[str]:
    """Names at the top of a submission that are not the assignment's, and links: not copied."""
    folder = course.folder("submitted", assignment, student)
    expected = {Path(name).parts[0] for name in course.files(assignment)} | EXCHANGE_FILES
    expected |= {name.split("/")[0] for name in _brought(course, assignment)}
    found = list(folder.iterdir()) if folder.is_dir() else []
    strange = [p.name for p in found if p.is_symlink() or p.name not in expected]
    return [glob.escape(name) for name in strange if not name.endswith(".ipynb")]


def _brought(course: CourseRoot, assignment: str) -> list[str]:
    """Files that a student may bring, by nbgrader's own setting."""
    allowed = course.config.Autograde.get("exclude_overwriting", {})
    return list(allowed.get(assignment, []))


def _notices(course: CourseRoot, assignment: str, student: str) -> tuple[str, ...]:
    """What the grader wrote into the notebooks it graded."""
    folder = course.folder("autograded", assignment, student)
    return tuple(
        f"{path.stem}: {notice}"
        for path in sorted(folder.glob("*.ipynb"))
        for notice in about(nbformat.read(path, as_version=4))["notices"]
    )


def feedback(
    course: CourseRoot,
    assignment: str,
    students: Iterable[str] = (),
    progress: Progress = lambda student: None,
) -> list[str]:
    """Write feedback/STUDENT/ASSIGNMENT/*.html and release what came through the exchange.

    Returns the students whose pages cannot go back through the exchange, because their
    submissions did not come from it.
    """
    require_generated(course, assignment)
    by_hand = []
    for student in chosen(course, assignment, students):
        autograded = course.folder("autograded", assignment, student)
        if not autograded.is_dir():
            raise UsageError(f"{student} is not graded. Run: autograder grade {assignment}")
        coursedir = course.coursedir(assignment, glob.escape(student))
        step = GenerateFeedback(coursedir=coursedir, config=course.config)
        step.force = True
        _run(step, f"The feedback for {student} could not be written")
        if all((autograded / name).is_file() for name in EXCHANGE_FILES):
            back = _exchange(course, assignment, "ReleaseFeedback", glob.escape(student))
            _run(back, f"The feedback for {student} could not be released")
        else:
            by_hand.append(student)
        progress(student)
    return by_hand


def _exchange(course: CourseRoot, assignment: str, step: str, student: str = "*") -> Any:
    """One of nbgrader's exchange steps, as configured."""
    return getattr(ExchangeFactory(config=course.config), step)(
        coursedir=course.coursedir(assignment, student),
        authenticator=Authenticator(config=course.config),
        config=course.config,
    )


def _run(step: Any, failed: str) -> None:
    """Start a step of nbgrader. Raises GraderFailed with its log."""
    with warnings.catch_warnings():  # nbgrader's own, about its database; nobody here can act
        warnings.simplefilter("ignore")
        result = capture_log(step)
    if not result["success"]:
        raise GraderFailed(failed, result.get("log", "") + result["error"])


def _reason(log: str) -> str:
    """The exception that nbgrader logged, rather than its own "see the traceback above"."""
    raised = [line.strip() for line in log.splitlines() if RAISED.match(line)]
    reasons = [line for line in raised if "NbGraderException" not in line]
    return next(iter(reasons[::-1] + raised[::-1]), "nbgrader gave no reason")
