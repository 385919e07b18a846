"""What is done to the control plane itself: who leads, its timers, its members, its last resort."""

from copy import deepcopy
from dataclasses import replace

from course.dwcp.consensus.log import Members, Snapshot
from course.dwcp.consensus.messages import Saved, Timing
from course.dwcp.node import HEARTBEAT, Controller
from course.dwcp.units import MS, SECOND
from course.lab.cluster import World, raft_of
from course.lab.commands.lookups import follows, host_named, registry_of
from course.lab.commands.nodes import cluster_status
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.commands.state import state_of
from course.lab.hosts import Host

LEAD_LIMIT = 5 * SECOND
ENTER_LIMIT = 30 * SECOND


@verb("consensus failover", kind="S", scope="admin")
def consensus_failover(world: World, target: str) -> Result:
    """Hand leadership to an up-to-date controller."""
    host = _controller(world, target)
    leader = _leader(world)
    if leader is host:
        raise CommandError("INVALID_REQUEST", f"{target} leads already")
    world.command(leader, lambda: _changing(leader).hand_over(target, world.now))
    world.run_until(lambda: world.leader() is host, LEAD_LIMIT)
    if world.leader() is not host:
        raise CommandError("LEADER_CHANGED", f"{target} did not win the election; cluster status")
    world.run(SECOND)
    return cluster_status(world)


@verb("raft logs", kind="R")
def raft_logs(world: World, node: str, tail: int = 20) -> Result:
    """The last entries of a controller's log: index, term, what was decided, is it committed."""
    raft = raft_of(_controller(world, node))
    if raft is None:
        raise CommandError("INVALID_REQUEST", f"{node} is in no cluster, or does not run")
    first = raft.log.snapshot.index + 1
    rows = []
    for index in range(max(first, raft.log.last_index - tail + 1), raft.log.last_index + 1):
        entry = raft.log.entry(index)
        row = {"index": index, "term": entry.term, "committed": index <= raft.commit_index}
        rows.append(row | {"command": _text(entry.command)})
    return rows


@verb("raft set-timeout", scope="admin")
def raft_set_timeout(world: World, election: int, heartbeat: int) -> Result:
    """Election timeout and heartbeat in ms, the same on all controllers.

    The heartbeat is at most a third of the election timeout, and that at least ten round trips.
    """
    if not 50 <= election <= 60_000 or not 10 <= heartbeat <= election / 3:
        raise CommandError(
            "INVALID_REQUEST",
            f"election {election} ms, heartbeat {heartbeat} ms; give an election timeout of 50 to "
            f"60,000 ms and a heartbeat of 10 ms to a third of it",
        )
    timing = Timing(election * MS, heartbeat * MS)
    for host in world.of_role("controller"):
        if host.config:
            host.config = replace(host.config, timing=timing)
        if raft := raft_of(host):
            raft.timing = timing
    world.run(SECOND)
    return {"election_ms": election, "heartbeat_ms": heartbeat}


@verb("cluster add-controller", kind="S", scope="admin")
def cluster_add_controller(world: World, node: str) -> Result:
    """Make a controller a voter; first it gets the log. An even number gains no tolerance."""
    host = _controller(world, node)
    if not isinstance(host.machine, Controller):
        raise CommandError("INVALID_REQUEST", f"no service runs on {node}: server start")
    leader = _leader(world)
    raft = raft_of(leader)
    assert raft
    if node in raft.log.members.voters and follows(world, host):
        raise CommandError("NODE_ID_IN_USE", f"{node} is a voter already")
    _enter(world, host, leader)
    return {"voters": list(raft.log.members.voters), "leader": leader.name}


@verb("node rejoin", kind="D", scope="admin")
def node_rejoin(world: World, node: str) -> Result:
    """Discard a controller's copy of the state and fetch the leader's. The copy is gone then."""
    host = _controller(world, node)
    leader = _leader(world)
    if host is leader:
        raise CommandError("INVALID_REQUEST", f"{node} leads; the others rejoin it")
    host.saved = None
    if host.is_up:
        world.stop(host)
    if host.config and leader.config:
        host.config = replace(host.config, peers=_all_controllers(world))
    world.start(host)
    _enter(world, host, leader)
    return cluster_status(world)


@verb("cluster emergency-bootstrap", kind="D2")
def cluster_emergency_bootstrap(world: World, node: str, force: bool = False) -> Result:
    """A control plane of one, from the copy on `node`. What is not in that copy is lost.

    Only when a majority is gone for good. Take the most advanced copy: raft logs, on each. The
    others come back with `node rejoin`.
    """
    host = _controller(world, node)
    if not force:
        raise CommandError(
            "INVALID_REQUEST", "decisions that are not in this copy are lost; say --force"
        )
    if world.leader() is not None:
        raise CommandError("INVALID_REQUEST", "a majority answers: nothing is lost, do not force")
    if host.saved is None:
        raise CommandError("INVALID_REQUEST", f"{node} has no copy of the state")
    if host.is_up:
        world.stop(host)
    state = state_of(host)
    last = host.saved.log[-1].term if host.saved.log else host.saved.snapshot.term
    alone = Snapshot(state.applied, last, Members((node,)), deepcopy(state))
    host.saved = Saved(host.saved.term + 1, None, (), alone)
    world.tell(host, "emergency_bootstrap", {"index": state.applied, "term": last})
    world.start(host)
    world.run_until(lambda: world.leader() is host, ENTER_LIMIT)
    world.run(HEARTBEAT + SECOND)  # each worker is heard once
    return cluster_status(world) | {"vms": len(registry_of(world).vms)}


def _enter(world: World, host: Host, leader: Host) -> None:
    """Learner first, voter when it has caught up, as Raft wants it."""
    machine = host.machine
    assert isinstance(machine, Controller)
    if machine.raft is None:
        world.command(host, lambda: machine.enter(world.now))
    raft = raft_of(leader)
    assert raft
    if host.name not in raft.log.members:
        now = raft.log.members
        _become(world, leader, Members(now.voters, (*now.learners, host.name)))
    world.run_until(lambda: _has_all(host, leader), ENTER_LIMIT)
    now = raft.log.members
    if host.name not in now.voters:
        rest = tuple(name for name in now.learners if name != host.name)
        _become(world, leader, Members((*now.voters, host.name), rest))
    world.run_until(lambda: follows(world, host) and _has_all(host, leader), ENTER_LIMIT)


def _become(world: World, leader: Host, members: Members) -> None:
    raft = raft_of(leader)
    assert raft
    try:
        world.command(leader, lambda: _changing(leader).change_members(members, world.now))
    except RuntimeError as error:
        raise CommandError("LEADER_CHANGED", str(error)) from None
    world.run_until(lambda: raft.log.members_index <= raft.commit_index, ENTER_LIMIT)


def _has_all(host: Host, leader: Host) -> bool:
    there, here = raft_of(host), raft_of(leader)
    return bool(there and here and there.commit_index >= here.commit_index > 0)


def _changing(leader: Host) -> Controller:
    assert isinstance(leader.machine, Controller)
    return leader.machine


def _leader(world: World) -> Host:
    registry_of(world)  # refuses, in words, when nobody leads
    leader = world.leader()
    assert leader
    return leader


def _controller(world: World, name: str) -> Host:
    host = host_named(world, name)
    if host.role != "controller":
        raise CommandError("INVALID_REQUEST", f"{name} is a worker; this is about controllers")
    return host


def _all_controllers(world: World) -> tuple[str, ...]:
    return tuple(host.name for host in world.of_role("controller"))


def _text(command: object) -> str:
    if command is None:
        return "first entry of a leader"
    if isinstance(command, Members):
        return f"voters {', '.join(command.voters)}"
    assert isinstance(command, dict)
    rest = {key: value for key, value in command.items() if key != "kind"}
    return f"{command['kind']} {rest}" if rest else str(command["kind"])
