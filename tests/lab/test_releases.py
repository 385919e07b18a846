"""Versions come and go by four methods, a release may have a flaw, and state can be compared."""

import itertools

import pytest

from course.lab import Lab
from course.lab.commands import CommandError

WORKERS = [f"worker-{number}" for number in range(1, 11)]


@pytest.fixture
def lab():
    lab = Lab("day-1", 3)
    for number in (1, 2, 3):
        lab.vm.create(name=f"app-{number}", memory_gb=0.25, node=f"worker-{number}")
    lab.cluster.snapshot(name="before")
    return lab


def versions(lab):
    return set(lab.upgrade.status()["versions"])


def events(lab, name):
    return [event for event in lab.world.history if event.name == name]


@pytest.mark.parametrize("method", ["rolling", "in-place", "emergency"])
def test_each_method_brings_every_node_to_the_version_and_loses_no_vm(lab, method):
    done = lab.upgrade.start(version="3.0.1", method=method)
    assert done["stopped"] is None and not done["missed"]
    assert {row["status"] for row in done["nodes"]} == {"ready"}
    assert versions(lab) == {"3.0.1"}
    inventory = lab.vm.inventory(since="before")
    assert inventory["running"] == 3
    assert not any(inventory[k] for k in ("duplicates", "nowhere", "misplaced", "missing", "new"))
    assert lab.cluster.health()["healthy"]


def test_what_a_method_costs_rolling_moves_guests_in_place_leaves_them_emergency_stops_them(lab):
    where = lambda: {row["vm"]: row["node"] for row in lab.vm.list()}  # noqa: E731
    before = where()
    lab.upgrade.start(version="3.0.1", nodes=["worker-1"], method="in-place")
    assert where() == before and not events(lab, "guest_stopped")
    lab.upgrade.start(version="3.0.1", nodes=["worker-2"], method="rolling")
    assert where() != before and not events(lab, "guest_stopped")
    lab.upgrade.start(version="3.0.1", nodes=["worker-3"], method="emergency")
    assert events(lab, "guest_stopped")


def test_the_control_plane_keeps_its_majority_while_controllers_are_exchanged_one_by_one(lab):
    lab.upgrade.start(version="3.0.1", nodes=["controller-1", "controller-2", "controller-3"])
    starts = [e.at for e in events(lab, "version_installed")]
    assert all(later - earlier >= 10_000_000 for earlier, later in itertools.pairwise(starts))
    assert lab.cluster.status()["leader"]


def test_blue_green_is_for_controllers_and_not_while_a_vm_moves(lab):
    controllers = ["controller-1", "controller-2", "controller-3"]
    with pytest.raises(CommandError, match="blue-green is for controllers"):
        lab.upgrade.start(version="3.0.1", nodes=["worker-1"], method="blue-green")
    lab.migration.start(vm="app-1", target="worker-8")
    with pytest.raises(CommandError, match="VM_MIGRATING"):
        lab.upgrade.start(version="3.0.1", nodes=controllers, method="blue-green")
    lab.migration.wait(vm="app-1")
    done = lab.upgrade.start(version="3.0.1", nodes=controllers, method="blue-green")
    assert done["stopped"] is None and done["took_s"] == 300


def test_blue_takes_over_again_when_the_workers_do_not_follow(lab):
    lab.inject("bad-release", version="3.1.0", kind="crash-loop", amount=1)
    done = lab.upgrade.start(
        version="3.1.0", nodes=["controller-1", "controller-2", "controller-3"], method="blue-green"
    )
    assert "blue has taken over again" in done["stopped"]
    assert versions(lab) == {"3.0.0"}


def test_a_crash_loop_goes_on_until_the_version_is_gone(lab):
    lab.inject("bad-release", version="3.1.0", kind="crash-loop", amount=20)
    lab.upgrade.start(version="3.1.0", nodes=WORKERS, method="in-place")
    lab.run(120)
    assert len(events(lab, "service_crashed")) > 20
    lab.upgrade.rollback(version="3.0.0", nodes=WORKERS, method="in-place")
    fallen = len(events(lab, "service_crashed"))
    lab.run(600)
    assert len(events(lab, "service_crashed")) == fallen
    assert lab.vm.inventory(since="before")["running"] == 3


def test_a_rolling_upgrade_stops_at_the_second_failed_batch(lab):
    lab.inject("bad-release", version="3.1.0", kind="crash-loop", amount=1)
    done = lab.upgrade.start(version="3.1.0", nodes=WORKERS)
    assert "two batches failed" in done["stopped"]
    assert sum(row["version"] == "3.1.0" for row in done["nodes"]) == 2


def test_a_leak_ends_in_the_kernels_log_and_the_service_comes_back(lab):
    lab.inject("bad-release", version="3.1.0", kind="leak", amount=2.0)
    lab.upgrade.start(version="3.1.0", nodes=["worker-9"], method="in-place")
    before = lab.host.top(host="worker-9")["free_gb"]
    lab.run(60)
    assert lab.host.top(host="worker-9")["free_gb"] < before
    lab.run(240)
    assert events(lab, "oom_killed")
    lab.run(30)
    assert [r["status"] for r in lab.node.list() if r["node"] == "worker-9"] == ["ready"]


def test_a_release_with_errors_fails_its_share_of_migrations_and_the_source_runs_on(lab):
    lab.inject("bad-release", version="3.1.0", kind="errors", amount=1.0)
    lab.upgrade.start(version="3.1.0", nodes=["worker-1"], method="in-place")
    lab.migration.start(vm="app-1", target="worker-4")
    status = lab.migration.wait(vm="app-1")
    assert status["status"] == "failed" and "INTERNAL_ERROR" in status["error"]
    assert lab.vm.inspect(vm="app-1")["status"] == "running"


def test_a_slow_release_makes_the_transfer_take_longer(lab):
    def took(vm, target):
        lab.migration.start(vm=vm, target=target)
        return lab.migration.wait(vm=vm)["duration_s"]

    before = took("app-1", "worker-4")
    lab.inject("bad-release", version="3.1.0", kind="slow", amount=0.05)
    lab.upgrade.start(version="3.1.0", nodes=["worker-4"], method="in-place")
    assert took("app-1", "worker-1") > 1.5 * before


def test_nodes_that_cannot_be_reached_are_missed_and_said(lab):
    lab.inject("crash", host="worker-7")
    done = lab.upgrade.start(version="3.0.1", nodes=WORKERS, method="in-place")
    assert done["missed"] == ["worker-7"]
    assert not lab.upgrade.status()["uniform"]


def test_a_hotfix_goes_to_one_node_first_and_no_further_if_that_one_is_not_well(lab):
    lab.inject("bad-release", version="3.1.1", kind="crash-loop", amount=1)
    done = lab.upgrade.apply_patch(patch="3.1.1", nodes=WORKERS)
    assert len(done["nodes"]) == 1
    assert lab.upgrade.status()["versions"]["3.1.1"] == ["worker-1"]


def test_wrong_versions_and_methods_are_refused_with_what_there_is(lab):
    with pytest.raises(CommandError, match=r"no release '4\.0\.0'; there are 2\.9\.4"):
        lab.upgrade.start(version="4.0.0")
    with pytest.raises(CommandError, match="no method 'quick'; there are rolling"):
        lab.upgrade.start(version="3.0.1", method="quick")
    with pytest.raises(CommandError, match=r"3\.1\.0 is newer than all nodes"):
        lab.upgrade.rollback(version="3.1.0")
    with pytest.raises(ValueError, match="no flaw 'ugly'; there are crash-loop"):
        lab.inject("bad-release", version="3.1.0", kind="ugly", amount=1)


def test_equal_states_have_equal_checksums_and_differing_keys_are_named(lab):
    first = lab.state_sync.export(output="one")
    second = lab.state_sync.export(output="two")
    assert first["sha256"] == second["sha256"]
    assert lab.state_sync.verify(checksum="one")["equal"]
    assert lab.state_sync.verify(checksum=first["sha256"])["equal"]
    lab.vm.create(name="late", memory_gb=0.25, node="worker-4")
    found = lab.state_sync.verify(checksum="one")
    assert not found["equal"] and found["differing"] == ["owner of late", "vm late"]
    assert lab.state_sync.verify(node="controller-2")["equal"]
    with pytest.raises(CommandError, match="nothing is overwritten"):
        lab.state_sync.export(output="one")


def test_the_inventory_says_what_is_missing_and_what_runs_nowhere(lab):
    lab.inject("crash", host="worker-2")
    lab.vm.delete(vm="app-3")
    found = lab.vm.inventory(since="before")
    assert found["missing"] == ["app-3"] and found["nowhere"] == ["app-2"]


def test_a_backup_counts_when_it_has_been_read_back(lab):
    assert lab.backup.create(name="nightly")["verified"]
    assert [row["kind"] for row in lab.backup.list()] == ["snapshot", "backup"]


def test_a_worker_that_restarts_rejoins_by_itself_through_any_controller(lab):
    lab.inject("crash", host="controller-1", for_s=600)
    lab.inject("crash", host="worker-5", for_s=30)
    lab.run(90)
    assert [r["status"] for r in lab.node.list() if r["node"] == "worker-5"] == ["ready"]
