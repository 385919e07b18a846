"""Faults on demand: each does what its name says, ends when it should, and harms nothing else."""

import pytest

from course.lab import Lab, replay
from course.lab.commands import CommandError
from course.lab.faults import FAULTS


def moving(lab, memory_gb=1.0, target="worker-8"):
    """A VM on its way across regions, one second into it."""
    lab.vm.create(name="shop", memory_gb=memory_gb, node="worker-1")
    lab.migration.start(vm="shop", target=target)
    lab.run(1)
    return lab.migration.status(vm="shop")


def runs_once(lab, vm="shop"):
    """Where a VM runs: on exactly one host, and the one that owns it."""
    running = [
        host.name
        for host in lab.world.hosts.values()
        if vm in host.guests and host.guests[vm].running
    ]
    return running == [lab.vm.inspect(vm=vm)["owner"]]


@pytest.fixture
def lab():
    return Lab("day-1", seed=6)


def test_a_link_that_is_cut_and_mended_costs_time_and_no_byte(lab):
    calm = Lab("day-1", seed=6)
    moving(calm)
    undisturbed = calm.migration.wait(vm="shop")["duration_s"]
    moving(lab)
    lab.inject("link-cut", a="us-east", b="eu-west", for_s=10)
    status = lab.migration.wait(vm="shop")
    assert status["status"] == "completed" and status["hashes_equal"] and runs_once(lab)
    assert undisturbed + 9 < status["duration_s"] < undisturbed + 20


def test_a_link_that_stays_cut_ends_the_migration_and_the_vm_runs_on_at_the_source(lab):
    moving(lab)
    lab.inject("partition", region="eu-west")
    status = lab.migration.wait(vm="shop")
    assert status["status"] == "failed" and "no stream made progress for 30 s" in status["error"]
    assert runs_once(lab) and lab.vm.inspect(vm="shop")["node"] == "worker-1"


def test_a_one_way_cut_stops_it_as_well_because_nothing_is_acknowledged(lab):
    moving(lab)
    lab.inject("link-cut", a="eu-west", b="us-east", both_ways=False)
    assert lab.migration.wait(vm="shop")["status"] == "failed"


def test_a_throttled_link_and_a_slow_encoder_slow_it_down(lab):
    moving(lab)
    before = lab.migration.status(vm="shop")["rate_mbps"]
    lab.inject("link-throttled", a="us-east", b="eu-west", share=0.25)
    assert lab.migration.wait(vm="shop")["rate_mbps"] == pytest.approx(before / 4, rel=0.05)
    times = {}
    for share in (1.0, 0.1):
        again = Lab("day-1", seed=6)
        again.inject("slow-cpu", host="worker-1", share=share)
        moving(again, target="worker-2")
        times[share] = again.migration.wait(vm="shop")["duration_s"]
    assert times[0.1] > 3 * times[1.0]


def test_loss_takes_from_cubic_what_bbr_keeps(lab):
    rates = {}
    for algorithm in ("bbr2", "cubic"):
        each = Lab("day-1", seed=6)
        each.amst.set_cc(algorithm=algorithm)
        each.inject("link-loss", a="us-east", b="eu-west", loss=0.02)
        moving(each)
        rates[algorithm] = each.migration.status(vm="shop")["rate_mbps"]
    assert rates["bbr2"] > 3 * rates["cubic"]


@pytest.mark.parametrize("victim", ["worker-1", "worker-8"])
def test_a_crash_in_mid_migration_never_leaves_two_copies(lab, victim):
    moving(lab)
    lab.inject("crash", host=victim)
    assert lab.migration.wait(vm="shop")["status"] == "failed"
    copies = [host.name for host in lab.world.hosts.values() if "shop" in host.guests]
    assert copies == ["worker-1"] and lab.vm.inspect(vm="shop")["owner"] == "worker-1"
    assert lab.world.hosts["worker-1"].guests["shop"].running == (victim == "worker-8")


def test_a_paused_worker_is_missed_and_comes_back(lab):
    lab.inject("pause", host="worker-3", for_s=40)
    lab.run(30)
    assert {r["node"]: r["status"] for r in lab.node.list()}["worker-3"] == "unreachable"
    lab.run(30)
    assert {r["node"]: r["status"] for r in lab.node.list()}["worker-3"] == "ready"


def test_a_paused_leader_is_replaced_and_does_not_lead_two_terms_when_it_goes_on(lab):
    old = lab.cluster.status()["leader"]
    lab.inject("pause", host=old, for_s=5)
    lab.run(4)
    new = lab.cluster.status()["leader"]
    lab.run(4)
    assert new != old and lab.cluster.status()["leader"] == new
    rows = {row["node"]: row for row in lab.cluster.status()["controllers"]}
    assert rows[old]["leader"] == new and len({row["term"] for row in rows.values()}) == 1


def test_a_partition_stops_the_smaller_side_and_heals(lab):
    lab.inject("partition", region="eu-west", for_s=60)
    lab.run(40)
    rows = {row["node"]: row["status"] for row in lab.node.list()}
    assert rows["worker-8"] == "unreachable" and rows["worker-1"] == "ready"
    assert lab.cluster.status()["leader"], "all three controllers are on the larger side"
    lab.run(60)
    assert lab.cluster.health()["healthy"]


def test_a_controller_whose_disk_is_full_stops_rather_than_forget(lab):
    leader = lab.cluster.status()["leader"]
    lab.inject("full-disk", host=leader)
    with pytest.raises(CommandError, match="LEADER_CHANGED"):
        lab.vm.create(name="shop", memory_gb=0.5)
    lab.run(5)
    lab.vm.create(name="shop", memory_gb=0.5)
    assert not lab.world.hosts[leader].is_up
    assert lab.cluster.status()["leader"] not in (None, leader)
    assert lab.vm.inspect(vm="shop")["owner"]


def test_a_slow_disk_slows_decisions_and_nothing_else(lab):
    def slowest():
        checks = {row["check"]: row["found"] for row in lab.cluster.health()["checks"]}
        return float(checks["consensus"].split("commits ")[1].split(" ms")[0])

    before = slowest()
    for host in ("controller-1", "controller-2", "controller-3"):
        lab.inject("slow-disk", host=host, ms=80)
    assert slowest() > before + 80


def test_flapping_and_latency_come_and_go(lab):
    lab.inject("link-latency", a="us-east", b="eu-west", ms=300, for_s=20)
    assert lab.network.test(source="worker-1", target="worker-8")["rtt_ms"] == 390
    end = lab.inject("link-flapping", a="worker-1", b="worker-2", down_s=5, up_s=5)
    seen = set()
    for _ in range(12):
        lab.run(2.5)
        seen.add(lab.world.is_cut("worker-1", "worker-2"))
    assert seen == {True, False}
    end()
    lab.run(30)
    assert not lab.world.is_cut("worker-1", "worker-2")
    assert lab.network.test(source="worker-1", target="worker-8")["rtt_ms"] == 90


def test_a_fault_may_begin_later_and_end_by_itself(lab):
    lab.inject("service-stopped", host="worker-2", at_s=10, for_s=20)
    states = []
    for _ in range(4):
        lab.run(9)
        states.append(lab.world.hosts["worker-2"].is_up)
    assert states == [True, False, False, True]


@pytest.mark.parametrize(
    ("fault", "arguments", "words"),
    [
        ("gremlins", {}, "no fault is named 'gremlins'; there are closed-ports"),
        ("crash", {}, "missing a required argument: 'host'; it takes host"),
        ("crash", {"host": "worker-99"}, "no host 'worker-99'"),
        ("partition", {"region": "mars"}, "no host or region 'mars'; regions are eu-west, us-east"),
        ("link-loss", {"a": "all", "b": "all", "loss": 2}, "loss is 2; give 0 to 1"),
        ("slow-cpu", {"host": "worker-1", "share": 0}, "share is 0; give 0.01 to 1"),
        ("wrong-cluster-id", {"host": "worker-1", "written": "x", "for_s": 5}, "does not end"),
    ],
)
def test_a_fault_that_cannot_be_says_why(lab, fault, arguments, words):
    with pytest.raises(ValueError, match=words):
        lab.inject(fault, **arguments)


def test_every_fault_says_what_it_does():
    assert len(FAULTS) >= 16 and all(function.__doc__ for function in FAULTS.values())


# what an operator does about it


def test_a_drained_node_is_empty_and_gets_nothing_new(lab):
    for number in range(3):
        lab.vm.create(name=f"vm-{number}", memory_gb=0.5, node="worker-1")
    done = lab.node.drain(node="worker-1", reason="new memory")
    assert done["moved"] == 3 and lab.vm.count(node="worker-1") == {"vms": 0}
    assert {row["node"]: row["status"] for row in lab.node.list()}["worker-1"] == "draining"
    chosen = {lab.vm.create(name=f"new-{n}", memory_gb=0.25)["node"] for n in range(4)}
    assert "worker-1" not in chosen
    lab.node.uncordon(node="worker-1")
    assert {row["node"]: row["status"] for row in lab.node.list()}["worker-1"] == "ready"


def test_an_exclusion_expires(lab):
    lab.placement.avoid_node(node="worker-1", duration=60)
    assert {row["node"]: row["status"] for row in lab.node.list()}["worker-1"] == "draining"
    lab.run(61)
    assert {row["node"]: row["status"] for row in lab.node.list()}["worker-1"] == "ready"
    rows = lab.placement.set_blacklist(region="eu-west", duration=60, reason="storm")
    assert [row["node"] for row in rows] == [f"worker-{n}" for n in (7, 8, 9, 10)]


def test_a_cancelled_migration_can_be_tried_again_and_a_finished_one_not_cancelled(lab):
    moving(lab)
    done = lab.migration.cancel(vm="shop", reason="wrong target")
    assert (done["status"], done["error"]) == ("cancelled", "wrong target") and runs_once(lab)
    again = lab.migration.retry(vm="shop", target="worker-2", amst_streams=4)
    assert again["retry_of"] == done["id"] and again["id"] != done["id"]
    finished = lab.migration.wait(vm="shop")
    assert (finished["status"], finished["streams"]) == ("completed", 4)
    with pytest.raises(CommandError, match="MIGRATION_NOT_CANCELLABLE"):
        lab.migration.cancel(vm="shop")
    with pytest.raises(CommandError, match="completed, not failed"):
        lab.migration.retry(vm="shop")


def test_a_migration_that_takes_too_long_ends_by_its_timeout(lab):
    lab.vm.create(name="shop", memory_gb=1, node="worker-1")
    lab.migration.set_timeout(vm="shop", timeout=5)
    lab.migration.start(vm="shop", target="worker-8")
    status = lab.migration.wait(vm="shop")
    assert status["status"] == "failed" and "MIGRATION_TIMEOUT" in status["error"]
    assert runs_once(lab)


def test_a_node_that_is_not_empty_cannot_be_removed_and_one_asks_before(lab):
    lab.vm.create(name="shop", memory_gb=0.5, node="worker-1")
    with pytest.raises(CommandError, match="say --confirm"):
        lab.node.remove(node="worker-1")
    with pytest.raises(CommandError, match="NODE_NOT_EMPTY"):
        lab.node.remove(node="worker-1", confirm=True)
    lab.node.drain(node="worker-1")
    assert lab.node.remove(node="worker-1", confirm=True)["state"] == "removed"
    with pytest.raises(CommandError, match="VMs run on workers"):
        lab.node.drain(node="controller-1")


def test_deleting_waits_for_a_migration(lab):
    moving(lab)
    with pytest.raises(CommandError, match="VM_MIGRATING"):
        lab.vm.delete(vm="shop")
    lab.migration.wait(vm="shop")
    assert lab.vm.delete(vm="shop")["status"] == "deleted"
    assert lab.vm.list() == [] and lab.vm.count() == {"vms": 0}


def test_a_journal_of_all_this_replays(lab):
    moving(lab)
    lab.migration.cancel(vm="shop")
    lab.node.drain(node="worker-1")
    lab.placement.avoid_node(node="worker-5", duration=30)
    lab.migration.set_timeout(vm="shop", timeout=60)
    again = replay(lab.journal(), "day-1", 6)
    assert again.fingerprint() == lab.fingerprint()


def test_the_page_for_authors_lists_every_fault_with_what_it_takes():
    import inspect
    import re
    from pathlib import Path

    page = Path(__file__).parent.parent.parent / "docs" / "incidents.md"
    rows = dict(re.findall(r"^\| `([a-z-]+)`[^|]*\| ([^|]+) \|", page.read_text("utf-8"), re.M))
    wanted = {
        name: ", ".join(list(inspect.signature(function).parameters)[1:])
        for name, function in FAULTS.items()
    }
    assert rows == wanted
