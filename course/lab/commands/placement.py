"""ITP's solver as an operator has it: how hard it may try, and what it makes of the cluster.

One VM is placed by the rules and a score, at once (`vm create`, `migration start` without a
target). The solver looks at all VMs together. Nothing in the lab carries its plans out by itself:
an operator who likes one moves the VMs. Its work is bounded in placements, not in seconds, so that
an answer is the same on every machine. Read before: `course.dwcp.placement`.
"""

from dataclasses import replace

from course.dwcp.placement import Generation, Genetic, Infeasible, Plan, Problem, solve
from course.dwcp.placement.judge import score
from course.dwcp.units import SECOND
from course.lab.cluster import World
from course.lab.commands.lookups import workers_for_placement
from course.lab.commands.registry import CommandError, Result, verb

PLACEMENTS_A_SECOND = 25_000
"""What one core does with 1,000 nodes, roughly; it turns `max_time` into a bound of work."""
TIME_MAX_S = 10


@verb("placement solver-stats", kind="R")
def placement_solver_stats(world: World) -> Result:
    """What the solver would do with the VMs as they are: work, optimality, moves, and the gain.

    `optimality` is the plan's objective, of the most that any plan can reach; `utilisation` is the
    mean of the nodes in use, 0 to 1. Nodes that are down, drained or excluded are left alone.
    """
    nodes = [node for node in workers_for_placement(world) if node.ready]
    if not any(node.vms for node in nodes):
        raise CommandError("INVALID_REQUEST", "no VM is on a node that is ready: nothing to plan")
    problem, told = Problem.whole(nodes), list[Generation]()
    solver = Genetic(world.solver, watch=told.append)
    try:
        plan = solve(problem, solver, world.seeds.array(f"placement/{world.now}"))
    except Infeasible as error:
        raise CommandError("NO_FEASIBLE_NODE", str(error)) from None
    return {
        **_limits(world),
        "vms": len(problem.vms),
        "generations": told[-1].number,
        "placements": told[-1].placements,
        **_worth(problem, plan),
        "moves": [
            {"vm": vm, "source": source, "target": target}
            for vm, (source, target) in plan.moved.items()
        ],
    }


@verb("placement set-solver")
def placement_set_solver(
    world: World, max_time: float | None = None, target_optimality: float | None = None
) -> Result:
    """Bound the solver's work (seconds of one core at 1,000 nodes), and when it is good enough."""
    if max_time is not None and not 0.1 <= max_time <= TIME_MAX_S:
        raise CommandError("INVALID_REQUEST", f"max_time is {max_time} s; give 0.1 to {TIME_MAX_S}")
    if target_optimality is not None and not 0.5 <= target_optimality <= 1:
        raise CommandError(
            "INVALID_REQUEST", f"target_optimality is {target_optimality}; give 0.5 to 1"
        )
    if max_time is not None:
        placements = round(max_time * PLACEMENTS_A_SECOND)
        limit = round(max_time * SECOND)
        world.solver = replace(world.solver, placements=placements, time_max=limit)
    if target_optimality is not None:
        world.solver = replace(world.solver, optimality=target_optimality)
    return _limits(world)


def _limits(world: World) -> dict[str, float]:
    return {
        "max_time_s": world.solver.placements / PLACEMENTS_A_SECOND,
        "target_optimality": world.solver.optimality,
    }


def _worth(problem: Problem, plan: Plan) -> dict[str, float]:
    now = score(problem, problem.current).objective
    return {
        "optimality": round(plan.objective / plan.bound, 4) if plan.bound else 1.0,
        "utilisation": round(plan.utilisation, 4),
        "gain": round(plan.objective - now, 4),
        "nodes_used": plan.nodes_used,
        "nodes_bound": plan.nodes_bound,
    }
