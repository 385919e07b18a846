"""Quorums, reputation, placement, streams, registers, gossip, forecasts: one test a law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.dwcp.consensus import Reputation, byzantine_quorum, majority, max_crashed, max_faulty
from course.dwcp.placement import Node, NoFeasibleNode, Vm, objections, place
from course.dwcp.prediction import fallback, should_defer
from course.dwcp.prediction.forecast import Forecast, Sample
from course.dwcp.sync import Clock, Register, rounds_to_all, spread
from course.dwcp.transport import (
    DATA_PORTS,
    Scheduler,
    loss_limited_mbps,
    reorder_buffer_bytes,
    stream_band,
    streams_for,
)
from course.dwcp.units import seconds, transfer_us

members = st.integers(1, 200)


@given(members)
def test_two_majorities_always_meet(n):
    assert 2 * majority(n) > n
    assert max_crashed(n) == (n - 1) // 2


@given(members)
def test_two_byzantine_quorums_share_an_honest_voter_and_can_be_reached(n):
    f, q = max_faulty(n), byzantine_quorum(n)
    assert 3 * f < n
    assert 2 * q - n >= f + 1
    assert q <= n - f


@given(st.integers(0, 60))
def test_with_3f_plus_1_voters_the_quorum_is_2f_plus_1(f):
    assert (max_faulty(3 * f + 1), byzantine_quorum(3 * f + 1)) == (f, 2 * f + 1)


@given(st.lists(st.booleans(), max_size=200))
def test_a_score_stays_a_fraction(votes):
    reputation = Reputation()
    for correct in votes:
        reputation = reputation.vote(correct)
        assert 0 <= reputation.score <= 1


def test_eight_errors_in_a_row_quarantine_and_forty_correct_votes_restore():
    reputation = Reputation()
    for _ in range(8):
        reputation = reputation.vote(correct=False)
    assert (reputation.score, reputation.band) == (0.2, "quarantined")
    reputation = Reputation(0.30)
    for _ in range(40):
        reputation = reputation.vote(correct=True)
    assert (reputation.score, reputation.band) == (0.7, "normal")


def test_nobody_is_quarantined_for_idleness():
    assert Reputation().idle(days=400).score == 0.50
    assert Reputation(0.40).idle(days=400).score == 0.40


vm = st.builds(
    Vm, st.just("vm"), st.integers(1, 8), st.floats(0.25, 64), st.sampled_from([None, "g"])
)
node = st.builds(
    Node, st.sampled_from("abcdef"), st.sampled_from(["us", "eu"]), st.integers(1, 32),
    st.floats(1, 128), st.lists(vm, max_size=4).map(tuple), st.booleans(), st.floats(0, 1),
)  # fmt: skip


@given(vm, st.lists(node, max_size=8, unique_by=lambda n: n.name))
def test_a_placement_never_breaks_a_hard_rule_and_always_names_what_stood_in_the_way(wanted, nodes):
    by_name = {n.name: n for n in nodes}
    try:
        chosen = place(wanted, nodes)
    except NoFeasibleNode as error:
        assert set(error.reasons) == set(by_name) and all(error.reasons.values())
        return
    assert all(not objections(wanted, by_name[name]) for name in chosen)


def test_best_fit_prefers_the_fuller_node():
    full = Node("full", "us", 32, 64, (Vm("x", 8, 40),))
    assert place(Vm("vm", 1, 4), [Node("empty", "us", 32, 64), full]) == ["full", "empty"]


@given(st.dictionaries(st.integers(0, 15), st.integers(1, 50), min_size=1, max_size=16))
def test_every_stream_gets_its_weight(weights):
    scheduler, total = Scheduler(weights), sum(weights.values())
    turns = [scheduler.next_stream() for _ in range(total)]
    assert {stream: turns.count(stream) for stream in weights} == weights


def test_stream_bands_rise_with_the_round_trip_and_congestion_wins():
    assert [stream_band(r) for r in (49, 50, 200, 201)] == [(4, 8), (8, 12), (8, 12), (12, 16)]
    assert (streams_for(100), streams_for(100, loss=0.06)) == (10, 4)
    assert len(DATA_PORTS) == 16


def test_transport_arithmetic_matches_the_published_figures():
    assert round(loss_limited_mbps(100, 0.005), 1) == 2.0
    assert reorder_buffer_bytes(1_000, 200) == 32_500_000
    assert round(seconds(transfer_us(2 * 2**30, 100))) == 172


clocks = st.builds(Clock, st.integers(0, 5), st.integers(0, 3), st.sampled_from(["a", "b"]))
# Two writes never carry the same clock, so the value is a function of it.
registers = clocks.map(lambda clock: Register(str(clock), clock))


@given(registers, registers, registers)
def test_merging_is_commutative_associative_and_idempotent(a, b, c):
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(a) == a


def test_a_slow_clock_does_not_lose_what_it_has_seen():
    seen = Register("old", Clock(1_000_000, 0, "fast"))
    written = seen.write("new", wall_now=5, node="slow")
    assert written.merge(seen).value == "new"


def test_gossip_reaches_everybody_about_as_fast_as_estimated():
    dice = np.random.Generator(np.random.PCG64(1))
    for nodes in (13, 1_000, 100_000):
        rounds = len(spread(nodes, 6, dice)) - 1
        assert abs(rounds - rounds_to_all(nodes)) <= 2.5, (nodes, rounds)


def test_a_forecast_of_low_confidence_defers_nothing():
    assert not should_defer(Forecast(10, 90, 0, confidence=0.49), rate_mbps_now=100)
    assert should_defer(Forecast(10, 90, 0, confidence=0.5), rate_mbps_now=100)


def test_the_fallback_trusts_itself_a_little_more_with_each_sample():
    sample = Sample(100, 90, 0.0)
    assert fallback([]).confidence == 0.35
    assert fallback([sample] * 59).confidence == 0.55


def test_misuse_says_what_would_be_right():
    for call, words in (
        (lambda: majority(0), "at least 1"),
        (lambda: Scheduler({}), "weight of at least 1"),
        (lambda: stream_band(-1), "0 ms or more"),
        (lambda: transfer_us(1, 0), "above 0 Mbps"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
