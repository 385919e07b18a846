"""The map that a registry is: keys to replicated values, merged key by key.

Every value brings its own way of being removed, so the map needs none. A register is removed by
writing None, and the later clock wins, as for any write. An OR-set is removed by removing all that
was seen of it, so an add at the same time keeps the key. Both leave a tombstone; taking the key
out of one copy would bring it back with the next exchange. Sets that only grow and counters have no
clock that would tell a new life from the old one: their keys stay.

A key has one type everywhere. If two nodes create it with different ones, the type that is later in
`KINDS` stays, on every node: an error of whoever wrote it, but not one that keeps copies apart.
Read before: `registers`, `sets`, `counters`. Read next: `horizon`.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from course.dwcp.sync.clocks import Clock
from course.dwcp.sync.counters import GCounter, PNCounter
from course.dwcp.sync.lattice import Crdt, Stable, canonical, first, must_match
from course.dwcp.sync.registers import Committed, MultiRegister, Register
from course.dwcp.sync.sets import GSet, ORSet, TwoPhaseSet

KEY_MAX = 256  # characters
KINDS: tuple[type[Crdt], ...] = (
    Register,
    MultiRegister,
    GSet,
    TwoPhaseSet,
    ORSet,
    GCounter,
    PNCounter,
    Committed,
)


def join(mine: Crdt | None, theirs: Crdt) -> Crdt:
    """Two copies of one key's value, as one; None stands for a key that is not there."""
    if mine is None or mine is theirs:
        return theirs
    if type(mine) is type(theirs):
        return mine.merge(theirs)
    return max(mine, theirs, key=lambda value: KINDS.index(type(value)))


def removal(value: Crdt, at: Clock) -> Crdt:
    """The delta that removes a key. ValueError for a type that cannot be removed."""
    if isinstance(value, Register):
        return value.set(None, at)
    if isinstance(value, ORSet):
        return ORSet(removed=dict.fromkeys(value.added, at))
    raise ValueError(
        f"a {type(value).__name__} has nothing that tells a new life of the key from the old; "
        "only the keys of a Register and an ORSet are removed"
    )


def is_gone(value: Crdt) -> bool:
    """Is nothing left of it but tombstones?"""
    return value.tombstones() > 0 and value.read() in (None, ())


def digest_of(value: Crdt) -> bytes:
    """8 bytes that stand for all of a value: its type, what it means, and its clocks."""
    return sha256(canonical([type(value).__name__, value.plain()])).digest()[:8]


def entry_objection(key: object, value: object) -> str | None:
    """Why this is no entry of a map; None: it is. For what comes from a peer."""
    if type(key) is not str or not 0 < len(key) <= KEY_MAX:
        return f"a key is text of 1 to {KEY_MAX} characters"
    if type(value) not in KINDS:
        return f"{type(value).__name__} is not a replicated type"
    try:
        return value.objection()  # type: ignore[attr-defined, no-any-return]
    except (TypeError, ValueError, AttributeError, RecursionError) as wrong:
        return f"a {type(value).__name__} of nonsense: {wrong}"


@dataclass(frozen=True, slots=True)
class ORMap(Crdt):
    """Keys to values. A change of one key is the delta `ORMap({key: delta of its value})`."""

    entries: dict[str, Crdt] = field(default_factory=dict)

    def change(self, key: str, delta: Crdt) -> "ORMap":
        """The delta that merges `delta` into the value of `key`. ValueError if it is no entry."""
        reason = entry_objection(key, delta)
        if reason:
            raise ValueError(reason)
        return ORMap({key: delta})

    def remove(self, key: str, at: Clock) -> "ORMap":
        """The delta that removes `key`. ValueError if it is not there, or cannot be removed."""
        if key not in self.read():
            raise ValueError(f"{key} is not in the map")
        return ORMap({key: removal(self.entries[key], at)})

    def merge(self, other: "ORMap") -> "ORMap":
        must_match(self, other)
        both = dict(self.entries)
        for key, value in other.entries.items():
            both[key] = join(both.get(key), value)
        return ORMap(both)

    def read(self) -> dict[str, Any]:
        there = {key: value for key, value in self.entries.items() if not is_gone(value)}
        return {key: there[key].read() for key in sorted(there)}

    def plain(self) -> Any:
        return [
            [key, type(self.entries[key]).__name__, self.entries[key].plain()]
            for key in sorted(self.entries)
        ]

    def objection(self) -> str | None:
        if type(self.entries) is not dict:
            return "a map's entries are a dictionary"
        return first(entry_objection(key, value) for key, value in self.entries.items())

    def newest(self) -> Clock:
        return max((value.newest() for value in self.entries.values()), default=Clock())

    def tombstones(self) -> int:
        return sum(value.tombstones() for value in self.entries.values())

    def collected(self, stable: Stable) -> "ORMap":
        kept = {key: value.collected(stable) for key, value in self.entries.items()}
        return ORMap({key: value for key, value in kept.items() if value != type(value)()})


def demo() -> None:
    """Two copies of a registry, changed at the same time."""
    one = ORMap({"vm-1/state": Register("off", Clock(1, 0, "a"))})
    one = one.merge(one.change("vm-1/tags", ORSet().add("gold", Clock(2, 0, "a"))))
    removed = one.merge(one.remove("vm-1/tags", Clock(9, 0, "a")))
    added = one.merge(one.change("vm-1/tags", ORSet().add("gold", Clock(5, 0, "b"))))
    print("removed here:   ", removed.read())
    print("and added there:", removed.merge(added).read())
    print("either order:   ", removed.merge(added) == added.merge(removed))


if __name__ == "__main__":
    demo()
