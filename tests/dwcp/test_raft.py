"""Raft: its promises in storms, the same storms against planted bugs, and its single steps."""

import random

import pytest

from course.dwcp.consensus import raft as module
from course.dwcp.consensus.log import Entry, Log, Members, Snapshot
from course.dwcp.consensus.messages import Append, Appended, AskVote, Install, Saved, StandNow, Vote
from course.dwcp.consensus.raft import Raft
from course.dwcp.machine import Save, Send, Tell
from course.dwcp.units import MS, SECOND
from tests.dwcp.storm import Net, calm, storm


def test_the_promises_hold_in_a_thousand_storms():
    for seed in range(1_000):
        storm(seed, size=3 + seed % 3)


def test_after_the_storm_a_leader_is_found_and_all_members_decide_alike():
    for seed in range(30):
        net = storm(seed, 5, steps=300)
        before = len(net.decided)
        calm(net, seconds=15)
        assert len(net.decided) > before, f"seed {seed}: nothing was decided in 15 s"
        leader = net.nodes[net.leaders[max(net.leaders)]]
        members = leader.log.members
        reached = [net.nodes[name].commit_index for name in (*members.voters, *members.learners)]
        assert min(reached) >= before, f"seed {seed}: somebody in the group never heard"


# Each of these is a mistake that people have made. If a storm cannot tell it, the storm is weak.


class VotesTwice(Raft):
    def _on_ask(self, sender, ask, now):
        self.voted_for = None
        return super()._on_ask(sender, ask, now)


class VotesForAnyLog(Raft):
    def _on_ask(self, sender, ask, now):
        generous = AskVote(ask.term, 1 << 40, 1 << 40, ask.trial)
        return super()._on_ask(sender, generous, now)


class ForgetsItsVote(Raft):
    """It answers before it saves, so a restart has not voted."""

    def _on_ask(self, sender, ask, now):
        return [e for e in super()._on_ask(sender, ask, now) if not isinstance(e, Save)]

    def _step_down(self, term, now):
        return [e for e in super()._step_down(term, now) if not isinstance(e, Save)]


class HalfIsEnough(Raft):
    def _count_votes(self, now, trial):
        if 2 * len(self.votes) >= len(self.log.members.voters):
            return self._campaign(now, trial=False) if trial else self._lead(now)
        return []


class KeepsWhatContradicts(Raft):
    def _take(self, previous, entries):
        new = entries[max(0, self.log.last_index - previous) :]
        self.log.append(new)
        return [self._save()] if new else []


class CommitsWhatItHasNot(Raft):
    """It takes the leader's commit index for its own, whatever its log holds up to there."""

    def _on_append(self, sender, append, now):
        effects = super()._on_append(sender, append, now)
        if append.term == self.term:
            effects = self._commit(min(append.commit_index, self.log.last_index)) + effects
        return effects


class SkipsTheCheckOfTheEntryBefore(Raft):
    def _on_append(self, sender, append, now):
        known = self.log.term_at(append.previous_index)
        if known is not None:
            append = Append(
                append.term, append.previous_index, known, append.entries, append.commit_index,
                append.beat,
            )  # fmt: skip
        return super()._on_append(sender, append, now)


class ReadsFromMemory(Raft):
    """A leader that does not ask whether it still is one answers from the past."""

    def read(self, key, now):
        return [Tell("read_ready", {"key": key, "index": self.commit_index})]


class FoldsTooFar(Raft):
    """It calls its whole log decided, and hands that out as a snapshot."""

    def compact(self, state, now):
        self.commit_index = self.log.last_index
        return super().compact(state, now)


class ChangesTwoAtOnce(Raft):
    """Any change of members, at any time: majorities of the old and new group need not meet."""

    def change_members(self, new, now):
        old = self.log.members.voters
        if "new0" in old or len(old) < 4:
            raise RuntimeError("once is enough")
        new = Members((*old[2:], "new0", "new1"))
        self._follow(new, now)
        return self.propose(new, now)


BUGS = [
    VotesTwice, VotesForAnyLog, ForgetsItsVote, HalfIsEnough, KeepsWhatContradicts,
    CommitsWhatItHasNot, SkipsTheCheckOfTheEntryBefore, ReadsFromMemory,
    FoldsTooFar, ChangesTwoAtOnce,
]  # fmt: skip


@pytest.mark.parametrize("bug", BUGS, ids=[bug.__name__ for bug in BUGS])
def test_a_planted_bug_is_caught(bug, monkeypatch):
    for message, handler in module._HANDLERS.items():
        own = getattr(bug, handler.__name__)
        monkeypatch.setitem(module._HANDLERS, message, own)
    for seed in range(3_000):
        try:
            storm(seed, 3 + seed % 3, member=bug)
        except AssertionError:
            return
    pytest.fail("3,000 storms noticed nothing")


class CommitsByCountAlone(Raft):
    """An entry of an earlier term on a majority is taken for decided."""

    def _advance_commit(self, now):
        matches = sorted(self._match(name) for name in self.log.members.voters)
        return self._commit(matches[(len(matches) - 1) // 2])


class Figure8:
    """The five members of figure 8 at (c), and nothing moves unless it is told to."""

    def __init__(self, member):
        logs = {"s1": (1, 2), "s2": (1, 2), "s3": (1,), "s4": (1,), "s5": (1, 3)}
        names = tuple(logs)
        self.now, self.decided, self.nodes = 0, {}, {}
        for name, terms in logs.items():
            saved = Saved(3, None, tuple(Entry(term, f"of {term}") for term in terms))
            dice = random.Random(name)
            self.nodes[name] = member(name, names, dice, 0, saved, batch=1)

    def stand(self, name, voters):
        """`name` is elected by `voters`; returns what it then wants to send."""
        for _ in range(2):  # the first refusal tells it of a later term
            self.now += 10 * SECOND
            effects = self.nodes[name].wake(self.now)
            for _ in ("would you", "do you"):
                effects = self.exchange(name, effects, voters)
            if self.nodes[name].role == "leader":
                break
        assert self.nodes[name].role == "leader"
        return effects

    def exchange(self, name, effects, peers):
        """Carry messages from `name` to `peers` and their answers back; nobody else hears."""
        answers = []
        for send in [e for e in effects if isinstance(e, Send) and e.to in peers]:
            replies = self.nodes[send.to].receive(name, send.message, self.now)
            self.note(replies)
            for reply in [r for r in replies if isinstance(r, Send)]:
                answers += self.nodes[name].receive(send.to, reply.message, self.now)
        self.note(answers)
        return answers

    def note(self, effects):
        for tell in [e for e in effects if isinstance(e, Tell) and e.event == "committed"]:
            index, command = tell.details["index"], tell.details["command"]
            assert self.decided.setdefault(index, command) == command, f"two decisions at {index}"


def figure_8(member):
    """s1 leads again and gets its old entry to a majority; then s5 leads and overwrites it."""
    group = Figure8(member)
    effects = group.stand("s1", ["s2", "s3", "s4"])
    for _ in range(2):  # a refusal, then the entry of term 2, and not yet that of term 4
        effects = group.exchange("s1", effects, ["s3", "s4"])
    assert group.nodes["s3"].log.last_term == group.nodes["s4"].log.last_term == 2
    effects = group.stand("s5", ["s2", "s3", "s4"])
    for _ in range(6):
        effects = group.exchange("s5", effects, ["s2", "s3", "s4"])
        effects += group.nodes["s5"].wake(group.now)
    return group


def test_an_entry_of_an_earlier_term_is_not_decided_by_counting_alone():
    group = figure_8(Raft)
    assert group.decided[2] == "of 3"
    with pytest.raises(AssertionError, match="two decisions at 2"):
        figure_8(CommitsByCountAlone)


def elected(name="a", members=("a", "b", "c"), saved=Saved()):
    """A leader that has just won, with what it sent first."""
    node = Raft(name, members, random.Random(1), 0, saved)
    node.wake(SECOND)
    for trial in (True, False):
        for peer in members:
            if peer != name and node.role != "leader":
                effects = node.receive(peer, Vote(saved.term + 1, True, trial), SECOND)
    assert node.role == "leader"
    return node, effects


def commit_first(node, now=SECOND):
    """Its first, empty entry is on a majority."""
    last = node.log.last_index
    for peer in list(node.progress):
        node.receive(peer, Appended(node.term, True, last), now)
    assert node.commit_index == last


def told(effects):
    return [effect.event for effect in effects if isinstance(effect, Tell)]


def test_a_member_that_was_cut_off_does_not_raise_the_term():
    lonely = Raft("a", ("a", "b", "c"), random.Random(1), now=0)
    for second in range(1, 20):
        lonely.wake(second * SECOND)
    assert lonely.term == 0


def test_a_vote_is_saved_before_it_is_sent():
    member = Raft("a", ("a", "b", "c"), random.Random(1), now=0)
    effects = member.receive("b", AskVote(1, 0, 0, trial=False), 10 * SECOND)
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Save) < kinds.index(Send)
    sent = next(e for e in effects if isinstance(e, Send))
    assert sent.message == Vote(1, True, False)


def test_only_a_leader_may_propose():
    with pytest.raises(RuntimeError, match="not the leader"):
        Raft("a", ("a", "b"), random.Random(1), now=0).propose({}, 0)


def test_what_is_no_message_is_told_and_changes_nothing():
    member = Raft("a", ("a", "b", "c"), random.Random(1), now=0)
    before = member.status()
    assert told(member.receive("b", {"term": 99}, 0)) == ["message_not_understood"]
    assert member.status() == before


def test_a_leader_that_hears_no_majority_steps_down():
    leader, _ = elected()
    now = SECOND
    for _ in range(12):
        now = leader.wake_at
        effects = leader.wake(now)
        if leader.role != "leader":
            break
    assert told(effects) == ["leader_lost"] and now - SECOND <= 800 * MS
    assert leader.term == 1, "stepping down is not an election"


def test_a_newcomer_gets_the_snapshot_and_what_follows_it():
    leader, _ = elected()
    commit_first(leader)
    for number in range(5):
        leader.propose(number, SECOND)
    commit_first(leader)
    leader.compact("state after 6", SECOND)
    leader.propose("after", SECOND)
    commit_first(leader)
    effects = leader.change_members(Members(("a", "b", "c"), ("d",)), SECOND)
    newcomer = Raft("d", (), random.Random(2), 0)
    heard = []
    for _ in range(3):
        for send in [e for e in effects if isinstance(e, Send) and e.to == "d"]:
            answer = newcomer.receive("a", send.message, SECOND)
            heard += [e for e in answer if isinstance(e, Tell)]
            replies = [e.message for e in answer if isinstance(e, Send)]
            for reply in replies:
                leader.receive("d", reply, SECOND)
        effects = leader.wake(SECOND)
    assert heard[0] == Tell("snapshot_installed", {"index": 6, "state": "state after 6"})
    assert newcomer.log.last_index == leader.log.last_index
    assert newcomer.log.members.learners == ("d",)
    assert newcomer.wake(20 * SECOND) == [], "a learner does not stand"


def test_voters_change_one_at_a_time_and_only_after_the_last_change_is_decided():
    leader, _ = elected()
    with pytest.raises(RuntimeError, match="nothing of term 1 is committed"):
        leader.change_members(Members(("a", "b")), SECOND)
    commit_first(leader)
    with pytest.raises(RuntimeError, match="one voter at a time: b, c would"):
        leader.change_members(Members(("a",)), SECOND)
    leader.change_members(Members(("a", "b")), SECOND)
    assert leader.status().members == ("a", "b"), "it holds from when it is appended"
    with pytest.raises(RuntimeError, match="not committed yet"):
        leader.change_members(Members(("a",)), SECOND)


def test_who_is_far_behind_does_not_become_a_voter():
    leader, _ = elected()
    commit_first(leader)
    for number in range(1_200):
        leader.log.append([Entry(1, number)])
    commit_first(leader)
    leader.change_members(Members(("a", "b", "c"), ("d",)), SECOND)
    last = leader.log.last_index
    for peer in "bc":
        leader.receive(peer, Appended(1, True, last), SECOND)
    with pytest.raises(RuntimeError, match="d has not caught up"):
        leader.change_members(Members(("a", "b", "c", "d")), SECOND)
    leader.receive("d", Appended(1, True, last), SECOND)
    leader.change_members(Members(("a", "b", "c", "d")), SECOND)


def test_a_leader_that_is_removed_leads_until_that_is_decided():
    leader, _ = elected()
    commit_first(leader)
    leader.change_members(Members(("b", "c")), SECOND)
    last = leader.log.last_index
    leader.receive("b", Appended(1, True, last), SECOND)
    assert leader.role == "leader", "its own vote does not count any more"
    effects = leader.receive("c", Appended(1, True, last), SECOND)
    assert told(effects) == ["committed", "leader_lost"]


def test_a_read_waits_until_a_majority_has_confirmed_the_leader():
    leader, _ = elected()
    commit_first(leader)
    assert told(leader.read("x", SECOND)) == []
    beat = leader._beat
    stale = leader.receive("b", Appended(1, True, 1, beat - 1), SECOND)
    assert told(stale) == [], "an answer to an earlier heartbeat proves nothing"
    effects = leader.receive("c", Appended(1, True, 1, beat), SECOND)
    assert Tell("read_ready", {"key": "x", "index": 1}) in effects


def test_a_read_of_a_leader_that_was_replaced_fails():
    leader, _ = elected()
    commit_first(leader)
    leader.read("x", SECOND)
    effects = leader.receive("b", Append(2, 0, 0, (), 0), SECOND)
    assert {"read_failed", "leader_lost"} <= set(told(effects))


def test_a_restart_after_a_snapshot_knows_group_and_index():
    leader, _ = elected()
    commit_first(leader)
    saved = leader.compact("all", SECOND)[-1].record
    again = Raft("a", ("a", "b", "c"), random.Random(3), 0, saved)
    assert again.commit_index == 1 and again.status().members == ("a", "b", "c")
    assert again.log.snapshot.state == "all" and again.log.entries == []


def test_the_lead_is_handed_to_a_voter_that_has_everything_and_it_stands_at_once():
    net = Net(3, 3, Raft)
    calm(net, seconds=2)
    (name,) = (n for n, node in net.nodes.items() if node.role == "leader")
    leader = net.nodes[name]
    to = next(n for n in net.names if n != name)
    while leader.progress[to].match_index < leader.log.last_index:
        net.step()
    (send,) = leader.hand_over(to, net.now)
    assert send.to == to and leader.role == "leader", "it leads until it sees a later term"
    effects = net.nodes[to].receive(name, send.message, net.now)
    assert net.nodes[to].role == "candidate" and net.nodes[to].term == leader.term + 1
    assert isinstance(effects[0], Save), "its own vote is saved before it asks for others"
    with pytest.raises(RuntimeError, match="is no other voter"):
        leader.hand_over(name, net.now)
    leader.log.append([Entry(leader.term, "only here")])
    with pytest.raises(RuntimeError, match="1 entries behind"):
        leader.hand_over(to, net.now)


def test_nobody_but_the_leader_of_the_term_makes_a_member_stand():
    net = Net(3, 3, Raft)
    calm(net, seconds=2)
    follower = next(node for node in net.nodes.values() if node.role == "follower")
    liar = next(n for n in net.names if n not in (follower.name, follower.leader))
    assert follower.receive(liar, StandNow(follower.term), net.now) == []
    assert follower.receive(follower.leader, StandNow(follower.term - 1), net.now) == []
    assert follower.role == "follower"


def test_an_old_snapshot_changes_nothing():
    leader, _ = elected()
    commit_first(leader)
    follower = Raft("b", ("a", "b", "c"), random.Random(2), 0)
    follower.receive("a", Append(1, 0, 0, (Entry(1, None), Entry(1, "x")), 2), SECOND)
    before = follower.status()
    old = Snapshot(1, 1, Members(("a", "b", "c")), "old")
    effects = follower.receive("a", Install(1, old), SECOND)
    assert told(effects) == [] and follower.status() == before


def test_a_log_says_what_it_does_not_hold():
    log = Log(Snapshot(5, 2, Members(("a",))), [Entry(2, "six")])
    assert log.entry(6).command == "six" and log.term_at(5) == 2 and log.term_at(4) is None
    for index in (5, 7):
        with pytest.raises(IndexError, match="which holds 6 to 6"):
            log.entry(index)
