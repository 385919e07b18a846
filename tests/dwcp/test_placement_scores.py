"""Placement by score: the terms, what the published weights really do, and hard rules all the same."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.placement import (
    AS_PUBLISHED,
    PACKING,
    DatacenterScore,
    GeographicScore,
    HybridScore,
    Infeasible,
    Node,
    NoFeasibleNode,
    Problem,
    Scored,
    Vm,
    Wishes,
    availability,
    by_score,
    haversine_km,
    placer_for,
    solve,
)
from course.dwcp.placement.datacenter import Weights, performance
from course.dwcp.placement.datacenter import reliability as rarely_fails
from course.dwcp.placement.geographic import GeoWeights, cost, proximity, reliability, sovereignty
from course.dwcp.placement.hybrid import heterogeneous_score
from course.dwcp.units import DAY
from tests.dwcp.placement_world import batches, slow_objections

PLACES = {"london": (51.5, -0.1), "new-york": (40.7, -74.0), "sydney": (-33.9, 151.2)}
HYBRID = HybridScore(PLACES)
SCORED = {
    "datacenter": Scored(DatacenterScore()),
    "geographic": Scored(GeographicScore(PLACES)),
    "hybrid": Scored(HYBRID, HYBRID.shortcomings),
    "exploring": Scored(DatacenterScore(), epsilon=0.5),
}


def node(name="n", region="london", **more):
    return Node(name, region, 32, 64.0, **more)


def dice(seed=1):
    return np.random.default_rng(seed)


@settings(max_examples=40, deadline=None)
@given(batches(), st.sampled_from(list(SCORED)))
def test_no_score_buys_a_hard_rule(problem, name):
    try:
        found = solve(problem, SCORED[name], dice())
    except Infeasible as error:
        assert error.steps[-1][1] == 0
        return
    assert not slow_objections(problem, found.assignment)


def test_the_published_weights_spread_and_the_courses_pack():
    half, empty = node("half", vms=(Vm("x", 16, 32.0),)), node("empty")
    vm = Vm("vm", 1, 1.0)
    assert by_score(vm, [half, empty], DatacenterScore(AS_PUBLISHED))[0] == "empty"
    assert by_score(vm, [half, empty], DatacenterScore(PACKING))[0] == "half"
    vms, nodes = [Vm(f"vm-{i}", 2, 4.0) for i in range(12)], [node(f"n{i}") for i in range(6)]
    used = [
        solve(Problem.batch(vms, nodes), Scored(DatacenterScore(weights)), dice()).nodes_used
        for weights in (AS_PUBLISHED, PACKING)
    ]
    assert used == [6, 1]


def test_the_datacenter_score_is_the_sum_that_it_says_it_is():
    best = node(bandwidth_mbps=100_000.0, ghz=4.0, vms=(Vm("x", 16, 32.0),))
    assert performance(best) == pytest.approx(1.0) and rarely_fails(best) == 1.0
    only = {
        name: Weights(**{"free": 0, "performance": 0, "used": 0, "reliability": 0} | {name: 1})
        for name in ("free", "used")
    }
    calm = Vm("vm", 1, 1, priority=1.0)
    assert (
        DatacenterScore(only["free"])(calm, best)
        == DatacenterScore(only["used"])(calm, best)
        == 0.5
    )


@pytest.mark.parametrize(
    ("wish", "on", "factor"),
    [
        ({"latency_ms": 10.0}, {}, 0.8),
        ({"bandwidth_mbps": 9.0}, {"bandwidth_mbps": 8.0}, 0.5),
        ({"availability": 0.99}, {"availability": 0.98}, 0.3),
        ({"cost_usd_h": 1.0}, {"cost_usd_h": 2.0}, 0.7),
    ],
)
def test_a_broken_wish_costs_its_factor_and_an_unknown_round_trip_nothing(wish, on, factor):
    plain, wishing = Vm("a", 1, 1), Vm("b", 1, 1, wishes=Wishes(**wish))
    score = DatacenterScore(rtt_ms={"n": 50.0})
    assert score(wishing, node(**on)) == pytest.approx(factor * score(plain, node(**on)))
    assert DatacenterScore()(
        Vm("c", 1, 1, wishes=Wishes(latency_ms=1)), node()
    ) == DatacenterScore()(plain, node())


def test_distances_are_those_of_the_atlas():
    assert haversine_km(PLACES["london"], PLACES["new-york"]) == pytest.approx(5_570, abs=15)
    assert haversine_km(PLACES["london"], PLACES["sydney"]) == pytest.approx(16_990, abs=40)
    assert haversine_km((0, 0), (0, 180)) == pytest.approx(20_015, abs=1)
    assert haversine_km((90, 0), (90, 77)) == pytest.approx(0, abs=1e-6)


def test_proximity_is_1_in_a_wanted_region_and_falls_with_the_distance():
    near = Vm("vm", 1, 1, wishes=Wishes(regions=("london",)))
    assert proximity(near, node(), PLACES) == 1
    assert proximity(near, node(region="new-york"), PLACES) == pytest.approx(
        1 - 5_570 / 20_000, abs=1e-3
    )
    assert proximity(near, node(region="nowhere"), PLACES) == 0
    assert proximity(Vm("any", 1, 1), node(region="sydney"), PLACES) == 1


def test_a_node_that_is_young_and_never_failed_is_available():
    assert availability(9 * DAY, [], 10 * DAY) == 1
    assert availability(0, [(95 * DAY, 98 * DAY)], 100 * DAY) == 0.9
    assert availability(0, [(1 * DAY, 60 * DAY)], 100 * DAY) == 1, "long ago"
    assert availability(0, [(69 * DAY, 200 * DAY)], 100 * DAY) == 0
    assert availability(5 * DAY, [], 5 * DAY) == 1


def test_the_geographic_terms_lie_between_0_and_1_and_the_law_is_no_term():
    assert reliability(node()) == pytest.approx((1 + 1 + 0.9) / 3)
    assert (
        cost(Vm("vm", 1, 0.0), node()) == 1
        and cost(Vm("vm", 1, 5_000.0), node(cost_usd_h=50.0)) == 0
    )
    wish = Vm("vm", 1, 1, wishes=Wishes(zone="eu-law"))
    there = [node(zone="eu-law"), node(zone="us-law"), node(zone="eu-law", zone_guaranteed=False)]
    assert [sovereignty(wish, one) for one in there] == [1, 0.5, 0]
    law = replace(wish, zone="eu-law")
    assert by_score(
        law, [replace(one, name=f"n{i}") for i, one in enumerate(there)], GeographicScore(PLACES)
    ) == ["n0"]


def test_geographic_weights_are_divided_by_their_sum():
    vm = Vm("vm", 1, 1, region="london")
    one, ten = GeographicScore(PLACES), GeographicScore(PLACES, GeoWeights(3, 4, 2, 1))
    assert one(vm, node()) == pytest.approx(ten(vm, node()))
    with pytest.raises(ValueError, match="give numbers of 0 or more, not all 0"):
        GeoWeights(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("vm", "placer"),
    [
        (Vm("gpu", 1, 1, gpus=1), "datacenter"),
        (Vm("cpu", 17, 1), "datacenter"),
        (Vm("memory", 1, 65.0), "datacenter"),
        (Vm("not large", 16, 64.0), "heterogeneous"),
        (Vm("large, two regions", 17, 1, wishes=Wishes(regions=("london", "sydney"))), "geographic"),
        (Vm("data", 1, 1, wishes=Wishes(near_data=True)), "geographic"),
        (Vm("urgent", 1, 1, priority=0.81), "geographic"),
        (Vm("must not fail", 1, 1, wishes=Wishes(availability=0.999)), "geographic"),
        (Vm("may fail", 1, 1, wishes=Wishes(availability=0.99)), "heterogeneous"),
    ],
    ids=lambda value: getattr(value, "name", value),
)  # fmt: skip
def test_the_profile_of_a_vm_chooses_its_placer(vm, placer):
    assert placer_for(vm) == placer


def test_among_unlike_nodes_wishes_are_rules_and_the_class_decides_what_counts():
    dear = node("dear", node_class="cloud", cost_usd_h=5.0)
    cheap = node("cheap", node_class="volunteer", cost_usd_h=0.1)
    vm = Vm("vm", 1, 1, wishes=Wishes(cost_usd_h=1.0))
    assert by_score(vm, [dear, cheap], HYBRID, shortcomings=HYBRID.shortcomings) == ["cheap"]
    with pytest.raises(NoFeasibleNode, match="the wish for cost is not met"):
        by_score(vm, [dear], HYBRID, shortcomings=HYBRID.shortcomings)
    with pytest.raises(Infeasible, match="the wish for cost is not met"):
        solve(Problem.batch([vm], [dear]), SCORED["hybrid"], dice())
    edge = node("edge", node_class="edge")
    assert heterogeneous_score(vm, edge, 0.0) - heterogeneous_score(
        vm, edge, 100.0
    ) == pytest.approx(0.5)


def test_exploration_needs_dice_replays_and_is_a_share():
    problem = Problem.batch(
        [Vm(f"vm-{i}", 1, 1.0) for i in range(8)], [node(f"n{i}") for i in range(8)]
    )
    one, again = (SCORED["exploring"](problem, dice(4)).tolist() for _ in range(2))
    assert one == again and len(set(one)) > 1
    with pytest.raises(ValueError, match="pass rng, or epsilon=0"):
        SCORED["exploring"](problem)
    with pytest.raises(ValueError, match="epsilon is 2"):
        Scored(DatacenterScore(), epsilon=2)
