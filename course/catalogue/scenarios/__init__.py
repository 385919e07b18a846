"""Scenarios: which hosts there are, how they are connected, what is wrong with them. One file each.

A scenario is data. `load` checks it against the schema and says, in words, what does not fit. An
incident is a scenario with a goal: what the operator is told, what is wrong, which signals show
it, what resolves it. Its verbs are those of the command line, so an operator can write one.
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


@cache
def load(name: str) -> dict[str, Any]:
    """One scenario, checked. Raises ValueError with the place and the reason."""
    if name not in names():
        raise ValueError(f"no scenario is named {name!r}; there are {', '.join(names())}")
    folder = files("course.catalogue.scenarios")
    scenario = yaml.safe_load(folder.joinpath(f"{name}.yaml").read_text("utf-8"))
    schema.check(scenario, "course.catalogue.scenarios", f"{name}.yaml")
    if scenario["id"] != name:
        raise ValueError(f"{name}.yaml has the id {scenario['id']!r}; a file's name is its id")
    ground = load(scenario["like"]) if "like" in scenario else {}
    return {key: ground[key] for key in GROUND if key in ground} | scenario
