"""An exam's clock survives crashes, restarts and a computer's time that is put back."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.catalogue.questions import blueprint, practice
from course.catalogue.questions.draw import paper, public
from course.catalogue.questions.grading import grade
from course.catalogue.questions.keys import key_rows, marks
from course.widgets.answers import kept_answers
from course.widgets.clock import ExamClock
from course.widgets.exam import open_exam

DRAWN = paper(practice(), blueprint(), "a sitting")
MINUTE = 60.0


class Times:
    """A computer whose time can be set, and a steady clock that begins anew with each kernel."""

    def __init__(self):
        self.wall, self.steady = 1_790_000_000.0, 500.0

    def go(self, minutes):
        self.wall += minutes * MINUTE
        self.steady += minutes * MINUTE

    def both(self):
        return {"wall_s": lambda: self.wall, "steady_s": lambda: self.steady}

    def reboot(self, minutes):
        self.wall, self.steady = self.wall + minutes * MINUTE, 3.0


def given_out(tmp_path):
    path = tmp_path / "paper.json"
    shown = {"exam": "operations-associate", "candidate": "anna", **public(DRAWN)}
    path.write_text(json.dumps(shown), "utf-8")
    return path


def test_ninety_minutes_go_on_through_a_crash_a_restart_and_a_reboot(tmp_path):
    path, times = given_out(tmp_path), Times()
    open_exam(path, **times.both()).answer(1, "A")
    times.go(20)
    panel = open_exam(path, **times.both())  # the kernel was killed and started again
    assert "1 of 50 answered, 70 min left" in panel.standing
    times.reboot(30)
    panel = open_exam(path, **times.both())
    assert "40 min left" in panel.standing and panel.given == {"1": "A"}
    times.go(39)
    panel.answer(2, "B")
    assert panel.note == "Question 2 is kept. 60 s left."
    times.go(1)
    with pytest.raises(ValueError, match="The time is up"):
        panel.answer(3, "C")
    assert kept_answers(tmp_path / "paper.answers.json") == {"1": "A", "2": "B"}
    assert "the time is up" in open_exam(path, **times.both()).standing


def test_time_that_is_put_back_gives_no_time_back(tmp_path):
    path, times = given_out(tmp_path), Times()
    panel = open_exam(path, **times.both())
    times.go(50)
    panel.answer(1, "A")
    times.wall -= 48 * MINUTE
    times.go(10)
    panel.answer(2, "A")
    assert panel.left_s == 30 * MINUTE
    times.steady = 0.0
    assert open_exam(path, **times.both()).left_s == 30 * MINUTE


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(["go", "set", "restart"]), st.floats(-90, 90))))
def test_a_clock_never_goes_back_whatever_happens(tmp_path_factory, steps):
    path, times, used = tmp_path_factory.mktemp("clock") / "c.json", Times(), 0.0
    clock = ExamClock(path, "x", "anna", 90, **times.both())
    for what, minutes in steps:
        if what == "go":
            times.go(abs(minutes))
        elif what == "set":
            times.wall += minutes * MINUTE
        else:
            times.steady = 0.0
            clock = ExamClock(path, "x", "anna", 90, **times.both())
        now = clock.used_s()
        assert now >= used - 0.001
        assert what != "go" or now >= used + abs(minutes) * MINUTE - 0.01
        used = now


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"started_s": "x", "used_s": 1}',
     b'{"exam": "operations-associate", "candidate": "anna", "started_s": NaN, "used_s": 1}',
     b'{"exam": "operations-associate", "candidate": "ben", "started_s": 1.0, "used_s": 1}'],
)  # fmt: skip
def test_a_clock_that_is_none_is_kept_aside_and_said_for_good(tmp_path, content):
    path, times = given_out(tmp_path), Times()
    (tmp_path / "paper.clock.json").write_bytes(content)
    panel = open_exam(path, **times.both())
    assert "is no clock of this exam; it is kept as paper.clock.json.old" in panel.note
    assert panel.left_s == 90 * MINUTE
    open_exam(path, **times.both())
    assert json.loads((tmp_path / "paper.clock.json").read_text("utf-8"))["begun_anew"] is True


def test_the_panel_shows_the_time_and_a_paper_without_one_has_no_clock(tmp_path):
    path, times = given_out(tmp_path), Times()
    assert open_exam(path, **times.both()).get_state()["left_s"] == 90 * MINUTE
    practise = tmp_path / "practise.json"
    practise.write_text(json.dumps({**public(DRAWN), "minutes": 0}), "utf-8")
    assert open_exam(practise).left_s == -1
    assert not (tmp_path / "practise.clock.json").exists()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"answers": []}', b"\xff", b"[" * 100_000])
def test_answers_that_cannot_be_read_are_none_and_said(tmp_path, capsys, content):
    (tmp_path / "a.json").write_bytes(content)
    assert kept_answers(tmp_path / "a.json") == {}
    assert "cannot be read" in capsys.readouterr().out
    assert kept_answers(tmp_path / "none.json") == {}


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_paper_is_marked_from_its_key_as_from_the_pool(data):
    answers = {
        q.number: data.draw(st.sampled_from([q.key or q.answer, "A", "AB", "12.5", None, {}]))
        for q in DRAWN.questions
    }
    assert marks(json.loads(json.dumps(key_rows(DRAWN))), answers) == grade(DRAWN, answers).total


def test_what_is_no_mapping_is_refused():
    with pytest.raises(ValueError, match="answers go by question number"):
        marks(key_rows(DRAWN), ["A"])
