"""The workers' voters as an operator has them: where each is, how fast they decide, the next view.

A lab has voters if its scenario declares them; without any, these verbs say so.
"""

from math import ceil
from typing import Any

from course.dwcp.consensus.evidence import agreement_rate
from course.dwcp.consensus.intersection import silent_tolerated
from course.dwcp.consensus.pbft_records import Status
from course.dwcp.consensus.quorum import max_faulty
from course.dwcp.units import MS, SECOND
from course.dwcp.voting import Ballot, Edge
from course.dwcp.worker import Worker
from course.lab.cluster import World, raft_of
from course.lab.commands.lookups import host_named, registry_of
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.commands.reputation import votes_of
from course.lab.hosts import Host
from course.lab.voters import Voting

VIEW_LIMIT = 30 * SECOND


@verb("consensus status", kind="R")
def consensus_status(world: World, duration: int = 300) -> Result:
    """Both protocols: who leads, how far it is, and the latency of the voters' decisions.

    Latency is in ms over the last `duration` s, as the gateway measured it; None without any.
    """
    leader = world.leader()
    raft = raft_of(leader) if leader else None
    row: dict[str, Any] = {
        "mode": "hybrid" if world.voting else "raft",
        "leader": leader.name if leader else None,
        "term": raft.term if raft else None,
        "commit_index": raft.commit_index if raft else None,
    }
    if world.voting is None:
        return row
    took, edge = _latencies(world, duration), _edge(world, world.voting)
    states = list(_statuses(world, world.voting).values())
    return row | {
        "view": max((s.view for s in states if s), default=None),
        "decided": max((s.executed for s in states if s), default=None),
        "pending": len(edge.waiting) if edge else None,
        "latency_ms": {name: _share(took, share) for name, share in SHARES.items()},
        "decisions": len(took),
    }


@verb("consensus pbft-status", kind="R")
def consensus_pbft_status(world: World) -> Result:
    """Voters, how many take part, how many are required, and each as it sees itself."""
    voting = _voting(world)
    kept = registry_of(world).quarantined
    states = _statuses(world, voting)
    rows = [_voter_row(name, state, name in kept) for name, state in states.items()]
    size = len(voting.voters)
    share = voting.settings.quorum_share
    return {
        "voters": rows,
        "f": max_faulty(size),
        "required": size - silent_tolerated(size, share),
        "present": sum(row["state"] == "votes" for row in rows),
        "quorum_fraction": share,
        "primary": next((s.primary for s in states.values() if s and not s.changing), None),
    }


@verb("consensus force-view-change", kind="S", scope="admin")
def consensus_force_view_change(world: World, new_view: int) -> Result:
    """Give up on the primary: all voters go to view `new_view`, which is above the present one."""
    voting = _voting(world)
    states = _statuses(world, voting)
    present = max((state.view for state in states.values() if state), default=0)
    if not present < new_view <= present + len(voting.voters):
        raise CommandError(
            "STALE_VERSION",
            f"new_view is {new_view}; the view is {present}, so give {present + 1} to "
            f"{present + len(voting.voters)}",
        )
    for name in voting.voters:
        _ask_for_view(world, world.hosts[name], new_view)
    world.run_until(lambda: _entered(world, voting, new_view), VIEW_LIMIT)
    return {"view": new_view, **consensus_pbft_status(world)}


@verb("consensus analyze", kind="R")
def consensus_analyze(world: World, node: str, last: int = 500) -> Result:
    """A voter's last votes: how many were cast, and the share that agreed with the decision."""
    voting = _voting(world)
    if host_named(world, node).name not in voting.voters:
        raise CommandError("INVALID_REQUEST", f"{node} does not vote; {', '.join(voting.voters)}")
    votes = [row["vote"] for row in votes_of(world, node, world.now // SECOND)][-last:]
    cast = [vote == "correct" for vote in votes if vote != "silent"]
    return {
        "node": node,
        "decisions": len(votes),
        "cast": len(cast),
        "silent": votes.count("silent"),
        "agreement": agreement_rate(cast),
    }


SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def _voting(world: World) -> Voting:
    if world.voting is None:
        raise CommandError("INVALID_REQUEST", "no worker votes here: Raft decides alone")
    return world.voting


def _statuses(world: World, voting: Voting) -> dict[str, Status | None]:
    """None: its service does not run."""
    ballots = {name: _ballot(world.hosts[name]) for name in voting.voters}
    return {name: ballot.voter.status() if ballot else None for name, ballot in ballots.items()}


def _ballot(host: Host) -> Ballot | None:
    machine = host.machine
    here = isinstance(machine, Worker) and not host.frozen
    return machine.acp if here and isinstance(machine.acp, Ballot) else None  # type: ignore[union-attr]


def _edge(world: World, voting: Voting) -> Edge | None:
    machine = world.hosts[voting.gateway].machine
    acp = machine.acp if isinstance(machine, Worker) else None
    return acp if isinstance(acp, Edge) else None


def _voter_row(name: str, state: Status | None, kept: bool) -> dict[str, Any]:
    if state is None:
        return {"node": name, "state": "down"}
    doing = "quarantined" if kept else "changing view" if state.changing else "votes"
    return {
        "node": name, "state": doing, "view": state.view, "primary": state.primary,
        "decided": state.executed, "checkpoint": state.low, "pending": state.pending,
    }  # fmt: skip


def _ask_for_view(world: World, host: Host, view: int) -> None:
    ballot = _ballot(host)
    if ballot and ballot.voter.view < view:
        machine = host.machine
        assert isinstance(machine, Worker)
        world.command(host, lambda: machine.change_view(view, world.now))


def _entered(world: World, voting: Voting, view: int) -> bool:
    states = [state for state in _statuses(world, voting).values() if state]
    there = sum(state.view >= view and not state.changing for state in states)
    return there >= len(voting.voters) - silent_tolerated(len(voting.voters))


def _latencies(world: World, duration: int) -> list[int]:
    since = world.now - duration * SECOND
    return sorted(
        event.details["took_us"]
        for event in world.history
        if event.name == "agreed" and event.at >= since
    )


def _share(took: list[int], share: float) -> float | None:
    """The smallest of which at least `share` are no larger, ms."""
    if not took:
        return None
    return round(took[max(0, ceil(share * len(took)) - 1)] / MS, 1)
