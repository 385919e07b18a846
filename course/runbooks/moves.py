"""Steps about one VM's moves: its strategy, its level, its limit, and the next attempt.

They need the VM's name, and without one there is nothing to do. A VM is moved only if its latest
move failed, or to the target that the runbook was given. No verb reads a VM's strategy, level or
limit, so what is set here shows in the next attempt, which is the last step. Before: `paths`.
"""

import re
from math import ceil

from course.runbooks.looks import Row, move, nodes, speed_mbps
from course.runbooks.running import Case, Plan, act, step

NONE = "No VM was named, or it has never moved."
STOOD_S = 5.0
CONVERGES = 0.7
"""A round that leaves more than this share of the last does not end it."""
SHRINKS = 0.15
WIRE_SHARE = 0.4
"""Of a guest's memory, what may have to travel: published wire reductions are 0.60 and more."""
LIMIT_MAX_S = 3_600


@step
def wrong_strategy(case: Case) -> Plan | str:
    """It stood for long because it was stopped first, or it writes faster than the path carries."""
    latest = move(case)
    if latest is None:
        return NONE
    strategy, found = _strategy(latest)
    if not strategy:
        return f"It stood for {latest['downtime_s']} s; its rounds: {len(latest['rounds'])}."
    acts = (act("migration set-strategy", vm=latest["vm"], strategy=strategy),)
    before = "stop-and-copy" if strategy == "pre-copy" else "pre-copy"
    back = (act("migration set-strategy", vm=latest["vm"], strategy=before),)
    return Plan(found, acts, lambda c: "", 0, back)


def _strategy(latest: Row) -> tuple[str, str]:
    rounds = latest["rounds"]
    if latest["downtime_s"] > STOOD_S and len(rounds) == 1 and not rounds[0]["dirtied_mb"]:
        stood = f"{latest['vm']} was stopped for its only round, {latest['downtime_s']} s."
        return "pre-copy", stood
    dirty = [row["dirtied_mb"] for row in rounds]
    grows = len(dirty) > 1 and dirty[-1] > CONVERGES * dirty[-2]
    if latest["status"] == "failed" and grows:
        return "post-copy", f"{latest['vm']} writes {dirty[-1]} MB while a round travels."
    return "", ""


@step
def incompressible_guest(case: Case) -> Plan | str:
    """Nothing in its memory repeats or shrinks: a high level costs time and saves nothing."""
    latest = move(case)
    if latest is None or not latest["wire_gb"]:
        return NONE if latest is None else "No byte of it has travelled yet."
    if latest["compression_ratio"] >= SHRINKS or latest["dedup_hit_rate"] >= SHRINKS:
        return f"Its memory shrinks: compression ratio {latest['compression_ratio']}."
    acts = (act("migration set-compression", vm=latest["vm"], level=1),)
    back = (act("migration set-compression", vm=latest["vm"], level=5),)
    found = f"Compression removes {latest['compression_ratio']:.0%} of {latest['vm']}."
    return Plan(found, acts, lambda c: "", 0, back)


@step
def short_limit(case: Case) -> Plan | str:
    """Its time ran out while bytes went steadily: the limit is too short for this path now."""
    latest = move(case)
    if latest is None:
        return NONE
    if "TIMEOUT" not in (latest["error"] or ""):
        return "Its time did not run out."
    if _strategy(latest)[0]:
        return "More time does not help: it writes as fast as the path carries."
    speed = speed_mbps(case, latest["source"], latest["target"])
    needs_s = latest["memory_gb"] * 8_590 * WIRE_SHARE / speed if speed else float("inf")
    found = f"{latest['vm']} ran out of time at {speed:g} Mbps."
    if 2 * needs_s > LIMIT_MAX_S:
        return Plan(found, (), lambda c: "", unless=(
            "at this rate it takes more than half an hour: put it off, or another target (T03 f)."
        ))  # fmt: skip
    limit = max(60, ceil(2 * needs_s / 60) * 60)
    acts = (act("migration set-timeout", vm=latest["vm"], timeout=limit),)
    was = re.search(r"within (\d+) s", latest["error"])
    back = (act("migration set-timeout", vm=latest["vm"], timeout=int(was[1]) if was else 300),)
    return Plan(found, acts, lambda c: "", 0, back)


@step
def next_attempt(case: Case) -> Plan | str:
    """Move it again: where its latest move failed, or to the target that was asked for."""
    vm, latest = case.about.get("vm"), move(case)
    if vm is None:
        return NONE
    held = case.look("vm inspect", vm=vm)
    if held is None:
        return f"There is no VM {vm}, or nobody can say."
    failed = latest is not None and latest["status"] == "failed"
    target = case.about.get("target") or (latest["target"] if latest and failed else None)
    if target is None or target == held["node"]:
        return f"{vm} is on {held['node']}, and no other target is wanted."
    ready = [row["node"] for row in nodes(case, "ready")]
    reason = "" if target in ready else f"{target} is not ready."
    verb = "migration retry" if failed else "migration start"
    acts = (act(verb, vm=vm, target=target), act("migration wait", vm=vm))
    return Plan(f"{vm} is on {held['node']}, wanted on {target}.", acts,
                lambda c: _not_there(c, vm, target), 30, unless=reason)  # fmt: skip


def _not_there(case: Case, vm: str, target: str) -> str:
    held = case.look("vm inspect", vm=vm)
    if held["node"] != target:
        return f"{vm} is on {held['node']}: {(move(case) or {}).get('error')}"
    return "" if case.look("vm probe", vm=vm)["answers"] else f"{vm} does not answer"
