"""Who decides what, how strange a voter looks, and the documented examples of both."""

import doctest

import pytest

from course.dwcp.consensus import evidence, hybrid, intersection, quorum, suspicion
from course.dwcp.consensus.hybrid import HARD, SOFT, Decider, Decision, choose
from course.dwcp.consensus.suspicion import CONFIRMED, SUSPICIOUS, WEIGHTS, WINDOW, verdict
from course.dwcp.units import MINUTE


@pytest.mark.parametrize("module", [evidence, hybrid, intersection, quorum, suspicion])
def test_the_examples_are_so(module):
    failed, tried = doctest.testmod(module)
    assert tried and not failed


@pytest.mark.parametrize("kind", SOFT)
def test_soft_state_is_nobodys_decision(kind):
    assert choose(Decision(kind, ("us", "eu"), trusted=False), 0).decider == Decider.GOSSIP


@pytest.mark.parametrize("kind", HARD)
def test_a_hard_decision_has_one_decider_and_it_depends_on_nothing_but_its_kind(kind):
    here, across = Decision(kind, ("us", "us")), Decision(kind, ("us", "eu"))
    assert {choose(here, 7).decider for _ in range(3)} == {Decider.RAFT}
    assert choose(across, 7).decider == choose(across, 4).decider == Decider.PBFT
    assert choose(Decision(kind, ("us",), trusted=False), 4).decider == Decider.PBFT
    assert choose(across, 0).decider == Decider.RAFT, "trusted, and there is nobody else"


def test_three_voters_decide_for_no_liar_and_a_wrong_kind_is_named():
    for voters in (0, 3):
        with pytest.raises(ValueError, match="4 voters are needed"):
            choose(Decision("ownership", ("us",), trusted=False), voters)
    with pytest.raises(ValueError, match="kind is 'mood'; give one of load"):
        Decision("mood", ("us",))
    with pytest.raises(ValueError, match="at least one region"):
        Decision("load", ())


def test_the_demo_shows_each_decider(capsys):
    hybrid.demo()
    said = capsys.readouterr().out
    assert [said.count(f" {decider} ") for decider in Decider] == [1, 2, 2]


def test_signs_fade_and_several_kinds_count_half_as_much_again():
    one = suspicion.suspicion([("conflicting_vote", 0)])
    assert one == 35 and suspicion.suspicion([("conflicting_vote", WINDOW // 2)]) == 17.5
    assert suspicion.suspicion([("conflicting_vote", WINDOW)]) == 0
    assert suspicion.suspicion([("conflicting_vote", 0), ("silence", 0)]) == 60
    assert suspicion.suspicion([("flooding", 0)] * 9) == 100, "capped"


def test_a_proof_confirms_at_once_and_strangeness_alone_takes_several():
    assert suspicion.suspicion([("equivocation", 4 * MINUTE)]) == 100
    alone = {kind: verdict(suspicion.suspicion([(kind, 0)])) for kind in WEIGHTS}
    assert [kind for kind, said in alone.items() if said == "confirmed"] == ["equivocation"]
    assert (SUSPICIOUS, CONFIRMED) == (40, 70)


def test_an_unknown_sign_is_named():
    with pytest.raises(ValueError, match="no weight for mood"):
        suspicion.suspicion([("mood", 0)])
