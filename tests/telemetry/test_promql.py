"""What PromQL's rules say, on series short enough to compute by hand."""

import math

import pytest

from course.telemetry import notation, promql
from course.telemetry.promql import QueryError, UnsupportedError
from course.telemetry.series import Store

MINUTE = 60_000


def store(*lines: str, step: int = MINUTE) -> Store:
    made = Store()
    for line in lines:
        notation.load(made, *notation.split(line), step)
    return made


def value(made: Store, query: str, at: int = 10 * MINUTE) -> float:
    return promql.query(made, query, at).value


def test_a_sample_is_found_for_five_minutes_and_not_a_millisecond_longer():
    made = store("up 1")
    assert promql.query(made, "up", 5 * MINUTE)
    assert not promql.query(made, "up", 5 * MINUTE + 1)


def test_version_3_leaves_out_what_is_exactly_as_old_as_the_window():
    made = store("up 1 2 3 4 5 6 7")
    for query, by_version in [
        ("count_over_time(up[2m])", {2: 3, 3: 2}),
        ("count_over_time(up[2m:1m])", {2: 3, 3: 2}),
        ("sum_over_time(up[90s])", {2: 11, 3: 11}),
        ("up @ 0 offset -5m", {2: 6, 3: 6}),
    ]:
        for version, right in by_version.items():
            assert promql.query(made, query, 5 * MINUTE, version).value == right, (query, version)
    alone = store("up 1")
    assert promql.query(alone, "up", 5 * MINUTE, 2)
    assert not promql.query(alone, "up", 5 * MINUTE, 3)
    with pytest.raises(QueryError, match="give 2 or 3"):
        promql.query(made, "up", 0, 1)


def test_a_restart_of_a_counter_is_no_negative_rate():
    made = store("sent_total 0 60 120 10 70 130 190 250 310 370 430")
    # 120 before the restart, 430 after it, in 10 minutes
    assert value(made, "increase(sent_total[10m])") == pytest.approx(550)
    assert value(made, "resets(sent_total[10m])") == 1


def test_an_increase_of_whole_numbers_may_be_fractional():
    made = store("seen_total 3 3 3 3 3 3 3 3 3 4 4")
    assert value(made, "increase(seen_total[150s])") == pytest.approx(1.25)


def test_a_counter_is_not_extrapolated_below_zero():
    made = store("born_total _ _ _ _ _ _ _ 0 60 120 180")
    assert value(made, "increase(born_total[4m])") == pytest.approx(180)


def test_a_filter_leaves_nothing_and_bool_leaves_zero():
    made = store("up 0x20")
    assert not promql.query(made, "count(up == 1)", 0)
    assert value(made, "sum(up == bool 1)") == 0
    assert value(made, "(count(up == 1) or vector(0)) < 3") == 0


def test_the_labels_of_absent_are_those_that_equality_fixes():
    found = promql.query(store(), 'absent(up{job="a", node=~"b.*"})', 0)
    assert [str(line) for line in found.lines] == ['{job="a"} 1']


def test_a_quantile_above_the_last_bound_is_that_bound():
    made = store(
        *(f'took_bucket{{le="{le}"}} {n}x20' for le, n in [("1", 1), ("5", 2), ("+Inf", 99)])
    )
    assert value(made, "histogram_quantile(0.95, took_bucket)") == 5


def test_a_quantile_lies_on_a_line_between_the_bounds_of_its_bucket():
    made = store(
        *(f'took_bucket{{le="{le}"}} {n}x20' for le, n in [("1", 0), ("2", 10), ("+Inf", 10)])
    )
    assert value(made, "histogram_quantile(0.9, took_bucket)") == pytest.approx(1.9)


def test_many_series_for_one_must_be_said_and_then_carry_its_labels():
    made = store(
        'sent{node="a", port="1"} 6x20',
        'sent{node="a", port="2"} 8x20',
        'limit{node="a", zone="x"} 2x20',
    )
    with pytest.raises(QueryError, match="group_left"):
        promql.query(made, "sent / on (node) limit", 0)
    found = promql.query(made, "sent / on (node) group_left (zone) limit", 0)
    assert sorted(str(line) for line in found.lines) == [
        '{node="a", port="1", zone="x"} 3',
        '{node="a", port="2", zone="x"} 4',
    ]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("sin(up)", "sin"),
        ("day_of_week()", "day_of_week"),
        ("up atan2 up", "atan2"),
        ("double_exponential_smoothing(up[5m], 0.5, 0.5)", "double_exponential_smoothing"),
        ('{job="a" or job="b"}', "or"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(query, name):
    with pytest.raises(UnsupportedError, match=name):
        promql.query(store("up 1x20"), query, 0)


@pytest.mark.parametrize("query", ["sum(", "rate(up)", "up[5m] + 1", "1 +", 'up{job="a}', ""])
def test_a_wrong_query_is_refused_with_its_text(query):
    with pytest.raises(QueryError) as error:
        promql.query(store("up 1x20"), query, 0)
    assert len(str(error.value)) > 20


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("(" * 2_000 + "up" + ")" * 2_000, "nested too deeply"),
        ("sum(" * 2_000 + "up" + ")" * 2_000, "at most 5,000 characters"),
        ("sum_over_time(up[1000d:1ms])", "steps; at most 1,000,000"),
        ("max_over_time(max_over_time(vector(1)[3d:1s])[3d:1s])", "samples at once"),
        ('up{node=~"(a+)+b"}', "a repetition of what repeats or branches"),
        ('up{node=~"(a|aa)*b"}', "a repetition of what repeats or branches"),
        ('up{node=~"((?:a|b){1,9}c)+"}', "a repetition of what repeats or branches"),
        ("up @ -1e18", "before 1970"),
        ("up @ 1e300", "too far away"),
        ('up{node=~"["}', "illegal regex"),
        ("up \ud800", "surrogates"),
    ],
    ids=lambda text: text[:20],
)
def test_a_query_that_would_exhaust_the_evaluator_is_refused_in_time(query, words):
    made = store(f'up{{node="{"a" * 40}"}} 1x20')
    with pytest.raises(QueryError, match=words):
        promql.query(made, query, 10 * MINUTE)


@pytest.mark.parametrize(
    "pattern",
    ["a.*", "worker-[0-9]+", "(a|b)", "(eu|us)-.+", r"a\\(b+c", "[]a-z+]+", "(?:ab)+", "(a)?b*"],
)
def test_a_usual_regular_expression_is_not_refused(pattern):
    promql.query(store("up 1x20"), f'up{{node=~"{pattern}"}}', 0)


def test_a_span_has_a_point_where_there_is_a_value_and_none_where_there_is_not():
    found = promql.query_range(store("up 1 1 stale _ _ _ 1"), "up", 0, 6 * MINUTE, MINUTE)
    assert list(found.lines[0].times) == [0, MINUTE, 6 * MINUTE]
    assert list(found.frame().columns) == ["up"]


@pytest.mark.parametrize(("start", "end", "step"), [(0, -1, 1), (0, 10, 0), (0, 11_000, 1)])
def test_a_span_that_goes_backwards_or_has_too_many_points_is_refused(start, end, step):
    with pytest.raises(QueryError):
        promql.query_range(store("up 1"), "up", start, end, step)


def test_dividing_by_zero_has_an_answer():
    made = store("none 0x20")
    assert math.isnan(value(made, "none / none"))
    assert value(made, "1 / none") == math.inf
