"""What nbgrader documents goes on working: partial credit, grading by hand, tasks, penalties."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from nbformat import v4
from nbgrader.apps import NbGraderApp

from autograder import pipeline
from autograder.courseroot import CourseRoot
from autograder.feedback import named
from autograder.record import examinations
from tests.autograder.classroom import Classroom

PARTIAL = "numbers-1-spread-test"


def role(name: str, kind: str, **flags: bool | float) -> dict[str, object]:
    base = {"schema_version": 3, "grade_id": name, "cell_type": kind, "locked": False,
            "solution": False, "grade": False, "task": False}  # fmt: skip
    return {**base, **flags}


@pytest.fixture
def mixed(classroom: Classroom) -> Classroom:
    """The assignment with a partial-credit test, an essay, an answer read by hand, and a task."""
    path = classroom.course.folder("source", "numbers") / "1-mean.ipynb"
    nb = nbformat.read(path, as_version=4)
    named(nb)[PARTIAL].source = "score = 1.5 if spread([1, 4]) == 3 else 0\nscore"
    essay = v4.new_markdown_cell("Because.", id="essay")
    essay.metadata["nbgrader"] = role("essay", "markdown", solution=True, grade=True, points=4)
    code = v4.new_code_cell("### BEGIN SOLUTION\nplan = 1\n### END SOLUTION", id="plan")
    code.metadata["nbgrader"] = role("plan", "code", solution=True, grade=True, points=2)
    task = v4.new_markdown_cell("Draw it.", id="task")
    task.metadata["nbgrader"] = role("task", "markdown", task=True, locked=True, points=3)
    nb.cells += [essay, code, task]
    nbformat.write(nb, path)
    classroom.generate()
    return classroom


def grades(course: CourseRoot, student: str) -> dict[str, tuple[float | None, bool]]:
    with course.gradebook() as gradebook:
        book = gradebook.find_submission_notebook("1-mean", "numbers", student)
        return {g.name: (g.auto_score, g.needs_manual_grade) for g in book.grades}


def test_partial_credit_and_cells_for_a_person_to_read(mixed: Classroom) -> None:
    mixed.hand_in("a", lambda desk: desk.solve())
    mixed.grade()
    found = grades(mixed.course, "a")
    assert found[PARTIAL] == (1.5, False)
    assert found["essay"] == (None, True)
    assert found["plan"] == (None, True)
    assert found["task"][1] is True


def test_an_answer_that_was_not_given_needs_nobody(mixed: Classroom) -> None:
    mixed.hand_in("a", lambda desk: None)
    mixed.grade()
    assert grades(mixed.course, "a")["plan"] == (0, False)


def test_what_a_student_prints_is_no_partial_credit(mixed: Classroom) -> None:
    """An answer read by hand that ends in a number gets none of it from the grader."""
    mixed.hand_in("a", lambda desk: desk.answer("1-mean", "plan", "2.0"))
    mixed.grade()
    assert grades(mixed.course, "a")["plan"] == (None, True)


def test_a_comment_and_points_by_hand_are_on_the_page_and_survive_regrading(
    mixed: Classroom,
) -> None:
    mixed.hand_in("a", lambda desk: desk.solve())
    mixed.grade()
    with mixed.course.gradebook() as gradebook:
        gradebook.find_grade("essay", "1-mean", "numbers", "a").manual_score = 3
        gradebook.find_comment(
            "essay", "1-mean", "numbers", "a"
        ).manual_comment = "Well <b>said</b>"
        gradebook.db.commit()
    mixed.grade()
    pipeline.feedback(mixed.course, "numbers")
    page = mixed.course.folder("feedback", "numbers", "a") / "1-mean.html"
    text = page.read_text("utf-8")
    assert "Well &lt;b&gt;said&lt;/b&gt;" in text
    assert mixed.points("a")["essay"] == 3


def test_a_late_submission_loses_what_the_instructor_says(classroom: Classroom) -> None:
    classroom.course.config.AssignLatePenalties.plugin_class = (
        "nbgrader.plugins.LateSubmissionPlugin"
    )
    classroom.course.config.LateSubmissionPlugin.penalty_method = "zero"
    with classroom.course.gradebook() as gradebook:
        due = datetime(2026, 1, 1)
        gradebook.update_or_create_assignment("numbers", duedate=due)

    def late(desk) -> None:  # type: ignore[no-untyped-def]
        desk.solve()
        (desk.folder / "timestamp.txt").write_text(f"{due + timedelta(hours=5)} UTC")

    classroom.hand_in("a", late)
    classroom.grade()
    pipeline.feedback(classroom.course, "numbers")
    assert "Handed in late: 5 points were taken off." in classroom.page("a", "1-mean")


def test_the_record_says_how_each_notebook_was_examined(classroom: Classroom) -> None:
    classroom.hand_in("a", lambda desk: desk.solve())
    classroom.grade()
    db_url = classroom.course.config.CourseDirectory.db_url
    first = {e.notebook: e.sandbox for e in examinations(db_url)}
    classroom.course.config.Examine.sandbox = "none"
    classroom.grade()
    then = {e.notebook: e.sandbox for e in examinations(db_url)}
    assert set(first) == set(then) == {"1-mean", "2-units"}
    assert set(then.values()) == {"none"}


def test_nbgraders_own_command_gives_the_same_gradebook_and_notebooks(mixed: Classroom) -> None:
    mixed.hand_in("a", lambda desk: desk.solve("numbers-1-mean"))
    mixed.grade()
    folder = mixed.course.folder("autograded", "numbers", "a")
    ours = grades(mixed.course, "a"), notebooks(folder)
    app = NbGraderApp.instance()
    app.clear_instance()
    from nbgrader.converters import Autograde

    step = Autograde(coursedir=mixed.course.coursedir("numbers", "a"), config=mixed.course.config)
    step.force = True
    step.start()
    assert (grades(mixed.course, "a"), notebooks(folder)) == ours


def notebooks(folder: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Cells of each notebook: name, source and outputs, without what differs from run to run."""
    found = {}
    for path in folder.glob("*.ipynb"):
        nb = nbformat.read(path, as_version=4)
        found[path.stem] = [(c.id, c.source, str(c.get("outputs"))) for c in nb.cells]
    return found
