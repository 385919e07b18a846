"""Day 1, handed in by eight people and graded: who earns what, and what they are told.

Then the formgrader in a real browser, over the same gradebook.
"""

import json
import os
import sys

import pytest
from nbgrader.api import Gradebook

from autograder import pipeline
from tests.autograder.classroom import REPOSITORY, Classroom, quick_course_in
from tests.browsing import Server, free_port

DAY = "ops-1"
FIRST = "1-architecture"


def complete(desk):
    desk.solve()


def untouched(desk):
    """Handed in as it was fetched."""


def partly_solved(desk):
    desk.only(FIRST)
    desk.solve("ops-1-1-sustainable", "ops-1-1-silent-voters")


def syntax_error(desk):
    desk.only(FIRST)
    desk.solve()
    desk.answer(FIRST, "ops-1-1-sustainable", "def sustainable_per_s(nodes:\n    return 0")


def endless_loop(desk):
    desk.only(FIRST)
    desk.solve()
    desk.answer(FIRST, "ops-1-1-sustainable", "while True:\n    pass")


def deleted_cell(desk):
    desk.only(FIRST)
    desk.solve()
    desk.remove(FIRST, "ops-1-1-silent-voters-test")


def not_a_notebook(desk):
    desk.only(FIRST)
    (desk.folder / f"{FIRST}.ipynb").write_text("Dear instructor, my laptop broke.", "utf-8")


TRAP = "<script>window.__trapped = 1</script><img src=x onerror='window.__trapped = 2'>"


def trapped(desk):
    """Markup that would run in the instructor's browser, in a text and in an output."""
    desk.only(FIRST)
    desk.solve()
    show = f"from IPython.display import HTML, display\ndisplay(HTML({TRAP!r}))"
    desk.answer(FIRST, "ops-1-1-sustainable", show)
    path = desk.folder / f"{FIRST}.ipynb"
    notebook = json.loads(path.read_text("utf-8"))
    text = {"cell_type": "markdown", "id": "trap", "metadata": {}, "source": f"# Mine {TRAP}"}
    notebook["cells"].insert(1, text)
    path.write_text(json.dumps(notebook), "utf-8")


STUDENTS = [
    complete, untouched, partly_solved, syntax_error, endless_loop, deleted_cell, not_a_notebook,
    trapped,
]  # fmt: skip


@pytest.fixture(scope="session")
def day(tmp_path_factory):
    """The class of eight, graded, with feedback."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DWCP_EXCHANGE", "JUPYTER_DATA_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        folder = tmp_path_factory.mktemp("day-1") / "course"
        room = Classroom(quick_course_in(folder, REPOSITORY / "source"), DAY)
        room.course.config.Examine.timeout = 20
        room.generate()
        for student in STUDENTS:
            room.hand_in(student.__name__.replace("_", "-"), student)
        results = room.grade()
        pipeline.feedback(room.course, DAY)
        yield room, results


def most(room):
    """Exercise -> points, from the source."""
    points = {}
    for path in room.course.folder("source", DAY).glob("*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            about = cell["metadata"].get("nbgrader", {})
            if about.get("grade"):
                points[about["grade_id"].removesuffix("-test")] = about["points"]
    return points


def in_first(points):
    return {name: value for name, value in points.items() if name.startswith("ops-1-1-")}


def test_nobody_stops_the_others(day):
    _, results = day
    assert set(results) == {student.__name__.replace("_", "-") for student in STUDENTS}
    assert [result.failure for result in results.values() if result.failure] == []


def test_the_reference_solution_earns_every_point_and_the_release_none(day):
    room, _ = day
    assert room.points("complete") == most(room)
    assert set(room.points("untouched").values()) == {0}


def test_part_of_the_work_earns_its_part(day):
    room, _ = day
    expected = dict.fromkeys(most(room), 0)
    expected |= {
        name: most(room)[name] for name in ("ops-1-1-sustainable", "ops-1-1-silent-voters")
    }
    assert room.points("partly-solved") == expected


@pytest.mark.parametrize("student", ["syntax-error", "endless-loop"])
def test_one_broken_cell_costs_its_own_exercise_only(day, student):
    room, _ = day
    expected = in_first(most(room)) | {"ops-1-1-sustainable": 0}
    assert in_first(room.points(student)) == expected


def test_a_deleted_graded_cell_costs_its_own_points_only(day):
    room, _ = day
    expected = in_first(most(room)) | {"ops-1-1-silent-voters": 0}
    assert in_first(room.points("deleted-cell")) == expected


@pytest.mark.parametrize(
    ("student", "words"),
    [
        ("untouched", "Replace this line with your answer"),
        ("syntax-error", "SyntaxError"),
        ("endless-loop", "A loop that never ends"),
        ("deleted-cell", "ops-1-1-silent-voters"),
        ("not-a-notebook", "not a notebook"),
    ],
)
def test_everybody_is_told_in_words(day, student, words):
    room, _ = day
    assert words in room.page(student, FIRST)


def test_no_page_shows_a_line_of_a_hidden_test(day):
    room, _ = day
    long_lines = {line for line in room.hidden_lines() if len(line) > 25}
    for student in ("complete", "untouched", "partly-solved", "syntax-error"):
        shown = room.page(student, FIRST)
        assert not [line for line in long_lines if " ".join(line.split()) in shown]


def test_the_formgrader_shows_the_scores(day, page, picture):
    room, _ = day
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={room.course.path}",
        "--IdentityProvider.token=formgrader",
    ]  # fmt: skip
    environment = {"PYTHONPATH": str(REPOSITORY), "DWCP_EXCHANGE": os.environ["DWCP_EXCHANGE"]}
    server = Server(command, room.course.path, environment)
    try:
        server.address(r"is running at", port)
        base = f"http://127.0.0.1:{port}"
        page.goto(f"{base}/lab?token=formgrader")  # logs in
        page.goto(f"{base}/formgrader/gradebook/{DAY}")
        page.get_by_text(FIRST).first.wait_for()
        picture(page, "formgrader-gradebook")
        page.goto(f"{base}/formgrader/gradebook/{DAY}/{FIRST}")
        page.locator("#submissions-table, table").first.wait_for()
        page.get_by_text("Submission #", exact=False).first.wait_for()
        picture(page, "formgrader-scores")
        total = sum(in_first(most(room)).values())
        assert f"{total:g} / {total:g}" in page.locator("table").inner_text()
        page.goto(f"{base}/formgrader/manage_submissions/{DAY}")
        page.get_by_text("complete", exact=True).first.wait_for()
        picture(page, "formgrader-submissions")
        everything = sum(most(room).values())
        assert f"{everything:g} / {everything:g}" in page.locator("table").inner_text()
        with Gradebook(room.course.config.CourseDirectory.db_url) as gradebook:
            submission = gradebook.find_submission_notebook(FIRST, DAY, "trapped").id
        page.goto(f"{base}/formgrader/submissions/{submission}")
        page.get_by_text("Mine").first.wait_for()
        page.wait_for_timeout(500)
        picture(page, "formgrader-submission")
        assert page.evaluate("window.__trapped") is None, "a student's markup ran here"
    finally:
        server.stop()
