"""How far does a copy reach? Which changes it has, and up to which moment it has all of them.

Every change is numbered by its node, 1, 2, 3, so a gap shows. A heartbeat says: by this time I had
made so many changes. Who has the time *and* all those changes has everything that node did before.
The heartbeat alone would prove nothing: it may arrive while a change is lost.

    held[node]   all changes of `node` from before this moment (us) are here
    floor        the least of all members: everything from before it is here; now - floor: the lag
    stable       the least floor of all members: everything from before it is everywhere

This is the version vector of Demers et al. (1987) and Parker et al. (1983), with time beside it,
as in the golden line of Golding's timestamped anti-entropy (1992).
Read before: `messages`. Read next: `peers`.
"""

from collections.abc import Iterable, Mapping

from course.dwcp.sync.messages import Beat, Counts, Holds

AHEAD_MAX = 10_000  # changes of one node beyond a gap that are remembered
OPEN_MAX = 16  # heartbeats of one node that wait for changes


class Horizon:
    """What one replica has of every node. State without a timer; `Replica` owns it."""

    def __init__(self, got: Mapping[str, int], held: Mapping[str, int]) -> None:
        self.got = dict(got)  # node -> how many of its first changes are here, without a gap
        self.held = dict(held)
        self.beats: dict[str, Beat] = {}  # the latest of each node
        self._ahead: dict[str, dict[int, None]] = {}  # beyond a gap
        self._open: dict[str, list[Beat]] = {}  # heartbeats whose changes are not all here
        self._dirty: dict[str, None] = {}  # nodes about which something is new since `unsaved`

    def knows(self, node: str, number: int) -> bool:
        return number <= self.got.get(node, 0) or number in self._ahead.get(node, {})

    def note(self, node: str, number: int) -> None:
        """Change `number` of `node` is here now."""
        ahead = self._ahead.setdefault(node, {})
        if len(ahead) < AHEAD_MAX:  # else forgotten; the next comparison fills the gap
            ahead[number] = None
        self._advance(node)

    def hear(self, beat: Beat) -> bool:
        """A heartbeat, from wherever. Was it news?"""
        last = self.beats.get(beat.node)
        if last is not None and last.wall >= beat.wall:
            return False
        self.beats[beat.node] = beat
        self._open[beat.node] = [*self._open.get(beat.node, [])[-OPEN_MAX + 1 :], beat]
        self._advance(beat.node)
        return True

    def adopt(self, holds: Holds) -> None:
        """This copy has merged all that a copy with these `holds` had."""
        for node, count in holds.got:
            if count > self.got.get(node, 0):
                self.got[node] = count
                self._dirty[node] = None
            self._advance(node)
        for node, wall in holds.held:
            self._hold(node, wall)

    def floor(self, members: Iterable[str]) -> int:
        """Everything the members changed before this moment (us) is here."""
        return min(self.held.get(name, 0) for name in members)

    def furthest_behind(self, members: Iterable[str]) -> str:
        """The member of whom least is known."""
        return min(members, key=lambda name: (self.held.get(name, 0), name))

    def stable(self, members: Iterable[str]) -> int:
        """Everything from before this moment (us) is at every member, by what they said."""
        return min(self.beats[name].floor if name in self.beats else 0 for name in members)

    def holds(self) -> Holds:
        return Holds(_pairs(self.got, self.got), _pairs(self.held, self.held))

    def unsaved(self) -> Holds:
        """What changed since the last call."""
        dirty, self._dirty = self._dirty, {}
        return Holds(_pairs(self.got, dirty), _pairs(self.held, dirty))

    def _advance(self, node: str) -> None:
        got, ahead = self.got.get(node, 0), self._ahead.get(node, {})
        while got + 1 in ahead:
            got += 1
        if got > self.got.get(node, 0):
            self.got[node] = got
            self._dirty[node] = None
        if any(number <= got for number in ahead):
            self._ahead[node] = {number: None for number in ahead if number > got}
        waiting = self._open.get(node, [])
        for beat in waiting:
            if beat.count <= got:
                self._hold(node, beat.wall)
        self._open[node] = [beat for beat in waiting if beat.count > got]

    def _hold(self, node: str, wall: int) -> None:
        if wall > self.held.get(node, 0):
            self.held[node] = wall
            self._dirty[node] = None


def _pairs(counts: Mapping[str, int], names: Iterable[str]) -> Counts:
    return tuple((name, counts[name]) for name in sorted(names) if counts.get(name))


def demo() -> None:
    """A heartbeat overtakes a change: the copy does not claim what it does not have."""
    copy = Horizon({}, {})
    copy.note("a", 1)
    copy.hear(Beat("a", wall=1_000, count=2))
    print("two were made, one is here:", copy.held.get("a", 0))
    copy.note("a", 2)
    print("now both are:", copy.held["a"])


if __name__ == "__main__":
    demo()
