"""How plans beget plans: crossover, mutation, emptying a node.

Crossover that mixes the places of single VMs breaks up good nodes; Falkenauer (1996) showed for bin
packing that what is worth inheriting is a well-filled bin. `by_group` mixes, `by_node` inherits
bins. A crossover may give an unlawful plan, which goes to `repair`; mutation and emptying work on
the books and break nothing. Read next: `genetic`.
"""

from collections.abc import Callable

import numpy as np

from course.dwcp.placement.ledger import Ledger
from course.dwcp.placement.problem import ABSENT, Ints
from course.dwcp.placement.units import Units

Rng = np.random.Generator
Crossover = Callable[[Units, Ints, Ints, Rng], Ints]
"""Two parents [U] and dice in, a child [U] out; ABSENT in it means: where it fits best."""


def by_group(units: Units, a: Ints, b: Ints, rng: Rng) -> Ints:
    """Uniform crossover: each affinity group, or VM without one, from one parent or the other."""
    blocks = units.blocks
    return np.where((rng.random(int(blocks.max(initial=0)) + 1) < 0.5)[blocks], a, b)


def by_node(units: Units, a: Ints, b: Ints, rng: Rng) -> Ints:
    """Grouping crossover: the fuller nodes of `a` whole, the other units as in `b` if they can."""
    ledger = Ledger.of(units, a)
    fullest = np.argsort(-ledger.fill(), kind="stable")[: int(ledger.in_use.sum())]
    kept = np.zeros(len(ledger.room), bool)
    kept[fullest[: int(len(fullest) * rng.uniform(0.25, 0.75))]] = True
    return np.where(kept[a], a, np.where(kept[b], ABSENT, b))


def scatter(units: Units, rng: Rng) -> Ledger | None:
    """A random plan: units in random order, each on any node that may take it. None: stuck."""
    ledger = Ledger(units)
    for unit in rng.permutation(len(units.members)).tolist():
        nodes = np.flatnonzero(ledger.fits(unit))
        if not nodes.size:
            return None
        ledger.put(unit, int(nodes[rng.integers(nodes.size)]))
    return ledger


def mutate(ledger: Ledger, share: float, rng: Rng) -> int:
    """Move about `share` of the units to random nodes in use that may take them; how many looked.

    Nodes that are not in use are left alone: opening forty of them for one unit each would sink
    any plan for 10,000 VMs.
    """
    chosen = np.flatnonzero(rng.random(len(ledger.where)) < share)
    for unit in chosen.tolist():
        old = ledger.take(unit)
        nodes = np.flatnonzero(ledger.fits(unit) & ledger.in_use)
        ledger.put(unit, int(nodes[rng.integers(nodes.size)]) if nodes.size else old)
    return int(chosen.size)


def empty(ledger: Ledger, node: int) -> tuple[bool, int]:
    """Move all units off `node` to other nodes in use, the largest first, or move none.

    The second value is how many looked for a place.
    """
    units = ledger.units
    there = np.flatnonzero(ledger.where == node)
    others = ledger.in_use
    others[node] = False
    done: list[int] = []
    for unit in there[np.argsort(-units.size[there], kind="stable")].tolist():
        ledger.take(unit)
        target = ledger.best(unit, others)
        ledger.put(unit, node if target == ABSENT else target)
        if target == ABSENT:
            for back in done:
                ledger.take(back)
                ledger.put(back, node)
            return False, len(done) + 1
        done.append(unit)
    return True, len(done)


def least_used(ledger: Ledger) -> int:
    """The node in use that is least full and holds nothing but units; ABSENT if there is none."""
    open_to_change = ledger.in_use & (ledger.problem.base_count == 0)
    nodes = np.flatnonzero(open_to_change)
    return int(nodes[np.argmin(ledger.fill()[nodes])]) if nodes.size else ABSENT
