"""Releases: which there are, what ails one, and how the service of a host exchanges its version.

A flaw belongs to a version. So it comes with an upgrade, goes with a rollback, and a node that was
missed still has it. The four kinds are those that rollouts meet: the service falls over, some work
fails, memory leaks, everything is slow. What a flaw leads to follows from the lab's own rules.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from course.dwcp.units import SECOND
from course.lab.cluster import World
from course.lab.hosts import Host

RELEASES = ("2.9.4", "3.0.0", "3.0.1", "3.1.0", "3.1.1")
"""In the order of their publication. 3.0.0 is what the course installs."""
RESTART_AFTER = 5 * SECOND
"""What the service manager waits before it starts a service that fell over."""
LEAK_STEP = 10 * SECOND
SERVICE_GB = 0.4
"""Memory of a healthy service, GB."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What ails a version.

    `amount` by kind: crash-loop, seconds until it falls over; errors, the share (0 to 1) of
    migrations from its nodes that fail; leak, GB a minute; slow, the share of its normal speed.
    """

    kind: str
    amount: float


RANGES = {
    "crash-loop": (1.0, 600.0),
    "errors": (0.01, 1.0),
    "leak": (0.001, 4.0),
    "slow": (0.05, 0.99),
}


def bad_release(world: World, version: str, kind: str, amount: float) -> Callable[[], None]:
    """A version has a flaw: crash-loop (after `amount` s), errors (share), leak (GB a minute),
    slow (share of the speed)."""
    if version not in RELEASES:
        raise ValueError(f"no release {version!r}; there are {', '.join(RELEASES)}")
    if kind not in RANGES:
        raise ValueError(f"no flaw {kind!r}; there are {', '.join(RANGES)}")
    low, high = RANGES[kind]
    if not low <= amount <= high:
        raise ValueError(f"amount of {kind} is {amount}; give {low:g} to {high:g}")
    world.flaws[version] = Flaw(kind, amount)
    for host in world.hosts.values():
        if host.is_up:
            suffer(world, host)
    return lambda: world.flaws.pop(version, None) and None


def suffer(world: World, host: Host) -> None:
    """What the flaw of its version does to a service that has just been started."""
    flaw = world.flaws.get(host.version)
    host.service_gb = SERVICE_GB
    if flaw is None:
        return
    if flaw.kind == "crash-loop":
        _fall_over(world, host, round(flaw.amount * (0.5 + world.luck.random()) * SECOND))
    if flaw.kind == "leak":
        _leak(world, host, flaw)


def fails(world: World, host: Host) -> bool:
    """Does the flaw of this host's version make a migration from it fail, this time?"""
    flaw = world.flaws.get(host.version)
    return flaw is not None and flaw.kind == "errors" and world.luck.random() < flaw.amount


def speed(world: World, host: Host) -> float:
    """How fast its version works, as a share of the normal."""
    flaw = world.flaws.get(host.version)
    return flaw.amount if flaw is not None and flaw.kind == "slow" else 1.0


def install(host: Host, version: str) -> None:
    """Put another version on a host's disk. It is in use from the next start."""
    host.version = version
    if host.config:
        host.config = replace(host.config, version=version)


def _fall_over(world: World, host: Host, after: int) -> None:
    machine = host.machine

    def fall() -> None:
        if host.machine is machine and not host.frozen:
            _killed(world, host, "service_crashed", {"exit": "signal 11"})

    world.after(after, fall)


def _leak(world: World, host: Host, flaw: Flaw) -> None:
    """Memory grows until the kernel kills the service; then all begins anew."""
    machine = host.machine

    def grow() -> None:
        if host.machine is not machine:
            return
        host.service_gb += flaw.amount * LEAK_STEP / (60 * SECOND)
        if host.free_gb <= 0:
            details = {"reason": "out of memory", "service_gb": round(host.service_gb, 2)}
            _killed(world, host, "oom_killed", details)
            return
        world.after(LEAK_STEP, grow)

    world.after(LEAK_STEP, grow)


def _killed(world: World, host: Host, event: str, details: dict[str, object]) -> None:
    world.tell(host, event, details)
    world.stop(host)
    host.restarts += 1
    restarts = host.restarts

    def again() -> None:
        """Unless a person stopped it, or it is up already."""
        if host.machine is None and host.powered and host.restarts == restarts:
            world.start(host)

    world.after(RESTART_AFTER, again)
