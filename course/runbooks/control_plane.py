"""Steps about the control plane: what is seen first, full disks, hung machines, a lost majority.

Severity follows T11, the order T13: copies first, the common cause next, then ordered restarts,
and a bootstrap only when no majority can be rebuilt (T33). Next to read: `nodes`.
"""

from course.runbooks.looks import (
    GONE_S,
    answers,
    crashed,
    failing,
    hosts,
    idle,
    inactive,
    leader,
    nodes,
    unready,
)
from course.runbooks.running import Act, Case, Plan, act, step

DISK_FULL = 0.95
FORMS_S = 30.0
"""Within this time controllers that can agree on a leader have one."""
SETTLES_S = 30.0
"""Nodes and alerts follow a repair within this time."""
MANY, TOO_MANY, PROBED_MAX = 0.10, 0.20, 20
"""Shares of the workers that make a P1 and a P0; VMs that are asked whether they answer."""


@step
def triage(case: Case) -> Plan | str:
    """How bad it is, by what is seen."""
    level, why = _severity(case)
    given = case.severity
    if given and given != level:
        return f"{level}: {why}. It was opened as {given}: say so, and page by {level}."
    return f"{level}: {why}."


def _severity(case: Case) -> tuple[str, str]:
    if leader(case) is None:
        return "P0", "no controller leads, nothing can be decided"
    return _of_nodes(case) or _of_guests(case) or _of_the_rest(case)


def _of_nodes(case: Case) -> tuple[str, str] | None:
    """What is lost: a node that is not ready, or whose service fell over just now."""
    inventory = case.look("vm inventory") or {"duplicates": []}
    if inventory["duplicates"]:
        return "P0", f"{', '.join(inventory['duplicates'])} runs twice"
    rows = case.look("node list")
    workers = [row for row in rows if row["role"] == "worker"]
    fell = set(crashed(case, GONE_S))
    lost = [r["node"] for r in workers
            if r["status"] not in ("ready", "draining") or r["node"] in fell]  # fmt: skip
    share = len(lost) / len(workers) if workers else 0.0
    if share > MANY:
        return "P0" if share > TOO_MANY else "P1", f"{len(lost)} of {len(workers)} workers are lost"
    if [row for row in rows if row["role"] == "controller" and row["status"] != "ready"]:
        return "P1", "a controller is lost, and the quorum holds"
    return None


def _of_guests(case: Case) -> tuple[str, str] | None:
    """What users feel: VMs that do not answer, moves that fail."""
    rows = [row["vm"] for row in case.look("vm list") or [] if row["status"] == "running"]
    mute = [
        vm for vm in rows[:PROBED_MAX] if not (case.look("vm probe", vm=vm) or {}).get("answers")
    ]
    if mute:
        return "P1", f"no answer from {', '.join(mute)}"
    moves = [row for row in case.look("migration list") or [] if not row["id"].startswith("test-")]
    failed = [row["vm"] for row in moves if row["status"] == "failed"]
    if len(failed) > MANY * len(moves):
        return "P1", f"{len(failed)} of {len(moves)} moves failed last: {', '.join(failed)}"
    return None


def _of_the_rest(case: Case) -> tuple[str, str]:
    open_checks = failing(case)
    if open_checks:
        return "P2", "; ".join(open_checks)
    if not case.look("upgrade status")["uniform"]:
        return "P3", "more than one version runs, and cluster health passes"
    return "P4", "cluster health passes"


@step
def evidence(case: Case) -> Plan | str:
    """What must be kept before anything is restarted, and what changed lately."""
    status = case.look("cluster status")
    logs = [f"{r['node']} {r['log']}" for r in status["controllers"] if "log" in r]
    for row in status["controllers"]:
        if row["service"] == "active":
            case.look("raft logs", node=row["node"])
    backups = [row["name"] for row in case.look("backup list") or []]
    versions = ", ".join((case.look("upgrade status") or {"versions": {}})["versions"])
    case.look("events list", duration=3_600, type="version_installed")
    return (
        f"Log entries: {', '.join(logs) or 'no controller serves'}. "
        f"Backups: {', '.join(backups) or 'none'}. Versions: {versions}."
    )


@step
def full_disk(case: Case) -> Plan | str:
    """A service that cannot save stops rather than promise: make room, start it again."""
    rows = hosts(case)
    suspects = [r for r in rows if r["role"] == "controller" or r["service"] != "active"]
    tops = [(r, case.look("host top", host=r["host"])) for r in suspects]
    full = [r["host"] for r, top in tops if top["answers"] and top["disk_used"] >= DISK_FULL]
    if not full:
        return f"No disk of {len(suspects)} hosts is {DISK_FULL:.0%} full."
    acts = [act("host free-disk", host=name) for name in full]
    acts += [act("server start", host=r["host"]) for r in rows
             if r["host"] in full and r["service"] != "active"]  # fmt: skip
    return Plan(
        f"The disk of {', '.join(full)} is full.", tuple(acts), lambda c: inactive(c, full), 30
    )


@step
def hung_host(case: Case) -> Plan | str:
    """A machine that is on, runs the service, and answers on no path: only a restart helps."""
    led = leader(case) is not None
    rows = [r for r in hosts(case) if r["service"] == "active"]
    off = [r["node"] for r in nodes(case, "unreachable", "no leader")]
    asked = [r["host"] for r in rows if r["host"] in off and (led or r["role"] == "controller")]
    hung = [name for name in asked if not answers(case, name)]
    if not hung:
        return f"Every machine answers of {len(asked)} that are not ready and are on."
    held = [row["vm"] for row in case.look("vm list") or [] if row["node"] in hung]
    alone = "" if case.second_person or not held else (
        f"a restart ends {', '.join(held)}; that needs a second person (second_person)."
    )  # fmt: skip
    acts = tuple(act("host reboot", host=name) for name in hung)
    found = f"The service is up and the machine does not answer: {', '.join(hung)}."
    return Plan(found, acts, lambda c: unready(c, hung), 90, unless=alone)


@step
def stopped_service(case: Case) -> Plan | str:
    """A service that was stopped on a machine that is well is started, one after the other."""
    off = idle(case)
    if not off:
        return "On every machine that answers the service runs."
    acts = tuple(act("server start", host=name) for name in off)
    return Plan(
        f"No service runs on {', '.join(off)}.", acts, lambda c: inactive(c, off), 30,
        tuple(act("server stop", host=name) for name in off),
    )  # fmt: skip


@step
def lost_majority(case: Case) -> Plan | str:
    """No majority can be rebuilt from the disks: one copy is told, once, that it is alone."""
    until = case.desk.now_s + FORMS_S
    while leader(case) is None and case.desk.now_s < until:
        case.wait(5.0)
    if (name := leader(case)) is not None:
        return f"{name} leads."
    status = case.look("consensus quorum-status")
    rows = hosts(case, "controller")
    gone = [row["host"] for row in rows if not answers(case, row["host"])]
    if len(rows) - len(gone) >= status["required"]:
        return Plan("Nobody leads.", (), lambda c: "", unless=(
            "a majority of the controllers answers, so nothing is lost. Look for slow disks and "
            "long round trips: runbook performance-troubleshooting, tree T05."
        ))  # fmt: skip
    return _bootstrap(case, gone)


def _bootstrap(case: Case, gone: list[str]) -> Plan:
    copies = [r for r in case.look("cluster status")["controllers"] if "log" in r]
    found = f"Lost, so that no majority is left: {', '.join(gone)}."
    if not copies or not case.look("backup list"):
        lacks = "no copy of the log is left" if not copies else "there is no export or backup"
        return Plan(found, (), lambda c: "", unless=(
            f"{lacks} to compare with; restore in an isolated network first (T33 b no)."
        ))  # fmt: skip
    best = max(copies, key=lambda row: (row["term"], row["log"]))["node"]
    acts: list[Act] = [act("cluster emergency-bootstrap", node=best, force=True)]
    for name in gone:
        acts += [act("host reboot", host=name), act("node rejoin", node=name)]
    return Plan(f"{found} The most advanced copy is on {best}.", tuple(acts), _not_whole, 60)


def _not_whole(case: Case) -> str:
    found = case.look("consensus quorum-status")
    if found["present"] < found["voters"]:
        return f"{found['present']} of {found['voters']} controllers are there"
    names = [row["host"] for row in hosts(case, "controller")]
    sums = [case.look("state-sync verify", node=name) for name in names]
    return "" if all(one and one["equal"] for one in sums) else "the controllers differ"


@step
def closing(case: Case) -> Plan | str:
    """What is left, once it has had the time to settle, and where to go on."""
    until = case.desk.now_s + SETTLES_S
    while (left := _left(case)) and case.desk.now_s < until:
        case.wait(5.0)
    if leader(case) is None:
        return "Nobody leads. Go on with T13, and escalate with T12."
    bad = [row["node"] for row in case.look("reputation list", threshold=0.3) or []]
    left += [f"the reputation of {name} (T21)" for name in bad]
    return f"Still failing: {'; '.join(left)}. Go on with T01." if left else "Nothing is left."


def _left(case: Case) -> list[str]:
    return failing(case) if leader(case) else ["nobody leads"]
