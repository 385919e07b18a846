"""Signals of a cluster as a whole: where to start (T01), and how bad it is (T11)."""

from course.dwcp.consensus import majority
from course.dwcp.units import MINUTE
from course.lab.cluster import raft_of
from course.lab.commands import CommandError
from course.lab.signals.looking import Case, signal

URGENT = ("critical", "high")
MANY = 0.10
"""Share of workers or migrations from which it is a P1."""

# Which kind of alert the tree of an alert rule, or a failing health check, stands for.
ALERT_OF_TREE = {
    "consensus": ("T05", "T06", "T13"),
    "state-sync": ("T07",),
    "reputation": ("T21", "T22"),
    "migration": ("T02", "T03", "T04", "T17"),
    "controller-cpu": ("T28",),
}
ALERT_OF_CHECK = {
    "controllers": "consensus",
    "consensus": "consensus",
    "state sync": "state-sync",
    "network": "migration",
}


@signal()
def controllers_answering(case: Case) -> int:
    """Controllers whose service runs and is part of the cluster."""
    controllers = case.world.of_role("controller")
    return sum(host.is_up and not host.frozen and raft_of(host) is not None for host in controllers)


@signal()
def controllers_total(case: Case) -> int:
    """All controllers there are."""
    return len(case.world.of_role("controller"))


@signal()
def controllers_majority(case: Case) -> bool:
    """Do more than half of the controllers answer?"""
    return controllers_answering(case) >= majority(controllers_total(case))


@signal()
def minutes_since_change(case: Case) -> float | None:
    """Minutes since a service was last started: the lab's only kind of release or change."""
    starts = [event.at for event in case.world.history if event.name == "service_started"]
    return round((case.world.now - max(starts)) / MINUTE, 1) if starts else None


@signal()
def user_impact(case: Case) -> bool:
    """Does a VM stand still, or an alert of severity critical or high fire?"""
    workers = case.world.of_role("worker")
    still = any(not guest.running for host in workers for guest in host.guests.values())
    return still or any(row["severity"] in URGENT for row in case.lab.alerts.firing())


@signal()
def workers_not_ready_share(case: Case) -> float:
    """Share of the workers that are not ready; who is being drained on purpose is."""
    rows = [row for row in case.lab.node.list() if row["role"] == "worker"]
    lost = [row for row in rows if row["status"] not in ("ready", "draining")]
    return round(len(lost) / len(rows), 3) if rows else 0.0


@signal()
def first_alert(case: Case) -> str:
    """Which kind of trouble the alert that fired first stands for.

    While none has fired yet: a failed migration, or the first health check that fails.
    """
    fired = sorted(case.lab.alerts.firing(), key=lambda row: row["firing_s"])
    kinds = [kind for row in fired for kind, its in ALERT_OF_TREE.items() if row["tree"] in its]
    if kinds:
        return kinds[0]
    if any(m.state == "failed" for m in case.world.migrations.values()):
        return "migration"
    checks = case.lab.cluster.health()["checks"]
    failing = [c["check"] for c in checks if not c["ok"] and c["check"] in ALERT_OF_CHECK]
    return ALERT_OF_CHECK[failing[0]] if failing else "none"


@signal()
def reproducible(case: Case) -> bool | None:
    """Does a test migration between the first and the last ready worker fail?"""
    ready = [row["node"] for row in case.lab.node.list(status="ready") if row["role"] == "worker"]
    if len(ready) < 2:
        return None
    return not case.lab.migration.test(source=ready[0], target=ready[-1])["passed"]


@signal()
def down_or_data_at_risk(case: Case) -> bool:
    """Can nothing be decided, or does a VM run twice or nowhere?"""
    if not controllers_majority(case):
        return True
    try:
        inventory = case.lab.vm.inventory()
    except CommandError:
        return True
    return bool(inventory["duplicates"] or inventory["nowhere"])


@signal()
def partly_failing(case: Case) -> bool:
    """Is a controller gone, or are more than a tenth of the workers or of the migrations bad?"""
    ended = [m for m in case.world.migrations.values() if m.is_over]
    failed = sum(m.state == "failed" for m in ended)
    return (
        controllers_answering(case) < controllers_total(case)
        or workers_not_ready_share(case) > MANY
        or failed > MANY * len(ended)
    )


@signal()
def degraded_unnoticed(case: Case) -> bool:
    """Does a health check fail, though all VMs run?"""
    return not case.lab.cluster.health()["healthy"] and not user_impact(case)
