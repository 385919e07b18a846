"""The geographic score, for internet mode: near, reliable, cheap, and under the right law.

    score = 0.3 x proximity + 0.4 x reliability + 0.2 x cost + 0.1 x sovereignty

Each term is 0 to 1, and each wish that a node does not grant divides the score by ten. What a law
demands is not scored: `Vm.zone` is a hard rule, `Wishes.zone` is the wish.
Read next: `hybrid`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

from course.dwcp.placement.constraints import Node, Vm
from course.dwcp.placement.datacenter import broken_wishes
from course.dwcp.units import DAY

EARTH_RADIUS_KM = 6_371.0
FAR_KM = 20_000.0  # about half way round
CLASS_RELIABILITY = {"cloud": 1.0, "datacenter": 0.9, "edge": 0.7, "volunteer": 0.5}
DEAR_USD_H, DEAR_TRANSFER_USD = 10.0, 100.0
TRANSFER_USD_GB = 0.10
BROKEN_WISH = 0.1
WINDOW = 30 * DAY

Place = tuple[float, float]  # latitude and longitude in degrees


@dataclass(frozen=True, slots=True)
class GeoWeights:
    """What each term counts; they are divided by their sum."""

    proximity: float = 0.3
    reliability: float = 0.4
    cost: float = 0.2
    sovereignty: float = 0.1

    def __post_init__(self) -> None:
        parts = (self.proximity, self.reliability, self.cost, self.sovereignty)
        if min(parts) < 0 or sum(parts) <= 0:
            raise ValueError(f"weights are {parts}; give numbers of 0 or more, not all 0")


def haversine_km(a: Place, b: Place) -> float:
    """Great-circle distance in km on a sphere of radius 6,371 km (Sinnott 1984).

    >>> round(haversine_km((51.5, -0.1), (40.7, -74.0)))
    5568
    """
    (lat_a, lon_a), (lat_b, lon_b) = [(radians(x), radians(y)) for x, y in (a, b)]
    chord = sin((lat_b - lat_a) / 2) ** 2
    chord += cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))


def availability(first_seen: int, outages: Sequence[tuple[int, int]], now: int) -> float:
    """Up time / observed time over the last 30 days, 0 to 1. All times in us.

    A node that was first seen yesterday and never failed has 1.0. Dividing its age by a year
    instead, as has been published, would bar every node younger than 361 days from any VM that
    asks for 0.99.
    """
    start = max(first_seen, now - WINDOW)
    if now <= start:
        return 1.0
    down = sum(max(0, min(end, now) - max(begin, start)) for begin, end in outages)
    return round(max(0.0, 1 - down / (now - start)), 9)


def proximity(vm: Vm, node: Node, places: Mapping[str, Place]) -> float:
    """1 in a wanted region, or if none is; else 1 - distance / 20,000 km to the nearest one.

    `places` says where regions are; a region that is not in it is as far as can be.
    """
    wanted = vm.wishes.regions or tuple(name for name in [vm.region] if name is not None)
    if not wanted or node.region in wanted:
        return 1.0
    if node.region not in places:
        return 0.0
    here = places[node.region]
    distances = [haversine_km(here, places[name]) for name in wanted if name in places]
    return max(0.0, 1 - min(distances, default=FAR_KM) / FAR_KM)


def reliability(node: Node) -> float:
    """Mean of availability, 1 / (1 + failures a year), and what its class promises."""
    promised = CLASS_RELIABILITY.get(node.node_class, 0.5)
    return (node.availability + 1 / (1 + node.failures_per_year) + promised) / 3


def cost(vm: Vm, node: Node, transfer_usd_gb: float = TRANSFER_USD_GB) -> float:
    """Mean of two: free of charge is 1, 10 USD an hour is 0; no transfer is 1, 100 USD is 0."""
    running = max(0.0, 1 - node.cost_usd_h / DEAR_USD_H)
    transfer = max(0.0, 1 - vm.memory_gb * transfer_usd_gb / DEAR_TRANSFER_USD)
    return (running + transfer) / 2


def sovereignty(vm: Vm, node: Node) -> float:
    """1 in the zone that is wished, 0.5 in another, 0 where the region guarantees none."""
    if vm.wishes.zone is None:
        return 1.0
    if not node.zone_guaranteed:
        return 0.0
    return 1.0 if node.zone == vm.wishes.zone else 0.5


class GeographicScore:
    """A score for `by_score` and `Scored`. `rtt_ms` maps node names to round trips."""

    def __init__(
        self,
        places: Mapping[str, Place],
        weights: GeoWeights = GeoWeights(),
        rtt_ms: Mapping[str, float] | None = None,
    ) -> None:
        self.places, self.weights, self.rtt_ms = places, weights, rtt_ms or {}

    def __call__(self, vm: Vm, node: Node) -> float:
        w = self.weights
        value = w.proximity * proximity(vm, node, self.places) + w.cost * cost(vm, node)
        value += w.reliability * reliability(node) + w.sovereignty * sovereignty(vm, node)
        value /= w.proximity + w.reliability + w.cost + w.sovereignty
        broken = broken_wishes(vm, node, self.rtt_ms.get(node.name))
        counted = [wish for wish in broken if wish != "bandwidth"]
        return float(value * BROKEN_WISH ** len(counted))
