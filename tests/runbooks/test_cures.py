"""Runbooks cure what they claim to cure, leave what is well, and do no harm to the rest.

Each claim is run here, but for three; `cross` has every runbook on every scenario.
"""

import json

import pytest

from course.catalogue import runbooks, scenarios
from course.lab import Lab, replay
from course.lab.conditions import missing
from course.runbooks import Run
from tests.runbooks.cross import SEED, carried_out, crossed, harm, running, written

CLAIMED = sorted({name for book in runbooks.names() for name in runbooks.load(book).cures})
IN_CROSS = ("cap-02-memory-leak", "mig-01-short-limit", "mig-04-never-converges")
"""Claims that cost seconds; `python -m tests.runbooks.cross` runs them with all the rest."""
HEALTHY = ("day-1", "seven-voters", "lab-7-healthy", *scenarios.false_alarms())
OTHERS = ("sec-02-false-memory", "mig-09-stuck-drain", "lab-5")


CLAIMS = [
    (name, scenario)
    for scenario in CLAIMED
    for name in runbooks.names()
    if scenario in runbooks.load(name).cures and scenario not in IN_CROSS
]


@pytest.mark.parametrize(("name", "scenario"), CLAIMS)
def test_what_a_runbook_claims_to_cure_it_cures_by_the_step_that_claims_it(name, scenario):
    run, goal, hurt = crossed(name, Lab(scenario, SEED))
    ended = {o.step: o.state for o in run.outcomes}
    assert goal and hurt == [], ended
    assert ended[runbooks.load(name).cures[scenario]] == "done"


@pytest.mark.parametrize("scenario", HEALTHY)
def test_where_nothing_is_wrong_nothing_is_changed(scenario):
    lab = Lab(scenario, SEED)
    for name in runbooks.names():
        run = carried_out(name, lab)
        assert {o.state for o in run.outcomes} == {"looked", "not needed"}
    assert [row["verb"] for row in lab.journal() if row["verb"] == "clock run"] == []
    assert written(lab) == [] and "migration test" not in {row["verb"] for row in lab.journal()}


@pytest.mark.parametrize("scenario", OTHERS)
def test_a_fault_that_is_not_theirs_is_left_alone_and_said(scenario):
    lab = Lab(scenario, SEED)
    before = running(lab)
    for name in runbooks.names():
        carried_out(name, lab)
    assert harm(lab, before) == [] and written(lab) == []


@pytest.mark.parametrize(
    ("scenario", "step"),
    [("dep-06-all-controllers-lost", "lost-majority"), ("mig-08-two-copies", "two-copies")],
)
def test_what_may_lose_data_is_not_done_by_one_person(scenario, step):
    lab = Lab(scenario, SEED)
    run = carried_out("incident-response", lab, second_person="")
    assert run.stopped.step == step and "needs a second person" in run.stopped.told
    assert written(lab) == [] and missing(lab)


def test_slow_disks_are_not_taken_for_a_lost_control_plane():
    lab = Lab("con-03-slow-voters", SEED)
    run = carried_out("incident-response", lab)
    assert run.stopped.step == "lost-majority"
    assert "performance-troubleshooting" in run.stopped.told and written(lab) == []


def test_a_machine_that_hangs_with_a_vm_on_it_is_not_restarted_by_one_person():
    lab = Lab("frozen-worker", SEED)
    lab.vm.create(name="shop", memory_gb=0.25, node="worker-1")
    lab.inject("pause", host="worker-1")
    lab.run(40)
    run = carried_out("incident-response", lab, second_person="")
    assert run.stopped.step == "hung-host" and "ends shop" in run.stopped.told


def test_two_incidents_at_once_are_cured_in_one_run():
    lab = Lab("cap-04-full-disk+trn-03-six-streams", SEED)
    run, goal, hurt = crossed("incident-response", lab)
    done = [o.step for o in run.outcomes if o.state == "done"]
    assert goal and not hurt and done == ["full-disk", "closed-ports"]


def test_a_vm_that_somebody_stopped_is_not_started():
    lab = Lab("day-1", SEED)
    lab.vm.create(name="shop", memory_gb=0.25, node="worker-1")
    lab.vm.stop(vm="shop")
    carried_out("incident-response", lab)
    assert "shop" not in running(lab)


def test_most_nodes_that_were_set_alike_are_an_intention_and_no_drift():
    lab = Lab("day-1", SEED)
    for number in range(1, 6):
        lab.amst.set_streams(count=12, node=f"worker-{number}")
    before = len(written(lab))
    carried_out("performance-troubleshooting", lab)
    assert len(written(lab)) == before


def test_a_run_is_data_and_its_journal_gives_the_same_history_again():
    lab = Lab("con-02-quorum-lost", SEED)
    run = carried_out("incident-response", lab)
    record = json.loads(json.dumps(run.record()))
    assert record["operator"] == "Ada" and record["second_person"] == "Grace"
    assert len(record["outcomes"]) == len(run.book.steps)
    times = [row["at_s"] for row in record["rows"]]
    assert times == sorted(times) and times[0] == round(lab.began_s, 3)
    did = [(row["verb"], row["arguments"]) for row in record["rows"] if row["kind"] == "did"]
    assert did == [(row["verb"], row["arguments"]) for row in written(lab)]
    again = replay(lab.journal(), lab.scenario, lab.seed)
    assert again.fingerprint() == lab.fingerprint()


def test_severity_is_told_by_what_is_seen_and_set_right():
    lab = Lab("con-02-quorum-lost", SEED)
    first = Run("incident-response", lab, operator="Ada", severity="P3").step("triage")
    assert first.told.startswith("P0: no controller leads") and "opened as P3" in first.told
