"""Paths between nodes: port tests, round trips, speed, congestion, partitions."""

from course.dwcp.units import MS, SECOND
from course.lab.cluster import World
from course.lab.commands.lookups import host_named
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import PORTS
from course.lab.links import rate_mbps

TEST_STREAMS, TEST_BUFFERS_MB = 64, 64 * 16.0
CONGESTED_LOSS = 0.01


def reaches(world: World, a: str, b: str) -> bool:
    """Do packets from `a` get to `b`, and does somebody live there?"""
    there = world.hosts[b]
    return there.powered and not there.frozen and not (a != b and world.is_cut(a, b))


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
        "mtu": path.mtu,
        "mode": path.mode.value,
        "ports": {port: why or "open" for port, why in obstacles.items()},
        "closed": [port for port, why in obstacles.items() if why],
    }


@verb("network latency", kind="R")
def network_latency(world: World, nodes: list[str] | None = None) -> Result:
    """Round trips in ms between nodes, each to each; None where nothing comes back."""
    names = [host_named(world, name).name for name in nodes or world.hosts]
    world.run(SECOND)
    return [
        {
            "node": a,
            **{b: None if not reaches(world, a, b) else world.path(a, b).rtt_ms for b in names},
        }
        for a in names
    ]


@verb("network speedtest", kind="R", scope="operate")
def network_speedtest(world: World, source: str, target: str, duration: int = 10) -> Result:
    """What the path carries by many connections at once, in Mbps; it fills the link meanwhile."""
    if not 1 <= duration <= 600:
        raise CommandError("INVALID_REQUEST", f"duration is {duration} s; give 1 to 600")
    path = world.path(host_named(world, source).name, host_named(world, target).name)
    world.run(duration * SECOND)
    connected = reaches(world, source, target)
    rate = rate_mbps(path, TEST_STREAMS, "bbr2", TEST_BUFFERS_MB) if connected else 0.0
    return {"source": source, "target": target, "connections": TEST_STREAMS, "mbps": round(rate, 1)}


@verb("network congestion-detect", kind="R")
def network_congestion_detect(world: World, node: str) -> Result:
    """Each region as seen from a node: RTT beside the least ever seen, loss, and what it means."""
    host = host_named(world, node)
    rows = []
    for region in dict.fromkeys(h.region for h in world.hosts.values()):
        peer = next((h for h in world.hosts.values() if h.region == region and h is not host), None)
        if peer is None:
            continue
        path, best = world.path(node, peer.name), world.plain_path(node, peer.name)
        row = {"region": region, "rtt_ms": path.rtt_ms, "rtt_min_ms": best.rtt_ms}
        congested = path.rtt_ms >= 2 * best.rtt_ms or path.loss >= CONGESTED_LOSS
        rows.append(row | {"loss": path.loss, "congested": congested})
    world.run(10 * SECOND)
    return rows


@verb("network partition-detect", kind="R")
def network_partition_detect(world: World) -> Result:
    """Groups of nodes that hear each other, both ways; more than one is a partition."""
    left = [host.name for host in world.hosts.values() if host.powered]
    silent = [host.name for host in world.hosts.values() if not host.powered]
    groups: list[list[str]] = []
    while left:
        group, frontier = [left[0]], [left.pop(0)]
        while frontier:
            here = frontier.pop()
            near = [b for b in left if reaches(world, here, b) and reaches(world, b, here)]
            left = [b for b in left if b not in near]
            group, frontier = group + near, frontier + near
        groups.append(sorted(group))
    world.run(SECOND)
    return {"partitioned": len(groups) > 1, "groups": groups, "silent": silent}
