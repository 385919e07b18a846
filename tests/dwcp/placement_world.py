"""Random placement problems, and a slow judge that is obviously right: one VM, one node, in words."""

from collections import defaultdict
from dataclasses import replace

from hypothesis import strategies as st

from course.dwcp.placement import Node, Problem, Rules, Vm, objections

REGIONS, ZONES, LABELS = ["eu", "us"], ["eu-law", "us-law"], ["nvme", "arch=arm64"]
some = st.sampled_from


def maybe(values, weight=3):
    """None most of the time."""
    return st.one_of(*[st.none()] * weight, some(values))


@st.composite
def vms(draw, names, affinity_hard=None):
    """A VM with each thing it may ask for, now and then."""
    return Vm(
        draw(names),
        draw(st.integers(0, 8)),
        draw(some([0.0, 0.5, 1.0, 3.3, 8.0, 16.0])),
        group=draw(maybe(["red", "blue"], 2)),
        region=draw(maybe(REGIONS)),
        disk_gb=draw(some([0.0, 0.0, 10.0])),
        gpus=draw(some([0, 0, 0, 1])),
        bandwidth_mbps=draw(some([0.0, 0.0, 100.0])),
        priority=draw(some([0.2, 0.5, 0.9])),
        affinity=draw(maybe(["pair", "trio"], 2)),
        affinity_hard=draw(st.booleans()) if affinity_hard is None else affinity_hard,
        regions_excluded=draw(some([(), (), ("us",)])),
        zone=draw(maybe(ZONES, 4)),
        labels=draw(some([(), (), ("nvme",), ("nvme", "arch=arm64")])),
    )


@st.composite
def nodes(draw, name, residents):
    """A node, usually one that is good for something."""
    return Node(
        name,
        draw(some(REGIONS)),
        draw(some([0, 8, 16, 32])),
        draw(some([0.0, 16.0, 33.3, 64.0])),
        vms=tuple(residents),
        ready=draw(some([True, True, True, False])),
        reputation=draw(some([1.0, 1.0, 0.6, 0.4])),
        excluded=draw(some([False, False, False, True])),
        disk_gb=draw(some([0.0, 50.0])),
        gpus=draw(some([0, 2])),
        bandwidth_mbps=draw(some([0.0, 150.0])),
        labels=draw(some([(), ("nvme",), ("nvme", "arch=arm64")])),
        zone=draw(some(ZONES)),
        zone_guaranteed=draw(st.booleans()),
    )


rules = st.builds(Rules, vms_max=some([3, 100]), fill_max=some([1.0, 0.9]))


@st.composite
def batches(draw, vms_max=9, nodes_max=4):
    """New VMs, and nodes that hold some already; one resident at most is in a hard group."""
    asked = [draw(vms(st.just(f"vm-{i}"))) for i in range(draw(st.integers(0, vms_max)))]
    cluster = []
    for i in range(draw(st.integers(1, nodes_max))):
        held = [
            draw(vms(st.just(f"old-{i}-{k}"), affinity_hard=False))
            for k in range(draw(st.integers(0, 2)))
        ]
        held = [
            vm if i == 0 and k == 0 else replace(vm, affinity=None) for k, vm in enumerate(held)
        ]
        cluster.append(draw(nodes(f"node-{i}", held)))
    return Problem.batch(asked, cluster, draw(rules))


@st.composite
def clusters(draw, vms_max=4, nodes_max=4):
    """Nodes with VMs that fit where they are: each is put where nothing speaks against it."""
    empty = [
        replace(draw(nodes(f"node-{i}", [])), ready=True)
        for i in range(draw(st.integers(2, nodes_max)))
    ]
    cluster = {node.name: node for node in empty}
    for i in range(draw(st.integers(0, vms_max * len(empty)))):
        vm = replace(draw(vms(st.just(f"vm-{i}"))), affinity_hard=False)
        for name in draw(st.permutations(sorted(cluster))):
            if not objections(vm, cluster[name]):
                cluster[name] = replace(cluster[name], vms=(*cluster[name].vms, vm))
                break
    return list(cluster.values())


def slow_objections(problem, assignment):
    """What `objections` says of each VM beside all others, one by one: {VM name: words}."""
    everybody = defaultdict(list)
    for node in problem.nodes:
        everybody[node.name] += node.vms
    for vm, at in zip(problem.vms, assignment, strict=True):
        everybody[problem.nodes[at].name].append(vm)
    hard = {vm.affinity for held in everybody.values() for vm in held if vm.affinity_hard}
    found = {}
    for vm, at in zip(problem.vms, assignment, strict=True):
        node = problem.nodes[at]
        beside = tuple(other for other in everybody[node.name] if other is not vm)
        homes = sorted(
            name
            for name, held in everybody.items()
            if any(o is not vm and o.affinity == vm.affinity for o in held)
            if vm.affinity in hard and vm.affinity is not None
        )
        words = objections(vm, replace(node, vms=beside), problem.rules, homes)
        if words:
            found[vm.name] = words
    return found
