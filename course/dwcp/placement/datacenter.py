"""The datacenter score: a fixed sum of four terms. It has been called a deep Q-network.

    Q = free x w1 + performance x w2 + used x w3 + reliability x w4

Nothing is learned: the weights never change. What remains of reinforcement learning is its
exploration, which sends one VM in ten to a random node, in production, for ever. Here exploration
is 0 unless you ask for it (`Scored(score, epsilon=...)`).

The published weights, 0.3 for free and 0.2 for used, are said to pack. But used = 1 - free, so
0.3 free + 0.2 used = 0.2 + 0.1 free: the emptier node wins, and the placer spreads. To pack,
used has to weigh more than free: 0.1 and 0.4.

The last factor, 0.5 + 0.5 x priority, is the same for all nodes and so changes no decision.
Left out: a real deep Q-network. Read next: `geographic`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from course.dwcp.placement.constraints import Node, Vm, share

CLASS_BONUS = {"datacenter": 0.3, "cloud": 0.2, "edge": 0.1, "volunteer": 0.0}
FASTEST_MBPS, FASTEST_GHZ = 100_000.0, 4.0
FAILURES_FEW = 0.01  # a year
BROKEN_WISH = {"latency": 0.8, "bandwidth": 0.5, "availability": 0.3, "cost": 0.7}


@dataclass(frozen=True, slots=True)
class Weights:
    """What each term counts."""

    free: float = 0.1
    performance: float = 0.4
    used: float = 0.4
    reliability: float = 0.1


PACKING = Weights()
AS_PUBLISHED = Weights(free=0.3, used=0.2)  # spreads


def free_share(node: Node) -> float:
    """Mean of the free CPU and memory shares, 0 to 1."""
    cpu = share(node.cpus_used, node.cpus)
    memory = share(node.memory_used_gb, node.memory_gb)
    return 1 - (cpu + memory) / 2


def performance(node: Node) -> float:
    """Network, class and clock rate, 0 to 1."""
    network = 0.5 * min(node.bandwidth_mbps / FASTEST_MBPS, 1)
    return network + CLASS_BONUS.get(node.node_class, 0.0) + 0.2 * min(node.ghz / FASTEST_GHZ, 1)


def reliability(node: Node) -> float:
    """Half for availability, half for failing less than once in a hundred years."""
    return 0.5 * node.availability + (0.5 if node.failures_per_year < FAILURES_FEW else 0.0)


def broken_wishes(vm: Vm, node: Node, rtt_ms: float | None = None) -> list[str]:
    """Which of latency, bandwidth, availability and cost `node` does not grant.

    `rtt_ms` is the round trip from `node` to those that `vm` depends on; None is not known, and
    what is not known is not held against a node.
    """
    wish = vm.wishes
    slow = wish.latency_ms is not None and rtt_ms is not None and rtt_ms > wish.latency_ms
    broken = {
        "latency": slow,
        "bandwidth": wish.bandwidth_mbps is not None and node.bandwidth_mbps < wish.bandwidth_mbps,
        "availability": wish.availability is not None and node.availability < wish.availability,
        "cost": wish.cost_usd_h is not None and node.cost_usd_h > wish.cost_usd_h,
    }
    return [name for name, is_broken in broken.items() if is_broken]


class DatacenterScore:
    """A score for `by_score` and `Scored`. `rtt_ms` maps node names to round trips."""

    def __init__(
        self, weights: Weights = PACKING, rtt_ms: Mapping[str, float] | None = None
    ) -> None:
        self.weights, self.rtt_ms = weights, rtt_ms or {}

    def __call__(self, vm: Vm, node: Node) -> float:
        free, weights = free_share(node), self.weights
        value = (
            weights.free * free
            + weights.performance * performance(node)
            + weights.used * (1 - free)
            + weights.reliability * reliability(node)
        )
        for wish in broken_wishes(vm, node, self.rtt_ms.get(node.name)):
            value *= BROKEN_WISH[wish]
        return value * (0.5 + 0.5 * vm.priority)
