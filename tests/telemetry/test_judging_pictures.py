"""A panel is judged by what one would see, a span by what it could save."""

import re

import pytest

from course.telemetry import notation
from course.telemetry.dashboards import dashboard, panel
from course.telemetry.judging import (
    Timeline,
    judge_dashboard,
    judge_panel,
    judge_span,
    judge_spans,
)
from course.telemetry.series import Store
from course.telemetry.traces import Span, Trace

MINUTE = 60_000
UP = 'up{job="dwcp-controller", node="%s"}'


def timeline(name, series, fault=None):
    store = Store()
    for one, values in series.items():
        notation.load(store, one, values, 15_000)
    span = (fault[0] * MINUTE, fault[1] * MINUTE) if fault else None
    return Timeline(name, store, 0, 40 * MINUTE, span)


HEALTHY = timeline("a quiet day", {UP % n: "1x160" for n in "abc"})
ONE_DOWN = timeline(
    "one down", {UP % "a": "1x160", UP % "b": "1x160", UP % "c": "1x40 0x39 1x80"}, (10, 20)
)
GONE = timeline("series gone", {UP % n: "1x40 _x80 1x40" for n in "abc"}, (15, 30))
ALL = [HEALTHY, ONE_DOWN, GONE]
SUM = 'sum(up{job="dwcp-controller"}) or vector(0)'


@pytest.mark.parametrize(
    ("query", "view", "thresholds", "worse"),
    [
        (SUM, "stat", (3, 2), "below"),
        (SUM, "timeseries", (3,), "below"),
        ('3 - (count(up{job=~".*controller"} == 1) or vector(0))', "gauge", (1, 2), "above"),
    ],
)
def test_a_panel_that_leaves_green_in_time_passes_however_it_is_made(
    query, view, thresholds, worse
):
    assert judge_panel(panel("Up", query, view, "short", thresholds, worse), ALL) == []


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (panel("Up", SUM, "stat"), "on one down.*shows 2 and has no thresholds"),
        (panel("Up", SUM, "stat", "short", (3, 4)), "on a quiet day.*shows 3 and is not green"),
        (panel("Up", SUM, "stat", "short", (2, 1), "below"), "on one down.*2 to 2, and all is green"),
        (panel("Up", 'sum(up{job="dwcp-controller"})', "stat", "short", (3, 2), "below"),
         "on series gone.*shows no data"),
        (panel("Up", "sum(upp)", "stat", "short", (3, 2), "below"), "no data; no series is called upp"),
        (panel("Up", "sum(up", "stat", "short", (3, 2), "below"), "sum"),
        ({"type": "stat", "title": "Up"}, "'Up' has no query"),
    ],
)  # fmt: skip
def test_a_panel_that_would_not_warn_is_told_why(made, said):
    wrong = judge_panel(made, ALL)
    assert wrong and re.search(said, wrong[0]), wrong


SHARE = timeline("a run", {'ok{node="a"}': "0+1x160", 'all{node="a"}': "0+2x160"})


def test_a_fraction_and_per_cent_are_the_same_if_the_unit_says_so():
    right = panel("Share", "sum(rate(ok[5m])) / sum(rate(all[5m]))", "gauge", "percentunit")
    other = panel("S", "100 * sum(increase(ok[5m])) / sum(increase(all[5m]))", "gauge", "percent")
    assert judge_panel(other, [SHARE], reference=right) == []
    (wrong,) = judge_panel(dict(other, fieldConfig=right["fieldConfig"]), [SHARE], reference=right)
    assert "says 50, where 0.5 is right" in wrong and "a fraction and per cent" in wrong


def test_a_dashboard_must_show_each_thing_that_is_asked_for():
    asked = [
        panel("Up", SUM, "stat", "short", (3, 2), "below"),
        panel("Down", '3 - sum(up{job="dwcp-controller"})', "stat"),
    ]
    good = dashboard("Mine", "mine", [asked[0], panel("Missing", "3 - sum(up)")])
    assert judge_dashboard(good, asked, [HEALTHY, ONE_DOWN]) == []
    bad = dashboard("Mine", "mine", [panel("Sum", "sum(up)")])
    said = judge_dashboard(bad, asked, [HEALTHY, ONE_DOWN])
    assert "no panel shows 'Up'; the nearest is 'Sum'" in said[0] and "no thresholds" in said[0]
    assert "no panel shows 'Down'" in said[1]
    for nothing in ({}, [], {"panels": []}, {"panels": "x"}):
        assert "list of panels" in judge_dashboard(nothing, asked, [HEALTHY])[0]


def trace(send=80, pack=15):
    def span(number, start, end, name, parent=1):
        up = None if parent is None else f"{parent:016x}"
        return Span("a" * 32, f"{number:016x}", up, name, start * 10**6, end * 10**6)

    return Trace([
        span(1, 0, 85, "vm_migration_request", None), span(2, 0, 2, "consensus_voting"),
        span(3, 2, 85, "memory_transfer"), span(4, 2, 2 + pack, "compression", 3),
        span(5, 2, 2 + send, "amst_transmission", 3),
    ])  # fmt: skip


def test_the_span_that_saves_most_is_right_and_each_other_is_told_what_it_saves():
    assert judge_span("amst_transmission", trace()) == []
    assert (
        "beside others that end later: shortening it saves 0 s"
        in judge_span("compression", trace())[0]
    )
    assert "its own: the rest is spans in it" in judge_span("memory_transfer", trace())[0]
    assert "has 2 s of the 85 s" in judge_span("consensus_voting", trace())[0]
    for nonsense in ("transfer", None, 3, ["amst_transmission"]):
        assert (
            "is no span of this trace; there are vm_migration_request"
            in judge_span(nonsense, trace())[0]
        )


def test_a_function_is_judged_on_traces_where_something_else_is_slow():
    traces = [trace(), trace(send=20, pack=80)]
    assert (
        judge_spans(
            lambda rows: ["amst_transmission", "compression"][rows[-1]["duration_s"] < 50], traces
        )
        == []
    )
    (wrong,) = judge_spans(lambda rows: "amst_transmission", traces)
    assert wrong.startswith("on trace 2") and "saves 0 s" in wrong
