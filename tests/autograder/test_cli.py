"""The command line: clear words for a wrong name, and an exit code that can be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autograder.cli import app
from autograder.courseroot import open_course
from autograder.errors import UsageError
from tests.autograder import variations
from tests.autograder.classroom import REPOSITORY, Classroom, quick_course_in


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--root", str(root)])


@pytest.mark.parametrize("command", ["release", "collect", "grade", "feedback", "scores", "verify"])
def test_a_wrong_assignment_is_answered_with_the_ones_that_exist(
    classroom: Classroom, command: str
) -> None:
    result = run(classroom.course.path, command, "letters")
    assert result.exit_code == 2
    assert "There is no assignment 'letters'. This course has: numbers." in one_line(result)


def one_line(result: Result) -> str:
    return " ".join(result.output.split())


def test_a_step_left_out_is_named(tmp_path: Path) -> None:
    course = quick_course_in(tmp_path / "course")
    assert "Run: autograder collect numbers" in one_line(run(course.path, "grade", "numbers"))
    (course.path / "submitted" / "a" / "numbers").mkdir(parents=True)
    assert "Run: autograder release numbers" in one_line(run(course.path, "grade", "numbers"))
    assert "Run: autograder release numbers" in one_line(run(course.path, "scores", "numbers"))
    run(course.path, "release", "numbers")
    assert "Run: autograder grade numbers" in one_line(run(course.path, "feedback", "numbers"))


def test_a_student_without_a_submission_is_answered_with_those_who_have_one(
    classroom: Classroom,
) -> None:
    classroom.hand_in("a", variations.nothing_at_all)
    result = run(classroom.course.path, "grade", "numbers", "--student", "b")
    assert result.exit_code == 2
    assert "No submission of numbers from b. Submissions are from: a." in one_line(result)


def test_bad_submissions_are_summed_up_and_do_not_fail_the_run(classroom: Classroom) -> None:
    classroom.hand_in("a", variations.nothing_at_all)
    result = run(classroom.course.path, "grade", "numbers")
    assert result.exit_code == 0
    assert "0 of 10" in result.output
    assert "a needs attention:" in result.output


def test_a_failure_of_the_grader_itself_is_an_exit_code_of_one(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom.hand_in("a", variations.nothing_at_all)

    def broken(*arguments: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("nbgrader.preprocessors.SaveAutoGrades.preprocess", broken)
    result = run(classroom.course.path, "grade", "numbers")
    assert result.exit_code == 1
    assert "not graded" in result.output
    assert "the disk is full" in one_line(result)


def test_verify_prints_what_it_found_and_fails(classroom: Classroom) -> None:
    (classroom.course.folder("source", "numbers") / "mistakes.yaml").unlink()
    (classroom.course.folder("source", "numbers") / "1-mean.ipynb").unlink()
    result = run(classroom.course.path, "verify", "numbers")
    assert result.exit_code == 1
    assert "release/numbers/1-mean.ipynb: is not made from source/" in one_line(result)
    assert "numbers: not fit to be released." in result.output


def test_the_course_is_found_from_a_folder_inside_it(classroom: Classroom) -> None:
    inside = classroom.course.folder("source", "numbers")
    assert open_course(inside).path == classroom.course.path


def test_a_folder_that_is_no_course_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No nbgrader_config\.py at or above"):
        open_course(tmp_path)


def test_the_help_names_every_step_of_the_round() -> None:
    output = CliRunner().invoke(app, ["--help"]).output
    for command in ("release", "collect", "grade", "feedback", "scores", "check", "verify"):
        assert command in output


def test_the_configuration_keeps_ones_own_exchange_to_oneself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DWCP_EXCHANGE")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    exchange = Path(open_course(REPOSITORY).config.Exchange.root)
    assert exchange == tmp_path / "dwcp" / "exchange"
    assert exchange.stat().st_mode & 0o777 == 0o700
