"""Replicas under loss, repetition, reordering, cuts and crashes; and mistakes that must be found."""

import pytest

from course.dwcp.machine import Save
from course.dwcp.sync import Clock, GCounter, ORSet, Replica
from course.dwcp.sync import horizon as horizon_module
from course.dwcp.sync import repair as repair_module
from course.dwcp.sync import store as store_module
from course.dwcp.sync.messages import Beat
from course.dwcp.units import SECOND
from tests.dwcp.sync_world import Broken, storm


@pytest.mark.parametrize("seed", range(3))
def test_in_a_storm_every_promise_holds_and_afterwards_all_copies_are_equal(seed):
    world = storm(seed, duration=40 * SECOND)
    assert len(world.ops) > 100 and world.messages > 2_000


def test_a_seed_gives_the_same_history_again():
    one, other = storm(3, duration=10 * SECOND), storm(3, duration=10 * SECOND)
    assert (one.ops, one.messages, one.told) == (other.ops, other.messages, other.told)


# mistakes: each of them passes some seeds, none may pass all


class DoesNotAdvanceItsClock(Replica):
    """Writes after reading may be earlier than what they answer."""

    def observe(self, clock):
        pass


class SendsBeforeItSaves(Replica):
    """And crashes between the two."""

    def receive(self, sender, message, now):
        return sorted(super().receive(sender, message, now), key=lambda e: isinstance(e, Save))

    def wake(self, now):
        return sorted(super().wake(now), key=lambda e: isinstance(e, Save))


class SavesOnlyItsOwn(Replica):
    """What it merged is gone after a restart, but it said that it had it."""

    def receive(self, sender, message, now):
        effects = super().receive(sender, message, now)
        return [e for e in effects if not isinstance(e, Save)]


class CollectsByAgeAlone(Replica):
    """A tombstone that is old enough is forgotten, whoever lacks it."""

    def _collect(self, now):
        before = self.wall_here(now) - self.settings.tombstone_ttl
        self.store.collect(lambda at: at.wall < before)
        return []


class DeletesWithoutATombstone(Replica):
    """The key is taken out of the local copy, and comes back with the next exchange (D-39)."""

    def remove(self, key, now):
        effects = super().remove(key, now)
        del self.store.entries[key]
        self.store.tree.drop(key)
        self.store._with_tombstones.pop(key, None)
        for at in [at for at, item in self.news.items.items() if item.change.key == key]:
            del self.news.items[at]
            self.news.not_durable.pop(at, None)
        return effects


@pytest.mark.parametrize(
    "mistaken",
    [
        DoesNotAdvanceItsClock,
        SendsBeforeItSaves,
        SavesOnlyItsOwn,
        CollectsByAgeAlone,
        DeletesWithoutATombstone,
    ],
)
def test_a_mistake_in_the_replica_is_found(mistaken):
    found(mistaken)


def trusts_every_heartbeat(self, beat: Beat):
    if beat.wall <= self.beats.get(beat.node, Beat("")).wall:
        return False
    self.beats[beat.node] = beat
    self._hold(beat.node, beat.wall)
    return True


def adopts_before_it_has_merged(self, sender, message):
    self._adopt(message.holds)
    return right_on_leaves(self, sender, message)


def skips_keys_that_differ(self, sender, message):
    mine = dict(self._store.tree.listing(message.differing))
    listing = tuple((key, mine.get(key, hash_)) for key, hash_ in message.listing)
    return right_on_keys(
        self, sender, type(message)(message.id, message.differing, listing, message.holds)
    )


def digest_of_the_type_alone(value):
    return type(value).__name__.encode()[:8].ljust(8)


def sums_up(self, other):
    both = dict(self.counts)
    for node, count in other.counts:
        both[node] = both.get(node, 0) + count
    return GCounter(tuple(sorted(both.items())))


def by_wall_clock_only(self, wall_now, node):
    return Clock(wall_now, 0, node)


def removes_by_name(self, other):
    """A remove takes every tag of the element, those it never saw too."""
    added = {**self.added, **other.added}
    removed = {**self.removed, **other.removed}
    names = {added[tag] for tag in removed if tag in added}
    return ORSet({tag: e for tag, e in added.items() if e not in names}, removed)


def forgets_the_removed_tags(self, other):
    both = right_or_merge(self, other)
    return both if self is other else ORSet(both.added, {})


right_on_leaves = repair_module.Repair._on_leaves
right_on_keys = repair_module.Repair._on_keys
right_or_merge = ORSet.merge


@pytest.mark.parametrize(
    ("where", "name", "mistake"),
    [
        (horizon_module.Horizon, "hear", trusts_every_heartbeat),
        (repair_module.Repair, "_on_leaves", adopts_before_it_has_merged),
        (repair_module.Repair, "_on_keys", skips_keys_that_differ),
        (store_module, "digest_of", digest_of_the_type_alone),
        (GCounter, "merge", sums_up),
        (Clock, "tick", by_wall_clock_only),
        (ORSet, "merge", removes_by_name),
        (ORSet, "merge", forgets_the_removed_tags),
    ],
)
def test_a_mistake_in_a_part_is_found(where, name, mistake, monkeypatch):
    monkeypatch.setattr(where, name, mistake)
    found(Replica)


def found(replica, seeds=range(40)):
    for seed in seeds:
        try:
            storm(seed, replica, duration=30 * SECOND, crashes=0.02)
        except Broken:
            return seed
    raise AssertionError(f"{replica.__name__} passed {len(seeds)} storms")
