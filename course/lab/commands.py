"""Every verb of the operator, once: plain arguments in, plain result out.

The verbs and their arguments are those of `dwcp-cli`, so what is learned here is typed the same
way on a real cluster; verbs of the groups host, server and clock stand for what one does on the
machines themselves. Wrong arguments change nothing and are answered with a code of the API.
"""

import inspect
from collections.abc import Callable
from typing import Any

from course.catalogue.errors import error_codes
from course.dwcp.consensus import majority, max_crashed
from course.dwcp.node import Config, Controller, Worker
from course.dwcp.placement import Node, NoFeasibleNode, Vm, place
from course.dwcp.units import GIB, MINUTE, MS, SECOND, seconds
from course.lab import memory, migrations
from course.lab.cluster import World, raft_of
from course.lab.hosts import EPOCH, PORTS, Guest, Host

READY_LIMIT = 65 * SECOND
FORM_LIMIT = 30 * SECOND
CLUSTER_ID = "lab"

Result = Any
VERBS: dict[str, Callable[..., Result]] = {}


class CommandError(Exception):
    """A refusal in the API's form: code, message, details."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        self.code, self.message, self.details = error_codes()[code].code, message, details
        super().__init__(f"{code}: {message}. First: {error_codes()[code].first_action}.")


def verb(name: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a function as a verb, "group word"."""

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        VERBS[name] = function
        return function

    return register


def run(world: World, name: str, arguments: dict[str, Any]) -> Result:
    """Carry out a verb; raises CommandError for one that does not exist or does not fit."""
    function = lookup(name)
    try:
        inspect.signature(function).bind(world, **arguments)
    except TypeError as error:
        wanted = list(inspect.signature(function).parameters)[1:]
        raise CommandError(
            "UNKNOWN_FIELD", f"{name}: {error}; it takes {', '.join(wanted) or 'no arguments'}"
        ) from None
    return function(world, **arguments)


def lookup(name: str) -> Callable[..., Result]:
    """The function of a verb."""
    if name not in VERBS:
        group = name.split(" ")[0]
        known = [v for v in VERBS if v.startswith(f"{group} ")] or list(VERBS)
        raise CommandError("INVALID_REQUEST", f"no verb {name!r}; there are {', '.join(known)}")
    return VERBS[name]


def groups() -> list[str]:
    return list(dict.fromkeys(name.split(" ")[0] for name in VERBS))


def words(group: str) -> list[str]:
    return [name.split(" ")[1].replace("-", "_") for name in VERBS if name.startswith(f"{group} ")]


# the machines themselves


@verb("clock run")
def clock_run(world: World, seconds: float) -> None:
    """Let virtual time pass, at most a day at once."""
    if not 0 < seconds <= 86_400:
        raise CommandError("INVALID_REQUEST", f"seconds is {seconds}; give 0 to 86,400")
    world.run(round(seconds * SECOND))


@verb("host list")
def host_list(world: World) -> Result:
    """Every host with its size, its clock against true time, and whether DWCP runs on it."""
    return [
        {
            "host": host.name,
            "role": host.role,
            "region": host.region,
            "cpus": host.cpus,
            "memory_gb": host.memory_gb,
            "clock_offset_ms": host.offset / MS,
            "version": host.version,
            "service": "active" if host.is_up else "inactive",
        }
        for host in world.hosts.values()
    ]


@verb("host sync-clock")
def host_sync_clock(world: World, host: str) -> Result:
    """Set the host's clock by NTP."""
    target = _host(world, host)
    before, target.offset = target.offset, 0
    if target.machine:
        target.machine.offset = EPOCH
    world.run(SECOND)
    return {"host": host, "clock_offset_ms": 0.0, "was_ms": before / MS}


@verb("host open-ports")
def host_open_ports(world: World, host: str, first: int, last: int) -> Result:
    """Allow incoming connections to ports `first` to `last` in the host's firewall."""
    target = _host(world, host)
    if not 1 <= first <= last <= 65_535:
        raise CommandError("INVALID_REQUEST", f"ports {first} to {last} are no range of ports")
    target.closed_ports -= set(range(first, last + 1))
    return {"host": host, "closed": sorted(target.closed_ports)}


@verb("server init")
def server_init(
    world: World, host: str, cluster_id: str = CLUSTER_ID, peers: list[str] | None = None
) -> Result:
    """Write the host's configuration file; an existing one is overwritten."""
    target = _host(world, host)
    controllers = tuple(peers or [h.name for h in world.of_role("controller")])
    target.config = Config(cluster_id, host, target.region, controllers, target.version)
    return server_config(world, host)


@verb("server config")
def server_config(world: World, host: str) -> Result:
    """What stands in the host's configuration file, under its keys."""
    config = _configured(world, host).config
    assert config
    key = "consensus.peers" if _host(world, host).role == "controller" else "cluster.controllers"
    return {
        "cluster.id": config.cluster_id,
        "node.id": config.node_id,
        "node.region": config.region,
        key: list(config.peers),
    }


@verb("server start")
def server_start(world: World, host: str) -> Result:
    """Start the DWCP service on a host, or start it again."""
    target = _configured(world, host)
    if target.is_up:
        world.stop(target)
    try:
        world.start(target)
    except ValueError as error:
        raise CommandError("INVALID_REQUEST", str(error)) from None
    world.run(100 * MS)
    return {"host": host, "service": "active", "version": target.version}


@verb("server stop")
def server_stop(world: World, host: str) -> Result:
    """Stop the DWCP service on a host."""
    world.stop(_host(world, host))
    return {"host": host, "service": "inactive"}


# cluster and nodes


@verb("cluster bootstrap")
def cluster_bootstrap(world: World, cluster_id: str, controllers: list[str]) -> Result:
    """Form the first control plane from the first controller named; once in a cluster's life."""
    members = [_host(world, name.split(":")[0]) for name in controllers]
    for host in members:
        if not isinstance(host.machine, Controller):
            raise CommandError("INVALID_REQUEST", f"no controller service is active on {host.name}")
        if host.machine.config.cluster_id != cluster_id:
            raise CommandError(
                "INVALID_REQUEST",
                f"{host.name} is configured for cluster {host.machine.config.cluster_id}, "
                f"not {cluster_id}",
            )
    first = members[0]
    assert isinstance(first.machine, Controller)
    if first.machine.raft and first.machine.raft.term:
        raise CommandError("INVALID_REQUEST", "bootstrap has been done; it is done once")
    bootstrap = first.machine.bootstrap
    world.command(first, lambda: bootstrap(world.now))
    world.run_until(lambda: world.leader() is not None, FORM_LIMIT)
    if world.leader() is None:
        raise CommandError("NO_LEADER", _why_no_leader(world, members))
    world.run(2 * SECOND)  # the others learn who leads
    return cluster_status(world)


@verb("cluster status")
def cluster_status(world: World) -> Result:
    """Leader, term, and each controller as it sees itself."""
    leader = world.leader()
    raft = raft_of(leader) if leader else None
    return {
        "leader": leader.name if leader else None,
        "term": raft.term if raft else None,
        "controllers": [_controller_row(host) for host in world.of_role("controller")],
    }


@verb("cluster health")
def cluster_health(world: World) -> Result:
    """The five checks: controllers, workers, consensus, state synchronisation, network."""
    checks = [
        _check_controllers(world),
        _check_workers(world),
        _check_consensus(world),
        _check_state_sync(world),
        _check_network(world),
    ]
    return {"healthy": all(check["ok"] for check in checks), "checks": checks}


@verb("consensus quorum-status")
def consensus_quorum_status(world: World) -> Result:
    """Voters, how many answer, how many are required."""
    voters = world.of_role("controller")
    present = [host.name for host in voters if _follows(world, host)]
    return {
        "voters": len(voters),
        "present": len(present),
        "required": majority(len(voters)),
        "may_crash": max_crashed(len(voters)),
    }


@verb("node join")
def node_join(world: World, node_id: str, controller: str, region: str | None = None) -> Result:
    """Let a worker join through a controller; waits until it is ready or has failed (60 s)."""
    host = _host(world, node_id)
    if not isinstance(host.machine, Worker):
        raise CommandError("INVALID_REQUEST", f"no worker service is active on {node_id}")
    if region not in (None, host.region):
        raise CommandError("INVALID_REQUEST", f"{node_id} is in {host.region}, not in {region}")
    worker = host.machine
    if worker.state == "ready":
        raise CommandError("NODE_ID_IN_USE", f"{node_id} is a member already")
    world.command(host, lambda: worker.join(controller.split(":")[0], world.now))
    world.run_until(lambda: worker.state in ("ready", "failed"), READY_LIMIT)
    world.run(100 * MS)
    return _node_row(world, host)


@verb("node list")
def node_list(world: World, status: str | None = None, region: str | None = None) -> Result:
    """All nodes; `status` and `region` select."""
    rows = [_node_row(world, host) for host in world.hosts.values()]
    return [r for r in rows if status in (None, r["status"]) and region in (None, r["region"])]


@verb("node logs")
def node_logs(world: World, node: str, tail: int = 20) -> Result:
    """The last lines of a node's log, stamped by the node's own clock."""
    _host(world, node)
    events = [event for event in world.history if event.host == node][-tail:]
    return [
        {"time": _clock_text(event.wall), "event": event.name, **event.details} for event in events
    ]


# network and transport


@verb("network test")
def network_test(world: World, source: str, target: str) -> Result:
    """Try every port that the target's role needs, from `source`; RTT and loss of the path."""
    path = world.path(_host(world, source).name, _host(world, target).name)
    ports = PORTS[world.hosts[target].role]
    obstacles = {port: world.obstacle(target, port) for port in ports}
    world.run(round(path.rtt_ms * MS) * len(ports))
    return {
        "source": source,
        "target": target,
        "rtt_ms": path.rtt_ms,
        "loss": path.loss,
        "capacity_mbps": path.capacity_mbps,
        "mode": path.mode.value,
        "ports": {port: why or "open" for port, why in obstacles.items()},
        "closed": [port for port, why in obstacles.items() if why],
    }


@verb("amst set-streams")
def amst_set_streams(world: World, count: int, node: str | None = None) -> Result:
    """Streams of new transfers, 1 to 16; on all nodes if none is named."""
    if not 1 <= count <= 16:
        raise CommandError("INVALID_REQUEST", f"count is {count}; a worker has 16 data ports")
    return _set(world, node, "streams", count)


@verb("amst set-cc")
def amst_set_cc(world: World, algorithm: str, node: str | None = None) -> Result:
    """Congestion control of new streams: bbr2, bbr or cubic."""
    if algorithm not in ("bbr2", "bbr", "cubic"):
        raise CommandError("INVALID_REQUEST", f"algorithm {algorithm!r}; bbr2, bbr or cubic")
    return _set(world, node, "congestion_control", algorithm)


@verb("hde set-compression")
def hde_set_compression(world: World, level: int, node: str | None = None) -> Result:
    """Zstandard level of new migrations, 1 to 19."""
    if not 1 <= level <= 19:
        raise CommandError("INVALID_REQUEST", f"level is {level}; give 1 to 19")
    return _set(world, node, "level", level)


# VMs and migrations


@verb("vm create")
def vm_create(
    world: World, name: str, memory_gb: float = 2, cpus: int = 2, dirty_mb_s: float = 4.0,
    node: str | None = None,
) -> Result:  # fmt: skip
    """Create a VM; the cluster chooses the worker unless `node` names one."""
    if not 0.25 <= memory_gb <= 4 or not 0 <= dirty_mb_s <= 1_000:
        raise CommandError("INVALID_REQUEST", "memory_gb is 0.25 to 4 here, dirty_mb_s 0 to 1,000")
    if migrations.host_with(world, name):
        raise CommandError("VM_ALREADY_EXISTS", f"a VM {name} runs already")
    chosen = _host(world, node or _candidates(world, Vm(name, cpus, memory_gb))[0])
    command = {"kind": "create", "vm": name, "node": chosen.name, "memory_gb": memory_gb}
    _decide(world, command)
    workload = memory.Workload(dirty_mb_s=dirty_mb_s)
    image = memory.guest(memory_gb, workload, world.seeds.array(f"guest/{name}"))
    chosen.guests[name] = Guest(name, image, memory_gb, cpus)
    return vm_inspect(world, name)


@verb("vm inspect")
def vm_inspect(world: World, vm: str) -> Result:
    """One VM: where it runs, its size, and the owner that the cluster agreed on."""
    host = _host_with(world, vm)
    guest, owner = host.guests[vm], _registry(world).owners[vm]
    return {
        "vm": vm,
        "node": host.name,
        "status": "running" if guest.running else "paused",
        "memory_gb": guest.memory_gb,
        "cpus": guest.cpus,
        "owner": owner.node,
        "owner_version": owner.version,
    }


@verb("migration start")
def migration_start(world: World, vm: str, target: str | None = None) -> Result:
    """Start a live migration; the cluster chooses the target unless one is named."""
    source = _host_with(world, vm)
    running = world.migrations.get(vm)
    if running and not running.is_over:
        raise CommandError("VM_MIGRATING", f"{vm} is being moved to {running.target}")
    guest = source.guests[vm]
    wanted = Vm(vm, guest.cpus, guest.memory_gb)
    candidates = [name for name in _candidates(world, wanted) if name != source.name]
    chosen = target or (candidates or [""])[0]
    if _host(world, chosen).name not in candidates:
        raise CommandError(
            "HOST_INCOMPATIBLE", f"{chosen} may not take {vm}", candidates=candidates
        )
    migration = migrations.Migration(
        f"mig-{len(world.migrations) + 1}-{vm}", vm, source.name, chosen,
        world.path(source.name, chosen), round(guest.memory_gb * GIB), world.now,
    )  # fmt: skip
    world.migrations[vm] = migration
    world.env.process(migrations.Mover(world, migration).run())
    return {"id": migration.id, "source": source.name, "target": chosen}


@verb("migration status")
def migration_status(world: World, vm: str) -> Result:
    """The latest migration of a VM, with its stages, rounds and decisions."""
    return migrations.as_rows(_migration(world, vm))


@verb("migration wait")
def migration_wait(world: World, vm: str, limit_s: float = 3_600) -> Result:
    """Let time pass until the migration of a VM is over, at most `limit_s`; its status."""
    migration = _migration(world, vm)
    world.run_until(lambda: migration.is_over, round(limit_s * SECOND))
    return migrations.as_rows(migration)


@verb("migration test")
def migration_test(world: World, source: str, target: str) -> Result:
    """Move a small test VM from `source` to `target` and delete it; passed or not, with times."""
    name = f"test-{source}-{target}"
    vm_create(world, name, memory_gb=0.25, cpus=1, node=source)
    try:
        migration_start(world, name, target)
        status = migration_wait(world, name)
    finally:
        _delete(world, name)
    return {
        "passed": status["status"] == "completed",
        **{key: status[key] for key in ("source", "target", "duration_s", "streams", "error")},
    }


# set-up, used by scenarios


def prepare(world: World) -> None:
    """Configuration files and certificates are in place, nothing runs."""
    world.run(MINUTE)  # the hosts have been up for a while when the certificates are issued
    for host in world.hosts.values():
        server_init(world, host.name)
        world.certify(host)
        if host.role == "worker":
            host.store = memory.os_blocks()


def deploy(world: World) -> None:
    """A cluster that is up: all the steps that day 1 teaches, done right."""
    prepare(world)
    for host in world.hosts.values():
        world.start(host)
    world.run(SECOND)
    controllers = [host.name for host in world.of_role("controller")]
    cluster_bootstrap(world, CLUSTER_ID, controllers)
    for host in world.of_role("worker"):
        node_join(world, host.name, controllers[0])
    world.run(30 * SECOND)


# checks


def _check(name: str, ok: bool, found: str, wanted: str) -> dict[str, Any]:
    return {"check": name, "ok": ok, "found": found, "wanted": wanted}


def _check_controllers(world: World) -> dict[str, Any]:
    all_of_them = world.of_role("controller")
    healthy = sum(_follows(world, host) for host in all_of_them)
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
    rows = [_node_row(world, host) for host in world.of_role("worker")]
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


# pieces


def sync_lag_s(world: World, host: Host) -> float | None:
    """Seconds since a worker last heard from a controller; None: never."""
    machine = host.machine
    if not isinstance(machine, Worker) or machine.synced_at is None:
        return None
    return seconds(world.now - machine.synced_at)


def _follows(world: World, host: Host) -> bool:
    """Is this controller the leader, or a follower that hears the leader?"""
    raft, leader = raft_of(host), world.leader()
    return raft is not None and leader is not None and raft.leader == leader.name


def _controller_row(host: Host) -> dict[str, Any]:
    raft = raft_of(host)
    row: dict[str, Any] = {"node": host.name, "service": "active" if host.is_up else "inactive"}
    if raft is None or not isinstance(host.machine, Controller):
        return {**row, "role": "not in a cluster"}
    return {
        **row,
        "role": raft.role,
        "term": raft.term,
        "leader": raft.leader,
        "log": raft.status().last_index,
        "committed": raft.commit_index,
        "unreachable_peers": dict(host.machine.refused_peers),
    }


def _node_row(world: World, host: Host) -> dict[str, Any]:
    machine = host.machine
    reason = machine.reason if isinstance(machine, Worker) else None
    return {
        "node": host.name,
        "role": host.role,
        "region": host.region,
        "status": _node_status(world, host),
        "version": host.version,
        "vms": len(host.guests),
        "reason": reason,
    }


def _node_status(world: World, host: Host) -> str:
    if not host.is_up:
        return "down"
    if isinstance(host.machine, Controller):
        return "ready" if _follows(world, host) else "no leader"
    assert host.machine
    leader = world.leader()
    if host.machine.state != "ready" or leader is None:
        return host.machine.state
    assert isinstance(leader.machine, Controller)
    return leader.machine.node_state(host.name, world.now)


def _why_no_leader(world: World, members: list[Host]) -> str:
    told = []
    for host in members:
        raft = raft_of(host)
        assert isinstance(host.machine, Controller)
        troubles = [f"{peer} {why}" for peer, why in host.machine.refused_peers.items()]
        if raft is None:
            troubles.append("was never told to form the cluster")
        told.append(f"{host.name}: {', '.join(troubles) or 'waits for votes'}")
    return f"no majority of {majority(len(members))} votes in 30 s. " + "; ".join(told)


def _candidates(world: World, vm: Vm) -> list[str]:
    """Workers that may take `vm`, best first. Placement is a controller's job, so it needs one."""
    _registry(world)
    nodes = [
        Node(
            host.name,
            host.region,
            host.cpus,
            host.memory_gb,
            tuple(Vm(g.name, g.cpus, g.memory_gb) for g in host.guests.values()),
            ready=_node_status(world, host) == "ready",
        )
        for host in world.of_role("worker")
    ]
    try:
        return place(vm, nodes)
    except NoFeasibleNode as error:
        raise CommandError("NO_FEASIBLE_NODE", str(error)) from None


def _decide(world: World, command: dict[str, Any]) -> None:
    outcome = world.decide(command)
    if not outcome.accepted:
        code = "NO_LEADER" if outcome.why == "no leader" else "CONSENSUS_STALLED"
        raise CommandError(code, f"the cluster did not agree: {outcome.why}")


def _delete(world: World, vm: str) -> None:
    _decide(world, {"kind": "delete", "vm": vm})
    del _host_with(world, vm).guests[vm]


def _set(world: World, node: str | None, name: str, value: Any) -> Result:
    targets = [_host(world, node)] if node else world.of_role("worker")
    for host in targets:
        setattr(host, name, value)
    return [{"node": host.name, name: value} for host in targets]


def _host(world: World, name: str) -> Host:
    if name not in world.hosts:
        raise CommandError(
            "NODE_NOT_FOUND", f"no node {name!r}; there are {', '.join(world.hosts)}"
        )
    return world.hosts[name]


def _configured(world: World, name: str) -> Host:
    host = _host(world, name)
    if host.config is None:
        raise CommandError("INVALID_REQUEST", f"{name} has no configuration file: server init")
    return host


def _host_with(world: World, vm: str) -> Host:
    host = migrations.host_with(world, vm)
    if host is None:
        known = [name for h in world.hosts.values() for name in h.guests]
        raise CommandError("VM_NOT_FOUND", f"no VM {vm!r}; there are {', '.join(known) or 'none'}")
    return host


def _migration(world: World, vm: str) -> migrations.Migration:
    if vm not in world.migrations:
        raise CommandError("MIGRATION_NOT_FOUND", f"{vm} was not moved yet")
    return world.migrations[vm]


def _registry(world: World):
    leader = world.leader()
    if leader is None or not isinstance(leader.machine, Controller):
        raise CommandError("NO_LEADER", "no controller leads, so nothing can be decided")
    return leader.machine.registry


def _clock_text(wall: int) -> str:
    of_day = wall // SECOND % 86_400
    clock = f"{of_day // 3_600:02d}:{of_day // 60 % 60:02d}:{of_day % 60:02d}"
    return f"{clock}.{wall // MS % 1_000:03d}"
