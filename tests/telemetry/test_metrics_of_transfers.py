"""What the metrics of placement and encoding say of moves that were made."""

import pytest

from course.lab import Lab


@pytest.fixture(scope="module")
def moved() -> Lab:
    """Three moves: worker-1 was drained, ITP chose a target, a person named one."""
    lab = Lab("day-1", 3)
    lab.vm.create(name="busy", memory_gb=0.5, node="worker-1", dirty_mb_s=40)
    lab.vm.create(name="still", memory_gb=0.25, node="worker-2")
    lab.node.drain(node="worker-1")
    lab.migration.start(vm="still")
    lab.migration.wait(vm="still")
    lab.migration.start(vm="busy", target="worker-9")
    lab.run(1)
    lab.inject("link-latency", a="us-east", b="eu-west", ms=80)
    lab.migration.wait(vm="busy")
    lab.run(30)
    return lab


def by(lab: Lab, query: str, label: str) -> dict[str, float]:
    return {row[label]: row["value"] for row in lab.metrics.query(query).rows()}


def test_a_move_counts_as_itps_only_if_itp_chose_the_target(moved):
    counts = by(moved, "sum by (reason) (dwcp_itp_moves_total)", "reason")
    assert counts == {"request": 1, "evacuation": 1}
    assert moved.metrics.query("sum(dwcp_migration_total)").value == 3


def test_what_was_encoded_was_decoded_and_each_image_verified(moved):
    counts = by(moved, "sum by (operation) (dwcp_hde_operations_total)", "operation")
    groups = sum(m.groups for m in moved.world.every_migration)
    assert counts == {"encode": groups, "decode": groups, "verify": 3}
    assert by(moved, "dwcp_hde_operations_total", "result").keys() == {"success"}


def test_pages_that_a_busy_guest_wrote_a_little_go_as_deltas(moved):
    assert 0 < moved.metrics.query("max(dwcp_hde_delta_hit_rate_percent)").value <= 100


def test_a_switch_tells_which_parts_a_scenario_runs_with(moved):
    query = "min by (feature) (dwcp_system_config_enabled)"
    assert by(moved, query, "feature") == {"gossip": 1, "pbft": 0, "pba": 0}


def test_a_failing_verification_is_a_failure():
    lab = Lab("day-1", 5)
    lab.inject("failing-memory", host="worker-6")
    assert not lab.migration.test(source="worker-2", target="worker-6")["passed"]
    lab.run(15)
    assert by(lab, 'dwcp_hde_operations_total{result="failure"}', "operation") == {"verify": 1}
