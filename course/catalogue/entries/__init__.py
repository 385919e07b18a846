"""The troubleshooting catalogue: what goes wrong, how it shows, why, and what mends it.

One file an entry, 61 in eleven families (the letters of the id). An entry names the tree that
settles it, and of each cause the leaf that says so; the alerts that fire for it; the commands and
metrics that show it. Its live incidents are the scenarios that name it (`entry:`), so they are
looked up and not written down twice. Two faults at once are in `course.catalogue.compounds`.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from course.catalogue import runbooks, scenarios, schema

FOLDER = "course.catalogue.entries"
ESCALATE_AFTER_MIN = {"P0": 0, "P1": 30, "P2": 120, "P3": None, "P4": None}
"""Minutes without progress after which to escalate; None: not at all."""
RESPOND_WITHIN_MIN = {"P0": 15, "P1": 60, "P2": 240, "P3": 1_440, "P4": None}
"""Minutes within which somebody works on it; None: nobody must."""
FAMILIES = {
    "MIG": "migration",
    "TRN": "transport",
    "ENC": "encoding",
    "PRD": "prediction",
    "CON": "consensus",
    "SYN": "state synchronisation",
    "PLC": "placement",
    "CAP": "capacity and nodes",
    "SEC": "security",
    "OBS": "observability",
    "DEP": "deployment and rollback",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: how it shows, what mends it, and the leaf ("T03 a yes") that says so, if any."""

    cause: str
    shows: str
    fix: str
    leaf: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What goes wrong. `look` are commands, `read` what no command shows; see the schema."""

    id: str
    title: str
    severity: str
    symptom: str
    look: tuple[str, ...]
    metrics: tuple[str, ...]
    alerts: tuple[str, ...]
    tree: str
    questions: tuple[str, ...]
    causes: tuple[Cause, ...]
    verify: str
    read: tuple[str, ...] = ()
    always: str = ""
    severity_note: str = ""

    @property
    def family(self) -> str:
        """What part of the system it is about, in words."""
        return FAMILIES[self.id[:3]]

    @property
    def escalate_after_min(self) -> int | None:
        """Minutes without progress after which to escalate; None: not at all."""
        return ESCALATE_AFTER_MIN[self.severity]

    @property
    def respond_within_min(self) -> int | None:
        """Minutes within which somebody works on it; None: nobody must."""
        return RESPOND_WITHIN_MIN[self.severity]

    @property
    def trees(self) -> tuple[str, ...]:
        """Its tree first, then those whose leaves name one of its causes."""
        others = [cause.leaf.split(" ")[0] for cause in self.causes if cause.leaf]
        return tuple(dict.fromkeys([self.tree, *others]))

    @property
    def runbook(self) -> str:
        """The runbook with which one begins."""
        return runbooks.of_entry(self.id)

    @property
    def incidents(self) -> tuple[str, ...]:
        """The scenarios in which it can be met live."""
        return tuple(name for name in scenarios.names() if _stands_for(name) == self.id)


def names() -> list[str]:
    """The ids of all entries."""
    return sorted(f.name[: -len(".yaml")] for f in files(FOLDER).iterdir() if _is_data(f.name))


@cache
def load(name: str) -> Entry:
    """An entry by its id, checked. Raises ValueError with the file, the place and the reason."""
    if name not in names():
        raise ValueError(f"no entry is named {name!r}; there are {', '.join(names())}")
    text = files(FOLDER).joinpath(f"{name}.yaml").read_text("utf-8")
    return parse(yaml.safe_load(text), f"{name}.yaml")


def parse(data: Any, file: str) -> Entry:
    """An entry from the content of a file."""
    schema.check(data, FOLDER, file)
    if f"{data['id']}.yaml" != file:
        raise ValueError(f"{file} has the id {data['id']!r}; a file's name is its id")
    if data["id"][:3] not in FAMILIES:
        raise ValueError(f"{file}: there is no family {data['id'][:3]}; {', '.join(FAMILIES)}")
    lists = {key: tuple(value) for key, value in data.items() if isinstance(value, list)}
    causes = tuple(Cause(**row) for row in data["causes"])
    return Entry(**data | lists | {"causes": causes})


def settled_by(tree: str) -> list[Entry]:
    """The entries that a tree settles, or whose causes its leaves name."""
    return [entry for entry in map(load, names()) if tree in entry.trees]


def _stands_for(scenario: str) -> str | None:
    found = scenarios.load(scenario).get("entry")
    return str(found) if found else None


def _is_data(name: str) -> bool:
    return name.endswith(".yaml")
