"""Many copies that gossip in step: the merges of `replica`, a whole cluster's round at a time.

A replica sends 6 messages a second and answers as many: 430,000 an hour among ten nodes, more than
all else that a small cluster says. Nearly all of them carry nothing but heartbeats, whose merge is
a maximum. So the lab keeps what all nodes have in two arrays, and a round is a few operations on
them, whatever the number of messages:

    held[i, j]   node i has all changes that j made before this moment (us, j's clock)
    got[i, j]    how many of j's changes i has, without a gap

Changes are rare and are the real thing: made, checked and merged one by one by each node's own
`LocalCopy`. A message brings what its receiver lacks, found by comparing version vectors, as in
Scuttlebutt (van Renesse et al. 2008); so each message repairs too, and no second kind is needed.

Simplified, against `Replica`: all nodes' rounds begin at the same moment; a message takes until the
next round; news is not passed on between rounds; a sender knows what the receiver has, where a
replica knows what was acknowledged; a node that was down comes back with all it had. So news takes
whole seconds here, and less among replicas. Read before: `local`. Read next: `gossip`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from course.dwcp.sync.clocks import DRIFT_MAX
from course.dwcp.sync.local import LocalCopy
from course.dwcp.sync.messages import Change, Holds
from course.dwcp.sync.saved import Reading, Saved
from course.dwcp.sync.settings import Settings

Table = NDArray[np.int64]  # nodes x nodes
Flags = NDArray[np.bool_]
Act = Callable[[LocalCopy], object]


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages sent `at`, us: `senders[k]` to `receivers[k]`, with what the senders had."""

    at: int
    senders: NDArray[np.intp]
    receivers: NDArray[np.intp]
    held: Table
    got: Table


class Mesh:
    """All members' copies. `members` maps names to regions; a node's number is its place in it.

    `clocks` are how far each node's wall clock is ahead of `now`, us; change it as they change.
    """

    def __init__(
        self, members: Mapping[str, str], rng: np.random.Generator, settings: Settings = Settings()
    ) -> None:
        self.names, self.settings = tuple(members), settings
        n = len(self.names)
        self.clocks = np.zeros(n, np.int64)
        self.copies = {
            name: LocalCopy(name, members, Saved(), settings, partial(self._wall, i))
            for i, name in enumerate(self.names)
        }
        self.fanout = settings.fanout
        self.sent, self.received = np.zeros(n, np.int64), np.zeros(n, np.int64)  # messages
        self.rounds = 0
        self.refused: list[tuple[str, str]] = []  # of the last round: who, and why
        self.held, self.got = np.zeros((n, n), np.int64), np.zeros((n, n), np.int64)
        self._number = {name: i for i, name in enumerate(self.names)}
        self._far = np.array([[a != b for b in members.values()] for a in members.values()])
        self._failures, self._back_at = np.zeros((n, n), np.int64), np.zeros((n, n), np.int64)
        self._log: list[dict[int, Change]] = [{} for _ in self.names]  # what some may lack
        self._under_way: Batch | None = None
        self._rng = rng

    # commands

    def change(self, name: str, act: Act) -> None:
        """Let `act` change a node's copy: `mesh.change("w1", lambda c: c.put("k", 1, now))`."""
        i, copy = self._number[name], self.copies[name]
        act(copy)
        for item in copy.news.items.values():
            self._log[i][item.change.number] = item.change
            self.got[i, i] = item.change.number
        copy.news.items.clear()
        copy.news.not_durable.clear()

    def round(self, now: int, up: Flags, passes: Flags) -> None:
        """What was sent a round ago arrives; then every node that is `up` tells its peers.

        `passes[i, j]`: a message that i sends to j now gets there. Both have a node a place.
        """
        self.rounds += 1
        self.refused = []
        if self._under_way:
            self._deliver(self._under_way, up)
        ahead = np.array([self.copies[name].wall_here(now) for name in self.names])
        np.fill_diagonal(self.held, np.where(up, ahead, self.held.diagonal()))
        senders, receivers = self._choose(up, now)
        self.sent += np.bincount(senders, minlength=len(self.names))
        arrives = passes[senders, receivers]
        answered = arrives & up[receivers] & passes[receivers, senders]
        self._reckon(senders, receivers, answered, now)
        senders, receivers = senders[arrives], receivers[arrives]
        self._under_way = Batch(now, senders, receivers, self.held[senders], self.got[senders])

    # looking in

    def lag(self, name: str, now: int, members: Flags | None = None) -> int | None:
        """Every change that `members` (all) made longer ago than this (us) is at `name`.

        None: of one of them nothing was ever heard.
        """
        held = self.held[self._number[name]]
        floor = int((held if members is None else held[members]).min())
        return max(0, self._wall(self._number[name], now) - floor) if floor else None

    def behind(self, name: str, members: Flags | None = None) -> str:
        """The one of `members` (all) of whom `name` knows least."""
        held = self.held[self._number[name]]
        if members is not None and members.any():
            held = np.where(members, held, held.max() + 1)
        return self.names[int(held.argmin())]

    def read(self, name: str, key: str, now: int) -> Reading:
        """What `name` answers, from its copy."""
        copy, i = self.copies[name], self._number[name]
        copy.horizon.adopt(Holds(self._pairs(self.got[i]), self._pairs(self.held[i])))
        return copy.read(key, now)

    def peers(self, name: str, now: int, members: Flags | None = None) -> int:
        """How many of `members` (all) `name` tells things: those that it has not left out."""
        able = self._back_at[self._number[name]] <= now
        able[self._number[name]] = False
        return int(able.sum() if members is None else (able & members).sum())

    # a round

    def _choose(self, up: Flags, now: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """For each node that is up `fanout` peers by chance, one of them from another region."""
        n, fanout = len(self.names), min(self.fanout, len(self.names) - 1)
        order = self._rng.random((n, n))
        barred = self._back_at > now
        np.fill_diagonal(barred, True)
        order[barred] = 2.0
        far = np.where(self._far & ~barred, order, 2.0)
        first = far.argmin(axis=1)
        every = np.arange(n)
        order[every, first] = np.where(far[every, first] < 2.0, -1.0, order[every, first])
        chosen = order.argpartition(fanout - 1, axis=1)[:, :fanout] if fanout else order[:, :0]
        senders, receivers = np.repeat(every, fanout), chosen.ravel().astype(np.intp)
        told = up[senders] & ~barred[senders, receivers]
        return senders[told], receivers[told]

    def _deliver(self, batch: Batch, up: Flags) -> None:
        """Merge what arrives: of each pair the larger; changes one by one, before their beats.

        Clocks are judged by the moment of sending: a round is longer than a message's way.
        """
        came = up[batch.receivers]
        senders, receivers = batch.senders[came], batch.receivers[came]
        held, got = batch.held[came], batch.got[came]
        self.received += np.bincount(receivers, minlength=len(self.names))
        if self._failures.any() or self._back_at.any():  # who is heard is there
            self._failures[receivers, senders] = 0
            self._back_at[receivers, senders] = 0
        if np.ptp(self.clocks) > DRIFT_MAX:  # of a clock too far ahead nothing is believed
            held[held > (batch.at + self.clocks[receivers] + DRIFT_MAX)[:, None]] = 0
        if any(self._log):
            for k in np.flatnonzero((got > self.got[receivers]).any(axis=1)):
                self._bring(int(receivers[k]), got[k], batch.at)
            held[got > self.got[receivers]] = 0  # a change was refused: its beat proves nothing
            self._forget()
        np.maximum.at(self.held, receivers, held)

    def _bring(self, to: int, got: NDArray[np.int64], now: int) -> None:
        """The changes that `to` lacks of those its peer had. Of one node none after a refused."""
        copy = self.copies[self.names[to]]
        for j in np.flatnonzero(got > self.got[to]):
            for number in range(int(self.got[to, j]) + 1, int(got[j]) + 1):
                reason = copy.take(self._log[j][number], now)
                if reason:
                    self.refused.append((copy.name, reason))
                    break
                self.got[to, j] = number
        copy.news.items.clear()

    def _reckon(
        self,
        senders: NDArray[np.intp],
        receivers: NDArray[np.intp],
        answered: Flags,
        now: int,
    ) -> None:
        """Who did not answer for some rounds in a row is left out for a while."""
        if answered.all() and not self._failures.any():
            return
        failures = np.where(answered, 0, self._failures[senders, receivers] + 1)
        out = failures >= self.settings.failures
        self._failures[senders, receivers] = np.where(out, 0, failures)
        self._back_at[senders[out], receivers[out]] = now + self.settings.left_out

    def _forget(self) -> None:
        """Changes that all have need not be kept."""
        for j, everywhere in enumerate(self.got.min(axis=0)):
            for number in [number for number in self._log[j] if number <= everywhere]:
                del self._log[j][number]

    def _wall(self, i: int, now: int) -> int:
        return now + int(self.clocks[i])

    def _pairs(self, row: NDArray[np.int64]) -> tuple[tuple[str, int], ...]:
        return tuple(sorted((self.names[j], int(row[j])) for j in np.flatnonzero(row)))
