"""Metrics as text: what is written reads back, and nothing undeclared gets in."""

import math
import shutil
import subprocess
from random import Random

import pytest

from course.telemetry import exposition, reading
from course.telemetry.families import Families, Family
from course.telemetry.labels import labels
from course.telemetry.series import STALE, Store
from tests.telemetry.world import random_store

FAMILIES = Families(
    [
        Family(
            "sent_total", "counter", "Bytes sent, with a \\ and\na second line.", "bytes", ("mode",)
        ),
        Family("took_seconds", "histogram", "How long it took.", "seconds", buckets=(0.5, 1)),
        Family("load", "gauge", "How loaded it is."),
    ]
)
ODD = 'a "quoted" \\ name\nof two lines'


def test_a_page_reads_back_as_the_samples_it_was_made_of():
    samples = [
        (labels("sent_total", mode=ODD), 1e15 + 0.5),
        (labels("load"), -math.inf),
        (labels("took_seconds_bucket", le="0.5"), 3.0),
    ]
    read = reading.read(exposition.page(FAMILIES, samples))
    assert {s.labels: s.value for s in read.samples} == dict(samples)
    assert read.help["sent_total"] == FAMILIES.all[0].help
    assert read.types == {"sent_total": "counter", "took_seconds": "histogram", "load": "gauge"}


def test_a_history_reads_back_to_the_millisecond():
    store = random_store(Random(3), markers=False)
    back = reading.read_store(exposition.openmetrics(store))
    for before, after in zip(store.select(), back.select(), strict=True):
        assert before.labels == after.labels
        assert list(before.arrays()[0]) == list(after.arrays()[0])
        assert list(map(repr, before.arrays()[1])) == list(map(repr, after.arrays()[1]))


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_finds_nothing_wrong_with_a_page():
    samples = [(labels("sent_total", mode=ODD), 1.0), (labels("load"), math.nan)]
    page = exposition.page(FAMILIES, samples)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (labels("sent"), "no declared metric writes 'sent'"),
        (labels("took_seconds"), "a histogram writes took_seconds_bucket"),
        (labels("load", vm="vm-1"), "has no label vm"),
    ],
)
def test_a_sample_that_its_family_does_not_declare_is_refused(named, words):
    with pytest.raises(ValueError, match=words):
        Store(FAMILIES).append(named, 0, 1.0)
    with pytest.raises(ValueError, match=words):
        exposition.page(FAMILIES, [(named, 1.0)])


def test_a_counter_falls_only_when_its_process_restarted():
    store, name = Store(FAMILIES), labels("sent_total", mode="internet")
    store.append(name, 0, 5.0)
    with pytest.raises(ValueError, match="a counter only rises"):
        store.append(name, 15_000, 4.0)
    store.append(name, 15_000, 0.0, reset=True)


def test_samples_are_added_in_time_order_and_once():
    store = Store()
    store.append(labels("load"), 10, 1.0)
    store.append(labels("load"), 10, 1.0)
    with pytest.raises(ValueError, match="cannot also be 2"):
        store.append(labels("load"), 10, 2.0)
    with pytest.raises(ValueError, match="time order"):
        store.append(labels("load"), 9, 1.0)
    store.append(labels("load"), 20, STALE)
    assert len(store.select("load")[0]) == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (("sent", "counter", ""), "ends in _total"),
        (("load_total", "gauge", ""), "is a counter's"),
        (("1st", "gauge", ""), "no digit first"),
        (("load", "summary", ""), "none of counter"),
        (("took", "histogram", ""), "has buckets"),
        (("took", "histogram", "", "", (), (2, 1)), "must rise"),
        (("took", "histogram", "", "", ("le",), (1, 2)), "label le"),
    ],
)
def test_a_family_that_cannot_be_is_refused_with_the_reason(fields, words):
    with pytest.raises(ValueError, match=words):
        Family(*fields)


@pytest.mark.parametrize(
    "line", ["load", 'load{a="b} 1', "load x", 'load{a="1", a="2"} 1', "1load 2"]
)
def test_a_line_that_cannot_be_read_is_named_by_its_number(line):
    with pytest.raises(ValueError, match="line 2"):
        reading.read(f"up 1\n{line}\n")
