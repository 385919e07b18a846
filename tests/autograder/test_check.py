"""Grading one's own notebook: the points it would get, and nothing handed in."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from nbgrader.converters import Autograde
from typer.testing import CliRunner

from autograder.check import check, locate
from autograder.cli import app
from autograder.courseroot import open_course
from autograder.errors import UsageError
from autograder.grading import run
from tests.autograder import variations
from tests.autograder.classroom import FIXTURES, REPOSITORY, Classroom, Desk

Mine = Callable[[Callable[[Desk], None]], Path]


@pytest.fixture
def mine(classroom: Classroom, tmp_path: Path) -> Mine:
    """Make a learner's folder, changed by a variation."""

    def make(variation: Callable[[Desk], None]) -> Path:
        folder = tmp_path / "work" / "numbers"
        shutil.copytree(classroom.course.folder("release", "numbers"), folder)
        variation(Desk(folder, classroom.course.folder("source", "numbers")))
        return folder

    return make


def test_a_check_gives_points_and_reasons_and_no_hidden_text(
    classroom: Classroom, mine: Mine
) -> None:
    path = mine(variations.forgot_the_empty_list) / "1-mean.ipynb"
    before = path.read_bytes()
    runner = CliRunner()
    result = runner.invoke(
        app, ["check", str(path), "--json", "--root", str(classroom.course.path)]
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "notebook": "1-mean",
        "assignment": "numbers",
        "exercises": [
            {
                "exercise": "numbers-1-mean",
                "score": 0.0,
                "max_score": 2.0,
                "message": "The mean of three numbers is wrong.",
            },
            {"exercise": "numbers-1-spread", "score": 3.0, "max_score": 3.0, "message": None},
        ],
        "notices": [],
        "error": None,
    }
    assert path.read_bytes() == before
    assert not (classroom.course.path / "submitted").exists()


def test_a_notebook_that_cannot_be_read_is_an_error_in_words(
    classroom: Classroom, mine: Mine
) -> None:
    checked = check(classroom.course, mine(variations.not_json) / "1-mean.ipynb")
    assert checked.error is not None
    assert "is not a notebook" in checked.error
    assert [result.score for result in checked.exercises] == [0, 0]


def test_a_renamed_copy_is_known_by_its_exercises(classroom: Classroom, mine: Mine) -> None:
    path = mine(variations.untouched) / "2-units.ipynb"
    copy = path.rename(path.with_name("2-units-Copy1.ipynb"))
    assert locate(classroom.course, copy) == ("numbers", "2-units")


def test_a_notebook_of_another_course_is_refused_with_the_ones_that_exist(
    classroom: Classroom,
) -> None:
    stranger = FIXTURES / "notebooks" / "old-but-sound.txt"
    with pytest.raises(UsageError, match="It has: numbers/1-mean.ipynb, numbers/2-units.ipynb"):
        locate(classroom.course, stranger)


def test_a_path_to_nothing_is_told_as_json_when_a_program_asks(classroom: Classroom) -> None:
    arguments = ["check", "nowhere.ipynb", "--json", "--root", str(classroom.course.path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == "There is no file nowhere.ipynb."


QUIZZED = """
from pathlib import Path
from course.widgets.answers import kept_answers
kept = kept_answers(Path("warm-up.answers.json"))
def mean(values):
    return sum(values) / (len(values) or 1) if kept == {"1": "B"} else None
"""


def quizzed(desk: Desk) -> None:
    """An answer that is right if what the quiz kept is there."""
    desk.only("1-mean")
    desk.answer("1-mean", "numbers-1-mean", QUIZZED)
    (desk.folder / "warm-up.answers.json").write_text('{"answers": {"1": "B"}}', "utf-8")


def linked(desk: Desk) -> None:
    quizzed(desk)
    kept = desk.folder / "warm-up.answers.json"
    kept.rename(desk.folder.parent / kept.name)
    kept.symlink_to(desk.folder.parent / kept.name)


def test_answers_that_a_quiz_keeps_reach_every_grader(classroom: Classroom, mine: Mine) -> None:
    course = classroom.course
    course.config.Autograde.exclude_overwriting = {"numbers": ["warm-up.answers.json"]}
    assert check(course, mine(quizzed) / "1-mean.ipynb").exercises[0].score == 2
    classroom.hand_in("anna", quizzed)
    classroom.grade()
    assert classroom.points("anna")["numbers-1-mean"] == 2
    again = Autograde(coursedir=course.coursedir("numbers", "anna"), config=course.config)
    again.force = True  # as the formgrader's button does
    run(again, "nbgrader stopped")
    assert classroom.points("anna")["numbers-1-mean"] == 2


@pytest.mark.parametrize(("variation", "allowed"), [(linked, True), (quizzed, False)])
def test_a_link_or_a_file_without_leave_is_not_there(
    classroom: Classroom, mine: Mine, variation: Callable[[Desk], None], allowed: bool
) -> None:
    names = ["warm-up.answers.json"] * allowed
    classroom.course.config.Autograde.exclude_overwriting = {"numbers": names}
    assert check(classroom.course, mine(variation) / "1-mean.ipynb").exercises[0].score == 0


def test_the_courses_configuration_lets_every_graded_quiz_in() -> None:
    course = open_course(REPOSITORY)
    for assignment in course.assignments():
        for path in course.folder("source", assignment).glob("*.ipynb"):
            titles = re.findall(r'[^.\w]quiz\(\\?"([\w-]+)', path.read_text("utf-8"))
            kept = {f"{title}.answers.json" for title in titles}
            assert kept <= set(course.brought(assignment)), path.name
