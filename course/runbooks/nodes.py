"""Steps about nodes and regions: closed ports, a node that may not join, a partition, lost power.

What a cut-off region runs goes on running. Nothing is restarted elsewhere before it is proved who
owns it (T07, T08). Before: `control_plane`. Next to read: `releases`.
"""

from itertools import pairwise

from course.runbooks.looks import Row, answers, hosts, nodes, unready
from course.runbooks.running import Act, Case, Plan, act, step

REFUSED = "connection refused"
OFFSET_MAX_MS = 500
EXCLUDED_S = 4 * 3_600
HEALS_S, POWER_S = 900.0, 600.0
"""How long the runbook waits for the provider: of a path, of power."""


@step
def closed_ports(case: Case) -> Plan | str:
    """A port that a role needs is closed in the host's firewall."""
    checks = {row["check"]: row for row in case.look("cluster health")["checks"]}
    if checks["network"]["ok"]:
        return "All ports are open by role."
    closed = {name: ports for name in _there(case) if (ports := _closed(case, name))}
    if not closed:
        return "No firewall refuses a port; the ports reported are of services that do not run."
    acts = [
        act("host open-ports", host=name, first=first, last=last)
        for name, ports in closed.items()
        for first, last in _ranges(ports)
    ]
    told = "; ".join(f"{name} {ports[0]} to {ports[-1]}" for name, ports in closed.items())
    return Plan(f"Ports are closed: {told}.", tuple(acts), lambda c: _still_closed(c, closed), 30)


def _there(case: Case) -> list[str]:
    rows = [row["host"] for row in hosts(case) if row["service"] == "active"]
    return [name for name in rows if answers(case, name)]


def _closed(case: Case, name: str) -> list[int]:
    """Ports that the host's firewall refuses, seen from a worker; not those nobody listens at."""
    workers = [row["host"] for row in hosts(case, "worker") if row["host"] != name]
    found = case.look("network test", source=workers[0], target=name)
    ports = found["ports"] if found else {}
    return sorted(int(port) for port, why in ports.items() if why == REFUSED)


def _still_closed(case: Case, names: dict[str, list[int]]) -> str:
    left = [name for name in names if _closed(case, name)]
    return f"ports of {', '.join(left)} are still closed" if left else unready(case, list(names))


def _ranges(ports: list[int]) -> list[tuple[int, int]]:
    """Runs of consecutive ports, as (first, last)."""
    gaps = [(a, b) for a, b in pairwise(ports) if b != a + 1]
    firsts = [ports[0], *(b for _, b in gaps)]
    return list(zip(firsts, [*(a for a, _ in gaps), ports[-1]], strict=True))


@step
def refused_node(case: Case) -> Plan | str:
    """A node that the controllers refuse: its clock, its certificate or its cluster id is wrong."""
    waiting = [row["node"] for row in nodes(case, "joining")]
    if not waiting:
        return "No node waits to be let in."
    rows = [row for row in hosts(case) if row["host"] in waiting]
    known = case.look("cluster status")["cluster_id"]
    acts = [one for row in rows for one in _mended(case, row, known)]
    if not acts:
        return f"{', '.join(waiting)} waits; clock, certificate and cluster id are right. Tree T32."
    started = sorted({str(one.arguments["host"]) for one in acts})
    acts += [act("server start", host=name) for name in started]
    reasons = [f"{r['node']}: {r['reason']}" for r in nodes(case, "joining")]
    return Plan(f"Refused: {'; '.join(reasons)}.", tuple(acts), lambda c: unready(c, started), 60)


def _mended(case: Case, row: Row, cluster_id: str | None) -> list[Act]:
    """What mends one host, in the order that matters: a certificate is dated by its clock."""
    name, acts = row["host"], []
    if abs(row["clock_offset_ms"]) > OFFSET_MAX_MS:
        acts.append(act("host sync-clock", host=name))
    certificate = case.look("host certificate", host=name)
    if certificate and certificate["days_left"] <= 0:
        acts.append(act("host issue-certificate", host=name))
    written = case.look("server config", host=name)
    if cluster_id and written and written["cluster.id"] != cluster_id:
        acts.append(act("server init", host=name, cluster_id=cluster_id))
    return acts


@step
def cut_off_region(case: Case) -> Plan | str:
    """A region hears nobody and its machines answer on another path: exclude it, wait."""
    found = case.look("network partition-detect")
    lost = {row["node"]: row["region"] for row in nodes(case, "unreachable")}
    workers = [row for row in case.look("node list") if row["role"] == "worker"]
    whole = [r for r in sorted(set(lost.values())) if _is_whole(r, workers, lost)]
    if not found["partitioned"] or not whole:
        return "No region is cut off."
    names = [name for name, region in lost.items() if region in whole]
    if not all(answers(case, name) for name in names):
        return f"{', '.join(whole)} is lost and its machines do not answer: that is no partition."
    acts = tuple(
        act("placement set-blacklist", region=region, duration=EXCLUDED_S, reason="unstable path")
        for region in whole
    )
    found = f"{', '.join(whole)} is cut off; its VMs run on."
    return Plan(found, acts, lambda c: _partitioned(c) or unready(c, names), HEALS_S)


def _is_whole(region: str, workers: list[Row], lost: dict[str, str]) -> bool:
    return all(row["node"] in lost for row in workers if row["region"] == region)


def _partitioned(case: Case) -> str:
    is_cut = case.look("network partition-detect")["partitioned"]
    return "the region is still cut off: call the provider" if is_cut else ""


@step
def lost_power(case: Case) -> Plan | str:
    """VMs ended with their host's power. When it is back and nobody else runs them: start them."""
    ended = _ended(case)
    if not ended:
        return "No VM ended with its host."
    until = case.desk.now_s + POWER_S
    while (off := unready(case, list(ended.values()))) and case.desk.now_s < until:
        case.wait(15.0)
    twice = (case.look("vm inventory") or {"duplicates": ["?"]})["duplicates"]
    reason = f"{off} after {POWER_S:g} s: call the provider (T08 c no)." if off else ""
    if not off and set(twice) & set(ended):
        reason = "one of them runs elsewhere; end the copy first."
    acts = tuple(act("vm start", vm=vm) for vm in ended)
    back = tuple(act("vm stop", vm=vm) for vm in ended)
    told = ", ".join(f"{vm} on {node}" for vm, node in ended.items())
    return Plan(f"Ended with the power: {told}.", acts, _silent(list(ended)), 30, back, reason)


def _ended(case: Case) -> dict[str, str]:
    """VM -> node, of those that stand and that nobody stopped."""
    still = [row for row in case.look("vm list") or [] if row["status"] == "paused"]
    if not still:
        return {}
    told = case.look("events list", duration=86_400, type="guest_stopped")
    stopped = {row["vm"] for row in told}
    return {row["vm"]: row["node"] for row in still if row["vm"] not in stopped}


def _silent(vms: list[str]):  # type: ignore[no-untyped-def]
    def missing(case: Case) -> str:
        off = [vm for vm in vms if not (case.look("vm probe", vm=vm) or {}).get("answers")]
        return f"{', '.join(off)} does not answer" if off else ""

    return missing
