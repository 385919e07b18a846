"""The control plane under the operator's hand: who leads, its timers, its members, its last resort."""

import pytest

from course.lab import Lab
from course.lab.cluster import raft_of
from course.lab.commands import CommandError


@pytest.fixture
def lab():
    lab = Lab("day-1", 4)
    lab.vm.create(name="shop", memory_gb=0.25)
    return lab


def leader(lab):
    return lab.cluster.status()["leader"]


def other(lab):
    return next(
        row["node"] for row in lab.cluster.status()["controllers"] if row["node"] != leader(lab)
    )


def test_leadership_is_handed_over_within_a_second_and_nothing_is_lost(lab):
    target = other(lab)
    terms = lab.cluster.status()["term"]
    before = lab.now_s
    status = lab.consensus.failover(target=target)
    assert status["leader"] == target and status["term"] == terms + 1
    assert lab.now_s - before < 2
    assert lab.vm.inspect(vm="shop")["owner"]
    with pytest.raises(CommandError, match="leads already"):
        lab.consensus.failover(target=target)
    with pytest.raises(CommandError, match="worker-1 is a worker"):
        lab.consensus.failover(target="worker-1")


def test_a_controller_that_is_behind_does_not_get_the_lead(lab):
    target = other(lab)
    lab.inject("link-cut", a=leader(lab), b=target, both_ways=False)
    lab.inject("slow-disk", host=target, ms=2_000)
    lab.vm.create(name="late", memory_gb=0.25)
    with pytest.raises((CommandError, RuntimeError), match=r"behind|did not win"):
        lab.consensus.failover(target=target)


def test_timeouts_hold_on_all_controllers_and_after_a_restart(lab):
    lab.raft.set_timeout(election=900, heartbeat=300)
    lab.server.start(host="controller-2")
    lab.run(5)
    timings = {raft_of(lab.world.hosts[f"controller-{n}"]).timing.election for n in (1, 2, 3)}
    assert timings == {900_000}
    with pytest.raises(CommandError, match="a third of it"):
        lab.raft.set_timeout(election=300, heartbeat=150)


def test_a_controller_that_lost_its_copy_gets_the_leaders(lab):
    lost = other(lab)
    lab.node.rejoin(node=lost)
    assert lab.state_sync.verify(node=lost)["equal"]
    assert lab.consensus.quorum_status()["present"] == 3
    with pytest.raises(CommandError, match="leads; the others rejoin it"):
        lab.node.rejoin(node=leader(lab))


def test_the_log_shows_what_was_decided_and_whether_it_is_committed(lab):
    rows = lab.raft.logs(node="controller-1", tail=3)
    assert any(row["command"].startswith("create {'vm': 'shop'") for row in rows)
    assert all(row["committed"] for row in rows)


def test_the_last_resort_brings_the_cluster_back_from_one_copy(lab):
    lab.run(5)
    lab.inject("crash", host="controller-2")
    lab.inject("crash", host="controller-3")
    lab.run(20)
    with pytest.raises(CommandError, match="say --force"):
        lab.cluster.emergency_bootstrap(node="controller-1")
    status = lab.cluster.emergency_bootstrap(node="controller-1", force=True)
    assert status["leader"] == "controller-1" and status["vms"] == 1
    for name in ("controller-2", "controller-3"):
        lab.host.reboot(host=name)
        lab.node.rejoin(node=name)
    lab.run(10)
    assert lab.cluster.health()["healthy"]
    assert lab.vm.inventory()["running"] == 1


def test_nobody_forces_a_control_plane_that_has_a_majority(lab):
    with pytest.raises(CommandError, match="a majority answers"):
        lab.cluster.emergency_bootstrap(node="controller-1", force=True)


def test_a_partition_is_seen_as_groups(lab):
    assert not lab.network.partition_detect()["partitioned"]
    lab.inject("partition", region="eu-west")
    lab.inject("crash", host="worker-6")
    found = lab.network.partition_detect()
    assert [len(group) for group in found["groups"]] == [8, 4] and found["silent"] == ["worker-6"]


def test_the_network_is_measured_as_it_is_now(lab):
    rows = {
        row["node"]: row for row in lab.network.latency(nodes=["worker-1", "worker-2", "worker-8"])
    }
    assert rows["worker-1"]["worker-2"] == 0.8 and rows["worker-1"]["worker-8"] == 90
    assert lab.network.speedtest(source="worker-1", target="worker-8")["mbps"] == 188.0
    assert not any(row["congested"] for row in lab.network.congestion_detect(node="worker-1"))
    lab.inject("link-latency", a="us-east", b="eu-west", ms=120)
    lab.inject("link-capped", a="us-east", b="eu-west", mbps=50)
    assert lab.network.speedtest(source="worker-1", target="worker-8")["mbps"] == 47.0
    found = {
        row["region"]: row["congested"] for row in lab.network.congestion_detect(node="worker-1")
    }
    assert found == {"us-east": False, "eu-west": True}
    lab.inject("link-cut", a="worker-1", b="worker-8")
    assert lab.network.speedtest(source="worker-1", target="worker-8")["mbps"] == 0
    assert lab.network.latency(nodes=["worker-1", "worker-8"])[0]["worker-8"] is None


def test_streams_and_rate_of_a_running_transfer(lab):
    source = lab.vm.inspect(vm="shop")["node"]
    lab.migration.start(vm="shop", target="worker-8")
    lab.run(1)
    row = lab.amst.status(migration="shop")
    assert row["streams"] == 8 and row["rate_mbps"] == 188.0 and row["link_share"] == 0.94
    assert lab.amst.status(node=source) == [row]
    assert len(lab.amst.stream_status(node="worker-8")["streams"]) == 8
    lab.migration.wait(vm="shop")
    assert lab.amst.status() == [] and lab.amst.stream_status(node="worker-8")["streams"] == []


def test_a_refused_request_may_take_effect_later_and_what_it_left_can_be_deleted(lab):
    leads = leader(lab)
    followers = [f"controller-{n}" for n in (1, 2, 3) if f"controller-{n}" != leads]
    for name in followers:
        lab.inject("full-disk", host=name)
    for vm in ("cart", "order"):
        with pytest.raises(CommandError, match="CONSENSUS_STALLED"):
            lab.vm.create(name=vm, memory_gb=0.25)
    with pytest.raises(CommandError, match="CONSENSUS_STALLED"):
        lab.vm.stop(vm="shop")
    copies = [lab.node.forensics(node=f"controller-{n}", output=f"copy-{n}") for n in (1, 2, 3)]
    ends = {copy["node"]: copy["log_end"]["index"] for copy in copies}
    assert max(ends, key=ends.get) == leads and len(set(ends.values())) == 2
    for name in followers:
        lab.host.free_disk(host=name)
        lab.server.start(host=name)
    lab.run(20)
    found = lab.vm.inventory()
    assert found["nowhere"] == ["cart"] and found["running"] == 1
    assert lab.vm.probe(vm="shop")["answers"]
    lab.vm.delete(vm="cart")
    assert lab.vm.inventory()["vms"] == 1
    with pytest.raises(CommandError, match="VM_NOT_FOUND"):
        lab.vm.delete(vm="cart")
