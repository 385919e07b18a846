"""The best plan there is, and the proof of it: constraint programming with OR-tools' CP-SAT.

One yes-or-no variable for each unit and each node that may take it; the hard rules are linear. The
objective is a mean over the nodes in use, and so a division by a number that is itself unknown:
there is one inequality for each possible number of nodes, and only the one that holds is switched
on. Fractions are counted in millionths.

Meant for small problems: 10 nodes and 50 VMs take seconds. Beyond, it still gives a bound that no
plan can exceed. One worker, a fixed seed and *deterministic time* instead of seconds: it replays.
OR-tools is large, so it is loaded only when a problem is solved. Read next: `rebalance`.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from course.dwcp.placement.bound import nodes_bound, objective_bound
from course.dwcp.placement.constraints import CPU, MEMORY, RESOURCES
from course.dwcp.placement.judge import MOVE_COST
from course.dwcp.placement.ledger import Infeasible, Ledger
from course.dwcp.placement.packing import packed
from course.dwcp.placement.problem import ABSENT, Ints, Problem
from course.dwcp.placement.units import Units

SCALE = 1_000_000  # a fraction of 1 as a whole number
SEED = 1


@dataclass(frozen=True, eq=False)
class Proof:
    """What CP-SAT found. `bound`: no plan's objective is above it. All fractions."""

    assignment: Ints | None  # [V]; None: no plan was found
    bound: float
    is_optimal: bool
    is_infeasible: bool  # proved: there is no plan
    work: float  # deterministic seconds


class Exact:
    """A solver, see `solver`. `work_max` is in CP-SAT's deterministic seconds."""

    def __init__(self, work_max: float = 10.0) -> None:
        self.work_max = work_max

    def __call__(self, problem: Problem, rng: np.random.Generator | None = None) -> Ints:
        """The best plan found; raises Infeasible if there is none, or none was found in time."""
        proof = prove(problem, self.work_max)
        if proof.assignment is not None:
            return proof.assignment
        if proof.is_infeasible:
            _tell_why(Units.of(problem))
        raise Infeasible(
            "", 0, [], f"no plan was found in {self.work_max} s of work; none is ruled out"
        )


def prove(problem: Problem, work_max: float = 10.0) -> Proof:
    """The best plan and a bound, with at most `work_max` deterministic seconds of search.

    Raises RuntimeError if OR-tools is not installed.
    """
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        raise RuntimeError(
            "the exact solver needs OR-tools: install the package ortools, or choose another solver"
        ) from None
    model = _Model(cp_model.CpModel(), Units.of(problem))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = SEED
    solver.parameters.linearization_level = 2  # packing is decided by its linear relaxation
    solver.parameters.max_deterministic_time = work_max
    status = solver.solve(model.cp)
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    bound = objective_bound(problem)
    if found:  # fills are rounded down to a millionth, and so is their mean
        bound = min(bound, round((solver.best_objective_bound + 2) / SCALE, 9))
    return Proof(
        model.assignment(solver) if found else None,
        bound,
        is_optimal=status == cp_model.OPTIMAL,
        is_infeasible=status == cp_model.INFEASIBLE,
        work=round(solver.response_proto.deterministic_time, 3),
    )


class _Model:
    """The problem in CP-SAT's terms."""

    def __init__(self, cp: Any, units: Units) -> None:
        self.cp, self.units, self.problem = cp, units, units.problem
        start = Ledger(units)
        self.x: dict[tuple[int, int], Any] = {}
        for unit, name in enumerate(units.names):
            able = np.flatnonzero(start.fits(unit)).tolist()
            self.x |= {(unit, node): cp.new_bool_var(f"{name} on {node}") for node in able}
            cp.add_exactly_one([self.x[unit, node] for node in able])
        self.on_node: dict[int, list[int]] = defaultdict(list)
        for unit, node in self.x:
            self.on_node[node].append(unit)
        self.used = [self._used(node) for node in range(len(self.problem.nodes))]
        for node in range(len(self.problem.nodes)):
            self._rules_of(node, start)
        self._maximise()
        self._break_symmetry()
        self._hint()

    def assignment(self, solver: Any) -> Ints:
        where = np.full(len(self.units.members), ABSENT)
        for (unit, node), var in self.x.items():
            if solver.value(var):
                where[unit] = node
        return self.units.assignment(where)

    def _sum(self, node: int, amounts: Ints) -> Any:
        """Sum over the units on `node` of amounts [U]."""
        return sum(int(amounts[unit]) * self.x[unit, node] for unit in self.on_node[node])

    def _used(self, node: int) -> Any:
        if self.problem.base_count[node] > 0:
            return self.cp.new_constant(1)
        used = self.cp.new_bool_var(f"{node} in use")
        here = [self.x[unit, node] for unit in self.on_node[node]]
        self.cp.add_max_equality(used, here) if here else self.cp.add(used == 0)
        return used

    def _rules_of(self, node: int, start: Ledger) -> None:
        units = self.units
        for r in range(len(RESOURCES)):
            room = max(0, int(start.free[r, node]))  # below 0 nobody who asks may come at all
            self.cp.add(self._sum(node, units.demand[:, r]) <= room)
        self.cp.add(self._sum(node, units.sizes) <= max(0, int(start.room[node])))
        groups: dict[int, list[Any]] = defaultdict(list)
        for unit in self.on_node[node]:
            for group in units.spread[unit]:
                groups[group].append(self.x[unit, node])
        for members in groups.values():
            self.cp.add_at_most_one(members)

    def _maximise(self) -> None:
        """objective x K <= sum of fills - 0.02 x K x paid / VMs, for the K that holds."""
        cp, count = self.cp, max(1, len(self.problem.vms))
        self.fills = [self._fill(node) for node in range(len(self.problem.nodes))]
        most = round(objective_bound(self.problem) * SCALE)
        value, paid = cp.new_int_var(-SCALE, most + 1, "objective"), self._paid()
        price = round(MOVE_COST * SCALE)
        first = min(nodes_bound(self.problem), len(self.problem.nodes))
        choices = []
        for k in range(first, len(self.problem.nodes) + 1):
            holds = cp.new_bool_var(f"{k} nodes")
            cp.add(sum(self.used) == k).only_enforce_if(holds)
            worth = count * sum(self.fills) - price * k * paid
            cp.add(max(1, k) * count * value <= worth).only_enforce_if(holds)
            choices.append(holds)
        cp.add_exactly_one(choices)
        cp.maximize(value)

    def _fill(self, node: int) -> Any:
        """The binding share in millionths, rounded down: below the CPU share or the memory one."""
        problem, cp = self.problem, self.cp
        whole = np.maximum(problem.capacity[node], 1)
        at_most = SCALE * np.maximum(problem.usable[node], problem.base[node]) // whole
        most = int(at_most[[CPU, MEMORY]].max())
        fill, by_cpu = cp.new_int_var(0, most, ""), cp.new_bool_var("")
        for r, bound in ((CPU, by_cpu), (MEMORY, by_cpu.negated())):
            used = int(problem.base[node, r]) + self._sum(node, self.units.demand[:, r])
            cp.add(int(whole[r]) * fill <= SCALE * used).only_enforce_if(bound)
        if not problem.base_count[node]:  # two facts that follow, and that the search needs to see
            cp.add(fill <= most * self.used[node])
            shares = -(-SCALE * self.units.demand // whole)  # rounded up
            cp.add(fill <= self._sum(node, np.maximum(shares[:, CPU], shares[:, MEMORY])))
        return fill

    def _paid(self) -> Any:
        """VMs that move, are apart from their soft group, or are on a node of poor reputation."""
        problem, units = self.problem, self.units
        current = [problem.current[part] for part in units.members]
        moved = sum(
            int(((current[u] != ABSENT) & (current[u] != n)).sum()) * var
            for (u, n), var in self.x.items()
        )
        if problem.moves_max is not None:
            self.cp.add(moved <= problem.moves_max)
        poor = sum(
            int(units.sizes[u]) * v for (u, n), v in self.x.items() if not problem.preferred[n]
        )
        bonds = [int(g) for g in np.unique(units.bond) if g != ABSENT]
        return moved + poor + sum(self._apart(group) for group in bonds)

    def _apart(self, group: int) -> Any:
        """VMs of a soft group that are not on the node where most of it is."""
        base, mine = self.problem.bond.base[group], self.units.bond == group
        total = int(base.sum() + self.units.sizes[mine].sum())
        apart, homes = self.cp.new_int_var(0, total, ""), []
        for node in range(len(self.problem.nodes)):
            home = self.cp.new_bool_var("")
            here = int(base[node]) + self._sum(node, np.where(mine, self.units.sizes, 0))
            self.cp.add(apart >= total - here).only_enforce_if(home)
            homes.append(home)
        self.cp.add_exactly_one(homes)
        return apart

    def _break_symmetry(self) -> None:
        """Of nodes that differ in name only, the first is the fullest."""
        problem = self.problem
        last: dict[tuple[int, ...], int] = {}
        for node in range(len(problem.nodes)):
            if problem.base_count[node] or (problem.current == node).any():
                continue
            alike = (
                *problem.capacity[node].tolist(),
                *self.units.allowed[:, node].tolist(),
                bool(problem.preferred[node]),
            )
            if alike in last:
                self.cp.add(self.fills[last[alike]] >= self.fills[node])
            last[alike] = node

    def _hint(self) -> None:
        """Start from best fit, if it finds a plan."""
        try:
            where = packed(self.units, self.units.order(), Ledger.best).where
        except Infeasible:
            return
        for (unit, node), var in self.x.items():
            self.cp.add_hint(var, bool(where[unit] == node))


def _tell_why(units: Units) -> None:
    """Raise Infeasible for a unit that fits nowhere even alone, or for all of them together."""
    alone = Ledger(units)
    for unit in range(len(units.members)):
        if not alone.fits(unit).any():
            raise alone.infeasible(unit)
    raise Infeasible("", 0, [], "no plan exists: each VM has a node, all together do not (proved)")
