"""Metrics of HDE's work by groups and deltas; bytes and ratios are in `network`.

The counts are of the scaled memory image (see `course.lab.memory`): multiply groups by the scale
for those of a VM of full size.
"""

from course.dwcp.units import PAGE_SIZE
from course.lab.metrics.declare import each_look, gauge, tally
from course.lab.metrics.monitor import Monitor
from course.lab.metrics.node import Node

OPERATIONS = tally(
    "dwcp_hde_operations_total",
    "Groups encoded on the source and decoded on the target, images verified on the target.",
    labels=("operation", "result"),
    on="worker",
)


@each_look
def follow(monitor: Monitor, moment: int) -> None:
    """Count what was encoded, decoded and verified since the last look."""
    for node in monitor.nodes.values():
        for migration in node.notes.get("moving", ()):
            target = monitor.nodes[migration.target]
            known = node.notes.get(("groups", migration.id), 0)
            node.notes["groups", migration.id] = migration.groups
            if migration.groups > known:
                OPERATIONS.add(node, "encode", "success", amount=migration.groups - known)
                OPERATIONS.add(target, "decode", "success", amount=migration.groups - known)
            if migration.is_over and migration.hashes_equal is not None:
                result = "success" if migration.hashes_equal else "failure"
                OPERATIONS.add(target, "verify", result)


@gauge(
    "dwcp_hde_delta_hit_rate_percent",
    "Of pages sent again in the latest migration from this node, those that went as a delta.",
    "percent",
    on="worker",
)
def delta_hits(node: Node) -> float | None:
    last = node.notes.get("last encoded")
    if last is None:
        return None
    again = last.encoded.pages - last.memory // PAGE_SIZE // last.scale
    return 100 * last.encoded.deltas / again if again > 0 else None
