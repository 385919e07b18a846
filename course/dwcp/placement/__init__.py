"""ITP, Intelligent Task Placement: which node for this VM?

Hard rules are never broken, whatever it would gain; among the plans that are left, a solver looks
for one that fills the nodes it uses and moves little.

Reading order: constraints and packing (one VM), problem, units, judge, bound and ledger (a whole
batch as arrays), solver (plug in your own), repair, operators and genetic (the default solver),
exact (proof, for small problems). Then the scores that place one VM after another: scored,
datacenter, geographic, hybrid. Last, what runs every five minutes: ordering and rebalance.
"""

from course.dwcp.placement.bound import nodes_bound, objective_bound
from course.dwcp.placement.constraints import (
    Node,
    Rules,
    Vm,
    Wishes,
    at_most_declared,
    objections,
)
from course.dwcp.placement.datacenter import AS_PUBLISHED, PACKING, DatacenterScore
from course.dwcp.placement.exact import Exact, Proof, prove
from course.dwcp.placement.genetic import REDUCED, Generation, Genetic, Settings
from course.dwcp.placement.geographic import GeographicScore, availability, haversine_km
from course.dwcp.placement.hybrid import HybridScore, placer_for
from course.dwcp.placement.judge import Violation, score, utilisation, violations
from course.dwcp.placement.ledger import Infeasible
from course.dwcp.placement.operators import by_group, by_node
from course.dwcp.placement.ordering import Move, Schedule, schedule
from course.dwcp.placement.packing import NoFeasibleNode, best_fit, first_fit, place
from course.dwcp.placement.problem import ABSENT, Problem
from course.dwcp.placement.rebalance import Decision, Moved, Policy, rebalance
from course.dwcp.placement.scored import Scored, by_score
from course.dwcp.placement.solver import BrokenRules, Plan, Solver, plan, solve

__all__ = [
    "ABSENT",
    "AS_PUBLISHED",
    "PACKING",
    "REDUCED",
    "BrokenRules",
    "DatacenterScore",
    "Decision",
    "Exact",
    "Generation",
    "Genetic",
    "GeographicScore",
    "HybridScore",
    "Infeasible",
    "Move",
    "Moved",
    "NoFeasibleNode",
    "Node",
    "Plan",
    "Policy",
    "Problem",
    "Proof",
    "Rules",
    "Schedule",
    "Scored",
    "Settings",
    "Solver",
    "Violation",
    "Vm",
    "Wishes",
    "at_most_declared",
    "availability",
    "best_fit",
    "by_group",
    "by_node",
    "by_score",
    "first_fit",
    "haversine_km",
    "nodes_bound",
    "objections",
    "objective_bound",
    "place",
    "placer_for",
    "plan",
    "prove",
    "rebalance",
    "schedule",
    "score",
    "solve",
    "utilisation",
    "violations",
]
