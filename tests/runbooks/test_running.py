"""The laws of a runbook: order, pre-checks, the way back, and who may do what."""

from contextlib import suppress

import pytest

from course.catalogue import runbooks
from course.lab.commands import CommandError
from course.runbooks import Run, Stopped, running
from course.runbooks.running import Plan, act

WORDS = {"title": "t", "check": "c", "expect": "e", "back": "b"}
BOOK = {
    "id": "small",
    "title": "Small",
    "entries": ["CON-01"],
    "steps": [{"id": name, **WORDS} for name in ("first", "second", "third")],
}


class Paper:
    """A desk that writes down what is asked of it, and refuses what it is told to refuse."""

    def __init__(self, refuses=()):
        self.now_s, self.asked, self.refuses = 0.0, [], refuses

    def do(self, verb, /, **arguments):
        self.asked.append(verb)
        self.now_s += arguments.get("seconds", 0.0)
        if verb in self.refuses:
            raise CommandError("INVALID_REQUEST", "not today")
        return {}


@pytest.fixture
def begin(monkeypatch):
    """A run of three steps, of which the first is given."""

    def begun(first, desk=None, **about):
        for name in ("first", "second", "third"):
            monkeypatch.setitem(running.STEPS, name, lambda case: "nothing to do")
        monkeypatch.setitem(running.STEPS, "first", first)
        monkeypatch.setattr(runbooks, "load", lambda name: runbooks.parse(BOOK, "small.yaml"))
        return Run("small", desk or Paper(), "Ada", **about)

    return begun


def plan(missing="", **more):
    """A plan of one harmless act."""
    return Plan("found it.", (act("amst set-streams", count=8),), lambda c: missing, 20, **more)


def test_a_step_does_what_it_planned_and_the_next_may_follow(begin):
    run = begin(lambda case: plan())
    assert [o.state for o in run.all()] == ["done", "not needed", "not needed"]
    assert run.desk.asked == ["amst set-streams"]
    run.close()


def test_a_pre_check_that_fails_stops_the_runbook_with_its_reason(begin):
    run = begin(lambda case: plan(unless="the target is not ready."))
    assert [o.state for o in run.all()] == ["stopped", "not reached", "not reached"]
    assert run.desk.asked == []
    with pytest.raises(Stopped, match="the target is not ready"):
        run.close()


def test_what_does_not_come_is_waited_for_undone_and_escalated(begin):
    back = (act("amst set-streams", count=4),)
    run = begin(lambda case: plan(missing="still slow", back=back))
    first = run.all()[0]
    assert first.state == "undone" and "after 20 s still slow" in first.told and "T12" in first.told
    assert run.desk.asked.count("amst set-streams") == 2 and run.desk.now_s >= 20


def test_without_a_way_back_it_says_that_it_failed(begin):
    run = begin(lambda case: plan(missing="still slow"))
    assert run.all()[0].state == "failed" and run.stopped.step == "first"


def test_a_verb_that_is_refused_ends_the_step_before_the_next_verb(begin):
    acts = (act("amst set-cc", algorithm="bbr2"), act("amst set-streams", count=8))
    desk = Paper(refuses=("amst set-cc",))
    run = begin(lambda case: Plan("x.", acts, lambda c: ""), desk)
    assert run.all()[0].state == "failed" and "not today" in run.outcomes[0].told
    assert desk.asked == ["amst set-cc"]


def test_looking_never_changes_anything(begin):
    run = begin(lambda case: case.look("vm stop", vm="shop"))
    with pytest.raises(ValueError, match="changes something"):
        run.step("first")
    assert run.desk.asked == []


def test_what_may_lose_data_needs_two_people(begin):
    losing = Plan("x.", (act("vm delete", vm="shop"),), lambda c: "")
    alone = begin(lambda case: losing)
    assert alone.all()[0].state == "stopped" and "second_person" in alone.outcomes[0].told
    two = begin(lambda case: losing, second_person="Grace")
    assert two.all()[0].state == "done"


def test_steps_are_taken_in_their_order_and_once(begin):
    run = begin(lambda case: "nothing to do")
    with pytest.raises(ValueError, match="first is next"):
        run.step("second")
    run.step("first")
    with pytest.raises(ValueError, match="second is next"):
        run.step("first")
    run.all()
    with pytest.raises(ValueError, match="it has ended"):
        run.step("third")


def test_a_question_that_is_refused_is_in_the_record_and_answers_nothing(begin):
    found = []
    run = begin(lambda case: str(found.append(case.look("vm list"))), Paper(refuses=("vm list",)))
    run.step("first")
    row = run.record()["rows"][0]
    assert found == [None] and row["kind"] == "looked" and "not today" in row["answer"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"operator": " "}, "needs an operator"),
        ({"severity": "bad"}, "severity is 'bad'; give P0, P1"),
        ({"second_person": "Ada"}, "somebody else"),
        ({"host": "worker-1"}, "is not about host"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_in_words(more, words):
    desk = Paper()
    with pytest.raises(ValueError, match=words):
        Run("incident-response", desk, **{"operator": "Ada"} | more)
    assert desk.asked == []


def test_a_long_answer_is_kept_short_in_the_record(begin):
    desk = Paper()
    desk.do = lambda verb, **arguments: "x" * 10_000
    run = begin(lambda case: case.look("vm list") and "seen", desk)
    with suppress(Stopped):
        run.step("first")
    assert len(run.record()["rows"][0]["answer"]) < 200
