"""What a replica saves, and what it shows.

A `Record` is what one step changed; all records in order make `Saved`, from which a replica starts
again. A `Reading` answers a read, a `Status` is for people and metrics.
Read before: `messages`. Read next: `horizon`.
"""

from dataclasses import dataclass, field
from typing import Any

from course.dwcp.sync.clocks import Clock
from course.dwcp.sync.lattice import Crdt
from course.dwcp.sync.messages import Entries, Holds


@dataclass(frozen=True, slots=True)
class Record:
    """What changed and must be on disk before anything is said about it."""

    entries: Entries
    dropped: tuple[str, ...]
    holds: Holds
    clock: Clock


@dataclass(frozen=True, slots=True)
class Saved:
    """What is on disk: all records, one after the other. A host may keep it as it likes."""

    entries: dict[str, Crdt] = field(default_factory=dict)
    got: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    def after(self, record: Record) -> "Saved":
        """With one record more. Never changes a `Saved` in place."""
        entries = {**self.entries, **dict(record.entries)}
        for key in record.dropped:
            entries.pop(key, None)
        got = {**self.got, **dict(record.holds.got)}
        held = {**self.held, **dict(record.holds.held)}
        return Saved(entries, got, held, record.clock)


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer from the local copy. Every change made more than `lag` ago is in it."""

    value: Any
    lag: int  # us
    stale: bool  # the lag is above the bound that was asked for


@dataclass(frozen=True, slots=True)
class Status:
    """What a replica shows. Times in us."""

    name: str
    keys: int
    tombstones: int
    lag: int
    behind: str  # the member that the lag is about
    conflicts: int  # own writes lost to a newer one whose writer had not seen them
    news: int  # changes not yet known to be everywhere
    not_durable: int  # own writes that too few nodes hold
    peers: int  # not left out
    suspects: tuple[str, ...]  # regions
    root: bytes
    clock: Clock
    repairs: int  # comparisons that ended with both alike
    refused: int  # changes and messages that were not taken
