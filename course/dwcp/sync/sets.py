"""Sets that many nodes change at once.

`GSet` only grows. `TwoPhaseSet` removes for good: what was removed once never comes back. `ORSet`
removes what it has *observed*: every add gets a tag of its own, a remove lists the tags it has
seen, and an add that the remover did not know of survives (Shapiro et al. 2011, specifications 11,
12 and 15). So of an add and a remove at the same time, the add wins.

A removed tag is remembered as a tombstone, with the clock of the remove, until everybody has it;
forgotten too early, a late copy would bring the element back. Left out: the variant without
tombstones (Bieniusa et al. 2012), which needs one version vector for the whole set.
Read before: `lattice`. Read next: `maps`.
"""

from dataclasses import dataclass, field

from course.dwcp.sync.clocks import Clock
from course.dwcp.sync.lattice import (
    Crdt,
    Stable,
    as_list,
    element_objection,
    first,
    must_match,
    refuse,
    tags_objection,
)


@dataclass(frozen=True, slots=True)
class GSet(Crdt):
    """Only grows. `elements` are in order, each once."""

    elements: tuple[str, ...] = ()

    def add(self, element: str) -> "GSet":
        """The delta: just the element."""
        refuse(element_objection(element))
        return GSet((element,))

    def merge(self, other: "GSet") -> "GSet":
        must_match(self, other)
        return GSet(tuple(sorted(dict.fromkeys((*self.elements, *other.elements)))))

    def read(self) -> tuple[str, ...]:
        return self.elements

    def plain(self) -> list[str]:
        return list(self.elements)

    def objection(self) -> str | None:
        if type(self.elements) is not tuple:
            return "a set's elements are a tuple"
        reason = first(map(element_objection, self.elements))
        if reason or list(self.elements) != sorted(dict.fromkeys(self.elements)):
            return reason or "a set's elements are in order, each once"
        return None


_EMPTY = GSet()


@dataclass(frozen=True, slots=True)
class TwoPhaseSet(Crdt):
    """In, then out, and never in again."""

    added: GSet = _EMPTY
    removed: GSet = _EMPTY

    def add(self, element: str) -> "TwoPhaseSet":
        """ValueError if it was removed before."""
        if element in self.removed.elements:
            raise ValueError(f"{element} was removed, and this set never takes it again")
        return TwoPhaseSet(added=self.added.add(element))

    def remove(self, element: str) -> "TwoPhaseSet":
        """ValueError if it is not in the set."""
        if element not in self.read():
            raise ValueError(f"{element} is not in the set")
        return TwoPhaseSet(removed=self.removed.add(element))

    def merge(self, other: "TwoPhaseSet") -> "TwoPhaseSet":
        must_match(self, other)
        return TwoPhaseSet(self.added.merge(other.added), self.removed.merge(other.removed))

    def read(self) -> tuple[str, ...]:
        gone = dict.fromkeys(self.removed.elements)
        return tuple(element for element in self.added.elements if element not in gone)

    def plain(self) -> list[list[str]]:
        return [self.added.plain(), self.removed.plain()]

    def objection(self) -> str | None:
        if type(self.added) is not GSet or type(self.removed) is not GSet:
            return "a two-phase set is two sets that only grow"
        return self.added.objection() or self.removed.objection()

    def tombstones(self) -> int:
        return len(self.removed.elements)


@dataclass(frozen=True, slots=True)
class ORSet(Crdt):
    """Per tag: unknown, then added, then removed. The tag is the clock of the add.

    `added` maps tags to elements, `removed` maps tags to the clock of their remove.
    """

    added: dict[Clock, str] = field(default_factory=dict)
    removed: dict[Clock, Clock] = field(default_factory=dict)

    def add(self, element: str, at: Clock) -> "ORSet":
        """The delta: one new tag."""
        refuse(element_objection(element))
        return ORSet({at: element})

    def remove(self, element: str, at: Clock) -> "ORSet":
        """The delta: a tombstone for every tag of it seen here. ValueError if there is none."""
        seen = [tag for tag, tagged in self.added.items() if tagged == element]
        if not seen:
            raise ValueError(f"{element} is not in the set")
        return ORSet(removed=dict.fromkeys(seen, at))

    def merge(self, other: "ORSet") -> "ORSet":
        """The union of both, less the tags that either has removed."""
        must_match(self, other)
        removed = latest(self.removed, other.removed)
        added = dict(self.added)
        for tag, element in other.added.items():  # one tag never has two elements, but for a liar
            added[tag] = max(added.get(tag, element), element)
        return ORSet({tag: added[tag] for tag in added if tag not in removed}, removed)

    def read(self) -> tuple[str, ...]:
        return tuple(sorted(dict.fromkeys(self.added.values())))

    def plain(self) -> list[object]:
        added = [[as_list(tag), self.added[tag]] for tag in sorted(self.added)]
        removed = [[as_list(tag), as_list(self.removed[tag])] for tag in sorted(self.removed)]
        return [added, removed]

    def objection(self) -> str | None:
        return (
            tags_objection(self.added, "added elements")
            or tags_objection(self.removed, "removed elements")
            or first(map(element_objection, self.added.values()))
            or removals_objection(self.removed)
            or (self.merge(self) != self and "an element is both added and removed")
            or None
        )

    def newest(self) -> Clock:
        return max((*self.added, *self.removed, *self.removed.values()), default=Clock())

    def tombstones(self) -> int:
        return len(self.removed)

    def collected(self, stable: Stable) -> "ORSet":
        return ORSet(self.added, {t: at for t, at in self.removed.items() if not stable(at)})


def latest(one: dict[Clock, Clock], other: dict[Clock, Clock]) -> dict[Clock, Clock]:
    """Tombstones of both; of two for one tag, the later."""
    both = dict(one)
    for tag, at in other.items():
        both[tag] = max(both.get(tag, at), at)
    return both


def removals_objection(removed: dict[Clock, Clock]) -> str | None:
    """Why these are not tombstones, each later than what it removed; None: they are."""
    if any(type(at) is not Clock for at in removed.values()):
        return "a tombstone has the clock of its remove"
    if any(at <= tag for tag, at in removed.items()):
        return "a tombstone is later than what it removes"
    return first(at.objection() for at in removed.values())
