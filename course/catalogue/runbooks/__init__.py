"""Runbooks as data: their steps in order, and which incidents each step claims to cure.

One file a runbook. What a step does is a function of its name in `course.runbooks`; its title,
pre-check, expected result and way back are here, so that a page, a notebook and a test say the
same. `entries` are the troubleshooting entries for which one begins here; each entry has one.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from course.catalogue import schema

FOLDER = "course.catalogue.runbooks"
SEVERITIES = ("P0", "P1", "P2", "P3", "P4")


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `leaf` is the leaf of a tree that says so; `cures` are ids of scenarios."""

    id: str
    title: str
    check: str
    expect: str
    back: str
    leaf: str = ""
    looks_only: bool = False
    cures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Runbook:
    """A runbook: its steps in the order in which they are taken."""

    id: str
    title: str
    entries: tuple[str, ...]
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step:
        """A step by its id."""
        return next(step for step in self.steps if step.id == name)

    @property
    def cures(self) -> dict[str, str]:
        """Scenario -> the step that claims to cure it."""
        return {name: step.id for step in self.steps for name in step.cures}

    @property
    def trees(self) -> tuple[str, ...]:
        """The trees of which it carries out leaves."""
        return tuple(dict.fromkeys(step.leaf.split(" ")[0] for step in self.steps if step.leaf))


def names() -> list[str]:
    """The ids of all runbooks."""
    return sorted(
        f.name[: -len(".yaml")] for f in files(FOLDER).iterdir() if f.name.endswith(".yaml")
    )


@cache
def load(name: str) -> Runbook:
    """A runbook by its id, checked. Raises ValueError with the file, the place and the reason."""
    if name not in names():
        raise ValueError(f"no runbook is named {name!r}; there are {', '.join(names())}")
    text = files(FOLDER).joinpath(f"{name}.yaml").read_text("utf-8")
    return parse(yaml.safe_load(text), f"{name}.yaml")


def parse(data: Any, file: str) -> Runbook:
    """A runbook from the content of a file."""
    schema.check(data, FOLDER, file)
    if f"{data['id']}.yaml" != file:
        raise ValueError(f"{file} has the id {data['id']!r}; a file's name is its id")
    steps = tuple(Step(**row | {"cures": tuple(row.get("cures", ()))}) for row in data["steps"])
    ids = [step.id for step in steps]
    if len(set(ids)) < len(ids):
        raise ValueError(f"{file}: a step stands twice in {', '.join(ids)}")
    return Runbook(data["id"], data["title"], tuple(data["entries"]), steps)


def of_entry(entry: str) -> str:
    """The runbook with which one begins for an entry, such as "CON-02"."""
    for name in names():
        if entry in load(name).entries:
            return name
    raise ValueError(f"no runbook is for the entry {entry!r}")


def of_tree(tree: str) -> list[str]:
    """The runbooks that carry out leaves of a tree."""
    return [name for name in names() if tree in load(name).trees]
