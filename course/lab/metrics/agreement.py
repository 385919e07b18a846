"""Metrics of agreement: Raft's terms and elections, how long decisions take, what waits.

Two latencies of one decision: of the commit, from the leader's log to a majority; of the consensus,
from the wish, so the wait for a leader is in it. Measured are decisions that an operator's verb or
a migration asks for; a node that joins is not. What the workers' voters decide, the gateway adds
(see `voters`). Reputation is what the registry has decided.
"""

from typing import Any

from course.dwcp.units import SECOND
from course.lab.cluster import Proposal
from course.lab.metrics.declare import (
    counter,
    each_look,
    gauge,
    histogram,
    on_propose,
    on_tell,
    tally,
)
from course.lab.metrics.monitor import Monitor
from course.lab.metrics.node import Node

ELECTIONS = tally(
    "dwcp_raft_leader_elections_total", "Elections that this node has won.", on="controller"
)
COMMITS = tally(
    "dwcp_consensus_commits_total",
    "Log entries that this controller has seen committed, probes and empty ones included.",
    labels=("protocol",),
    on="controller",
)
COMMIT_LATENCY = histogram(
    "dwcp_raft_commit_latency_seconds",
    "From the leader's log to a majority.",
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
    on="controller",
)
CONSENSUS_LATENCY = histogram(
    "dwcp_consensus_latency_seconds",
    "From the wish for a decision to the decision.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60),
    labels=("protocol",),
)


@on_tell("leader_elected")
def elected(node: Node, details: dict[str, Any]) -> None:
    ELECTIONS.add(node)


@on_propose
def proposed(node: Node, proposal: Proposal) -> None:
    node.notes["proposed", proposal.term, proposal.index] = proposal


@on_tell("committed")
def committed(node: Node, details: dict[str, Any]) -> None:
    proposal = node.notes.pop(("proposed", details["term"], details["index"]), None)
    if proposal is not None:
        COMMIT_LATENCY.observe(node, (node.now - proposal.at) / SECOND)
        CONSENSUS_LATENCY.observe(node, (node.now - proposal.asked) / SECOND, "raft")


@each_look
def count_commits(monitor: Monitor, moment: int) -> None:
    """Each entry once: a controller that restarts commits again what it had committed before."""
    for node in monitor.nodes.values():
        raft = node.machine.raft if node.host.role == "controller" and node.machine else None
        if raft is not None:
            known = monitor.notes.setdefault(("commits", node.host.name), 0)
            fresh = max(0, raft.commit_index - known)
            monitor.notes["commits", node.host.name] = known + fresh
            COMMITS.add(node, "raft", amount=fresh)


@gauge(
    "dwcp_consensus_pending_proposals",
    "Entries of this controller's log that are not committed, as far as it knows.",
    "proposals",
    on="controller",
)
def pending(node: Node) -> float | None:
    raft = node.machine.raft
    return None if raft is None else raft.log.last_index - raft.commit_index


@gauge("dwcp_raft_term", "The term that this controller is in.", "term", on="controller")
def term(node: Node) -> float | None:
    return node.machine.raft.term if node.machine.raft else None


@gauge("dwcp_raft_is_leader", "1 if this controller believes that it leads.", on="controller")
def is_leader(node: Node) -> float | None:
    raft = node.machine.raft
    return None if raft is None else float(raft.role == "leader")


@gauge(
    "dwcp_reputation_quarantined_nodes",
    "Nodes that the cluster has put into quarantine.",
    "nodes",
    on="controller",
)
def quarantined(node: Node) -> float | None:
    return len(node.machine.registry.quarantined) if node.machine.raft else None


@gauge(
    "dwcp_reputation_score", "Reputation of a voter, 0 to 1.", "ratio", ("subject",), "controller"
)
def scores(node: Node) -> dict[tuple[str, ...], float]:
    standing = node.machine.registry.standing
    return {(name,): known.score for name, known in standing.items()}


@counter(
    "dwcp_reputation_votes_total",
    "Judged votes of a voter; the result is correct, wrong or silent.",
    labels=("subject", "result"),
    on="controller",
)
def votes(node: Node) -> dict[tuple[str, ...], float]:
    standing = node.machine.registry.standing
    return {
        (name, result): getattr(known, result)
        for name, known in standing.items()
        for result in ("correct", "wrong", "silent")
    }
