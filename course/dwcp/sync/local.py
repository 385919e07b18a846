"""One node's copy of the registry, without a network: it is changed, read, merged into and saved.

A change is applied at once, numbered, given a clock later than everything seen here, and answered
with a `Save`. Whatever comes from others goes through `take` (a change) or `accept` (an entry
from a comparison); both move the clock on, so that what is written after reading is later.

`now` is the host's monotonic clock; `wall` turns it into the host's wall clock, right or wrong.
Both in us. Left out: Raft for writes inside a site, and a member's return under its old name with
an empty disk: it must come back under a new one.
Read before: `store`, `horizon`, `news`. Read next: `replica`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from course.dwcp.machine import Effect, Save, Tell
from course.dwcp.sync.clocks import Clock, ahead
from course.dwcp.sync.counters import PNCounter
from course.dwcp.sync.horizon import Horizon
from course.dwcp.sync.lattice import Crdt
from course.dwcp.sync.maps import entry_objection, removal
from course.dwcp.sync.messages import Change
from course.dwcp.sync.news import News
from course.dwcp.sync.registers import Register
from course.dwcp.sync.saved import Reading, Record, Saved
from course.dwcp.sync.sets import ORSet
from course.dwcp.sync.settings import Settings
from course.dwcp.sync.store import Store

Edit = Callable[[Any, Clock], Crdt]
"""(the present value, the change's clock) -> the delta."""


class LocalCopy:
    """What one node has. `members` maps names to regions, its own name among them."""

    def __init__(
        self,
        name: str,
        members: Mapping[str, str],
        saved: Saved,
        settings: Settings,
        wall: Callable[[int], int],
    ) -> None:
        if name not in members:
            raise ValueError(f"{name} is not among the members {', '.join(members)}")
        self.name, self.members, self.settings, self.wall = name, dict(members), settings, wall
        self.store = Store(saved.entries, name)
        self.horizon = Horizon(saved.got, saved.held)
        self.news = News(name, settings)
        self._latest = saved.clock  # nothing here is later; it never goes back

    # commands

    def put(self, key: str, value: Any, now: int) -> list[Effect]:
        """Write a register; the last writer wins. None is no value: use `remove`."""
        if value is None:
            raise ValueError(f"None is no value for {key}; remove the key")
        return self.change(key, Register, lambda old, at: old.set(value, at), now)

    def add(self, key: str, element: str, now: int) -> list[Effect]:
        """Put `element` into an OR-set."""
        return self.change(key, ORSet, lambda old, at: old.add(element, at), now)

    def discard(self, key: str, element: str, now: int) -> list[Effect]:
        """Take `element` out of an OR-set, as far as it is known here."""
        return self.change(key, ORSet, lambda old, at: old.remove(element, at), now)

    def count(self, key: str, by: int, now: int) -> list[Effect]:
        """Raise a counter by `by`, or lower it if `by` is negative."""
        if by < 0:
            return self.change(key, PNCounter, lambda old, _: old.decrement(self.name, -by), now)
        return self.change(key, PNCounter, lambda old, _: old.increment(self.name, by), now)

    def remove(self, key: str, now: int) -> list[Effect]:
        """Remove a key: a register for good, a set as far as it is known here."""
        value = self.store.get(key)
        if value is None:
            raise ValueError(f"{key} is not here")
        return self.change(key, type(value), removal, now)

    def change(self, key: str, kind: type[Crdt], edit: Edit, now: int) -> list[Effect]:
        """Any change of a value of type `kind`. ValueError, and nothing happens, if it cannot be.

        `write_durable` is told when enough nodes hold it; a replica that restarts before that
        spreads it all the same, and no longer tells.

        >>> replica.change("seen", GSet, lambda old, at: old.add("w7"), now)  # doctest: +SKIP
        """
        old = self.store.entries.get(key, kind())
        if type(old) is not kind:
            raise ValueError(f"{key} is a {type(old).__name__}, not a {kind.__name__}")
        at = self._latest.tick(self.wall(now), self.name)
        delta = edit(old, at)
        reason = entry_objection(key, delta)
        if reason:
            raise ValueError(reason)
        self._latest = at
        self.learn(Change(at, self.horizon.got.get(self.name, 0) + 1, key, delta), now)
        durable = self.news.durable([at], len(self.members))  # at once, if one copy is enough
        return [self._save(), *told_durable(durable)]

    def read(self, key: str, now: int, max_staleness: int | None = None) -> Reading:
        """The value here, at once; None if there is none. `stale` if it may be too old (us)."""
        bound = self.settings.max_staleness if max_staleness is None else max_staleness
        value, lag = self.store.get(key), self.lag(now)
        return Reading(None if value is None else value.read(), lag, lag > bound)

    def lag(self, now: int) -> int:
        """Every change made longer ago than this (us) is here."""
        return max(0, self.wall_here(now) - self.horizon.floor(self.members))

    # what comes from others

    def learn(self, change: Change, now: int) -> None:
        """Merge a change that is not here, and keep it as news."""
        self.horizon.note(change.at.node, change.number)
        self.store.merge(change.key, change.delta)
        self.news.add(change, now)

    def take(self, change: Change, now: int) -> str | None:
        """Merge another node's change. Why it is refused; None: it is here, now or already."""
        reason = change.objection() or ahead(change.at, self.wall(now))
        if reason is None and not self.horizon.knows(change.at.node, change.number):
            self.observe(change.at)
            self.learn(change, now)
        return reason

    def accept(self, key: str, value: Crdt, now: int) -> bool:
        """An entry from a comparison: merged, unless its clock is too far ahead."""
        newest = value.newest()
        if ahead(newest, self.wall(now)):
            return False
        self.observe(newest)
        self.store.merge(key, value)
        return True

    def _collect(self, now: int) -> list[Effect]:
        """Forget tombstones that are old and that every member has."""
        members = self.members
        before = min(
            self.horizon.stable(members), self.wall_here(now) - self.settings.tombstone_ttl
        )
        forgotten = self.store.collect(lambda at: at.node in members and at.wall < before)
        return [Tell("tombstones_collected", {"count": forgotten})] if forgotten else []

    # time

    def _tick(self, now: int) -> Clock:
        self._latest = self._latest.tick(self.wall(now), self.name)
        return self._latest

    def observe(self, clock: Clock) -> None:
        """What is written here from now on is later than what was seen."""
        self._latest = max(self._latest, clock)

    def wall_here(self, now: int) -> int:
        return max(self._latest.wall, self.wall(now))

    # disk

    def _save(self) -> Save:
        """Everything that is new, to disk, before anybody hears of it."""
        entries, dropped = self.store.unsaved()
        return Save(Record(entries, dropped, self.horizon.unsaved(), self._latest))

    def _save_merged(self) -> list[Effect]:
        """After a message, only if it changed an entry: who reaches further can wait for a round.

        A restart then claims less than is here, which is true.
        """
        return [self._save()] if self.store.is_unsaved() else []


def told_durable(changes: Iterable[Change]) -> list[Effect]:
    """What people hear of own changes that are on enough disks now."""
    return [Tell("write_durable", {"key": each.key, "number": each.number}) for each in changes]
