"""Voters that lie, in the lab: what the cluster notices by itself, and what it never does to the honest."""

import json

import pytest

from course.catalogue import scenarios
from course.dwcp.consensus.canonical import decode
from course.dwcp.consensus.evidence import Equivocation
from course.dwcp.consensus.pbft_messages import WIRE
from course.dwcp.jury import Jury
from course.lab import Lab, replay
from course.lab.commands import CommandError
from course.lab.commands.reputation import judgements
from course.lab.conditions import resolved
from tests.lab.byzantine_storm import storm

VOTERS = tuple(scenarios.load("seven-voters")["voting"]["voters"])


def attacked(fault, seconds, seed=5, **arguments):
    lab = Lab("seven-voters", seed)
    lab.inject(fault, **arguments)
    lab.run(seconds)
    return lab


def quarantined(lab):
    return {r["node"]: r["reason"] for r in lab.reputation.list() if r["status"] == "quarantined"}


def began(lab):
    """When the learner came, us."""
    return lab.journal()[0]["at_us"]


def at_s(lab, event, **details):
    """When it happened first, in seconds since the learner came; None: never."""
    for e in lab.world.history:
        if e.name == event and details.items() <= e.details.items():
            return (e.at - began(lab)) / 1e6
    return None


def blamed(lab):
    """Honest or not: who lost score, or is in quarantine."""
    rows = lab.reputation.list()
    return {r["node"] for r in rows if r["score"] < 1 or r["status"] == "quarantined"}


def code(lab, verb, **arguments):
    with pytest.raises(CommandError) as refused:
        lab.do(verb, **arguments)
    return refused.value.code


@pytest.mark.parametrize(("every", "votes", "latest_s"), [(1, 8, 50), (2, 15, 85)])
def test_a_voter_that_lies_is_quarantined_by_its_score_as_the_arithmetic_says(
    every, votes, latest_s
):
    """Lab 5's card: 8 wrong votes in a row are 40 s at one decision per 5 s, every other one 75 s."""
    lab = attacked("vote-manipulation", 90, host="worker-3", every=every)
    row = next(row for row in lab.reputation.list() if row["node"] == "worker-3")
    history = [vote["vote"] for vote in lab.reputation.analyze(node="worker-3")["history"]]
    judged = history[history.index("wrong") :][:votes]
    assert judged.count("wrong") == row["incorrect"] == 8 and judged[-1] == "wrong"
    noticed = next(at for at, said in judgements(lab.world, 300) if "worker-3" in said["wrong"])
    assert noticed - began(lab) <= 300e6
    assert at_s(lab, "node_quarantined", node="worker-3") <= latest_s
    assert blamed(lab) == {"worker-3"}


def moves(lab):
    """Decisions of the voters about moves."""
    told = [e.details["operation"] for e in lab.world.history if e.name == "agreed"]
    return [operation[1] for operation in told if operation[0] == "move"]


def test_the_attack_delays_no_decision_and_fails_no_migration():
    lab = Lab("seven-voters", 5)
    lab.vm.create(name="far", node="worker-5", memory_gb=0.5)
    lab.vm.create(name="near", node="worker-5", memory_gb=0.5)
    lab.inject("vote-manipulation", host="worker-3")
    lab.migration.start(vm="far", target="worker-8")
    lab.migration.start(vm="near", target="worker-6")
    lab.run(60)
    assert [lab.migration.status(vm=vm)["status"] for vm in ("far", "near")] == ["completed"] * 2
    assert moves(lab) == ["far"], "a move inside a region does not bother the voters"
    assert lab.consensus.status()["latency_ms"]["p95"] < 5_000


def test_two_faces_are_proved_by_two_signed_messages():
    lab = attacked("equivocation", 20, host="worker-4")
    assert quarantined(lab) == {"worker-4": "equivocation, proved"} and blamed(lab) == {"worker-4"}
    lab.node.forensics(node="worker-4", output="bundle")
    items = {item["item"]: item["content"] for item in lab.world.kept["bundle"]["content"]}
    proof = decode(bytes.fromhex(items["proofs"][-1]), WIRE | {"Equivocation": Equivocation})
    one, other = proof.first.body, proof.second.body
    assert (one.view, one.number) == (other.view, other.number) and one.digest != other.digest
    assert proof.proves(lab.world.voting.keyring) == "worker-4"


def test_a_primary_with_two_faces_is_replaced_and_convicted_and_no_backup_is_blamed():
    lab = attacked("equivocation", 80, host="worker-1")
    assert set(quarantined(lab)) == {"worker-1"} and blamed(lab) == {"worker-1"}
    status = lab.consensus.pbft_status()
    assert status["primary"] == "worker-2" and status["present"] == 6
    assert lab.consensus.status(duration=60)["decisions"] >= 10
    assert not [e for e in lab.world.history if e.name == "agreement_broken"]


def test_a_silent_primary_is_replaced_and_silence_costs_no_score():
    lab = attacked("silent-voter", 60, host="worker-1")
    assert lab.consensus.pbft_status()["primary"] == "worker-2"
    assert lab.consensus.analyze(node="worker-1", last=5)["silent"] == 5
    assert blamed(lab) == set()


def test_a_person_need_not_wait_for_the_voters_patience():
    lab = attacked("silent-voter", 6, host="worker-1")
    assert lab.consensus.force_view_change(new_view=1)["primary"] == "worker-2"
    assert at_s(lab, "view_entered") < 8
    assert code(lab, "consensus force-view-change", new_view=1) == "STALE_VERSION"


def test_late_votes_hold_up_nobody_while_a_quorum_is_in_time():
    lab = attacked("delayed-votes", 60, host="worker-3", ms=4_000)
    assert lab.consensus.status()["latency_ms"]["p95"] < 1_000 and blamed(lab) == set()


def test_two_that_lie_together_are_found_together_and_no_third_can_be_shut_out():
    lab = attacked("collusion", 60, hosts="worker-3, worker-8")
    attack = lab.reputation.analyze_attack()
    assert attack["nodes"] == ["worker-3", "worker-8"] and attack["f"] == attack["voters"] == 2
    assert attack["together"] == {"worker-3 worker-8": 8}
    assert attack["regions"] == ["eu-west", "us-east"]
    assert blamed(lab) == {"worker-3", "worker-8"}
    refused = code(lab, "reputation quarantine", node="worker-1", reason="looks odd too")
    assert refused == "QUORUM_WOULD_BREAK"
    assert lab.consensus.status(duration=30)["decisions"] >= 5


def test_more_liars_than_f_stop_the_honest_and_fool_the_gateway_but_blame_nobody():
    lab = attacked("collusion", 60, hosts="worker-3, worker-8, worker-9")
    late = [e for e in lab.world.history if e.name == "decided" and e.at > began(lab) + 1e6]
    assert {e.host for e in late} <= {"worker-3", "worker-8", "worker-9"}
    assert lab.consensus.status(duration=50)["decisions"] >= 1, "three equal replies are f + 1"
    assert blamed(lab) <= {"worker-3", "worker-8", "worker-9"}


def test_a_spoiled_state_is_contradicted_by_the_next_checkpoint_and_replaced():
    lab = Lab("seven-voters", 5)
    lab.inject("state-corruption", host="worker-8")
    lab.run(240)
    assert quarantined(lab) == {"worker-8": "checkpoint contradicted, proved"}
    assert at_s(lab, "misbehaved", kind="checkpoint_manipulation") <= 300
    assert at_s(lab, "state_installed") is not None, "it took the state that a quorum proved"
    assert blamed(lab) == {"worker-8"}


def test_a_node_that_boasts_attracts_vms_and_shows_more_memory_than_it_joined_with():
    lab = Lab("seven-voters", 5)
    lab.inject("false-metrics", host="worker-6", memory_gb=512)
    row = lab.reputation.analyze(node="worker-6")
    assert row["above_hardware"] and (row["hardware_gb"], row["reported_gb"]) == (8, 512)
    assert lab.reputation.analyze_attack()["nodes"] == ["worker-6"]
    assert lab.vm.create(name="big", memory_gb=16)["node"] == "worker-6", "it believes the report"
    lab.reputation.quarantine(node="worker-6", reason="reports memory that it lacks")
    assert lab.node.list(status="quarantined")[0]["node"] == "worker-6"
    assert code(lab, "vm create", name="x", memory_gb=16) == "NO_FEASIBLE_NODE"
    with pytest.raises(CommandError, match="worker-6 is in quarantine"):
        lab.vm.create(name="x", node="worker-6")


def test_a_partition_makes_nobody_a_liar():
    """SEC-05: who cannot be heard is silent, not wrong."""
    lab = Lab("seven-voters", 5)
    lab.inject("partition", region="eu-west", for_s=60)
    lab.run(130)
    assert blamed(lab) == set()
    assert lab.consensus.status(duration=60)["decisions"] >= 5
    assert {row["state"] for row in lab.consensus.pbft_status()["voters"]} == {"votes"}


def test_a_voter_that_was_down_catches_up_and_votes_again():
    lab = Lab("seven-voters", 5)
    lab.inject("crash", host="worker-4", for_s=60)
    lab.run(120)
    rows = {row["node"]: row for row in lab.consensus.pbft_status()["voters"]}
    assert rows["worker-4"]["decided"] == rows["worker-1"]["decided"] > 20
    assert blamed(lab) == set()


def test_quiet_voters_raise_no_alarm():
    lab = Lab("seven-voters", 6)
    lab.run(60)
    assert lab.reputation.analyze_attack()["nodes"] == [] and blamed(lab) == set()
    assert not [e for e in lab.world.history if e.name in ("misbehaved", "view_change_started")]


def test_a_changed_bundle_is_not_what_was_collected():
    lab = attacked("vote-manipulation", 50, host="worker-3")
    bundle = lab.node.forensics(node="worker-3", output="bundle")
    assert bundle["verified"] and bundle["shows_deviation"] and bundle["signed_messages"] >= 8
    assert code(lab, "node forensics", node="worker-3", output="bundle") == "INVALID_REQUEST"
    false_votes = lab.world.kept["bundle"]["content"][1]
    false_votes["content"] = false_votes["content"][1:]
    assert not lab.node.evidence(name="bundle")["verified"]


def test_verbs_refuse_what_makes_no_sense_and_say_what_would():
    lab = Lab("seven-voters", 5)
    cases = {
        ("reputation list", "threshold"): {"threshold": 2},
        ("reputation list", "sort"): {"sort": "colour"},
        ("reputation quarantine", "controller"): {"node": "controller-1", "reason": "why not try"},
        ("reputation quarantine", "few words"): {"node": "worker-1", "reason": "x"},
        ("reputation release", "not in quarantine"): {
            "node": "worker-1", "reason": "why not try", "approved_by": "ann",
        },
        ("consensus analyze", "does not vote"): {"node": "worker-10"},
        ("host reinstall", "quarantine first"): {"host": "worker-1"},
        ("node evidence", "none"): {"name": "nothing"},
    }  # fmt: skip
    for (verb, words), arguments in cases.items():
        with pytest.raises(CommandError, match=words) as refused:
            lab.do(verb, **arguments)
        assert refused.value.code == "INVALID_REQUEST"
    assert code(lab, "reputation analyze", node="worker-99") == "NODE_NOT_FOUND"
    assert code(Lab("day-1", 5), "consensus pbft-status") == "INVALID_REQUEST"
    for fault, arguments in {
        "vote-manipulation": {"host": "worker-10"},
        "collusion": {"hosts": "worker-3"},
        "delayed-votes": {"host": "worker-3", "ms": 0},
        "false-metrics": {"host": "controller-1", "memory_gb": 9},
    }.items():
        with pytest.raises(ValueError):
            lab.inject(fault, **arguments)


def test_a_restricted_worker_gets_no_vms_and_a_bulk_quarantine_takes_it():
    lab = attacked("vote-manipulation", 35, host="worker-3")
    assert {r["node"]: r["status"] for r in lab.reputation.list(threshold=0.5)} == {
        "worker-3": "restricted"
    }
    assert lab.node.list(status="draining")[0]["node"] == "worker-3"
    rows = lab.reputation.quarantine_bulk(threshold=0.5, reason="wrong votes in a row")
    assert [(row["node"], row["status"]) for row in rows] == [("worker-3", "quarantined")]


def test_liars_and_a_bad_network_together_blame_no_honest_voter(monkeypatch):
    """And the storm would say so: a jury that takes silence for a lie is told from the real one."""
    assert storm(21)[1] == []
    real = Jury._judge
    monkeypatch.setattr(Jury, "_judge", lambda *case: takes_silence_for_a_lie(real(*case)))
    assert storm(21)[1] == ["worker-4 is honest and was blamed"]


def takes_silence_for_a_lie(judged):
    return judged | {"wrong": [*judged["wrong"], *judged["silent"]], "silent": []}


def test_logs_and_events_of_voters_are_plain_data():
    lab = attacked("equivocation", 20, host="worker-4")
    rows = [*lab.node.logs(node="worker-1", tail=50), *lab.events.list(duration=60)]
    assert json.loads(json.dumps(rows)) == rows
    told = next(row for row in rows if row.get("type") == "decided")
    assert "Commit of worker-1" in told["certificate"]["commits"]


def test_a_banned_identity_does_not_come_in_again_until_its_time_is_over():
    lab = Lab("seven-voters", 5)
    lab.reputation.ban(nodes=["worker-6"], duration=90, reason="keys were stolen")
    assert [row["node"] for row in lab.node.list(status="ready")].count("worker-6") == 1
    lab.node.remove(node="worker-6", confirm=True)
    lab.server.start(host="worker-6")
    row = lab.node.join(node_id="worker-6", controller="controller-1")
    assert (row["status"], row["reason"]) == ("failed", "worker-6 is banned: keys were stolen")
    lab.run(60)
    assert lab.node.join(node_id="worker-6", controller="controller-1")["status"] == "ready"
    refused = code(lab, "reputation ban", nodes=[], duration=60, reason="nobody at all")
    assert refused == "INVALID_REQUEST"


def test_a_released_liar_falls_again():
    lab = Lab("lab-5", 5)
    lab.reputation.release(node="worker-3", reason="it must be a mistake", approved_by="me")
    lab.run(60)
    assert set(quarantined(lab)) == {"worker-3"} and not resolved(lab)


def test_a_lab_with_voters_replays_to_the_same_history():
    lab = Lab("lab-5", "replayed")
    lab.node.forensics(node="worker-3", output="worker-3")
    lab.consensus.force_view_change(new_view=1)
    again = replay(lab.journal(), "lab-5", "replayed")
    assert again.fingerprint() == lab.fingerprint()
