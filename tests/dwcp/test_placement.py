"""Placement: hard rules hold whoever plans, a broken one has a name, and nobody is believed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.placement import (
    ABSENT,
    BrokenRules,
    Genetic,
    Infeasible,
    Node,
    NoFeasibleNode,
    Problem,
    Rules,
    Settings,
    Vm,
    at_most_declared,
    best_fit,
    first_fit,
    nodes_bound,
    objections,
    objective_bound,
    place,
    score,
    solve,
    utilisation,
    violations,
)
from course.dwcp.placement.constraints import capacity, demand, usable
from course.dwcp.placement.ledger import Ledger
from course.dwcp.placement.units import Units
from tests.dwcp.placement_world import batches, slow_objections

SMALL = Settings(population=12, placements=600, optimality=1.0, patience=5)
SOLVERS = [first_fit, best_fit, Genetic(SMALL)]


def dice(seed=1):
    return np.random.default_rng(seed)


def node(name="n", cpus=32, memory_gb=64.0, region="eu", **more):
    return Node(name, region, cpus, memory_gb, **more)


def cluster(count, **more):
    return [node(f"n{i:02d}", **more) for i in range(count)]


def vms(count, cpus=2, memory_gb=4.0, **more):
    return [Vm(f"vm-{i:02d}", cpus, memory_gb, **more) for i in range(count)]


# What is a rule


@pytest.mark.parametrize(
    ("vm", "on", "words"),
    [
        ({}, {"ready": False}, "not ready"),
        ({}, {"excluded": True}, "excluded"),
        ({}, {"reputation": 0.49}, "reputation 0.49 below 0.50"),
        ({"region": "us"}, {}, "not in region us"),
        ({"regions_excluded": ("eu",)}, {}, "in excluded region eu"),
        ({"zone": "eu-law"}, {"zone": "eu-law", "zone_guaranteed": False}, "does not guarantee zone eu-law"),
        ({"labels": ("nvme", "tpm")}, {"labels": ("nvme",)}, "lacks label tpm"),
        ({"cpus": 33}, {}, "32 CPUs free, 33 needed"),
        ({"memory_gb": 60.0}, {}, "4.0 GB would stay free, 6.4 GB must"),
        ({"disk_gb": 11.0}, {"disk_gb": 10.0}, "10.0 GB of disk free, 11.0 needed"),
        ({"gpus": 1}, {}, "0 GPUs free, 1 needed"),
        ({"bandwidth_mbps": 200.0}, {"bandwidth_mbps": 100.0}, "100 Mbps free, 200 needed"),
        ({}, {"vms": tuple(vms(100, 0, 0.0))}, "100 VMs, the most is 100"),
        ({"group": "db"}, {"vms": (Vm("db-1", 1, 1, "db"),)}, "already runs a VM of group db"),
    ],
)  # fmt: skip
def test_every_hard_rule_has_words_and_the_array_judge_knows_it_too(vm, on, words):
    wanted = replace(Vm("wanted", 1, 1.0), **vm)
    assert objections(wanted, node(**on)) == [words]
    problem = Problem.batch([wanted], [node(**on)])
    assert len(violations(problem, np.array([0]))) == 1
    with pytest.raises(NoFeasibleNode, match=words):
        place(wanted, [node(**on)])
    with pytest.raises(Infeasible):
        solve(problem, best_fit, dice())


@settings(max_examples=60, deadline=None)
@given(batches(), st.data())
def test_the_judge_agrees_with_asking_one_vm_at_a_time(problem, data):
    last = len(problem.nodes) - 1
    assignment = np.array([data.draw(st.integers(0, last)) for _ in problem.vms], int)
    assert bool(violations(problem, assignment)) == bool(slow_objections(problem, assignment))


@settings(max_examples=25, deadline=None)
@given(batches(), st.randoms(use_true_random=False))
def test_the_books_agree_with_the_judge_at_every_step(problem, random):
    units = Units.of(problem)
    ledger = Ledger(units)
    for unit in random.sample(range(len(units.members)), len(units.members)):
        able = ledger.fits(unit)
        for at in range(len(problem.nodes)):
            assert bool(able[at]) == ledger.fits_on(unit, at)
            ledger.put(unit, at)
            told = [
                v
                for v in violations(problem, units.assignment(ledger.where))
                if v.rule != "not placed"
            ]
            assert bool(able[at]) == (not told), told
            ledger.take(unit)
        if able.any():
            ledger.put(unit, int(np.flatnonzero(able)[0]))
    again = Ledger.of(units, ledger.where)
    for name in ("free", "room", "spread", "bond", "where"):
        assert (getattr(again, name) == getattr(ledger, name)).all(), name


def test_demands_are_rounded_up_and_capacities_down():
    assert demand(Vm("a", 1, 0.3))[1] == 308 and capacity(node(memory_gb=0.3))[1] == 307
    assert usable(node(cpus=10, memory_gb=10.0), Rules(fill_max=0.95))[:2] == (9, 9216)


def test_a_vm_that_asks_for_nothing_of_a_resource_cannot_break_its_rule():
    overfull = node(vms=tuple(vms(2, cpus=20)))
    assert objections(Vm("idle", 0, 1.0), overfull) == []
    assert objections(Vm("busy", 1, 1.0), overfull) == ["0 CPUs free, 1 needed"]


def test_lies_about_hardware_attract_no_load():
    declared = node(cpus=8)
    honest = at_most_declared(replace(declared, cpus=512, gpus=9), declared)
    assert (honest.cpus, honest.gpus) == (8, 0)


# One VM


def test_a_node_of_good_reputation_is_taken_before_a_fuller_poor_one():
    poor = node("a", reputation=0.6, vms=(Vm("x", 16, 16),))
    assert place(Vm("vm", 1, 1), [poor, node("b")]) == ["b", "a"]


def test_a_hard_affinity_group_has_one_home_and_a_soft_one_a_preference():
    there = node("b", vms=(Vm("web-1", 1, 1, affinity="web"),))
    assert place(Vm("web-2", 1, 1, affinity="web"), [node("a"), there]) == ["b", "a"]
    together = Vm("web-2", 1, 1, affinity="web", affinity_hard=True)
    assert place(together, [node("a"), there]) == ["b"]
    with pytest.raises(NoFeasibleNode, match="affinity group web runs on b"):
        place(together, [node("a"), replace(there, ready=False)])


# A batch


@settings(max_examples=60, deadline=None)
@given(batches(), st.sampled_from(SOLVERS), st.integers(0, 99))
def test_no_solver_breaks_a_hard_rule_or_loses_a_vm(problem, solver, seed):
    try:
        found = solve(problem, solver, dice(seed))
    except Infeasible as error:
        assert error.steps and error.steps[-1][1] == 0 and error.last_rule in str(error)
        return
    assert set(found.target) == {vm.name for vm in problem.vms}
    assert not slow_objections(problem, found.assignment)
    assert found.objective <= found.bound + 1e-9 and found.nodes_used >= found.nodes_bound


@pytest.mark.parametrize("solver", SOLVERS, ids=["first_fit", "best_fit", "genetic"])
def test_equal_requests_give_equal_plans_in_whatever_order_they_are_listed(solver):
    asked = [
        Vm(f"vm-{i}", 1 + i % 5, 1.0 + i % 3, group="g" if i % 4 == 0 else None) for i in range(30)
    ]
    nodes = cluster(12)
    plans = [
        solve(Problem.batch(asked[::step], nodes[::step], Rules(fill_max=0.9)), solver, dice(3))
        for step in (1, 1, -1)
    ]
    assert plans[0].target == plans[1].target == plans[2].target


def test_what_is_urgent_is_placed_first_and_the_batch_is_all_or_nothing():
    problem = Problem.batch([Vm("big", 30, 8), Vm("urgent", 4, 8, priority=0.9)], [node()])
    with pytest.raises(
        Infeasible, match="no node may take big: of 1 nodes, room for 30 CPUs leaves 0"
    ):
        solve(problem, best_fit, dice())


def test_the_rule_that_removed_the_last_candidate_is_named():
    nodes = [
        *(node(f"a{i}", region="us") for i in range(3)),
        *(node(f"b{i}", labels=("nvme",)) for i in range(2)),
        node("c", vms=(Vm("db-1", 1, 1, "db"),), labels=("nvme",)),
    ]
    asked = [Vm(f"db-{i}", 1, 1, "db", region="eu", labels=("nvme",)) for i in (2, 3, 4)]
    with pytest.raises(Infeasible) as told:
        solve(Problem.batch(asked, nodes), best_fit, dice())
    assert told.value.vm == "db-4"
    assert told.value.steps == [("region", 3), ("anti-affinity group db", 0)]


def test_a_hard_affinity_group_is_placed_whole_or_not_at_all():
    asked = vms(3, cpus=8, affinity="web", affinity_hard=True)
    found = solve(Problem.batch([*asked, Vm("other", 20, 8)], cluster(2)), best_fit, dice())
    assert len({found.target[vm.name] for vm in asked}) == 1
    with pytest.raises(Infeasible, match="room for 24 CPUs"):
        solve(Problem.batch(asked, cluster(3, cpus=16)), best_fit, dice())


def test_affinity_and_anti_affinity_at_once_contradict_each_other():
    asked = vms(2, group="apart", affinity="together", affinity_hard=True)
    with pytest.raises(Infeasible, match="affinity"):
        solve(Problem.batch(asked, cluster(3)), best_fit, dice())


def test_soft_affinity_brings_together_what_fits_and_costs_like_a_move_where_not():
    asked = [*vms(2, cpus=4, affinity="pair"), Vm("wall", 9, 9)]
    found = solve(Problem.batch(asked, cluster(2, cpus=12)), best_fit, dice())
    assert found.target["vm-00"] == found.target["vm-01"]
    problem = Problem.batch(vms(2, affinity="pair"), cluster(2))
    apart, together = score(problem, np.array([0, 1])), score(problem, np.array([0, 0]))
    full = utilisation(problem, np.array([0, 1]))
    assert apart.objective == pytest.approx(full - 0.02 * 1 / 2) and together.objective > full


def test_utilisation_is_the_binding_resource_of_the_nodes_in_use():
    problem = Problem.batch([Vm("cpu", 16, 6.4), Vm("ram", 3, 48.0)], cluster(3))
    assert utilisation(problem, np.array([0, 1])) == pytest.approx((0.5 + 0.75) / 2)
    assert utilisation(problem, np.array([0, 0])) == pytest.approx(54.4 / 64, abs=1e-3)
    assert utilisation(Problem.batch([], cluster(3)), np.array([], int)) == 0


def test_a_moved_vm_costs_two_hundredths_of_its_share():
    problem = Problem.whole([node("a", vms=tuple(vms(4))), node("b")])
    assert score(problem, np.array([1, 1, 1, 1])).objective == pytest.approx(
        score(problem, np.zeros(4, int)).objective - 0.02
    )


def test_of_equally_good_plans_the_one_with_fewer_nodes_is_better():
    problem = Problem.batch(
        [Vm("cpu", 32, 0.0), Vm("cpu-2", 32, 0.0), Vm("free", 0, 0.0)], cluster(3)
    )
    assert score(problem, np.array([0, 1, 1])) > score(problem, np.array([0, 1, 2]))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 12), st.integers(1, 9), st.sampled_from([2.0, 8.0]))
def test_no_plan_uses_fewer_nodes_than_the_bound(nodes, count, cpus, memory_gb):
    problem = Problem.batch(vms(count, cpus, memory_gb), cluster(nodes, cpus=9))
    try:
        found = solve(problem, best_fit, dice())
    except Infeasible:
        return
    assert nodes_bound(problem) <= found.nodes_used and found.objective <= objective_bound(problem)


# Plug your own solver in


def cheats():
    """Answers that a solver could try, and what they are found out for."""
    yield (
        "two on one",
        lambda p, r: np.zeros(len(p.vms), int),
        "vm-02 on n00: another VM of anti-affinity group db is there",
    )
    yield "too much", lambda p, r: np.zeros(len(p.vms), int), "40 CPUs taken, 32 may be"
    yield "lost", lambda p, r: np.array([0, 1, 2, ABSENT]), "vm-03: not placed"
    yield (
        "invented",
        lambda p, r: np.array([0, 1, 2, 7]),
        "vm-03: node 7 does not exist, they are 0 to 3",
    )
    yield "negative", lambda p, r: np.array([0, 1, 2, -3]), "vm-03: node -3 does not exist"
    yield "short", lambda p, r: np.array([0, 1, 2]), "one node index a VM"
    yield "fractions", lambda p, r: np.array([0.0, 1.0, 2.0, 3.0]), "not float64"
    yield "not a number", lambda p, r: [np.nan] * 4, "not float64"
    yield "nothing", lambda p, r: None, "not object"
    yield "down", lambda p, r: np.array([0, 1, 3, 3]), "vm-02 on n03: not ready"


@pytest.mark.parametrize(("name", "cheat", "words"), list(cheats()), ids=[c[0] for c in cheats()])
def test_a_cheating_solver_is_caught_and_told_which_vm_broke_which_rule(name, cheat, words):
    asked = [Vm(f"vm-{i:02d}", 10, 4, "db" if i % 2 == 0 else None) for i in range(4)]
    nodes = [*cluster(3), node("n03", ready=False)]
    with pytest.raises(BrokenRules) as told:
        solve(Problem.batch(asked, nodes), cheat, dice())
    assert any(words in str(violation) for violation in told.value.violations)


def test_a_solver_cannot_bend_the_rules_or_change_its_answer_afterwards():
    def bend(problem, rng):
        problem.usable[:] = 10**9

    problem = Problem.batch(vms(2), cluster(2))
    with pytest.raises(ValueError, match="read-only"):
        solve(problem, bend, dice())
    answer = np.array([0, 1])
    found = solve(problem, lambda p, r: answer, dice())
    answer[:] = 7
    assert found.assignment.tolist() == [0, 1]


def test_moves_are_budgeted_and_pinned_vms_stay():
    nodes = [node("a", vms=tuple(vms(3))), node("b")]
    with pytest.raises(BrokenRules, match="2 VMs move, at most 1 may"):
        solve(Problem.whole(nodes, moves_max=1), lambda p, r: np.array([1, 1, 0]), dice())
    with pytest.raises(BrokenRules, match="vm-01 on b: must stay on a"):
        solve(Problem.whole(nodes, pinned=["vm-01"]), lambda p, r: np.array([0, 1, 0]), dice())
    found = solve(Problem.whole(nodes, [Vm("new", 1, 1)], moves_max=0), Genetic(SMALL), dice())
    assert found.moves == 0 and not found.moved and found.target["vm-00"] == "a"


# Nonsense and extremes


@pytest.mark.parametrize(
    "wrong",
    [{"cpus": -1}, {"memory_gb": float("nan")}, {"disk_gb": float("inf")}, {"gpus": -1}, {"priority": float("nan")}],
)  # fmt: skip
def test_a_demand_that_is_no_amount_is_refused(wrong):
    with pytest.raises(ValueError, match=f"x: {next(iter(wrong))} is .*; give a number, 0 or more"):
        replace(Vm("x", 1, 1.0), **wrong)


@pytest.mark.parametrize(
    "wrong", [{"cpus": -1}, {"memory_gb": float("nan")}, {"reputation": float("nan")}]
)
def test_a_capacity_that_is_no_amount_is_refused(wrong):
    with pytest.raises(ValueError, match="give a number"):
        replace(node(), **wrong)


def test_names_are_given_once():
    with pytest.raises(ValueError, match="2 VMs are called twin"):
        Problem.batch([Vm("twin", 1, 1), Vm("twin", 2, 2)], cluster(1))
    with pytest.raises(ValueError, match="2 VMs are called twin"):
        Problem.batch([Vm("twin", 1, 1)], [node(vms=(Vm("twin", 1, 1),))])
    with pytest.raises(ValueError, match="2 nodes are called n"):
        Problem.batch([], [node(), node()])


@pytest.mark.parametrize("solver", SOLVERS, ids=["first_fit", "best_fit", "genetic"])
def test_extremes(solver):
    def outcome(asked, nodes):
        try:
            return solve(Problem.batch(asked, nodes), solver, dice()).nodes_used
        except Infeasible as error:
            return error.last_rule

    assert outcome([], cluster(2)) == 0
    assert outcome([], []) == 0
    assert outcome(vms(1), []) == ""
    assert outcome([Vm("huge", 1_000, 4), *vms(3)], cluster(2)) == "room for 1000 CPUs"
    assert outcome(vms(5, group="apart"), cluster(5)) == 5
    assert outcome(vms(5, group="apart"), cluster(4)) == "anti-affinity group apart"
    assert outcome(vms(1), cluster(2, cpus=0, memory_gb=0.0)) == "room for 2 CPUs"
    assert outcome([Vm("nothing", 0, 0.0)], cluster(1, cpus=0, memory_gb=0.0)) == 1
    assert outcome(vms(101, cpus=0, memory_gb=0.0), cluster(1)) == "the number of VMs"
    assert outcome(vms(101, cpus=0, memory_gb=0.0), cluster(2)) == 2
