"""A written exam from the first command to the last, sat twice on two seeds, with what goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbgrader.auth import Authenticator
from nbgrader.exchange import ExchangeFactory
from typer.testing import CliRunner

from autograder.cli import app
from autograder.courseroot import make_tables
from autograder.exam import rounds
from autograder.exam.report import Outcome, outcome, timing
from autograder.exam.sitting import Exams, Sitting, exams_of
from autograder.scores import scores
from course.catalogue.questions.draw import Question
from course.widgets.exam import open_exam
from tests.autograder.classroom import REPOSITORY, SANDBOX, quick_course_in

EXAM = "operations-associate"
MINUTE = 60.0

CRASH = """
import os, signal
from pathlib import Path
from course.widgets.exam import open_exam
panel = open_exam(Path("paper.json"))
panel.answer(1, {first!r})
panel.answer(2, {second!r})
os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass(frozen=True)
class Hall:
    """An exam hall: the instructor's exams, and a desk a candidate."""

    exams: Exams
    desks: Path
    sittings: dict[str, Sitting]

    def questions(self, candidate: str) -> tuple[Question, ...]:
        return self.exams.paper(self.sittings[candidate]).questions

    def desk(self, candidate: str) -> Path:
        return self.desks / candidate / f"{EXAM}-{candidate}"

    def step(self, name: str, candidate: str) -> None:
        """One of nbgrader's exchange steps, at the candidate's desk."""
        room = self.exams.room
        coursedir = room.coursedir(f"{EXAM}-{candidate}", candidate)
        config = room.config.copy()
        config.Exchange.assignment_dir = str(self.desks / candidate)
        step = getattr(ExchangeFactory(config=config), name)
        here = Path.cwd()
        self.desk(candidate).parent.mkdir(parents=True, exist_ok=True)
        os.chdir(self.desk(candidate).parent)
        try:
            step(coursedir=coursedir, authenticator=Authenticator(), config=config).start()
        finally:
            os.chdir(here)

    def ours(self, *command: str) -> str:
        done = CliRunner().invoke(app, ["exam", *command, "--root", str(self.exams.course.path)])
        assert done.exit_code == 0, done.output
        return " ".join(done.stdout.split())


def right(question: Question) -> str | float:
    return question.key if question.answer is None else question.answer


def wrong(question: Question) -> str | float:
    if question.answer is not None:
        return question.answer * 3
    return next(letter for letter in "ABCD" if letter not in question.key[:1])


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Hall:
    """Two papers given out, sat and graded: anna's kernel is killed, ben is late and careless."""
    folder = tmp_path_factory.mktemp("hall")
    course = quick_course_in(folder / "course")
    shutil.copytree(REPOSITORY / "source/exams", course.path / "source/exams")
    (course.path / "exams").mkdir()
    shutil.copy(REPOSITORY / "exams/nbgrader_config.py", course.path / "exams")
    exams = exams_of(course)
    make_tables(exams.room.config.CourseDirectory.db_url)
    for name, seed in (("anna", "one"), ("ben", "two")):
        rounds.release(exams, EXAM, name, f"{EXAM}/{name}/{seed}", time.time())
    made = Hall(exams, folder / "desks", {s.candidate: s for s in exams.sittings(EXAM)})
    for name in made.sittings:
        made.step("FetchAssignment", name)
    sit_through_a_crash(made)
    sit_late_and_carelessly(made)
    exams = exams_of(course)  # as the next command finds it
    if not SANDBOX:
        exams.room.config.Examine.sandbox = "none"
    made = Hall(exams, made.desks, made.sittings)
    for name in made.sittings:
        made.step("Submit", name)
    done = rounds.grade(exams, exams.sittings(EXAM), time.time)
    assert [(g.student, g.failure) for g in done.graded] == [("anna", None), ("ben", None)]
    return made


def sit_through_a_crash(hall: Hall) -> None:
    """Everything right but question 2, in two kernels; the first one is killed."""
    questions, desk = hall.questions("anna"), hall.desk("anna")
    script = CRASH.format(first=right(questions[0]), second=wrong(questions[1]))
    paths = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run([sys.executable, "-c", script], cwd=desk, env=paths, check=False)
    assert ended.returncode == -signal.SIGKILL
    panel = open_exam(desk / "paper.json")
    assert "2 of 50 answered" in panel.standing
    for question in questions[2:]:
        panel.answer(question.number, right(question))


def sit_late_and_carelessly(hall: Hall) -> None:
    """Two hours ago: the first ten left out, then three that cannot be read, the rest right."""
    questions, desk = hall.questions("ben"), hall.desk("ben")
    panel = open_exam(desk / "paper.json", wall_s=lambda: time.time() - 120 * MINUTE)
    for question in questions[10:]:
        panel.answer(question.number, right(question))
    path = desk / "paper.answers.json"
    kept = json.loads(path.read_text("utf-8"))
    kept["answers"] |= {"11": "Z" * 40, "12": {"A": 1}, "13": None, "99": "A", "x": 1e999}
    path.write_text(json.dumps(kept), "utf-8")


def of(hall: Hall, candidate: str) -> Outcome:
    return outcome(hall.exams, hall.exams.sitting(EXAM, candidate))


def test_an_answer_lost_to_nothing_but_its_own_mistake(hall: Hall) -> None:
    assert (of(hall, "anna").total, of(hall, "anna").passed) == (49, True)
    assert (of(hall, "ben").total, of(hall, "ben").passed) == (37, False)
    assert {name: most for name, (_, most) in of(hall, "anna").domains.items()} == {
        "architecture": 15, "deployment": 10, "monitoring": 10, "troubleshooting": 10, "incident": 5,
    }  # fmt: skip


def test_the_gradebook_holds_the_marks_by_domain(hall: Hall) -> None:
    rows = scores(hall.exams.room, f"{EXAM}-ben")
    marks = {row.exercise: (row.score, row.max_score) for row in rows}
    assert marks["written-architecture"] == (2, 15)
    assert marks["written-incident"] == (5, 5)


def test_two_seeds_give_two_papers_of_the_same_kind(hall: Hall) -> None:
    papers = [hall.exams.paper(sitting) for sitting in hall.sittings.values()]
    items = [{q.item.id for q in drawn.questions} for drawn in papers]
    assert items[0] != items[1]
    assert abs(papers[0].difficulty - papers[1].difficulty) <= 2 * papers[0].blueprint.within


def test_a_candidates_machine_holds_no_key_no_reason_and_no_seed(hall: Hall) -> None:
    room = hall.exams.room.path
    exchange = Path(hall.exams.room.config.Exchange.root)
    for name, sitting in hall.sittings.items():
        places = [room / "release" / sitting.assignment, hall.desk(name)]
        places += list(exchange.glob(f"*/outbound/{sitting.assignment}"))
        assert len(places) == 3
        files = [path for place in places for path in place.rglob("*") if path.is_file()]
        assert {path.name for path in files if path.parent != hall.desk(name)} == {
            "paper.json", "written.ipynb",
        }  # fmt: skip
        text = "\n".join(path.read_bytes().decode("utf-8") for path in files)
        assert sitting.seed not in text and "BEGIN HIDDEN" not in text
        assert '"key"' not in text and '\\"key\\"' not in text
        for question in hall.questions(name):
            item = question.item
            secrets = [item.fact, item.id, *(option.why for option in item.options)]
            if item.calculation:
                secrets += [item.calculation.why, item.calculation.expression]
            assert not [secret for secret in secrets if json.dumps(secret)[1:-1] in text]


def test_the_feedback_page_gives_marks_and_no_key(hall: Hall) -> None:
    pages = list((hall.exams.room.path / "feedback" / "ben").rglob("*.html"))
    text = "\n".join(page.read_text("utf-8") for page in pages)
    assert len(pages) == 2 and "written-incident" in text
    for question in hall.questions("ben"):
        assert not [o.why for o in question.item.options if o.why in text]
    assert "&#34;key&#34;" not in text and "&quot;key&quot;" not in text and '"key"' not in text


def test_a_late_hand_in_is_said_and_one_in_time_is_proved(hall: Hall) -> None:
    anna, ben = of(hall, "anna"), of(hall, "ben")
    assert anna.late is False and "in time, whatever" in anna.times[-1]
    assert any("LATE by 30 min of 90 min" in said for said in ben.times)
    assert any("began 120 min before the paper was released" in said for said in ben.times)


def test_the_report_lists_what_could_not_be_read(hall: Hall) -> None:
    text = hall.ours("report", EXAM, "--candidate", "ben")
    assert "not passed" in text and "37 of 50" in text and "LATE by 30 min" in text
    assert "Note: question 11: " in text and "there is no question '99'" in text
    rows = json.loads(CliRunner().invoke(
        app, ["exam", "report", EXAM, "--json", "--root", str(hall.exams.course.path)]
    ).stdout)  # fmt: skip
    assert [(row["candidate"], row["total"]) for row in rows] == [("anna", 49), ("ben", 37)]
    assert sum(rows[0]["weak"].values()) == 1


def test_a_paper_is_not_drawn_again_for_who_has_one(hall: Hall) -> None:
    before = hall.exams.sitting(EXAM, "anna")
    assert hall.exams.given(EXAM, "anna", "another seed", 0.0) == before
    assert hall.exams.given(EXAM, "carl", "another seed", 7.0).seed == "another seed"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("release", EXAM), "Whose paper?"),
        (("release", "chess", "--candidate", "anna"), "This course has: operations-associate"),
        (("release", EXAM, "--candidate", "../anna"), "cannot be a candidate's name"),
        (("report", EXAM, "--candidate", "carl"), "carl has no paper of operations-associate"),
    ],
)
def test_what_cannot_be_done_is_said(hall: Hall, command: tuple[str, ...], words: str) -> None:
    root = ["--root", str(hall.exams.course.path)]
    done = CliRunner().invoke(app, ["exam", *command, *root])
    assert done.exit_code == 2 and words in " ".join(done.output.split())


RELEASED_S = 1_790_000_000.0
CLOCK = {"exam": EXAM, "candidate": "anna", "started_s": RELEASED_S + 60, "begun_anew": False}


def at(minutes: float) -> str:
    """A hand-in so many minutes after the release, as nbgrader writes it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(RELEASED_S + minutes * 60))


@pytest.mark.parametrize(
    ("clock", "handed_in", "seen", "late", "words"),
    [
        (CLOCK, at(80), 85, False, "Handed in 79 min after the start"),
        (CLOCK, at(200), 210, True, "LATE by 109 min"),
        (CLOCK, at(80), 600, False, "600 min after the release: which proves nothing"),
        (CLOCK, at(-30), 600, None, "handed in before it was started"),
        (None, at(80), 600, None, "No clock came in"),
        (None, at(300), 90, False, "in time, whatever the candidate's clock says"),
        (CLOCK | {"candidate": "ben"}, at(80), 600, None, "is that of ben"),
        (CLOCK | {"begun_anew": True}, at(80), 600, False, "begun anew"),
        (CLOCK, "", 600, None, "does not say when it was made"),
    ],
)  # fmt: skip
def test_the_time_is_judged_by_what_can_be_known(clock, handed_in, seen, late, words) -> None:
    sitting = Sitting(EXAM, "anna", "x", RELEASED_S, {handed_in: RELEASED_S + seen * 60})
    judged, said = timing(sitting, 90, clock, handed_in)
    assert judged is late
    assert any(words in line for line in said), said
