"""Metrics of placement (ITP): how full the workers are, and which moves it chose.

The solver's seconds are not there: a lab's clock stands still while it computes, and real seconds
would differ from one run to the next.
"""

from course.lab.metrics.declare import each_look, gauge, tally
from course.lab.metrics.monitor import Monitor
from course.lab.metrics.node import Node

MOVES = tally(
    "dwcp_itp_moves_total",
    "Migrations from this node to a target that ITP chose: on request, or for an evacuation.",
    labels=("reason",),
    on="worker",
)


@gauge(
    "dwcp_itp_utilization_ratio",
    "Memory that the VMs of the registry were promised, of the memory of its workers.",
    "ratio",
    on="controller",
)
def utilization(node: Node) -> float | None:
    registry = node.machine.registry
    there = sum(row["memory_gb"] for row in registry.nodes.values())
    return sum(row["memory_gb"] for row in registry.vms.values()) / there if there else None


@each_look
def follow(monitor: Monitor, moment: int) -> None:
    """Count the moves that began since the last look."""
    seen = monitor.notes.get("placed", 0)
    began = monitor.world.every_migration[seen:]
    monitor.notes["placed"] = seen + len(began)
    for migration in began:
        if migration.placed_for:
            MOVES.add(monitor.nodes[migration.source], migration.placed_for)
