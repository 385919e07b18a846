"""The lab's metrics say what happened in the lab, and looking changes nothing."""

import shutil
import subprocess

import numpy as np
import pytest

from course import notebook
from course.catalogue import rules
from course.dwcp.units import SECOND
from course.faces import prometheus
from course.faces.prometheus import Prometheus
from course.lab import Lab
from course.lab.hosts import EPOCH
from course.lab.journal import replay
from course.telemetry import promql, reading
from course.telemetry.series import is_stale


@pytest.fixture(scope="module")
def moved() -> Lab:
    """A day-1 lab: one VM moved across regions, one failed for want of ports, one cancelled."""
    lab = Lab("day-1", 3)
    lab.vm.create(name="across", memory_gb=2, node="worker-1")
    lab.vm.create(name="stuck", memory_gb=0.5, node="worker-2")
    lab.vm.create(name="called-off", memory_gb=0.5, node="worker-3")
    lab.run(60)
    lab.migration.start(vm="across", target="worker-7")
    lab.inject("closed-ports", host="worker-8", first=8085, last=8100)
    lab.migration.start(vm="stuck", target="worker-8")
    lab.migration.start(vm="called-off", target="worker-9")
    lab.run(2)
    lab.migration.cancel(vm="called-off")
    lab.migration.wait(vm="across")
    lab.run(60)
    return lab


def value(lab: Lab, query: str, at_s: float | None = None) -> float:
    return lab.metrics.query(query, at_s).value


def test_the_history_is_the_same_with_and_without_a_look():
    labs = Lab("day-1", 5), Lab("day-1", 5)
    labs[1].world.onlooker = None
    for lab in labs:
        lab.vm.create(name="vm", memory_gb=0.5, node="worker-1")
        lab.migration.start(vm="vm", target="worker-7")
        lab.run(100)
    assert labs[0].fingerprint() == labs[1].fingerprint()
    assert labs[0].world.messages == labs[1].world.messages
    assert labs[0].world.now == labs[1].world.now


def test_a_replay_has_the_same_samples():
    quiet = Lab("day-1", 4)
    quiet.vm.create(name="vm", memory_gb=0.5, node="worker-1")
    quiet.migration.start(vm="vm", target="worker-7")
    quiet.run(47)
    twin = replay(quiet.journal(), "day-1", 4)
    assert twin.metrics.openmetrics() == quiet.metrics.openmetrics()


def test_samples_do_not_depend_on_the_steps_that_time_passes_in():
    whole, parts = Lab("day-1", 6), Lab("day-1", 6)
    whole.run(120)
    for _ in range(48):
        parts.run(2.5)
    assert whole.metrics.openmetrics() == parts.metrics.openmetrics()


def test_samples_lie_15_virtual_seconds_apart(moved):
    times = moved.metrics.store.select("dwcp_raft_term")[0].arrays()[0]
    assert set(times[1:] - times[:-1]) == {15_000}
    assert (times[0] - EPOCH // 1_000) % 15_000 == 0


def test_bytes_on_the_wire_are_those_of_the_migration(moved):
    across = moved.world.migrations["across"]
    stuck = moved.world.migrations["stuck"]
    assert sum(r.wire for r in stuck.rounds) == 0
    sent = sum(r.wire for r in across.rounds)
    of_source = 'dwcp_amst_bytes_transmitted_total{node="worker-1"}'
    assert value(moved, of_source) == pytest.approx(sent)
    assert value(moved, 'dwcp_amst_bytes_received_total{node="worker-7"}') == pytest.approx(sent)
    assert value(moved, 'dwcp_hde_bytes_compressed_total{node="worker-1"}') == pytest.approx(sent)
    saved = 1 - value(moved, 'dwcp_hde_bytes_compressed_total{node="worker-1"}') / value(
        moved, 'dwcp_hde_bytes_original_total{node="worker-1"}'
    )
    assert saved == pytest.approx(across.wire_reduction)


def test_every_end_is_counted_once_with_its_code(moved):
    assert value(moved, "sum(dwcp_migration_total)") == 3
    assert value(moved, "sum(dwcp_migration_completed_total)") == 3
    assert value(moved, "sum(dwcp_migration_success_total)") == 1
    failed = moved.metrics.query("sum by (code) (dwcp_migration_failed_total)")
    assert {dict(line.labels)["code"]: line.value for line in failed.lines} == {
        "TRANSPORT_UNAVAILABLE": 1,
        "CANCELLED": 1,
    }
    assert value(moved, 'dwcp_amst_errors_total{error_type="connect"}') == 1


def test_the_first_step_of_a_counter_is_seen_by_increase(moved):
    assert value(moved, "sum(increase(dwcp_migration_completed_total[10m]))") > 2.9


def test_duration_and_downtime_are_the_migrations_own(moved):
    across = moved.world.migrations["across"]
    took = (across.ended - across.started) / SECOND
    assert value(moved, "sum(dwcp_migration_duration_seconds_sum)") == pytest.approx(took)
    assert value(moved, "sum(dwcp_migration_downtime_seconds_sum)") == pytest.approx(
        across.downtime / SECOND
    )
    assert value(moved, "dwcp_migration_last_duration_seconds") == pytest.approx(took)
    named = dict(moved.metrics.query("dwcp_migration_duration_seconds_count").lines[0].labels)
    assert (named["vm_size"], named["source_region"], named["target_region"]) == (
        "2gb",
        "us-east",
        "eu-west",
    )


def test_streams_and_throughput_are_there_only_while_memory_moves(moved):
    frame = moved.metrics.range('dwcp_amst_throughput_mbps{node="worker-1"}')
    across = moved.world.migrations["across"]
    assert across.started / SECOND <= frame.index[0] and frame.index[-1] <= across.ended / SECOND
    assert 100 < frame.iloc[0, 0] < 200  # of a link of 200 Mbps
    assert not moved.metrics.query("dwcp_amst_streams_active")


def test_a_crashed_worker_is_down_at_once_and_not_ready_after_its_heartbeats_are_missed():
    lab = Lab("day-1", 7)
    lab.run(30)
    crash = lab.now_s
    lab.inject("crash", host="worker-4")
    lab.run(45)
    assert value(lab, 'up{node="worker-4"}') == 0
    assert value(lab, 'sum(up{job="dwcp-worker"})', crash) == 10
    assert value(lab, "max(dwcp_cluster_workers_ready)") == 9
    assert value(lab, "max(dwcp_cluster_workers_registered)") == 10
    gone = lab.metrics.store.select("dwcp_vm_count", lambda named: ("node", "worker-4") in named)
    assert is_stale(gone[0].last[1])


def test_a_restart_resets_the_counters_of_its_process_and_no_other():
    lab = Lab("day-1", 8)
    lab.run(60)
    leader = lab.cluster.status()["leader"]
    commits = f'dwcp_consensus_commits_total{{node="{leader}"}}'
    before = value(lab, commits)
    end = lab.inject("service-stopped", host=leader)
    lab.run(30)
    end()
    lab.run(30)
    assert value(lab, commits) < before
    assert value(lab, "sum(dwcp_raft_is_leader)") == 1
    assert value(lab, f'dwcp_raft_leader_elections_total{{node="{leader}"}}') == 0
    assert value(lab, "sum(increase(dwcp_raft_leader_elections_total[2m]))") > 0.9


def test_a_partition_is_seen_from_the_controllers_side_and_the_monitor_is_not_blind():
    lab = Lab("day-1", 9)
    lab.run(30)
    lab.inject("partition", region="eu-west")
    lab.run(60)
    assert value(lab, "max(dwcp_partition_detected)") == 1
    assert value(lab, "max(dwcp_cluster_workers_ready)") == 6
    assert value(lab, "max(dwcp_state_sync_lag_seconds)") > 45
    assert value(lab, "sum(up)") == 13


def test_without_a_majority_nobody_leads_and_what_was_proposed_waits():
    lab = Lab("day-1", 10)
    leader = lab.cluster.status()["leader"]
    for host in ("controller-1", "controller-2", "controller-3"):
        if host != leader:
            lab.inject("crash", host=host)
    with pytest.raises(Exception, match="agree"):
        lab.vm.create(name="vm", memory_gb=0.5, node="worker-1")
    lab.run(60)
    assert value(lab, "sum(dwcp_raft_is_leader)") == 0
    assert value(lab, "max(dwcp_cluster_controllers_healthy)") == 0
    assert value(lab, "sum(dwcp_consensus_pending_proposals)") >= 1
    assert value(lab, "sum(increase(dwcp_consensus_commits_total[1m]))") == 0


def test_slow_disks_of_the_controllers_show_in_the_latency_of_commits():
    lab = Lab("day-1", 11)
    lab.vm.create(name="before", memory_gb=0.5, node="worker-1")
    total, count = (f"sum(dwcp_raft_commit_latency_seconds_{end})" for end in ("sum", "count"))
    lab.run(15)
    fast = value(lab, f"{total} / {count}")
    for number in (1, 2, 3):
        lab.inject("slow-disk", host=f"controller-{number}", ms=200)
    lab.vm.create(name="after", memory_gb=0.5, node="worker-1")
    lab.run(16)
    before = value(lab, total, lab.now_s - 17)
    assert fast < 0.02 < 0.4 <= value(lab, total) - before


def test_a_node_that_does_not_answer_has_no_page_and_the_others_have():
    lab = Lab("day-1", 12)
    lab.inject("closed-ports", host="worker-2", first=8084, last=8084)
    lab.run(15)
    assert lab.metrics.page("worker-2") is None
    assert value(lab, 'up{node="worker-2"}') == 0
    page = reading.read(lab.metrics.page("worker-1"))
    assert "dwcp_vm_count" in {sample.labels[0][1] for sample in page.samples}
    with pytest.raises(ValueError, match="there are controller-1"):
        lab.metrics.page("worker-99")


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize("node", ["controller-1", "worker-1"])
def test_promtool_reads_the_page_of_a_node(moved, node):
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=moved.metrics.page(node), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "error while linting" not in done.stderr, done.stderr
    assert done.returncode in (0, 3), done.stderr  # 3: opinions about names


def test_no_host_has_metrics_before_its_service_was_started():
    lab = Lab("bare-hosts", 1)
    lab.run(30)
    assert not lab.metrics.query("up")


FEEDS = {  # families that take more than a quiet lab, with what feeds them elsewhere
    "dwcp_reputation_score": "a lab with voters",
    "dwcp_reputation_votes_total": "a lab with voters",
    "dwcp_hde_integrity_errors_total": "a target with failing memory",
    "dwcp_migration_deferred_total": "a forecast that falls",
    "dwcp_pbft_view": "a lab with voters",
    "dwcp_pbft_voters": "a lab with voters",
    "dwcp_pbft_view_changes_total": "a lab with voters",
    "dwcp_byzantine_detections_total": "a voter that lies",
    "dwcp_amst_mode_transitions_total": "a path that turns slow under a transfer",
    "dwcp_itp_moves_total": "a move whose target ITP chose",
}


def test_every_declared_family_is_fed(moved):
    changing = Lab("changing-paths", 2)
    changing.vm.create(name="vm", memory_gb=0.5, node="worker-1")
    for target in ("worker-7", "worker-1"):
        changing.migration.start(vm="vm", target=target)
        changing.migration.wait(vm="vm")
    changing.run(30)
    fed = {*moved.metrics.store.names(), *changing.metrics.store.names()}
    unfed = {f.name for f in moved.metrics.families() if not fed & set(f.series_names)}
    assert unfed <= set(FEEDS)


@pytest.mark.skipif(not prometheus.installed(), reason="Prometheus is not installed")
def test_a_real_prometheus_says_the_same_of_the_lab_to_every_rule(moved):
    expressions = [
        rule["expr"]
        for name in rules.NAMES
        for group in rules.load(name)["groups"]
        for rule in group["rules"]
    ]
    store, (start, end) = moved.metrics.store, moved.metrics.store.span()
    answered = 0
    with Prometheus(store) as server:
        for expression in expressions:
            span = (expression, start, end, 15_000)
            real, ours = server.query_range(*span), promql.query_range(store, *span)
            theirs = {line.labels: line for line in real.lines}
            assert theirs.keys() == {line.labels for line in ours.lines}, expression
            for line in ours.lines:
                np.testing.assert_array_equal(line.times, theirs[line.labels].times)
                np.testing.assert_allclose(line.values, theirs[line.labels].values, rtol=1e-9)
            answered += bool(ours.lines)
    assert answered > 12


def test_one_function_of_a_notebook_asks_whoever_there_is(moved):
    found = notebook.promql(moved, "sum(up)")
    assert found.value == 13
    assert found.by == ("Prometheus" if prometheus.installed() else "embedded evaluator")
    line = notebook.promql(moved, "sum(up)", start_s=90, end_s=120).lines[0]
    assert list(line.values) == [13, 13, 13]
