"""What a placement may never break, whatever it gains: the hard rules.

Each rule that a node breaks is named, because "no feasible node" helps nobody: the operator needs
to know which rule removed the last candidate.

Amounts are counted in whole units (CPUs, MiB, GPUs, Mbps): a demand is rounded up and a capacity
down, so that sums are exact, the same on every processor, and never too kind. A VM that asks for
nothing of a resource cannot break that resource's rule.
Left out: IOPS, and CPU overcommitment. Read next: `packing`, then `problem`.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import ceil, floor, isfinite

FREE_MEMORY_MIN = 0.10  # of the node, after the placement
VMS_MAX = 100
REPUTATION_MIN = 0.50
REPUTATION_PREFERRED = 0.70  # below it a node is taken only when no other may be

RESOURCES = ("CPUs", "MiB of memory", "MiB of disk", "GPUs", "Mbps")
CPU, MEMORY, DISK, GPU, BANDWIDTH = range(len(RESOURCES))


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of the hard rules. Fractions are of a node's capacity.

    `fill_max` is how full a placer may make a node. 1 is the rule; a planner that is called when a
    node is above 0.90 does well to stop there itself.
    """

    free_memory_min: float = FREE_MEMORY_MIN
    vms_max: int = VMS_MAX
    reputation_min: float = REPUTATION_MIN
    fill_max: float = 1.0

    def __post_init__(self) -> None:
        for name in ("free_memory_min", "reputation_min", "fill_max"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it is a fraction, 0 to 1")


RULES = Rules()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a VM would like and does without if it must. None or (): not asked."""

    regions: tuple[str, ...] = ()  # near one of these
    zone: str | None = None  # the law that should hold there
    latency_ms: float | None = None  # at most, to those it depends on
    bandwidth_mbps: float | None = None  # at least
    availability: float | None = None  # at least, 0 to 1
    cost_usd_h: float | None = None  # at most
    node_class: str | None = None  # datacenter, cloud, edge or volunteer
    near_data: bool = False  # its data must not travel far


@dataclass(frozen=True, slots=True)
class Vm:
    """What a VM asks for; memory and disk in GB as sold (GiB).

    An affinity group is hard if one of its members says so: then it runs on one node or not at all.
    """

    name: str
    cpus: int
    memory_gb: float
    group: str | None = None  # anti-affinity: no two VMs of a group on one node
    region: str | None = None  # must run there
    disk_gb: float = 0.0
    gpus: int = 0
    bandwidth_mbps: float = 0.0
    priority: float = 0.5  # 0 to 1
    affinity: str | None = None  # better on one node with the others of this group
    affinity_hard: bool = False
    regions_excluded: tuple[str, ...] = ()
    zone: str | None = None  # by law, such as "eu": the node must guarantee it
    labels: tuple[str, ...] = ()  # the node must have them all, such as "arch=arm64"
    wishes: Wishes = Wishes()

    def __post_init__(self) -> None:
        _refuse_nonsense(self.name, self, ("cpus", "memory_gb", "disk_gb", "gpus"))
        _refuse_nonsense(self.name, self, ("bandwidth_mbps", "priority"))


@dataclass(frozen=True, slots=True)
class Node:
    """What a worker has, and what it holds already."""

    name: str
    region: str
    cpus: int
    memory_gb: float
    vms: tuple[Vm, ...] = ()
    ready: bool = True
    reputation: float = 1.0
    excluded: bool = False  # by an operator, for this request or for good
    disk_gb: float = 0.0
    gpus: int = 0
    bandwidth_mbps: float = 0.0
    labels: tuple[str, ...] = ()
    zone: str = ""
    zone_guaranteed: bool = True
    node_class: str = "datacenter"  # or cloud, edge, volunteer
    ghz: float = 0.0
    cost_usd_h: float = 0.0
    availability: float = 1.0  # measured over 30 days, see `geographic.availability`
    failures_per_year: float = 0.0

    def __post_init__(self) -> None:
        _refuse_nonsense(self.name, self, ("cpus", "memory_gb", "disk_gb", "gpus"))
        _refuse_nonsense(self.name, self, ("bandwidth_mbps", "reputation", "ghz", "cost_usd_h"))
        _refuse_nonsense(self.name, self, ("availability", "failures_per_year"))

    @property
    def cpus_used(self) -> int:
        return sum(vm.cpus for vm in self.vms)

    @property
    def memory_used_gb(self) -> float:
        return sum(vm.memory_gb for vm in self.vms)

    @property
    def utilisation(self) -> float:
        """The binding resource: the larger of CPU share and memory share, 0 to 1."""
        return max(
            share(self.cpus_used, self.cpus), share(self.memory_used_gb, self.memory_gb)
        )  # fmt: skip


def share(used: float, capacity: float) -> float:
    """used / capacity; of nothing, nothing is used."""
    return used / capacity if capacity else 0.0


def demand(vm: Vm) -> tuple[int, ...]:
    """What `vm` takes of each of RESOURCES, rounded up to whole units."""
    sizes = (vm.cpus, vm.memory_gb * 1024, vm.disk_gb * 1024, vm.gpus, vm.bandwidth_mbps)
    return tuple(ceil(round(size, 6)) for size in sizes)


def capacity(node: Node) -> tuple[int, ...]:
    """What `node` has of each of RESOURCES, rounded down to whole units."""
    sizes = (node.cpus, node.memory_gb * 1024, node.disk_gb * 1024, node.gpus, node.bandwidth_mbps)
    return tuple(floor(round(size, 6)) for size in sizes)


def usable(node: Node, rules: Rules = RULES) -> tuple[int, ...]:
    """What VMs may take of each of RESOURCES: `fill_max` of CPUs, memory above its floor."""
    sizes = list(capacity(node))
    sizes[CPU] = floor(round(sizes[CPU] * rules.fill_max, 6))
    sizes[MEMORY] = floor(round(sizes[MEMORY] * min(rules.fill_max, 1 - rules.free_memory_min), 6))
    return tuple(sizes)


def objections(vm: Vm, node: Node, rules: Rules = RULES, homes: Collection[str] = ()) -> list[str]:
    """The hard rules that putting `vm` on `node` would break; empty: it may go there.

    `homes` are the nodes that run VMs of its affinity group, for a hard one.
    """
    strangers = bool(homes) and node.name not in homes
    broken = {
        f"{len(node.vms)} VMs, the most is {rules.vms_max}": len(node.vms) >= rules.vms_max,
        f"already runs a VM of group {vm.group}": (
            vm.group is not None and vm.group in [other.group for other in node.vms]
        ),
        f"affinity group {vm.affinity} runs on {', '.join(sorted(homes))}": strangers,
    }
    others = [rule for rule, is_broken in broken.items() if is_broken]
    return standing_objections(vm, node, rules) + room_objections(vm, node, rules) + others


STANDING = ("readiness", "exclusion", "reputation", "region", "excluded regions", "zone", "labels")


def standing(vm: Vm, node: Node, rules: Rules = RULES) -> tuple[bool, ...]:
    """Which of the STANDING rules, those that do not depend on what else runs there, are broken."""
    return (
        not node.ready,
        node.excluded,
        node.reputation < rules.reputation_min,
        vm.region not in (None, node.region),
        node.region in vm.regions_excluded,
        vm.zone is not None and not (vm.zone == node.zone and node.zone_guaranteed),
        any(label not in node.labels for label in vm.labels),
    )


def standing_objections(vm: Vm, node: Node, rules: Rules = RULES) -> list[str]:
    """The STANDING rules that are broken, in words."""
    words = (
        "not ready",
        "excluded",
        f"reputation {node.reputation:.2f} below {rules.reputation_min:.2f}",
        f"not in region {vm.region}",
        f"in excluded region {node.region}",
        f"does not guarantee zone {vm.zone}",
        f"lacks label {', '.join(label for label in vm.labels if label not in node.labels)}",
    )
    broken = standing(vm, node, rules)
    return [word for word, is_broken in zip(words, broken, strict=True) if is_broken]


def room_objections(vm: Vm, node: Node, rules: Rules = RULES) -> list[str]:
    """The resources of which too little would stay free."""
    needs, limits = demand(vm), usable(node, rules)
    used = [sum(amounts) for amounts in zip(*map(demand, node.vms), strict=True)] or [0] * 5
    short = [
        need > 0 and have + need > limit
        for need, have, limit in zip(needs, used, limits, strict=True)
    ]
    free_gb = node.memory_gb - node.memory_used_gb - vm.memory_gb
    floor_gb = node.memory_gb - limits[MEMORY] / 1024
    words = [
        f"{max(0, limits[i] - used[i])} {RESOURCES[i]} free, {needs[i]} needed" for i in range(5)
    ]
    words[MEMORY] = f"{free_gb:.1f} GB would stay free, {floor_gb:.1f} GB must"
    words[DISK] = (
        f"{(limits[DISK] - used[DISK]) / 1024:.1f} GB of disk free, {vm.disk_gb:.1f} needed"
    )
    return [word for word, is_short in zip(words, short, strict=True) if is_short]


def at_most_declared(reported: Node, declared: Node) -> Node:
    """A node's report, capped at the hardware it was admitted with: a lie attracts no load."""
    names = ("cpus", "memory_gb", "disk_gb", "gpus", "bandwidth_mbps", "ghz")
    return replace(
        reported, **{name: min(getattr(reported, name), getattr(declared, name)) for name in names}
    )


def _refuse_nonsense(name: str, thing: object, fields: tuple[str, ...]) -> None:
    for field in fields:
        value = getattr(thing, field)
        if not (isfinite(value) and value >= 0):
            raise ValueError(f"{name}: {field} is {value}; give a number, 0 or more")
