"""Workers that vote: what the controllers conclude from signed votes, and what they do not."""

from dataclasses import replace

import pytest

from course.dwcp.consensus.evidence import Contradiction, Equivocation
from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_client import Client
from course.dwcp.consensus.pbft_cluster import Cluster
from course.dwcp.consensus.pbft_messages import Checkpoint, Commit, Prepare, PrePrepare, Proposal
from course.dwcp.consensus.pbft_records import Settings
from course.dwcp.jury import Jury
from course.dwcp.machine import Save
from course.dwcp.node import Certificate, Config, Heartbeat, HeartbeatReply
from course.dwcp.registry import RELEASED_AT, Registry, Standing
from course.dwcp.units import DAY, MS, SECOND
from course.dwcp.voting import Accusation, Ballot, Edge, VoteReport
from course.dwcp.worker import Worker, WorkerSaved

FALSE = b"another digest"


@pytest.fixture
def group():
    """Seven voters that have decided once."""
    made = Cluster(7)
    made.ask("move vm-1")
    made.run(100 * MS)
    return made


def jury(group):
    return Jury(group.voters, group.keyring)


def seen_by(group, name, *extra, unsaid=None):
    """What a voter would report, and `extra` votes; `unsaid` never voted rightly."""
    voter = group.nodes[name]
    slot = voter.slots[1]
    cast = (*slot.prepares.values(), *slot.commits.values())
    votes = [vote for vote in cast if vote.signer != unsaid]
    at = voter.decided[1].commits[0].body
    certified = tuple(group.signers[v].sign(at) for v in group.voters if v != unsaid)[:5]
    return VoteReport(certified, (slot.pre_prepare, *votes, *extra))


def wrong_commit(group, name):
    return group.signers[name].sign(Commit(0, 1, FALSE))


def verdict(group, reports):
    """The commands that follow from reports by (sender, report)."""
    court = jury(group)
    return [command for sender, report in reports for command in court.heard(sender, report)]


def test_a_quorum_of_reports_makes_one_judgement(group):
    commands = verdict(group, [(name, seen_by(group, name)) for name in group.voters])
    assert [command["kind"] for command in commands] == ["judge"]
    assert commands[0]["correct"] == list(group.voters) and not commands[0]["wrong"]


def test_four_reports_of_seven_are_too_few(group):
    assert not verdict(group, [(name, seen_by(group, name)) for name in group.voters[:4]])
    again = [("v1", seen_by(group, "v1"))] * 7
    assert not verdict(group, again), "one voter counts once"


def test_a_commit_that_contradicts_the_quorum_is_wrong(group):
    lie = wrong_commit(group, "v6")
    reports = [(name, seen_by(group, name, lie, unsaid="v6")) for name in group.voters[:5]]
    (judged,) = verdict(group, reports)
    assert judged["wrong"] == ["v6"] and "v6" not in judged["correct"]


def test_two_faces_meet_in_the_jury_though_no_voter_saw_both(group):
    reports = [(name, seen_by(group, name)) for name in group.voters[:4]]
    other = seen_by(group, "v4", wrong_commit(group, "v6"), unsaid="v6")
    commands = verdict(group, [*reports, ("v4", other)])
    convicted = [c for c in commands if c["kind"] == "quarantine"]
    assert [c["node"] for c in convicted] == ["v6"]
    assert convicted[0]["proof"].objection(group.keyring) is None, "anyone can check it later"


def test_an_honest_backup_deceived_by_its_primary_is_not_blamed(group):
    """It prepared what it was shown; it never committed, and that is no lie."""
    shown = group.signers["v0"].sign(PrePrepare(0, 1, FALSE))
    prepared = group.signers["v6"].sign(Prepare(0, 1, FALSE))
    honest = [(n, seen_by(group, n, unsaid="v6")) for n in ("v1", "v2", "v3", "v4")]
    deceived = seen_by(group, "v6", shown, prepared, unsaid="v6")
    commands = verdict(group, [*honest, ("v6", replace(deceived, votes=(shown, prepared)))])
    assert [c["node"] for c in commands if c["kind"] == "quarantine"] == ["v0"]
    (judged,) = [c for c in commands if c["kind"] == "judge"]
    assert judged["silent"] == ["v6"] and judged["wrong"] == []


@pytest.mark.parametrize("what", ["forged", "no quorum", "stranger", "nonsense", "elsewhere"])
def test_liars_cannot_blame_an_honest_voter(group, what):
    forged = replace(group.signers["v6"].sign(Commit(0, 1, FALSE)), signer="v1")
    elsewhere = group.signers["v1"].sign(Commit(3, 1, FALSE))  # honest in another view
    report = {
        "forged": seen_by(group, "v6", forged),
        "no quorum": VoteReport((group.signers["v6"].sign(Commit(0, 9, FALSE)),) * 5, ()),
        "stranger": seen_by(group, "v6"),
        "nonsense": VoteReport((1, None), "x"),
        "elsewhere": seen_by(group, "v6", elsewhere),
    }[what]
    sender = "mallory" if what == "stranger" else "v6"
    honest = [(name, seen_by(group, name)) for name in ("v2", "v3", "v4", "v5")]
    commands = verdict(group, [(sender, report), *honest])
    assert not [c for c in commands if c["kind"] == "quarantine"]
    assert all(c["wrong"] == [] for c in commands)


def test_what_liars_can_fill_is_bounded(group):
    court = jury(group)
    for number in range(300):  # a quorum of liars, for the worst
        said = Commit(0, number, FALSE)
        votes = tuple(group.signers[name].sign(said) for name in group.voters[:5])
        court.heard("v6", VoteReport(votes, ()))
    assert len(court._cases) == 100


def test_an_accusation_is_believed_for_its_proof_only(group):
    court = jury(group)
    first, second = wrong_commit(group, "v6"), group.signers["v6"].sign(Commit(0, 1, b"third"))
    assert court.accused(Accusation(Equivocation(first, second)))["node"] == "v6"
    assert court.accused(Accusation(Equivocation(first, first))) is None
    assert court.accused(Accusation(Equivocation(replace(first, signer="v1"), second))) is None
    assert court.accused(Accusation("v6 lies")) is None


def test_a_checkpoint_against_a_quorums_is_a_proof(group):
    court = jury(group)
    proof = tuple(group.signers[n].sign(Checkpoint(100, b"state")) for n in group.voters[:5])
    lie = group.signers["v6"].sign(Checkpoint(100, FALSE))
    command = court.accused(Accusation(Contradiction(lie, proof)))
    assert command["node"] == "v6" and command["reason"] == "checkpoint contradicted, proved"
    for nothing in (
        Contradiction(proof[0], proof),
        Contradiction(lie, proof[:4]),
        Contradiction(replace(lie, signer="v1"), proof),
        Contradiction(lie, ()),
        Contradiction(None, proof),
    ):
        assert court.accused(Accusation(nothing)) is None


# the registry: what a judgement does


def judged(registry, number, at=0, **votes):
    command = {
        "kind": "judge",
        "number": number,
        "correct": [],
        "wrong": [],
        "silent": [],
        "at": at,
    }
    registry.apply(registry.applied + 1, command | votes)
    return registry.refused.get(registry.applied)


def voters(size=7):
    registry = Registry(voters=tuple(f"w{i}" for i in range(size)))
    for name in registry.voters:
        registry.apply(registry.applied + 1, {"kind": "join", "node": name})
    return registry


def test_eight_wrong_votes_in_a_row_are_a_quarantine():
    registry = voters()
    for number in range(1, 9):
        assert "w1" not in registry.quarantined
        judged(registry, number, wrong=["w1"])
    assert registry.standing["w1"].score == 0.20
    assert registry.quarantined["w1"] == {"reason": "score 0.20", "by": "score"}


def test_a_voter_wrong_every_other_time_falls_with_the_fifteenth_vote():
    registry = voters()
    for number in range(1, 16):
        assert "w1" not in registry.quarantined
        judged(registry, number, **{"wrong" if number % 2 else "correct": ["w1"]})
    assert registry.standing["w1"].score == 0.27 and "w1" in registry.quarantined


def test_a_decision_is_judged_once_and_silence_costs_nothing():
    registry = voters()
    judged(registry, 1, wrong=["w1"], silent=["w2"])
    assert "judged already" in judged(registry, 1, wrong=["w1"])
    assert registry.standing["w1"].score == 0.9
    assert registry.standing["w2"] == Standing(1.0, silent=1)
    judged(registry, 5_000)
    assert "judged already" in judged(registry, 2, wrong=["w1"])
    assert list(registry.judged) == [5_000]


def test_no_quarantine_leaves_fewer_voters_than_a_quorum():
    registry = voters()
    for node in ("w1", "w2"):
        registry.apply(registry.applied + 1, {"kind": "quarantine", "node": node, "reason": "x"})
    for number in range(1, 20):
        judged(registry, number, wrong=["w3"])
    assert list(registry.quarantined) == ["w1", "w2"] and registry.standing["w3"].score == 0.0
    registry.apply(registry.applied + 1, {"kind": "quarantine", "node": "w4", "reason": "x"})
    assert "4 voters would be left, and 5 of 7" in registry.refused[registry.applied]


def test_whole_days_without_a_vote_wear_a_score_off_but_not_below_the_floor():
    standing = Standing().judged("correct", 0)
    assert standing.score_at(DAY - 1) == 1.0
    assert standing.score_at(10 * DAY) == pytest.approx(0.90)
    assert standing.score_at(400 * DAY) == 0.50
    assert standing.score_at(-DAY) == 1.0, "a clock that went back wears nothing off"
    assert Standing(0.40, voted_at=0).score_at(400 * DAY) == 0.40


def test_a_restricted_voter_gets_no_vms_and_a_released_one_begins_normal():
    registry = voters()
    for number in range(1, 7):
        judged(registry, number, wrong=["w1"])
    assert registry.excluded("w1", 0) == "restricted: score 0.40"
    for number in range(7, 9):
        judged(registry, number, wrong=["w1"])
    assert registry.excluded("w1", 0) == "in quarantine: score 0.20"
    registry.apply(registry.applied + 1, {"kind": "release", "node": "w1"})
    assert registry.standing["w1"].score == RELEASED_AT and registry.excluded("w1", 0) is None
    assert registry.standing["w1"].score_at(30 * DAY) == RELEASED_AT, "days in quarantine count not"


# the machines


def worker(group, saved=None):
    record = saved.acp if saved else None
    voter = Pbft(
        "v3", group.voters, group.signers["v3"], group.keyring, 0,
        **({"saved": record} if record else {}),
    )  # fmt: skip
    return Worker(
        Config("lab", "v3", "eu", ("c1", "c2")), Certificate("v3", 0), {}, 0, 0, saved,
        Ballot(voter, ("c1", "c2"), record),
    )  # fmt: skip


def test_a_worker_keeps_its_voters_promises_through_restarts_and_joins(group):
    mine = worker(group)
    proposal = group.nodes["v0"].slots[1]
    effects = mine.receive("v0", Proposal(proposal.pre_prepare, proposal.batch), 0)
    saved = [e.record for e in effects if isinstance(e, Save)][-1]
    assert isinstance(saved, WorkerSaved) and saved.acp.accepted
    again = worker(group, replace(saved, controller="c1"))
    again._is_member = True
    effects = again.receive("c1", HeartbeatReply(0, 0, 1), 0)
    assert again.state == "ready"
    kept = [e.record for e in effects if isinstance(e, Save)]
    assert kept[-1].acp.accepted, "to have joined again is no reason to forget a promise"


def test_a_voter_in_quarantine_is_not_heard(group):
    mine = worker(group)
    mine.receive("c1", HeartbeatReply(0, 0, 1, ("v0",)), 0)
    slot = group.nodes["v0"].slots[1]
    assert mine.receive("v0", Proposal(slot.pre_prepare, slot.batch), 0) == []
    mine.receive("c1", HeartbeatReply(0, 0, 2), 0)
    assert mine.receive("v0", Proposal(slot.pre_prepare, slot.batch), 0) != []


def test_a_voter_goes_on_with_its_heartbeats(group):
    mine = worker(group)
    mine.join("c1", 0)
    mine._is_member = True
    beats = [e for e in mine.wake(5 * SECOND) if isinstance(getattr(e, "message", 0), Heartbeat)]
    assert [beat.to for beat in beats] == ["c1", "c2"]


def test_a_gateway_asks_every_so_often_and_measures_the_answer():
    group = Cluster(4, Settings(batch_size=1), clients=("edge",))
    edge = Edge(Client(group.voters, group.signers["edge"], group.keyring), 5 * SECOND, 0)
    group.nodes["edge"] = edge
    group.pass_time(5 * SECOND)
    group.run(100 * MS)
    (who, details) = group.events("agreed")[0]
    assert who == "edge" and details["operation"] == ("decision", 5 * SECOND)
    assert 0 < details["took_us"] < SECOND and edge.waiting == {}
    with pytest.raises(ValueError, match="decided already"):
        edge.propose("move", 6 * SECOND)
        edge.propose("move", 6 * SECOND)


def test_a_voter_reports_what_it_saw_a_second_after_the_decision():
    group = Cluster(4)
    ballots = {}
    for name in group.voters:
        ballots[name] = Ballot(group.nodes[name], ("c1",), None)
    group.nodes.update(ballots)
    group.nodes["c1"] = Silent()
    group.ask("move vm-1")
    group.run(100 * MS)
    assert not group.nodes["c1"].heard
    group.pass_time(2 * SECOND)
    group.run(10 * MS)
    reports = group.nodes["c1"].heard
    assert sorted(sender for sender, _ in reports) == list(group.voters)
    court = jury(group)
    (judged,) = [command for one in reports for command in court.heard(*one)]
    assert judged["correct"] == list(group.voters)


class Silent:
    """Somebody who only listens."""

    wake_at = None

    def __init__(self):
        self.heard = []

    def receive(self, sender, message, now):
        self.heard.append((sender, message))
        return []
