"""One copy of the map, with the hashes of its entries, and what of it is not on disk yet.

The same joins as `ORMap`, in place: a replica merges many small changes into a large map. The hash
tree follows along, key by key.
Read before: `maps`, `merkle`. Read next: `repair`.
"""

from collections.abc import Mapping

from course.dwcp.sync.lattice import Crdt, Stable
from course.dwcp.sync.maps import digest_of, is_gone, join
from course.dwcp.sync.merkle import Tree
from course.dwcp.sync.messages import Entries
from course.dwcp.sync.registers import Register


class Store:
    """Keys to values. State without a timer; `Replica` owns it."""

    def __init__(self, entries: Mapping[str, Crdt], name: str) -> None:
        self.entries = dict(entries)
        self.tree = Tree()
        self.conflicts = 0  # writes of `name` that were lost (see `Register.conflicts`)
        self._name = name
        self._dirty: dict[str, None] = {}
        self._with_tombstones: dict[str, None] = {}
        for key, value in self.entries.items():
            self._index(key, value)

    def get(self, key: str) -> Crdt | None:
        """The value of `key`; None: there is none, or it was removed."""
        value = self.entries.get(key)
        return None if value is None or is_gone(value) else value

    def merge(self, key: str, delta: Crdt) -> bool:
        """Join `delta` into the value of `key`. Did that change anything?"""
        mine = self.entries.get(key)
        both = join(mine, delta)
        if isinstance(mine, Register) and isinstance(delta, Register):
            is_older = mine.clock < delta.clock and mine.clock.node == self._name
            self.conflicts += is_older and mine.conflicts(delta)
        if both == mine:
            return False
        self.entries[key] = both
        self._dirty[key] = None
        self._index(key, both)
        return True

    def collect(self, stable: Stable) -> int:
        """Forget tombstones that every node has. How many were forgotten?"""
        forgotten = 0
        for key in list(self._with_tombstones):
            old = self.entries[key]
            new = old.collected(stable)
            if new == old:
                continue
            forgotten += old.tombstones() - new.tombstones()
            self._dirty[key] = None
            if new == type(new)():
                del self.entries[key], self._with_tombstones[key]
                self.tree.drop(key)
            else:
                self.entries[key] = new
                self._index(key, new)
        return forgotten

    def tombstones(self) -> int:
        return sum(self.entries[key].tombstones() for key in self._with_tombstones)

    def is_unsaved(self) -> bool:
        """Did an entry change since the last `unsaved`?"""
        return bool(self._dirty)

    def unsaved(self) -> tuple[Entries, tuple[str, ...]]:
        """The entries that changed since the last call, and the keys that are gone."""
        dirty, self._dirty = self._dirty, {}
        there = tuple((key, self.entries[key]) for key in dirty if key in self.entries)
        return there, tuple(key for key in dirty if key not in self.entries)

    def _index(self, key: str, value: Crdt) -> None:
        self.tree.put(key, digest_of(value))
        if value.tombstones():
            self._with_tombstones[key] = None
        else:
            self._with_tombstones.pop(key, None)
