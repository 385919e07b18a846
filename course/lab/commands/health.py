"""The five checks of "cluster health", each with what was found and what was wanted."""

from typing import Any

from course.dwcp.units import MS, SECOND
from course.lab.cluster import World
from course.lab.commands.lookups import follows, node_row, sync_lag_s
from course.lab.hosts import PORTS


def all_checks(world: World) -> list[dict[str, Any]]:
    """Rows {check, ok, found, wanted}; the one on consensus makes five decisions."""
    return [
        _check_controllers(world),
        _check_workers(world),
        _check_consensus(world),
        _check_state_sync(world),
        _check_network(world),
    ]


def _check(name: str, ok: bool, found: str, wanted: str) -> dict[str, Any]:
    return {"check": name, "ok": ok, "found": found, "wanted": wanted}


def _check_controllers(world: World) -> dict[str, Any]:
    all_of_them = world.of_role("controller")
    healthy = sum(follows(world, host) for host in all_of_them)
    leader = world.leader()
    even = (
        "" if len(all_of_them) % 2 else ", an even number: no more failures survived than one less"
    )
    return _check(
        "controllers",
        healthy == len(all_of_them) and leader is not None and not even,
        f"{healthy}/{len(all_of_them)} healthy, leader {leader.name if leader else 'none'}{even}",
        "all healthy, one leader, an odd number",
    )


def _check_workers(world: World) -> dict[str, Any]:
    rows = [node_row(world, host) for host in world.of_role("worker")]
    ready = sum(row["status"] == "ready" for row in rows)
    return _check("workers", ready == len(rows), f"{ready}/{len(rows)} ready", "all ready")


def _check_consensus(world: World) -> dict[str, Any]:
    outcomes = [world.decide({"kind": "probe"}, limit=2 * SECOND) for _ in range(5)]
    slowest = max(outcome.took for outcome in outcomes) / MS
    accepted = all(outcome.accepted for outcome in outcomes)
    found = f"slowest of 5 commits {slowest:.1f} ms" if accepted else outcomes[-1].why
    return _check("consensus", accepted and slowest < 100, found, "commits under 100 ms")


def _check_state_sync(world: World) -> dict[str, Any]:
    lags = [lag for host in world.of_role("worker") if (lag := sync_lag_s(world, host)) is not None]
    members = len(lags) == len(world.of_role("worker"))
    found = f"largest lag {max(lags):.1f} s" if members and lags else f"{len(lags)} workers in sync"
    return _check("state sync", members and max(lags) <= 10, found, "lag at most 10 s")


def _check_network(world: World) -> dict[str, Any]:
    closed = [
        f"{host.name}:{port}"
        for host in world.hosts.values()
        for port in PORTS[host.role]
        if world.obstacle(host.name, port)
    ]
    found = f"{len(closed)} ports closed: {', '.join(closed[:6])}" if closed else "all ports open"
    return _check("network", not closed, found, "8080-8100 open by role")
