"""What several steps look at, by the operator's own verbs of kind R: nothing is changed here."""

from statistics import median
from typing import Any

from course.runbooks.running import Case

Row = dict[str, Any]
GONE_S = 300
"""A service that crashed so lately is left to the release step."""
SPEEDTEST_S = 3


def leader(case: Case) -> str | None:
    """Who leads; None if nobody does."""
    return (case.look("cluster status") or {}).get("leader")


def hosts(case: Case, role: str = "") -> list[Row]:
    """The hosts, of one role or all."""
    return [row for row in case.look("host list") if role in ("", row["role"])]


def nodes(case: Case, *states: str) -> list[Row]:
    """The nodes in any of these states."""
    return [row for row in case.look("node list") if row["status"] in states]


def answers(case: Case, host: str) -> bool:
    """Does the machine itself answer, whatever runs on it?"""
    return bool(case.look("host top", host=host)["answers"])


def crashed(case: Case, seconds: int) -> list[str]:
    """Nodes whose service fell over or was killed within `seconds`, one for each time."""
    rows: list[Row] = []
    for kind in ("service_crashed", "oom_killed"):
        rows += case.look("events list", duration=seconds, type=kind)
    return [row["node"] for row in rows]


def idle(case: Case) -> list[str]:
    """Hosts that answer and whose service does not run, without those that crashed just now.

    A worker counts if the cluster knows it and misses it, which it can say only under a leader.
    """
    fell = crashed(case, GONE_S)
    missed = [row["node"] for row in nodes(case, "down")] if leader(case) else []
    off = [row for row in hosts(case) if row["service"] != "active"]
    silent = [r["host"] for r in off if r["role"] == "controller" or r["host"] in missed]
    return [name for name in silent if name not in fell and answers(case, name)]


def inactive(case: Case, names: list[str]) -> str:
    """Of `names`, those whose service does not run, in words; nothing if all do."""
    off = [r["host"] for r in hosts(case) if r["host"] in names and r["service"] != "active"]
    return f"no service runs on {', '.join(off)}" if off else ""


def unready(case: Case, names: list[str]) -> str:
    """Of `names`, those that are not ready, in words; nothing if all are."""
    rows = [r for r in case.look("node list") if r["node"] in names]
    off = [r["node"] for r in rows if r["status"] not in ("ready", "draining")]
    return f"{', '.join(off)} is not ready" if off else ""


def failing(case: Case) -> list[str]:
    """The checks of `cluster health` that fail, with what was found.

    A node that somebody drains on purpose is no failure.
    """
    rows = [row for row in case.look("cluster health")["checks"] if not row["ok"]]
    if rows and rows[0]["check"] == "workers":
        waiting = [r for r in case.look("node list") if r["status"] not in ("ready", "draining")]
        rows = rows if waiting else rows[1:]
    return [f"{row['check']}: {row['found']}" for row in rows]


def move(case: Case) -> Row | None:
    """The latest migration of the VM that the runbook is about; None: no VM, or it never moved."""
    vm = case.about.get("vm")
    return case.look("migration status", vm=vm) if vm else None


def paths(case: Case) -> list[tuple[str, str]]:
    """The paths to look at: as asked, that of the VM's latest move, or one of each kind."""
    source, target = case.about.get("source"), case.about.get("target")
    if source and target:
        return [(source, target)]
    latest = move(case)
    if latest:
        return [(latest["source"], latest["target"])]
    by_region: dict[str, list[str]] = {}
    for row in hosts(case, "worker"):
        if row["service"] == "active":
            by_region.setdefault(row["region"], []).append(row["host"])
    inside = [(names[0], names[1]) for names in by_region.values() if len(names) > 1]
    firsts = [names[0] for names in by_region.values()]
    return inside + [(firsts[0], other) for other in firsts[1:]]


def settings(case: Case) -> list[Row]:
    """The settings of every worker whose machine is on."""
    rows = [row["host"] for row in hosts(case, "worker")]
    found = [case.look("host settings", host=name) for name in rows]
    return [row for row in found if row]


def speed_mbps(case: Case, source: str, target: str) -> float:
    """What a path carries by many connections, Mbps. It fills the path for 3 s."""
    found = case.look("network speedtest", source=source, target=target, duration=SPEEDTEST_S)
    return float(found["mbps"]) if found else 0.0


def middle(values: list[float]) -> float:
    """The median; 0 of nothing."""
    return median(values) if values else 0.0
