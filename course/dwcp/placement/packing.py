"""Best fit: of the nodes that may take a VM, the one that it fills most.

Filling nodes leaves other nodes empty for what is large; spreading leaves a little room
everywhere and enough nowhere. Best fit is the plain yardstick for the solvers that come later.
"""

from collections.abc import Iterable
from dataclasses import replace

from course.dwcp.placement.constraints import Node, Vm, objections


class NoFeasibleNode(Exception):
    """Every node breaks a hard rule; `reasons` maps node name to the rules that it breaks."""

    def __init__(self, vm: Vm, reasons: dict[str, list[str]]) -> None:
        self.reasons = reasons
        told = "; ".join(f"{node}: {', '.join(rules)}" for node, rules in reasons.items())
        super().__init__(f"no node may take {vm.name}: {told or 'there is no node'}")


def place(vm: Vm, nodes: Iterable[Node]) -> list[str]:
    """Names of the nodes that may take `vm`, best first: the target, then the alternatives.

    Raises NoFeasibleNode with the broken rules of every node. Ties go to the lower name, so that
    the same request gives the same plan everywhere.
    """
    nodes = list(nodes)
    reasons = {node.name: objections(vm, node) for node in nodes}
    feasible = [node for node in nodes if not reasons[node.name]]
    if not feasible:
        raise NoFeasibleNode(vm, reasons)
    ranked = sorted(feasible, key=lambda node: (-_filled(vm, node), node.name))
    return [node.name for node in ranked]


def _filled(vm: Vm, node: Node) -> float:
    """Utilisation after the placement, rounded so that it decides alike on every processor."""
    return round(replace(node, vms=(*node.vms, vm)).utilisation, 9)
