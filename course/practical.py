"""The practical of Operations Associate: which lab a task begins with, and how it must end.

A task's lab follows from the candidate's name, so that a journal of somebody else's replays into
another cluster. `begin` opens it; `short_of` replays what was handed in, and says what is missing,
without saying what would have been right. The time boxes of tasks in the lab are minutes of the
lab's own time, and each look or command costs what it costs an operator. Tasks 1 and 2 are done on
one cluster. Read next: course/lab/conditions.py.
"""

import random
from collections.abc import Mapping
from functools import cache
from typing import Any

from course.lab import Lab, conditions, replay
from course.telemetry import promql
from course.telemetry.dashboards.reading import PanelError, read
from course.telemetry.promql import QueryError

BOX_MIN = {
    "controllers": 30,
    "workers": 50,
    "migration": 20,
    "fault": 45,
    "attack": 45,
    "rollback": 30,
}
"""Lab minutes from the start of the lab; the workers follow the controllers on one cluster."""
SLOW = ("lab-7-a", "lab-7-b")
WORKERS = tuple(f"worker-{number}" for number in range(1, 6))
MEASURED = ("duration_s", "downtime_s", "compression_ratio", "rate_mbps")
WITHIN = 0.05  # of what a replay measures


def scenario(task: str, candidate: str) -> str:
    """The scenario of a task; ValueError names the tasks."""
    fixed = {
        "controllers": "bare-hosts", "workers": "bare-hosts", "migration": "day-1",
        "attack": "lab-5", "rollback": "lab-6-rollback", "dashboard": "day-1",
    }  # fmt: skip
    if task == "fault":
        return random.Random(f"{candidate}/fault").choice(SLOW)
    if task not in fixed:
        raise ValueError(f"there is no task {task!r}; there are {', '.join([*fixed, 'fault'])}")
    return fixed[task]


def begin(task: str, candidate: str) -> Lab:
    """The candidate's lab for a task."""
    return Lab(scenario(task, candidate), _seed(task, candidate))


def short_of(task: str, candidate: str, journal: Any) -> list[str]:
    """What is missing after the journal was done again; an empty list if nothing is."""
    try:
        done = _replayed(scenario(task, candidate), _seed(task, candidate), _Same(journal))
    except (AttributeError, TypeError, ValueError) as error:
        return [f"this is not a journal: {error}; hand in mine.journal() as it is"]
    found = {"controllers": _controllers, "workers": _workers, "migration": _moved}.get(
        task, _goal
    )(done)
    took_min = (done.now_s - done.began_s) / 60
    if took_min > BOX_MIN[task]:
        found.append(
            f"it took {took_min:.0f} min of the lab's time; the box is {BOX_MIN[task]} min"
        )
    return found


def misread(candidate: str, journal: Any, told: Any) -> list[str]:
    """What is wrong with the figures told of the last migration; within 5 % is right."""
    if found := short_of("migration", candidate, journal):
        return found
    if not isinstance(told, Mapping) or set(told) != set(MEASURED):
        return [f"tell {', '.join(MEASURED)}, as numbers by these names"]
    move = _last_move(
        _replayed(scenario("migration", candidate), _seed("migration", candidate), _Same(journal))
    )
    wrong = [name for name in MEASURED if not _near(told[name], move[name])]
    return [f"{name} is not what this migration took: you say {told[name]!r}" for name in wrong]


def unclear(panels: Any, candidate: str) -> list[str]:
    """What a dashboard of four panels lacks, asked of ten minutes of the candidate's cluster."""
    if not isinstance(panels, list) or len(panels) != 4:
        return ["hand in a list of four panels, each Grafana's JSON"]
    found, queries, seen = [], set(), []
    store, at = _history(candidate)
    for number, each in enumerate(panels, 1):
        try:
            seen.append(read(each))
            for target in seen[-1].targets:
                queries.add(target.query)
                if not promql.query(store, target.query, at).lines:
                    found.append(f"panel {number}: {target.query!r} shows nothing")
            if not seen[-1].targets:
                found.append(f"panel {number} has no query")
        except (PanelError, QueryError) as error:
            found.append(f"panel {number}: {error}")
    for panel in seen:
        of_times = any("_seconds" in target.query for target in panel.targets)
        if panel.unit != "s" and of_times:
            found.append(f"{panel.title!r} shows seconds, and its unit is {panel.unit!r}")
    if len(queries) < 4:
        found.append("four panels show four different things")
    if not any("histogram_quantile" in query for query in queries):
        found.append("one panel shows a quantile")
    if not any(len(panel.steps) > 1 for panel in seen):
        found.append("one panel has the line of an alert, as a threshold")
    return found


def unfinished(report: Any) -> list[str]:
    """What an incident report lacks in its form; whether it is true is for a person to say."""
    parts = ("severity", "impact", "timeline", "cause", "actions")
    if not isinstance(report, dict) or set(report) != set(parts):
        return [f"a report has the parts {', '.join(parts)}"]
    found = [] if report["severity"] == "P1" else ["this is a P1"]
    for part in ("impact", "cause"):
        if not isinstance(report[part], str) or len(report[part].split()) < 8:
            found.append(f"{part}: a sentence of at least eight words")
    return found + _timeline(report["timeline"]) + _actions(report["actions"])


class _Same:
    """A journal that is replayed once, however often it is asked for."""

    def __init__(self, journal: Any) -> None:
        self.journal, self.text = journal, repr(journal)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


@cache
def _replayed(ground: str, seed: str, handed_in: _Same) -> Lab:
    if not handed_in.journal:
        raise ValueError("it is empty")
    return replay(handed_in.journal, ground, seed)


@cache
def _history(candidate: str) -> tuple[Any, int]:
    """Ten minutes of metrics with a migration in them, and their end."""
    cluster = begin("dashboard", candidate)
    cluster.vm.create(name="exam", memory_gb=0.25, node="worker-1")
    cluster.migration.start(vm="exam", target="worker-2")
    cluster.run(600)
    return cluster.metrics.store, cluster.metrics.ms(None)


def _seed(task: str, candidate: str) -> str:
    if not isinstance(candidate, str) or not candidate.strip():
        raise ValueError(f"a candidate's name is a text, not {candidate!r}")
    shared = "cluster" if task in ("controllers", "workers") else task
    return f"operations-practical/{candidate}/{shared}"


def _goal(done: Lab) -> list[str]:
    return [
        f"`{row['look']}`{' ' + row['field'] if 'field' in row else ''} is {row['found']!r}, "
        "which is not how it should end"
        for row in conditions.missing(done)
    ]


def _controllers(done: Lab) -> list[str]:
    status = {c["check"]: c["found"] for c in done.cluster.health()["checks"]}
    found = [] if done.cluster.status()["leader"] else ["there is no leader"]
    if not status["controllers"].startswith("3/3"):
        found.append(f"controllers: {status['controllers']}")
    names = {host.name for host in done.world.of_role("controller")}
    events = [event for event in done.world.history if event.host in names]
    led = next((n for n, event in enumerate(events) if event.name == "leader_elected"), len(events))
    if "service_stopped" not in [event.name for event in events[led:]]:
        found.append("no controller was restarted after the first election")
    return found


def _workers(done: Lab) -> list[str]:
    rows = {row["node"]: row["status"] for row in done.node.list()}
    found = [f"{n} is {rows.get(n, 'not in')}" for n in WORKERS if rows.get(n) != "ready"]
    tests = [
        r["arguments"] for r in done.journal() if r["verb"] in ("network test", "migration test")
    ]
    tested = {name for row in tests for name in (row.get("source"), row.get("target"))}
    found += [f"the ports of {name} were not tested" for name in WORKERS if name not in tested]
    settings = [done.host.settings(host=name) | {"host": ""} for name in WORKERS]
    if any(other != settings[0] for other in settings):
        found.append("the five workers do not have one configuration")
    return found


def _moved(done: Lab) -> list[str]:
    move = _last_move(done)
    if not move:
        return ["no migration was completed"]
    return (
        [] if move["memory_gb"] >= 2 else [f"the VM has {move['memory_gb']} GB; 2 GB are asked for"]
    )


def _last_move(done: Lab) -> dict[str, Any]:
    vms = [r["arguments"].get("vm") for r in done.journal() if r["verb"] == "migration start"]
    for vm in reversed(vms):
        move: dict[str, Any] = done.migration.status(vm=vm)
        if move["status"] == "completed":
            return move
    return {}


def _near(told: Any, measured: float) -> bool:
    number = isinstance(told, int | float) and not isinstance(told, bool)
    return number and abs(told - measured) <= WITHIN * abs(measured)


def _timeline(rows: Any) -> list[str]:
    if not isinstance(rows, list) or len(rows) < 4:
        return ["timeline: at least four rows of (minute, what happened)"]
    pairs = [row for row in rows if isinstance(row, tuple | list) and len(row) == 2]
    minutes = [row[0] for row in pairs if isinstance(row[0], int | float)]
    if len(minutes) != len(rows) or minutes != sorted(minutes):
        return ["timeline: rows of (minute, what happened), in their order"]
    return []


def _actions(rows: Any) -> list[str]:
    if not isinstance(rows, list) or len(rows) < 2:
        return ["actions: at least two rows of (what, owner, due)"]
    whole = [
        row for row in rows
        if isinstance(row, tuple | list) and len(row) == 3 and all(map(str.strip, map(str, row)))
    ]  # fmt: skip
    return [] if len(whole) == len(rows) else ["actions: each has what, owner and due"]
