"""Steps about guests: one that runs twice, one that nobody reaches, memory that arrives spoiled.

A copy is ended only on a host that the cluster did not agree on; the owner's is never touched.
Before: `releases`. Next to read: `paths`.
"""

from course.runbooks.looks import Row, nodes
from course.runbooks.running import Act, Case, Plan, act, step

AVOIDED_S = 86_400


@step
def two_copies(case: Case) -> Plan | str:
    """A VM runs on its owner and on a host that nobody agreed on: end the second."""
    twice = (case.look("vm inventory") or {"duplicates": []})["duplicates"]
    if not twice:
        return "No VM runs twice."
    rows, acts = case.look("vm list"), list[Act]()
    for vm in twice:
        owner = case.look("vm inspect", vm=vm)["owner"]
        held = [row["node"] for row in rows if row["vm"] == vm]
        if owner not in held:
            return Plan(f"{vm} runs on {', '.join(held)}.", (), lambda c: "", unless=(
                f"its owner is {owner}, which is none of them: compare disks first (6.3)."
            ))  # fmt: skip
        acts += [act("host end-copy", host=name, vm=vm) for name in held if name != owner]
    return Plan(f"{', '.join(twice)} runs twice.", tuple(acts), _twice, 30)


def _twice(case: Case) -> str:
    found = case.look("vm inventory")
    left = [*found["duplicates"], *found["misplaced"]]
    return f"{', '.join(left)} is not where it belongs" if left else ""


@step
def unreached_guest(case: Case) -> Plan | str:
    """A VM runs where the guests' network does not reach: move it, and use the host no more."""
    rows = [row for row in case.look("vm list") or [] if row["status"] == "running"]
    held = sorted({row["node"] for row in rows})
    bad = [name for name in held if not case.look("host settings", host=name)["tenant_network"]]
    vms = [row for row in rows if row["node"] in bad]
    if not vms:
        return f"The guests' network reaches all {len(held)} nodes that hold a VM."
    acts, names = list[Act](), [row["vm"] for row in vms]
    for row in vms:
        target = _elsewhere(case, row["node"])
        if not target:
            return Plan(f"{row['vm']} is reached by nobody.", (), lambda c: "", unless=(
                "no ready node with the guests' network is left."
            ))  # fmt: skip
        acts += [act("migration start", vm=row["vm"], target=target)]
        acts += [act("migration wait", vm=row["vm"])]
    acts += [act("placement avoid-node", node=name, duration=AVOIDED_S,
                 reason="no network for guests") for name in bad]  # fmt: skip
    return Plan(f"{', '.join(names)} runs and is reached by nobody.", tuple(acts), _mute(names))


def _elsewhere(case: Case, node: str) -> str | None:
    """A ready worker with the guests' network, of the node's region if there is one."""
    rows = [row for row in nodes(case, "ready") if row["role"] == "worker" and row["node"] != node]
    region = next(r["region"] for r in case.look("node list") if r["node"] == node)
    for row in sorted(rows, key=lambda r: (r["region"] != region, r["vms"])):
        if case.look("host settings", host=row["node"])["tenant_network"]:
            return str(row["node"])
    return None


def _mute(names: list[str]):  # type: ignore[no-untyped-def]
    def missing(case: Case) -> str:
        off = [vm for vm in names if not case.look("vm probe", vm=vm)["answers"]]
        return f"{', '.join(off)} does not answer" if off else ""

    return missing


@step
def spoiled_memory(case: Case) -> Plan | str:
    """Memory arrives different from what was sent: find the one node in all failures, drain it."""
    rows = [r for r in case.look("migration list", status="failed") or [] if _is_spoiled(r)]
    if not rows:
        return "No move failed by the comparison of hashes."
    suspect = _suspect(case, rows)
    if suspect is None:
        return Plan("Moves fail by their hash.", (), lambda c: "", unless=(
            "no single node is common to all failures: possible tampering, go to T21."
        ))  # fmt: skip
    acts: list[Act] = [act("node drain", node=suspect, reason="spoiled memory")]
    for row in [r for r in rows if r["target"] == suspect]:
        target = _other_worker(case, suspect, row["source"])
        acts += [act("migration retry", vm=row["vm"], target=target)]
        acts += [act("migration wait", vm=row["vm"])]
    back = (act("node uncordon", node=suspect),)
    found = f"{suspect} is in every failed move, and others pass."
    return Plan(found, tuple(acts), lambda c: _held(c, suspect), 30, back)


def _is_spoiled(row: Row) -> bool:
    return "memory differs" in (row["error"] or "")


def _suspect(case: Case, rows: list[Row]) -> str | None:
    """Of the ends of the first failure, the one that fails with others too, if only one does."""
    source, target = rows[0]["source"], rows[0]["target"]
    third = _other_worker(case, source, target)
    into, out = case.measure(third, target), case.measure(source, third)
    bad = [name for name, found in ((target, into), (source, out)) if found and not found["passed"]]
    if len(bad) != 1:
        return None
    return bad[0] if all(bad[0] in (row["source"], row["target"]) for row in rows) else None


def _other_worker(case: Case, *names: str) -> str:
    rows = [row for row in nodes(case, "ready") if row["role"] == "worker"]
    return str(next(row["node"] for row in rows if row["node"] not in names))


def _held(case: Case, node: str) -> str:
    count = case.look("vm count", node=node)["vms"]
    return f"{node} still holds {count} VMs" if count else ""
