"""Signals of nodes that may lie: one (T21), or many (T22). They need a scenario with voters."""

from course.dwcp.consensus.evidence import Equivocation
from course.dwcp.units import MS
from course.lab.cluster import World
from course.lab.commands import sync_lag_s
from course.lab.signals.looking import Case, signal
from course.lab.signals.nodes import host_of
from course.lab.signals.spread import CLOCK_MAX_MS, LAG_S

SUSPECT, AGREES, AGREES_LEAST = 0.50, 0.95, 0.80


@signal("node")
def equivocation_proved(case: Case) -> bool:
    """Was it quarantined for two signed messages that contradict each other?"""
    row = case.lab.reputation.analyze(node=case.node)
    return row["status"] == "quarantined" and str(row["reason"]).startswith(Equivocation.NAME)


@signal("node")
def reputation(case: Case) -> float:
    """Its score, 0 to 1."""
    return float(case.lab.reputation.analyze(node=case.node)["score"])


@signal("node")
def honest_explanation(case: Case) -> bool:
    """Is it behind or cut off, is its clock 500 ms off, or has it a version of its own?"""
    host, world = host_of(case), case.world
    lag = sync_lag_s(world, host)
    return (
        lag is None
        or lag > LAG_S
        or abs(host.offset) > CLOCK_MAX_MS * MS
        or _alone_with_version(world, host.name)
    )


def _alone_with_version(world: World, node: str) -> bool:
    others = {host.version for name, host in world.hosts.items() if name != node}
    return world.hosts[node].version not in others


@signal("node")
def what_deviates(case: Case) -> str | None:
    """metrics, state or votes; None: none of them. The lab finds no deviation in timing."""
    row = case.lab.reputation.analyze(node=case.node)
    if row["above_hardware"]:
        return "metrics"
    if "checkpoint_manipulation" in row["signs"]:
        return "state"
    return "votes" if (row["agreement"] or 1.0) < AGREES else None


@signal("node")
def agreement_too_low(case: Case) -> bool:
    """Does it agree in less than 80 % of its votes, or in less than 95 % of 500?"""
    row = case.lab.reputation.analyze(node=case.node)
    return (row["agreement"] or 1.0) < AGREES_LEAST or bool(row["below_95_of_500"])


@signal()
def suspects_above_f(case: Case) -> bool:
    """Have more voters than f a score below 0.50?"""
    status = case.lab.consensus.pbft_status()
    voters = {row["node"] for row in status["voters"]}
    low = [r for r in case.lab.reputation.list() if r["node"] in voters and r["score"] < SUSPECT]
    return len(low) > int(status["f"])
