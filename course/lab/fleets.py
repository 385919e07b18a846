"""Placement problems that resemble a cluster's, of any size: for plots, tests and benchmarks.

Nodes have 32, 48 or 64 CPUs with 4 GiB for each, in three regions in turn; every tenth has 4 GPUs.
VMs have 1, 2, 4 or 8 CPUs with 1, 2, 4 or 8 GiB for each, so that some fill a node's CPUs and leave
its memory idle, and others the reverse. Every second VM belongs to an anti-affinity group of three
(replicas), one in four to a region, one in fifty asks for a GPU. With ten VMs a node the VMs ask
for about 56 % of all CPUs and half of all memory. The shares are chosen, not measured.
"""

import numpy as np

from course.dwcp.placement import Node, Problem, Rules, Vm

REGIONS = ("eu", "us", "ap")
NODE_CPUS, NODE_GB_A_CPU = (32, 48, 64), 4
VM_CPUS, CPUS_SHARE = (1, 2, 4, 8), (0.3, 0.4, 0.2, 0.1)
VM_GB_A_CPU, GB_SHARE = (1, 2, 4, 8), (0.2, 0.3, 0.3, 0.2)
ROOM_LEFT = Rules(fill_max=0.90)


def fleet(count: int, rng: np.random.Generator) -> list[Node]:
    """That many empty nodes."""
    return [
        Node(
            f"node-{i:04d}", REGIONS[i % 3], int(cpus), float(NODE_GB_A_CPU * cpus),
            gpus=4 if i % 10 == 0 else 0,
        )
        for i, cpus in enumerate(rng.choice(NODE_CPUS, count))
    ]  # fmt: skip


def guests(count: int, rng: np.random.Generator) -> list[Vm]:
    """That many VMs."""
    cpus = rng.choice(VM_CPUS, count, p=CPUS_SHARE)
    gb_a_cpu = rng.choice(VM_GB_A_CPU, count, p=GB_SHARE)
    return [
        Vm(
            f"vm-{i:05d}", int(cpus[i]), float(cpus[i] * gb_a_cpu[i]),
            group=f"replicas-{i // 6}" if i % 2 else None,
            region=REGIONS[i // 4 % 2] if i % 4 == 0 else None,
            gpus=int(i % 50 == 7),
        )
        for i in range(count)
    ]  # fmt: skip


def request(nodes: int, vms: int, rng: np.random.Generator, rules: Rules = ROOM_LEFT) -> Problem:
    """A batch of VMs for an empty cluster."""
    return Problem.batch(guests(vms, rng), fleet(nodes, rng), rules)
