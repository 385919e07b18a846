"""Is this assignment allowed, and how good is it? One judge for every solver.

A solver's own books (`ledger`) are quick and could be wrong. Nothing here looks at them: every hard
rule is counted again from the assignment alone, and every broken one is told in words.

    objective = utilisation - 0.02 x (moves + wishes) / VMs

Utilisation is the mean, over the nodes in use, of the binding resource: max(CPU share, memory
share). A move is a VM that changes its node. Wishes are VMs apart from the rest of their soft
affinity group, and VMs on nodes of reputation below 0.70; the course prices both like a move.

This objective has a blind spot: of two plans with equally full nodes it does not see that one needs
fewer. A node full of CPU with idle memory counts as full. So equal plans are ranked by `Score`:
the objective first, then fewer nodes. Read next: `ledger`.
"""

from dataclasses import dataclass

import numpy as np

from course.dwcp.placement.constraints import CPU, MEMORY, RESOURCES, standing_objections
from course.dwcp.placement.problem import ABSENT, Floats, Groups, Ints, Mask, Problem

MOVE_COST = 0.02
DIGITS = 9  # of an objective: below them, processors may add up differently


@dataclass(frozen=True, slots=True)
class Violation:
    """A hard rule that is broken: by which VM, on which node; "" if it is nobody's alone."""

    vm: str
    node: str
    rule: str

    def __str__(self) -> str:
        at = f" on {self.node}" if self.node else ""
        return f"{self.vm or 'the plan'}{at}: {self.rule}"


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """How good an assignment is; a larger one is better. `objective` is at most 1."""

    objective: float
    unused: int  # nodes that hold nothing


def violations(problem: Problem, assignment: Ints) -> list[Violation]:
    """Every hard rule that an assignment breaks; empty: it is feasible.

    `assignment` is int[V]. Raises ValueError for another type or shape.
    """
    assignment = np.asarray(assignment)
    if assignment.shape != (len(problem.vms),) or assignment.dtype.kind not in "iu":
        raise ValueError(
            f"an assignment is {len(problem.vms)} whole numbers, one node index a VM, "
            f"not {assignment.dtype} of shape {assignment.shape}"
        )
    outside = (assignment < 0) | (assignment >= len(problem.nodes))
    found = [_nowhere(problem, int(v), int(assignment[v])) for v in np.flatnonzero(outside)]
    placed = np.flatnonzero(~outside)
    if placed.size:
        at = assignment[placed].astype(np.int64)
        for check in (_standing, _room, _counts, _spread, _bonds, _pins):
            found += check(problem, placed, at)
    return found + _budget(problem, assignment)


def utilisation(problem: Problem, assignment: Ints) -> float:
    """Mean over nodes in use of the binding resource, 0 to 1; 0 if no node is in use."""
    fill, in_use = fills(problem, assignment)
    return round(float(fill[in_use].mean()), DIGITS) if in_use.any() else 0.0


def fills(problem: Problem, assignment: Ints) -> tuple[Floats, Mask]:
    """Every node's binding resource [N], 0 to 1, and which nodes are in use [N]."""
    count = len(problem.nodes)
    counts = problem.base_count + np.bincount(assignment, minlength=count)
    shares = []
    for r in (CPU, MEMORY):
        used = problem.base[:, r] + np.bincount(assignment, problem.demand[:, r], minlength=count)
        shares.append(used / np.maximum(problem.capacity[:, r], 1))
    return np.maximum(*shares), counts > 0


def moves(problem: Problem, assignment: Ints) -> int:
    """VMs that run on one node now and on another one in the plan."""
    return int(((problem.current != ABSENT) & (problem.current != assignment)).sum())


def wishes(problem: Problem, assignment: Ints) -> int:
    """VMs apart from the most of their soft affinity group, and VMs on nodes of poor reputation."""
    poor = 0 if problem.preferred.all() else int((~problem.preferred[assignment]).sum())
    soft = np.append(~problem.bond_hard, False)[problem.bond.of_vm]
    if not soft.any():
        return poor
    together = _pairs(problem.bond, np.flatnonzero(soft), assignment[soft])
    bonded = ~problem.bond_hard
    return poor + int((together.sum(axis=1) - together.max(axis=1, initial=0))[bonded].sum())


def score(problem: Problem, assignment: Ints) -> Score:
    """How good a feasible assignment is."""
    fill, in_use = fills(problem, assignment)
    full = float(fill[in_use].mean()) if in_use.any() else 0.0
    paid = moves(problem, assignment) + wishes(problem, assignment)
    value = full - MOVE_COST * paid / max(1, len(problem.vms))
    return Score(round(value, DIGITS), int((~in_use).sum()))


def _nowhere(problem: Problem, vm: int, at: int) -> Violation:
    last = len(problem.nodes) - 1
    rule = "not placed" if at == ABSENT else f"node {at} does not exist, they are 0 to {last}"
    return Violation(problem.vms[vm].name, "", rule)


def _standing(problem: Problem, vms: Ints, at: Ints) -> list[Violation]:
    found = []
    for k in np.flatnonzero(~problem.allowed[problem.kind[vms], at]):
        vm, node = problem.vms[vms[k]], problem.nodes[at[k]]
        words = standing_objections(vm, node, problem.rules)
        found += [Violation(vm.name, node.name, rule) for rule in words]
    return found


def _room(problem: Problem, vms: Ints, at: Ints) -> list[Violation]:
    """Blames the first VM by name that goes over; one that asks for nothing cannot."""
    found = []
    for r, resource in enumerate(RESOURCES):
        takes = problem.demand[vms, r]
        used = problem.base[:, r] + _sums(at, takes, len(problem.nodes))
        over = (used > problem.usable[:, r])[at] & (takes > 0)
        for node in np.unique(at[over]):
            mine = np.flatnonzero((at == node) & (takes > 0))
            so_far = problem.base[node, r] + np.cumsum(takes[mine])
            guilty = mine[np.argmax(so_far > problem.usable[node, r])]
            rule = f"{used[node]} {resource} taken, {problem.usable[node, r]} may be"
            found.append(Violation(problem.vms[vms[guilty]].name, problem.nodes[node].name, rule))
    return found


def _counts(problem: Problem, vms: Ints, at: Ints) -> list[Violation]:
    most = problem.rules.vms_max
    counts = problem.base_count + np.bincount(at, minlength=len(problem.nodes))
    found = []
    for node in np.unique(at[counts[at] > most]):
        mine = vms[at == node]
        guilty = mine[max(0, most - int(problem.base_count[node]))]
        rule = f"{counts[node]} VMs, the most is {most}"
        found.append(Violation(problem.vms[guilty].name, problem.nodes[node].name, rule))
    return found


def _spread(problem: Problem, vms: Ints, at: Ints) -> list[Violation]:
    found, groups = [], problem.spread.of_vm[vms]
    grouped = np.flatnonzero(groups != ABSENT)
    seen: set[tuple[int, int]] = set()
    for k in grouped:
        group, node = int(groups[k]), int(at[k])
        if (group, node) in seen or problem.spread.base[group, node] > 0:
            rule = f"another VM of anti-affinity group {problem.spread.names[group]} is there"
            found.append(Violation(problem.vms[vms[k]].name, problem.nodes[node].name, rule))
        seen.add((group, node))
    return found


def _bonds(problem: Problem, vms: Ints, at: Ints) -> list[Violation]:
    found, groups = [], problem.bond.of_vm[vms]
    hard = np.append(problem.bond_hard, False)[groups]
    homes: dict[int, int] = {}
    for k in np.flatnonzero(hard):
        group, node = int(groups[k]), int(at[k])
        there = problem.bond.base[group]
        home = homes.setdefault(group, node)
        if node != home or (there.any() and not there[node]):
            name = problem.bond.names[group]
            runs = problem.nodes[int(np.argmax(there)) if there.any() else home].name
            rule = f"hard affinity group {name} runs on {runs}"
            found.append(Violation(problem.vms[vms[k]].name, problem.nodes[node].name, rule))
    return found


def _pins(problem: Problem, vms: Ints, at: Ints) -> list[Violation]:
    moved = problem.pinned[vms] & (problem.current[vms] != at)
    return [
        Violation(
            problem.vms[vms[k]].name,
            problem.nodes[at[k]].name,
            f"must stay on {problem.nodes[problem.current[vms[k]]].name}",
        )
        for k in np.flatnonzero(moved)
    ]


def _budget(problem: Problem, assignment: Ints) -> list[Violation]:
    count = moves(problem, assignment)
    if problem.moves_max is None or count <= problem.moves_max:
        return []
    return [Violation("", "", f"{count} VMs move, at most {problem.moves_max} may")]


def _sums(at: Ints, amounts: Ints, count: int) -> Ints:
    """Sum of whole `amounts` a node, exactly."""
    sums = np.zeros(count, np.int64)
    np.add.at(sums, at, amounts)
    return sums


def _pairs(groups: Groups, vms: Ints, at: Ints) -> Ints:
    """[groups, N] VMs of each group on each node, those that stay there counted in."""
    counts = groups.base.copy()
    np.add.at(counts, (groups.of_vm[vms], at), 1)
    return counts
