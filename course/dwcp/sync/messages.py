"""What replicas say to each other.

All are Values. Everything from a peer is checked with `objection` before it is used; a replica
trusts its members to mean what they say, and counts on its host for who said it.
Read next: `saved`, `horizon`.
"""

from dataclasses import dataclass
from typing import Any

from course.dwcp.sync.clocks import WALL_MAX, Clock, counts_objection, name_objection
from course.dwcp.sync.lattice import Crdt, first
from course.dwcp.sync.maps import entry_objection
from course.dwcp.sync.merkle import HASH, LEAVES, Listing

Entries = tuple[tuple[str, Crdt], ...]
Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the `number`-th of node `at.node`, made at the clock `at`."""

    at: Clock
    number: int
    key: str
    delta: Crdt

    def objection(self) -> str | None:
        if type(self.at) is not Clock or type(self.number) is not int or self.number < 1:
            return "a change has the clock it was made at and a number from 1"
        return self.at.objection() or entry_objection(self.key, self.delta)


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat: by the time `wall` (us, hybrid clock) `node` had made `count` changes.

    All that it changes later has a later clock. It has every member's changes from before `floor`.
    """

    node: str
    wall: int = 0
    count: int = 0
    floor: int = 0
    suspects: tuple[str, ...] = ()  # regions it hears too little from

    def objection(self) -> str | None:
        numbers = (self.wall, self.count, self.floor)
        if not all(type(number) is int and 0 <= number < WALL_MAX for number in numbers):
            return "a heartbeat has whole numbers from 0"
        if type(self.suspects) is not tuple or any(type(name) is not str for name in self.suspects):
            return "a heartbeat's suspects are names of regions"
        return name_objection(self.node)


@dataclass(frozen=True, slots=True)
class Gossip:
    """News. `id` is unique, `path` the nodes it came through, the sender last."""

    id: Clock
    changes: tuple[Change, ...]
    beats: tuple[Beat, ...]
    path: tuple[str, ...]

    def objection(self) -> str | None:
        parts = (self.changes, self.beats, self.path)
        if type(self.id) is not Clock or any(type(part) is not tuple for part in parts):
            return "news has an id and tuples of changes, heartbeats and names"
        if any(type(c) is not Change for c in self.changes):
            return "a change is a Change"
        if any(type(b) is not Beat for b in self.beats):
            return "a heartbeat is a Beat"
        return self.id.objection() or first(
            [*(beat.objection() for beat in self.beats), *map(name_objection, self.path)]
        )


@dataclass(frozen=True, slots=True)
class Ack:
    """The message `id` arrived, and what it brought is on disk."""

    id: Clock

    def objection(self) -> str | None:
        return self.id.objection() if type(self.id) is Clock else "an acknowledgement has an id"


@dataclass(frozen=True, slots=True)
class Holds:
    """What a copy has: of each node the first `got` changes, and all made before `held` (us)."""

    got: Counts = ()
    held: Counts = ()

    def objection(self) -> str | None:
        return counts_objection(self.got, "got") or counts_objection(self.held, "held")


@dataclass(frozen=True, slots=True)
class Digest:
    """First word of a comparison: the root of my tree."""

    id: Clock
    root: bytes
    holds: Holds


@dataclass(frozen=True, slots=True)
class Same:
    """My root is the same."""

    id: Clock
    holds: Holds


@dataclass(frozen=True, slots=True)
class Leaves:
    """My root is another; here is what is below it."""

    id: Clock
    leaves: tuple[bytes, ...]
    holds: Holds


@dataclass(frozen=True, slots=True)
class Keys:
    """The leaves in which we differ, and my keys in them with the hashes of their values."""

    id: Clock
    differing: tuple[int, ...]
    listing: Listing
    holds: Holds


@dataclass(frozen=True, slots=True)
class Repaired:
    """Entries that you lack or have otherwise: part `part` of `parts`. `wants`: keys I ask for."""

    id: Clock
    part: int
    parts: int
    entries: Entries
    wants: tuple[str, ...] = ()


def repair_objection(message: Any) -> str | None:
    """Why this is no proper message of a comparison; None: it is."""
    if type(message.id) is not Clock or message.id.objection():
        return "a message has an id, which is a clock"
    if isinstance(message, Repaired):
        return _repaired_objection(message)
    if type(message.holds) is not Holds:
        return "a comparison says what the sender holds"
    hashes: tuple[Any, ...] = ()
    if isinstance(message, Leaves):
        if type(message.leaves) is not tuple or len(message.leaves) != LEAVES:
            return f"a tree has {LEAVES} leaves"
        hashes = message.leaves
    if isinstance(message, Keys):
        if not _fits_keys(message):
            return "a listing has leaves, and keys with hashes"
        hashes = tuple(item[1] for item in message.listing)
    if any(type(each) is not bytes or len(each) != HASH for each in hashes):
        return f"a hash is {HASH} bytes"
    return message.holds.objection()


def _fits_keys(message: Keys) -> bool:
    return (
        type(message.differing) is tuple
        and all(type(leaf) is int and 0 <= leaf < LEAVES for leaf in message.differing)
        and type(message.listing) is tuple
        and all(
            type(item) is tuple and len(item) == 2 and type(item[0]) is str
            for item in message.listing
        )
    )


def _repaired_objection(message: Repaired) -> str | None:
    numbers = (message.part, message.parts)
    if any(type(number) is not int for number in numbers) or not 0 <= message.part < message.parts:
        return "a part has a number below the number of parts"
    if type(message.wants) is not tuple or any(type(key) is not str for key in message.wants):
        return "wanted keys are text"
    if type(message.entries) is not tuple:
        return "entries are a tuple"
    if any(type(item) is not tuple or len(item) != 2 for item in message.entries):
        return "an entry is a key and a value"
    return first(entry_objection(key, value) for key, value in message.entries)
