"""What a placement may never break, whatever it gains: the hard rules.

Each rule that a node breaks is named, because "no feasible node" helps nobody: the operator needs
to know which rule removed the last candidate.
"""

from dataclasses import dataclass

FREE_MEMORY_MIN = 0.10  # of the node, after the placement
VMS_MAX = 100
REPUTATION_MIN = 0.50


@dataclass(frozen=True, slots=True)
class Vm:
    """What a VM asks for; memory in GB as sold (GiB)."""

    name: str
    cpus: int
    memory_gb: float
    group: str | None = None  # anti-affinity: no two VMs of a group on one node
    region: str | None = None  # must run there


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

    @property
    def cpus_used(self) -> int:
        return sum(vm.cpus for vm in self.vms)

    @property
    def memory_used_gb(self) -> float:
        return sum(vm.memory_gb for vm in self.vms)

    @property
    def utilisation(self) -> float:
        """The binding resource: the larger of CPU share and memory share, 0 to 1."""
        return max(self.cpus_used / self.cpus, self.memory_used_gb / self.memory_gb)


def objections(vm: Vm, node: Node) -> list[str]:
    """The hard rules that putting `vm` on `node` would break; empty: it may go there."""
    free_gb = node.memory_gb - node.memory_used_gb - vm.memory_gb
    floor_gb = FREE_MEMORY_MIN * node.memory_gb
    broken = {
        "not ready": not node.ready,
        f"reputation {node.reputation:.2f} below {REPUTATION_MIN:.2f}": (
            node.reputation < REPUTATION_MIN
        ),
        f"not in region {vm.region}": vm.region not in (None, node.region),
        f"{node.cpus - node.cpus_used} CPUs free, {vm.cpus} needed": (
            node.cpus_used + vm.cpus > node.cpus
        ),
        f"{free_gb:.1f} GB would stay free, {floor_gb:.1f} GB must": free_gb < floor_gb,
        f"{len(node.vms)} VMs, the most is {VMS_MAX}": len(node.vms) >= VMS_MAX,
        f"already runs a VM of group {vm.group}": (
            vm.group is not None and vm.group in [other.group for other in node.vms]
        ),
    }
    return [rule for rule, is_broken in broken.items() if is_broken]
