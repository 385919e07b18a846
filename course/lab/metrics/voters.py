"""Metrics of the workers' voters (PBFT): views, who takes part, how long, misconduct.

Absent where no worker votes. A voter counts what it notices itself, so one lie counts once on each
voter that saw it: look at the kinds, not at the sum. Read next: `course.lab.voters`.
"""

from typing import Any

from course.dwcp.units import SECOND
from course.dwcp.voting import Ballot
from course.lab.metrics.agreement import CONSENSUS_LATENCY
from course.lab.metrics.declare import counter, gauge, on_tell, tally
from course.lab.metrics.node import Node

DETECTIONS = tally(
    "dwcp_byzantine_detections_total",
    "Misconduct that this node noticed: a voter by messages, a controller by votes and proofs.",
    labels=("kind",),
)


@gauge("dwcp_pbft_view", "The view that this voter is in, or asks for.", "view", on="worker")
def view(node: Node) -> float | None:
    acp = node.machine.acp
    return acp.voter.view if isinstance(acp, Ballot) else None


@gauge(
    "dwcp_pbft_voters",
    "Voters that are not in quarantine, as this controller knows.",
    "nodes",
    on="controller",
)
def voters(node: Node) -> float | None:
    registry = node.machine.registry
    if node.machine.raft is None or not registry.voters:
        return None
    return sum(name not in registry.quarantined for name in registry.voters)


@counter("dwcp_pbft_view_changes_total", "Views that this voter has entered.", on="worker")
def view_changes(node: Node) -> float | None:
    return node.notes.get("views entered", 0) if isinstance(node.machine.acp, Ballot) else None


@on_tell("view_entered")
def entered(node: Node, details: dict[str, Any]) -> None:
    node.notes["views entered"] = node.notes.get("views entered", 0) + 1


@on_tell("agreed")
def agreed(node: Node, details: dict[str, Any]) -> None:
    CONSENSUS_LATENCY.observe(node, details["took_us"] / SECOND, "pbft")


@on_tell("misbehaved")
def misbehaved(node: Node, details: dict[str, Any]) -> None:
    DETECTIONS.add(node, details["kind"])


@on_tell("committed")
def judged(node: Node, details: dict[str, Any]) -> None:
    """What the jury found, once a voter; after a restart the log's entries are counted again."""
    match details["command"]:
        case {"kind": "judge", "wrong": [_, *_] as wrong}:
            DETECTIONS.add(node, "wrong_vote", amount=len(wrong))
        case {"kind": "quarantine", "by": "proof", "proof": proof}:
            DETECTIONS.add(node, proof.NAME.replace(" ", "_"))
