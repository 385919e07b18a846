"""Signals by name: how one is declared, what it is about, and a snapshot that looks when asked.

A signal is a function of a case, its name is the one that the trees use. It looks with the
operator's own verbs, which stand in the journal afterwards, and may read the world besides, but
changes nothing of it by another way: so a journal with looks in it replays to the same history.
What it costs is what looking costs on a real cluster: time, and sometimes a test migration. A
signal that cannot be told now is None, and the tree says so.

    @signal("vm")
    def memory_gb(case):
        ...
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from course.lab.cluster import World
from course.lab.commands import CommandError
from course.lab.journal import Lab


@dataclass(frozen=True, slots=True)
class Case:
    """What is looked at: a cluster, and perhaps one node, one VM, or a path."""

    lab: Lab
    node: str | None = None
    vm: str | None = None
    source: str | None = None
    target: str | None = None

    @property
    def world(self) -> World:
        return self.lab.world


Look = Callable[[Case], Any]
SIGNALS: dict[str, tuple[tuple[str, ...], Look]] = {}
"""By name: which parts of a case it needs, and how it looks."""


def signal(*needs: str) -> Callable[[Look], Look]:
    """Declare a signal, named as its function; `needs` are parts of a case that it is about."""

    def declare(look: Look) -> Look:
        assert look.__name__ not in SIGNALS, look.__name__
        SIGNALS[look.__name__] = (needs, look)
        return look

    return declare


class Snapshot(Mapping[str, Any]):
    """The signals of a case. Each is looked up when it is asked for, and once."""

    def __init__(self, case: Case) -> None:
        self._case, self._seen = case, dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        if name not in self._seen:
            self._seen[name] = self._look(name)
        return self._seen[name]

    def _look(self, name: str) -> Any:
        try:
            return SIGNALS[name][1](self._case)
        except CommandError:
            return None  # nobody leads, or the like: it cannot be told now

    def __contains__(self, name: object) -> bool:
        if name not in SIGNALS:
            return False
        return all(getattr(self._case, part) is not None for part in SIGNALS[str(name)][0])

    def __iter__(self) -> Iterator[str]:
        return (name for name in SIGNALS if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
