"""Trees are data: every path ends, every answer can be reached, and the signals settle them."""

import copy

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from course.catalogue import scenarios, trees
from course.catalogue.trees import Leaf, MissingSignal, Question, Walk, diagnose, load, parse
from course.catalogue.trees.measures import (
    HYPOTHESIS_MIN,
    QUESTION_MIN,
    cost_of_tree,
    cost_of_wrong_turn,
    endings,
    hands_over_to,
    leaf_ids,
    steps,
)
from course.lab import Lab
from course.lab.signals import cluster_signals

ALL = [load(name) for name in trees.names()]


def leaves_of(tree):
    return {
        (question.id, answer.text)
        for question in tree.questions.values()
        for answer in question.answers
        if answer.leaf
    }


def test_there_are_33_trees_each_in_the_file_of_its_name():
    assert [tree.id for tree in ALL] == [f"T{number:02d}" for number in range(1, 34)]
    assert [tree.id for tree in ALL] == trees.names()


@pytest.mark.parametrize("tree", ALL, ids=lambda tree: tree.id)
@settings(max_examples=15)
@given(data=st.data())
def test_every_walk_ends_in_a_leaf_and_can_be_taken_back(tree, data):
    walk = Walk(tree)
    while isinstance(here := walk.at, Question):
        walk = walk.answer(data.draw(st.sampled_from(here.answers)).text)
    assert isinstance(walk.at, Leaf) and walk.done
    assert len(walk.as_data()) == len(walk.steps) <= len(tree.questions)
    for _ in walk.steps:
        walk = walk.back()
    assert walk == Walk(tree) == walk.back()


def test_an_answer_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(ValueError, match="'no', 'yes', not by 'perhaps'"):
        Walk(load("T01")).answer("perhaps")


def test_a_walk_that_has_ended_takes_no_more_answers():
    with pytest.raises(ValueError, match="has ended"):
        Walk(load("T01")).answer("no").answer("no")


def test_a_missing_signal_is_named():
    with pytest.raises(MissingSignal, match="controllers_majority"):
        diagnose(load("T01"), {})
    with pytest.raises(MissingSignal, match="is None"):
        diagnose(load("T32"), {"time_and_version_ok": None})


@pytest.mark.parametrize("tree", ALL, ids=lambda tree: tree.id)
def test_a_hand_over_leads_to_a_tree_that_exists_and_never_back(tree):
    def visit(name, path):
        assert name not in path, f"{' -> '.join([*path, name])} go in a circle"
        for other in hands_over_to(load(name)):
            visit(other, (*path, name))

    visit(tree.id, ())


@pytest.mark.parametrize("tree", ALL, ids=lambda tree: tree.id)
def test_every_leaf_says_how_it_is_known(tree):
    known = {"test", "judgement", "not yet", *scenarios.names()}
    proofs = {ending.id: ending.leaf.proof for ending in endings(tree)}
    assert set(proofs) == set(leaf_ids(tree)), "every leaf is reached by some way"
    assert set(proofs.values()) <= known


@pytest.mark.parametrize("tree", ALL, ids=lambda tree: tree.id)
def test_no_rule_of_a_question_hides_another(tree):
    for question in tree.questions.values():
        rules = [dict(answer.when) for answer in question.answers]
        assert rules.count({"otherwise": True}) <= 1
        assert all(rules.count(rule) == 1 for rule in rules), question.id


def test_steps_are_counted_on_the_shortest_and_on_the_longest_way():
    assert steps(load("T32"))["T32 a no"] == (1, 1)
    assert steps(load("T32"))["T32 e yes"] == (5, 5)
    assert steps(load("T05"))["T05 h yes"] == (4, 4)  # by view changes, or by enough voters
    assert steps(load("T01"))["T01 d yes"] == (3, 4)  # with a change in the last hour, or without


def test_a_wrong_turn_costs_the_dearest_walk_below_it():
    dearest_of_t33 = cost_of_tree(load("T33"))
    assert dearest_of_t33.questions == 3
    assert dearest_of_t33.minutes == 3 * QUESTION_MIN + HYPOTHESIS_MIN
    assert cost_of_wrong_turn(load("T33"), "a", "yes").minutes == HYPOTHESIS_MIN
    assert cost_of_wrong_turn(load("T13"), "d", "no") == dearest_of_t33
    assert cost_of_wrong_turn(load("T10"), "a", "yes").minutes == 1  # it is seen within seconds


def test_a_turn_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(ValueError, match="has no question 'z': a, b"):
        cost_of_wrong_turn(load("T33"), "z", "yes")
    with pytest.raises(ValueError, match="answered by 'yes', 'no', not by 'maybe'"):
        cost_of_wrong_turn(load("T33"), "a", "maybe")


def test_what_cannot_be_told_takes_the_answer_unknown_where_there_is_one():
    there = {"lagging_in_one_region": True, "quorum_side": "ours", "heals_within_4h": None}
    assert diagnose(load("T07"), there).steps[-1].answer == "unknown"
    with pytest.raises(MissingSignal, match="partitioned"):
        diagnose(
            load("T05"),
            {"committed_last_minute": False, "controllers_majority": True, "voters_enough": False},
        )


def test_a_lost_majority_is_the_first_thing_t01_finds():
    lab = Lab("day-1")
    for host in ("controller-1", "controller-2"):
        lab.inject("service-stopped", host=host)
    lab.run(20)
    walk = diagnose(load("T01"), cluster_signals(lab))
    assert (len(walk.steps), walk.at.go) == (1, "T13")


def test_every_leaf_of_t01_is_reached_by_some_snapshot():
    tree, reached = load("T01"), set()
    calm = {
        "controllers_majority": True, "minutes_since_change": 500, "user_impact": False,
        "workers_not_ready_share": 0.0, "first_alert": "none", "reproducible": False,
    }  # fmt: skip
    alerts = ["consensus", "state-sync", "reputation", "migration", "controller-cpu"]
    changes = [
        {"controllers_majority": False},
        {"minutes_since_change": 5, "user_impact": True},
        {"workers_not_ready_share": 0.06},
        {"reproducible": True},
        {},
        *({"first_alert": alert} for alert in alerts),
    ]
    for change in changes:
        last = diagnose(tree, {**calm, **change}).steps[-1]
        reached.add((last.question, last.answer))
    assert reached == leaves_of(tree)


def broken(change):
    data = yaml.safe_load(
        (trees.files("course.catalogue.trees") / "T32.yaml").read_text("utf-8"),
    )
    data = copy.deepcopy(data)
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["questions"]["a"]["answers"]["yes"].update(next="z"), "leads to question 'z'"),
        (lambda d: d["questions"]["d"]["answers"]["yes"].update(next="a"), "go in a circle"),
        (
            lambda d: d["questions"]["a"]["answers"]["yes"].update(next="c"),
            "no answer leads to question b",
        ),
        (lambda d: d["questions"]["a"].update(ask="Is it"), "at questions / a / ask"),
        (lambda d: d["questions"]["a"]["answers"].pop("no"), "at questions / a / answers"),
        (lambda d: d.pop("title"), "'title' is a required property"),
    ],
)
def test_a_broken_file_is_refused_with_its_place_and_reason(change, words):
    with pytest.raises(ValueError, match=words) as refused:
        parse(broken(change), "T32.yaml")
    assert "T32.yaml" in str(refused.value)
