"""What several verbs need: a host or VM by name, the registry, the state of a node."""

from dataclasses import fields, is_dataclass
from typing import Any

from course.dwcp.consensus import majority
from course.dwcp.consensus.signatures import Signed
from course.dwcp.node import Controller
from course.dwcp.placement import Node, NoFeasibleNode, Vm, place
from course.dwcp.registry import Registry
from course.dwcp.units import MS, SECOND, seconds
from course.dwcp.worker import Worker
from course.lab import migrations
from course.lab.cluster import World, raft_of
from course.lab.commands.registry import CommandError
from course.lab.hosts import Host


def host_named(world: World, name: str) -> Host:
    """The host of that name; raises NODE_NOT_FOUND with those that exist."""
    if name not in world.hosts:
        raise CommandError(
            "NODE_NOT_FOUND", f"no node {name!r}; there are {', '.join(world.hosts)}"
        )
    return world.hosts[name]


def configured(world: World, name: str) -> Host:
    """A host that has a configuration file."""
    host = host_named(world, name)
    if host.config is None:
        raise CommandError("INVALID_REQUEST", f"{name} has no configuration file: server init")
    return host


def host_with(world: World, vm: str) -> Host:
    """The host on which a VM is; raises VM_NOT_FOUND with those that exist."""
    host = migrations.host_with(world, vm)
    if host is None:
        known = [name for h in world.hosts.values() for name in h.guests]
        raise CommandError("VM_NOT_FOUND", f"no VM {vm!r}; there are {', '.join(known) or 'none'}")
    return host


def migration_of(world: World, vm: str) -> migrations.Migration:
    """The latest migration of a VM."""
    if vm not in world.migrations:
        raise CommandError("MIGRATION_NOT_FOUND", f"{vm} was not moved yet")
    return world.migrations[vm]


def registry_of(world: World) -> Registry:
    """What the leader has decided so far; raises NO_LEADER or CONSENSUS_STALLED."""
    leader = world.leader()
    if leader is None or not isinstance(leader.machine, Controller):
        raise undecided(world, "no controller leads, so nothing can be decided")
    return leader.machine.registry


def undecided(world: World, why: str) -> CommandError:
    """NO_LEADER passes by itself; with too few controllers left to elect one, it does not."""
    voters, there = len(world.of_role("controller")), len(present(world))
    if there >= majority(voters):
        return CommandError("NO_LEADER", why)
    need = f"{there} of {voters} controllers are there, {majority(voters)} are needed"
    return CommandError("CONSENSUS_STALLED", f"{why}: {need}")


def present(world: World) -> list[str]:
    """Controllers that follow the leader; while there is none, those whose service runs."""
    members = [host for host in world.of_role("controller") if host.is_up and raft_of(host)]
    led = world.leader() is not None
    return [host.name for host in members if follows(world, host) or not led]


def follows(world: World, host: Host) -> bool:
    """Is this controller the leader, or a follower that hears the leader?"""
    raft, leader = raft_of(host), world.leader()
    return raft is not None and leader is not None and raft.leader == leader.name


def node_status(world: World, host: Host) -> str:
    """ready, joining, failed, unreachable, draining, quarantined, no leader or down."""
    if not host.is_up:
        return "down"
    if isinstance(host.machine, Controller):
        return "ready" if follows(world, host) else "no leader"
    assert host.machine
    leader = world.leader()
    if host.machine.state != "ready" or leader is None:
        return host.machine.state
    assert isinstance(leader.machine, Controller)
    state = leader.machine.node_state(host.name, world.now)
    registry = leader.machine.registry
    if host.name in registry.quarantined:
        return "quarantined"
    drained = registry.excluded(host.name, world.now) is not None
    return "draining" if drained and state == "ready" else state


def node_row(world: World, host: Host) -> dict[str, Any]:
    """A row of "node list"."""
    machine = host.machine
    reason = machine.reason if isinstance(machine, Worker) else None
    return {
        "node": host.name,
        "role": host.role,
        "region": host.region,
        "status": node_status(world, host),
        "version": host.version,
        "vms": len(host.guests),
        "reason": reason,
    }


def candidates(world: World, vm: Vm) -> list[str]:
    """Workers that may take `vm`, best first."""
    try:
        return place(vm, workers_for_placement(world))
    except NoFeasibleNode as error:
        raise CommandError("NO_FEASIBLE_NODE", str(error)) from None


def workers_for_placement(world: World) -> list[Node]:
    """Workers as ITP sees them. Placement is a controller's job, so it needs one."""
    registry = registry_of(world)
    return [
        Node(
            host.name,
            host.region,
            host.cpus,
            host.reported_gb or host.memory_gb,  # what it says of itself
            tuple(Vm(g.name, g.cpus, g.memory_gb) for g in host.guests.values()),
            ready=node_status(world, host) == "ready"
            and registry.excluded(host.name, world.now) is None,
        )
        for host in world.of_role("worker")
    ]


def decide(world: World, command: dict[str, Any]) -> None:
    """Put a command before the cluster; raises CommandError unless it is accepted."""
    outcome = world.decide(command)
    if not outcome.accepted:
        why = f"the cluster did not agree: {outcome.why}"
        if outcome.why == "no leader":
            raise undecided(world, why)
        refused = outcome.why not in ("the leader changed", "no majority answered in time")
        changed = outcome.why == "the leader changed"
        code = "LEADER_CHANGED" if changed else "STALE_VERSION" if refused else "CONSENSUS_STALLED"
        raise CommandError(code, why)


def sync_lag_s(world: World, host: Host) -> float | None:
    """Seconds since a worker last heard from a controller; None: never."""
    machine = host.machine
    if not isinstance(machine, Worker) or machine.synced_at is None:
        return None
    return seconds(world.now - machine.synced_at)


def plain(value: Any) -> Any:
    """What an event tells, as lists, dictionaries, texts and numbers; a signed message by name.

    Bytes are shortened to 8: whoever wants to check a signature takes `node forensics`.
    """
    match value:
        case bytes():
            return value.hex()[:16]
        case Signed():
            return f"{type(value.body).__name__} of {value.signer}"
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value


def clock_text(wall: int) -> str:
    """A wall clock in us as HH:MM:SS.mmm."""
    of_day = wall // SECOND % 86_400
    clock = f"{of_day // 3_600:02d}:{of_day // 60 % 60:02d}:{of_day % 60:02d}"
    return f"{clock}.{wall // MS % 1_000:03d}"
