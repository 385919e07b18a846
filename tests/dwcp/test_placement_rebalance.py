"""Rebalancing: worth it, within its brakes, and no rule broken on the way."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.placement import (
    Genetic,
    Moved,
    Node,
    Policy,
    Problem,
    Settings,
    Vm,
    best_fit,
    objections,
    rebalance,
    schedule,
)
from course.dwcp.placement.operators import scatter
from course.dwcp.placement.ordering import Move
from course.dwcp.placement.rebalance import ROOM_LEFT
from course.dwcp.placement.units import Units
from course.dwcp.units import HOUR, MINUTE
from tests.dwcp.placement_world import clusters

QUICK = Genetic(Settings(population=12, placements=1_500, patience=5))
NOW = 100 * HOUR


def dice(seed=1):
    return np.random.default_rng(seed)


def node(name, *vms, cpus=16, memory_gb=64.0, **more):
    return Node(name, "eu", cpus, memory_gb, vms=tuple(vms), **more)


def sparse(count=10, each=4):
    """Nodes a quarter full: half of them could be empty."""
    return [node(f"n{i}", *(Vm(f"vm-{i}-{k}", 1, 4.0) for k in range(each))) for i in range(count)]


def freely(**more):
    return Policy(moves_share=1.0, **more)


def decide(nodes, policy=Policy(), **more):
    return rebalance(nodes, NOW, dice(), policy=policy, solver=more.pop("solver", QUICK), **more)


def follow(problem, waves, at_once=2):
    """Carry waves out move by move; at every moment a moving VM needs room on both nodes."""
    at = {v.name: problem.nodes[i].name for v, i in zip(problem.vms, problem.current, strict=True)}
    vms, nodes = {v.name: v for v in problem.vms}, {n.name: n for n in problem.nodes}
    for wave in waves:
        hands = Counter(name for move in wave for name in (move.source, move.target))
        assert max(hands.values()) <= at_once
        assert len({move.vm for move in wave}) == len(wave)
        for move in wave:
            assert at[move.vm] == move.source
            there = [vms[name] for name, home in at.items() if home == move.target]
            coming = [vms[m.vm] for m in wave if m.target == move.target and m is not move]
            crowd = replace(nodes[move.target], vms=(*there, *coming))
            assert not objections(vms[move.vm], crowd, problem.rules), move
        at.update({move.vm: move.target for move in wave})
    return at


# The order


@settings(max_examples=40, deadline=None)
@given(clusters(), st.integers(0, 99))
def test_every_moment_of_a_schedule_is_lawful_and_it_ends_where_the_plan_says(nodes, seed):
    problem = Problem.whole(nodes)
    books = scatter(Units.of(problem), dice(seed))
    wanted = problem.current if books is None else books.where
    made = schedule(problem, wanted)
    at = follow(problem, made.waves)
    detours = {move.vm for move in made.moves if move.is_detour}
    for vm, target, home in zip(problem.vms, wanted, problem.current, strict=True):
        if vm.name not in made.left_out:
            assert at[vm.name] == problem.nodes[target].name
        elif vm.name not in detours:
            assert at[vm.name] == problem.nodes[home].name


def swap():
    """Two nodes whose VMs are to change places, and neither has room for both."""
    return [node("a", Vm("x", 12, 8.0)), node("b", Vm("y", 10, 8.0))]


def test_a_circle_is_broken_by_a_spare_node():
    problem = Problem.whole([*swap(), node("spare")])
    made = schedule(problem, np.array([1, 0]))
    assert made.waves == (
        (Move("y", "b", "spare", is_detour=True),),
        (Move("x", "a", "b"),),
        (Move("y", "spare", "a"),),
    )
    assert follow(problem, made.waves) == {"x": "b", "y": "a"}


def test_without_a_spare_node_a_circle_stays_and_says_so():
    made = schedule(Problem.whole(swap()), np.array([1, 0]))
    assert made.waves == () and made.left_out == ("x", "y")


def test_what_one_wave_frees_the_next_one_uses():
    problem = Problem.whole([node("a", Vm("x", 10, 8)), node("b", Vm("y", 10, 8)), node("c")])
    made = schedule(problem, np.array([1, 2]))
    assert made.waves == ((Move("y", "b", "c"),), (Move("x", "a", "b"),))


def test_a_node_takes_part_in_two_moves_at_a_time():
    problem = Problem.whole([node("a", *(Vm(f"v{i}", 1, 1.0) for i in range(5))), node("b")])
    assert [len(wave) for wave in schedule(problem, np.ones(5, int)).waves] == [2, 2, 1]
    with pytest.raises(ValueError, match="at_once is 0"):
        schedule(problem, np.ones(5, int), at_once=0)


def test_a_hard_affinity_group_moves_together_or_stays():
    pair = [Vm(name, 6, 8.0, affinity="web", affinity_hard=True) for name in ("p", "q")]
    problem = Problem.whole([node("a", *pair), node("b")])
    assert schedule(problem, np.array([1, 1])).waves == (
        (Move("p", "a", "b"), Move("q", "a", "b")),
    )
    crowded = Problem.whole([node("a", *pair), node("b", Vm("z", 6, 8.0))])
    assert schedule(crowded, np.array([1, 1, 1])).left_out == ("p", "q")


# The decision


@pytest.mark.parametrize("what", ["incident", "partition", "rollout"])
def test_nothing_moves_while_something_else_is_going_on(what):
    told = decide(sparse(), freely(), busy=[what])
    assert told.reason == f"not now: {what}" and told.moves == 0


def test_a_sparse_cluster_is_packed_and_stays_packed():
    nodes = sparse()
    told = decide(nodes, freely())
    assert told.reason == "a better plan" and told.gain >= 0.05
    at = follow(Problem.whole(nodes), told.schedule.waves)
    vms = {vm.name: vm for one in nodes for vm in one.vms}
    packed = [
        replace(one, vms=tuple(v for name, v in vms.items() if at[name] == one.name))
        for one in nodes
    ]
    assert sum(bool(one.vms) for one in packed) < 7
    assert decide(packed, freely()).moves == 0


def test_a_plan_that_gains_less_than_asked_moves_nothing():
    told = decide(sparse(), freely(gain_min=0.9))
    assert told.moves == 0 and "90 are asked for" in told.reason


@settings(max_examples=20, deadline=None)
@given(clusters(vms_max=6), st.integers(0, 3), st.sampled_from([0.0, 0.2, 0.5]))
def test_every_decision_keeps_its_brakes(nodes, moved_already, share):
    names = [vm.name for one in nodes for vm in one.vms]
    history = [Moved(name, NOW - MINUTE) for name in names[:moved_already]]
    told = decide(nodes, Policy(moves_share=share, gain_min=0.0), history=history)
    assert told.moves <= max(0, int(share * len(names) + 1e-9) - len(history))
    assert not {move.vm for move in told.schedule.moves} & {past.vm for past in history}
    follow(Problem.whole(nodes, rules=ROOM_LEFT), told.schedule.waves)


def test_five_in_a_hundred_vms_move_in_an_hour_and_no_more():
    nodes = sparse(count=25)  # 100 VMs
    assert decide(nodes, Policy(gain_min=0.0)).moves <= 5
    spent = [Moved(f"vm-{i}-0", NOW - MINUTE) for i in range(5)]
    assert decide(nodes, history=spent).reason == "the moves of this hour are used up"
    old = [Moved(f"vm-{i}-0", NOW - HOUR) for i in range(5)]
    assert (
        decide(nodes, Policy(gain_min=0.0), history=old).reason
        != "the moves of this hour are used up"
    )


def test_a_vm_that_moved_twice_today_or_may_not_move_stays():
    tired = [Moved("vm-0-0", NOW - k * HOUR) for k in (2, 5)]
    told = decide(sparse(), freely(), history=tired, may_move=lambda vm: vm != "vm-1-0")
    moved = {move.vm for move in told.schedule.moves}
    assert moved and not moved & {"vm-0-0", "vm-1-0"}


def test_a_node_above_ninety_percent_is_relieved_at_once_and_only_that():
    full = node("full", Vm("large", 8, 8.0), Vm("small", 2, 2.0), Vm("mid", 5, 5.0))
    told = decide([full, *sparse(3)], freely())
    assert told.reason == "relief"
    assert [(move.vm, move.source) for move in told.schedule.moves] == [("small", "full")]
    alone = decide([full], freely())
    assert alone.moves == 0 and alone.stuck == ("small",)


def test_vms_on_a_node_that_may_not_hold_them_leave_it():
    told = decide([node("bad", Vm("x", 1, 1.0), reputation=0.4), node("good")], freely())
    assert told.schedule.moves == [Move("x", "bad", "good")]


def test_another_solver_can_be_passed_in():
    told = decide(sparse(), freely(), solver=lambda problem, rng: problem.current)
    assert told.moves == 0 and "a gain of 0.0 points" in told.reason
    assert decide(sparse(), freely(), solver=best_fit).moves > 0
