"""Faults on demand, by name: each changes the world in one way, and says what it needs.

A scenario names them with their arguments; so does `lab.inject`. What a fault does to the cluster
is never scripted: it follows from the protocol's own code.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from course.dwcp.units import MS
from course.lab.cluster import World
from course.lab.hosts import EPOCH


def closed_ports(world: World, host: str, first: int, last: int) -> None:
    """The host's firewall refuses connections to ports `first` to `last`."""
    world.hosts[host].closed_ports.update(range(first, last + 1))


def clock_skew(world: World, host: str, ms: int) -> None:
    """The host's clock is `ms` milliseconds ahead of true time; negative: behind."""
    target = world.hosts[host]
    target.offset = ms * MS
    if target.machine:
        target.machine.offset = EPOCH + target.offset


def wrong_peer_name(world: World, host: str, name: str, written: str) -> None:
    """The host's configuration file has `written` where the controller's `name` should stand."""
    target = world.hosts[host]
    if target.config:
        peers = tuple(written if peer == name else peer for peer in target.config.peers)
        target.config = replace(target.config, peers=peers)


def wrong_cluster_id(world: World, host: str, written: str) -> None:
    """The host's configuration file names another cluster."""
    target = world.hosts[host]
    if target.config:
        target.config = replace(target.config, cluster_id=written)


def service_stopped(world: World, host: str) -> None:
    """The DWCP service on the host is down."""
    world.stop(world.hosts[host])


FAULTS: dict[str, Callable[..., None]] = {
    "closed-ports": closed_ports,
    "clock-skew": clock_skew,
    "wrong-peer-name": wrong_peer_name,
    "wrong-cluster-id": wrong_cluster_id,
    "service-stopped": service_stopped,
}


def inject(world: World, fault: str, **arguments: Any) -> None:
    """Apply a fault by name; raises ValueError that lists the names or the missing host."""
    if fault not in FAULTS:
        raise ValueError(f"no fault is named {fault!r}; there are {', '.join(FAULTS)}")
    if arguments.get("host") not in world.hosts:
        raise ValueError(f"no host {arguments.get('host')!r}; there are {', '.join(world.hosts)}")
    FAULTS[fault](world, **arguments)
