"""A register whose copies converge: last writer wins, by a hybrid logical clock.

A merge that is commutative, associative and idempotent may happen in any order and any number of
times: all copies end up equal (Shapiro et al. 2011). "Last" by wall clock alone would let the
node with the fastest clock win every conflict; a hybrid logical clock (Kulkarni et al. 2014) stays
near the wall clock but never goes back behind what it has seen.

A merge decides nothing. Who owns a VM is agreed by ACP; merging two owners would run it twice.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True, slots=True)
class Clock:
    """Compared in this order: wall time in us, a counter for events at the same time, the node."""

    wall: int = 0
    counter: int = 0
    node: str = ""

    def tick(self, wall_now: int, node: str) -> "Clock":
        """The clock of a new event on `node`, whose wall clock reads `wall_now` (us)."""
        if wall_now > self.wall:
            return Clock(wall_now, 0, node)
        return Clock(self.wall, self.counter + 1, node)


@dataclass(frozen=True, slots=True)
class Register:
    """One value with the clock of its last write."""

    value: Any
    clock: Clock

    def write(self, value: Any, wall_now: int, node: str) -> "Register":
        return Register(value, self.clock.tick(wall_now, node))

    def merge(self, other: "Register") -> "Register":
        """The later of two copies. What the other one wrote at the same time is lost."""
        return max(self, other, key=lambda copy: copy.clock)
