"""The default solver: a genetic algorithm (Holland 1975) over feasible plans.

A chromosome is an array unit -> node. Each generation keeps its two best plans, and makes the
others: two parents by tournament of three, a child that takes every affinity group whole from one
of them, repair, a few units moved at random, and now and then the least used node emptied. A child
that cannot be repaired is replaced by its first parent.

Stops at `optimality` of the bound, after 20 generations without 0.1 % of gain, or when its budget
is spent. The budget is counted in placements (how often a unit looks for a node), so that a plan
replays on a slower machine; a `clock` may end it earlier, and then it does not.
Left out: `optimization_target` other than utilisation. Read next: `exact`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course.dwcp.placement.bound import objective_bound
from course.dwcp.placement.judge import DIGITS, Score, score
from course.dwcp.placement.ledger import Infeasible, Ledger
from course.dwcp.placement.operators import (
    Crossover,
    Rng,
    by_group,
    empty,
    least_used,
    mutate,
    scatter,
)
from course.dwcp.placement.packing import packed
from course.dwcp.placement.problem import ABSENT, Ints, Problem
from course.dwcp.placement.repair import repair, within_budget
from course.dwcp.placement.units import Units
from course.dwcp.units import SECOND

OVERHEAD = 10  # placements that a child costs besides those of its units


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs. Probabilities and `optimality` are fractions.

    `placements` bounds the work: 250,000 take roughly 10 s on one core for 1,000 nodes.
    """

    population: int = 100
    tournament: int = 3
    crossover: float = 0.9
    mutation: float = 0.02  # a unit
    emptying: float = 0.1  # an individual
    elite: int = 2
    optimality: float = 0.95  # of the bound; 1: search on
    patience: int = 20  # generations
    gain_min: float = 0.001  # of the best objective, within `patience`
    placements: int = 250_000
    time_max: int = 10 * SECOND  # us, if there is a clock

    def __post_init__(self) -> None:
        if not 0 <= self.elite < self.population or self.tournament < 1:
            raise ValueError(
                f"elite is {self.elite}, population {self.population}, tournament "
                f"{self.tournament}; give 0 <= elite < population and a tournament of 1 or more"
            )


REDUCED = Settings(optimality=0.90, placements=125_000, time_max=5 * SECOND)
"""For a controller under load: at most half the work."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a watcher is told."""

    number: int  # 0: the first population
    best: float  # objective
    mean: float
    nodes_used: int  # by the best
    discarded: int  # children that could not be repaired
    placements: int  # so far


@dataclass(frozen=True, slots=True)
class Individual:
    where: Ints  # [U]
    score: Score


class Genetic:
    """A solver, see `solver`. `watch` is called with every Generation; `clock` returns us."""

    def __init__(
        self,
        settings: Settings = Settings(),
        crossover: Crossover = by_group,
        clock: Callable[[], int] | None = None,
        watch: Callable[[Generation], object] | None = None,
    ) -> None:
        self.settings, self.crossover, self.clock, self.watch = settings, crossover, clock, watch

    def __call__(self, problem: Problem, rng: Rng) -> Ints:
        """The best plan that was found, int[V]; raises Infeasible if there was none."""
        return Search(self, Units.of(problem), rng).run()


class Search:
    """One run."""

    def __init__(self, genetic: Genetic, units: Units, rng: Rng) -> None:
        self.settings, self.crossover = genetic.settings, genetic.crossover
        self.clock, self.watch = genetic.clock, genetic.watch
        self.units, self.problem, self.rng = units, units.problem, rng
        self.started = self.clock() if self.clock else 0
        self.enough = round(self.settings.optimality * objective_bound(self.problem), DIGITS)
        self.spent = self.discarded = 0

    def run(self) -> Ints:
        people = self._first_population()
        history = [people[0].score.objective]
        best = people[0]
        self._tell(0, best, people)
        while not self._is_over(history):
            people = self._next(people)
            best = max(best, people[0], key=lambda one: one.score)
            history.append(best.score.objective)
            self._tell(len(history) - 1, best, people)
        return self.units.assignment(best.where)

    def _first_population(self) -> list[Individual]:
        """What runs now, three packings, and random plans for at most 40 % of the work."""
        people, failure = self._packings()
        share, tries = 0.4 * self.settings.placements, 2 * self.settings.population
        while len(people) < self.settings.population and tries and not self._reached(people):
            if (self.spent >= share and people) or self._is_spent():
                break
            tries -= 1
            ledger = self._shaken(people) if self.problem.moves_max is not None else self._random()
            people += [self._individual(ledger)] if ledger else []
        if not people:
            raise failure or Infeasible("", 0, [], "no plan keeps within the moves allowed")
        return self._ranked(people)

    def _packings(self) -> tuple[list[Individual], Infeasible | None]:
        units, people, failure = self.units, [], None
        starts = [units.current] if (units.current != ABSENT).any() else []
        narrow = np.lexsort((-units.size, units.allowed.sum(axis=1)[units.kind]))
        for order, choose in (
            (units.order(), Ledger.first),
            (units.order(), Ledger.best),
            (narrow.tolist(), Ledger.best),  # those with the fewest candidates first
        ):
            try:
                starts.append(packed(units, order, choose).where)
            except Infeasible as error:
                failure = failure or error
            self.spent += len(units.members)
        for where in starts:
            ledger = self._repaired(where)
            people += [self._individual(ledger)] if ledger else []
        return people, failure

    def _next(self, people: list[Individual]) -> list[Individual]:
        """The elite as it is, and children for the rest; fewer if the budget runs out."""
        children = people[: self.settings.elite]
        while len(children) < len(people):
            if self._is_spent():
                children += people[len(children) :]
                break
            children.append(self._child(self._parent(people), self._parent(people)))
        return self._ranked(children)

    def _parent(self, people: list[Individual]) -> Individual:
        """The best of a few drawn at random; people are ranked, so the lowest number wins."""
        return people[int(self.rng.integers(0, len(people), self.settings.tournament).min())]

    def _child(self, a: Individual, b: Individual) -> Individual:
        crossed = self.rng.random() < self.settings.crossover
        where = self.crossover(self.units, a.where, b.where, self.rng) if crossed else a.where
        ledger = self._repaired(where)
        if ledger is None:
            self.discarded += 1
            return a
        self.spent += mutate(ledger, self.settings.mutation, self.rng)
        node = least_used(ledger)
        if self.rng.random() < self.settings.emptying and node != ABSENT:
            self.spent += empty(ledger, node)[1]
        return self._individual(ledger) if within_budget(ledger) else a

    def _repaired(self, where: Ints) -> Ledger | None:
        ledger, looked = repair(self.units, where)
        self.spent += looked + OVERHEAD
        return ledger

    def _random(self) -> Ledger | None:
        self.spent += len(self.units.members)
        return scatter(self.units, self.rng)

    def _shaken(self, people: list[Individual]) -> Ledger | None:
        """With a budget of moves, random plans are too far away: empty a few nodes at random."""
        self.spent += OVERHEAD
        if not people:
            return None
        ledger = Ledger.of(self.units, people[0].where)
        for node in self.rng.permutation(np.flatnonzero(ledger.in_use))[:4].tolist():
            self.spent += empty(ledger, node)[1]
        return ledger if within_budget(ledger) else None

    def _individual(self, ledger: Ledger) -> Individual:
        return Individual(ledger.where, score(self.problem, self.units.assignment(ledger.where)))

    def _ranked(self, people: list[Individual]) -> list[Individual]:
        return sorted(people, key=lambda one: one.score, reverse=True)

    def _reached(self, people: list[Individual]) -> bool:
        return any(one.score.objective >= self.enough for one in people)

    def _is_spent(self) -> bool:
        late = self.clock is not None and self.clock() - self.started >= self.settings.time_max
        return late or self.spent >= self.settings.placements

    def _is_over(self, history: list[float]) -> bool:
        patience, now = self.settings.patience, history[-1]
        stale = len(history) > patience and now < history[-1 - patience] * (
            1 + self.settings.gain_min
        )
        return now >= self.enough or stale or self._is_spent()

    def _tell(self, number: int, best: Individual, people: list[Individual]) -> None:
        if self.watch:
            mean = round(sum(one.score.objective for one in people) / len(people), DIGITS)
            used = len(self.problem.nodes) - best.score.unused
            told = Generation(
                number, best.score.objective, mean, used, self.discarded, self.spent
            )  # fmt: skip
            self.watch(told)
