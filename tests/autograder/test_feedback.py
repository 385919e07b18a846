"""A feedback page says what was wrong, in words, and keeps the hidden tests hidden."""

from __future__ import annotations

from typing import Any

import pytest
from nbformat import v4

from autograder.feedback import NO_ANSWER, NO_MESSAGE, TOO_LONG, failure, withhold, words
from tests.autograder.conftest import STUDENTS, GradedClass

TOLD = [
    ("forgot-the-empty-list", "1-mean", "The mean of three numbers is wrong."),
    ("untouched", "1-mean", "This exercise has no answer yet."),
    ("untouched", "2-units", "This exercise has no answer yet."),
    ("syntax-error", "1-mean", "The answer cell stopped with SyntaxError"),
    ("endless-loop", "1-mean", "This cell took too long and was stopped."),
    ("loop-that-swallows-interrupts", "1-mean", "could not be interrupted"),
    ("kills-the-kernel", "1-mean", "This cell ended the Python process"),
    ("calls-exit", "1-mean", "This cell ended the Python process"),
    ("deleted-test", "1-mean", "The test cell numbers-1-mean-test was deleted"),
    ("deleted-answer", "1-mean", "name 'mean' is not defined. The test needs it"),
    ("duplicated-cells", "1-mean", "There was more than one cell numbers-1-mean"),
    ("not-json", "1-mean", "1-mean.ipynb is not a notebook"),
    ("missing-notebook", "1-mean", "1-mean.ipynb was not in the submission"),
    ("missing-notebook", "2-units", "1-mean.ipynb was not in the submission"),
    ("nothing-at-all", "2-units", "2-units.ipynb was not in the submission"),
]


@pytest.mark.parametrize(("student", "notebook", "part"), TOLD)
def test_the_page_says_what_was_wrong(
    graded: GradedClass, student: str, notebook: str, part: str
) -> None:
    assert part in graded.room.page(student, notebook)


def test_everybody_gets_a_page_for_every_notebook(graded: GradedClass) -> None:
    folder = graded.room.course.path / "feedback"
    pages = {(p.parent.parent.name, p.stem) for p in folder.glob("*/*/*.html")}
    assert pages == {(s, n) for s in STUDENTS for n in ("1-mean", "2-units")}


@pytest.mark.parametrize("student", STUDENTS)
def test_no_page_shows_a_line_of_a_hidden_test(graded: GradedClass, student: str) -> None:
    pages = "".join(graded.room.page(student, notebook) for notebook in ("1-mean", "2-units"))
    assert graded.room.hidden_lines()
    assert [line for line in graded.room.hidden_lines() if " ".join(line.split()) in pages] == []


def test_a_page_keeps_the_part_of_a_test_that_everybody_may_see(graded: GradedClass) -> None:
    assert "One number alone has no spread." in graded.room.page("complete", "1-mean")


def test_a_complete_notebook_hears_of_no_failure(graded: GradedClass) -> None:
    page = graded.room.page("complete", "1-mean")
    assert "Score: 5 of 5 points" in page
    assert "About this submission" not in page


def test_the_instructor_still_sees_the_traceback_of_a_hidden_test(graded: GradedClass) -> None:
    folder = graded.room.course.folder("autograded", "numbers", "forgot-the-empty-list")
    assert "BEGIN HIDDEN TESTS" in (folder / "1-mean.ipynb").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("ename", "evalue", "told"),
    [
        ("AssertionError", "Divide by the count.", "Divide by the count."),
        ("AssertionError", "", NO_MESSAGE),
        ("CellTimeoutError", "", TOO_LONG),
        ("NotImplementedError", "Replace this line", NO_ANSWER),
        ("KeyError", "'a'", "The test stopped with KeyError: 'a'"),
        ("NotRun", "It was deleted.", "It was deleted."),
    ],
)
def test_an_error_is_told_in_words(ename: str, evalue: str, told: str) -> None:
    assert words(ename, evalue) == told


def test_colour_codes_are_not_part_of_a_message() -> None:
    assert words("AssertionError", "\x1b[31mred\x1b[0m") == "red"


def failed(*errors: tuple[str, str]) -> Any:
    outputs = [v4.new_output("error", ename=e, evalue=v) for e, v in errors]
    return v4.new_code_cell("", outputs=outputs)


def test_a_test_that_raised_nothing_has_no_failure() -> None:
    assert failure(failed()) is None


def test_the_answer_cells_own_error_is_the_reason_for_a_missing_name() -> None:
    told = failure(failed(("NameError", "name 'f' is not defined")), failed(("ValueError", "no")))
    assert told == "The answer cell stopped with ValueError: no"


def test_an_assertion_is_told_even_if_the_answer_cell_stopped_late() -> None:
    assert (
        failure(failed(("AssertionError", "Too small.")), failed(("ValueError", "")))
        == "Too small."
    )


def test_a_time_limit_is_told_before_the_interrupt_it_caused() -> None:
    assert failure(failed(("KeyboardInterrupt", ""), ("CellTimeoutError", ""))) == TOO_LONG


def test_secret_lines_are_withheld_from_every_kind_of_output() -> None:
    secret = "assert f(2) == 'two'"
    cell = v4.new_code_cell(
        "",
        outputs=[
            v4.new_output("stream", name="stdout", text=f"x {secret}\n{[secret]}"),
            v4.new_output("display_data", data={"text/plain": secret, "text/html": secret}),
            v4.new_output("error", ename="E", evalue=secret, traceback=[f"\x1b[1m{secret}\x1b[0m"]),
        ],
    )
    withhold(cell, {secret})
    assert "f(2)" not in str(cell.outputs)
    assert "x [withheld]" in cell.outputs[0].text


def test_a_cell_that_prints_what_ran_before_it_finds_no_test(graded: GradedClass) -> None:
    page = graded.room.page("prints-the-history", "1-mean")
    assert "'import math'" in page
    assert "isclose(" not in page


def test_the_summary_has_every_notebook_with_its_points(graded: GradedClass) -> None:
    folder = graded.room.course.folder("feedback", "numbers", "partly-solved")
    text = (folder / "summary" / "index.html").read_text("utf-8")
    assert "6 of 10 points" in text
    assert 'href="../1-mean.html"' in text
    assert 'href="../2-units.html"' in text
    assert NO_ANSWER in text


def test_a_page_leads_from_each_exercise_to_its_place(graded: GradedClass) -> None:
    folder = graded.room.course.folder("feedback", "numbers", "complete")
    text = (folder / "1-mean.html").read_text("utf-8")
    assert 'href="#exercise-numbers-1-mean"' in text
    assert 'id="exercise-numbers-1-mean"' in text


def test_no_page_can_run_or_fetch_anything(graded: GradedClass) -> None:
    for path in (graded.room.course.path / "feedback").rglob("*.html"):
        text = path.read_text("utf-8")
        assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
        assert "<script" not in text
