"""The lab's alerts: what fires during a fault, and what does not."""

import pytest

from course.lab import Lab
from course.telemetry.judging import judge_rule


def alerts(lab: Lab) -> dict[str, dict]:
    """Those that fired, by name, without the one that always fires."""
    rows = lab.alerts.history()
    return {r["alert"]: r for r in rows if r["firing_s"] is not None and r["alert"] != "Watchdog"}


@pytest.fixture(scope="module")
def partitioned() -> Lab:
    """Ten quiet minutes, twenty with a region cut off, then it heals."""
    lab = Lab("day-1", 2)
    lab.run(600 - lab.now_s)
    lab.inject("partition", region="eu-west", for_s=1_200)
    lab.run(1_800)
    return lab


def test_a_healthy_lab_is_silent_but_for_the_watchdog():
    lab = Lab("all-quiet", 1)
    lab.run(900)
    assert alerts(lab) == {}
    assert [row["alert"] for row in lab.alerts.firing()] == ["Watchdog"]


def test_a_partition_fires_three_alerts_in_their_order_and_they_end(partitioned):
    fired = alerts(partitioned)
    assert sorted(fired, key=lambda name: fired[name]["firing_s"]) == [
        "ClusterPartitioned",
        "WorkersNotReady",
        "StateSyncLagHigh",
    ]
    assert 675 <= fired["ClusterPartitioned"]["firing_s"] <= 780  # 1 min, 2 evaluations, a scrape
    assert 1_500 <= fired["StateSyncLagHigh"]["firing_s"] <= 1_700
    assert all(1_800 <= row["over_s"] <= 1_900 for row in fired.values())
    assert fired["ClusterPartitioned"]["tree"] == "T07"


def test_what_fired_at_a_moment_can_be_asked_afterwards(partitioned):
    at = {s: {row["alert"] for row in partitioned.alerts.firing(s)} for s in (500, 800, 2_390)}
    assert at == {500: {"Watchdog"}, 800: {"Watchdog", "ClusterPartitioned"}, 2_390: {"Watchdog"}}


def test_two_controllers_lost_page_within_two_minutes_and_a_half():
    lab = Lab("day-1", 3)
    lab.run(60)
    lost = lab.now_s
    for host in ("controller-1", "controller-2"):
        lab.inject("crash", host=host)
    lab.run(240)
    fired = alerts(lab)
    assert lost + 60 <= fired["ControllerClusterDegraded"]["firing_s"] <= lost + 150
    assert fired["ControllerClusterDegraded"]["value"] == 1
    assert fired["ControllerClusterDegraded"]["severity"] == "critical"


def test_records_are_answers_as_any_other_and_do_not_change_the_samples(partitioned):
    ratio = partitioned.metrics.range("dwcp:workers:ready_ratio", 900, 1_200, 30)
    assert set(ratio.iloc[:, 0]) == {0.6}
    other = Lab("day-1", 2)
    other.run(600 - other.now_s)
    for _ in range(10):
        other.metrics.query("dwcp:workers:ready_ratio")
        other.run(30)
    whole = Lab("day-1", 2)
    whole.run(900 - whole.now_s)
    assert other.metrics.openmetrics() == whole.metrics.openmetrics()


def test_an_alert_that_does_not_exist_is_refused_with_those_that_do(partitioned):
    with pytest.raises(ValueError, match="ControllerClusterDegraded, ConsensusFailure"):
        partitioned.alerts.history("NoSuchAlert")


def test_a_rule_of_ones_own_goes_pending_firing_over_on_the_lab(partitioned):
    (row,) = partitioned.alerts.of_rule(
        {"alert": "Mine", "expr": "max(dwcp_cluster_workers_ready) < 8", "for": "2m"}
    )
    assert row["pending_s"] < row["firing_s"] < row["over_s"]


def test_a_lab_is_a_timeline_to_judge_a_rule_on(partitioned):
    timeline = partitioned.metrics.timeline("a region is cut off", fault_s=(600, 1_800))
    rule = "{alert: Cut, expr: max(dwcp_cluster_workers_ready) < 8, for: 2m}"
    assert judge_rule(rule, [timeline], within_s=240) == []
    (wrong,) = judge_rule(rule.replace("2m", "30m"), [timeline], within_s=240)
    assert "`for` is 1800 s" in wrong
