"""Metrics of the workers' gossip (ASS)."""

from course.lab.metrics.declare import counter, gauge
from course.lab.metrics.node import Node


@gauge("dwcp_gossip_peers", "Members that the node tells things.", "peers", on="worker")
def peers(node: Node) -> float | None:
    return node.world.gossip.peers(node.host) if node.world.gossip else None


@counter(
    "dwcp_gossip_messages_total",
    "Messages of gossip that the node sent and received.",
    labels=("direction",),
    on="worker",
)
def messages(node: Node) -> dict[tuple[str, ...], float] | None:
    if node.world.gossip is None:
        return None
    row = node.world.gossip.row(node.host)
    return {("sent",): row["sent"], ("received",): row["received"]}


@counter(
    "dwcp_crdt_conflicts_total",
    "Writes of the node that were lost to one whose writer had not seen them.",
    labels=("type",),
    on="worker",
)
def conflicts(node: Node) -> dict[tuple[str, ...], float] | None:
    if node.world.gossip is None:
        return None
    return {("lww_register",): node.world.gossip.row(node.host)["conflicts"]}
