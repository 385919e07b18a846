"""Raft: one leader, one log, a majority for every step (Ongaro and Ousterhout 2014).

A machine: it never waits and never sends, it answers with effects. Its two promises: at most one
leader in a term, and a committed entry is in the log of every later leader.

What is here: pre-vote (Ongaro's thesis, 9.6), elections, replication, the commit rule of section
5.4.2, restart from what was saved. What is left out: membership change, snapshots, read index.
Read next: `course.dwcp.node`, which keeps the registry on top of this log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from course.dwcp.consensus.quorum import majority
from course.dwcp.machine import Effect, Save, Send, Tell
from course.dwcp.units import MS

PORT = 8082


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: the term of the leader that took it, and what was decided."""

    term: int
    command: Any


@dataclass(frozen=True, slots=True)
class AskVote:
    """`trial`: a pre-vote, "would you?", that binds nobody and raises no term."""

    term: int
    last_term: int
    last_index: int
    trial: bool


@dataclass(frozen=True, slots=True)
class Vote:
    term: int
    granted: bool
    trial: bool


@dataclass(frozen=True, slots=True)
class Append:
    """Entries that follow (previous_index, previous_term); empty: a heartbeat."""

    term: int
    previous_index: int
    previous_term: int
    entries: tuple[Entry, ...]
    commit_index: int


@dataclass(frozen=True, slots=True)
class Appended:
    """`match_index`: up to where the follower's log is the leader's; on refusal, a hint."""

    term: int
    success: bool
    match_index: int


@dataclass(frozen=True, slots=True)
class Saved:
    """What must survive a crash, saved before any answer that depends on it."""

    term: int = 0
    voted_for: str | None = None
    log: tuple[Entry, ...] = ()


@dataclass(slots=True)
class Progress:
    """What a leader knows about a follower."""

    next_index: int
    match_index: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds. The election timeout is drawn from [election, 2 x election)."""

    election: int = 300 * MS
    heartbeat: int = 100 * MS


@dataclass(frozen=True, slots=True)
class Status:
    role: str
    term: int
    leader: str | None
    votes: tuple[str, ...]
    members: tuple[str, ...]
    last_index: int
    commit_index: int


class Raft:
    """One member. `members` are the names it knows, its own included; indices start at 1."""

    def __init__(
        self,
        name: str,
        members: tuple[str, ...],
        rng: Random,
        now: int,
        saved: Saved = Saved(),
        timing: Timing = Timing(),
    ) -> None:
        if name not in members:
            raise ValueError(f"{name} is not among the members {', '.join(members)}")
        self.name, self.members, self.timing = name, members, timing
        self.term, self.voted_for = saved.term, saved.voted_for
        self.log: list[Entry] = list(saved.log)
        self.role = "follower"
        self.leader: str | None = None
        self.commit_index = 0  # never decreases; every entry up to it is on a majority
        self.votes: dict[str, None] = {}
        self.progress: dict[str, Progress] = {}  # leader only
        self._rng = rng
        self._heard_at = now  # when a leader was last heard
        self.wake_at: int | None = None
        self._restart_timer(now)

    # commands

    def propose(self, command: Any, now: int) -> list[Effect]:
        """Put `command` in the log and send it; only a leader may. Commit is told later."""
        if self.role != "leader":
            raise RuntimeError(f"{self.name} is not the leader; ask {self.leader or 'again later'}")
        self.log.append(Entry(self.term, command))
        return [self._save(), *self._replicate(), *self._advance_commit()]

    # what happens

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        if sender not in self.members:
            return [Tell("message_from_stranger", {"sender": sender})]
        effects: list[Effect] = []
        if message.term > self.term and not _is_trial(message):
            effects = self._step_down(message.term, now)
        return effects + _HANDLERS[type(message)](self, sender, message, now)

    def wake(self, now: int) -> list[Effect]:
        if self.role == "leader":
            self.wake_at = now + self.timing.heartbeat
            return self._replicate()
        return self._campaign(now, trial=True)

    # elections

    def _campaign(self, now: int, trial: bool) -> list[Effect]:
        """Ask for votes: first "would you?", and only after a majority would, in earnest."""
        effects: list[Effect] = []
        self._restart_timer(now)
        self.leader = None
        self.role = "follower" if trial else "candidate"
        self.votes = {self.name: None}
        if not trial:
            self.term += 1
            self.voted_for = self.name
            effects = [self._save(), Tell("election_started", {"term": self.term})]
        ask = AskVote(self.term + trial, self._last_term, len(self.log), trial)
        effects += [Send(peer, ask, PORT) for peer in self._peers]
        return effects + self._count_votes(now, trial)

    def _on_ask(self, sender: str, ask: AskVote, now: int) -> list[Effect]:
        up_to_date = (ask.last_term, ask.last_index) >= (self._last_term, len(self.log))
        if ask.trial:  # no, while a leader is alive: a node that was cut off must not disturb it
            quiet = self.role != "leader" and now - self._heard_at >= self.timing.election
            granted = ask.term > self.term and up_to_date and quiet
            return [Send(sender, Vote(ask.term if granted else self.term, granted, True), PORT)]
        granted = (
            ask.term == self.term and up_to_date and self.voted_for in (None, sender)
        )  # one vote a term, and never for a log that misses what may be committed
        if not granted:
            return [Send(sender, Vote(self.term, False, False), PORT)]
        self.voted_for = sender
        self._restart_timer(now)
        return [self._save(), Send(sender, Vote(self.term, True, False), PORT)]

    def _on_vote(self, sender: str, vote: Vote, now: int) -> list[Effect]:
        waiting_for = self.term + 1 if vote.trial else self.term
        asking = self.role == ("follower" if vote.trial else "candidate") and self.votes
        if not (vote.granted and vote.term == waiting_for and asking):
            return []
        self.votes[sender] = None
        return self._count_votes(now, vote.trial)

    def _count_votes(self, now: int, trial: bool) -> list[Effect]:
        if len(self.votes) < majority(len(self.members)):
            return []
        if trial:
            return self._campaign(now, trial=False)
        return self._lead(now)

    def _lead(self, now: int) -> list[Effect]:
        self.role, self.leader = "leader", self.name
        self.progress = {peer: Progress(len(self.log) + 1) for peer in self._peers}
        self.log.append(Entry(self.term, None))  # section 8: commits what earlier terms left
        self.wake_at = now + self.timing.heartbeat
        won = Tell("leader_elected", {"leader": self.name, "term": self.term})
        return [won, self._save(), *self._replicate(), *self._advance_commit()]

    def _step_down(self, term: int, now: int) -> list[Effect]:
        was_leader = self.role == "leader"
        self.term, self.voted_for = term, None
        self.role, self.leader, self.votes = "follower", None, {}
        if was_leader:
            self._restart_timer(now)
        lost = [Tell("leader_lost", {"term": term})] if was_leader else []
        return [self._save(), *lost]

    # replication

    def _replicate(self) -> list[Effect]:
        return [Send(peer, self._append_for(peer), PORT) for peer in self._peers]

    def _append_for(self, peer: str) -> Append:
        previous = self.progress[peer].next_index - 1
        previous_term = self._term_at(previous)
        assert previous_term is not None, "a leader holds all that it has sent"
        return Append(
            self.term,
            previous,
            previous_term,
            tuple(self.log[previous : previous + 1_000]),
            self.commit_index,
        )

    def _on_append(self, sender: str, append: Append, now: int) -> list[Effect]:
        if append.term < self.term:
            return [Send(sender, Appended(self.term, False, 0), PORT)]
        assert self.role != "leader", "two leaders in one term"
        self.role, self.leader, self._heard_at, self.votes = "follower", sender, now, {}
        self._restart_timer(now)
        if self._term_at(append.previous_index) != append.previous_term:
            hint = min(len(self.log), append.previous_index - 1)
            return [Send(sender, Appended(self.term, False, max(0, hint)), PORT)]
        effects = self._take(append)
        match = append.previous_index + len(append.entries)
        effects += self._commit(min(append.commit_index, match))
        return [*effects, Send(sender, Appended(self.term, True, match), PORT)]

    def _take(self, append: Append) -> list[Effect]:
        """Add what is new; cut off only what contradicts the leader (section 5.3)."""
        for offset, entry in enumerate(append.entries):
            index = append.previous_index + offset + 1
            if self._term_at(index) != entry.term:
                assert index > self.commit_index, "a committed entry would be overwritten"
                self.log[index - 1 :] = append.entries[offset:]
                return [self._save()]
        return []

    def _on_appended(self, sender: str, reply: Appended, now: int) -> list[Effect]:
        if self.role != "leader" or reply.term != self.term:
            return []
        peer = self.progress[sender]
        if not reply.success:
            peer.next_index = max(1, min(peer.next_index - 1, reply.match_index + 1))
            return [Send(sender, self._append_for(sender), PORT)]
        peer.match_index = max(peer.match_index, reply.match_index)
        peer.next_index = peer.match_index + 1
        return self._advance_commit()

    def _advance_commit(self) -> list[Effect]:
        """The highest index on a majority, if it is of this term (section 5.4.2, figure 8)."""
        matches = sorted([len(self.log), *(p.match_index for p in self.progress.values())])
        index = matches[len(matches) - majority(len(self.members))]
        return self._commit(index) if self._term_at(index) == self.term else []

    def _commit(self, index: int) -> list[Effect]:
        effects: list[Effect] = []
        while self.commit_index < index:
            self.commit_index += 1
            entry = self.log[self.commit_index - 1]
            details = {"index": self.commit_index, "term": entry.term, "command": entry.command}
            effects.append(Tell("committed", details))
        return effects

    # looking in

    def status(self) -> Status:
        return Status(
            self.role, self.term, self.leader, tuple(self.votes), self.members,
            len(self.log), self.commit_index,
        )  # fmt: skip

    @property
    def _peers(self) -> list[str]:
        return [member for member in self.members if member != self.name]

    @property
    def _last_term(self) -> int:
        return self.log[-1].term if self.log else 0

    def _term_at(self, index: int) -> int | None:
        """0 before the first entry, None after the last."""
        if index == 0:
            return 0
        return self.log[index - 1].term if index <= len(self.log) else None

    def _save(self) -> Save:
        return Save(Saved(self.term, self.voted_for, tuple(self.log)))

    def _restart_timer(self, now: int) -> None:
        """Random, so that two nodes rarely stand at once; a clock's offset plays no part."""
        self.wake_at = now + self._rng.randrange(self.timing.election, 2 * self.timing.election)


def _is_trial(message: Any) -> bool:
    """A pre-vote names a term that nobody has entered yet; only a refusal tells of a real one."""
    return getattr(message, "trial", False) and getattr(message, "granted", True)


_HANDLERS: dict[type, Callable[..., list[Effect]]] = {
    AskVote: Raft._on_ask,
    Vote: Raft._on_vote,
    Append: Raft._on_append,
    Appended: Raft._on_appended,
}
