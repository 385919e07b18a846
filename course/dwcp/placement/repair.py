"""From an assignment that breaks rules to one that does not.

A search that prices broken rules will sooner or later find one worth its price. So a broken plan
is repaired or thrown away, and never scored: units leave the nodes that they overfill, smallest
first, and go where they fit best. If one fits nowhere, there is nothing to save.
Read next: `genetic`.
"""

import numpy as np

from course.dwcp.placement.constraints import RESOURCES
from course.dwcp.placement.ledger import Ledger
from course.dwcp.placement.problem import ABSENT, Ints, Mask
from course.dwcp.placement.units import Units


def repair(units: Units, where: Ints) -> tuple[Ledger | None, int]:
    """The books of a feasible plan near `where` [U] (ABSENT: wherever it fits), or None.

    Every unit is moved at most once, and at most once more to stay within the budget of moves.
    The second value is how many units had to look for a node.
    """
    where = np.where(misplaced(units, where), ABSENT, where)
    ledger = Ledger.of(units, where)
    loose = np.flatnonzero(where == ABSENT)
    for unit in loose[np.argsort(-units.size[loose], kind="stable")].tolist():
        node = ledger.best(unit)
        if node == ABSENT:
            return None, loose.size
        ledger.put(unit, node)
    return (ledger if within_budget(ledger) else None), loose.size


def misplaced(units: Units, where: Ints) -> Mask:
    """[U] the units that have to leave so that the others break no rule; the smallest ones do."""
    out = np.zeros(len(where), bool)
    put = np.flatnonzero(where != ABSENT)
    put = put[np.lexsort((-units.size[put], where[put]))]  # by node, large first
    out[put] = ~units.allowed[units.kind[put], where[put]]
    out |= _crowded(units, where, put[~out[put]])
    stay = put[~out[put]]
    out[stay] |= _overfull(units, where[stay], stay)
    return out


def moved(ledger: Ledger) -> Ints:
    """Units that run now and are elsewhere in these books; a group that is apart counts, too."""
    units, current = ledger.units, ledger.problem.current
    differs = (current != ABSENT) & (current != ledger.where[units.of_vm])
    return np.unique(units.of_vm[differs])


def moves(ledger: Ledger) -> int:
    """VMs that move."""
    current = ledger.problem.current
    return int(((current != ABSENT) & (current != ledger.where[ledger.units.of_vm])).sum())


def _crowded(units: Units, where: Ints, put: Ints) -> Mask:
    """[U] units that meet another one of their anti-affinity group; the largest may stay."""
    out = np.zeros(len(where), bool)
    members, groups = units.spread_pairs
    if not members.size:
        return out
    rank = np.full(len(where), len(where))
    rank[put] = np.arange(len(put))
    here = rank[members] < len(where)
    members, groups = members[here], groups[here]
    order = np.argsort(rank[members], kind="stable")
    members, groups = members[order], groups[order]
    at = where[members]
    _, first = np.unique(groups * len(units.problem.nodes) + at, return_index=True)
    second = np.ones(len(members), bool)
    second[first] = False
    out[members[second | (units.problem.spread.base[groups, at] > 0)]] = True
    return out


def _overfull(units: Units, at: Ints, stay: Ints) -> Mask:
    """Of units sorted by node and falling size: those beyond what their node may hold."""
    problem = units.problem
    starts = np.flatnonzero(np.r_[True, at[1:] != at[:-1]]) if at.size else at
    lengths = np.diff(np.r_[starts, at.size])
    out = np.zeros(at.size, bool)
    amounts = [units.demand[stay, r] for r in range(len(RESOURCES))] + [units.sizes[stay]]
    limits = [*(problem.usable - problem.base).T, problem.rules.vms_max - problem.base_count]
    for amount, limit in zip(amounts, limits, strict=True):
        if amount.any():
            total = np.cumsum(amount)
            before = np.repeat((total - amount)[starts], lengths)
            out |= (total - before > limit[at]) & (amount > 0)
    return out


def within_budget(ledger: Ledger) -> bool:
    """Send units back to where they run now, the smallest first, until few enough move.

    False if too many still do; the books stay feasible in every other way.
    """
    most, units = ledger.problem.moves_max, ledger.units
    if most is None or moves(ledger) <= most:
        return True
    excess, away = moves(ledger) - most, moved(ledger)
    for unit in away[np.argsort(units.size[away], kind="stable")].tolist():
        home = int(units.current[unit])
        node = ledger.take(unit)
        back = home != ABSENT and ledger.fits_on(unit, home)
        ledger.put(unit, home if back else node)
        excess -= int(units.sizes[unit]) if back else 0
        if excess <= 0:
            return True
    return False
