"""How good could any plan be? Bounds that cost next to nothing, for problems of any size.

Nodes: a resource's total demand has to fit into the free room of the nodes that are used, so no
plan needs fewer nodes than the largest ones that hold it; nor fewer than an anti-affinity group has
members. This is the fractional bound of bin packing: it cuts VMs to fit.

Objective: no node is fuller than it may be, and a node's max(CPU, memory) is at most the sum of
its VMs' own max(CPU, memory), so the mean over K nodes is at most that sum divided by K.
Both are loose when VMs are large beside nodes. For small problems `exact` knows better.
"""

import numpy as np

from course.dwcp.placement.constraints import CPU, MEMORY
from course.dwcp.placement.judge import DIGITS
from course.dwcp.placement.problem import ABSENT, Floats, Ints, Mask, Problem


def nodes_bound(problem: Problem) -> int:
    """No plan uses fewer nodes than this, those that hold VMs already counted in."""
    held = problem.base_count > 0
    free = np.maximum(problem.usable - problem.base, 0)
    missing = np.maximum(problem.demand.sum(axis=0) - free[held].sum(axis=0), 0)
    largest_first = -np.sort(-free[_open(problem) & ~held], axis=0)  # each resource by itself
    room = np.vstack([np.zeros_like(missing), np.cumsum(largest_first, axis=0)])
    more = max(int(np.searchsorted(room[:, r], missing[r])) for r in range(len(missing)))
    groups = problem.spread.of_vm[problem.spread.of_vm != ABSENT]
    largest_group = int(np.bincount(groups).max(initial=0)) if groups.size else 0
    return max(int(held.sum()) + more, largest_group, min(1, len(problem.vms)))


def objective_bound(problem: Problem) -> float:
    """No plan's objective is above this; 0 to 1, unless a node holds more than it has."""
    nodes = max(1, nodes_bound(problem))
    ceiling = _shares(problem, np.maximum(problem.usable, problem.base)).max(initial=0.0)
    held = problem.base_count > 0
    content = float(_shares(problem, problem.base)[held].sum()) + _content(problem)
    return round(min(float(ceiling), content / nodes) + 10**-DIGITS, DIGITS)


def _open(problem: Problem) -> Mask:
    """[N] nodes that some VM may go to."""
    return np.logical_or.reduce(problem.allowed, axis=0)


def _shares(problem: Problem, amounts: Ints) -> Floats:
    """The binding share of amounts [N, 5] on each node."""
    capacity = np.maximum(problem.capacity, 1)
    return np.maximum(amounts[:, CPU] / capacity[:, CPU], amounts[:, MEMORY] / capacity[:, MEMORY])


def _content(problem: Problem) -> float:
    """Sum over VMs of their binding share of the node on which it is largest."""
    nodes = problem.capacity[_open(problem)]
    if not len(nodes) or not len(problem.vms):
        return 0.0
    smallest = np.maximum(nodes.min(axis=0), 1)
    own = np.maximum(
        problem.demand[:, CPU] / smallest[CPU], problem.demand[:, MEMORY] / smallest[MEMORY]
    )
    return float(own.sum())
