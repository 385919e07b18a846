"""Placement: packings and the genetic solver against CP-SAT's bound, and how time grows.

    python -m benchmarks.placement [--work 10] [--requests 40]

The requests are those of `course.lab.fleets`: ten VMs a node, nodes filled to 0.90 at most. The
objective is the mean utilisation of the nodes in use (see `course.dwcp.placement.judge`). "Bound"
is the smaller of CP-SAT's bound, after `--work` deterministic seconds, and the fractional one; no
plan exceeds it. CP-SAT is asked up to 10 nodes and 100 VMs: its model has a variable for each VM
on each node. Seconds are of one core's work, the genetic solver's limit of 10 s included.

A second table asks how often a plan is found at all, where CP-SAT proves that there is one: four
nodes of 8 CPUs, ten VMs of 1 to 5 CPUs, loaded to the last CPU or nearly so.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from course.dwcp.placement import (
    Exact,
    Genetic,
    Infeasible,
    Node,
    Plan,
    Problem,
    Settings,
    Solver,
    Vm,
    best_fit,
    by_node,
    first_fit,
    objective_bound,
    plan,
    prove,
    solve,
)
from course.lab.fleets import request

SIZES = ((5, 50), (10, 100), (20, 200), (100, 1_000), (1_000, 10_000))
EXACT_NODES_MAX = 10
CLOCK: Callable[[], int] = lambda: time.process_time_ns() // 1_000  # noqa: E731
QUICK: dict[str, Solver] = {
    "first fit": first_fit,
    "best fit": best_fit,
    "genetic, as shipped": Genetic(clock=CLOCK),
}
SOLVERS: dict[str, Solver] = QUICK | {
    "genetic, to its limit": Genetic(Settings(optimality=1), clock=CLOCK),
    "the same, by node": Genetic(Settings(optimality=1), by_node, clock=CLOCK),
}
HEAD = """\
| Nodes | VMs | Solver | Utilisation | Of the bound | Nodes used | CPU, s |
|---:|---:|---|---:|---:|---:|---:|"""


def timed(ask: Callable[[], Plan]) -> tuple[Plan | None, float]:
    """The plan, or None if none was found, and the seconds it took."""
    started = time.process_time()
    try:
        found: Plan | None = ask()
    except Infeasible:
        found = None
    return found, time.process_time() - started


def quality(work: float) -> None:
    """Every solver on every size."""
    print(HEAD)
    for nodes, vms in SIZES:
        problem = request(nodes, vms, np.random.default_rng(1))
        answers = {
            name: timed(partial(solve, problem, solver, np.random.default_rng(1)))
            for name, solver in SOLVERS.items()
        }
        bound = objective_bound(problem)
        if nodes <= EXACT_NODES_MAX:
            started = time.process_time()
            proof = prove(problem, work)
            bound = min(bound, proof.bound)
            name = "CP-SAT, proved" if proof.is_optimal else "CP-SAT, not proved"
            best = None if proof.assignment is None else plan(problem, proof.assignment)
            answers[name] = best, time.process_time() - started
        for name, (found, seconds) in answers.items():
            print(row(nodes, vms, name, found, seconds, bound), flush=True)


def row(nodes: int, vms: int, name: str, found: Plan | None, seconds: float, bound: float) -> str:
    """As Markdown."""
    told = "none found | - | -"
    if found:
        told = (
            f"{found.utilisation:.3f} | {found.objective / bound:.3f} "
            f"| {found.nodes_used} (bound {found.nodes_bound})"
        )
    return f"| {nodes:,} | {vms:,} | {name} | {told} | {seconds:.2f} |"


def success(requests: int) -> None:
    """How many of the requests that can be granted are."""
    granted = dict.fromkeys(QUICK, 0)
    feasible = 0
    for seed in range(requests):
        dice = np.random.default_rng(seed)
        nodes = [Node(f"n{i}", "eu", 8, 1_000.0) for i in range(4)]
        vms = [Vm(f"vm-{i}", int(cpus), 1.0) for i, cpus in enumerate(dice.integers(1, 6, 10))]
        problem = Problem.batch(vms, nodes)
        if timed(partial(solve, problem, Exact(10), dice))[0] is None:
            continue
        feasible += 1
        for name, solver in QUICK.items():
            granted[name] += timed(partial(solve, problem, solver, dice))[0] is not None
    print(f"\n| Solver | Granted, of {feasible} that can be |\n|---|---:|")
    for name, count in granted.items():
        print(f"| {name} | {count} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=float, default=10.0, help="CP-SAT's deterministic seconds")
    parser.add_argument("--requests", type=int, default=40, help="tight ones")
    asked = parser.parse_args()
    quality(asked.work)
    success(asked.requests)


if __name__ == "__main__":
    main()
