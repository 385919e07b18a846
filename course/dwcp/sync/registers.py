"""Registers: one value, and what happens when two nodes write it at the same time.

`Register`: the last writer wins, by a hybrid logical clock. The other write is lost. By wall clock
alone the node with the fastest clock would win every conflict. A write says which one it replaced,
so that losses can at least be counted. `MultiRegister` keeps all concurrent writes and leaves the
choice to the reader, as Dynamo does (DeCandia et al. 2007).

A merge decides nothing. Who owns a VM is agreed by ACP; merging two owners would run it twice. What
was agreed is carried as `Committed`, with its place in the log: the largest index is kept.
Read before: `clocks`, `lattice`. Read next: `counters`.
"""

from dataclasses import dataclass
from typing import Any

from course.dwcp.sync.clocks import Clock, VectorClock
from course.dwcp.sync.lattice import (
    Crdt,
    Stable,
    as_list,
    canonical,
    first,
    must_match,
    plain_objection,
    refuse,
)

__all__ = ["Clock", "Committed", "MultiRegister", "Register"]

_NEVER, _NOTHING = Clock(), VectorClock()
INDEX_MAX = 1 << 62


@dataclass(frozen=True, slots=True)
class Register(Crdt):
    """One value with the clock of its last write. None is "nothing": written last, a tombstone."""

    value: Any = None
    clock: Clock = _NEVER
    saw: Clock = _NEVER  # the clock of the write that this one replaced, as its writer knew it

    def write(self, value: Any, wall_now: int, node: str) -> "Register":
        """Write on `node`, whose wall clock reads `wall_now` (us)."""
        return Register(value, self.clock.tick(wall_now, node), self.clock)

    def set(self, value: Any, at: Clock) -> "Register":
        """The delta of a write at the clock `at`. ValueError if `value` is not plain data."""
        refuse(plain_objection(value))
        return Register(value, at, self.clock)

    def merge(self, other: "Register") -> "Register":
        """The later of two copies. What the other one wrote at the same time is lost."""
        must_match(self, other)
        if self.clock != other.clock:
            return self if self.clock > other.clock else other
        # Never two writes with one clock, unless a node lost its disk; even then: one order.
        return max(self, other, key=lambda copy: canonical(copy.plain()))

    def conflicts(self, other: "Register") -> bool:
        """Was the newer of the two written without having seen the older? Then a write is lost.

        Who has seen a write only writes over it or over one that is newer still, so this gives no
        false alarm, but for a removal whose tombstone the writer had collected.
        """
        older, newer = sorted((self, other), key=lambda copy: copy.clock)
        return newer.saw < older.clock < newer.clock

    def read(self) -> Any:
        return self.value

    def plain(self) -> Any:
        return [self.value, as_list(self.clock), as_list(self.saw)]

    def objection(self) -> str | None:
        if type(self.clock) is not Clock or type(self.saw) is not Clock:
            return "a register has its clock, and that of the write it replaced"
        if self.saw > self.clock:
            return "a write is later than what it replaces"
        return self.clock.objection() or self.saw.objection() or plain_objection(self.value)

    def newest(self) -> Clock:
        return self.clock

    def tombstones(self) -> int:
        return int(self.value is None and self.clock != _NEVER)

    def collected(self, stable: Stable) -> "Register":
        return Register() if self.tombstones() and stable(self.clock) else self


@dataclass(frozen=True, slots=True)
class Committed(Crdt):
    """A read copy of what ACP decided at log `index`. Only the log makes these."""

    value: Any = None
    index: int = 0

    def merge(self, other: "Committed") -> "Committed":
        """The larger index. Two values at one index would be a broken promise of ACP's."""
        must_match(self, other)
        return max(self, other, key=lambda copy: (copy.index, canonical(copy.value)))

    def read(self) -> Any:
        return self.value

    def plain(self) -> Any:
        return [self.value, self.index]

    def objection(self) -> str | None:
        if type(self.index) is not int or not 0 <= self.index < INDEX_MAX:
            return "a committed value has an index in the log, a whole number from 0"
        return plain_objection(self.value)


Version = tuple[VectorClock, Any]


@dataclass(frozen=True, slots=True)
class MultiRegister(Crdt):
    """All values that no later write has seen, each with its vector clock, in a fixed order."""

    versions: tuple[Version, ...] = ()

    def set(self, value: Any, node: str) -> "MultiRegister":
        """The delta of a write on `node` that replaces all values seen here."""
        refuse(plain_objection(value))
        seen = _NOTHING
        for clock, _ in self.versions:
            seen = seen.merge(clock)
        return MultiRegister(((seen.tick(node), value),))

    def merge(self, other: "MultiRegister") -> "MultiRegister":
        """All versions of both that happened before no other."""
        must_match(self, other)
        both = {_order(version): version for version in (*self.versions, *other.versions)}
        kept = [
            version
            for version in both.values()
            if not any(version[0].before(other_clock) for other_clock, _ in both.values())
        ]
        return MultiRegister(tuple(sorted(kept, key=_order)))

    def read(self) -> tuple[Any, ...]:
        """The values, of which more than one means: nobody has decided yet."""
        return tuple(value for _, value in self.versions)

    def plain(self) -> Any:
        return [[list(map(list, clock.counts)), value] for clock, value in self.versions]

    def objection(self) -> str | None:
        if type(self.versions) is not tuple or not all(map(_is_version, self.versions)):
            return "a register of many values has (vector clock, value) pairs"
        reason = first(
            clock.objection() or plain_objection(value) for clock, value in self.versions
        )
        if reason or self.merge(self) != self:
            return reason or "its versions are not in order, or one replaces another"
        return None


def _is_version(version: object) -> bool:
    return type(version) is tuple and len(version) == 2 and type(version[0]) is VectorClock


def _order(version: Version) -> bytes:
    clock, value = version
    return canonical([clock.counts, value])
