"""Signals of many nodes at once: lag and partition (T07), lost workers (T08), rebalancing (T20)."""

from course.dwcp.units import HOUR, MINUTE, MS
from course.lab.commands import sync_lag_s
from course.lab.hosts import EPOCH, Host
from course.lab.signals.control import answers
from course.lab.signals.looking import Case, signal

LAG_S = 30.0
FELL_RECENTLY = 5 * MINUTE
"""A worker that was killed or crashed so lately counts as lost: it comes and goes."""
ENDS = ("service_crashed", "oom_killed")
CLOCK_MAX_MS = 500
CPU_MAX = 0.8


def workers_of(case: Case) -> list[Host]:
    """All workers."""
    return case.world.of_role("worker")


def lost(case: Case) -> list[Host]:
    """Workers that are not ready, or fell over within the last 5 minutes."""
    rows = {row["node"]: row["status"] for row in case.lab.node.list() if row["role"] == "worker"}
    since = case.world.now - FELL_RECENTLY
    fell = {e.host for e in case.world.history if e.name in ENDS and e.at >= since}
    return [
        host
        for host in workers_of(case)
        if host.name in fell or rows[host.name] not in ("ready", "draining")
    ]


def lagging(case: Case) -> list[Host]:
    """Workers that no controller has told anything for more than 30 s."""
    lags = {host.name: sync_lag_s(case.world, host) for host in workers_of(case)}
    return [h for h in workers_of(case) if (lags[h.name] or float("inf")) > LAG_S]


def _is_one_region(case: Case, hosts: list[Host]) -> bool | None:
    """Are they in one region, and all of its workers? None: there are no hosts."""
    regions = {host.region for host in hosts}
    theirs = [host for host in workers_of(case) if host.region in regions]
    return len(regions) == 1 and len(theirs) == len(hosts) if hosts else None


@signal()
def lagging_nodes(case: Case) -> list[str]:
    """Which workers lag."""
    return [host.name for host in lagging(case)]


@signal()
def lagging_in_one_region(case: Case) -> bool | None:
    """Is it a region that lags, and nobody else? None: nobody lags."""
    return _is_one_region(case, lagging(case))


@signal()
def quorum_side(case: Case) -> str:
    """On whose side the quorum is. An operator's verbs ask the leader: it is ours, or nobody's."""
    return "ours" if case.lab.cluster.status()["leader"] else "neither"


@signal()
def heals_within_4h(case: Case) -> None:
    """Only the provider knows."""
    return


@signal()
def clock_offset_ms_max(case: Case) -> float:
    """The clock that is furthest off, ms."""
    return float(max(abs(host.offset) for host in case.world.hosts.values()) / MS)


@signal()
def nodes_overloaded(case: Case) -> bool:
    """Do others take more than 80 % of the CPU of a worker that lags?"""
    return any(case.lab.host.top(host=h.name)["cpu_others"] > CPU_MAX for h in lagging(case))


@signal()
def lost_nodes(case: Case) -> list[str]:
    """Which workers are lost."""
    return [host.name for host in lost(case)]


@signal()
def versions(case: Case) -> list[str]:
    """Which versions run."""
    return sorted({host.version for host in case.world.hosts.values()})


@signal()
def lost_share_a_release(case: Case) -> bool | None:
    """Have all lost workers one version that no other worker has? None: none is lost.

    Where all workers are lost there is nobody to compare with: then it must have been installed.
    """
    gone = lost(case)
    if not gone:
        return None
    theirs = {host.version for host in gone}
    others = {host.version for host in workers_of(case) if host not in gone}
    told = {e.host for e in case.world.history if e.name == "version_installed"}
    took_it = bool(others) or {host.name for host in gone} <= told
    return len(theirs) == 1 and not theirs & others and took_it


@signal()
def lost_in_one_region(case: Case) -> bool | None:
    """Is it a region that is lost, and nobody else? None: nobody is lost."""
    return _is_one_region(case, lost(case))


@signal()
def lost_hosts_answer(case: Case) -> bool:
    """Do their machines answer on another path than DWCP's?"""
    return all(answers(case, host) for host in lost(case))


@signal()
def memory_kills(case: Case) -> bool:
    """Did the kernel kill the service of a lost worker in the last hour?"""
    killed = {row["node"] for row in case.lab.events.list(duration=3_600, type="oom_killed")}
    return any(host.name in killed for host in lost(case))


@signal()
def certificates_or_clocks(case: Case) -> bool:
    """Is the certificate of a lost worker refused, or its clock more than 500 ms off?"""
    return any(_refused(case, host) for host in lost(case))


def _refused(case: Case, host: Host) -> bool:
    walls = (host.wall(case.world.now), EPOCH + case.world.now)
    held = host.certificate
    objections = [held.objection(host.name, wall) for wall in walls] if held else ["none"]
    return any(objections) or abs(host.offset) > CLOCK_MAX_MS * MS


@signal()
def lost_are_quarantined(case: Case) -> bool | None:
    """Are all lost workers in quarantine? None: nobody is lost."""
    gone = {host.name for host in lost(case)}
    shut_out = {row["node"] for row in case.lab.reputation.list() if row["status"] == "quarantined"}
    return gone <= shut_out if gone else None


@signal()
def busiest_node(case: Case) -> float:
    """The largest share of a worker that is taken, of its memory or of its processors."""
    return max(_taken(host) for host in workers_of(case) if host.is_up)


def _taken(host: Host) -> float:
    cpus = sum(guest.cpus for guest in host.guests.values())
    return max(1 - host.free_gb / host.memory_gb, cpus / host.cpus)


@signal()
def minutes_since_release(case: Case) -> float | None:
    """Minutes since a version was last installed; None: never, or not within a day."""
    told = [e.at for e in case.world.history if e.name == "version_installed"]
    recent = [at for at in told if at >= case.world.now - 24 * HOUR]
    return round((case.world.now - recent[-1]) / MINUTE, 1) if recent else None
