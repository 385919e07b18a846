"""Metrics from a terminal: what is shown is what was sampled, and what cannot be shown is said."""

from itertools import pairwise

import pytest

from course.lab import Lab, replay
from course.lab.commands import CommandError


@pytest.fixture(scope="module")
def lab():
    """Exported, then worker-3 lost, then exported again."""
    lab = Lab("day-1", 5)
    lab.run(60)
    lab.do("metrics export", output="before")
    lab.inject("crash", host="worker-3")
    lab.run(60)
    lab.do("metrics export", output="after")
    return lab


def test_a_series_is_shown_with_its_samples_and_ends_with_its_node(lab):
    (row,) = lab.do("metrics get", metric="vm_count", node="worker-3", duration=600)
    assert row["node"] == "worker-3" and row["region"] == "us-east"
    times = [at for at, _ in row["points"]]
    assert {b - a for a, b in pairwise(times)} == {15.0}
    assert times[-1] < lab.now_s - 45
    assert row["points"] == [[at, lab.metrics.query("dwcp_vm_count", at).rows()[2]["value"]]
                             for at in times]  # fmt: skip
    assert lab.do("metrics get", metric="vm_count", node="worker-3", duration=30) == []


def test_two_exports_differ_in_what_was_lost(lab):
    (up,) = lab.do("metrics compare", before="before", after="after", metric="up")
    assert 'node="worker-3"' in up["series"]
    assert (up["before"], up["after"], up["change"]) == (1.0, 0.0, -1.0)
    gone = lab.do("metrics compare", before="before", metric="dwcp_vm_count")
    assert [(row["before"], row["after"], row["change"]) for row in gone] == [(0.0, None, None)]


def test_statistics_are_by_the_label_asked_for(lab):
    east, west = sorted(
        lab.do("metrics analyze", metric="up", group="region", duration=60),
        key=lambda row: row["region"] == "eu-west",
    )
    assert (west["min"], west["mean"], west["max"]) == (1.0, 1.0, 1.0)
    assert east["min"] == 0.0 < east["mean"] < 1.0
    assert east["samples"] > west["samples"]


def test_looking_at_metrics_replays(lab):
    quiet = Lab("day-1", 6)
    quiet.run(30)
    quiet.do("metrics export", output="one")
    again = replay(quiet.journal(), "day-1", 6)
    assert again.world.kept == quiet.world.kept


@pytest.mark.parametrize(
    ("code", "words", "verb", "arguments"),
    [
        ("METRIC_NOT_FOUND", "raft_term", "metrics get", {"metric": "raft_terms"}),
        ("NODE_NOT_FOUND", "worker-10", "metrics get", {"metric": "up", "node": "worker-99"}),
        ("INVALID_REQUEST", "86,400", "metrics get", {"metric": "up", "duration": 0}),
        ("INVALID_REQUEST", "region", "metrics analyze", {"metric": "up", "group": "colour"}),
        ("INVALID_REQUEST", "overwritten", "metrics export", {"output": "before"}),
        ("INVALID_REQUEST", "before, after", "metrics compare", {"before": "yesterday"}),
        ("INVALID_REQUEST", "not a state", "state-sync verify", {"checksum": "before"}),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(lab, code, words, verb, arguments):
    with pytest.raises(CommandError, match=words) as refused:
        lab.do(verb, **arguments)
    assert refused.value.code == code
