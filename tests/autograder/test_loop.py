"""The whole round with nbgrader's own commands, and with ours: both grade the same way."""

from __future__ import annotations

import json
import os
import stat

import pytest
from typer.testing import CliRunner

from autograder.cli import app
from autograder.feedback import named
from autograder.scores import scores
from tests.autograder.classroom import Classroom, Desk, course_in
from tests.programs import Program


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory: pytest.TempPathFactory) -> Classroom:
    """release, fetch, submit, collect, autograde, feedback, all by stock nbgrader."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("loop")
        patch.setenv("DWCP_EXCHANGE", str(folder / "exchange"))
        patch.setenv("JUPYTER_DATA_DIR", str(folder / "data"))
        patch.setenv("PATH", os.defpath)  # nothing is activated
        room = Classroom(course_in(folder / "course"), "numbers")
        for step in ("generate_assignment", "release_assignment", "fetch_assignment"):
            nbgrader(room, step)
        desk = Desk(room.course.path / "work" / "numbers", room.course.folder("source", "numbers"))
        desk.solve("numbers-2-megabits")
        desk.only("2-units")
        nbgrader(room, "submit", "--student=somebody")
        for step in ("collect", "autograde", "generate_feedback", "release_feedback"):
            nbgrader(room, step)
        nbgrader(room, "fetch_feedback", "--student=somebody")
        yield room


def nbgrader(room: Classroom, step: str, *options: str) -> None:
    """Run nbgrader's own command from the course's folder."""
    Program(
        ["nbgrader", step, room.assignment, *options], room.course.path, {**os.environ}
    ).finished()


def ours(room: Classroom, *command: str) -> str:
    """What `autograder` prints."""
    result = CliRunner().invoke(app, [*command, "--root", str(room.course.path)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_learner_gets_no_solution_no_hidden_test_and_no_mistakes(round_trip: Classroom) -> None:
    outbound = next((round_trip.course.path.parent / "exchange").glob("*/outbound/numbers"))
    assert {path.name for path in outbound.iterdir()} == {
        "1-mean.ipynb",
        "2-units.ipynb",
        "bits.txt",
    }
    text = "".join(path.read_text(encoding="utf-8") for path in outbound.iterdir())
    assert "Replace this line with your answer" in text
    for mark in ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS", *round_trip.hidden_lines()):
        assert json.dumps(mark)[1:-1] not in text


def test_the_exchange_is_made_where_the_environment_says_and_is_shared(
    round_trip: Classroom,
) -> None:
    exchange = round_trip.course.path.parent / "exchange"
    assert stat.S_IMODE(exchange.stat().st_mode) == 0o777


def test_stock_autograde_gives_the_points_of_what_was_handed_in(round_trip: Classroom) -> None:
    assert round_trip.points("somebody") == {
        "numbers-1-mean": 0.0,
        "numbers-1-spread": 0.0,
        "numbers-2-megabits": 1.0,
        "numbers-2-window": 0.0,
    }


def test_the_page_that_comes_back_tells_of_the_notebook_that_was_missing(
    round_trip: Classroom,
) -> None:
    (page,) = (round_trip.course.path / "work" / "numbers" / "feedback").glob("*/2-units.html")
    assert "was not in the submission" in page.read_text(encoding="utf-8")


def test_our_commands_leave_the_same_gradebook_and_pages(round_trip: Classroom) -> None:
    before = scores(round_trip.course, "numbers"), round_trip.page("somebody", "2-units")
    for command in ("collect", "grade", "feedback"):
        ours(round_trip, command, "numbers")
    after = scores(round_trip.course, "numbers"), round_trip.page("somebody", "2-units")
    assert after == before


def test_scores_as_json_have_exactly_the_promised_keys(round_trip: Classroom) -> None:
    rows = json.loads(ours(round_trip, "scores", "numbers", "--json"))
    assert rows[2] == {
        "student": "somebody",
        "assignment": "numbers",
        "notebook": "2-units",
        "exercise": "numbers-2-megabits",
        "score": 1.0,
        "max_score": 1.0,
    }
    assert len(rows) == 4


def test_what_is_handed_out_still_has_every_graded_cell(round_trip: Classroom) -> None:
    folder = round_trip.course.folder("release", "numbers")
    cells = named(Desk(folder, folder).read("1-mean"))
    assert {"numbers-1-mean", "numbers-1-mean-check", "numbers-1-mean-test"} <= set(cells)
