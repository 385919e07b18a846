"""A rule or a query is judged by what it says on histories that its author has not seen."""

import pytest

from course.telemetry import notation
from course.telemetry.judging import Timeline, judge_query, judge_rule
from course.telemetry.series import Store

MINUTE = 60_000
UP = 'up{job="dwcp-controller", node="%s"}'


def timeline(name: str, series: dict[str, str], fault: tuple[int, int] | None = None) -> Timeline:
    store = Store()
    for one, values in series.items():
        notation.load(store, one, values, 15_000)
    span = (fault[0] * MINUTE, fault[1] * MINUTE) if fault else None
    return Timeline(name, store, 0, 40 * MINUTE, span)


HEALTHY = timeline("a quiet day", {UP % n: "1x160" for n in "abc"})
ONE_DOWN = timeline(
    "one down", {UP % "a": "1x160", UP % "b": "1x160", UP % "c": "1x40 0x39 1x80"}, (10, 20)
)
ALL_DOWN = timeline("all down", {UP % n: "1x40 0x39 1x80" for n in "abc"}, (10, 20))
GONE = timeline("series gone", {UP % n: "1x40 _x80 1x40" for n in "abc"}, (15, 30))
ALL = [HEALTHY, ONE_DOWN, ALL_DOWN, GONE]

RIGHT = """
alert: ControllersLost
expr: (sum(up{job="dwcp-controller"}) or vector(0)) < 3
for: 1m
labels: {severity: critical}
annotations: {runbook: CON-02}
"""
OTHER_RIGHT = """
- alert: TooFew
  expr: (count(up{job=~".*controller"} == 1) or vector(0)) <= 2
  for: 1m
"""


@pytest.mark.parametrize("text", [RIGHT, OTHER_RIGHT])
def test_a_rule_that_does_its_work_passes_however_it_is_written(text):
    assert judge_rule(text, ALL, within_s=180) == []


def changed(old: str, new: str) -> str:
    assert old in RIGHT
    return RIGHT.replace(old, new)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            changed('(sum(up{job="dwcp-controller"}) or vector(0))', 'count(up{job="dwcp-controller"} == 1)'),
            "on all down it does not fire.*compares nothing with 3.*nothing and not 0",
        ),
        (changed(" or vector(0)", ""), "on series gone.*compares nothing with 3"),
        (changed("< 3", "< 4"), "on a quiet day, where nothing is wrong, it fires after 60 s.*3 with 4"),
        (changed("for: 1m", "for: 15m"), "its condition holds, for 600 s, and `for` is 900 s"),
        (changed("sum(up", "sum(down"), "does not fire|it fires"),
        (changed("sum(up{job=\"dwcp-controller\"})", "min_over_time(sum(up)[30m:1m])"), "still fires"),
        (changed("alert: ControllersLost", "record: a:b"), "neither `for`"),
        (changed("< 3", "< "), "ControllersLost: "),
        ("alert: [", "no YAML"),
        ("just text", "is a mapping"),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_is_told_why(text, words):
    with pytest.raises(AssertionError, match=words):
        wrong = judge_rule(text, ALL, within_s=180)
        assert not wrong, wrong[0]


def test_a_rule_made_to_exhaust_whoever_reads_it_is_refused():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12)
    )
    for text in (bomb + "alert: A\nexpr: *m", bomb + "alert: *m", "alert: A\nexpr: 1\nfor: [*m]"):
        (wrong,) = judge_rule(text, ALL, 180)
        assert len(wrong) < 500
    (wrong,) = judge_rule("alert: A\nexpr: sum_over_time(up[1000d:1ms]) > 1", ALL, 180)
    assert "steps" in wrong
    (wrong,) = judge_rule(changed("{runbook: CON-02}", "{summary: '{{ reReplaceAll }}'}"), ALL, 180)
    assert "give $value or $labels.NAME" in wrong


def test_what_a_rule_must_carry_is_named():
    assert judge_rule(RIGHT, ALL, 180, needs=["severity", "runbook"]) == []
    (wrong,) = judge_rule(OTHER_RIGHT, ALL, 180, needs=["severity"])
    assert "TooFew has no severity" in wrong


TRAFFIC = timeline(
    "a busy hour",
    {
        'sent_bytes_total{node="a", mode="internet"}': "0+1500x160",
        'sent_bytes_total{node="b", mode="internet"}': "0+3000x160",
        'took_seconds_bucket{le="1"}': "0+1x160",
        'took_seconds_bucket{le="+Inf"}': "0+2x160",
    },
)
REFERENCE = "sum by (node) (rate(sent_bytes_total[5m])) * 8 / 1e6"


@pytest.mark.parametrize(
    "text",
    [REFERENCE, "8e-6 * sum by (node) (increase(sent_bytes_total[5m]) / 300)",
     "sum without (mode) (rate(sent_bytes_total[5m])) / 125000"],
)  # fmt: skip
def test_a_query_that_says_the_same_passes_however_it_is_written(text):
    assert judge_query(text, REFERENCE, [TRAFFIC]) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sum by (node) (rate(sent_bytes_total[5m])) / 1e6", "factor of 8: bits and bytes"),
        ("sum by (node) (rate(sent_bytes_total[5m])) * 8", "factor of 1e\\+06: bit/s and Mbps"),
        ("sum(rate(sent_bytes_total[5m])) * 8 / 1e6", "told apart by nothing, where node is right"),
        ('sum by (node) (rate(sent_bytes_total{node="a"}[5m])) * 8 / 1e6', "which matcher keeps it out"),
        ("sum by (node) (rate(send_bytes_total[5m])) * 8 / 1e6", "no series is called send_bytes_total"),
        ("rate(took_seconds[5m])", "is a histogram"),
        ("sum by (node) (sent_bytes_total)", "where .* is right"),
        ("sum by (node) (", "sum by"),
    ],
)  # fmt: skip
def test_a_query_that_says_something_else_is_told_what(text, words):
    with pytest.raises(AssertionError, match=words):
        wrong = judge_query(text, REFERENCE, [TRAFFIC])
        assert not wrong, wrong[0]


def test_values_alone_may_count():
    text = 'label_replace(sum by (node) (rate(sent_bytes_total[5m])) * 8e-6, "host", "$1", "node", "(.*)")'
    assert judge_query(text, REFERENCE, [TRAFFIC])
    assert judge_query(text, REFERENCE, [TRAFFIC], labels=False) == []


def test_a_reference_that_says_nothing_is_the_authors_error():
    with pytest.raises(ValueError, match="says nothing on a busy hour"):
        judge_query("nowhere", "nowhere", [TRAFFIC])
