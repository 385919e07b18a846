"""What the catalogue refers to: terms, commands and metrics, each once, from one file each.

glossary.yaml, commands.yaml and metrics.yaml say at their heads what a row holds.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

FOLDER = "course.catalogue"


@dataclass(frozen=True, slots=True)
class Term:
    """`instead_of` are words for the same thing that are not used; `see` are other terms."""

    term: str
    means: str
    instead_of: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """`kind` is R, C, S, D or D2, as the file's head explains."""

    verb: str
    does: str
    kind: str

    @property
    def typed(self) -> str:
        """What one types, without arguments."""
        on_the_machine = self.verb.startswith(("host ", "server "))
        return self.verb if on_the_machine else f"dwcp-cli {self.verb}"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric means to an operator; `normal` and `act` are figures in `unit`, or words."""

    name: str
    means: str
    type: str
    unit: str
    normal: str
    act: str


@cache
def glossary() -> dict[str, Term]:
    """All terms by name. Raises ValueError for a reference to a term that is not there."""
    terms = {
        name: Term(
            name, row["means"], tuple(row.get("not", ())), tuple(row.get("see", ())),
            row.get("unit", ""),
        )
        for name, row in _read("glossary.yaml").items()
    }  # fmt: skip
    for term in terms.values():
        unknown = [name for name in term.see if name not in terms]
        if unknown:
            raise ValueError(f"glossary.yaml: {term.term} refers to {unknown[0]}, which is no term")
    return terms


@cache
def commands() -> dict[str, Command]:
    """All commands by verb."""
    return {verb: Command(verb=verb, **row) for verb, row in _read("commands.yaml").items()}


@cache
def metrics() -> dict[str, Metric]:
    """All metrics by name."""
    return {name: Metric(name=name, **row) for name, row in _read("metrics.yaml").items()}


def _read(name: str) -> dict[str, Any]:
    text = files(FOLDER).joinpath(name).read_text("utf-8")
    data: dict[str, Any] = yaml.load(text, Loader=_Unique)
    return data


class _Unique(yaml.SafeLoader):
    """YAML that refuses a key that is there twice: every term stands once."""


def _mapping(loader: _Unique, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"{node.start_mark.name}: {twice!r} stands there twice")
    return loader.construct_mapping(node, deep=True)


_Unique.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
