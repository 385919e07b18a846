"""Terms, commands and metrics: each once, and what the catalogue refers to is there."""

import re

import pytest

from course.catalogue import compounds, entries, trees, words
from course.lab.commands import KINDS, VERBS
from course.lab.metrics.declare import DECLARED
from course.telemetry.families import KINDS as TYPES

TREES = [trees.load(name) for name in trees.names()]
QUESTIONS = [question for tree in TREES for question in tree.questions.values()]
ENTRIES = [entries.load(name) for name in entries.names()]
COMMANDS = words.commands()

# Published verbs that trees and entries name, and that the lab does not have.
NOT_IN_THE_LAB = {
    "cluster set-mode", "hde train-dict", "node profile", "pba retrain",
    "placement list-constraints", "placement profile", "placement set-rebalance-interval",
    "state-sync force-resync", "state-sync force-sync",
}  # fmt: skip


def named_commands():
    looked = {question.look for question in QUESTIONS if question.look}
    quoted = {quote for text in prose() for quote in re.findall("`([a-z]+ [a-z-]+)`", text)}
    return looked | quoted | {verb for entry in ENTRIES for verb in entry.look}


def prose():
    """Every sentence of trees, entries and compound faults."""
    for question in QUESTIONS:
        yield question.ask
        for answer in question.answers:
            yield from (answer.leaf.do, answer.leaf.verify) if answer.leaf else ()
    for entry in ENTRIES:
        yield from (entry.title, entry.symptom, entry.always, entry.verify, *entry.questions)
        for cause in entry.causes:
            yield from (cause.cause, cause.shows, cause.fix)
    for fault in map(compounds.load, compounds.names()):
        yield from (fault.title, fault.trap, *fault.order)


def test_every_command_that_is_named_is_explained_and_no_other():
    assert named_commands() == set(COMMANDS)


def test_a_command_is_one_of_the_labs_verbs_and_of_the_same_kind_or_known_to_be_missing():
    assert set(COMMANDS) - set(VERBS) == NOT_IN_THE_LAB
    for verb in set(COMMANDS) & set(VERBS):
        assert COMMANDS[verb].kind == KINDS[verb], verb


def test_every_metric_that_is_named_is_explained():
    named = {name for question in QUESTIONS for name in question.metrics}
    named |= {name for entry in ENTRIES for name in entry.metrics}
    assert named <= set(words.metrics())


def test_a_metric_has_a_type_of_prometheus_and_a_name_that_fits_it():
    for metric in words.metrics().values():
        assert metric.type in TYPES
        assert (metric.type == "counter") == metric.name.endswith("_total")


def test_a_metric_is_explained_as_what_the_lab_measures():
    explained = words.metrics()
    assert len(DECLARED) > 40
    for family in DECLARED:
        assert family.name in explained, f"{family.name} is measured and explained nowhere"
        assert explained[family.name].type == family.kind, family.name


def test_the_word_for_an_idea_is_one_word_only():
    terms = words.glossary()
    refused = [word for term in terms.values() for word in term.instead_of]
    assert len(refused) == len(set(refused))
    assert not set(refused) & {name.lower() for name in terms}


def test_the_catalogue_uses_no_word_that_the_glossary_refuses():
    refused = {word for term in words.glossary().values() for word in term.instead_of}
    pattern = re.compile(rf"\b({'|'.join(sorted(refused))})s?\b", re.IGNORECASE)
    assert [text for text in prose() if pattern.search(text)] == []


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="'a' stands there twice"):
        words.yaml.load("a: 1\na: 2\n", Loader=words._Unique)
