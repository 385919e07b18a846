"""Counters that many nodes raise at once without losing a step.

Each node counts for itself; a merge takes the larger count of each node, and the value is the sum.
Adding two copies up instead would count everything twice as soon as a message comes twice.
A counter that also goes down is two that go up (Shapiro et al. 2011, specifications 6 and 7).

Left out: a counter that never falls below zero, which needs agreement or shares handed out before.
Read before: `lattice`. Read next: `sets`.
"""

from dataclasses import dataclass

from course.dwcp.sync.clocks import counts_objection
from course.dwcp.sync.lattice import Crdt, must_match


@dataclass(frozen=True, slots=True)
class GCounter(Crdt):
    """Only up. (node, count) pairs by node, counts from 1."""

    counts: tuple[tuple[str, int], ...] = ()

    def increment(self, node: str, by: int = 1) -> "GCounter":
        """The delta of `by` more on `node`: that node's new count, and no other's."""
        if type(by) is not int or by < 1:
            raise ValueError(f"a counter that only goes up rises by 1 or more, not by {by}")
        return GCounter(((node, dict(self.counts).get(node, 0) + by),))

    def merge(self, other: "GCounter") -> "GCounter":
        """The larger count of each node."""
        must_match(self, other)
        both = dict(self.counts)
        for node, count in other.counts:
            both[node] = max(both.get(node, 0), count)
        return GCounter(tuple(sorted(both.items())))

    def read(self) -> int:
        return sum(count for _, count in self.counts)

    def plain(self) -> list[list[object]]:
        return [list(pair) for pair in self.counts]

    def objection(self) -> str | None:
        return counts_objection(self.counts, "a counter")


_ZERO = GCounter()


@dataclass(frozen=True, slots=True)
class PNCounter(Crdt):
    """Up and down: all increments less all decrements."""

    up: GCounter = _ZERO
    down: GCounter = _ZERO

    def increment(self, node: str, by: int = 1) -> "PNCounter":
        return PNCounter(up=self.up.increment(node, by))

    def decrement(self, node: str, by: int = 1) -> "PNCounter":
        return PNCounter(down=self.down.increment(node, by))

    def merge(self, other: "PNCounter") -> "PNCounter":
        must_match(self, other)
        return PNCounter(self.up.merge(other.up), self.down.merge(other.down))

    def read(self) -> int:
        return self.up.read() - self.down.read()

    def plain(self) -> list[list[list[object]]]:
        return [self.up.plain(), self.down.plain()]

    def objection(self) -> str | None:
        if type(self.up) is not GCounter or type(self.down) is not GCounter:
            return "a counter that goes up and down is two that go up"
        return self.up.objection() or self.down.objection()
