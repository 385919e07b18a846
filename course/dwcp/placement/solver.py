"""Plug a solver in: what it is, and the gate that its answer has to pass.

A solver is a function: a problem and dice in, an assignment out. `solve` calls it and believes
nothing: the answer is judged by rules that the solver cannot reach. Yours goes in like this:

    def mine(problem, rng):
        return rng.integers(0, len(problem.nodes), len(problem.vms))

    solve(problem, mine, rng)         # BrokenRules: web-7 on node-3: 41 CPUs taken, 32 may be

Read next: `genetic`.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from course.dwcp.placement.bound import nodes_bound, objective_bound
from course.dwcp.placement.judge import Violation, moves, score, utilisation, violations
from course.dwcp.placement.problem import ABSENT, Ints, Problem

TOLD = 5  # violations that an error's text names


class Solver(Protocol):
    """Gives each VM of `problem.vms` the index of one of `problem.nodes`: int[V].

    Raises `Infeasible` if it finds no plan. All chance comes from `rng`, so that it replays.
    """

    def __call__(self, problem: Problem, rng: np.random.Generator) -> Any: ...


class BrokenRules(Exception):
    """A solver's answer breaks hard rules; `violations` says which VM broke which."""

    def __init__(self, found: list[Violation]) -> None:
        self.violations = found
        told = "; ".join(str(violation) for violation in found[:TOLD])
        more = f"; and {len(found) - TOLD} more" if len(found) > TOLD else ""
        super().__init__(f"{told}{more}")


@dataclass(frozen=True, eq=False)
class Plan:
    """A feasible assignment and what it is worth. `bound` is what no plan can exceed."""

    problem: Problem
    assignment: Ints  # [V]
    objective: float
    utilisation: float  # mean of the nodes in use, 0 to 1
    bound: float
    nodes_used: int
    nodes_bound: int
    moves: int

    @property
    def target(self) -> dict[str, str]:
        """VM name -> node name."""
        pairs = zip(self.problem.vms, self.assignment, strict=True)
        return {vm.name: self.problem.nodes[at].name for vm, at in pairs}

    @property
    def moved(self) -> dict[str, tuple[str, str]]:
        """VM name -> (from, to), of those that run already and change their node."""
        nodes, current = self.problem.nodes, self.problem.current
        return {
            vm.name: (nodes[old].name, nodes[new].name)
            for vm, old, new in zip(self.problem.vms, current, self.assignment, strict=True)
            if old not in (ABSENT, new)
        }


def solve(problem: Problem, solver: Solver, rng: np.random.Generator) -> Plan:
    """Let `solver` answer, check every hard rule, and say what the plan is worth.

    Raises BrokenRules if the answer breaks one; `Infeasible` comes from the solver.
    """
    return plan(problem, solver(problem, rng))


def plan(problem: Problem, answer: Any) -> Plan:
    """An answer as a Plan; raises BrokenRules if it is none."""
    assignment = np.array(answer)  # a copy: nobody changes it after it was judged
    try:
        broken = violations(problem, assignment)
    except ValueError as error:
        raise BrokenRules([Violation("", "", str(error))]) from None
    if broken:
        raise BrokenRules(broken)
    assignment = assignment.astype(np.int64)
    assignment.flags.writeable = False
    worth = score(problem, assignment)
    return Plan(
        problem,
        assignment,
        objective=worth.objective,
        utilisation=utilisation(problem, assignment),
        bound=objective_bound(problem),
        nodes_used=len(problem.nodes) - worth.unused,
        nodes_bound=nodes_bound(problem),
        moves=moves(problem, assignment),
    )
