"""Taking a node out and putting it back: exclusions, draining, evacuation, removal."""

from typing import Any

from course.dwcp.placement import Vm
from course.dwcp.units import MINUTE, SECOND
from course.lab.cluster import World
from course.lab.commands.lookups import candidates, decide, host_named, registry_of
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.commands.vms import migration_start
from course.lab.hosts import Guest, Host
from course.lab.migrations import Migration, as_rows

CONCURRENT = 2  # migrations away from one node at a time
EVACUATION_LIMIT = 4 * 60 * MINUTE


@verb("placement avoid-node")
def placement_avoid_node(
    world: World, node: str, duration: int = 3_600, reason: str = "avoided by the operator"
) -> Result:
    """No new VMs on a node for `duration` seconds. What runs there runs on."""
    if not 1 <= duration <= 30 * 86_400:
        raise CommandError("INVALID_REQUEST", f"duration is {duration} s; give 1 to 2,592,000")
    until = world.now + duration * SECOND
    _exclude(world, _worker(world, node), until, reason)
    return {"node": node, "reason": reason, "expires_s": until / SECOND}


@verb("placement set-blacklist")
def placement_set_blacklist(world: World, region: str, duration: int, reason: str) -> Result:
    """Exclude a region: no new VMs on any of its workers for `duration` seconds."""
    workers = [host for host in world.of_role("worker") if host.region == region]
    if not workers:
        known = sorted({host.region for host in world.hosts.values()})
        raise CommandError("INVALID_REQUEST", f"no region {region!r}; there are {', '.join(known)}")
    return [placement_avoid_node(world, host.name, duration, reason) for host in workers]


@verb("node uncordon")
def node_uncordon(world: World, node: str) -> Result:
    """Let new VMs go to a node again."""
    decide(world, {"kind": "include", "node": _worker(world, node).name})
    return {"node": node, "excluded": False}


@verb("node drain", kind="S")
def node_drain(world: World, node: str, reason: str = "maintenance") -> Result:
    """Exclude a node and move all its VMs away; waits for the end. `node uncordon` undoes it."""
    host = _worker(world, node)
    _exclude(world, host, None, reason)
    return migration_evacuate(world, node, reason)


@verb("migration evacuate", kind="S")
def migration_evacuate(world: World, node: str, reason: str = "evacuation") -> Result:
    """Move all VMs away from a node, two at a time; waits, and says what became of each.

    The node gets no new VMs while this goes on.
    """
    host = _worker(world, node)
    was_excluded = registry_of(world).excluded(host.name, world.now)
    if was_excluded is None:
        _exclude(world, host, world.now + EVACUATION_LIMIT, reason)
    rows = _move_all(world, host)
    if was_excluded is None:
        decide(world, {"kind": "include", "node": node})
    return {"node": node, "moved": sum(r["status"] == "completed" for r in rows), "vms": rows}


@verb("node remove", kind="D2")
def node_remove(world: World, node: str, confirm: bool = False) -> Result:
    """Delete a worker's identity and its rows in the registry, for good. Drain it first."""
    host = _worker(world, node)
    if not confirm:
        raise CommandError(
            "INVALID_REQUEST", f"this cannot be undone; say --confirm to remove {node}"
        )
    if host.guests:
        raise CommandError("NODE_NOT_EMPTY", f"{node} still runs {', '.join(host.guests)}")
    decide(world, {"kind": "remove", "node": node})
    if host.is_up:
        world.stop(host)
    host.saved = None  # its identity is gone: it does not come back by itself
    return {"node": node, "state": "removed"}


def _move_all(world: World, host: Host) -> list[dict[str, Any]]:
    """Each VM once, to the best node that may take it; one that nobody may take stays."""
    waiting, rows = list(host.guests.values()), []
    running: list[Migration] = []
    deadline = world.now + EVACUATION_LIMIT
    while waiting or running:
        while waiting and len(running) < CONCURRENT:
            guest = waiting.pop(0)
            started = _try(world, guest)
            if isinstance(started, Migration):
                running.append(started)
            else:
                rows.append(
                    {"vm": guest.name, "status": "stayed", "target": None, "error": started}
                )
        over = _next_over(world, running, deadline) if running else []
        running = [m for m in running if m not in over]
        rows += [{k: as_rows(m)[k] for k in ("vm", "status", "target", "error")} for m in over]
    return rows


def _try(world: World, guest: Guest) -> Migration | str:
    running = world.migrations.get(guest.name)
    if running and not running.is_over:
        return running
    try:
        target = candidates(world, Vm(guest.name, guest.cpus, guest.memory_gb))[0]
        migration_start(world, guest.name, target)
    except CommandError as error:
        return str(error)
    started = world.migrations[guest.name]
    started.placed_for = "evacuation"
    return started


def _next_over(world: World, running: list[Migration], deadline: int) -> list[Migration]:
    world.run_until(lambda: any(m.is_over for m in running), max(0, deadline - world.now))
    over = [m for m in running if m.is_over]
    if not over and running:
        raise CommandError("OVERLOADED", f"the evacuation took more than {EVACUATION_LIMIT} us")
    return over


def _exclude(world: World, host: Host, until: int | None, reason: str) -> None:
    decide(world, {"kind": "exclude", "node": host.name, "until": until, "reason": reason})


def _worker(world: World, name: str) -> Host:
    host = host_named(world, name)
    if host.role != "worker":
        raise CommandError("INVALID_REQUEST", f"{name} is a controller; VMs run on workers")
    return host
