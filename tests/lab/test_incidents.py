"""Every incident: its signals show it, nothing done does not resolve it, the fix does, cheats do not.

A lab is begun once an incident. What is then tried, each thing is tried in a fork of the process:
a lab whose migrations are under way cannot be copied, and a process can.
"""

import os
import pickle
from functools import lru_cache

import pytest

from course.catalogue import scenarios, schema
from course.lab import Lab, replay
from course.lab.commands import CommandError
from course.lab.conditions import holds, missing, resolved

INCIDENTS, FALSE_ALARMS = scenarios.incidents(), scenarios.false_alarms()
WAIT_S = 180
CHEATS = [
    (name, i) for name in INCIDENTS for i in range(len(scenarios.load(name).get("cheats", [])))
]


@lru_cache(maxsize=1)
def begun(name):
    """The lab as the operator finds it. Only forks may touch it."""
    return Lab(name, seed=5)


@lru_cache
def is_healthy(ground):
    return Lab(ground, seed=5).cluster.health()["healthy"]


def tried(lab, act):
    """What `act` makes of the lab, in a process of its own; this one's lab stays as it was."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with os.fdopen(into, "wb") as pipe:
                pickle.dump(act(lab), pipe)
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    assert answer, "the fork ended without an answer"
    return pickle.loads(answer)


def do(lab, actions):
    for action in actions:
        try:
            lab.do(action["do"], **action.get("with", {}))
        except CommandError as error:
            assert action.get("fails", error.code) == error.code, str(error)


def waited(lab):
    """Nothing is done for four minutes, or until all that ends by itself has ended."""
    ends = [fault.get("at_s", 0) + fault.get("for_s", 0) for fault in faults_of(lab.scenario)]
    lab.run(max(WAIT_S, *ends, 0) + 60)
    return lab


def faults_of(name):
    return scenarios.load(name)["faults"]


@pytest.fixture(scope="module", params=INCIDENTS)
def name(request):
    return request.param


def test_there_are_incidents_to_work():
    assert len(INCIDENTS) >= 45 and len(FALSE_ALARMS) >= 4


def test_the_named_signals_show_it_and_its_ground_is_healthy(name):
    incident = scenarios.load(name)
    if "like" in incident and scenarios.load(incident["like"])["deployed"]:
        assert is_healthy(incident["like"])
    hidden = tried(begun(name), lambda lab: [c for c in incident["signals"] if not holds(lab, c)])
    assert hidden == [], "a signal does not show"


def test_it_is_not_resolved_when_the_operator_comes_nor_by_waiting(name):
    assert not tried(begun(name), resolved), "it is resolved before anybody has come"
    assert not tried(begun(name), lambda lab: resolved(waited(lab)))


def test_the_documented_fix_resolves_it_and_its_journal_does_on_another_seed(name):
    def fixed(lab):
        do(lab, scenarios.load(name)["fix"])
        return lab.journal(), missing(lab)

    journal, open_goals = tried(begun(name), fixed)
    assert open_goals == []
    assert missing(replay(journal, name, "other")) == []


@pytest.mark.parametrize(("incident", "number"), CHEATS)
def test_what_only_looks_like_a_fix_does_not_resolve_it(incident, number):
    def cheated(lab):
        do(lab, scenarios.load(incident)["cheats"][number])
        return resolved(lab)

    assert not tried(begun(incident), cheated)


@pytest.mark.parametrize("alarm", FALSE_ALARMS)
def test_a_false_alarm_shows_that_all_is_well_and_goes_on_doing_so(alarm):
    well = scenarios.load(alarm)["signals"]
    assert [c for c in well if not holds(begun(alarm), c)] == []
    assert not begun(alarm).world.troubles


def test_what_does_not_hold_is_said_with_what_was_found():
    lab = Lab("trn-03-six-streams", seed=5)
    first = missing(lab)[0]
    assert first["found"] == [8091, 8092, 8093, 8094, 8095, 8096, 8097, 8098, 8099, 8100]


def test_a_condition_sees_rows_fields_and_refusals():
    lab = Lab("day-1", seed=5)
    cases = {
        True: [
            {"look": "node list", "where": {"node": "worker-3"}, "field": "status", "is": "ready"},
            {"look": "node list", "each": True, "field": "status", "is": "ready"},
            {"look": "vm inspect", "with": {"vm": "ghost"}, "fails": "VM_NOT_FOUND"},
            {"look": "cluster health", "field": "checks.0.ok", "is": True},
            {"look": "cluster status", "field": "leader", "is_not": None},
        ],
        False: [
            {"look": "node list", "where": {"node": "worker-99"}, "field": "status", "is": "ready"},
            {"look": "node list", "each": True, "field": "role", "is": "worker"},
            {"look": "vm list", "each": True, "field": "status", "is": "running"},
            {"look": "vm inspect", "with": {"vm": "ghost"}, "field": "node", "is": "worker-1"},
            {"look": "cluster status", "field": "no.such", "at_least": 1},
            {"look": "node list"},
        ],
    }
    for expected, conditions in cases.items():
        assert [holds(lab, condition) for condition in conditions] == [expected] * len(conditions)


def test_an_incident_that_lacks_a_part_is_refused_in_words():
    good = dict(scenarios.load("trn-03-six-streams"))
    for key in ("regions", "links", "deployed"):
        good.pop(key)
    schema.check(good, "course.catalogue.scenarios", "x.yaml")
    for key in ("wrong", "signals", "fix"):
        bad = {k: v for k, v in good.items() if k != key}
        with pytest.raises(ValueError, match=key):
            schema.check(bad, "course.catalogue.scenarios", "x.yaml")
