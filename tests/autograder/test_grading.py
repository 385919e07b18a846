"""Each behaviour gets the points it deserves, and stops nobody else."""

from __future__ import annotations

import pytest

from tests.autograder.classroom import Classroom
from tests.autograder.conftest import STUDENTS, GradedClass, handed_in

MEAN, SPREAD = "numbers-1-mean", "numbers-1-spread"
MEGABITS, WINDOW = "numbers-2-megabits", "numbers-2-window"

# Points for mean (2), spread (3), megabits (1) and window (4).
DESERVED = {
    "complete": (2, 3, 1, 4),
    "untouched": (0, 0, 0, 0),
    "partly-solved": (2, 0, 0, 4),
    "forgot-the-empty-list": (0, 3, 0, 0),
    "syntax-error": (0, 3, 0, 0),
    "endless-loop": (0, 3, 0, 0),
    "loop-that-swallows-interrupts": (0, 3, 0, 0),
    "kills-the-kernel": (0, 3, 0, 0),
    "calls-exit": (0, 3, 0, 0),
    "floods-its-output": (2, 3, 0, 0),
    "deleted-test": (0, 3, 0, 0),
    "deleted-answer": (0, 3, 0, 0),
    "duplicated-cells": (2, 3, 0, 0),
    "tests-tagged-to-be-skipped": (0, 0, 0, 0),
    "roles-and-points-changed": (0, 0, 0, 0),
    "warns-on-stderr": (2, 3, 0, 0),
    "prints-the-history": (0, 3, 0, 0),
    "brings-a-module": (0, 3, 0, 0),
    "not-json": (0, 0, 1, 4),
    "missing-notebook": (0, 0, 1, 4),
    "nothing-at-all": (0, 0, 0, 0),
    "broken-timestamp": (0, 0, 0, 0),
}


def test_every_behaviour_has_its_points_written_down() -> None:
    assert set(DESERVED) == set(STUDENTS)


@pytest.mark.parametrize("student", DESERVED)
def test_a_submission_gets_exactly_the_points_it_deserves(
    graded: GradedClass, student: str
) -> None:
    expected = dict(zip((MEAN, SPREAD, MEGABITS, WINDOW), DESERVED[student], strict=True))
    assert graded.room.points(student) == expected
    assert (graded.results[student].score, graded.results[student].max_score) == (
        sum(DESERVED[student]),
        10,
    )


def test_no_submission_makes_the_grader_fail(graded: GradedClass) -> None:
    assert {s: g.failure for s, g in graded.results.items() if g.failure} == {}


def test_students_who_were_in_no_list_are_added(graded: GradedClass) -> None:
    with graded.room.course.gradebook() as gradebook:
        assert {student.id for student in gradebook.students} == set(STUDENTS)


def test_what_was_handed_in_is_left_as_it_was(graded: GradedClass) -> None:
    assert handed_in(graded.room) == graded.originals


@pytest.mark.parametrize(
    ("student", "part"),
    [
        ("not-json", "`1-mean.ipynb` is not a notebook: no JSON at line 1, column 1"),
        ("missing-notebook", "`1-mean.ipynb` was not in the submission"),
        ("nothing-at-all", "`2-units.ipynb` was not in the submission"),
        ("deleted-test", "The test cell `numbers-1-mean-test` was deleted"),
        ("duplicated-cells", "There was more than one cell `numbers-1-mean-test`"),
        ("kills-the-kernel", "This cell ended the Python process"),
        ("calls-exit", "This cell ended the Python process"),
        ("loop-that-swallows-interrupts", "could not be interrupted"),
    ],
)
def test_the_summary_says_who_needs_attention_and_why(
    graded: GradedClass, student: str, part: str
) -> None:
    assert graded.results[student].needs_attention
    assert any(part in notice for notice in graded.results[student].notices)


@pytest.mark.parametrize("student", ["complete", "untouched", "partly-solved"])
def test_an_ordinary_submission_needs_no_attention(graded: GradedClass, student: str) -> None:
    assert not graded.results[student].needs_attention


def test_grading_again_changes_nothing(graded: GradedClass) -> None:
    before = everything(graded.room)
    graded.room.grade("partly-solved", "missing-notebook", "not-json")
    assert everything(graded.room) == before


def everything(room: Classroom) -> list[tuple[object, ...]]:
    """All that the gradebook holds about submissions, without its own ids."""
    with room.course.gradebook() as gradebook:
        return sorted(
            (grade.student.id, grade.name, grade.auto_score, grade.manual_score,
             grade.needs_manual_grade, grade.notebook.late_submission_penalty)
            for submission in gradebook.assignment_submissions(room.assignment)
            for notebook in submission.notebooks
            for grade in notebook.grades
        )  # fmt: skip


def test_points_given_by_hand_survive_grading_again(classroom: Classroom) -> None:
    classroom.hand_in("a", STUDENTS["nothing-at-all"])
    classroom.grade()
    with classroom.course.gradebook() as gradebook:
        gradebook.find_grade(f"{MEAN}-test", "1-mean", "numbers", "a").manual_score = 1.5
        gradebook.db.commit()
    classroom.grade()
    assert classroom.points("a")[MEAN] == 1.5


def test_a_name_full_of_wildcards_is_only_a_name(classroom: Classroom) -> None:
    for student in ("a", "[ab]*"):
        classroom.hand_in(student, STUDENTS["nothing-at-all"])
    assert set(classroom.grade("[ab]*")) == {"[ab]*"}
    assert classroom.points("a") == {}


def test_a_flood_of_output_is_cut_and_said_to_be(graded: GradedClass) -> None:
    folder = graded.room.course.folder("autograded", "numbers", "floods-its-output")
    notebook = folder / "1-mean.ipynb"
    assert notebook.stat().st_size < 1_500_000
    assert "the rest of this cell's output was left out" in notebook.read_text(encoding="utf-8")
