"""The cluster as an operator meets it: it comes up, breaks as it should, and replays."""

import os
import subprocess
import sys

import pytest

from course.catalogue import scenarios
from course.lab import Lab, replay
from course.lab.commands import VERBS, CommandError
from course.lab.signals import cluster_signals, node_signals

CONTROLLERS = ["controller-1", "controller-2", "controller-3"]


def bring_up(lab):
    for name in CONTROLLERS:
        lab.server.start(host=name)
    lab.cluster.bootstrap(cluster_id="lab", controllers=CONTROLLERS)
    for row in lab.host.list():
        if row["role"] == "worker":
            lab.server.start(host=row["host"])
            lab.node.join(node_id=row["host"], controller="controller-1:8080")
    lab.run(10)


def checks(lab):
    return {check["check"]: check["ok"] for check in lab.cluster.health()["checks"]}


@pytest.fixture
def day_1():
    return Lab("day-1")


def test_bare_hosts_become_a_healthy_cluster():
    lab = Lab("bare-hosts")
    bring_up(lab)
    assert lab.cluster.health()["healthy"]


def test_a_scenario_that_says_deployed_is_healthy_or_says_why_not():
    assert Lab("day-1").cluster.health()["healthy"]
    four = checks(Lab("four-controllers"))
    assert [name for name, ok in four.items() if not ok] == ["controllers"]


def test_four_controllers_survive_no_more_than_three():
    assert Lab("four-controllers").consensus.quorum_status()["may_crash"] == 1
    assert Lab("day-1").consensus.quorum_status()["may_crash"] == 1


def test_a_stopped_leader_is_replaced_and_comes_back(day_1):
    leader = day_1.cluster.status()["leader"]
    day_1.server.stop(host=leader)
    day_1.run(2)
    status = day_1.cluster.status()
    assert status["leader"] not in (None, leader)
    day_1.server.start(host=leader)
    day_1.run(5)
    assert day_1.cluster.health()["healthy"]


def test_without_a_majority_nothing_is_decided_and_guests_run_on(day_1):
    day_1.vm.create(name="shop")
    for name in CONTROLLERS[:2]:
        day_1.server.stop(host=name)
    day_1.run(30)
    with pytest.raises(CommandError, match="NO_LEADER|CONSENSUS_STALLED"):
        day_1.vm.create(name="late")
    assert day_1.world.hosts["worker-1"].guests["shop"].running


def test_a_clock_that_is_off_starts_no_election(day_1):
    term = day_1.cluster.status()["term"]
    for host, ms in zip(CONTROLLERS, (-3_600_000, 0, 7_200_000), strict=True):
        day_1.inject("clock-skew", host=host, ms=ms)
    day_1.run(600)
    assert day_1.cluster.status()["term"] == term


@pytest.mark.parametrize(
    ("fault", "arguments", "words"),
    [
        ("clock-skew", {"ms": -2_400_000}, "not yet valid"),
        ("wrong-cluster-id", {"written": "prod"}, "cluster id is lab, not prod"),
    ],
)
def test_a_worker_that_cannot_join_says_why(fault, arguments, words):
    lab = Lab("bare-hosts")
    for name in CONTROLLERS:
        lab.server.start(host=name)
    lab.cluster.bootstrap(cluster_id="lab", controllers=CONTROLLERS)
    lab.inject(fault, host="worker-4", **arguments)
    lab.server.start(host="worker-4")
    row = lab.node.join(node_id="worker-4", controller="controller-1:8080")
    assert row["status"] == "failed"
    assert words in row["reason"]


def test_a_closed_port_8080_refuses_the_join():
    lab = Lab("bare-hosts")
    for name in CONTROLLERS:
        lab.server.start(host=name)
    lab.cluster.bootstrap(cluster_id="lab", controllers=CONTROLLERS)
    lab.inject("closed-ports", host="controller-1", first=8080, last=8080)
    lab.server.start(host="worker-1")
    row = lab.node.join(node_id="worker-1", controller="controller-1:8080")
    assert "8080 connection refused" in row["reason"]
    assert lab.node.join(node_id="worker-1", controller="controller-2:8080")["status"] == "ready"


def test_a_wrong_peer_name_is_named_and_mending_it_elects_a_leader():
    lab = Lab("friday-handover")
    for name in CONTROLLERS:
        lab.server.start(host=name)
    with pytest.raises(CommandError, match="controler-2 name does not resolve"):
        lab.cluster.bootstrap(cluster_id="lab", controllers=CONTROLLERS)
    lab.server.init(host="controller-1")
    lab.server.start(host="controller-1")
    lab.host.open_ports(host="controller-3", first=8082, last=8082)
    assert lab.cluster.bootstrap(cluster_id="lab", controllers=CONTROLLERS)["leader"]


def test_a_controller_that_is_not_among_its_own_peers_does_not_start():
    lab = Lab("bare-hosts")
    lab.server.init(host="controller-1", peers=["controller-2", "controller-3"])
    with pytest.raises(CommandError, match="does not name controller-1 itself"):
        lab.server.start(host="controller-1")


def test_six_data_ports_give_six_streams(day_1):
    day_1.inject("closed-ports", host="worker-7", first=8091, last=8100)
    assert day_1.migration.test(source="worker-1", target="worker-7")["streams"] == 6


def test_no_data_port_fails_the_migration_and_the_guest_stays(day_1):
    day_1.vm.create(name="shop", node="worker-1")
    day_1.inject("closed-ports", host="worker-7", first=8085, last=8100)
    day_1.migration.start(vm="shop", target="worker-7")
    status = day_1.migration.wait(vm="shop")
    assert status["status"] == "failed" and "TRANSPORT_UNAVAILABLE" in status["error"]
    inspected = day_1.vm.inspect(vm="shop")
    assert (inspected["node"], inspected["owner"], inspected["status"]) == (
        "worker-1", "worker-1", "running",
    )  # fmt: skip


@pytest.mark.parametrize("target", ["worker-2", "worker-8"])
def test_a_migration_carries_the_memory_and_moves_the_ownership_once(day_1, target):
    day_1.vm.create(name="shop", node="worker-1", dirty_mb_s=20)
    day_1.migration.start(vm="shop", target=target)
    copies = set()
    while not day_1.world.migrations["shop"].is_over:
        day_1.run(0.25)
        homes = [h for h in day_1.world.hosts.values() if "shop" in h.guests]
        copies.add(len(homes))
        assert sum(h.guests["shop"].running for h in homes) <= 1
    status = day_1.migration.status(vm="shop")
    assert status["status"] == "completed" and status["hashes_equal"]
    assert copies == {1}
    inspected = day_1.vm.inspect(vm="shop")
    assert (inspected["node"], inspected["owner"], inspected["owner_version"]) == (
        target,
        target,
        2,
    )


def test_a_target_that_dies_in_mid_round_costs_the_guest_nothing(day_1):
    day_1.vm.create(name="shop", node="worker-1")
    day_1.migration.start(vm="shop", target="worker-8")
    day_1.run(5)
    day_1.inject("service-stopped", host="worker-8")
    status = day_1.migration.wait(vm="shop")
    assert (status["status"], status["error"]) == ("failed", "worker-8 went down")
    assert day_1.vm.inspect(vm="shop")["status"] == "running"


def test_planning_values_are_met_for_two_gigabytes(day_1):
    day_1.vm.create(name="shop", node="worker-1")
    day_1.migration.start(vm="shop", target="worker-2")
    inside = day_1.migration.wait(vm="shop")
    assert 10 <= inside["duration_s"] <= 20
    assert 0.50 <= inside["compression_ratio"] <= 0.70
    assert 0.20 <= inside["dedup_hit_rate"] <= 0.40


HISTORY = """
from course.lab import Lab
lab = Lab("day-1", seed=5)
lab.vm.create(name="shop", memory_gb=1)
lab.migration.start(vm="shop", target="worker-9")
lab.migration.wait(vm="shop")
lab.server.stop(host="controller-1")
lab.run(60)
print(lab.fingerprint())
"""


def test_one_seed_gives_one_history_in_every_process_and_under_every_hash_seed():
    prints = set()
    for hash_seed in ("0", "1", "424242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", HISTORY],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        prints.add(done.stdout)
    assert len(prints) == 1


def test_a_journal_replays_to_the_same_history_and_another_seed_does_not():
    lab = Lab("bare-hosts", seed="learner-7")
    bring_up(lab)
    with pytest.raises(CommandError):
        lab.node.join(node_id="nobody", controller="controller-1")
    assert replay(lab.journal(), "bare-hosts", "learner-7").fingerprint() == lab.fingerprint()
    assert replay(lab.journal(), "bare-hosts", "learner-8").fingerprint() != lab.fingerprint()


@pytest.mark.parametrize("journal", [None, [1], [{"verb": "node list"}], [{}] * 5_001])
def test_what_is_not_a_journal_is_refused_in_words(journal):
    with pytest.raises(ValueError, match="journal"):
        replay(journal, "day-1", 1)


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        ("node jion", {}, "no verb 'node jion'; there are"),
        ("node join", {"node": "worker-1"}, "it takes node_id, controller, region"),
        ("vm inspect", {"vm": "ghost"}, "VM_NOT_FOUND"),
        ("migration start", {"vm": "ghost"}, "VM_NOT_FOUND"),
        ("migration status", {"vm": "ghost"}, "MIGRATION_NOT_FOUND"),
        ("amst set-streams", {"count": 17}, "16 data ports"),
        ("hde set-compression", {"level": 20}, "1 to 19"),
        ("clock run", {"seconds": -1}, "0 to 86,400"),
        ("cluster bootstrap", {"cluster_id": "lab", "controllers": CONTROLLERS}, "done once"),
        ("network test", {"source": "worker-1", "target": "worker-99"}, "NODE_NOT_FOUND"),
    ],
)
def test_wrong_commands_say_what_would_be_right_and_change_nothing(day_1, verb, arguments, words):
    before = day_1.fingerprint()
    with pytest.raises(CommandError, match=words):
        day_1.do(verb, **arguments)
    assert day_1.fingerprint() == before


def test_every_verb_explains_itself():
    assert [name for name, function in VERBS.items() if not function.__doc__] == []


def test_the_signals_of_a_healthy_cluster_are_healthy(day_1):
    signals = cluster_signals(day_1)
    assert signals["controllers_majority"] and signals["workers_not_ready_share"] == 0
    assert signals["first_alert"] == "none"
    node = node_signals(day_1, "worker-3")
    assert node["ports_ok"] and node["certificate_ok"] and node["test_migration_ok"]


def test_every_scenario_fits_the_schema_and_makes_a_lab():
    for name in scenarios.names():
        assert Lab(name).host.list()


def test_a_scenario_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(ValueError, match="day-1"):
        Lab("day-9")
