"""Raft under random faults, with its four promises checked after every step."""

import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.consensus.raft import Append, Entry, Raft, Saved, Vote
from course.dwcp.machine import Save, Send, Tell
from course.dwcp.units import MS, SECOND


class Net:
    """Members, a wire that delays, loses, repeats and cuts, and disks that keep what was saved."""

    def __init__(self, seed: int, size: int = 5) -> None:
        self.dice = random.Random(seed)
        self.names = tuple(f"n{i}" for i in range(size))
        self.now = 0
        self.disk = {name: Saved() for name in self.names}
        self.nodes: dict[str, Raft] = {}
        self.wire: list[tuple[int, str, str, object]] = []
        self.cut: set[str] = set()
        self.leaders: dict[int, str] = {}
        self.committed: dict[int, Entry] = {}
        self.proposed = 0
        for name in self.names:
            self.restart(name)

    def restart(self, name: str) -> None:
        dice = random.Random(self.dice.random())
        self.nodes[name] = Raft(name, self.names, dice, self.now, self.disk[name])

    def carry_out(self, name: str, effects: list) -> None:
        for effect in effects:
            if isinstance(effect, Save):
                self.disk[name] = effect.record
            elif isinstance(effect, Send):
                for _ in range(self.dice.choice([0, 1, 1, 1, 1, 2])):
                    at = self.now + self.dice.randrange(1 * MS, 60 * MS)
                    self.wire.append((at, name, effect.to, effect.message))
            else:
                self.heard(name, effect)

    def heard(self, name: str, tell: Tell) -> None:
        if tell.event == "leader_elected":
            term = tell.details["term"]
            assert self.leaders.setdefault(term, name) == name, f"two leaders in term {term}"
            for index, entry in self.committed.items():
                log = self.nodes[name].log
                assert len(log) >= index and log[index - 1] == entry, (
                    "a leader lacks a committed entry"
                )
        if tell.event == "committed":
            index = tell.details["index"]
            entry = self.nodes[name].log[index - 1]
            assert self.committed.setdefault(index, entry) == entry, f"two decisions at {index}"

    def step(self) -> None:
        """The next thing that happens: a message, a timer, or a fault."""
        timers = [(n.wake_at, name) for name, n in self.nodes.items() if n.wake_at is not None]
        wake_at, name = min(timers)
        self.wire.sort(key=lambda message: message[0])
        if self.wire and self.wire[0][0] <= wake_at:
            self.now, sender, to, message = self.wire.pop(0)
            if to in self.nodes and sender not in self.cut and to not in self.cut:
                self.carry_out(to, self.nodes[to].receive(sender, message, self.now))
        else:
            self.now = max(self.now, wake_at)
            self.carry_out(name, self.nodes[name].wake(self.now))
        if self.dice.random() < 0.10:
            self.propose()
        self.check_logs()

    def propose(self) -> None:
        for name, node in self.nodes.items():
            if node.role == "leader":
                self.proposed += 1
                self.carry_out(name, node.propose({"n": self.proposed}, self.now))

    def fault(self) -> None:
        victim = self.dice.choice(self.names)
        kind = self.dice.choice(["restart", "cut", "heal"])
        if kind == "restart":
            self.restart(victim)
        elif kind == "cut" and len(self.cut) < 2:
            self.cut.add(victim)
        else:
            self.cut.clear()

    def check_logs(self) -> None:
        """Log matching: equal (index, term) means equal logs up to there."""
        logs = [node.log for node in self.nodes.values()]
        for a, b in combinations(logs, 2):
            for i in range(min(len(a), len(b)) - 1, -1, -1):
                if a[i].term == b[i].term:
                    assert a[: i + 1] == b[: i + 1], "logs differ before an equal entry"
                    break


def storm(seed: int, size: int, steps: int) -> Net:
    net = Net(seed, size)
    for _ in range(steps):
        net.step()
        if net.dice.random() < 0.02:
            net.fault()
    return net


@given(st.integers(0, 2**32), st.sampled_from([3, 4, 5]))
@settings(max_examples=120, deadline=None)
def test_the_four_promises_hold_in_a_storm(seed, size):
    storm(seed, size, steps=400)


def test_after_the_storm_a_leader_is_found_and_decides():
    for seed in range(20):
        net = storm(seed, 5, steps=300)
        net.cut.clear()
        before, until = len(net.committed), net.now + 20 * SECOND
        while net.now < until:
            net.step()
        assert len(net.committed) > before, f"seed {seed}: nothing was decided in 20 s"


def test_a_planted_bug_is_caught(monkeypatch):
    """Voting twice in a term must break the first promise, or the test above proves nothing."""
    honest = Raft._on_ask

    def votes_twice(self, sender, ask, now):
        self.voted_for = None
        return honest(self, sender, ask, now)

    from course.dwcp.consensus import raft

    monkeypatch.setitem(raft._HANDLERS, raft.AskVote, votes_twice)
    with pytest.raises(AssertionError):
        for seed in range(400):
            storm(seed, 4, steps=400)


def test_a_member_that_was_cut_off_does_not_raise_the_term():
    names = ("a", "b", "c")
    lonely = Raft("a", names, random.Random(1), now=0)
    for second in range(1, 20):
        lonely.wake(second * SECOND)
    assert lonely.term == 0


def test_a_vote_is_saved_before_it_is_sent():
    member = Raft("a", ("a", "b", "c"), random.Random(1), now=0)
    from course.dwcp.consensus.raft import AskVote

    effects = member.receive("b", AskVote(1, 0, 0, trial=False), 10 * SECOND)
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Save) < kinds.index(Send)
    sent = next(e for e in effects if isinstance(e, Send))
    assert sent.message == Vote(1, True, False)


def test_a_message_from_a_stranger_is_told_and_changes_nothing():
    member = Raft("a", ("a", "b", "c"), random.Random(1), now=0)
    before = member.status()
    effects = member.receive("mallory", Append(99, 0, 0, (), 0), 0)
    assert effects == [Tell("message_from_stranger", {"sender": "mallory"})]
    assert member.status() == before


def test_only_a_leader_may_propose():
    with pytest.raises(RuntimeError, match="not the leader"):
        Raft("a", ("a", "b"), random.Random(1), now=0).propose({}, 0)
