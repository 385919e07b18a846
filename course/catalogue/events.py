"""How the events of a node are logged, from `events.yaml`: component, level, sentence."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

LEVELS = ("debug", "info", "warn", "error")
"""Quietest first."""
COMPONENTS = ("amst", "hde", "pba", "ass", "itp", "acp", "api", "node", "security")


@dataclass(frozen=True, slots=True)
class EventKind:
    """`msg` is a constant sentence: no values in it."""

    component: str
    level: str
    msg: str

    def __post_init__(self) -> None:
        if self.component not in COMPONENTS or self.level not in LEVELS:
            raise ValueError(
                f"{self.msg!r}: component {self.component!r} is one of {', '.join(COMPONENTS)}, "
                f"level {self.level!r} one of {', '.join(LEVELS)}"
            )


@cache
def event_kinds() -> dict[str, EventKind]:
    """All kinds by the event's name."""
    table = yaml.safe_load(files("course.catalogue").joinpath("events.yaml").read_text("utf-8"))
    return {name: EventKind(**row) for name, row in table.items()}


def kind_of(event: str) -> EventKind:
    """One that the table does not have is still logged, under its own name."""
    return event_kinds().get(event) or EventKind("node", "info", event.replace("_", " "))
