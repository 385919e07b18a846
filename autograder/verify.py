"""Is an assignment fit to be given out?

    release     release/ is what source/ generates, file by file
    reference   the source notebooks themselves, handed in, earn every point, and no cell fails
    untouched   the released notebooks, handed in as they are, earn none
    exercises   three cells each, named id, id-check and id-test; each test says what is wrong
    mistakes    each wrong answer of mistakes.yaml loses its points, and hears what it should

Reference and untouched go through the whole pipeline in a temporary course; mistakes are tried in
forks of one run of each notebook (trials.py). Nothing of the real course is changed.
"""

from __future__ import annotations

import ast
import filecmp
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from autograder.courseroot import CourseRoot, scratch_course
from autograder.errors import CourseError
from autograder.feedback import messages, named
from autograder.fit import unfit
from autograder.mistakes import FEWEST, FILE, Mistake, load_mistakes
from autograder.pipeline import generate, grade
from autograder.scores import Score, scores
from autograder.submission import exercise_of
from autograder.trials import Exercise, exercises, judge

REFERENCE, EVERY_CELL, UNTOUCHED = "reference", "every cell", "untouched"
STUDENTS = {REFERENCE: "source", EVERY_CELL: "source", UNTOUCHED: "release"}

Tell = Callable[[str], None]  # called with what is being proved, as it starts


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with an assignment, and where."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def verify(course: CourseRoot, assignment: str, tell: Tell = lambda doing: None) -> list[Finding]:
    """Everything that is wrong with the assignment; an empty list if it is fit.

    Raises UsageError for an unknown assignment, GraderFailed if a step of the grader stops.
    """
    course.require(assignment)
    source = course.folder("source", assignment)
    tell("exercises")
    notebooks = {n: nbformat.read(source / f"{n}.ipynb", 4) for n in course.notebooks(assignment)}
    found = [f for name, nb in notebooks.items() for f in malformed(name, nb)]
    if found:
        return found  # what follows relies on the three cells of each exercise
    with scratch_course(course, assignment) as scratch:
        tell("release")
        generate(scratch, assignment)
        made, kept = (c.folder("release", assignment) for c in (scratch, course))
        found += stale(made, kept)
        found += graded_right(scratch, assignment, tell)
        found += uncaught(scratch, assignment, notebooks, tell)
    return found


def malformed(name: str, nb: NotebookNode) -> Iterator[Finding]:
    """Exercises that lack a cell, tests that cannot be run, and assertions that say nothing."""
    cells = named(nb)
    for test in (cell for cell in nb.cells if is_grade(cell) and not is_solution(cell)):
        grade_id = test.metadata.nbgrader.grade_id
        exercise = exercise_of(grade_id)
        if not grade_id.endswith("-test"):
            yield Finding(f"{name}, {grade_id}", "a graded cell is named EXERCISE-test.")
        elif exercise not in cells or not is_solution(cells[exercise]):
            yield Finding(f"{name}, {exercise}", "there is no solution cell of this name.")
        elif f"{exercise}-check" not in cells:
            yield Finding(f"{name}, {exercise}", f"there is no check cell {exercise}-check.")
        if mute := mute_asserts(test.source):
            yield Finding(f"{name}, {grade_id}", f"an assert without a message: {mute[0]}")
    yield from (Finding(f"{name}, {cell}", why) for cell, why in unfit(nb))


def mute_asserts(source: str) -> list[str]:
    """The assertions that would fail without a word."""
    asserts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
    return [ast.unparse(node) for node in asserts if node.msg is None]


def stale(made: Path, kept: Path) -> Iterator[Finding]:
    """Files in which the kept release is not what the source makes."""
    mend = f"Run: autograder release {made.name}"
    names = {str(p.relative_to(d)) for d in (made, kept) for p in d.rglob("*") if p.is_file()}
    for name in sorted(names):
        where = f"release/{made.name}/{name}"
        if not (kept / name).is_file():
            yield Finding(where, f"is missing. {mend}")
        elif not (made / name).is_file():
            yield Finding(where, f"is not made from source/. Remove it, or {mend.lower()}")
        elif not filecmp.cmp(made / name, kept / name, shallow=False):
            yield Finding(where, f"is not what source/ makes. {mend}")


def graded_right(scratch: CourseRoot, assignment: str, tell: Tell) -> Iterator[Finding]:
    """Hand in the source and the release, and see what each earns.

    The source goes twice: as submissions are graded, and with every cell run.
    """
    for student, step in STUDENTS.items():
        desk = scratch.folder("submitted", assignment, student)
        shutil.copytree(scratch.folder(step, assignment), desk)
    for student in STUDENTS:
        tell(student)
        scratch.config.Examine.everything = student == EVERY_CELL
        for graded in grade(scratch, assignment, [student]):
            texts = [*graded.notices, *([graded.failure] if graded.failure else [])]
            yield from (Finding(f"{assignment}, {student}", text) for text in texts)
    by_hand = graded_by_hand(scratch.folder("source", assignment))
    rows = [row for row in scores(scratch, assignment) if row.exercise not in by_hand]
    yield from (f for row in rows for f in misjudged(row))
    yield from failing_cells(scratch, assignment)


def graded_by_hand(source: Path) -> set[str]:
    """Answers that a person marks in the formgrader: cells that are an answer and graded."""
    books = [nbformat.read(path, 4) for path in source.glob("*.ipynb")]
    return {
        cell.metadata.nbgrader.grade_id
        for nb in books
        for cell in nb.cells
        if is_grade(cell) and is_solution(cell)
    }


def misjudged(row: Score) -> Iterator[Finding]:
    """A reference solution that does not earn all, or an untouched exercise that earns some."""
    where = f"{row.notebook}, {row.exercise}"
    if row.student in (REFERENCE, EVERY_CELL) and row.score != row.max_score:
        points = f"{row.score:g} of {row.max_score:g} points"
        how = " with every cell run" if row.student == EVERY_CELL else ""
        yield Finding(where, f"the reference solution earns {points}{how}.")
    if row.student == UNTOUCHED and row.score != 0:
        yield Finding(where, f"the untouched notebook earns {row.score:g} points.")


def failing_cells(scratch: CourseRoot, assignment: str) -> Iterator[Finding]:
    """Cells that raise though every solution is in, unless they are tagged raises-exception."""
    for path in sorted(scratch.folder("autograded", assignment, EVERY_CELL).glob("*.ipynb")):
        source = nbformat.read(scratch.folder("source", assignment) / path.name, 4)
        run = nbformat.read(path, 4)
        told = messages(run)
        for number, (cell, before) in enumerate(zip(run.cells, source.cells, strict=False), 1):
            errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
            if errors and "raises-exception" not in before.metadata.get("tags", []):
                name = cell.metadata.get("nbgrader", {}).get("grade_id", f"cell {number}")
                raised = f"{errors[0].ename}: {errors[0].evalue}"
                yield Finding(f"{path.stem}, {name}", told.get(exercise_of(name)) or raised)


def uncaught(
    scratch: CourseRoot, assignment: str, notebooks: dict[str, NotebookNode], tell: Tell
) -> Iterator[Finding]:
    """Exercises without listed mistakes, and mistakes that earn points or hear something else."""
    source = scratch.folder("source", assignment)
    try:
        listed = load_mistakes(source / FILE)
    except CourseError as error:
        yield Finding(assignment, str(error))
        return
    known = {e.id for nb in notebooks.values() for e in exercises(nb)}
    for stranger in sorted({m.exercise for m in listed} - known):
        yield Finding(FILE, f"there is no exercise {stranger}.")
    for name, nb in notebooks.items():
        tell(f"mistakes of {name}")
        yield from slips(source / f"{name}.ipynb", exercises(nb), listed)


def slips(notebook: Path, todo: list[Exercise], listed: list[Mistake]) -> Iterator[Finding]:
    """The mistakes of one notebook that are not caught as they should be."""
    ids = {exercise.id for exercise in todo}
    for lonely in sorted(ids - {m.exercise for m in listed}):
        yield Finding(f"{notebook.stem}, {lonely}", f"{FILE} lists fewer than {FEWEST} mistakes.")
    tried = [m for m in listed if m.exercise in ids]
    for index, verdict in judge(notebook, [(m.exercise, m.answer) for m in tried]):
        where = f"{notebook.stem}, {tried[index].exercise}"
        wrong = f"the mistake that should hear {tried[index].says!r}"
        if verdict.earned:
            yield Finding(where, f"{wrong} earns its points.")
        elif not any(tried[index].says in said for said in verdict.said):
            yield Finding(where, f"{wrong} hears: {' / '.join(verdict.said)}")
