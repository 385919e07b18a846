"""Hybrid mode: which placer for which VM, and a score for a fleet of unlike nodes.

Large VMs that stay in one region go by the datacenter score; what spans regions or must not fail
goes by the geographic one; the rest is placed on whatever there is: cloud, edge, volunteers. There
a node's class decides what is worth asking: the latency of an edge node, the price of a volunteer.
Capabilities (architecture, GPU type, enclave, NVMe, public address) are labels, and so hard rules
already; for unlike nodes the wishes are rules, too.
"""

from collections.abc import Mapping

from course.dwcp.placement.constraints import Node, Vm
from course.dwcp.placement.datacenter import (
    FASTEST_MBPS,
    DatacenterScore,
    broken_wishes,
    free_share,
    performance,
)
from course.dwcp.placement.geographic import DEAR_USD_H, GeographicScore, Place

CPUS_LARGE, MEMORY_LARGE_GB = 16, 64
PRIORITY_HIGH, AVAILABILITY_HIGH = 0.8, 0.99
FAR_MS = 100.0

CLASS_WEIGHTS = {
    "cloud": {"free": 0.4, "sla": 0.3, "network": 0.2, "cost": 0.1},
    "edge": {"free": 0.3, "latency": 0.5, "cost": 0.2},
    "volunteer": {"free": 0.3, "sla": 0.2, "cost": 0.5},
    "datacenter": {"free": 0.2, "sla": 0.3, "performance": 0.4, "cost": 0.1},
}


def placer_for(vm: Vm) -> str:
    """datacenter, geographic or heterogeneous; the first rule that fits decides.

    >>> placer_for(Vm("train", 8, 32, gpus=1)), placer_for(Vm("web", 2, 4))
    ('datacenter', 'heterogeneous')
    """
    wish = vm.wishes
    large = vm.gpus > 0 or vm.cpus > CPUS_LARGE or vm.memory_gb > MEMORY_LARGE_GB
    many_regions = len(wish.regions) > 1
    if large and not many_regions:
        return "datacenter"
    must_not_fail = wish.availability is not None and wish.availability > AVAILABILITY_HIGH
    if many_regions or wish.near_data or vm.priority > PRIORITY_HIGH or must_not_fail:
        return "geographic"
    return "heterogeneous"


def heterogeneous_score(vm: Vm, node: Node, rtt_ms: float | None = None) -> float:
    """What a node of its class is worth, 0 to 1; an unknown round trip counts as 100 ms."""
    far = FAR_MS if rtt_ms is None else rtt_ms
    terms = {
        "free": free_share(node),
        "sla": node.availability,
        "network": min(1.0, node.bandwidth_mbps / FASTEST_MBPS),
        "performance": performance(node),
        "latency": max(0.0, 1 - far / FAR_MS),
        "cost": max(0.0, 1 - node.cost_usd_h / DEAR_USD_H),
    }
    weights = CLASS_WEIGHTS.get(node.node_class, CLASS_WEIGHTS["volunteer"])
    return sum(weight * terms[term] for term, weight in weights.items())


class HybridScore:
    """A score for `by_score` and `Scored`; pass `shortcomings` with it.

    `Scored(hybrid, hybrid.shortcomings)`. `rtt_ms` maps node names to round trips.
    """

    def __init__(
        self, places: Mapping[str, Place], rtt_ms: Mapping[str, float] | None = None
    ) -> None:
        self.rtt_ms = rtt_ms or {}
        self.datacenter = DatacenterScore(rtt_ms=self.rtt_ms)
        self.geographic = GeographicScore(places, rtt_ms=self.rtt_ms)

    def __call__(self, vm: Vm, node: Node) -> float:
        placer = placer_for(vm)
        if placer == "heterogeneous":
            return heterogeneous_score(vm, node, self.rtt_ms.get(node.name))
        return self.datacenter(vm, node) if placer == "datacenter" else self.geographic(vm, node)

    def shortcomings(self, vm: Vm, node: Node) -> list[str]:
        """For unlike nodes: the wishes that `node` does not grant, in words."""
        if placer_for(vm) != "heterogeneous":
            return []
        broken = broken_wishes(vm, node, self.rtt_ms.get(node.name))
        wrong_class = vm.wishes.node_class not in (None, node.node_class)
        wrong_zone = vm.wishes.zone not in (None, node.zone)
        return (
            [f"the wish for {wish} is not met" for wish in broken]
            + [f"is {node.node_class}, not {vm.wishes.node_class}"] * wrong_class
            + [f"is in zone {node.zone or 'none'}, not {vm.wishes.zone}"] * wrong_zone
        )
