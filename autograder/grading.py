"""Grade submissions: examined by many, written by one.

Workers turn each submission into examined notebooks (marking.py, fanout.py). Here, and nowhere
else, the results go where nbgrader keeps them: nbgrader's own Autograde makes the student, the
submission and the folder, its own preprocessors read the scores off the outputs, and only the
running of cells is left out, because that is done.

Goes student by student, so that nobody's submission can stop anybody else's. Grading again gives
the same gradebook, also after a run that was stopped halfway. Read next: pipeline.py.
"""

from __future__ import annotations

import glob
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock
from nbformat import NotebookNode
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.utils import capture_log

from autograder import sandbox
from autograder.courseroot import CourseRoot
from autograder.errors import GraderFailed, Refused, UsageError
from autograder.fanout import Marked, default_workers, fan_out
from autograder.feedback import about
from autograder.marking import Paper, Submission, Terms
from autograder.preprocessor import Examine, files_of, terms_of
from autograder.record import record
from autograder.scores import require_generated, score_of
from autograder.script import given
from autograder.submission import plan_of, read_file

EXCHANGE_FILES = {"timestamp.txt", "submission_secret.txt"}  # nbgrader's own, in a submission
LOCK = ".grading.lock"  # held while one student's results are written
TRIES = 3  # for a gradebook that another grader writes to at the same moment
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


def grade(
    course: CourseRoot,
    assignment: str,
    students: Iterable[str] = (),
    progress: Progress = lambda student: None,
    scheduler: str | None = None,
    workers: int | None = None,
) -> list[Graded]:
    """Grade the submissions of `students`, or everybody's; in the order of their names.

    Raises UsageError for a name without a submission, SandboxMissing where there is none.
    """
    require_generated(course, assignment)
    todo = chosen(course, assignment, students)
    terms = terms_of(course.config, course.folder("source", assignment))
    if scheduler is None and terms.sandbox != "none":
        sandbox.command([])  # raises SandboxMissing before anything is touched
    everybody = submissions(course, assignment, todo)
    graded = []
    for student, marked in fan_out(everybody, terms, scheduler, workers or default_workers()):
        graded.append(save(course, assignment, student, marked, terms))
        progress(student)
    return sorted(graded, key=lambda each: each.student)


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


def submissions(
    course: CourseRoot, assignment: str, students: Iterable[str]
) -> Iterator[Submission]:
    """Each student's submission, read when its turn comes."""
    source = course.folder("source", assignment)
    everything = bool(course.config.Examine.get("everything", False))
    blank = []
    with course.gradebook() as gradebook:
        for name in course.notebooks(assignment):
            known = given(source / f"{name}.ipynb")
            plan = plan_of(gradebook, name, assignment, known.order)
            if everything:
                known = replace(known, sources=frozenset())
            blank.append(Paper(name, None, None, plan, known))
    files = files_of(source, course.files(assignment))
    for student in students:
        folder = course.folder("submitted", assignment, student)
        papers = tuple(_filled(paper, folder) for paper in blank)
        brought = files_of(folder, course.brought(assignment))
        yield Submission(student, papers, files, brought)


def _filled(paper: Paper, folder: Path) -> Paper:
    """The paper with what the student handed in, or with the reason why that cannot be taken."""
    try:
        document, refusal = read_file(folder / f"{paper.name}.ipynb"), None
    except Refused as refused:
        document, refusal = None, str(refused)
    return Paper(paper.name, document, refusal, paper.plan, paper.about)


class Marking(Autograde):
    """nbgrader's Autograde for one student's folder, with notebooks that are examined already."""

    examined: dict[str, NotebookNode]
    student: str  # as it is; the id in coursedir is a pattern

    def init_notebooks(self) -> None:
        """List what is there; where nothing is, what ought to be."""
        try:
            super().init_notebooks()
        except NbGraderException:
            assignment = self.coursedir.assignment_id
            folder = Path(self._format_source(assignment, self.student))
            source = self.coursedir.format_path("source", ".", assignment)
            names = sorted(path.name for path in Path(source).glob("*.ipynb"))
            self.assignments = {str(folder): [str(folder / name) for name in names]}

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Save the examined notebook and its scores: the second pass, without the running."""
        nb = self.examined[Path(notebook_filename).stem]
        resources = self.init_single_notebook_resources(notebook_filename)
        self.exporter._preprocessors = []
        for preprocessor in self.autograde_preprocessors:
            if preprocessor not in (Examine, f"{Examine.__module__}.{Examine.__name__}"):
                self.exporter.register_preprocessor(preprocessor, enabled=True)
        output, resources = self.exporter.from_notebook_node(nb, resources=resources)
        self.write_single_notebook(output, resources)


def save(course: CourseRoot, assignment: str, student: str, marked: Marked, terms: Terms) -> Graded:
    """Write one student's results: the autograded notebooks, and the gradebook."""
    if isinstance(marked, str):
        return Graded(student, 0, 0, (), f"{student} could not be examined: {marked}")
    notices = tuple(
        f"{name}: {notice}" for name, nb in marked.items() for notice in about(nb)["notices"]
    )
    for last in (*[False] * (TRIES - 1), True):
        try:
            with FileLock(course.path / LOCK):
                _write(course, assignment, student, marked)
                record(course.config.CourseDirectory.db_url, student, assignment,
                       marked, terms.sandbox)  # fmt: skip
            return Graded(student, *score_of(course, assignment, student), notices)
        except GraderFailed as failed:
            if last:
                return Graded(student, 0, 0, (), f"{failed}: {reason(failed.log)}")
    raise AssertionError("unreachable")


def _write(
    course: CourseRoot, assignment: str, student: str, marked: dict[str, NotebookNode]
) -> None:
    strange = _strange_names(course, assignment, student)
    coursedir = course.coursedir(assignment, glob.escape(student), ignore=strange)
    marking = Marking(coursedir=coursedir, config=course.config)
    marking.force, marking.examined, marking.student = True, marked, student
    run(marking, f"The grader stopped at {student}'s submission")


def _strange_names(course: CourseRoot, assignment: str, student: str) -> list[str]:
    """Names at the top of a submission that are not the assignment's, and links: not copied."""
    folder = course.folder("submitted", assignment, student)
    expected = {Path(name).parts[0] for name in course.files(assignment)} | EXCHANGE_FILES
    expected |= {name.split("/")[0] for name in course.brought(assignment)}
    found = list(folder.iterdir()) if folder.is_dir() else []
    strange = [p.name for p in found if p.name not in expected or not _plain(p, expected)]
    return [glob.escape(name) for name in strange if not name.endswith(".ipynb")]


def _plain(path: Path, files: set[str]) -> bool:
    """Whether it is a file, or a folder that should be one; no link, pipe or device."""
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return False
    return path.is_file() or not any(name == path.name for name in files)


def run(step: Any, failed: str) -> None:
    """Start a step of nbgrader. Raises GraderFailed with its log."""
    with warnings.catch_warnings():  # nbgrader's own, about its database; nobody here can act
        warnings.simplefilter("ignore")
        result = capture_log(step)
    if not result["success"]:
        raise GraderFailed(failed, result.get("log", "") + result["error"])


def reason(log: str) -> str:
    """The exception that nbgrader logged, rather than its own "see the traceback above"."""
    raised = [line.strip() for line in log.splitlines() if RAISED.match(line)]
    reasons = [line for line in raised if "NbGraderException" not in line]
    return next(iter(reasons[::-1] + raised[::-1]), "nbgrader gave no reason")
