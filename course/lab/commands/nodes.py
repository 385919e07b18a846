"""The cluster and its nodes: bootstrap, status, health, join, list, logs."""

from typing import Any

from course.dwcp.consensus import majority, max_crashed
from course.dwcp.node import Controller
from course.dwcp.units import MS, SECOND
from course.dwcp.worker import Worker
from course.lab.cluster import World, raft_of
from course.lab.commands.health import all_checks
from course.lab.commands.lookups import clock_text, host_named, node_row, plain, present
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import Host

READY_LIMIT = 65 * SECOND
FORM_LIMIT = 30 * SECOND


@verb("cluster bootstrap", kind="S", scope="admin")
def cluster_bootstrap(world: World, cluster_id: str, controllers: list[str]) -> Result:
    """Form the first control plane from the first controller named; once in a cluster's life."""
    members = [host_named(world, name.split(":")[0]) for name in controllers]
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


@verb("cluster status", kind="R")
def cluster_status(world: World) -> Result:
    """Leader, term, and each controller as it sees itself."""
    leader = world.leader()
    raft = raft_of(leader) if leader else None
    formed = [host.config for host in world.of_role("controller") if raft_of(host) and host.config]
    return {
        "cluster_id": formed[0].cluster_id if formed else None,
        "leader": leader.name if leader else None,
        "term": raft.term if raft else None,
        "controllers": [_controller_row(host) for host in world.of_role("controller")],
    }


@verb("cluster health", kind="R")
def cluster_health(world: World) -> Result:
    """The five checks: controllers, workers, consensus, state synchronisation, network."""
    checks = all_checks(world)
    return {"healthy": all(check["ok"] for check in checks), "checks": checks}


@verb("consensus quorum-status", kind="R")
def consensus_quorum_status(world: World) -> Result:
    """Voters, how many answer, how many are required."""
    voters = world.of_role("controller")
    return {
        "voters": len(voters),
        "present": len(present(world)),
        "required": majority(len(voters)),
        "may_crash": max_crashed(len(voters)),
    }


@verb("node join")
def node_join(world: World, node_id: str, controller: str, region: str | None = None) -> Result:
    """Let a worker join through a controller; waits until it is ready or has failed (60 s)."""
    host = host_named(world, node_id)
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
    return node_row(world, host)


@verb("node list", kind="R")
def node_list(world: World, status: str | None = None, region: str | None = None) -> Result:
    """All nodes; `status` and `region` select."""
    rows = [node_row(world, host) for host in world.hosts.values()]
    return [r for r in rows if status in (None, r["status"]) and region in (None, r["region"])]


@verb("node logs", kind="R")
def node_logs(world: World, node: str, tail: int = 20) -> Result:
    """The last lines of a node's log, stamped by the node's own clock."""
    host_named(world, node)
    events = [event for event in world.history if event.host == node][-tail:]
    return [
        {"time": clock_text(event.wall), "event": event.name, **plain(event.details)}
        for event in events
    ]


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
