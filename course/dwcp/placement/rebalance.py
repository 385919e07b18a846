"""Every five minutes: is it worth moving VMs that run well where they are?

Mostly not. A move costs bandwidth and a moment of downtime, and a placer that follows every change
moves the same VM back and forth. So there are brakes, in this order:

1. nothing moves during an incident, a partition or a step of a rollout;
2. a node above 0.90, or a VM that breaks a rule where it runs, is relieved at once, and only that;
3. otherwise a new plan has to gain 5 points, net of the price of its moves;
4. at most 5 % of the VMs move in an hour, none twice in an hour, none more than twice a day;
5. the moves run in waves (see `ordering`), two at a time on a node.

`fill_max` is 0.90 here, not 1: a planner that fills nodes beyond 0.90 would call itself back.
Left out: carrying moves out, and asking before each one whether the link has room (PBA's answer);
pass `may_move` to leave VMs alone for now.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from course.dwcp.placement.constraints import Node, Rules
from course.dwcp.placement.genetic import Genetic
from course.dwcp.placement.judge import score, violations
from course.dwcp.placement.ledger import Infeasible, Ledger
from course.dwcp.placement.ordering import AT_ONCE, Schedule, schedule
from course.dwcp.placement.problem import ABSENT, Ints, Problem
from course.dwcp.placement.repair import misplaced
from course.dwcp.placement.solver import Solver, solve
from course.dwcp.placement.units import Units
from course.dwcp.units import DAY, HOUR

ROOM_LEFT = Rules(fill_max=0.90)
NOTHING = Schedule((), ())


@dataclass(frozen=True, slots=True)
class Policy:
    """The brakes. Shares and gains are fractions, times are us."""

    gain_min: float = 0.05
    moves_share: float = 0.05  # of all VMs, in an hour
    cool_down: int = HOUR
    moves_a_day: int = 2  # of one VM
    at_once: int = AT_ONCE
    rules: Rules = ROOM_LEFT


@dataclass(frozen=True, slots=True)
class Moved:
    """A move in the past: which VM, and when (us)."""

    vm: str
    at: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now. `gain` is of the objective, after the moves; an empty schedule: nothing."""

    reason: str
    schedule: Schedule = NOTHING
    gain: float = 0.0
    stuck: tuple[str, ...] = ()  # VMs that break a rule where they are, and have nowhere to go

    @property
    def moves(self) -> int:
        """Moves, detours counted in."""
        return len(self.schedule.moves)


def rebalance(
    nodes: Sequence[Node],
    now: int,
    rng: np.random.Generator,
    *,
    history: Collection[Moved] = (),
    busy: Collection[str] = (),
    solver: Solver | None = None,
    policy: Policy = Policy(),
    may_move: Callable[[str], bool] = lambda vm: True,
) -> Decision:
    """What a controller does at `now` (us) with a cluster as it is.

    `busy` names what forbids moves now, such as "partition". Changes nothing.
    """
    if busy:
        return Decision(f"not now: {', '.join(busy)}")
    problem = _problem(nodes, now, history, policy, may_move)
    units = Units.of(problem, joined=False)
    if misplaced(units, problem.current).any():
        return _relieve(problem, units, policy)
    if not problem.moves_max:
        return Decision("the moves of this hour are used up")
    try:
        wanted = solve(problem, solver or Genetic(), rng).assignment
    except Infeasible as error:
        return Decision(f"no plan: {error}")
    return _worth_it(problem, wanted, policy)


def _problem(
    nodes: Sequence[Node],
    now: int,
    history: Collection[Moved],
    policy: Policy,
    may_move: Callable[[str], bool],
) -> Problem:
    names = [vm.name for node in nodes for vm in node.vms]
    last_hour = sum(now - past.at < HOUR for past in history)
    today = Counter(past.vm for past in history if now - past.at < DAY)
    cooling = {past.vm for past in history if now - past.at < policy.cool_down}
    stays = [
        name
        for name in names
        if name in cooling or today[name] >= policy.moves_a_day or not may_move(name)
    ]
    budget = max(0, int(policy.moves_share * len(names) + 1e-9) - last_hour)
    return Problem.whole(nodes, rules=policy.rules, moves_max=budget, pinned=stays)


def _relieve(problem: Problem, units: Units, policy: Policy) -> Decision:
    """Move what breaks a rule where it is to where it fits best, within the budget; else leave it.

    The smallest VMs leave an overfull node, until it is below its limit.
    """
    leaving = np.flatnonzero(misplaced(units, problem.current))
    ledger, left = Ledger.of(units, problem.current), problem.moves_max or 0
    stuck = []
    for vm in leaving[np.argsort(-units.size[leaving], kind="stable")].tolist():
        home = ledger.take(vm)
        target = ledger.best(vm) if left and not _is_bound(problem, vm) else ABSENT
        ledger.put(vm, home if target == ABSENT else target)
        left -= target not in (ABSENT, home)
        stuck += [problem.vms[vm].name] if target == ABSENT else []
    order = schedule(problem, ledger.where, policy.at_once)
    return Decision("relief", order, _gain(problem, ledger.where), (*stuck, *order.left_out))


def _is_bound(problem: Problem, vm: int) -> bool:
    """Whether it must stay, or may not leave its affinity group."""
    group = problem.bond.of_vm[vm]
    return bool(problem.pinned[vm] or (group != ABSENT and problem.bond_hard[group]))


def _worth_it(problem: Problem, wanted: Ints, policy: Policy) -> Decision:
    """The plan as far as it can be carried out, if that gains enough or mends what is broken."""
    least = -1.0 if violations(problem, problem.current) else policy.gain_min
    gain = _gain(problem, wanted)
    if gain < least:
        return Decision(f"a gain of {100 * gain:.1f} points, {100 * least:g} are asked for")
    order = schedule(problem, wanted, policy.at_once)
    reached = wanted.copy()
    for i, vm in enumerate(problem.vms):
        if vm.name in order.left_out:
            reached[i] = problem.current[i]
    gain = _gain(problem, reached)
    too_many = len(order.moves) > (problem.moves_max or 0)  # detours are moves, too
    if too_many or gain < least or violations(problem, reached):
        return Decision("a plan gains enough, but there is no way to it within the moves allowed")
    return Decision("a better plan", order, gain)


def _gain(problem: Problem, wanted: Ints) -> float:
    before, after = score(problem, problem.current), score(problem, wanted)
    return round(after.objective - before.objective, 9)
