"""What solvers place: a unit is a VM, or all VMs of a hard affinity group at once.

A hard affinity group runs on one node or not at all, so it is one thing: its demands add up, and a
node has to suit every member. Three more facts are worked into a unit's row of `allowed`, so that
solvers need not know of them: it goes where its group runs already, a pinned VM stays where it is,
and a unit that contradicts itself (affinity and anti-affinity at once) goes nowhere.
Read next: `ledger`.
"""

from dataclasses import dataclass

import numpy as np

from course.dwcp.placement.problem import ABSENT, Ints, Mask, Problem, freeze


@dataclass(frozen=True, eq=False)
class Units:
    """U units, in the order of their first VM's name. Arrays are read-only."""

    problem: Problem
    names: tuple[str, ...]  # of the first VM
    members: tuple[Ints, ...]  # indices of VMs
    of_vm: Ints  # [V] -> unit
    usable: Ints  # [5, N] of the problem, a row a resource, which is quicker to scan
    capacity: Ints  # [5, N], at least 1: to divide by
    sizes: Ints  # [U] VMs in it
    demand: Ints  # [U, 5]
    needs: tuple[tuple[tuple[int, int], ...], ...]  # (resource, amount), what is not 0
    kind: Ints  # [U] -> row of `allowed`
    allowed: Mask  # [K + some, N]
    spread: tuple[tuple[int, ...], ...]  # anti-affinity groups in it
    spread_pairs: tuple[Ints, Ints]  # the same as two columns: unit, group
    bond: Ints  # [U] soft affinity group or ABSENT
    blocks: Ints  # [U] numbered alike for units of one soft affinity group
    current: Ints  # [U] where all of it runs now, or ABSENT
    size: Ints  # [U] share of the whole cluster's largest need, in millionths: for sorting
    priority: Ints  # [U] the highest of its VMs, in thousandths

    @classmethod
    def of(cls, problem: Problem, joined: bool = True) -> "Units":
        """The units of a problem; not `joined`: every VM by itself, as when single VMs move."""
        of_vm = _numbered(problem) if joined else np.arange(len(problem.vms))
        order = np.argsort(of_vm, kind="stable")
        counts = np.bincount(of_vm)
        members = tuple(np.split(order, np.cumsum(counts)[:-1])) if of_vm.size else ()
        demand = np.zeros((len(members), problem.demand.shape[1]), np.int64)
        np.add.at(demand, of_vm, problem.demand)
        spread = tuple(_groups_in(problem.spread.of_vm[part]) for part in members)
        pairs = [(unit, group) for unit, groups in enumerate(spread) for group in groups]
        columns = np.array(pairs, np.int64).reshape(-1, 2).T
        kind, allowed = _allowed(problem, members)
        first = np.array([part[0] for part in members], np.int64)
        bond = problem.bond.of_vm[first]
        soft = (bond != ABSENT) & ~np.append(problem.bond_hard, True)[bond]
        made = cls(
            problem=problem,
            names=tuple(problem.vms[i].name for i in first),
            members=members,
            of_vm=of_vm,
            usable=np.ascontiguousarray(problem.usable.T),
            capacity=np.ascontiguousarray(np.maximum(problem.capacity, 1).T),
            sizes=counts,
            demand=demand,
            kind=kind,
            allowed=allowed,
            needs=tuple(tuple((r, n) for r, n in enumerate(row) if n) for row in demand.tolist()),
            spread=spread,
            spread_pairs=(columns[0], columns[1]),
            bond=np.where(soft, bond, ABSENT),
            blocks=_blocks(np.where(soft, bond, ABSENT)),
            current=np.array([_home(problem.current[part]) for part in members], np.int64),
            size=_sizes(problem, demand),
            priority=np.array(
                [round(1000 * max(problem.vms[i].priority for i in part)) for part in members], int
            ),
        )
        freeze(made)
        return made

    def order(self) -> list[int]:
        """Units by priority, then by size, both falling, then by name: how a batch is placed."""
        return [int(u) for u in np.lexsort((-self.size, -self.priority))]

    def assignment(self, where: Ints) -> Ints:
        """Units' nodes [U] as an assignment of VMs [V]."""
        return where[self.of_vm]


def _numbered(problem: Problem) -> Ints:
    """[V] -> unit, numbered by first appearance."""
    numbers: dict[tuple[str, int], int] = {}
    bond, hard = problem.bond.of_vm.tolist(), problem.bond_hard
    keys = [("group", g) if g != ABSENT and hard[g] else ("vm", i) for i, g in enumerate(bond)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _allowed(problem: Problem, members: tuple[Ints, ...]) -> tuple[Ints, Mask]:
    rows, kinds = [problem.allowed], []
    count = len(problem.allowed)
    for part in members:
        bound = len(part) > 1 or problem.pinned[part].any() or _has_home(problem, int(part[0]))
        if bound:
            rows.append(_row(problem, part)[None])
            count += 1
        kinds.append(count - 1 if bound else problem.kind[part[0]])
    return np.array(kinds, np.int64), np.concatenate(rows)


def _has_home(problem: Problem, vm: int) -> bool:
    group = problem.bond.of_vm[vm]
    return bool(group != ABSENT and problem.bond_hard[group] and problem.bond.base[group].any())


def _row(problem: Problem, part: Ints) -> Mask:
    """Where a unit of several VMs, or one that is bound to a node, may go: [N]."""
    row: Mask = np.logical_and.reduce(problem.allowed[problem.kind[part]], axis=0)
    groups = problem.spread.of_vm[part]
    if len(_groups_in(groups)) < (groups != ABSENT).sum():
        return np.zeros_like(row)
    if _has_home(problem, int(part[0])):
        row &= problem.bond.base[problem.bond.of_vm[part[0]]] > 0
    for vm in part[problem.pinned[part]]:
        row &= np.arange(len(row)) == problem.current[vm]
    return row


def _groups_in(groups: Ints) -> tuple[int, ...]:
    return tuple(int(g) for g in np.unique(groups) if g != ABSENT)


def _blocks(bond: Ints) -> Ints:
    alone = bond == ABSENT
    numbers = np.cumsum(alone) - 1
    return np.where(alone, numbers, alone.sum() + bond)


def _home(nodes: Ints) -> int:
    return int(nodes[0]) if (nodes == nodes[0]).all() else ABSENT


def _sizes(problem: Problem, demand: Ints) -> Ints:
    total = np.maximum(problem.usable.sum(axis=0), 1)
    return (demand * 1_000_000_000 // total).max(axis=1, initial=0)
