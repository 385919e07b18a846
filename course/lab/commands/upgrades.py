"""Versions: which node has which, and the ways to exchange them.

A rollback is an upgrade to an older version. The methods differ in what they cost: rolling takes
hours and stops nothing, in-place takes redundancy, blue-green needs a standby, and an emergency
exchange interrupts guests and is over in minutes.
"""

from collections.abc import Callable
from typing import Any

from course.dwcp.units import MINUTE, SECOND
from course.lab import releases
from course.lab.cluster import World
from course.lab.commands.lookups import host_named, node_status
from course.lab.commands.maintenance import migration_evacuate
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import Host

EXCHANGE = 60 * SECOND
"""Exchanging the version and starting the service again on one worker."""
CONTROLLERS_APART = 10 * SECOND
WAVE, WAVES_APART = 0.25, 60 * SECOND  # of an emergency exchange
REJOIN = 60 * SECOND
READY_SHARE = 0.95
FAILED_BATCHES_MAX = 2
SETTLE = 5 * MINUTE  # after a switch between blue and green


@verb("upgrade status", kind="R")
def upgrade_status(world: World) -> Result:
    """How many nodes have which version, and which releases there are."""
    versions: dict[str, list[str]] = {}
    for host in world.hosts.values():
        versions.setdefault(host.version, []).append(host.name)
    return {
        "versions": {version: versions[version] for version in sorted(versions)},
        "uniform": len(versions) == 1,
        "releases": list(releases.RELEASES),
    }


@verb("upgrade start", kind="S", scope="admin")
def upgrade_start(
    world: World, version: str, nodes: list[str] | None = None, method: str = "rolling",
    batch: int = 1,
) -> Result:  # fmt: skip
    """Bring `nodes` (all, if none are named) to `version`; waits for the end.

    rolling: `batch` workers at a time, emptied before; controllers one by one. in-place: guests
    stay on their nodes, only the service restarts. blue-green: controllers, all at one moment.
    emergency: a quarter of the nodes at a time, guests are stopped and started again.
    """
    if version not in releases.RELEASES:
        known = ", ".join(releases.RELEASES)
        raise CommandError("INVALID_REQUEST", f"no release {version!r}; there are {known}")
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise CommandError("INVALID_REQUEST", f"no method {method!r}; there are {known}")
    if not 1 <= batch <= 100:
        raise CommandError("INVALID_REQUEST", f"batch is {batch}; give 1 to 100 nodes")
    chosen = [host_named(world, name) for name in nodes or world.hosts]
    missed = [host.name for host in chosen if not host.powered or host.frozen]
    todo = [h for h in chosen if h.version != version and h.name not in missed]
    started = world.now
    stopped = METHODS[method](world, todo, version, batch)
    world.run_until(lambda: all(_is_back(world, host) for host in todo), REJOIN)
    return {
        "version": version,
        "method": method,
        "took_s": round((world.now - started) / SECOND, 1),
        "stopped": stopped,
        "missed": missed,
        "nodes": [
            {"node": h.name, "version": h.version, "status": node_status(world, h)} for h in chosen
        ],
    }


@verb("upgrade rollback", kind="S", scope="admin")
def upgrade_rollback(
    world: World, version: str, nodes: list[str] | None = None, method: str = "rolling",
    batch: int = 1,
) -> Result:  # fmt: skip
    """Bring `nodes` back to an older `version`; methods as in `upgrade start`."""
    order = releases.RELEASES
    newer = [h.version for h in world.hosts.values() if h.version in order]
    if version in order and all(order.index(v) < order.index(version) for v in newer):
        raise CommandError("INVALID_REQUEST", f"{version} is newer than all nodes: upgrade start")
    return upgrade_start(world, version, nodes, method, batch)


@verb("upgrade apply-patch", kind="S", scope="admin")
def upgrade_apply_patch(world: World, patch: str, nodes: list[str] | None = None) -> Result:
    """Apply a hotfix, a release itself: one node first, and the others if that one is well."""
    chosen = nodes or list(world.hosts)
    host = host_named(world, chosen[0])
    first = upgrade_start(world, patch, chosen[:1], "in-place")
    restarts = host.restarts
    world.run(EXCHANGE)
    if not _well(world, {host.name: restarts}) or len(chosen) == 1:
        return first | {"stopped": None if len(chosen) == 1 else f"{host.name} is not well"}
    rest = upgrade_start(world, patch, chosen[1:], "in-place")
    return rest | {"nodes": first["nodes"] + rest["nodes"]}


def _rolling(world: World, hosts: list[Host], version: str, batch: int) -> str | None:
    """Controllers one by one, then workers in batches; stops at two failed batches."""
    _controllers(world, hosts, version)
    workers, failed = [h for h in hosts if h.role == "worker"], 0
    while workers:
        now, workers = workers[:batch], workers[batch:]
        for host in now:
            stuck = _emptied(world, host)
            if stuck:
                return f"{host.name} could not be emptied: {stuck}"
        restarts = _exchange(world, now, version)
        world.run(EXCHANGE)
        failed += _well(world, restarts) < READY_SHARE * len(now)
        if failed >= FAILED_BATCHES_MAX:
            return f"two batches failed; {', '.join(h.name for h in now)} was the second"
    return None


def _in_place(world: World, hosts: list[Host], version: str, batch: int) -> str | None:
    """One service after the other; what runs on a worker runs on."""
    _controllers(world, hosts, version)
    for host in (h for h in hosts if h.role == "worker"):
        _exchange(world, [host], version)
        world.run(CONTROLLERS_APART)
    return None


def _blue_green(world: World, hosts: list[Host], version: str, batch: int) -> str | None:
    """The standby takes over all controllers at one moment; back again if workers do not follow."""
    if any(host.role == "worker" for host in hosts):
        raise CommandError("INVALID_REQUEST", "blue-green is for controllers; name them in nodes")
    if any(not migration.is_over for migration in world.migrations.values()):
        raise CommandError("VM_MIGRATING", "ownership may change during the switch: wait for it")
    blue = {host.name: host.version for host in hosts}
    restarts = _exchange(world, hosts, version)
    world.run(SETTLE)
    workers = world.of_role("worker")
    attached = sum(_is_back(world, host) for host in workers)
    well = _well(world, restarts)
    if well == len(hosts) and attached >= READY_SHARE * len(workers):
        return None
    for host in hosts:
        _exchange(world, [host], blue[host.name])
    world.run(SETTLE)
    found = f"{well} of {len(hosts)} green controllers and {attached} of {len(workers)} workers"
    return f"{found} were well, so blue has taken over again"


def _emergency(world: World, hosts: list[Host], version: str, batch: int) -> str | None:
    """A quarter of the nodes at a time, a minute apart; guests stop and start with their node."""
    size = max(1, round(len(hosts) * WAVE))
    for start in range(0, len(hosts), size):
        wave = hosts[start : start + size]
        stopped = [(host, g) for host in wave for g in host.guests.values() if g.running]
        for host, guest in stopped:
            guest.running = False
            world.tell(host, "guest_stopped", {"vm": guest.name, "by": "emergency exchange"})
        _exchange(world, wave, version)
        world.run(WAVES_APART)
        for host, guest in stopped:
            guest.running = host.powered
            world.tell(host, "guest_started", {"vm": guest.name})
    return None


METHODS: dict[str, Callable[[World, list[Host], str, int], str | None]] = {
    "rolling": _rolling,
    "in-place": _in_place,
    "blue-green": _blue_green,
    "emergency": _emergency,
}


def _controllers(world: World, hosts: list[Host], version: str) -> None:
    """One at a time so that a majority stays: followers first, the leader last."""
    leader = world.leader()
    there = [host for host in hosts if host.role == "controller"]
    for host in sorted(there, key=lambda host: host is leader):
        _exchange(world, [host], version)
        world.run(CONTROLLERS_APART)


def _exchange(world: World, hosts: list[Host], version: str) -> dict[str, int]:
    """Stop, install, start; how often each had been restarted by then, for `_well`."""
    for host in hosts:
        host.restarts += 1
        if host.is_up:
            world.stop(host)
        releases.install(host, version)
        world.tell(host, "version_installed", {"version": version})
    for host in hosts:
        if host.config and host.certificate:
            world.start(host)
    return {host.name: host.restarts for host in hosts}


def _well(world: World, restarts: dict[str, int]) -> int:
    """How many are back and have not fallen over since."""
    hosts = [world.hosts[name] for name in restarts]
    return sum(_is_back(world, h) and h.restarts == restarts[h.name] for h in hosts)


def _emptied(world: World, host: Host) -> str | None:
    """Move all VMs away; what stayed, and why."""
    if not host.guests:
        return None
    rows: list[dict[str, Any]] = migration_evacuate(world, host.name, "exchange of version")["vms"]
    stayed = [f"{row['vm']} ({row['error']})" for row in rows if row["status"] != "completed"]
    return ", ".join(stayed) or None


def _is_back(world: World, host: Host) -> bool:
    return node_status(world, host) in ("ready", "draining")
