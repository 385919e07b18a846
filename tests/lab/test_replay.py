"""Journals that somebody else wrote: a clear refusal, or the score that the actions deserve."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.catalogue import scenarios
from course.lab import Lab, journal, replay
from course.lab.commands import VERBS, CommandError
from course.lab.conditions import resolved

FIREWALL, DISKS = "mig-01-blocked-ports", "con-02-full-disks"


def fixing(name):
    """The journal of the documented fix, without carrying it out."""
    actions = scenarios.load(name)["fix"]
    return [{"at_us": 0, "verb": a["do"], "arguments": a.get("with", {})} for a in actions]


def test_what_was_done_counts_and_not_when_it_says_it_was():
    forged = [
        record | {"at_us": -5, "result": "resolved", "points": 100} for record in fixing(DISKS)
    ]
    assert resolved(replay(forged, DISKS, 5))
    assert not resolved(replay([], DISKS, 5))


def test_a_truncated_or_reordered_or_foreign_journal_earns_what_its_actions_do():
    whole = fixing(DISKS)
    assert not resolved(replay(whole[:1], DISKS, 5)), "truncated"
    assert not resolved(replay(list(reversed(whole)), DISKS, 5)), "started before there was room"
    assert not resolved(replay(fixing(FIREWALL), DISKS, 5)), "of another incident"
    assert not resolved(replay(whole, FIREWALL, 5))


def test_a_changed_argument_does_what_it_then_says():
    half = copy.deepcopy(fixing(FIREWALL))
    half[0]["arguments"]["last"] = 8088
    assert not resolved(replay(half, FIREWALL, 5))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (None, "a list of at most 5,000"),
        ({"verb": "cluster health"}, "a list of at most 5,000"),
        ([{"verb": "cluster health", "arguments": {}}] * 5_001, "a list of at most 5,000"),
        (["cluster health"], "record 1 of the journal needs a verb"),
        ([{"verb": "cluster health"}], "record 1 of the journal needs a verb"),
        ([{"verb": 7, "arguments": {}}], "a verb is text"),
        ([{"verb": "cluster health", "arguments": []}], "arguments are named"),
        ([{"verb": "cluster health", "arguments": {1: 2}}], "arguments are named"),
    ],
)
def test_what_is_no_journal_is_refused_in_words_before_a_lab_is_built(wrong, words, monkeypatch):
    monkeypatch.setattr(journal, "Lab", None)
    with pytest.raises(ValueError, match=words):
        replay(wrong, FIREWALL, 5)


def test_a_journal_of_weeks_is_refused(monkeypatch):
    monkeypatch.setattr(journal, "REPLAY_MAX_S", 100)
    long = [{"verb": "clock run", "arguments": {"seconds": 60}}] * 3
    with pytest.raises(ValueError, match="record 2 of the journal is more than 3 days after"):
        replay(long, FIREWALL, 5)


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        ("clock run", {"seconds": "60"}, "seconds is '60'; give a number"),
        ("clock run", {"seconds": float("nan")}, "seconds is nan; give a number"),
        ("clock run", {"seconds": True}, "seconds is True; give a number"),
        ("amst set-streams", {"count": 2.5}, "count is 2.5; give a whole number"),
        ("amst set-streams", {"count": 10**400}, "give a whole number"),
        ("node list", {"status": ["ready"]}, "give text"),
        ("vm create", {"name": "x" * 5_000}, "give text"),
        ("network latency", {"nodes": [["worker-1"]]}, "give a list, each text"),
        ("node drain", {"node": {"a": {"b": {"c": {}}}}}, "give text"),
        ("cluster health", {"world": 1}, "takes no arguments"),
        ("no such", {}, "no verb 'no such'"),
        ("", {}, "no verb ''"),
    ],
)
def test_an_argument_of_another_kind_changes_nothing_and_says_what_would_fit(
    verb, arguments, words
):
    lab = Lab("bare-hosts", seed=5)
    before = lab.fingerprint(), lab.now_s
    with pytest.raises(CommandError, match=words):
        lab.do(verb, **arguments)
    assert (lab.fingerprint(), lab.now_s) == before


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["host", "node", "vm", "seconds", "name", "target", "source", "count", "self"]
)
VALUES = (
    st.sampled_from(["worker-1", "worker-9", "controller-1", "shop", -1, 0, 8085, 1e9]) | ANYTHING
)
VERB = st.sampled_from(sorted(VERBS.keys() - {"clock run"})) | st.text(max_size=12)
RECORD = st.fixed_dictionaries(
    {"verb": VERB, "arguments": st.dictionaries(NAMES, VALUES, max_size=3)}
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(RECORD, max_size=6) | ANYTHING)
def test_any_rubbish_is_a_lab_or_a_refusal_and_never_resolves_anything(rubbish):
    try:
        lab = replay(rubbish, FIREWALL, 5)
    except ValueError as refusal:
        assert "journal" in str(refusal)
        return
    assert len(lab.journal()) == len(rubbish) and not resolved(lab)
