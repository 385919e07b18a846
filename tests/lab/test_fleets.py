"""Made-up placement requests are what they say they are, and the largest is planned in time."""

import time

import numpy as np
import pytest

from course.dwcp.placement import Genetic, nodes_bound, solve
from course.dwcp.placement.constraints import CPU, MEMORY
from course.lab.fleets import request


def dice(seed=1):
    return np.random.default_rng(seed)


def test_ten_vms_a_node_ask_for_about_half_of_it_and_replicas_come_in_threes():
    problem = request(200, 2_000, dice())
    asked = problem.demand.sum(axis=0) / np.maximum(problem.capacity.sum(axis=0), 1)
    assert asked[CPU] == pytest.approx(0.56, abs=0.04)
    assert asked[MEMORY] == pytest.approx(0.50, abs=0.05)
    groups = [vm.group for vm in problem.vms if vm.group]
    assert len(groups) == 1_000 and max(groups.count(name) for name in set(groups)) == 3


def test_the_same_dice_give_the_same_request():
    one, again, other = (request(5, 40, dice(seed)) for seed in (1, 1, 2))
    assert one.vms == again.vms and one.nodes == again.nodes and one.vms != other.vms


def test_ten_thousand_vms_are_planned_for_a_thousand_nodes_within_ten_seconds_of_work():
    problem, started = request(1_000, 10_000, dice()), time.process_time()
    found = solve(problem, Genetic(), dice())
    assert time.process_time() - started < 10
    assert found.utilisation >= 0.80 and nodes_bound(problem) <= found.nodes_used < 1_000
