"""The practical: labs follow from the name, unsolved is not passed, and nothing says the answer."""

import pytest

from course.practical import BOX_MIN, begin, misread, scenario, short_of, unclear, unfinished

TASKS = ("controllers", "workers", "migration", "fault", "attack", "rollback")
REPORT = {
    "severity": "P1",
    "impact": "All ten workers fell over, and no VM was lost or stopped.",
    "timeline": [(0, "release"), (2, "alert"), (2, "decision"), (4, "back")],
    "cause": "The service of the new version ends a minute after its start.",
    "actions": [("gate releases", "release lead", "7 days"), ("find the crash", "platform", "3 days")],
}  # fmt: skip


def test_the_boxes_add_up_to_the_sitting():
    in_the_lab = sum(minutes for task, minutes in BOX_MIN.items() if task != "controllers")
    assert in_the_lab + 20 + 30 == 240


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("journal", [None, [], {}, "x", [1], [{"verb": 1}], [{}] * 6_000])
def test_what_is_no_journal_is_said(task, journal):
    (said,) = short_of(task, "anna", journal)
    assert said.startswith("this is not a journal")


def test_a_journal_of_somebody_else_meets_another_cluster():
    lab = begin("fault", "anna")
    others = [begin("fault", name) for name in ("ben", "carla", "dora")]
    assert {lab.began_s} & {other.began_s for other in others} == set()
    assert {scenario("fault", name) for name in ("anna", "ben", "carla", "dora", "emil", "fay")} == {
        "lab-7-a", "lab-7-b",
    }  # fmt: skip


def test_doing_nothing_is_not_passing_and_what_is_missing_does_not_say_what_is_right():
    lab = begin("fault", "anna")
    lab.run(1)
    said = short_of("fault", "anna", lab.journal())
    assert any("`incident list` text is None" in line for line in said)
    assert not any("'A'" in line or "'B'" in line for line in said)


def test_a_task_that_took_longer_than_its_box_is_not_passed():
    lab = begin("controllers", "anna")
    lab.run(31 * 60)
    assert any(
        "the box is 30 min" in line for line in short_of("controllers", "anna", lab.journal())
    )


def test_a_name_is_a_text_and_a_task_exists():
    assert "a candidate's name is a text" in short_of("attack", "", [{}])[0]
    with pytest.raises(ValueError, match="there is no task 'chess'"):
        begin("chess", "anna")


def test_figures_are_asked_for_only_after_a_move():
    assert "not a journal" in misread("anna", [], {})[0]


@pytest.mark.parametrize(
    "panels", [None, [], [{}] * 3, [{}] * 4, ["x"] * 4, [{"type": "stat"}] * 4]
)
def test_what_is_no_dashboard_is_said(panels):
    assert unclear(panels, "anna")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"severity": "P0"}, "this is a P1"),
        ({"impact": "Bad."}, "impact: a sentence"),
        ({"cause": None}, "cause: a sentence"),
        ({"timeline": [(0, "a")] * 3}, "at least four rows"),
        ({"timeline": [(0, "a"), (3, "b"), (2, "c"), (4, "d")]}, "in their order"),
        ({"timeline": ["a", "b", "c", "d"]}, "in their order"),
        ({"actions": [("fix", "", "today"), ("look", "ben", "today")]}, "what, owner and due"),
        ({"actions": "none"}, "at least two rows"),
        ({"more": 1}, "a report has the parts"),
    ],
)
def test_a_report_lacks_what_it_lacks(change, words):
    assert unfinished(REPORT) == []
    assert any(words in line for line in unfinished(REPORT | change))
