"""Clocks that order events on many nodes: a hybrid logical clock, and a vector clock.

A hybrid logical clock (Kulkarni et al. 2014) stays near the wall clock and never goes back behind
what it has seen, so a write made after reading another is later, whatever the wall clocks say. It
gives one total order, and hides which writes were concurrent. A vector clock (Fidge 1988, Mattern
1989) has one number a node: it knows what happened before what, and what happened side by side.

Taking the maximum has a price: one wall clock an hour ahead would win every conflict for an hour,
and drag all other clocks along. So a clock too far ahead is refused, with its author's name.

Units: wall clocks in us. Left out: leases, and clocks with an error bound of their own (TrueTime).
Read next: `registers`.
"""

from dataclasses import dataclass

from course.dwcp.units import MS, seconds

DRIFT_MAX = 500 * MS
"""A peer may be this far ahead. Hosts keep time within 100 ms and raise an alert at 500 ms."""

WALL_MAX, COUNTER_MAX, NAME_MAX = 1 << 62, 1 << 32, 64


@dataclass(frozen=True, order=True, slots=True)
class Clock:
    """Compared in this order: wall time in us, a counter for events at the same time, the node."""

    wall: int = 0
    counter: int = 0
    node: str = ""

    def tick(self, wall_now: int, node: str) -> "Clock":
        """The clock of a new event on `node`, whose wall clock reads `wall_now` (us).

        Call it on the latest clock that the node has seen, its own or another's.
        """
        if wall_now > self.wall:
            return Clock(wall_now, 0, node)
        return Clock(self.wall, self.counter + 1, node)

    def objection(self) -> str | None:
        """Why this is no clock; None: it is one. For clocks that come from a peer."""
        whole = type(self.wall) is int and type(self.counter) is int
        if not (whole and 0 <= self.wall < WALL_MAX and 0 <= self.counter < COUNTER_MAX):
            return "a clock has a wall time in us and a counter, whole numbers from 0"
        return name_objection(self.node)


def ahead(clock: Clock, wall_now: int, drift_max: int = DRIFT_MAX) -> str | None:
    """Why a node whose wall clock reads `wall_now` refuses `clock`; None: it takes it.

    >>> ahead(Clock(3_600_000_000, 0, "w7"), wall_now=0)
    "w7's clock is 3600.0 s ahead; at most 0.5 s is taken"
    """
    if clock.wall - wall_now <= drift_max:
        return None
    by = seconds(clock.wall - wall_now)
    return f"{clock.node}'s clock is {by:.1f} s ahead; at most {seconds(drift_max)} s is taken"


@dataclass(frozen=True, slots=True)
class VectorClock:
    """How many events of each node are known: (node, count) pairs by node, counts from 1."""

    counts: tuple[tuple[str, int], ...] = ()

    def count(self, node: str) -> int:
        return dict(self.counts).get(node, 0)

    def tick(self, node: str) -> "VectorClock":
        """One event more on `node`."""
        return VectorClock.of({**dict(self.counts), node: self.count(node) + 1})

    def merge(self, other: "VectorClock") -> "VectorClock":
        """All that either knows."""
        both = dict(self.counts)
        for node, count in other.counts:
            both[node] = max(both.get(node, 0), count)
        return VectorClock.of(both)

    def before(self, other: "VectorClock") -> bool:
        """Did this happen before `other`, that is: did other know it, and more?"""
        theirs = dict(other.counts)
        known = all(count <= theirs.get(node, 0) for node, count in self.counts)
        return known and self.counts != other.counts

    def concurrent(self, other: "VectorClock") -> bool:
        """Neither knew of the other."""
        return not (self.before(other) or other.before(self) or self.counts == other.counts)

    @staticmethod
    def of(counts: dict[str, int]) -> "VectorClock":
        return VectorClock(tuple(sorted(counts.items())))

    def objection(self) -> str | None:
        """Why this is no vector clock; None: it is one."""
        return counts_objection(self.counts, "a vector clock")


def name_objection(name: object) -> str | None:
    """Why this is no node's name; None: it could be one."""
    if type(name) is str and len(name) <= NAME_MAX:
        return None
    return f"a node's name is text of at most {NAME_MAX} characters"


def counts_objection(counts: object, what: str) -> str | None:
    """Why `counts` is not ((node, count), ...), in order, each node once; None: it is."""
    fits = type(counts) is tuple and all(
        type(pair) is tuple
        and len(pair) == 2
        and name_objection(pair[0]) is None
        and type(pair[1]) is int
        and 0 < pair[1] < WALL_MAX
        for pair in counts
    )
    if not fits or [name for name, _ in counts] != sorted({name: None for name, _ in counts}):  # type: ignore[attr-defined]
        return f"{what} has (node, count) pairs in the order of names, counts from 1"
    return None


def demo() -> None:
    """A node an hour ahead, and one that answers it: who is later, and who is refused?"""
    hour = 3_600_000_000
    fast = Clock().tick(hour, "fast")
    answer = fast.tick(1_000, "slow")  # it has seen the other's write: its own must be later
    print("the answer is later:", answer > fast, answer)
    print("and both are refused:", ahead(answer, 2_000))
    left, right = VectorClock().tick("a"), VectorClock().tick("b")
    both = left.merge(right).tick("a")
    print("concurrent:", left.concurrent(right), " known to the third:", right.before(both))


if __name__ == "__main__":
    demo()
