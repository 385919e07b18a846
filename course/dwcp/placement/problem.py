"""A whole placement problem as arrays: many VMs, many nodes, one question.

`place` looks at one VM at a time. A solver that plans for 10,000 VMs on 1,000 nodes cannot ask
`objections` ten million times, so the same facts stand here in NumPy arrays of whole numbers.

    V VMs, sorted by name          demand[V, 5]    what each takes
    N nodes, sorted by name        usable[N, 5]    what VMs may take of each; base[N, 5] is taken
    K kinds of VM                  allowed[K, N]   rules that do not depend on what else runs there
    an assignment                  int[V]          VM -> index into `nodes`; ABSENT: nowhere

Region, labels, law, readiness and reputation make few combinations, so VMs that ask the same share
a row of `allowed`: a mask of VMs x nodes would be ten million entries here. Solvers place *units*
(see `units`). Whether an assignment is any good is for `judge` to say, for every solver alike.
Read next: `units`, `judge`, `ledger`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from course.dwcp.placement.constraints import (
    REPUTATION_PREFERRED,
    RESOURCES,
    RULES,
    Node,
    Rules,
    Vm,
    capacity,
    demand,
    standing_objections,
    usable,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
ABSENT = -1


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of VMs: affinity, or anti-affinity. `none` is their number for VMs without one."""

    names: tuple[str, ...]
    of_vm: Ints  # [V] -> group, or ABSENT
    base: Ints  # [groups, N] VMs of the group that a node holds and keeps


@dataclass(frozen=True, eq=False)
class Problem:
    """VMs to place, nodes to place them on, and what must hold. A value: its arrays are read-only.

    Build one with `Problem.batch` or `Problem.whole`. Equal requests give equal problems, in
    whatever order VMs and nodes are listed.
    """

    vms: tuple[Vm, ...]
    nodes: tuple[Node, ...]
    rules: Rules
    moves_max: int | None  # VMs that may change their node; None: any number
    current: Ints  # [V] where a VM runs now, or ABSENT
    pinned: Mask  # [V] must stay where it runs
    demand: Ints  # [V, 5]
    capacity: Ints  # [N, 5]
    usable: Ints  # [N, 5]
    base: Ints  # [N, 5] taken by VMs that are not part of the problem
    base_count: Ints  # [N]
    kind: Ints  # [V] -> row of `allowed`
    allowed: Mask  # [K, N]
    preferred: Mask  # [N] of good reputation
    spread: Groups  # anti-affinity
    bond: Groups  # affinity
    bond_hard: Mask  # [groups of `bond`]

    @classmethod
    def batch(cls, vms: Iterable[Vm], nodes: Iterable[Node], rules: Rules = RULES) -> "Problem":
        """New VMs for a running cluster; what the nodes hold stays where it is.

        Raises ValueError when two VMs, or two nodes, have one name.
        """
        vms, nodes = list(vms), list(nodes)
        _refuse_doubles(
            "VM", [vm.name for node in nodes for vm in node.vms] + [v.name for v in vms]
        )
        return _problem(vms, nodes, rules, {}, (), None)

    @classmethod
    def whole(
        cls,
        nodes: Iterable[Node],
        new: Iterable[Vm] = (),
        rules: Rules = RULES,
        moves_max: int | None = None,
        pinned: Iterable[str] = (),
    ) -> "Problem":
        """All VMs of a cluster, free to move: at most `moves_max` of them, none of `pinned`.

        Raises ValueError when two VMs, or two nodes, have one name.
        """
        nodes = list(nodes)
        if moves_max is not None and moves_max < 0:
            raise ValueError(f"moves_max is {moves_max}; give 0 or more, or None for any number")
        vms = [vm for node in nodes for vm in node.vms] + list(new)
        _refuse_doubles("VM", [vm.name for vm in vms])
        homes = {vm.name: node.name for node in nodes for vm in node.vms}
        empty = [replace(node, vms=()) for node in nodes]
        return _problem(vms, empty, rules, homes, tuple(pinned), moves_max)


def _problem(
    vms: Sequence[Vm],
    nodes: Sequence[Node],
    rules: Rules,
    homes: dict[str, str],
    pinned: tuple[str, ...],
    moves_max: int | None,
) -> Problem:
    _refuse_doubles("node", [node.name for node in nodes])
    vms = tuple(sorted(vms, key=lambda vm: vm.name))
    nodes = tuple(sorted(nodes, key=lambda node: node.name))
    index = {node.name: i for i, node in enumerate(nodes)}
    stays = frozenset(pinned)
    residents = [(i, vm) for i, node in enumerate(nodes) for vm in node.vms]
    at = np.array([i for i, _ in residents], np.int64)
    base = np.zeros((len(nodes), len(RESOURCES)), np.int64)
    np.add.at(base, at, _table([demand(vm) for _, vm in residents]))
    kind, allowed = _kinds(vms, nodes, rules)
    bond = _groups([vm.affinity for vm in vms], [(i, vm.affinity) for i, vm in residents], nodes)
    hard = [v.affinity for v in (*vms, *(vm for _, vm in residents)) if v.affinity_hard]
    made = Problem(
        vms=vms,
        nodes=nodes,
        rules=rules,
        moves_max=moves_max,
        current=np.array([index[homes[v.name]] if v.name in homes else ABSENT for v in vms], int),
        pinned=np.array([vm.name in stays and vm.name in homes for vm in vms], bool),
        demand=_table([demand(vm) for vm in vms]),
        capacity=_table([capacity(node) for node in nodes]),
        usable=_table([usable(node, rules) for node in nodes]),
        base=base,
        base_count=np.bincount(at, minlength=len(nodes)),
        kind=kind,
        allowed=allowed,
        preferred=np.array([n.reputation >= REPUTATION_PREFERRED for n in nodes], bool),
        spread=_groups([vm.group for vm in vms], [(i, vm.group) for i, vm in residents], nodes),
        bond=bond,
        bond_hard=np.isin(np.array(bond.names, dtype=object), np.array(hard, dtype=object)),
    )
    freeze(made, made.spread, made.bond)
    return made


def freeze(*values: object) -> None:
    """Make the arrays among the fields of `values` read-only."""
    for value in values:
        for field in vars(value).values():
            if isinstance(field, np.ndarray):
                field.flags.writeable = False


def _table(rows: Sequence[tuple[int, ...]]) -> Ints:
    return np.array(rows, np.int64).reshape(len(rows), len(RESOURCES))


def _kinds(vms: Sequence[Vm], nodes: Sequence[Node], rules: Rules) -> tuple[Ints, Mask]:
    """Each VM's kind, and which kind may go where: one question for each pair of kinds."""
    asks = [(v.region, v.regions_excluded, v.zone, v.labels) for v in vms]
    gives = [
        (
            *(n.ready, n.excluded, n.reputation < rules.reputation_min),
            *(n.region, n.zone, n.zone_guaranteed, n.labels),
        )
        for n in nodes
    ]
    vm_of, node_of = dict(zip(asks, vms, strict=True)), dict(zip(gives, nodes, strict=True))
    fits = [
        [not standing_objections(v, n, rules) for n in node_of.values()] for v in vm_of.values()
    ]
    rows = {ask: i for i, ask in enumerate(vm_of)}
    columns = {give: i for i, give in enumerate(node_of)}
    table = np.array(fits, bool).reshape(len(rows), len(columns))
    kind = np.array([rows[ask] for ask in asks], np.int64)
    return kind, table[:, np.array([columns[give] for give in gives], np.int64)]


def _groups(
    asked: Sequence[str | None], residents: Sequence[tuple[int, str | None]], nodes: Sequence[Node]
) -> Groups:
    names = sorted({name for name in asked if name is not None})
    number = {name: i for i, name in enumerate(names)}
    base = np.zeros((len(names), len(nodes)), np.int64)
    for i, name in residents:
        if name in number:
            base[number[name], i] += 1
    of_vm = [ABSENT if name is None else number[name] for name in asked]
    return Groups(tuple(names), np.array(of_vm, np.int64), base)


def _refuse_doubles(what: str, names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{count} {what}s are called {name}; each needs a name of its own")
