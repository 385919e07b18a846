"""Plain snapshots of a lab, by signal name: what a decision tree asks, looked up on the cluster.

A signal that cannot be read now (a test migration of a node that is not in the cluster) is None,
and the tree says so. Looking costs what it costs on a real cluster: time, and for `node_signals`
one small test migration in and one out.
"""

from typing import Any

from course.dwcp.consensus import majority
from course.dwcp.units import MINUTE, MS
from course.dwcp.worker import Worker
from course.lab.cluster import raft_of
from course.lab.commands import CommandError, sync_lag_s
from course.lab.hosts import EPOCH, PORTS
from course.lab.journal import Lab

OFFSET_MAX_MS = 100
RELEASE = "3.0.0"

# Which kind of alert a failing health check stands for. The alert rules themselves come on day 2.
ALERT_OF_CHECK = {
    "controllers": "consensus",
    "consensus": "consensus",
    "state sync": "state-sync",
    "network": "migration",
}


def cluster_signals(lab: Lab) -> dict[str, Any]:
    """What tree T01, "Where do I start?", asks of a cluster."""
    controllers, workers = lab.world.of_role("controller"), lab.world.of_role("worker")
    answering = sum(host.is_up and raft_of(host) is not None for host in controllers)
    not_ready = [
        row for row in lab.node.list() if row["role"] == "worker" and row["status"] != "ready"
    ]
    failed = [m for m in lab.world.migrations.values() if m.state == "failed"]
    return {
        "controllers_answering": answering,
        "controllers_total": len(controllers),
        "controllers_majority": answering >= majority(len(controllers)),
        "minutes_since_change": _minutes_since_change(lab),
        "user_impact": any(not g.running for h in workers for g in h.guests.values()),
        "workers_not_ready_share": round(len(not_ready) / len(workers), 3) if workers else 0.0,
        "first_alert": "migration" if failed else _first_alert(lab),
        "reproducible": False,
    }


def node_signals(lab: Lab, node: str) -> dict[str, Any]:
    """What tree T32, "Is the new node ready?", asks about one worker."""
    host = lab.world.hosts[node]
    machine = host.machine if isinstance(host.machine, Worker) else None
    offset_ms = host.offset / MS
    closed = sorted(host.closed_ports & set(PORTS["worker"]))
    ready = machine is not None and machine.state == "ready"
    right_time = abs(offset_ms) < OFFSET_MAX_MS
    return {
        "clock_offset_ms": offset_ms,
        "version_ok": host.version == RELEASE,
        "time_and_version_ok": right_time and host.version == RELEASE,
        "ports_closed": closed,
        "ports_ok": not closed,
        "certificate_ok": _certificate_ok(lab, node),
        "ready_within_60s": ready,
        "sync_lag_s": sync_lag_s(lab.world, host),
        "test_migration_ok": _test_migrations(lab, node) if ready else None,
    }


def _certificate_ok(lab: Lab, node: str) -> bool:
    """Would its certificate be accepted, by the node's own clock and by true time?"""
    host = lab.world.hosts[node]
    if host.certificate is None:
        return False
    walls = (host.wall(lab.world.now), EPOCH + lab.world.now)
    return all(host.certificate.objection(node, wall) is None for wall in walls)


def _test_migrations(lab: Lab, node: str) -> bool:
    other = next(
        row["node"]
        for row in lab.node.list(status="ready")
        if row["role"] == "worker" and row["node"] != node
    )
    try:
        there = lab.migration.test(source=other, target=node)
        back = lab.migration.test(source=node, target=other)
    except CommandError:
        return False
    return there["passed"] and back["passed"]


def _minutes_since_change(lab: Lab) -> float | None:
    """Since a service was last started: the lab's only kind of release or configuration change."""
    starts = [event.at for event in lab.world.history if event.name == "service_started"]
    return round((lab.world.now - max(starts)) / MINUTE, 1) if starts else None


def _first_alert(lab: Lab) -> str:
    checks = lab.cluster.health()["checks"]
    failing = [c["check"] for c in checks if not c["ok"] and c["check"] in ALERT_OF_CHECK]
    return ALERT_OF_CHECK[failing[0]] if failing else "none"


def advice(lab: Lab) -> str:
    """Where to look next while bringing a cluster up: the first thing that is not right yet.

    It names the command whose output shows the cause, and not the cause.
    """
    controllers = [row for row in lab.node.list() if row["role"] == "controller"]
    down = [row["node"] for row in controllers if row["status"] == "down"]
    if down:
        return f"No service is active on {', '.join(down)}: start it (server start)."
    if lab.cluster.status()["leader"] is None:
        return "Nobody leads. Bootstrap, and read whom each controller cannot reach, and why."
    if any(row["status"] != "ready" for row in controllers):
        return "A controller does not follow the leader: compare the configuration files."
    waiting = [row for row in lab.node.list() if row["status"] != "ready"]
    if waiting:
        first = waiting[0]
        return f"{first['node']} is {first['status']}: {first['reason'] or 'has it been started?'}"
    if any(abs(row["clock_offset_ms"]) >= OFFSET_MAX_MS for row in lab.host.list()):
        return "All nodes are ready, and yet a clock is off: host list."
    if not lab.cluster.health()["healthy"]:
        return "All nodes are ready, and yet a check fails: cluster health says which."
    return "Nothing is left to do here: hand in the journal."
