"""The books of a solver: what is free on every node while units are put and taken.

One array a resource, so that "who has room for this?" is five comparisons over all nodes. The
ledger lets nothing in that breaks a rule; `judge` counts again afterwards from the plan alone.
Read next: `solver`, to plug in your own.
"""

from collections.abc import Iterator

import numpy as np

from course.dwcp.placement.constraints import CPU, MEMORY, RESOURCES, STANDING, standing
from course.dwcp.placement.problem import ABSENT, Floats, Ints, Mask
from course.dwcp.placement.units import Units


class Infeasible(Exception):
    """No node may take a VM. `steps` are (rule, nodes that it left), up to the last candidate's.

    From a solver that searches this is no proof that no plan exists: another order may fit.
    """

    def __init__(self, vm: str, nodes: int, steps: list[tuple[str, int]], why: str = "") -> None:
        self.vm, self.steps = vm, steps
        told = ", ".join(f"{rule} leaves {left}" for rule, left in steps)
        super().__init__(
            why or f"no node may take {vm}: of {nodes} nodes, {told or 'none is there'}"
        )

    @property
    def last_rule(self) -> str:
        """The rule that removed the last candidate; "" if there was no node at all."""
        return self.steps[-1][0] if self.steps else ""


class Ledger:
    """Which unit is where (`where`, int[U]), and what is left. Starts with nothing placed."""

    def __init__(self, units: Units) -> None:
        problem = units.problem
        self.units, self.problem = units, problem
        self.where: Ints = np.full(len(units.members), ABSENT)
        self.free = units.usable - problem.base.T  # [5, N]
        self.room: Ints = problem.rules.vms_max - problem.base_count  # [N] VMs
        self.spread = problem.spread.base.astype(np.int16)
        self.bond = problem.bond.base.astype(np.int16)

    @classmethod
    def of(cls, units: Units, where: Ints) -> "Ledger":
        """The books for units at `where` [U], lawful or not; ABSENT is nowhere."""
        ledger = cls(units)
        put = np.flatnonzero(where != ABSENT)
        ledger.where[put] = at = where[put]
        count = ledger.room.size
        for r in range(len(RESOURCES)):
            ledger.free[r] -= np.bincount(at, units.demand[put, r], minlength=count).astype(int)
        ledger.room -= np.bincount(at, units.sizes[put], minlength=count).astype(int)
        bonded = put[units.bond[put] != ABSENT]
        np.add.at(ledger.bond, (units.bond[bonded], where[bonded]), units.sizes[bonded])
        members, groups = units.spread_pairs
        there = where[members] != ABSENT
        np.add.at(ledger.spread, (groups[there], where[members[there]]), 1)
        return ledger

    def copy(self) -> "Ledger":
        """Books that go on by themselves."""
        twin = object.__new__(Ledger)
        twin.units, twin.problem = self.units, self.problem
        twin.where, twin.free, twin.room = self.where.copy(), self.free.copy(), self.room.copy()
        twin.spread, twin.bond = self.spread.copy(), self.bond.copy()
        return twin

    @property
    def in_use(self) -> Mask:
        """[N] nodes that hold a VM."""
        return self.room < self.problem.rules.vms_max

    def fits(self, unit: int) -> Mask:
        """[N] where `unit` may go."""
        units = self.units
        mask = units.allowed[units.kind[unit]] & (self.room >= units.sizes[unit])
        for r, amount in units.needs[unit]:
            mask &= self.free[r] >= amount
        for group in units.spread[unit]:
            mask &= self.spread[group] == 0
        return mask

    def fits_on(self, unit: int, node: int) -> bool:
        """Whether `unit` may go to `node`: the same rules, one node."""
        units = self.units
        return bool(
            units.allowed[units.kind[unit], node]
            and self.room[node] >= units.sizes[unit]
            and all(self.free[r, node] >= amount for r, amount in units.needs[unit])
            and all(self.spread[group, node] == 0 for group in units.spread[unit])
        )

    def put(self, unit: int, node: int) -> None:
        """Place `unit`; that it fits is for the caller to know."""
        self.book(unit, node, 1)
        self.where[unit] = node

    def take(self, unit: int) -> int:
        """Remove `unit`, and say from where."""
        node = int(self.where[unit])
        self.book(unit, node, -1)
        self.where[unit] = ABSENT
        return node

    def book(self, unit: int, node: int, sign: int) -> None:
        """Count `unit` on `node` once more (1) or once less (-1); `where` stays as it is."""
        units = self.units
        for r, amount in units.needs[unit]:
            self.free[r, node] -= sign * amount
        self.room[node] -= sign * int(units.sizes[unit])
        for group in units.spread[unit]:
            self.spread[group, node] += sign
        if units.bond[unit] != ABSENT:
            self.bond[units.bond[unit], node] += sign * int(units.sizes[unit])

    def best(self, unit: int, among: Mask | None = None) -> int:
        """Best fit: of the nodes that may take `unit` the one that it fills most, or ABSENT.

        Nodes that run its affinity group come first, then nodes of good reputation; ties go to the
        lower name.
        """
        mask = self.fits(unit)
        nodes = np.flatnonzero(mask if among is None else mask & among)
        if not nodes.size:
            return ABSENT
        nodes = self._wished(unit, nodes)
        return int(nodes[np.argmax(self._fill_with(unit, nodes))])

    def first(self, unit: int) -> int:
        """First fit: the first node by name that may take `unit`, or ABSENT."""
        nodes = np.flatnonzero(self.fits(unit))
        return int(self._wished(unit, nodes)[0]) if nodes.size else ABSENT

    def _wished(self, unit: int, nodes: Ints) -> Ints:
        group = self.units.bond[unit]
        if group != ABSENT:
            with_group = nodes[self.bond[group, nodes] > 0]
            nodes = with_group if with_group.size else nodes
        trusted = nodes[self.problem.preferred[nodes]]
        return trusted if trusted.size else nodes

    def _fill_with(self, unit: int, nodes: Ints) -> Floats:
        """The binding share of `nodes` after `unit` came: single divisions, so equal everywhere."""
        units, needs = self.units, self.units.demand[unit]
        shares = []
        for r in (CPU, MEMORY):
            used = units.usable[r].take(nodes) - self.free[r].take(nodes) + needs[r]
            shares.append(used / units.capacity[r].take(nodes))
        return np.maximum(*shares)

    def fill(self) -> Floats:
        """[N] the binding share of every node."""
        shares = (self.units.usable - self.free) / self.units.capacity
        return np.maximum(shares[CPU], shares[MEMORY])

    def infeasible(self, unit: int) -> Infeasible:
        """Why no node may take `unit` now: rule by rule, until no candidate is left."""
        nodes, left, steps = len(self.problem.nodes), np.ones(len(self.problem.nodes), bool), []
        for rule, mask in self._rules(unit):
            after = left & mask
            if after.sum() < left.sum():
                steps.append((rule, int(after.sum())))
            left = after
            if not left.any():
                break
        return Infeasible(self.units.names[unit], nodes, steps)

    def _rules(self, unit: int) -> Iterator[tuple[str, Mask]]:
        units, problem = self.units, self.problem
        for vm in [problem.vms[i] for i in units.members[unit]]:
            broken = np.array([standing(vm, node, problem.rules) for node in problem.nodes], bool)
            for i, rule in enumerate(STANDING):
                yield rule, ~broken.reshape(-1, len(STANDING))[:, i]
        yield "affinity or being pinned", units.allowed[units.kind[unit]]
        for r, amount in units.needs[unit]:
            yield f"room for {amount} {RESOURCES[r]}", self.free[r] >= amount
        yield "the number of VMs", self.room >= units.sizes[unit]
        for group in units.spread[unit]:
            name = problem.spread.names[group]
            yield f"anti-affinity group {name}", self.spread[group] == 0
