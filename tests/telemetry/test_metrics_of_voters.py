"""What the voters' metrics say of views, liars and latency, and that the alert on views fires."""

import pytest

from course.lab import Lab

PAUSE_S = 24  # a request comes within 10 s, and voters wait for another 10 s
CHANGES = 12


def value(lab: Lab, query: str) -> float:
    return lab.metrics.query(query).value


@pytest.fixture(scope="module")
def restless() -> Lab:
    """Twelve primaries freeze, each soon after its view began."""
    lab = Lab("four-voters", 5)
    for _ in range(CHANGES):
        lab.inject("pause", host=lab.consensus.pbft_status()["primary"], for_s=PAUSE_S)
        lab.run(PAUSE_S + 1)
    lab.run(105)
    return lab


def test_twelve_frozen_primaries_in_an_hour_fire_the_alert_on_view_changes(restless):
    (row,) = restless.alerts.history("FrequentViewChanges")
    assert row["firing_s"] is not None and row["value"] > 10


def test_every_voter_counts_the_views_that_it_enters(restless):
    assert value(restless, "max(dwcp_pbft_view)") == CHANGES
    assert value(restless, "max(dwcp_pbft_view_changes_total)") == CHANGES
    assert value(restless, "count(dwcp_pbft_view)") == 4
    assert value(restless, "max(dwcp_pbft_voters)") == 4


def test_a_frozen_primary_is_no_liar_but_holds_decisions_up(restless):
    assert not restless.metrics.query("dwcp_byzantine_detections_total")
    seen = 'dwcp_consensus_latency_seconds_bucket{protocol="pbft", le="%s"}'
    slow = f"sum({seen % '+Inf'}) - ignoring (le) sum({seen % '5'})"
    assert value(restless, slow) >= CHANGES


def test_a_liar_is_counted_by_the_controllers_and_is_a_voter_less():
    lab = Lab("four-voters", 5)
    lab.inject("vote-manipulation", host="worker-3")
    lab.run(120)
    wrong = lab.reputation.analyze(node="worker-3")["incorrect"]
    counted = 'max(dwcp_byzantine_detections_total{kind="wrong_vote"})'
    assert value(lab, counted) == wrong >= 8
    assert value(lab, "max(dwcp_pbft_voters)") == 3


def test_two_faces_are_counted_by_their_proof():
    lab = Lab("four-voters", 5)
    lab.inject("equivocation", host="worker-4")
    lab.run(45)
    assert value(lab, 'max(dwcp_byzantine_detections_total{kind="equivocation"})') == 1
