"""The runbooks' data: every reference of theirs leads somewhere, and every entry leads to one."""

import copy

import pytest
import yaml

from course.catalogue import entries, rules, runbooks, scenarios, trees
from course.catalogue.trees.measures import leaf_ids
from course.runbooks.running import STEPS

ALL = [runbooks.load(name) for name in runbooks.names()]
LEAVES = {leaf for name in trees.names() for leaf in leaf_ids(trees.load(name))}


def test_there_are_two_runbooks_and_every_entry_has_one_of_them():
    assert runbooks.names() == ["incident-response", "performance-troubleshooting"]
    named = [entry for book in ALL for entry in book.entries]
    assert sorted(named) == entries.names()
    assert len(runbooks.load("performance-troubleshooting").entries) == 30


def test_every_alert_leads_to_a_runbook_through_its_entry():
    for group in rules.load("alerts.yaml")["groups"]:
        for rule in group["rules"]:
            assert entries.load(rule["annotations"]["runbook"]).runbook in runbooks.names()


def test_every_step_has_its_function_and_every_function_a_step():
    assert {step.id for book in ALL for step in book.steps} == set(STEPS)


@pytest.mark.parametrize("book", ALL, ids=lambda book: book.id)
def test_leaves_exist_and_what_is_cured_is_an_incident_of_an_entry_that_exists(book):
    assert {step.leaf for step in book.steps if step.leaf} <= LEAVES
    assert set(book.cures) <= set(scenarios.incidents())
    assert not any("lab" in scenarios.load(name) for name in book.cures)
    assert sum(len(step.cures) for step in book.steps) == len(book.cures)


def test_a_tree_knows_the_runbooks_that_carry_out_its_leaves():
    assert runbooks.of_tree("T13") == ["incident-response"]
    assert runbooks.of_tree("T17") == ["performance-troubleshooting"]
    assert runbooks.of_tree("T30") == []


def test_what_does_not_exist_is_answered_with_what_does():
    with pytest.raises(ValueError, match="no runbook is named 'rollout'; there are incident"):
        runbooks.load("rollout")
    with pytest.raises(ValueError, match="no runbook is for the entry 'CON-99'"):
        runbooks.of_entry("CON-99")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda row: row["steps"][0].pop("back"), "'back' is a required property"),
        (lambda row: row["steps"][2].update(leaf="T13"), "at steps / 2 / leaf"),
        (lambda row: row.update(id="other"), "a file's name is its id"),
        (lambda row: row["steps"].append(row["steps"][0]), "a step stands twice"),
    ],
)
def test_a_broken_runbook_is_refused_with_its_place_and_reason(change, words):
    text = runbooks.files(runbooks.FOLDER).joinpath("incident-response.yaml").read_text("utf-8")
    row = copy.deepcopy(yaml.safe_load(text))
    change(row)
    with pytest.raises(ValueError, match=words):
        runbooks.parse(row, "incident-response.yaml")
