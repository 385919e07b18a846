"""Anti-entropy: two copies compare themselves, and each gets what it lacks or has otherwise.

Gossip is quick and may miss somebody; this finds whatever was missed, by comparing state and not
messages (Demers et al. 1987):

    I -> R   Digest    my root                             R -> I   Same, or Leaves: all 256
    I -> R   Keys      my keys in leaves that differ       R -> I   Repaired, and what R wants
    I -> R   Repaired  what R wanted

Each side also says what it holds, at the moment it says what its hashes are. When all parts are
merged, a copy has everything the other had at that moment, so it may adopt that as its own. One
entry refused, or one part lost, and it adopts nothing; what was merged stays, and the next
comparison has less to do. Keys that *differ* are fetched as well as keys that are missing: else an
update that was lost stays lost.

Left out: a bound on how many comparisons run at once, which the interval keeps low.
Read before: `merkle`, `horizon`. Read next: `replica`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from course.dwcp.sync.clocks import Clock
from course.dwcp.sync.horizon import Horizon
from course.dwcp.sync.lattice import canonical
from course.dwcp.sync.maps import digest_of
from course.dwcp.sync.merkle import differing
from course.dwcp.sync.messages import Digest, Entries, Holds, Keys, Leaves, Repaired, Same
from course.dwcp.sync.store import Store

MESSAGES = (Digest, Same, Leaves, Keys, Repaired)
Accept = Callable[[str, Any], bool]
"""Merge an entry from a peer, or refuse it."""


@dataclass(slots=True)
class Session:
    """A comparison under way with one peer."""

    id: Clock
    holds: Holds  # what the peer had when it showed its hashes
    parts: dict[int, None] = field(default_factory=dict)  # that arrived
    spoilt: bool = False  # an entry was refused


class Repair:
    """One replica's comparisons, at most one a peer. `accept` merges one entry."""

    def __init__(self, store: Store, horizon: Horizon, accept: Accept, size_max: int) -> None:
        self.done = 0  # comparisons after which nothing was missing here
        self._store, self._horizon, self._accept = store, horizon, accept
        self._size_max = size_max
        self._asked: dict[str, Clock] = {}  # peer -> id of the Digest that it has not answered
        self._sessions: dict[str, Session] = {}

    def start(self, peer: str, id: Clock) -> Digest:
        """The first message to `peer`. It replaces an older comparison with it."""
        self._asked[peer] = id
        self._sessions.pop(peer, None)
        return Digest(id, self._store.tree.root(), self._horizon.holds())

    def receive(self, sender: str, message: Any) -> list[Any]:
        """The answers to a message that was checked with `repair_objection`."""
        if isinstance(message, Digest):
            return self._on_digest(message)
        if isinstance(message, Repaired):
            return self._on_repaired(sender, message)
        if isinstance(message, Keys):
            return self._on_keys(sender, message)
        if self._asked.get(sender) != message.id:
            return []  # late, or never asked
        del self._asked[sender]
        if isinstance(message, Same):
            self._adopt(message.holds)
            return []
        return self._on_leaves(sender, message)

    def _on_digest(self, digest: Digest) -> list[Any]:
        if digest.root == self._store.tree.root():
            self._adopt(digest.holds)
            return [Same(digest.id, self._horizon.holds())]
        return [Leaves(digest.id, self._store.tree.leaves(), self._horizon.holds())]

    def _on_leaves(self, sender: str, message: Leaves) -> list[Any]:
        leaves = differing(self._store.tree.leaves(), message.leaves)
        self._sessions[sender] = Session(message.id, message.holds)
        listing = self._store.tree.listing(leaves)
        return [Keys(message.id, leaves, listing, self._horizon.holds())]

    def _on_keys(self, sender: str, message: Keys) -> list[Any]:
        mine = dict(self._store.tree.listing(message.differing))
        theirs = dict(message.listing)
        wants = tuple(sorted(key for key in theirs if mine.get(key) != theirs[key]))
        sends = [key for key in sorted(mine) if theirs.get(key) != mine[key]]
        if wants:
            self._sessions[sender] = Session(message.id, message.holds)
        else:
            self._adopt(message.holds)
        return self._parts(message.id, sends, wants)

    def _on_repaired(self, sender: str, message: Repaired) -> list[Any]:
        session = self._sessions.get(sender)
        taken = [self._accept(key, value) for key, value in message.entries]
        if session is not None and session.id == message.id:
            session.parts[message.part] = None
            session.spoilt |= not all(taken)
            if len(session.parts) == message.parts:
                del self._sessions[sender]
                if not session.spoilt:
                    self._adopt(session.holds)
        return self._parts(message.id, message.wants, ()) if message.wants else []

    def _adopt(self, holds: Holds) -> None:
        self._horizon.adopt(holds)
        self.done += 1

    def _parts(self, id: Clock, keys: Iterable[str], wants: tuple[str, ...]) -> list[Any]:
        there = [(key, self._store.entries[key]) for key in keys if key in self._store.entries]
        parts = _split(there, self._size_max)
        return [
            Repaired(id, i, len(parts), part, () if i else wants) for i, part in enumerate(parts)
        ]


def _split(entries: list[tuple[str, Any]], size_max: int) -> list[Entries]:
    """In messages of at most `size_max` bytes; at least one, and an entry is never cut."""
    parts: list[list[tuple[str, Any]]] = [[]]
    filled = 0
    for key, value in entries:
        size = len(canonical([key, value.plain()]))
        if parts[-1] and filled + size > size_max:
            parts.append([])
            filled = 0
        parts[-1].append((key, value))
        filled += size
    return [tuple(part) for part in parts]


def same(one: Store, other: Store) -> bool:
    """Are two copies equal, by every value and not by their trees?"""
    return {k: digest_of(v) for k, v in one.entries.items()} == {
        k: digest_of(v) for k, v in other.entries.items()
    }
