"""Scenarios: which hosts there are, how they are connected, what is wrong with them. One file each.

A scenario is data. `load` checks it against the schema and says, in words, what does not fit. An
incident is a scenario with a goal: what the operator is told, what is wrong, which signals show
it, what resolves it. Its verbs are those of the command line, so an operator can write one. A
false alarm says what is wrong ("nothing") and has no goal.

Two incidents at once are named with a plus: `load("cap-04-full-disk+trn-03-six-streams")`.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from course.catalogue import schema

GROUND = ("regions", "links", "deployed", "voting")


def names() -> list[str]:
    """The ids of all scenarios."""
    folder = files("course.catalogue.scenarios")
    return sorted(f.name[: -len(".yaml")] for f in folder.iterdir() if f.name.endswith(".yaml"))


def incidents() -> list[str]:
    """The scenarios that have a goal."""
    return [name for name in names() if "goal" in load(name)]


def false_alarms() -> list[str]:
    """The scenarios that page somebody though nothing is wrong."""
    return [name for name in names() if "wrong" in load(name) and "goal" not in load(name)]


def touched(name: str) -> frozenset[str] | None:
    """The workers and VMs that an incident is about; None if it is about the whole cluster.

    Two incidents can be had at once if neither is None and they have none in common.
    """
    incident, found = load(name), set()
    for fault in incident["faults"]:
        ends = [str(fault.get(key, "")) for key in ("host", "vm", "a", "b", "region")]
        if not any(ends):
            return None
        found |= {part for end in ends for part in end.split(",") if part}
    for action in _actions(incident):
        named = set(_workers(action))
        named |= {str(v) for k, v in action.get("with", {}).items() if k in ("vm", "name")}
        if not named and action["do"] not in ("clock run", "cluster health"):
            return None
        found |= named
    return frozenset(found) if found and not _is_wide(incident, found) else None


@cache
def load(name: str) -> dict[str, Any]:
    """One scenario, checked. Raises ValueError with the place and the reason."""
    if "+" in name:
        return _both(name)
    if name not in names():
        raise ValueError(f"no scenario is named {name!r}; there are {', '.join(names())}")
    folder = files("course.catalogue.scenarios")
    scenario = yaml.safe_load(folder.joinpath(f"{name}.yaml").read_text("utf-8"))
    schema.check(scenario, "course.catalogue.scenarios", f"{name}.yaml")
    if scenario["id"] != name:
        raise ValueError(f"{name}.yaml has the id {scenario['id']!r}; a file's name is its id")
    ground = load(scenario["like"]) if "like" in scenario else {}
    return {key: ground[key] for key in GROUND if key in ground} | scenario


PARTS = ("before", "faults", "then", "signals", "goal", "fix")


def _both(name: str) -> dict[str, Any]:
    """Two incidents on one cluster, as one scenario."""
    first, second = (load(part) for part in name.split("+", 1))
    if first.get("like") != second.get("like") or "goal" not in first or "goal" not in second:
        raise ValueError(f"{name}: two incidents can meet if they are `like` the same scenario")
    merged = {part: [*first.get(part, ()), *second.get(part, ())] for part in PARTS}
    texts = {key: f"{first[key].strip()} {second[key].strip()}" for key in ("told", "wrong")}
    title = f"{first['title']}, and {second['title']}"
    return first | merged | texts | {"id": name, "title": title, "difficulty": 3}


def _actions(incident: dict[str, Any]) -> list[dict[str, Any]]:
    return [action for part in ("before", "then", "fix") for action in incident.get(part, ())]


def _workers(action: dict[str, Any]) -> list[str]:
    """The workers that an action names, alone or in a list."""
    values = action.get("with", {}).values()
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [one for one in flat if str(one).startswith("worker-")]


def _is_wide(incident: dict[str, Any], found: set[str]) -> bool:
    """Does it touch controllers, regions or everybody?"""
    regions = set(incident["regions"]) | {"all"}
    return bool(found & regions) or any(name.startswith("controller-") for name in found)
