"""Two faults at once, for those who know each of them: the trap, and the order that works.

One file each. The parts are entries of `course.catalogue.entries`.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from course.catalogue import entries, schema

FOLDER = "course.catalogue.compounds"


@dataclass(frozen=True, slots=True)
class Compound:
    """`combines` are ids of entries, `order` is what to do, first things first."""

    id: str
    title: str
    combines: tuple[str, ...]
    trap: str
    order: tuple[str, ...]


def names() -> list[str]:
    """The ids of all compound faults."""
    return sorted(f.name[:-5] for f in files(FOLDER).iterdir() if f.name.endswith(".yaml"))


@cache
def load(name: str) -> Compound:
    """A compound fault by its id, checked. Raises ValueError with the place and the reason."""
    if name not in names():
        raise ValueError(f"no compound fault is named {name!r}; there are {', '.join(names())}")
    data = yaml.safe_load(files(FOLDER).joinpath(f"{name}.yaml").read_text("utf-8"))
    schema.check(data, FOLDER, f"{name}.yaml")
    unknown = set(data["combines"]) - set(entries.names())
    if unknown:
        raise ValueError(f"{name}.yaml combines {', '.join(sorted(unknown))}, which is no entry")
    lists = {key: tuple(value) for key, value in data.items() if isinstance(value, list)}
    return Compound(**data | lists)
