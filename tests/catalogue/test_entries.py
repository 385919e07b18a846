"""The troubleshooting entries: complete, and every reference of theirs leads somewhere."""

import copy

import pytest
import yaml

from course.catalogue import compounds, entries, rules, scenarios, trees
from course.catalogue.trees.measures import leaf_ids

ALL = [entries.load(name) for name in entries.names()]
LEAVES = {leaf for name in trees.names() for leaf in leaf_ids(trees.load(name))}
COUNTS = {
    "MIG": 9, "TRN": 7, "ENC": 5, "PRD": 4, "CON": 6, "SYN": 4, "PLC": 4, "CAP": 5, "SEC": 7,
    "OBS": 4, "DEP": 6,
}  # fmt: skip


def test_there_are_61_entries_numbered_without_gaps_and_8_compound_faults():
    wanted = [f"{family}-{n:02d}" for family, count in COUNTS.items() for n in range(1, count + 1)]
    assert len(ALL) == 61
    assert entries.names() == sorted(wanted)
    assert compounds.names() == [f"X{number}" for number in range(1, 9)]
    assert set(COUNTS) == set(entries.FAMILIES)


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.id)
def test_an_entry_leads_to_trees_and_leaves_that_exist(entry):
    assert set(entry.trees) <= set(trees.names())
    assert {cause.leaf for cause in entry.causes if cause.leaf} <= LEAVES


def test_every_alert_leads_to_an_entry_and_every_entry_to_alerts_that_exist():
    assert {alert for entry in ALL for alert in entry.alerts} == set(rules.alert_names())


def test_the_runbook_of_an_alert_names_the_alert_and_its_tree_settles_it():
    for group in rules.load("alerts.yaml")["groups"]:
        for rule in group["rules"]:
            notes = rule["annotations"]
            assert rule["alert"] in entries.load(notes["runbook"]).alerts, rule["alert"]
            assert notes["tree"] in trees.names()


def test_every_scenario_that_stands_for_an_entry_names_one_that_exists():
    named = {scenarios.load(name).get("entry") for name in scenarios.names()} - {None}
    assert {name for name in named if not name.startswith("X")} <= set(entries.names())


def test_an_entry_knows_the_scenarios_in_which_it_can_be_met():
    assert "mig-01-blocked-ports" in entries.load("MIG-01").incidents
    assert all(name.startswith("cap-03") for name in entries.load("CAP-03").incidents)


def test_a_tree_knows_the_entries_that_it_settles():
    settled = [entry.id for entry in entries.settled_by("T06")]
    assert {"CON-01", "CON-05", "CON-06"} <= set(settled)
    assert entries.settled_by("T30") == []


def test_the_severity_says_when_to_work_and_when_to_escalate():
    stalled, pending = entries.load("CON-02"), entries.load("PRD-02")
    assert (stalled.respond_within_min, stalled.escalate_after_min) == (15, 0)
    assert (pending.respond_within_min, pending.escalate_after_min) == (None, None)
    assert stalled.family == "consensus"


def test_a_compound_fault_is_two_entries_that_mislead_together():
    for fault in [compounds.load(name) for name in compounds.names()]:
        assert len(fault.combines) == len(set(fault.combines)) == 2
        assert len(fault.order) >= 2


def test_what_does_not_exist_is_answered_with_what_does():
    with pytest.raises(ValueError, match="no entry is named 'MIG-99'; there are CAP-01"):
        entries.load("MIG-99")
    with pytest.raises(ValueError, match="no compound fault is named 'X9'; there are X1"):
        compounds.load("X9")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda row: row.pop("verify"), "'verify' is a required property"),
        (lambda row: row.update(severity="P5"), "at severity: 'P5'"),
        (lambda row: row["causes"][0].update(leaf="T3"), "at causes / 0 / leaf"),
        (lambda row: row.update(id="MIG-02"), "a file's name is its id"),
    ],
)
def test_a_broken_entry_is_refused_with_its_place_and_reason(change, words):
    text = entries.files(entries.FOLDER).joinpath("MIG-01.yaml").read_text("utf-8")
    row = copy.deepcopy(yaml.safe_load(text))
    change(row)
    with pytest.raises(ValueError, match=words) as refused:
        entries.parse(row, "MIG-01.yaml")
    assert "MIG-01.yaml" in str(refused.value)
