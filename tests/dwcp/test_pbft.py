"""PBFT: its promises in storms, the same storms against planted bugs, and its single steps."""

import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.consensus import pbft_cluster, signatures
from course.dwcp.consensus.canonical import NUMBER_MAX, decode, digest, encode, fits
from course.dwcp.consensus.evidence import (
    Equivocation,
    agreement_rate,
    disagrees_too_often,
    equivocations,
)
from course.dwcp.consensus.intersection import (
    is_safe,
    overlap,
    quorum_at,
    silent_tolerated,
    square_root_quorum,
)
from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_client import Client
from course.dwcp.consensus.pbft_cluster import Cluster
from course.dwcp.consensus.pbft_messages import (
    WIRE,
    Checkpoint,
    CheckpointCertificate,
    Commit,
    CommitCertificate,
    NewView,
    Prepare,
    PrePrepare,
    Proposal,
    Reply,
    Request,
    Snapshot,
    ViewChange,
)
from course.dwcp.consensus.pbft_records import DISK, Saved, Settings
from course.dwcp.consensus.pbft_views import objection_to_view_change
from course.dwcp.consensus.pbft_votes import objection_to_commits
from course.dwcp.consensus.quorum import max_faulty
from course.dwcp.consensus.signatures import (
    Ed25519Signer,
    KeyedHashKeyring,
    KeyedHashSigner,
    Keyring,
    Signed,
)
from course.dwcp.machine import Save, Send, Tell
from course.dwcp.units import MS, SECOND
from tests.dwcp.pbft_bugs import BUGS, first_seed_that_tells, name_of
from tests.dwcp.pbft_storm import calm, size_of, storm

FAST = Settings(
    batch_size=1, checkpoint_interval=2, window=4, view_change_timeout=SECOND, resend=100 * MS
)


# storms


@pytest.mark.parametrize("part", range(4))
def test_the_promises_hold_in_storms_and_all_is_done_after_them(part):
    for seed in range(part, 160, 4):
        try:
            net = storm(seed, size_of(seed))
            if seed % 20 == part:
                calm(net)
        except AssertionError as broken:
            pytest.fail(f"seed {seed}, size {size_of(seed)}: {broken}")


@pytest.mark.parametrize("size", [5, 6, 10])
def test_the_promises_hold_with_other_numbers_of_voters(size):
    for seed in range(8):
        calm(storm(seed, size, 300))


def test_with_one_liar_more_than_f_agreement_breaks():
    broken = []
    for seed in range(200):
        try:
            storm(seed, 4, lying=2, judges_accusations=False)
        except AssertionError as promise:
            broken.append((seed, str(promise)))
            if broken[-1][1].startswith("two decisions"):
                break
    assert broken and broken[-1][1].startswith("two decisions"), broken
    with pytest.raises(AssertionError, match="two decisions"):
        storm(broken[-1][0], 4, lying=2, judges_accusations=False)  # and it replays


# Most are told by one of the first 25 seeds. Where the search is long, it begins near its end.
NEAR = {"BelievesPreparedClaims": 160, "HoldsThisViewOnly": 235, "SendsBeforeItSaves": 130}


@pytest.mark.parametrize("bug", BUGS, ids=map(name_of, BUGS))
def test_a_planted_bug_is_caught(bug):
    first = NEAR.get(name_of(bug), 0)
    assert first_seed_that_tells(bug, 600, first=first), "600 storms noticed nothing"


def test_a_seed_gives_the_same_history_whatever_the_hash_seed():
    code = (
        "from tests.dwcp.pbft_storm import storm; from course.dwcp.consensus.canonical import digest; net = storm(7, 7, 800);"
        "print(digest(tuple(net.states.values())).hex(), net.now, len(net.wire), net.views)"
    )
    histories = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in (1, 2)
    }  # fmt: skip
    assert len(histories) == 1, histories


# the normal case, round by round


def kinds(letters):
    return Counter(letter.kind for letter in letters)


def events(effects):
    return [effect.event for effect in effects if isinstance(effect, Tell)]


@pytest.mark.parametrize("size", [4, 7])
def test_a_request_is_decided_in_five_rounds_with_as_many_messages_as_the_paper_has(size):
    group, n = Cluster(size), size
    group.ask("move vm-1")
    expected = [
        {"Request": 1}, {"Proposal": n - 1}, {"Prepare": (n - 1) ** 2}, {"Commit": n * (n - 1)},
        {"Reply": n},
    ]  # fmt: skip
    assert [kinds(group.round()) for _ in expected] == expected
    assert group.events("answered") == [("client", {"operation": "move vm-1", "result": 1})]
    assert sorted(name for name, _ in group.events("decided")) == list(group.voters)


def test_one_can_read_who_knows_what_after_each_round():
    group = Cluster(4)
    group.ask("move vm-1")
    group.round()
    assert [place and place.has_batch for place in group.knows(1).values()] == [True, *[None] * 3]
    group.round()
    assert group.knows(1)["v1"].prepares == ("v1",) and not group.knows(1)["v1"].prepared
    group.round()
    place = group.knows(1)["v0"]
    assert place.prepares == ("v1", "v2", "v3") and place.prepared and place.commits == ("v0",)
    assert not place.committed
    group.round()
    assert all(place.committed for place in group.knows(1).values())


@pytest.mark.parametrize(("size", "silent"), [(4, 1), (7, 2)])
def test_f_silent_voters_change_nothing_and_one_more_stops_it(size, silent):
    for count, answers in ((silent, 1), (silent + 1, 0)):
        quiet = [f"v{size - 1 - i}" for i in range(count)]
        group = Cluster(size, FAST)
        group.ask("x")
        group.run(200 * MS, lambda letter: letter.sender not in quiet)  # noqa: B023
        assert len(group.events("answered")) == answers


def test_a_batch_is_full_or_has_waited_its_time():
    settings = replace(Settings(), batch_size=3, batch_timeout=50 * MS)
    group = Cluster(4, settings, clients=("ann", "bob", "eve"))
    group.ask("a", "ann")
    group.run(40 * MS)
    assert group.events("decided") == [], "its time is not over"
    group.ask("b", "bob")
    group.ask("c", "eve")
    group.run(10 * MS)
    (_, first), *_ = group.events("decided")
    assert [request.operation for request in first["requests"]] == ["a", "b", "c"]
    group.ask("d", "ann")
    group.run(60 * MS)
    assert group.nodes["v2"].status().executed == 2, "a part of a batch after 50 ms"


def test_a_promise_is_saved_before_it_is_sent():
    group = Cluster(4)
    group.ask("x")
    group.round()
    for number, kind in enumerate((Proposal, Prepare, Commit)):
        for letter in list(group.wire)[: 3 - number]:
            effects = group.nodes["v3"].receive(letter.sender, letter.message, group.now)
            sends = [e for e in effects if isinstance(e, Send)]
            if sends:
                before = effects[: effects.index(sends[0])]
                assert any(isinstance(effect, Save) for effect in before), kind
        group.round()


def test_a_restart_repeats_its_promise_and_makes_no_other():
    group = Cluster(4)
    group.ask("x")
    group.round()
    proposal = group.wire[0].message
    group.round()
    before = group.knows(1)["v1"]
    group.restart("v1")
    assert group.knows(1)["v1"] == before
    batch = (group.signers["client"].sign(Request("client", 99, "y")),)
    other = Proposal(group.signers["v0"].sign(PrePrepare(0, 1, digest(batch))), batch)
    effects = group.nodes["v1"].receive("v0", other, group.now)
    (told,) = effects
    assert told.details["proof"].proves(group.keyring) == "v0"
    assert told.details["proof"].first == proposal.pre_prepare


def test_a_request_is_done_once_and_its_result_told_again():
    group = Cluster(4)
    group.ask("x")
    request = group.wire[0].message
    group.run(20 * MS)
    effects = group.nodes["v2"].receive("client", request, group.now)
    (send,) = effects
    assert send.to == "client" and send.message.body.result == 1
    assert group.nodes["v2"].status().executed == 1
    old = group.signers["client"].sign(Request("client", request.body.timestamp - 1, "old"))
    assert group.nodes["v2"].receive("client", old, group.now) == []


def test_a_primary_cannot_invent_a_request_and_nobody_can_ask_in_anothers_name():
    group = Cluster(4, clients=("client", "eve"))
    asked = Request("client", 1, "x")
    for false in (
        Signed(asked, "client", bytes(64)),
        group.signers["eve"].sign(asked),
        group.signers["v0"].sign(asked),
    ):
        said = group.signers["v0"].sign(PrePrepare(0, 1, digest((false,))))
        for message in (false, Proposal(said, (false,))):
            effects = group.nodes["v1"].receive("v0", message, 0)
            assert [e.details["node"] for e in effects if isinstance(e, Tell)] == ["v0"]
    assert group.nodes["v1"].status().pending == 0 and group.knows(1)["v1"].digest is None


def test_a_voter_with_too_much_to_do_says_so():
    group = Cluster(4, replace(FAST, pending_max=1), clients=("ann", "bob"))
    requests = [group.signers[name].sign(Request(name, 1, "x")) for name in ("ann", "bob")]
    told = [events(group.nodes["v1"].receive(one.signer, one, 0)) for one in requests]
    assert told == [[], ["overloaded"]]


def test_what_a_lossy_wire_took_is_sent_again():
    group = Cluster(4, FAST)
    group.ask("x")
    group.run(50 * MS, lambda letter: letter.to != "v3")
    assert group.nodes["v3"].status().executed == 0
    group.run(300 * MS)
    assert group.nodes["v3"].status().executed == 1


def test_a_commit_certificate_convinces_who_was_not_there():
    group = Cluster(4)
    group.ask("x")
    group.run(20 * MS)
    certificate = group.events("decided")[0][1]["certificate"]
    judge = group.nodes["v0"].group
    assert objection_to_commits(certificate, judge) is None
    thin = CommitCertificate(certificate.batch, certificate.commits[:1] * 3)
    assert objection_to_commits(thin, judge) == "1 voters committed it, not 3"
    assert "another batch" in objection_to_commits(replace(certificate, batch=()), judge)


# checkpoints


def decide(group, count, passes=lambda letter: True):
    for number in range(count):
        group.ask(number)
        group.run(20 * MS, passes)


def test_a_stable_checkpoint_moves_the_water_marks_and_forgets_what_is_older():
    group = Cluster(4, FAST)
    decide(group, 5)
    node = group.nodes["v1"]
    assert (node.status().low, node.status().high, node.status().executed) == (4, 8, 5)
    assert list(node.slots) == list(node.held) == list(node.decided) == [5]
    assert group.saved["v1"].snapshot.number == 4 and len(group.saved["v1"].proof) == 3


def test_numbers_outside_the_water_marks_are_not_looked_at():
    group = Cluster(4, FAST)
    batch = (group.signers["client"].sign(Request("client", 1, "x")),)
    for number, answers in ((0, 0), (1, 1), (4, 1), (5, 0), (1 << 60, 0)):
        said = group.signers["v0"].sign(PrePrepare(0, number, digest(batch)))
        effects = group.nodes["v1"].receive("v0", Proposal(said, batch), 0)
        assert bool(effects) == bool(answers), number


def test_who_was_away_takes_the_state_that_a_quorum_signed():
    group = Cluster(4, FAST)
    decide(group, 7, lambda letter: "v3" not in (letter.sender, letter.to))
    assert group.nodes["v3"].status().executed == 0
    group.run(500 * MS)
    assert group.nodes["v3"].status().executed == 7
    assert group.events("state_installed")[0][0] == "v3"
    assert group.nodes["v3"].status().state == group.nodes["v0"].status().state


def test_a_false_state_is_refused():
    group = Cluster(4, FAST)
    decide(group, 7, lambda letter: "v3" not in (letter.sender, letter.to))
    lagging, proof = group.nodes["v3"], group.nodes["v0"].checkpoints.proof
    asked = lagging.receive("v0", CheckpointCertificate(proof), group.now)
    assert len([e for e in asked if isinstance(e, Send)]) == 2, "f + 1 are asked"
    effects = lagging.receive("v1", Snapshot(6, (99, b""), ()), group.now)
    assert effects == [Tell("misbehaved", {"node": "v1", "kind": "checkpoint_manipulation"})]
    assert lagging.status().executed == 0


def test_a_liar_in_a_proof_cannot_hold_up_others_by_telling_them_something_else():
    """The proof travels whole. Vote by vote, its first vote here would have been the one kept."""
    group = Cluster(4, FAST)
    v3 = group.nodes["v3"]
    group.nodes["v3"].receive("v2", group.signers["v2"].sign(Checkpoint(2, b"other")), 0)
    decide(group, 2, lambda letter: letter.to != "v3")
    said = group.nodes["v0"].checkpoints.proof[0].body
    proof = tuple(group.signers[name].sign(said) for name in ("v0", "v1", "v2"))
    effects = v3.receive("v0", CheckpointCertificate(proof), group.now)
    kinds_told = [e.details["kind"] for e in effects if isinstance(e, Tell)]
    assert kinds_told == ["checkpoint_manipulation"] and v3.checkpoints.base == 2


def test_a_target_that_was_proved_survives_a_restart():
    group = Cluster(4, FAST)
    decide(group, 7, lambda letter: "v3" not in (letter.sender, letter.to))
    proof = group.nodes["v0"].checkpoints.proof
    effects = group.nodes["v3"].receive("v0", CheckpointCertificate(proof), group.now)
    effects += group.nodes["v3"].change_view(1, group.now)
    saved = [effect.record for effect in effects if isinstance(effect, Save)][-1]
    group.saved["v3"] = saved
    group.restart("v3")
    assert group.nodes["v3"].status().high == 6 + FAST.window


# views


def test_a_silent_primary_is_replaced_and_the_request_done():
    group = Cluster(4, FAST)
    group.ask("x")
    group.run(8 * SECOND, lambda letter: letter.sender != "v0")
    assert [status.primary for status in (group.nodes[v].status() for v in group.voters[1:])] == [
        "v1"
    ] * 3
    assert group.events("answered")[0][1]["result"] == 1


def test_three_silent_primaries_in_a_row_are_replaced_each_after_twice_the_time():
    group = Cluster(10, FAST, signer=KeyedHashSigner, keyring=KeyedHashKeyring)
    group.ask("x")
    group.run(9 * SECOND, lambda letter: letter.sender not in ("v0", "v1", "v2"))
    assert group.nodes["v5"].status().view == 3 and group.events("answered")
    begun = [
        (tell.details["view"], at)
        for at, who, tell in group.told
        if who == "v5" and tell.event == "view_change_started"
    ]
    assert [view for view, _ in begun] == [1, 2, 3]
    waits = [(later - at) // (100 * MS) for (_, at), (_, later) in pairwise(begun)]
    assert waits == [10, 20], "1 s, then 2 s"
    assert group.nodes["v5"].status().timeout == SECOND, "progress makes it patient no longer"


def test_a_decision_that_one_voter_alone_has_seen_is_kept_by_the_next_view():
    """All commits reach v1 only, which then falls silent: the others must find it again."""
    group = Cluster(4, FAST)
    group.ask("x")
    for _ in range(3):
        group.round()
    group.round(lambda letter: letter.to == "v1")
    assert [who for who, _ in group.events("decided")] == ["v1"]
    cut = ("v0",)  # the old primary is gone, and v1's commits never arrive
    group.run(
        8 * SECOND, lambda letter: letter.sender not in cut and letter.kind != "CommitCertificate"
    )
    digests = {details["digest"] for _, details in group.events("decided")}
    assert len(digests) == 1 and group.nodes["v3"].status().executed >= 1
    assert group.nodes["v3"].status().view == 1 and group.events("decided")[1][1]["view"] == 1


def test_liars_alone_cannot_make_anybody_leave_a_view():
    group = Cluster(4, FAST)
    change = group.signers["v3"].sign(ViewChange(5, 0, (), ()))
    for name in ("v0", "v1", "v2"):
        group.nodes[name].receive("v3", change, 0)
        assert group.nodes[name].status().view == 0
    own = group.signers["v2"].sign(ViewChange(7, 0, (), ()))
    group.nodes["v1"].receive("v2", own, 0)
    assert group.nodes["v1"].status().view == 5, "f + 1 have left for 5 at least"


def views(group, *names, view=1, prepared=()):
    said = ViewChange(view, 0, (), prepared)
    return tuple(group.signers[name].sign(said) for name in names)


def new_view(group, changes, proposals=(), signer="v1", view=1):
    signed = tuple(group.signers[signer].sign(one) for one in proposals)
    return group.signers[signer].sign(NewView(view, changes, signed))


def test_a_new_view_is_entered_only_if_it_follows_from_what_a_quorum_said():
    group = Cluster(4, FAST)
    three = views(group, "v0", "v2", "v3")
    refused = [
        new_view(group, three[:2]),
        new_view(group, (*three[:2], three[0])),
        new_view(group, three, [PrePrepare(1, 1, digest(()))]),
        new_view(group, three, signer="v2"),
        new_view(group, (*three, *views(group, "client"))),
        new_view(group, (*three[:2], replace(three[2], signature=b"0" * 64))),
        new_view(group, views(group, "v0", "v2", "v3", view=2)),
    ]
    for message in refused:
        effects = group.nodes["v3"].receive("v1", message, 0)
        assert events(effects) == ["misbehaved"], message
        assert group.nodes["v3"].status().view == 0
    effects = group.nodes["v3"].receive("v1", new_view(group, three), 0)
    assert "view_entered" in events(effects) and group.nodes["v3"].status().view == 1


def test_a_view_change_with_a_false_certificate_is_abuse():
    group = Cluster(4, FAST)
    decide(group, 1)
    honest = group.nodes["v2"].held[1].prepared
    thin = replace(honest, prepares=honest.prepares[:1] * 2)
    moved = replace(honest, prepares=tuple(
        group.signers["v3"].sign(replace(one.body, digest=b"x")) for one in honest.prepares
    ))  # fmt: skip
    for claim in (thin, moved, replace(honest, pre_prepare=honest.prepares[0])):
        (change,) = views(group, "v3", prepared=(claim,))
        effects = group.nodes["v1"].receive("v3", change, group.now)
        assert [e.details["node"] for e in effects if isinstance(e, Tell)] == ["v3"]
        assert "v3" not in group.nodes["v1"].view_changes
    (change,) = views(group, "v3", prepared=(honest,))
    group.nodes["v1"].receive("v3", change, group.now)
    assert "v3" in group.nodes["v1"].view_changes


def test_a_view_change_says_what_is_proved_within_the_water_marks_before_its_view_by_number():
    group = Cluster(4, FAST)
    decide(group, 1)
    honest = group.nodes["v2"].held[1].prepared
    judge = group.nodes["v1"].group
    far = replace(honest, pre_prepare=group.signers["v0"].sign(PrePrepare(0, 5, b"")))
    for change, reason in (
        (ViewChange(1, 0, (), (honest, honest)), "by number, one each"),
        (ViewChange(1, 0, (), (far,)), "outside 1 to 4"),
        (ViewChange(0, 0, (), (honest,)), "not from a view before 0"),
        (ViewChange(1, 2, (), ()), "no checkpoints for number 2"),
    ):
        assert reason in objection_to_view_change(change, judge, FAST.window)
    assert objection_to_view_change(ViewChange(1, 0, (), (honest,)), judge, 4) is None


# liars, by hand


def two_faced(group, liars, honest):
    """The liars, v0 their primary, tell `honest` voters one request each, and vote for both."""
    digests = {}
    for name, operation in zip(honest, ("to worker-4", "to worker-5"), strict=True):
        batch = (group.signers["client"].sign(Request("client", 1, operation)),)
        said = digests[name] = digest(batch)
        proposal = Proposal(group.signers["v0"].sign(PrePrepare(0, 1, said)), batch)
        group.nodes[name].receive("v0", proposal, 0)
        for liar in liars[1:]:
            vote = group.signers[liar].sign(Prepare(0, 1, said))
            group.nodes[name].receive(liar, vote, 0)
        for liar in liars:
            effects = group.nodes[name].receive(
                liar, group.signers[liar].sign(Commit(0, 1, said)), 0
            )
            group._carry_out(name, effects)
    return digests


def test_two_liars_of_four_can_have_two_honest_voters_decide_differently():
    group = Cluster(4)
    two_faced(group, ("v0", "v3"), ("v1", "v2"))
    assert len({details["digest"] for _, details in group.events("decided")}) == 2


def test_one_liar_of_four_cannot():
    group = Cluster(4)
    two_faced(group, ("v0",), ("v1", "v2"))
    assert group.events("decided") == []


def test_an_equivocating_primary_is_proved_a_liar_and_one_of_its_batches_at_most_is_decided():
    group = Cluster(4, FAST)
    group.ask("x")
    group.wire.clear()
    two_faced(group, ("v0",), ("v1", "v2"))
    for name in ("v2", "v3"):  # v1 passes on what it was told
        slot = group.nodes["v1"].slots[1]
        effects = group.nodes[name].receive("v1", Proposal(slot.pre_prepare, slot.batch), 0)
        if name == "v2":
            (told,) = effects
            assert told.details["kind"] == "equivocation"
            assert told.details["proof"].proves(group.keyring) == "v0"
    group.run(20 * SECOND, lambda letter: letter.sender != "v0")
    assert len({d["digest"] for _, d in group.events("decided") if d["number"] == 1}) == 1


# the client


def test_a_client_believes_f_plus_1_equal_answers_and_no_fewer():
    group = Cluster(4)
    client = group.nodes["client"]
    group.ask("x")
    at = group.wire[0].message.body.timestamp

    def reply(voter, result):
        said = group.signers[voter].sign(Reply(0, "client", at, result))
        return events(client.receive(voter, said, 0))

    assert reply("v0", "lie") == [] and reply("v0", "lie") == []
    assert reply("v1", 1) == [] and reply("client", 1) == [] and reply("v2", 1) == ["answered"]


def test_a_client_without_an_answer_asks_everybody_and_waits_longer():
    client = Client(("v0", "v1", "v2", "v3"), Cluster(4).signers["client"], Keyring({}))
    effects = client.propose("x", 5)
    assert [type(effect) for effect in effects] == [Save, Send] and effects[0].record == 5
    first = client.wake_at
    sent = client.wake(first)
    assert [effect.to for effect in sent] == ["v0", "v1", "v2", "v3"]
    assert client.wake_at - first == 2 * (first - 5)


def test_timestamps_rise_after_a_restart_with_a_clock_that_stands():
    signer = Cluster(4).signers["client"]
    again = Client(("v0", "v1", "v2", "v3"), signer, Keyring({}), last_timestamp=9)
    assert again.propose("x", 3)[0] == Save(10)


# misuse and nonsense


def test_misuse_raises_and_says_what_would_be_right():
    group = Cluster(4)
    signer, names = group.signers["v0"], group.voters
    with pytest.raises(ValueError, match="v9 must be among the voters"):
        Pbft("v9", names, signer, group.keyring, 0)
    with pytest.raises(ValueError, match="named twice: v0, v0"):
        Pbft("v0", ("v0", "v0", "v1", "v2"), signer, group.keyring, 0)
    with pytest.raises(ValueError, match="3 voters survive no liar"):
        Pbft("v0", names[:3], signer, group.keyring, 0)
    with pytest.raises(ValueError, match="the view is 0; a new one is above it, not 0"):
        group.nodes["v0"].change_view(0, 0)
    with pytest.raises(ValueError, match="at least two checkpoint intervals"):
        Settings(checkpoint_interval=101)
    with pytest.raises(ValueError, match="float has no encoding"):
        group.ask(0.5)
    with pytest.raises(ValueError, match="a seed has 32 bytes"):
        Ed25519Signer("x", b"short")
    assert group.wire == [] and group.nodes["v0"].status().view == 0


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, NUMBER_MAX) | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=8,
)  # fmt: skip
bodies = st.sampled_from(list(WIRE.values())).flatmap(
    lambda kind: st.tuples(*[values] * len(kind.__dataclass_fields__)).map(lambda row: kind(*row))
)
rubbish = (
    values | bodies | st.builds(Signed, bodies | values, st.sampled_from(["v1", "x", 7]), values)
)


@given(rubbish)
@settings(max_examples=150, deadline=None)
def test_what_is_no_message_is_told_and_changes_nothing(message):
    node = TABLE.nodes["v0"]
    before = node.status()
    effects = node.receive("v1", message, 0)
    assert all(isinstance(e, Tell) and e.event == "misbehaved" for e in effects)
    assert node.status() == before


@given(bodies)
@settings(max_examples=150, deadline=None)
def test_what_is_signed_and_makes_no_sense_never_raises(body):
    node, signer = TABLE.nodes["v0"], TABLE.signers["v1"]
    try:
        message = signer.sign(body)
    except ValueError:
        return
    before = node.status().executed
    node.receive("v1", message, 0)
    assert node.status().executed == before


TABLE = Cluster(4)


@given(values)
@settings(max_examples=200, deadline=None)
def test_an_encoding_can_be_read_back_and_is_the_only_one(value):
    try:
        data = encode(value)
    except ValueError:
        return
    back = decode(data, {})
    assert back == value and encode(back) == data and fits(value, Any)


@given(st.binary(max_size=40))
def test_bytes_that_nobody_wrote_are_refused_in_words(data):
    with suppress(ValueError):
        assert encode(decode(data, WIRE)) == data


def test_every_message_and_record_of_a_run_survives_its_encoding():
    group = Cluster(4, FAST)
    decide(group, 3, lambda letter: letter.to != "v3")
    group.ask("y")
    letters = group.run(6 * SECOND, lambda letter: letter.sender != "v0")
    assert {"NewView", "ViewChange", "CommitCertificate", "Progress"} <= set(kinds(letters))
    for letter in letters:
        assert decode(encode(letter.message), WIRE) == letter.message
    for name in group.voters[1:]:
        saved = decode(encode(group.saved[name]), DISK)
        assert fits(saved, Saved) and saved == group.saved[name]
        before = group.nodes[name].status()
        group.restart(name)
        after = group.nodes[name].status()
        assert (before.view, before.low, before.high) == (after.view, after.low, after.high)


# evidence, signatures, quorums


def test_two_digests_at_one_place_prove_who_lied_and_nothing_else_does():
    group = Cluster(4)
    ring, sign = group.keyring, group.signers["v1"].sign
    one, other = sign(Commit(0, 1, b"a")), sign(Commit(0, 1, b"b"))
    assert Equivocation(one, other).proves(ring) == "v1"
    innocent = [
        (one, sign(Commit(1, 1, b"b"))), (one, sign(Prepare(0, 1, b"b"))), (one, one),
        (one, group.signers["v2"].sign(Commit(0, 1, b"b"))), (one, replace(other, signature=b"")),
        (one, replace(other, body=None)), (None, None),
    ]  # fmt: skip
    for first, second in innocent:
        assert Equivocation(first, second).proves(ring) is None
        assert Equivocation(first, second).objection(ring)
    assert equivocations([one, sign(Prepare(0, 1, b"b")), other, other], ring) == [
        Equivocation(one, other)
    ]


def test_the_agreement_rate_judges_after_500_votes():
    assert agreement_rate([]) == 1.0
    assert not disagrees_too_often([False] * 499)
    assert disagrees_too_often([True] * 470 + [False] * 30)
    assert not disagrees_too_often([False] * 100 + [True] * 500), "the last 500 count"


def test_a_signature_is_for_one_signer_and_one_message():
    ann, bob = Ed25519Signer("ann", b"a" * 32), Ed25519Signer("bob", b"b" * 32)
    ring = Keyring.of([ann, bob])
    said = ann.sign(("x", 1))
    assert ring.verifies(said)
    for false in (
        replace(said, signer="bob"), replace(said, body=("x", 2)), replace(said, signature=b""),
        replace(said, signer="eve"), replace(said, signature=bytes(64)),
    ):  # fmt: skip
        assert not ring.verifies(false)


@pytest.mark.parametrize("n", range(4, 11))
def test_two_quorums_share_an_honest_voter_and_with_one_fewer_they_may_not(n):
    f, quorum = max_faulty(n), quorum_at(n)
    shared = {
        len({*one} & {*other})
        for one in combinations(range(n), quorum)
        for other in [range(n - quorum, n)]
    }
    assert min(shared) == overlap(n, quorum) >= f + 1 and is_safe(n, quorum)
    assert silent_tolerated(n) >= f, "f silent voters do not stop it"
    if n == 3 * f + 1:
        assert not is_safe(n, quorum - 1)


def test_the_published_square_root_quorums_need_not_meet():
    assert square_root_quorum(100) == 10 and overlap(100, 10) == 0 and not is_safe(100, 10)


def test_the_demos_run(capsys):
    pbft_cluster.demo()
    signatures.demo()
    told = capsys.readouterr().out
    assert "'result': 1" in told and "in Bob's name: False" in told
