"""Searching for plans: the exact solver is the yardstick, the genetic one comes near it and replays."""

import sys
from itertools import count, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.placement import (
    REDUCED,
    Exact,
    Genetic,
    Infeasible,
    Node,
    Problem,
    Rules,
    Settings,
    Vm,
    best_fit,
    by_group,
    by_node,
    first_fit,
    objective_bound,
    plan,
    prove,
    score,
    solve,
    violations,
)
from course.dwcp.placement.judge import Score, moves
from course.dwcp.placement.ledger import Ledger
from course.dwcp.placement.operators import empty, least_used, mutate, scatter
from course.dwcp.placement.repair import misplaced, repair, within_budget
from course.dwcp.placement.units import Units
from tests.dwcp.placement_world import batches, clusters, slow_objections

QUICK = Settings(population=20, placements=4_000, optimality=1.0)
SMALL = Settings(population=12, placements=600, optimality=1.0, patience=5)
HEURISTICS = {
    "first_fit": (first_fit, 0.45),
    "best_fit": (best_fit, 0.6),
    "genetic": (Genetic(QUICK), 0.9),
}


def dice(seed=1):
    return np.random.default_rng(seed)


def random_problem(seed, nodes, vms, fill_max=0.9):
    """Nodes of three sizes, VMs of four shapes, anti-affinity in threes: loaded to about 60 %."""
    rng = dice(seed)
    fleet = [
        Node(f"n{i:02d}", "eu", int(c), float(4 * c))
        for i, c in enumerate(rng.choice([16, 32, 48], nodes))
    ]
    asked = []
    for i in range(vms):
        cpus = int(rng.choice([1, 2, 4, 8], p=[0.3, 0.4, 0.2, 0.1]))
        memory = float(cpus * rng.choice([1, 2, 4, 8], p=[0.2, 0.3, 0.3, 0.2]))
        asked.append(Vm(f"vm-{i:03d}", cpus, memory, f"g{i // 6}" if i % 2 else None))
    return Problem.batch(asked, fleet, Rules(fill_max=fill_max))


def every_plan(problem):
    """All feasible assignments, by trying all there are."""
    for answer in product(range(len(problem.nodes)), repeat=len(problem.vms)):
        assignment = np.array(answer, int)
        if not violations(problem, assignment):
            yield assignment


# The exact solver


@settings(max_examples=25, deadline=None)
@given(batches(vms_max=4, nodes_max=3))
def test_the_exact_solver_finds_what_trying_everything_finds(problem):
    best = max((score(problem, one).objective for one in every_plan(problem)), default=None)
    proof = prove(problem, work_max=5)
    if best is None:
        assert proof.is_infeasible and proof.assignment is None
        with pytest.raises(Infeasible):
            solve(problem, Exact(5), dice())
        return
    found = plan(problem, proof.assignment)
    assert proof.is_optimal and found.objective == pytest.approx(best, abs=5e-6)
    assert best <= proof.bound <= objective_bound(problem)


@settings(max_examples=15, deadline=None)
@given(clusters(vms_max=1, nodes_max=3), st.integers(0, 2))
def test_the_exact_solver_counts_moves_as_the_judge_does(nodes, budget):
    problem = Problem.whole(nodes, [Vm("new", 2, 1.0)], moves_max=budget)
    best = max((score(problem, one).objective for one in every_plan(problem)), default=None)
    proof = prove(problem, work_max=5)
    assert (proof.assignment is None) == (best is None)
    if best is not None:
        assert score(problem, proof.assignment).objective == pytest.approx(best, abs=5e-6)


def test_no_plan_at_all_is_proved_and_a_vm_that_fits_nowhere_is_named():
    three = [Vm(f"vm-{i}", 6, 1) for i in range(3)]
    nodes = [Node(name, "eu", 8, 64) for name in "ab"]
    with pytest.raises(Infeasible, match=r"each VM has a node, all together do not \(proved\)"):
        solve(Problem.batch(three, nodes), Exact(), dice())
    with pytest.raises(
        Infeasible, match="no node may take huge: of 2 nodes, room for 9 CPUs leaves 0"
    ):
        solve(Problem.batch([Vm("huge", 9, 1)], nodes), Exact(), dice())


def test_without_or_tools_the_exact_solver_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ortools.sat.python", None)
    with pytest.raises(RuntimeError, match="install the package ortools"):
        prove(random_problem(1, 2, 3))


def test_the_exact_solver_replays():
    problem = random_problem(2, 4, 16)
    first, second = prove(problem, 1), prove(problem, 1)
    assert first.assignment.tolist() == second.assignment.tolist()
    assert (first.bound, first.work) == (second.bound, second.work)


@pytest.mark.parametrize("seed", range(3))
def test_heuristics_stay_within_a_stated_factor_of_the_optimum(seed):
    problem = random_problem(seed, 4, 14)
    proof = prove(problem, work_max=4)
    assert proof.is_optimal
    best = plan(problem, proof.assignment).objective
    for name, (solver, factor) in HEURISTICS.items():
        found = solve(problem, solver, dice(seed)).objective
        assert factor * best <= found <= proof.bound, (name, seed, found, best)


# The genetic solver


def test_the_same_seed_gives_the_same_plan_and_another_one_another():
    problem = random_problem(3, 8, 60)
    a, b, c = (solve(problem, Genetic(QUICK), dice(seed)).assignment.tolist() for seed in (5, 5, 6))
    assert a == b != c


def test_a_watcher_changes_nothing_and_sees_the_best_only_rise():
    problem, seen = random_problem(3, 8, 60), []
    watched = solve(problem, Genetic(QUICK, watch=seen.append), dice(5))
    assert (
        watched.assignment.tolist() == solve(problem, Genetic(QUICK), dice(5)).assignment.tolist()
    )
    best = [generation.best for generation in seen]
    assert best == sorted(best) and watched.objective == best[-1]
    assert [generation.number for generation in seen] == list(range(len(seen)))
    assert all(generation.mean <= generation.best for generation in seen)


def test_it_is_at_least_as_good_as_the_packings_it_starts_from():
    for seed in (1, 2, 4):  # of the others, the packings find no plan
        problem = random_problem(seed, 6, 40)
        packed = max(solve(problem, one, dice()).objective for one in (first_fit, best_fit))
        assert solve(problem, Genetic(QUICK), dice(seed)).objective >= packed


def test_it_finds_plans_where_the_packings_find_none():
    problem = random_problem(0, 6, 40)
    for one in (first_fit, best_fit):
        with pytest.raises(Infeasible):
            solve(problem, one, dice())
    assert solve(problem, Genetic(QUICK), dice(0)).nodes_used == 6


def test_it_stops_near_the_bound_when_patience_ends_or_when_the_work_is_done():
    problem, seen = random_problem(3, 8, 60), []
    solve(problem, Genetic(Settings(optimality=0.5), watch=seen.append), dice())
    assert len(seen) == 1, "the first population is good enough"
    seen.clear()
    solve(
        problem,
        Genetic(Settings(population=10, optimality=1, patience=3), watch=seen.append),
        dice(),
    )
    best = [generation.best for generation in seen]
    assert len(best) >= 4 and best[-1] < best[-4] * 1.001
    seen.clear()
    solve(problem, Genetic(Settings(optimality=1, placements=500), watch=seen.append), dice())
    assert seen[-1].placements <= 500 + 100
    assert REDUCED.placements * 2 == Settings().placements


def test_a_clock_ends_the_search():
    ticks, seen = count(0, 1_000_000), []
    genetic = Genetic(Settings(optimality=1), clock=lambda: next(ticks), watch=seen.append)
    found = solve(random_problem(3, 8, 60), genetic, dice())
    assert len(seen) == 1 and found.nodes_used > 0


@pytest.mark.parametrize("wrong", [{"population": 2}, {"elite": -1}, {"tournament": 0}])
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match="give 0 <= elite < population"):
        Settings(**wrong)


def test_with_a_budget_of_moves_it_improves_within_it():
    nodes = [
        Node(f"n{i}", "eu", 32, 64.0, vms=tuple(Vm(f"vm-{i}-{k}", 4, 8.0) for k in range(2)))
        for i in range(6)
    ]
    problem = Problem.whole(nodes, moves_max=4)
    found = solve(problem, Genetic(QUICK), dice())
    assert 0 < found.moves <= 4
    assert found.objective > score(problem, problem.current).objective
    assert found.nodes_used == 4


@settings(max_examples=30, deadline=None)
@given(batches(vms_max=14), st.integers(0, 99), st.sampled_from([by_group, by_node]))
def test_operators_keep_every_rule(problem, seed, crossover):
    units, rng = Units.of(problem), dice(seed)
    parents = [one for one in (scatter(units, rng), scatter(units, rng)) if one]
    if len(parents) < 2:
        return
    child, _ = repair(units, crossover(units, parents[0].where, parents[1].where, rng))
    if child is None:
        return
    mutate(child, 0.5, rng)
    assert not slow_objections(problem, units.assignment(child.where))
    node = least_used(child)
    if node >= 0:
        before = child.where.copy()
        emptied, _ = empty(child, node)
        assert not slow_objections(problem, units.assignment(child.where))
        assert (child.where != node).all() if emptied else (child.where == before).all()


@settings(max_examples=30, deadline=None)
@given(batches(vms_max=14), st.data())
def test_repair_mends_any_assignment_or_gives_up(problem, data):
    units, last = Units.of(problem), len(problem.nodes) - 1
    where = np.array([data.draw(st.integers(-1, last)) for _ in units.members], int)
    leaving = misplaced(units, where)
    stay = np.where(leaving, -1, where)
    told = [v for v in violations(problem, units.assignment(stay)) if v.rule != "not placed"]
    assert not told, "those that stay break no rule"
    mended, _ = repair(units, where)
    if mended is not None:
        assert not violations(problem, units.assignment(mended.where))
        if not leaving.any() and (where >= 0).all():
            assert (mended.where == where).all(), "what is well stays as it is"


@settings(max_examples=25, deadline=None)
@given(clusters(), st.integers(0, 3), st.integers(0, 99))
def test_moves_are_taken_back_until_the_budget_holds(nodes, budget, seed):
    problem = Problem.whole(nodes, moves_max=budget)
    units = Units.of(problem)
    ledger = scatter(units, dice(seed))
    if ledger is not None and within_budget(ledger):
        assert moves(problem, units.assignment(ledger.where)) <= budget
        assert not violations(problem, units.assignment(ledger.where))


@settings(max_examples=25, deadline=None)
@given(batches(vms_max=8, nodes_max=3))
def test_what_the_genetic_solver_finds_is_never_proved_impossible_or_better_than_the_bound(problem):
    try:
        found = solve(problem, Genetic(SMALL), dice())
    except Infeasible:
        return
    proof = prove(problem, work_max=5)
    assert not proof.is_infeasible and found.objective <= proof.bound


def test_of_feasible_requests_nearly_all_succeed():
    """Tight ones: four nodes, loaded to the last CPU or nearly so."""
    found = feasible = 0
    for seed in range(16):
        rng = dice(seed)
        nodes = [Node(f"n{i}", "eu", 8, 1_000.0) for i in range(4)]
        sizes = [int(s) for s in rng.integers(1, 6, 10)]
        problem = Problem.batch([Vm(f"vm-{i}", s, 1.0) for i, s in enumerate(sizes)], nodes)
        if prove(problem, work_max=2).is_infeasible:
            continue
        feasible += 1
        try:
            solve(problem, Genetic(QUICK), dice(seed))
            found += 1
        except Infeasible:
            pass
    assert feasible >= 6 and found >= 0.95 * feasible, (found, feasible)


def test_a_score_ranks_the_objective_first_and_then_fewer_nodes():
    assert Score(0.8, 0) > Score(0.7, 9) and Score(0.8, 2) > Score(0.8, 1)


def test_large_problems_are_arrays_by_kind():
    problem = random_problem(1, 50, 400)
    assert problem.allowed.shape == (1, 50) and Ledger(Units.of(problem)).free.shape == (5, 50)
