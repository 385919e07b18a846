"""What the solver says of the cluster is so: its moves can be made, and they gain what it said."""

import pytest

from course.lab import Lab, replay
from course.lab.commands import CommandError


def spread(count=6):
    """VMs of one CPU, each alone on a worker of four."""
    lab = Lab("day-1", 5)
    for number in range(1, count + 1):
        lab.vm.create(name=f"vm-{number}", memory_gb=0.25, cpus=1, node=f"worker-{number}")
    return lab


def test_the_moves_of_a_plan_lead_to_what_it_promised():
    lab = spread()
    lab.node.drain(node="worker-9")
    plan = lab.placement.solver_stats()
    assert plan["nodes_used"] == plan["nodes_bound"] == 2 and plan["optimality"] >= 0.95
    assert "worker-9" not in {move["target"] for move in plan["moves"]}
    for move in plan["moves"]:
        lab.migration.start(vm=move["vm"], target=move["target"])
        lab.migration.wait(vm=move["vm"])
    used = {row["node"] for row in lab.vm.list()}
    assert len(used) == 2
    after = lab.placement.solver_stats()
    assert (after["moves"], after["gain"]) == ([], 0)
    assert after["utilisation"] == plan["utilisation"]


def test_a_plan_changes_nothing_and_replays():
    lab = spread(3)
    before = lab.fingerprint()
    plan = lab.placement.solver_stats()
    assert lab.fingerprint() == before
    assert replay(lab.journal(), "day-1", 5).placement.solver_stats() == plan


def test_a_smaller_limit_is_less_work():
    lab = spread()
    lab.placement.set_solver(target_optimality=1)
    searched = lab.placement.solver_stats()["placements"]
    assert lab.placement.set_solver(max_time=0.1)["max_time_s"] == 0.1
    bounded = lab.placement.solver_stats()
    assert bounded["placements"] < searched and bounded["target_optimality"] == 1


@pytest.mark.parametrize(
    ("words", "verb", "arguments"),
    [
        ("nothing to plan", "placement solver-stats", {}),
        ("0.1 to 10", "placement set-solver", {"max_time": 3_600}),
        ("0.5 to 1", "placement set-solver", {"target_optimality": 1.5}),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(words, verb, arguments):
    with pytest.raises(CommandError, match=words) as refused:
        Lab("day-1", 5).do(verb, **arguments)
    assert refused.value.code == "INVALID_REQUEST"
