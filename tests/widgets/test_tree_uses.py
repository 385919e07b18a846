"""A tree to fill in and run against cases, and a diagnosis from memory under time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.catalogue.trees import load
from course.catalogue.trees.blank import against, destinations, follow, places, right
from course.catalogue.trees.timed import judge, looks, outcomes
from course.widgets.blank import BlankTree
from course.widgets.timed import TimedTree

T32 = load("T32")
CASES = {
    "clock": {"time_and_version_ok": False},
    "ports": {"time_and_version_ok": True, "ports_ok": False},
    "fine": {
        "time_and_version_ok": True, "ports_ok": True, "certificate_ok": True, "ready_within_60s": True,
        "test_migration_ok": True, "clock_offset_ms": 1, "sync_lag_s": 1.0,
    },
}  # fmt: skip


def send(widget, **content):
    widget._handle_custom_msg(content, [])


@pytest.mark.parametrize("name", ["T01", "T05", "T32"])
def test_the_tree_itself_filled_in_is_all_right(name):
    tree = load(name)
    assert set(right(tree)) == set(places(tree))
    assert set(right(tree).values()) <= set(destinations(tree))
    if name == "T32":
        assert all(row["right"] for row in against(tree, right(tree), CASES))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_filled_in_every_walk_ends_and_says_where_or_why_not(data):
    filled = {
        place: data.draw(st.sampled_from(["", *destinations(T32)]), label=place)
        for place in places(T32)
    }
    for snapshot in CASES.values():
        trail = follow(T32, filled, snapshot)
        assert (trail.outcome in outcomes(T32)) != bool(trail.problem)


def test_a_wrong_turn_a_circle_and_a_gap_are_told_apart():
    filled = right(T32)
    wrong = filled | {"a no": "b", "b no": "a"}
    rows = {row["case"]: row for row in against(T32, wrong, CASES)}
    assert not rows["clock"]["right"] and "needs the signal" in rows["clock"]["led to"]
    assert rows["ports"]["led to"] == "it comes back to question a"
    gap = against(T32, {}, {"clock": CASES["clock"]})[0]
    assert gap["led to"] == "a no is not filled in" and gap["should be"] == filled["a no"]


def test_filling_in_and_running_by_the_view():
    asked = []
    widget = BlankTree(T32, lambda: asked.append(1) or CASES)
    for place, to in right(T32).items():
        send(widget, intent="fill", place=place, to=to)
    send(widget, intent="run")
    send(widget, intent="run")
    assert "3 of 3 cases end where they should; 0 places are empty" in widget.note
    assert widget.filled == right(T32) and asked == [1]
    send(widget, intent="fill", place="a no", to="")
    assert widget.results == [] and "a no" not in widget.filled


@pytest.mark.parametrize(("place", "to"), [("z no", "b"), ("a no", "Reboot it."), ("", "")])
def test_what_cannot_be_filled_in_is_refused_with_what_can(place, to):
    widget = BlankTree(T32, dict)
    send(widget, intent="fill", place=place, to=to)
    assert "there are a no" in widget.note or "leads to one of" in widget.note
    assert widget.filled == {}


def test_a_blank_tree_reads_without_a_kernel_and_does_not_tell():
    data, _ = BlankTree(T32, dict)._repr_mimebundle_()
    assert data["text/plain"].count("____") == len(places(T32))
    assert all(q.ask in data["text/plain"] for q in T32.questions.values())


def test_a_blank_tree_is_run_against_the_incidents_that_its_leaves_name():
    from course.notebook import blank

    widget = blank("T07")
    for place, to in right(widget.tree).items():
        widget.fill(place, to)
    rows = {row["case"]: row["right"] for row in widget.run()}
    assert rows == {"syn-03-partition": True, "syn-01-closed-gossip": True}
    send(widget, intent="clear")
    assert "is not filled in" in widget.run()[0]["led to"]


class Clock:
    now = 100.0

    def __call__(self):
        Clock.now += 10
        return Clock.now


def timed(case, limit_s=600):
    return TimedTree(T32, lambda: CASES[case], Clock(), limit_s, "worker-4 is new")


def test_a_diagnosis_from_memory_is_timed_and_judged():
    widget = timed("ports")
    look = next(what for what, asks in looks(T32).items() if "ports_ok" in [q.signal for q in asks])
    send(widget, intent="look", what=look)
    assert {"s": 10.0, "look": look, "signal": "ports_ok", "value": "False"} in widget.readings
    assert widget.left_s == 590
    send(widget, intent="conclude", outcome=right(T32)["b no"])
    assert widget.verdict == "Right. In time. You looked 1 times; the tree asks 2 questions here."
    assert judge(T32, widget.record, CASES["ports"])["right"]
    assert not judge(T32, widget.record, CASES["clock"])["right"]


def test_too_late_is_too_late_and_the_end_is_the_end():
    widget = timed("clock", limit_s=5)
    send(widget, intent="conclude", outcome=right(T32)["a no"])
    assert "Right. Too late." in widget.verdict
    send(widget, intent="look", what=widget.looks[0])
    assert "It has ended" in widget.note and widget.readings == []


def test_without_the_tree_no_question_of_it_is_shown():
    data, _ = timed("clock")._repr_mimebundle_()
    state = str(timed("clock").get_state())
    for question in T32.questions.values():
        assert question.ask not in data["text/html"] + data["text/plain"] + state


@pytest.mark.parametrize("record", [{}, {"tree": "T01"}, [], None, {"tree": "T32", "looks": []}])
def test_what_is_no_record_is_refused(record):
    with pytest.raises(ValueError, match="a record of T32 has"):
        judge(T32, record, CASES["clock"])


def test_nonsense_from_a_view_is_answered():
    widget = timed("clock")
    for content in ({"intent": "look", "what": "rm"}, {"intent": "conclude", "outcome": "x"}):
        send(widget, **content)
        assert widget.note
    assert widget.record["looks"] == [] and not widget.verdict
