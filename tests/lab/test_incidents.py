"""Every incident: its signals show it, nothing done does not resolve it, the fix does, cheats do not."""

import pytest

from course.catalogue import scenarios
from course.lab import Lab, replay
from course.lab.commands import CommandError
from course.lab.conditions import holds, missing, resolved

INCIDENTS = scenarios.incidents()


def act(lab, actions):
    for action in actions:
        try:
            lab.do(action["do"], **action.get("with", {}))
        except CommandError:
            continue


def test_there_are_incidents_to_work():
    assert len(INCIDENTS) >= 8


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_named_signals_show_it_and_its_ground_is_healthy(name):
    incident = scenarios.load(name)
    calm = Lab(incident["like"], seed=5) if "like" in incident else None
    assert calm is None or calm.cluster.health()["healthy"]
    lab = Lab(name, seed=5)
    assert not resolved(lab), "it is resolved before anybody has come"
    for condition in incident["signals"]:
        assert holds(lab, condition), f"{condition} does not show"


@pytest.mark.parametrize("name", INCIDENTS)
def test_waiting_does_not_resolve_it(name):
    lab = Lab(name, seed=5)
    lab.run(1_800)
    assert not resolved(lab)


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_documented_fix_resolves_it_on_any_seed_and_in_a_replay(name):
    for seed in (5, "other"):
        lab = Lab(name, seed)
        act(lab, scenarios.load(name)["fix"])
        again = replay(lab.journal(), name, seed)
        assert missing(lab) == []
        assert resolved(again)


@pytest.mark.parametrize(
    ("name", "number"),
    [(name, i) for name in INCIDENTS for i in range(len(scenarios.load(name).get("cheats", [])))],
)
def test_what_only_looks_like_a_fix_does_not_resolve_it(name, number):
    lab = Lab(name, seed=5)
    act(lab, scenarios.load(name)["cheats"][number])
    assert not resolved(lab)


def test_what_does_not_hold_is_said_with_what_was_found():
    lab = Lab("trn-03-six-streams", seed=5)
    first = missing(lab)[0]
    assert first["found"] == [8091, 8092, 8093, 8094, 8095, 8096, 8097, 8098, 8099, 8100]


def test_a_condition_sees_rows_fields_and_refusals():
    lab = Lab("day-1", seed=5)
    cases = {
        True: [
            {"look": "node list", "where": {"node": "worker-3"}, "field": "status", "is": "ready"},
            {"look": "vm inspect", "with": {"vm": "ghost"}, "fails": "VM_NOT_FOUND"},
            {"look": "cluster health", "field": "checks.0.ok", "is": True},
            {"look": "cluster status", "field": "leader", "is_not": None},
        ],
        False: [
            {"look": "node list", "where": {"node": "worker-99"}, "field": "status", "is": "ready"},
            {"look": "vm inspect", "with": {"vm": "ghost"}, "field": "node", "is": "worker-1"},
            {"look": "cluster status", "field": "no.such", "at_least": 1},
            {"look": "node list"},
        ],
    }
    for expected, conditions in cases.items():
        assert [holds(lab, condition) for condition in conditions] == [expected] * len(conditions)


def test_an_incident_that_lacks_a_part_is_refused_in_words(tmp_path, monkeypatch):
    from course.catalogue import schema

    good = dict(scenarios.load("trn-03-six-streams"))
    for key in ("regions", "links", "deployed"):
        good.pop(key)
    schema.check(good, "course.catalogue.scenarios", "x.yaml")
    for key in ("wrong", "signals", "fix"):
        bad = {k: v for k, v in good.items() if k != key}
        with pytest.raises(ValueError, match=key):
            schema.check(bad, "course.catalogue.scenarios", "x.yaml")
