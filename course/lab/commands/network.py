"""Paths and how they are used: port tests, streams, congestion control, compression."""

from typing import Any

from course.dwcp.units import MS
from course.lab.cluster import World
from course.lab.commands.lookups import host_named
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import PORTS


@verb("network test", kind="R")
def network_test(world: World, source: str, target: str) -> Result:
    """Try every port that the target's role needs, from `source`; RTT and loss of the path."""
    path = world.path(host_named(world, source).name, host_named(world, target).name)
    ports = PORTS[world.hosts[target].role]
    obstacles = {port: world.obstacle(target, port) for port in ports}
    world.run(round(path.rtt_ms * MS) * len(ports))
    return {
        "source": source,
        "target": target,
        "rtt_ms": path.rtt_ms,
        "loss": path.loss,
        "capacity_mbps": path.capacity_mbps,
        "mode": path.mode.value,
        "ports": {port: why or "open" for port, why in obstacles.items()},
        "closed": [port for port, why in obstacles.items() if why],
    }


@verb("amst set-streams")
def amst_set_streams(world: World, count: int, node: str | None = None) -> Result:
    """Streams of new transfers, 1 to 16; on all nodes if none is named."""
    if not 1 <= count <= 16:
        raise CommandError("INVALID_REQUEST", f"count is {count}; a worker has 16 data ports")
    return _set(world, node, "streams", count)


@verb("amst set-cc")
def amst_set_cc(world: World, algorithm: str, node: str | None = None) -> Result:
    """Congestion control of new streams: bbr2, bbr or cubic."""
    if algorithm not in ("bbr2", "bbr", "cubic"):
        raise CommandError("INVALID_REQUEST", f"algorithm {algorithm!r}; bbr2, bbr or cubic")
    return _set(world, node, "congestion_control", algorithm)


@verb("hde set-compression")
def hde_set_compression(world: World, level: int, node: str | None = None) -> Result:
    """Zstandard level of new migrations, 1 to 19."""
    if not 1 <= level <= 19:
        raise CommandError("INVALID_REQUEST", f"level is {level}; give 1 to 19")
    return _set(world, node, "level", level)


def _set(world: World, node: str | None, name: str, value: Any) -> Result:
    targets = [host_named(world, node)] if node else world.of_role("worker")
    for host in targets:
        setattr(host, name, value)
    return [{"node": host.name, name: value} for host in targets]
