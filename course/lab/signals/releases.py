"""Signals of a release: roll back or not (T09), and how (T10)."""

from course.dwcp.units import HOUR, MINUTE
from course.lab.cluster import Event
from course.lab.hosts import Host
from course.lab.signals.looking import Case, signal
from course.lab.signals.spread import ENDS, lost, minutes_since_release, workers_of

RELEASE_MIN = 60.0
WORSE, HALVED = 1.2, 2.0
"""Times as long as before: worse by over 20 %, and half the performance."""
CRASHING = 2 * MINUTE
TREND = 15 * MINUTE


def failed_sources(case: Case) -> set[str]:
    """Nodes from which a migration failed."""
    return {m.source for m in case.world.every_migration if m.state == "failed"}


def failing(case: Case) -> list[Host]:
    """Lost workers, controllers that do not serve, and workers from which migrations fail."""
    sources, gone = failed_sources(case), lost(case)
    return [
        host
        for host in case.world.hosts.values()
        if host in gone or host.name in sources or (host.role == "controller" and not host.is_up)
    ]


@signal()
def data_harmed_by_release(case: Case) -> bool:
    """Within 1 h of a release: do controllers differ, or does a VM run twice or nowhere?"""
    since = minutes_since_release(case)
    if since is None or since > RELEASE_MIN:
        return False
    inventory = case.lab.vm.inventory()
    equal = case.lab.state_sync.verify()["equal"]
    return bool(inventory["duplicates"] or inventory["nowhere"]) or not equal


@signal()
def release_is_cause(case: Case) -> bool | None:
    """Is what fails on a version that nothing else has? None: all have it, for an hour or less."""
    bad = failing(case)
    since = minutes_since_release(case)
    if since is None:
        return False
    if not bad:
        return slowness_of_newest(case) > WORSE
    theirs = {host.version for host in bad}
    others = {host.version for host in case.world.hosts.values() if host not in bad}
    if len(theirs) == 1 and not theirs & others:
        return True
    newest = max(host.version for host in case.world.hosts.values())
    if theirs == {newest} and others != {newest}:
        return True  # others on it do not fail, or not yet
    return None if since <= RELEASE_MIN and theirs | others == {newest} else False


@signal()
def workers_failing_share(case: Case) -> float:
    """Share of the workers that are lost."""
    return round(len(lost(case)) / len(workers_of(case)), 3)


@signal()
def improving_and_fix_near(case: Case) -> bool | None:
    """False if as many services fell over lately as before; else None: only the developers know."""
    now = case.world.now
    ends = [e for e in case.world.history if e.name in ENDS and e.at >= now - TREND]
    lately = [e for e in ends if e.at >= now - TREND / 2]
    return None if len(lately) < len(ends) - len(lately) else False


@signal()
def error_share(case: Case) -> float:
    """Share of the migrations of the last hour that failed."""
    since = case.world.now - HOUR
    ended = [m for m in case.world.every_migration if m.ended is not None and m.ended >= since]
    return sum(m.state == "failed" for m in ended) / len(ended) if ended else 0.0


@signal()
def performance_against_baseline(case: Case) -> str:
    """How a test move from the newest version goes beside one from another version."""
    slowness, since = slowness_of_newest(case), minutes_since_release(case)
    if since is not None and since <= RELEASE_MIN and slowness > WORSE:
        return "worse in window"
    return "halved outside window" if slowness >= HALVED else "as before"


def slowness_of_newest(case: Case) -> float:
    """How many times as long a test move takes from the newest version; 1 if there is one only."""
    ready = [h for h in workers_of(case) if h.is_up]
    newest = max(host.version for host in ready)
    new = [host.name for host in ready if host.version == newest]
    old = [host.name for host in ready if host.version != newest]
    if not old or len(ready) < 3:
        return 1.0
    target = next(host.name for host in reversed(ready) if host.name not in (new[0], old[0]))
    moves = [case.lab.migration.test(source=name, target=target) for name in (new[0], old[0])]
    return float(moves[0]["duration_s"] / moves[1]["duration_s"])


@signal()
def flag_exists(case: Case) -> bool:
    """The lab's releases have no feature flags."""
    return False


@signal()
def previous_side_by_side(case: Case) -> bool:
    """The lab keeps no second installation beside the running one."""
    return False


@signal()
def state_format_changed(case: Case) -> bool:
    """The lab's releases all keep their state in one format."""
    return False


@signal()
def failing_role(case: Case) -> str | None:
    """controllers, if one of them fails, else workers; None: nothing fails."""
    roles = {host.role for host in failing(case)}
    return "controllers" if "controller" in roles else "workers" if roles else None


@signal()
def crashing_now(case: Case) -> bool:
    """Did a service fall over in the last 2 minutes?"""
    return any(_is_recent_end(case, event) for event in case.world.history)


def _is_recent_end(case: Case, event: Event) -> bool:
    return event.name in ENDS and event.at >= case.world.now - CRASHING
