"""Placement by score: of the nodes that may take a VM, the one with the highest number.

Hard rules are no part of a score: they are asked first, and a node that breaks one is out, whatever
its number. A placer may bring further rules of its own (`shortcomings`). The scores themselves:
`datacenter`, `geographic`, `hybrid`.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from course.dwcp.placement.constraints import RULES, Node, Rules, Vm, objections
from course.dwcp.placement.ledger import Infeasible, Ledger
from course.dwcp.placement.packing import NoFeasibleNode, feasible
from course.dwcp.placement.problem import ABSENT, Ints, Problem
from course.dwcp.placement.units import Units

Score = Callable[[Vm, Node], float]
Shortcomings = Callable[[Vm, Node], list[str]]
DIGITS = 9


def by_score(
    vm: Vm,
    nodes: Iterable[Node],
    score: Score,
    rules: Rules = RULES,
    shortcomings: Shortcomings | None = None,
) -> list[str]:
    """Names of the nodes that may take `vm`, highest score first; ties go to the lower name.

    Raises NoFeasibleNode with the broken rules of every node.
    """
    nodes = list(nodes)
    able = feasible(vm, nodes, rules)
    lacks = {node.name: shortcomings(vm, node) if shortcomings else [] for node in able}
    fit = [node for node in able if not lacks[node.name]]
    if not fit:
        raise NoFeasibleNode(
            vm,
            {node.name: objections(vm, node, rules) + lacks.get(node.name, []) for node in nodes},
        )
    ranked = sorted(fit, key=lambda node: (-round(score(vm, node), DIGITS), node.name))
    return [node.name for node in ranked]


class Scored:
    """A solver (see `solver`) that places one unit after another by score.

    It asks a plain function about every candidate node, so it is for hundreds of VMs, not for ten
    thousand. With `epsilon` it takes a random candidate in that share of its decisions.
    """

    def __init__(
        self, score: Score, shortcomings: Shortcomings | None = None, epsilon: float = 0.0
    ) -> None:
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon is {epsilon}; it is the share of random decisions, 0 to 1")
        self.score, self.shortcomings, self.epsilon = score, shortcomings, epsilon

    def __call__(self, problem: Problem, rng: np.random.Generator | None = None) -> Ints:
        """int[V]; raises Infeasible for a unit that no node may take."""
        if self.epsilon and rng is None:
            raise ValueError("random decisions need dice: pass rng, or epsilon=0")
        units, nodes = Units.of(problem), list(problem.nodes)
        ledger = Ledger(units)
        for unit in units.order():
            vms = [problem.vms[i] for i in units.members[unit]]
            at = self._choose(ledger, unit, vms, nodes, rng)
            ledger.put(unit, at)
            nodes[at] = replace(nodes[at], vms=(*nodes[at].vms, *vms))
        return units.assignment(ledger.where)

    def _choose(
        self,
        ledger: Ledger,
        unit: int,
        vms: list[Vm],
        nodes: list[Node],
        rng: np.random.Generator | None,
    ) -> int:
        able = np.flatnonzero(ledger.fits(unit)).tolist()
        if not able:
            raise ledger.infeasible(unit)
        fit = [at for at in able if not self._lacks(vms, nodes[at])]
        if not fit:
            lacks = "; ".join(self._lacks(vms, nodes[able[-1]]))
            why = (
                f"no node may take {vms[0].name}: of {len(able)} that could, the last one: {lacks}"
            )
            raise Infeasible(vms[0].name, len(nodes), [(lacks, 0)], why)
        if self.epsilon and rng is not None and rng.random() < self.epsilon:
            return int(fit[rng.integers(len(fit))])
        values = [round(sum(self.score(vm, nodes[at]) for vm in vms), DIGITS) for at in fit]
        return int(fit[int(np.argmax(values))]) if fit else ABSENT

    def _lacks(self, vms: list[Vm], node: Node) -> list[str]:
        return (
            [text for vm in vms for text in self.shortcomings(vm, node)]
            if self.shortcomings
            else []
        )
