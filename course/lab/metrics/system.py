"""Metrics of nodes and of the cluster as a whole. A cluster-wide gauge is exported by every
controller, as that controller sees it: take the max, not the sum."""

from course.dwcp.units import SECOND
from course.lab.hosts import PORTS
from course.lab.metrics.declare import gauge
from course.lab.metrics.node import Node

LAG_DEGRADED, LAG_DOWN = 10 * SECOND, 60 * SECOND
DATA_PORTS_NEEDED = 2


@gauge("dwcp_version_info", "1, with the version of the running service.", "info", ("version",))
def version_info(node: Node) -> dict[tuple[str, ...], float]:
    return {(node.machine.config.version,): 1.0}


@gauge(
    "dwcp_tls_certificate_expiry_timestamp_seconds",
    "When the node's certificate ends, Unix time.",
    "seconds",
    ("subject", "role"),
)
def certificate_expiry(node: Node) -> dict[tuple[str, ...], float] | None:
    certificate = node.host.certificate
    if certificate is None:
        return None
    ends = (certificate.not_before + certificate.lifetime) / SECOND
    return {(certificate.subject, node.host.role): ends}


@gauge("dwcp_vm_count", "VMs on this node, running or not.", "VMs", on="worker")
def vm_count(node: Node) -> float:
    return len(node.host.guests)


@gauge(
    "dwcp_clock_offset_seconds",
    "How far the node's clock is from the controllers', by its heartbeats (NTP's estimate).",
    "seconds",
    on="worker",
)
def clock_offset(node: Node) -> float | None:
    offset = node.machine.measured_offset
    return None if offset is None else abs(offset) / SECOND


@gauge(
    "dwcp_state_sync_lag_seconds",
    "Seconds since the node last heard from a controller.",
    "seconds",
    on="worker",
)
def state_sync_lag(node: Node) -> float | None:
    synced_at = node.machine.synced_at
    return None if synced_at is None else (node.now - synced_at) / SECOND


@gauge(
    "dwcp_system_component_health",
    "2 healthy, 1 degraded, 0 down. ACP: a leader is followed. ASS: the lag is at most 10 s, "
    "60 s. AMST: all 16 data ports are open, at least 2.",
    labels=("component",),
)
def component_health(node: Node) -> dict[tuple[str, ...], float]:
    if node.host.role == "controller":
        raft = node.machine.raft
        return {("acp",): 2.0 if raft and raft.leader else 0.0}
    synced_at, data = node.machine.synced_at, set(PORTS["worker"][2:])
    lag = LAG_DOWN + 1 if synced_at is None else node.now - synced_at
    ports = len(data - node.host.closed_ports)
    return {
        ("ass",): 2.0 if lag <= LAG_DEGRADED else 1.0 if lag <= LAG_DOWN else 0.0,
        ("amst",): 2.0 if ports == len(data) else 1.0 if ports >= DATA_PORTS_NEEDED else 0.0,
    }


@gauge(
    "dwcp_system_config_enabled",
    "1 if the node's cluster runs with it: gossip among workers, PBFT voters, PBA's forecasts.",
    labels=("feature",),
)
def config_enabled(node: Node) -> dict[tuple[str, ...], float]:
    world = node.world
    parts = {"gossip": world.gossip, "pbft": world.voting, "pba": world.weather}
    return {(feature,): float(part is not None) for feature, part in parts.items()}


def _states(node: Node) -> list[str]:
    """How this controller sees each registered worker."""
    machine = node.machine
    return [machine.node_state(name, node.now) for name in machine.registry.nodes]


@gauge("dwcp_cluster_workers_registered", "Workers in the registry.", "nodes", on="controller")
def workers_registered(node: Node) -> float | None:
    return len(node.machine.registry.nodes) if node.machine.raft else None


@gauge(
    "dwcp_cluster_workers_ready",
    "Registered workers whose heartbeat is not older than 15 s.",
    "nodes",
    on="controller",
)
def workers_ready(node: Node) -> float | None:
    return _states(node).count("ready") if node.machine.raft else None


@gauge(
    "dwcp_cluster_controllers_healthy",
    "Voting controllers that the leader heard within two election timeouts, itself included. A "
    "controller that follows nobody says 0, one that follows the leader says nothing.",
    "nodes",
    on="controller",
)
def controllers_healthy(node: Node) -> float | None:
    raft = node.machine.raft
    if raft is None or raft.role != "leader":
        return 0.0 if raft is not None and raft.leader is None else None
    since = node.now - 2 * raft.timing.election
    others = [name for name in raft.log.members.voters if name != raft.name]
    return 1 + sum(raft.progress[name].heard_at >= since for name in others)


@gauge(
    "dwcp_partition_detected",
    "1 if all workers of a region with two or more have fallen silent while others are heard, or "
    "if this controller follows no leader although it was in a cluster.",
    on="controller",
)
def partition_detected(node: Node) -> float | None:
    machine = node.machine
    if machine.raft is None or not machine.raft.term:
        return None
    regions: dict[str, list[bool]] = {}
    for name, row in machine.registry.nodes.items():
        silent = machine.node_state(name, node.now) == "unreachable"
        regions.setdefault(row["region"], []).append(silent)
    groups = [all(silent) for silent in regions.values() if len(silent) > 1]
    return float(machine.raft.leader is None or (any(groups) and not all(groups)))
