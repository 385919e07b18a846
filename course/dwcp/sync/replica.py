"""A replica: a copy of the registry that answers at once and learns the rest by gossip.

A machine. A change is applied here, saved, and told to others every second: to 6 random peers what
they have not acknowledged. Who hears news passes it on, up to 10 times, not to those it came
through. Every 30 s it compares itself with one random peer (`repair`), which finds what gossip
missed. Nothing waits for the slowest; in return a read may be old, and says by how much.

What it promises: copies that have heard the same changes are equal. A change that was saved is
lost only where its type says so (an older write of a register). A read's `lag` is no guess: what
was changed earlier than that is in it. A removed key does not come back.

What it does not: ownership, placement and quarantine are decided by ACP, and only copied here.
Members are trusted to tell what they mean; a message that means nothing is told as `refused`.

Read before: `local`, `peers`, `repair`, `partition`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from course.dwcp.machine import Effect, Send, Tell
from course.dwcp.sync.clocks import Clock, ahead
from course.dwcp.sync.lattice import Crdt
from course.dwcp.sync.local import LocalCopy, told_durable
from course.dwcp.sync.messages import Ack, Beat, Change, Gossip, repair_objection
from course.dwcp.sync.partition import Watch
from course.dwcp.sync.peers import Peers
from course.dwcp.sync.repair import MESSAGES, Repair
from course.dwcp.sync.saved import Saved, Status
from course.dwcp.sync.settings import Settings

PORT = 8083


class Replica(LocalCopy):
    """A copy that talks to the others."""

    def __init__(
        self,
        name: str,
        members: Mapping[str, str],
        rng: Random,
        now: int,
        saved: Saved | None = None,
        settings: Settings = Settings(),
        wall: Callable[[int], int] = lambda now: now,
    ) -> None:
        super().__init__(name, members, saved or Saved(), settings, wall)
        self.peers = Peers(name, members, settings, rng)
        self.repair = Repair(self.store, self.horizon, self._take_entry, settings.message_max)
        self.watch = Watch(name, settings, now)
        self._repair_at = now + rng.randrange(settings.anti_entropy)
        self._refused = 0
        self._now = now
        self.wake_at: int | None = now + rng.randrange(settings.interval)

    def set_members(self, members: Mapping[str, str], now: int) -> list[Effect]:
        """The cluster decided who belongs to it. Who was removed no longer holds up collection.

        All members must have been told before a tombstone gets old enough to be collected.
        """
        if self.name not in members:
            raise ValueError(f"{self.name} is not among the members; stop it instead")
        self.members = self.peers.members = dict(members)
        return []

    def status(self, now: int) -> Status:
        return Status(
            name=self.name,
            keys=sum(self.store.get(key) is not None for key in self.store.entries),
            tombstones=self.store.tombstones(),
            lag=self.lag(now),
            behind=self.horizon.furthest_behind(self.members),
            conflicts=self.store.conflicts,
            news=len(self.news.items),
            not_durable=len(self.news.not_durable),
            peers=self.peers.able(now),
            suspects=self.watch.suspects,
            root=self.store.tree.root(),
            clock=self._latest,
            repairs=self.repair.done,
            refused=self._refused,
        )

    # what happens

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        """What is merged is saved before it is acknowledged or passed on."""
        self._now = now
        if sender not in self.members:
            return self._refuse(sender, f"{sender} is not a member")
        kind = type(message)
        if kind not in (Gossip, Ack, *MESSAGES):
            return self._refuse(sender, f"{kind.__name__} is no message of replicas")
        reason = repair_objection(message) if kind in MESSAGES else message.objection()
        if reason:
            return self._refuse(sender, reason)
        if kind is Gossip:
            return self._on_gossip(sender, message, now)
        return self._on_ack(sender, message) if kind is Ack else self._on_repair(sender, message)

    def wake(self, now: int) -> list[Effect]:
        """A round: say that I am alive, tell the news, and now and then compare.

        The clock that is saved is later than the ids of all messages sent, so a restart with a wall
        clock set back uses none of them again: who has seen an id would take nothing under it.
        """
        self._now = now
        self.wake_at = now + self.settings.interval
        for peer in self.news.forget(len(self.members), now):
            self.peers.failed(peer, now)
        told = [*self._collect(now), *self.watch.look(self.horizon.beats, self.members, now)]
        self._beat(now)
        sends = [*self._round(now), *self._compare(now)]
        return [self._save(), *told, *sends]

    # gossip

    def _round(self, now: int) -> list[Effect]:
        """To each of some peers: all heartbeats, and the changes that it may lack."""
        beats = tuple(self.horizon.beats[name] for name in sorted(self.horizon.beats))
        sends: list[Effect] = []
        for peer in self.peers.choose(now, self.settings.fanout):
            gossip = Gossip(self._tick(now), self.news.lacking(peer), beats, (self.name,))
            sends += self._post(gossip, (peer,), now)
        return sends

    def _on_gossip(self, sender: str, gossip: Gossip, now: int) -> list[Effect]:
        self.peers.answered(sender)
        for beat in gossip.beats:
            self._hear(beat, now)
        ack = Send(sender, Ack(gossip.id), PORT)
        if self.news.is_repeated(gossip.id):
            return [ack]
        fresh, refusals = self._take(sender, gossip.changes, now)
        if refusals:  # no acknowledgement, so it comes again, when clocks may agree
            return [*self._save_merged(), *refusals]
        self.news.taken(gossip.id, now)
        return [*self._save_merged(), ack, *(self._pass_on(gossip, now) if fresh else [])]

    def _take(self, sender: str, changes: Iterable[Change], now: int) -> tuple[int, list[Effect]]:
        """Merge what is new here: how many changes were, and why others were refused."""
        fresh = 0
        refusals: list[Effect] = []
        for change in changes:
            known = len(self.news.items)
            reason = self.take(change, now)
            if reason:
                refusals += self._refuse(sender, reason)
                continue
            fresh += len(self.news.items) > known
            self.news.has(sender, change.at)
        return fresh, refusals

    def _pass_on(self, gossip: Gossip, now: int) -> list[Effect]:
        """All of it, under the same id: who has seen an id has all that came under it."""
        if len(gossip.path) > self.settings.max_hops:
            return []
        peers = self.peers.choose(now, self.settings.fanout, gossip.path)
        return self._post(replace(gossip, beats=(), path=(*gossip.path, self.name)), peers, now)

    def _post(self, gossip: Gossip, peers: Iterable[str], now: int) -> list[Effect]:
        peers = tuple(peers)
        self.news.posted(gossip.id, peers, gossip.changes, now)
        return [Send(peer, gossip, PORT) for peer in peers]

    def _on_ack(self, sender: str, ack: Ack) -> list[Effect]:
        self.peers.answered(sender)
        return told_durable(self.news.acknowledged(sender, ack.id, len(self.members)))

    # repair

    def _on_repair(self, sender: str, message: Any) -> list[Effect]:
        before = self._refused
        answers = self.repair.receive(sender, message)
        refused = self._refused - before
        told = [Tell("entries_refused", {"sender": sender, "count": refused})] if refused else []
        return [*self._save_merged(), *told, *(Send(sender, each, PORT) for each in answers)]

    def _take_entry(self, key: str, value: Crdt) -> bool:
        taken = self.accept(key, value, self._now)
        self._refused += not taken
        return taken

    def _compare(self, now: int) -> list[Effect]:
        """With those who come back from a partition, one a round; else with anyone, every 30 s."""
        peer = self.watch.next_to_repair(self.members)
        if peer is None:
            if now < self._repair_at:
                return []
            self._repair_at = now + self.settings.anti_entropy
            peer = next(iter(self.peers.choose(now, 1)), None)
        if peer is None:
            return []
        return [Send(peer, self.repair.start(peer, self._tick(now)), PORT)]

    # heartbeats

    def _beat(self, now: int) -> None:
        count, members = self.horizon.got.get(self.name, 0), self.members
        wall = self._tick(now).wall
        beat = Beat(self.name, wall, count, self.horizon.floor(members), self.watch.suspects)
        self.horizon.hear(beat)

    def _hear(self, beat: Beat, now: int) -> None:
        too_early = ahead(Clock(beat.wall, 0, beat.node), self.wall(now))
        wanted = beat.node in self.members and beat.node != self.name
        if wanted and not too_early and self.horizon.hear(beat):
            self.watch.heard(beat.node, now)

    def _refuse(self, sender: str, reason: str | None) -> list[Effect]:
        self._refused += 1
        return [Tell("refused", {"sender": sender, "reason": reason})]
