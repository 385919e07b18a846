"""In which order do the VMs move, so that no rule is broken on the way?

A plan says where everything ends up. While a VM is on its way it needs room on both nodes: live
migration frees the source only at the end. So moves go in waves. All moves of a wave may run at
once, in any order, because each fits beside everything that is there before the wave and everything
that comes in it; a node takes part in two at a time. What a wave frees, the next one may use.

When nothing can move although moves are left, they wait for each other in a circle. One VM then
steps aside to a spare node, and goes on from there later. The members of a hard affinity group go
in one wave or not at all. Read next: `rebalance`.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from course.dwcp.placement.ledger import Ledger
from course.dwcp.placement.problem import ABSENT, Ints, Problem
from course.dwcp.placement.repair import misplaced
from course.dwcp.placement.units import Units

AT_ONCE = 2  # moves that a node takes part in


@dataclass(frozen=True, slots=True)
class Move:
    """One live migration, by names."""

    vm: str
    source: str
    target: str
    is_detour: bool = False  # to a spare node; the VM moves on in a later wave


@dataclass(frozen=True, slots=True)
class Schedule:
    """Waves of moves, and the VMs for which no way was found: they stay where they are."""

    waves: tuple[tuple[Move, ...], ...]
    left_out: tuple[str, ...]

    @property
    def moves(self) -> list[Move]:
        """All moves in order."""
        return [move for wave in self.waves for move in wave]


@dataclass(slots=True)
class _Job:
    """VMs (their numbers) that have to go to `target` in one wave."""

    vms: list[int]
    target: int
    has_stepped_aside: bool = False
    broken: bool = False  # it breaks a rule where it is


def schedule(problem: Problem, assignment: Ints, at_once: int = AT_ONCE) -> Schedule:
    """Waves that lead from `problem.current` to `assignment`; new VMs are no moves.

    Raises ValueError if `at_once` is below 1.
    """
    if at_once < 1:
        raise ValueError(f"at_once is {at_once}; a node takes part in 1 move or more")
    return _Scheduler(problem, assignment, at_once).run()


class _Scheduler:
    """One run. The books count single VMs, so a unit here is a VM."""

    def __init__(self, problem: Problem, assignment: Ints, at_once: int) -> None:
        self.problem, self.at_once = problem, at_once
        self.units = Units.of(problem, joined=False)
        self.books = Ledger.of(self.units, problem.current)
        self.jobs = self._jobs(assignment)
        self.waves: list[tuple[Move, ...]] = []

    def run(self) -> Schedule:
        while self.jobs:
            wave = self._wave() or self._detour()
            if not wave:
                break
            self.waves.append(tuple(wave))
        left = sorted(self.problem.vms[vm].name for job in self.jobs for vm in job.vms)
        return Schedule(tuple(self.waves), tuple(left))

    def _jobs(self, assignment: Ints) -> list[_Job]:
        """What has to move: out of trouble first, then the large ones."""
        problem, current = self.problem, self.problem.current
        broken = misplaced(self.units, current)
        by_group: dict[tuple[str, int], _Job] = {}
        for vm in np.flatnonzero((current != ABSENT) & (current != assignment)).tolist():
            group = int(problem.bond.of_vm[vm])
            hard = group != ABSENT and problem.bond_hard[group]
            key = ("group", group) if hard else ("vm", vm)
            job = by_group.setdefault(key, _Job([], int(assignment[vm])))
            job.vms.append(vm)
            job.broken |= bool(broken[vm])
        size = self.units.size
        return sorted(
            by_group.values(), key=lambda job: (not job.broken, -int(size[job.vms].sum()), job.vms)
        )

    def _wave(self) -> list[Move]:
        """Every job that can start now, beside those that started before it."""
        busy: Counter[int] = Counter()
        started = []
        for job in self.jobs:
            if self._reserve(job.vms, job.target, busy):
                started.append(job)
        moves = [
            self._depart(vm, job.target, is_detour=False) for job in started for vm in job.vms
        ]  # fmt: skip
        self.jobs = [job for job in self.jobs if job not in started]
        return moves

    def _reserve(self, vms: list[int], target: int, busy: Counter[int]) -> bool:
        """Book all of `vms` on `target` as well as where they are; or none, and say False."""
        taken: list[int] = []
        for vm in vms:
            source = int(self.books.where[vm])
            free_hands = max(busy[source], busy[target]) < self.at_once
            if not free_hands or not self.books.fits_on(vm, target):
                for other in taken:
                    self.books.book(other, target, -1)
                    busy.subtract((int(self.books.where[other]), target))
                return False
            self.books.book(vm, target, 1)
            busy.update((source, target))
            taken.append(vm)
        return True

    def _depart(self, vm: int, target: int, is_detour: bool) -> Move:
        """The wave is over: `vm` is on `target` and gone from its source."""
        source = int(self.books.where[vm])
        self.books.book(vm, source, -1)
        self.books.where[vm] = target
        names = [self.problem.nodes[node].name for node in (source, target)]
        return Move(self.problem.vms[vm].name, names[0], names[1], is_detour)

    def _detour(self) -> list[Move]:
        """Break a circle: the smallest job whose node others wait for steps aside, once."""
        wanted = {job.target: True for job in self.jobs}
        in_the_way = [job for job in self.jobs if self._source(job) in wanted]
        for job in reversed(in_the_way):
            if job.has_stepped_aside:
                continue
            for spare in self._spares(job, wanted):
                if self._reserve(job.vms, spare, Counter()):
                    job.has_stepped_aside = True
                    return [self._depart(vm, spare, is_detour=True) for vm in job.vms]
        return []

    def _source(self, job: _Job) -> int:
        return int(self.books.where[job.vms[0]])

    def _spares(self, job: _Job, wanted: dict[int, bool]) -> list[int]:
        """Nodes that may take it for a while: those that nobody waits for, the fullest first."""
        nodes = np.flatnonzero(self.books.fits(job.vms[0])).tolist()
        fill = self.books.fill().round(9)
        nodes = [node for node in nodes if node not in (job.target, self._source(job))]
        return sorted(nodes, key=lambda node: (node in wanted, -float(fill[node]), node))
