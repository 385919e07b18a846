"""Signals of one worker that is to be admitted (T32)."""

from course.dwcp.units import MS
from course.dwcp.worker import Worker
from course.lab.commands import CommandError, sync_lag_s
from course.lab.hosts import EPOCH, PORTS, Host
from course.lab.signals.looking import Case, signal

OFFSET_MAX_MS = 100
RELEASE = "3.0.0"


def host_of(case: Case) -> Host:
    """The host of the node that the case is about; raises KeyError if there is none."""
    return case.world.hosts[case.node or ""]


@signal("node")
def clock_offset_ms(case: Case) -> float:
    """How far its clock is ahead of true time, ms."""
    return host_of(case).offset / MS


@signal("node")
def version_ok(case: Case) -> bool:
    """Has it the version that the course installs?"""
    return host_of(case).version == RELEASE


@signal("node")
def time_and_version_ok(case: Case) -> bool:
    """Is the clock less than 100 ms off, and the version right?"""
    return abs(clock_offset_ms(case)) < OFFSET_MAX_MS and version_ok(case)


@signal("node")
def ports_closed(case: Case) -> list[int]:
    """Ports of a worker that its firewall refuses."""
    return sorted(host_of(case).closed_ports & set(PORTS["worker"]))


@signal("node")
def ports_ok(case: Case) -> bool:
    """Is none of them closed?"""
    return not ports_closed(case)


@signal("node")
def certificate_ok(case: Case) -> bool:
    """Would its certificate be accepted, by the node's own clock and by true time?"""
    host = host_of(case)
    if host.certificate is None:
        return False
    walls = (host.wall(case.world.now), EPOCH + case.world.now)
    return all(host.certificate.objection(host.name, wall) is None for wall in walls)


@signal("node")
def ready_within_60s(case: Case) -> bool:
    """Does it say that it is ready?"""
    machine = host_of(case).machine
    return isinstance(machine, Worker) and machine.state == "ready"


@signal("node")
def sync_lag(case: Case) -> float | None:
    """Seconds since it last heard from a controller."""
    return sync_lag_s(case.world, host_of(case))


@signal("node")
def test_migration_ok(case: Case) -> bool | None:
    """Does a small test migration pass, in and out? None while it is not ready."""
    if not ready_within_60s(case):
        return None
    other = next(
        row["node"]
        for row in case.lab.node.list(status="ready")
        if row["role"] == "worker" and row["node"] != case.node
    )
    try:
        there = case.lab.migration.test(source=other, target=case.node)
        back = case.lab.migration.test(source=case.node, target=other)
    except CommandError:
        return False
    return bool(there["passed"] and back["passed"])
