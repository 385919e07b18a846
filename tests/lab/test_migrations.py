"""Strategies, sizes and limits of a link, as an operator meets them."""

import pytest

from course.lab import Lab
from course.lab.commands import CommandError
from course.lab.links import Path, rate_mbps
from course.lab.memory import IMAGE_MAX, SCALE, scale_of
from course.lab.postcopy import slowed_to


def ready(memory_gb=1.0, dirty_mb_s=4.0, scenario="day-1"):
    lab = Lab(scenario, 11)
    lab.vm.create(name="shop", memory_gb=memory_gb, dirty_mb_s=dirty_mb_s, node="worker-1")
    return lab


def moved(strategy, lab=None):
    lab = lab or ready()
    lab.migration.set_strategy(vm="shop", strategy=strategy)
    lab.migration.start(vm="shop", target="worker-8")
    return lab.migration.wait(vm="shop")


def test_each_strategy_brings_the_whole_memory_and_its_own_downtime():
    rows = {name: moved(name) for name in ("pre-copy", "stop-and-copy", "post-copy")}
    assert all(row["status"] == "completed" and row["hashes_equal"] for row in rows.values())
    down = {name: row["downtime_s"] for name, row in rows.items()}
    assert down["post-copy"] < down["pre-copy"] < down["stop-and-copy"]
    assert down["stop-and-copy"] > 0.9 * rows["stop-and-copy"]["duration_s"] - 2
    assert rows["stop-and-copy"]["wire_gb"] <= rows["pre-copy"]["wire_gb"]


def test_post_copy_loses_the_guest_when_the_path_is_lost_and_pre_copy_never_does():
    for strategy, survives in (("post-copy", False), ("pre-copy", True)):
        lab = ready()
        lab.inject("link-cut", a="us-east", b="eu-west", at_s=4)
        row = moved(strategy, lab)
        assert row["status"] == "failed"
        running = [vm["status"] for vm in lab.vm.list()]
        assert (running == ["running"]) is survives
        if not survives:
            assert "nobody has the whole guest" in row["error"]


def test_a_lost_guest_boots_again_from_its_disk_where_it_is_owned():
    lab = ready()
    lab.inject("link-cut", a="us-east", b="eu-west", at_s=4, for_s=120)
    moved("post-copy", lab)
    lab.run(120)
    row = lab.vm.start(vm="shop")
    assert row["status"] == "running" and row["node"] == row["owner"] == "worker-8"


def test_a_post_copy_under_way_cannot_be_cancelled_and_its_limit_does_not_end_it():
    lab = ready()
    lab.migration.set_timeout(vm="shop", timeout=3)
    lab.migration.set_strategy(vm="shop", strategy="post-copy")
    lab.migration.start(vm="shop", target="worker-8")
    lab.run(2)
    with pytest.raises(CommandError, match="MIGRATION_NOT_CANCELLABLE"):
        lab.migration.cancel(vm="shop")
    assert lab.migration.wait(vm="shop")["status"] == "completed"


def test_hybrid_is_pre_copy_until_rounds_do_not_help():
    calm, busy = moved("hybrid"), moved("hybrid", ready(dirty_mb_s=900, memory_gb=2))
    assert calm["downtime_s"] == moved("pre-copy")["downtime_s"]
    assert busy["status"] == "completed" and busy["hashes_equal"]


def test_a_guest_waits_longer_the_more_is_missing_and_the_longer_the_path():
    assert slowed_to(0.0, 40, 100) == 1.0
    assert slowed_to(0.5, 40, 100) < slowed_to(0.1, 40, 100) < 1
    assert slowed_to(0.5, 40, 100) < slowed_to(0.5, 40, 1)
    assert slowed_to(0.5, 4.096, 1) == pytest.approx(1 / 1.5)  # 1,000 pages/s, half of them, 1 ms


@pytest.mark.parametrize(("memory_gb", "scale"), [(0.25, 32), (4, 32), (8, 64), (32, 256)])
def test_large_guests_are_scaled_more_and_say_so(memory_gb, scale):
    assert scale_of(memory_gb) == scale >= SCALE
    assert memory_gb * 2**30 / scale <= IMAGE_MAX


def test_a_large_guest_moves_as_the_planning_values_say():
    lab = Lab("large-hosts", 2)
    lab.vm.create(name="big", memory_gb=8, node="worker-1")
    lab.migration.start(vm="big", target="worker-2")
    row = lab.migration.wait(vm="big")
    assert row["status"] == "completed" and 30 <= row["duration_s"] <= 60
    assert row["memory_gb"] == 8


def test_a_limit_for_each_stream_is_overcome_with_streams_and_a_limit_for_all_is_not():
    each, all_ = Path(1, 1000, stream_mbps=20), Path(1, 100)
    assert rate_mbps(each, 16, "bbr2") == 2 * rate_mbps(each, 8, "bbr2") == 320
    assert rate_mbps(all_, 16, "bbr2") == rate_mbps(all_, 8, "bbr2")

    def rate(fault, streams, **arguments):
        lab = ready()
        lab.inject(fault, a="all", b="all", **arguments)
        lab.amst.set_streams(count=streams)
        lab.migration.start(vm="shop", target="worker-2")
        return lab.migration.wait(vm="shop")["rate_mbps"]

    assert rate("stream-throttled", 16, mbps=20) == 2 * rate("stream-throttled", 8, mbps=20)
    assert rate("link-capped", 16, mbps=100) == rate("link-capped", 8, mbps=100)


def test_a_deferred_migration_starts_when_it_was_said_and_says_why_if_it_cannot():
    lab = ready(memory_gb=0.25)
    lab.migration.defer(vm="shop", delay=60, target="worker-8")
    lab.run(59)
    assert lab.migration.list() == []
    lab.run(31)
    assert lab.vm.inspect(vm="shop")["node"] == "worker-8"
    lab.migration.defer(vm="shop", delay=10, target="worker-8")
    lab.run(11)
    (event,) = lab.events.list(duration=5, type="migration_not_started")
    assert "HOST_INCOMPATIBLE" in event["error"]


def test_a_benchmark_is_a_median_and_a_spread_and_leaves_nothing_behind():
    lab = ready(memory_gb=0.25)
    row = lab.migration.benchmark(source="worker-1", target="worker-2", iterations=3)
    assert row["passed"] == 3 and row["median_s"] > 0 and row["spread_s"] >= 0
    assert [vm["vm"] for vm in lab.vm.list()] == ["shop"]


def test_strategies_levels_and_sizes_that_do_not_exist_are_refused():
    lab = ready(memory_gb=0.25)
    with pytest.raises(CommandError, match="no strategy 'magic'; there are pre-copy"):
        lab.migration.set_strategy(vm="shop", strategy="magic")
    with pytest.raises(CommandError, match="level is 20; give 1 to 19"):
        lab.migration.set_compression(vm="shop", level=20)
    with pytest.raises(CommandError, match=r"memory_gb is 0\.25 to 64 here"):
        lab.vm.create(name="huge", memory_gb=128)
    with pytest.raises(CommandError, match="delay is 0 s"):
        lab.migration.defer(vm="shop", delay=0)


def test_a_thousand_workers_are_usable():
    lab = Lab("thousand", 1)
    assert lab.cluster.health()["healthy"]
    lab.vm.create(name="shop", memory_gb=0.25)
    lab.migration.start(vm="shop")
    assert lab.migration.wait(vm="shop")["status"] == "completed"


def test_a_vm_that_is_shut_down_stays_so_when_it_moves_or_its_node_is_exchanged_in_haste():
    lab = Lab("day-1", seed=6)
    lab.vm.create(name="off", memory_gb=0.25, node="worker-1")
    lab.vm.stop(vm="off")
    lab.migration.start(vm="off", target="worker-2")
    assert lab.migration.wait(vm="off")["status"] == "completed"
    assert lab.vm.inspect(vm="off")["status"] == "paused"
    lab.upgrade.start(version="3.0.1", nodes=["worker-2"], method="emergency")
    assert lab.vm.inspect(vm="off")["status"] == "paused"
    assert not lab.vm.probe(vm="off")["answers"]
    lab.vm.start(vm="off")
    assert lab.vm.probe(vm="off")["answers"]
