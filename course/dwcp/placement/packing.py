"""Best fit: of the nodes that may take a VM, the one that it fills most.

Filling nodes leaves other nodes empty for what is large; spreading leaves a little room
everywhere and enough nowhere. `place` answers for one VM. For a batch the order matters more than
the choice: sorted by falling size, first fit needs at most 11/9 of the fewest possible bins and
two thirds of one more (Johnson 1973; Dosa 2007), in one dimension. With several resources there is
no such promise, and it is still the yardstick for the solvers that come later.
Read next: `problem` if you came for the batch, else `genetic`.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from course.dwcp.placement.constraints import (
    REPUTATION_PREFERRED,
    RULES,
    Node,
    Rules,
    Vm,
    objections,
)
from course.dwcp.placement.ledger import Ledger
from course.dwcp.placement.problem import ABSENT, Ints, Problem
from course.dwcp.placement.units import Units


class NoFeasibleNode(Exception):
    """Every node breaks a hard rule; `reasons` maps node name to the rules that it breaks."""

    def __init__(self, vm: Vm, reasons: dict[str, list[str]]) -> None:
        self.reasons = reasons
        told = "; ".join(f"{node}: {', '.join(rules)}" for node, rules in reasons.items())
        super().__init__(f"no node may take {vm.name}: {told or 'there is no node'}")


def place(vm: Vm, nodes: Iterable[Node], rules: Rules = RULES) -> list[str]:
    """Names of the nodes that may take `vm`, best first: the target, then the alternatives.

    Nodes of reputation below 0.70 come last. Ties go to the lower name, so that the same request
    gives the same plan everywhere. Raises NoFeasibleNode with the broken rules of every node.
    """
    ranked = sorted(
        feasible(vm, nodes, rules),
        key=lambda node: (
            node.reputation < REPUTATION_PREFERRED,
            not _has_friends(vm, node),
            -_filled(vm, node),
            node.name,
        ),
    )
    return [node.name for node in ranked]


def feasible(vm: Vm, nodes: Iterable[Node], rules: Rules = RULES) -> list[Node]:
    """The nodes that may take `vm`, as listed; raises NoFeasibleNode if there is none."""
    nodes = list(nodes)
    homes = [node.name for node in nodes if _is_home(vm, node)]
    reasons = {node.name: objections(vm, node, rules, homes) for node in nodes}
    able = [node for node in nodes if not reasons[node.name]]
    if not able:
        raise NoFeasibleNode(vm, reasons)
    return able


def first_fit(problem: Problem, rng: np.random.Generator | None = None) -> Ints:
    """A solver: units by priority and size, each on the first node that may take it.

    All or nothing: raises Infeasible for the first unit that no node may take, and the batch is
    undone, because nothing was done but in the solver's books. Chance is not used.
    """
    return pack(problem, Ledger.first)


def best_fit(problem: Problem, rng: np.random.Generator | None = None) -> Ints:
    """A solver: like `first_fit`, but each unit goes where it fills a node most."""
    return pack(problem, Ledger.best)


def pack(problem: Problem, choose: Callable[[Ledger, int], int]) -> Ints:
    """Place units one by one, largest first, where `choose(ledger, unit)` says."""
    units = Units.of(problem)
    return units.assignment(packed(units, units.order(), choose).where)


def packed(units: Units, order: Iterable[int], choose: Callable[[Ledger, int], int]) -> Ledger:
    """The books after placing units in this order; raises Infeasible for one that fits nowhere."""
    ledger = Ledger(units)
    for unit in order:
        node = choose(ledger, unit)
        if node == ABSENT:
            raise ledger.infeasible(unit)
        ledger.put(unit, node)
    return ledger


def _filled(vm: Vm, node: Node) -> float:
    """Utilisation after the placement, rounded so that it decides alike on every processor."""
    return round(replace(node, vms=(*node.vms, vm)).utilisation, 9)


def _has_friends(vm: Vm, node: Node) -> bool:
    return vm.affinity is not None and any(other.affinity == vm.affinity for other in node.vms)


def _is_home(vm: Vm, node: Node) -> bool:
    """Whether `node` runs VMs that `vm` must run beside."""
    return any(
        other.affinity == vm.affinity and (vm.affinity_hard or other.affinity_hard)
        for other in node.vms
        if vm.affinity is not None
    )
