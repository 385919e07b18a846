"""Raft's log: decisions in order, with the oldest of them folded into a snapshot.

Indices start at 1. Entries up to `snapshot.index` are gone; what they did is in `snapshot.state`.
Who belongs to the group stands in the log too, as a `Members` entry, and holds from the moment it
is appended, committed or not (Ongaro's thesis, 4.1): the log alone decides who may vote.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Members:
    """Who votes. `learners` get the log but have no vote yet, so that they can catch up first."""

    voters: tuple[str, ...]
    learners: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self.voters or name in self.learners

    def objection(self, new: "Members") -> str | None:
        """Why `new` may not follow at once; None: it may.

        Two majorities always share a voter if the voters differ by one; with two they need not
        (thesis, 4.1), and two leaders could be elected.
        """
        moved = set(self.voters) ^ set(new.voters)
        if len(moved) > 1:
            return f"one voter at a time: {', '.join(sorted(moved))} would change together"
        if not new.voters:
            return "a group without voters decides nothing; leave at least one"
        both = set(new.voters) & set(new.learners)
        return f"{', '.join(sorted(both))} cannot be voter and learner" if both else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: the term of the leader that took it, and what was decided."""

    term: int
    command: Any


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What entries 1 to `index` came to. `state` is the host's own, never looked into here."""

    index: int = 0
    term: int = 0
    members: Members = Members(())
    state: Any = None


class Log:
    """Entries `snapshot.index + 1` to `last_index`. What it holds, it never changes in place."""

    def __init__(self, snapshot: Snapshot, entries: Iterable[Entry] = ()) -> None:
        self.snapshot = snapshot
        self.entries: list[Entry] = []
        self._members = [(snapshot.index, snapshot.members)]  # every change, oldest first
        self.append(entries)

    @property
    def last_index(self) -> int:
        return self.snapshot.index + len(self.entries)

    @property
    def last_term(self) -> int:
        return self.entries[-1].term if self.entries else self.snapshot.term

    @property
    def members(self) -> Members:
        """The group by the newest entry that names it."""
        return self._members[-1][1]

    @property
    def members_index(self) -> int:
        """Where that entry stands."""
        return self._members[-1][0]

    def term_at(self, index: int) -> int | None:
        """0 before the first entry; None if the entry is not here, or no longer."""
        if index == self.snapshot.index:
            return self.snapshot.term
        at = index - self.snapshot.index - 1
        return self.entries[at].term if 0 <= at < len(self.entries) else None

    def entry(self, index: int) -> Entry:
        """The entry at `index`; IndexError if it is in the snapshot or not here yet."""
        if not self.snapshot.index < index <= self.last_index:
            here = f"{self.snapshot.index + 1} to {self.last_index}"
            raise IndexError(f"entry {index} is not in the log, which holds {here}")
        return self.entries[index - self.snapshot.index - 1]

    def after(self, index: int, most: int) -> tuple[Entry, ...]:
        """At most `most` entries that follow `index`."""
        at = index - self.snapshot.index
        assert at >= 0, "those entries are in the snapshot"
        return tuple(self.entries[at : at + most])

    def append(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.entries.append(entry)
            if isinstance(entry.command, Members):
                self._members.append((self.last_index, entry.command))

    def cut(self, index: int) -> None:
        """Drop the entry at `index` and all that follow: a leader says that they never were."""
        del self.entries[index - self.snapshot.index - 1 :]
        while self._members[-1][0] >= index:
            self._members.pop()

    def fold(self, index: int, state: Any) -> None:
        """Entries up to `index` become a snapshot; the rest stays."""
        members = [m for at, m in self._members if at <= index][-1]
        term = self.term_at(index)
        assert term is not None, "only what is in the log can be folded"
        self.install(Snapshot(index, term, members, state))

    def install(self, snapshot: Snapshot) -> None:
        """Take a snapshot; entries that follow it stay if they fit it (Raft, section 7)."""
        fits = self.term_at(snapshot.index) == snapshot.term
        rest = self.entries[snapshot.index - self.snapshot.index :] if fits else []
        Log.__init__(self, snapshot, rest)
