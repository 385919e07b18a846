"""Raft: one leader, one log, a majority for every step (Ongaro and Ousterhout 2014).

A machine: it never waits and never sends, it answers with effects. Its two promises: at most one
leader in a term, and a committed entry is in the log of every later leader. It believes what its
members say, and counts on its host for who they are: liars are PBFT's matter.

What is here: pre-vote and a leader that steps down when it hears no majority (Ongaro's thesis,
9.6 and 6.2), elections, replication, the commit rule of section 5.4.2, change of members one at a
time (thesis, 4), snapshots (section 7), reads without a log entry (thesis, 6.4), restart from what
was saved. What is left out: pipelining, leases, snapshots in pieces, transfer of leadership.
Read before: `log`, `messages`. Read next: `course.dwcp.node`, which keeps the registry on this.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from course.dwcp.consensus.log import Log
from course.dwcp.consensus.messages import (
    Append,
    Appended,
    AskVote,
    Entry,
    Install,
    Members,
    Progress,
    Saved,
    Snapshot,
    StandNow,
    Status,
    Timing,
    Vote,
)  # fmt: skip
from course.dwcp.consensus.quorum import majority
from course.dwcp.machine import Effect, Save, Send, Tell

PORT = 8082
BATCH = 1_000  # entries in one message, at most
CATCH_UP = 1_000  # a learner farther behind than this may not become a voter yet


class Raft:
    """One member. `members` are the voters it starts with, its own name among them.

    With no members it is a newcomer: it waits until a leader sends it the log.
    """

    def __init__(
        self,
        name: str,
        members: tuple[str, ...],
        rng: Random,
        now: int,
        saved: Saved = Saved(),
        timing: Timing = Timing(),
        batch: int = BATCH,
    ) -> None:
        if members and name not in members:
            raise ValueError(f"{name} is not among the members {', '.join(members)}")
        self.name, self.timing, self.batch = name, timing, batch
        self.term, self.voted_for = saved.term, saved.voted_for
        first = saved.snapshot if saved.snapshot.index else Snapshot(members=Members(members))
        self.log = Log(first, saved.log)
        self.role = "follower"
        self.leader: str | None = None
        self.commit_index = first.index  # never decreases; up to it every entry is on a majority
        self.votes: dict[str, None] = {}
        self.progress: dict[str, Progress] = {}  # leader only
        self._beat = 0  # heartbeat rounds of this leader
        self._reads: list[tuple[int, int, Any]] = []  # (beat that must be answered, index, key)
        self._rng = rng
        self._heard_at = now  # when a leader was last heard
        self.wake_at: int | None = None
        self._restart_timer(now)

    # commands: only a leader may, and one that is not raises RuntimeError

    def propose(self, command: Any, now: int) -> list[Effect]:
        """Put `command` in the log and send it. Commit is told later, as `committed`."""
        self._must_lead()
        self.log.append([Entry(self.term, command)])
        return [self._save(), *self._replicate(), *self._advance_commit(now)]

    def change_members(self, new: Members, now: int) -> list[Effect]:
        """Add or remove one voter, or any learners. It holds at once, and is told as `committed`.

        A new controller comes in as a learner, and becomes a voter when it has caught up. Raises
        RuntimeError while the change before this one, or the leader's first entry, is not
        committed (the second matters: Ongaro's note of 2015 on single-server changes).
        """
        self._must_lead()
        old = self.log.members
        if self.log.members_index > self.commit_index:
            raise RuntimeError("the change of members before this one is not committed yet")
        if self.log.term_at(self.commit_index) != self.term:
            raise RuntimeError(f"nothing of term {self.term} is committed yet; try again shortly")
        behind = [
            name for name in new.voters if name not in old.voters
            and self._match(name) < self.commit_index - CATCH_UP
        ]  # fmt: skip
        reason = old.objection(new) or (
            f"{behind[0]} has not caught up; make it a learner first" if behind else None
        )
        if reason:
            raise RuntimeError(reason)
        self._follow(new, now)
        return self.propose(new, now)

    def read(self, key: Any, now: int) -> list[Effect]:
        """Ask whether this is still the leader; then `read_ready` tells key and index.

        If it is not, `read_failed` does. A host that has applied up to that index may answer: no
        later write was committed before the question was asked.
        """
        self._must_lead()
        if self.log.term_at(self.commit_index) != self.term:
            raise RuntimeError(f"nothing of term {self.term} is committed yet; try again shortly")
        self._reads.append((self._beat + 1, self.commit_index, key))
        return [*self._replicate(), *self._answer_reads()]

    def hand_over(self, to: str, now: int) -> list[Effect]:
        """Let `to` lead next (thesis, 3.10): it stands at once, and its log is complete.

        Raises RuntimeError unless it is another voter that has all that this leader has.
        """
        self._must_lead()
        if to == self.name or to not in self.log.members.voters:
            others = [name for name in self.log.members.voters if name != self.name]
            raise RuntimeError(f"{to} is no other voter; there are {', '.join(others)}")
        if self._match(to) < self.log.last_index:
            behind = self.log.last_index - self._match(to)
            raise RuntimeError(f"{to} is {behind} entries behind; try again shortly")
        return [Send(to, StandNow(self.term), PORT)]

    def compact(self, state: Any, now: int) -> list[Effect]:
        """Fold the log up to the commit index into a snapshot. Any member may, at any time.

        `state` is what the host made of the entries up to the commit index.
        """
        if self.commit_index > self.log.snapshot.index:
            self.log.fold(self.commit_index, state)
        return [self._save()]

    # what happens

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        """`sender` need not be a member by this log: the log may be behind (thesis, 4.1)."""
        handler = _HANDLERS.get(type(message))
        if handler is None:
            return [Tell("message_not_understood", {"sender": sender})]
        effects: list[Effect] = []
        if message.term > self.term and not _is_trial(message):
            effects = self._step_down(message.term, now)
        return effects + handler(self, sender, message, now)

    def wake(self, now: int) -> list[Effect]:
        if self.role == "leader":
            if not self._has_majority(now):
                return self._step_down(self.term, now)
            self.wake_at = now + self.timing.heartbeat
            return self._replicate()
        if not self._may_stand():
            self.wake_at = None
            return []
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
        ask = AskVote(self.term + trial, self.log.last_term, self.log.last_index, trial)
        effects += [Send(peer, ask, PORT) for peer in self.log.members.voters if peer != self.name]
        return effects + self._count_votes(now, trial)

    def _on_ask(self, sender: str, ask: AskVote, now: int) -> list[Effect]:
        up_to_date = (ask.last_term, ask.last_index) >= (self.log.last_term, self.log.last_index)
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

    def _on_stand(self, sender: str, stand: StandNow, now: int) -> list[Effect]:
        """Only from the leader of this term, who gives up its place; so no trial is needed."""
        is_asked = stand.term == self.term and sender == self.leader and self._may_stand()
        return self._campaign(now, trial=False) if is_asked else []

    def _on_vote(self, sender: str, vote: Vote, now: int) -> list[Effect]:
        waiting_for = self.term + 1 if vote.trial else self.term
        asking = self.role == ("follower" if vote.trial else "candidate") and self.votes
        if not (vote.granted and vote.term == waiting_for and asking):
            return []
        self.votes[sender] = None
        return self._count_votes(now, vote.trial)

    def _count_votes(self, now: int, trial: bool) -> list[Effect]:
        voters = self.log.members.voters
        if sum(name in voters for name in self.votes) < majority(len(voters)):
            return []
        if trial:
            return self._campaign(now, trial=False)
        return self._lead(now)

    def _lead(self, now: int) -> list[Effect]:
        self.role, self.leader, self.progress = "leader", self.name, {}
        self._follow(self.log.members, now)
        self.log.append([Entry(self.term, None)])  # section 8: commits what earlier terms left
        self.wake_at = now + self.timing.heartbeat
        won = Tell("leader_elected", {"leader": self.name, "term": self.term})
        return [won, self._save(), *self._replicate(), *self._advance_commit(now)]

    def _step_down(self, term: int, now: int) -> list[Effect]:
        """Follow: a later term was seen, or this leader has lost its majority, or its seat."""
        was_leader = self.role == "leader"
        if term > self.term:
            self.term, self.voted_for = term, None
        self.role, self.leader, self.votes = "follower", None, {}
        lost: list[Effect] = [Tell("read_failed", {"key": key}) for *_, key in self._reads]
        self._reads = []
        if was_leader:
            self._restart_timer(now)
            lost.append(Tell("leader_lost", {"term": term}))
        return [self._save(), *lost]

    def _may_stand(self) -> bool:
        """A voter; or one whose removal is not committed yet and may hang on its vote."""
        members, uncommitted = self.log.members, self.log.members_index > self.commit_index
        return self.name in members.voters or (uncommitted and self.name not in members)

    # replication

    def _replicate(self) -> list[Effect]:
        self._beat += 1
        return [Send(peer, self._append_for(peer), PORT) for peer in self.progress]

    def _append_for(self, peer: str) -> Append | Install:
        previous = self.progress[peer].next_index - 1
        previous_term = self.log.term_at(previous)
        if previous_term is None:  # folded: what it needs next is in the snapshot
            return Install(self.term, self.log.snapshot, self._beat)
        entries = self.log.after(previous, self.batch)
        return Append(self.term, previous, previous_term, entries, self.commit_index, self._beat)

    def _on_append(self, sender: str, append: Append, now: int) -> list[Effect]:
        if append.term < self.term:
            return [Send(sender, Appended(self.term, False, 0), PORT)]
        self._heard(sender, now)
        previous, entries = append.previous_index, append.entries
        if previous < self.log.snapshot.index:  # what is folded is committed, so it matches
            entries = entries[self.log.snapshot.index - previous :]
            previous = self.log.snapshot.index
        elif self.log.term_at(previous) != append.previous_term:
            hint = max(self.commit_index, min(self.log.last_index, previous - 1))
            return [Send(sender, Appended(self.term, False, hint, append.beat), PORT)]
        effects = self._take(previous, entries)
        match = append.previous_index + len(append.entries)
        effects += self._commit(min(append.commit_index, match))
        return [*effects, Send(sender, Appended(self.term, True, match, append.beat), PORT)]

    def _take(self, previous: int, entries: tuple[Entry, ...]) -> list[Effect]:
        """Add what is new; cut off only what contradicts the leader (section 5.3)."""
        for offset, entry in enumerate(entries):
            index = previous + offset + 1
            if self.log.term_at(index) != entry.term:
                assert index > self.commit_index, "a committed entry would be overwritten"
                self.log.cut(index)
                self.log.append(entries[offset:])
                return [self._save()]
        return []

    def _on_install(self, sender: str, install: Install, now: int) -> list[Effect]:
        if install.term < self.term:
            return [Send(sender, Appended(self.term, False, 0), PORT)]
        self._heard(sender, now)
        effects: list[Effect] = []
        snapshot = install.snapshot
        if snapshot.index > self.commit_index:
            self.log.install(snapshot)
            self.commit_index = snapshot.index
            details = {"index": snapshot.index, "state": snapshot.state}
            effects = [self._save(), Tell("snapshot_installed", details)]
        reply = Appended(self.term, True, snapshot.index, install.beat)
        return [*effects, Send(sender, reply, PORT)]

    def _on_appended(self, sender: str, reply: Appended, now: int) -> list[Effect]:
        if self.role != "leader" or reply.term != self.term or sender not in self.progress:
            return []
        peer = self.progress[sender]
        peer.heard_at, peer.beat = now, max(peer.beat, reply.beat)
        effects = self._answer_reads()
        if not reply.success:
            peer.next_index = max(1, min(peer.next_index - 1, reply.match_index + 1))
            return [*effects, Send(sender, self._append_for(sender), PORT)]
        peer.match_index = max(peer.match_index, reply.match_index)
        peer.next_index = peer.match_index + 1
        return effects + self._advance_commit(now)

    def _advance_commit(self, now: int) -> list[Effect]:
        """The highest index on a majority, if it is of this term (section 5.4.2, figure 8)."""
        voters = self.log.members.voters
        matches = sorted(self._match(name) for name in voters)
        index = matches[len(matches) - majority(len(voters))]
        if self.log.term_at(index) != self.term:
            return []
        effects = self._commit(index)
        removed = self.name not in voters and self.log.members_index <= self.commit_index
        return effects + (self._step_down(self.term, now) if removed else [])

    def _commit(self, index: int) -> list[Effect]:
        effects: list[Effect] = []
        while self.commit_index < index:
            self.commit_index += 1
            entry = self.log.entry(self.commit_index)
            details = {"index": self.commit_index, "term": entry.term, "command": entry.command}
            effects.append(Tell("committed", details))
        return effects

    # what a leader keeps

    def _follow(self, members: Members, now: int) -> None:
        """Track every member of the old and the new group: the old ones must hear of the new."""
        for peer in (*members.voters, *members.learners):
            if peer != self.name and peer not in self.progress:
                self.progress[peer] = Progress(self.log.last_index + 1, heard_at=now)

    def _match(self, name: str) -> int:
        if name == self.name:
            return self.log.last_index
        return self.progress[name].match_index if name in self.progress else 0

    def _has_majority(self, now: int) -> bool:
        """Has a majority answered within two election timeouts? If not, another may be leading."""
        voters, since = self.log.members.voters, now - 2 * self.timing.election
        heard = [name == self.name or self.progress[name].heard_at >= since for name in voters]
        return sum(heard) >= majority(len(voters))

    def _answer_reads(self) -> list[Effect]:
        """Reads whose heartbeat a majority has answered: nobody else led when it was sent."""
        voters = self.log.members.voters
        beats = [self._beat if n == self.name else self.progress[n].beat for n in voters]
        answered = sorted(beats)[len(voters) - majority(len(voters))]
        ready = [read for read in self._reads if read[0] <= answered]
        self._reads = [read for read in self._reads if read[0] > answered]
        return [Tell("read_ready", {"key": key, "index": index}) for _, index, key in ready]

    # looking in

    def status(self) -> Status:
        members = self.log.members
        return Status(
            self.role, self.term, self.leader, tuple(self.votes), members.voters,
            self.log.last_index, self.commit_index, members.learners, self.log.snapshot.index,
        )  # fmt: skip

    def _must_lead(self) -> None:
        if self.role != "leader":
            raise RuntimeError(f"{self.name} is not the leader; ask {self.leader or 'again later'}")

    def _heard(self, leader: str, now: int) -> None:
        assert self.role != "leader", "two leaders in one term"
        self.role, self.leader, self._heard_at, self.votes = "follower", leader, now, {}
        self._restart_timer(now)

    def _save(self) -> Save:
        entries = tuple(self.log.entries)
        return Save(Saved(self.term, self.voted_for, entries, self.log.snapshot))

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
    Install: Raft._on_install,
    StandNow: Raft._on_stand,
}
