"""Signals of the workers' gossip (T07): peers of those that lag, and writes that were lost."""

from course.dwcp.units import MINUTE
from course.lab.signals.looking import Case, signal
from course.lab.signals.spread import lagging


@signal()
def peers_least(case: Case) -> int | None:
    """Peers of the lagging worker that has the fewest; None: nobody lags."""
    gone = {host.name for host in lagging(case)}
    rows = case.lab.gossip.status()["nodes"]
    return min((row["peers"] for row in rows if row["node"] in gone), default=None)


@signal()
def conflicts_times_normal(case: Case) -> float:
    """Conflicts a minute since the lab began; one a minute is taken for normal.

    The registers that workers write have one writer each, so a lab never has any by itself.
    """
    minutes = max(1.0, case.world.now / MINUTE)
    return float(case.lab.state_sync.conflicts()["conflicts"] / minutes)
