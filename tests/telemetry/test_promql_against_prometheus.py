"""The embedded evaluator and a real Prometheus say the same to random questions on random series."""

from random import Random

import numpy as np
import pytest

from course.faces import prometheus
from course.faces.prometheus import Prometheus
from course.telemetry import promql
from course.telemetry.labels import labels
from course.telemetry.promql import Answer, QueryError
from course.telemetry.series import STALE, Store
from tests.telemetry.world import SPAN_MS, Queries, random_store

SEEDS = range(4)
QUERIES = 150

pytestmark = pytest.mark.skipif(
    not prometheus.installed(), reason="Prometheus is not installed: tests/install-packages"
)


def asked(ask, *arguments) -> Answer | None:
    """The answer, None if the query is refused."""
    try:
        return ask(*arguments)
    except QueryError:
        return None


def equal(one: Answer | None, other: Answer | None) -> bool:
    if one is None or other is None:
        return one is other
    ours, theirs = ({line.labels: line for line in a.lines} for a in (one, other))
    return (
        (one.kind, one.text, ours.keys()) == (other.kind, other.text, theirs.keys())
        and all(np.array_equal(ours[k].times, theirs[k].times) for k in ours)
        and all(
            np.allclose(ours[k].values, theirs[k].values, 1e-9, 1e-9, equal_nan=True) for k in ours
        )
    )


def spans(random: Random) -> tuple[int, tuple[int, int, int]]:
    """A moment and a span; half of the moments are those of a scrape."""
    at = random.randrange(SPAN_MS + 600_000)
    at -= at % random.choice([1, 15_000])
    return at, (random.choice([0, at]), SPAN_MS + 300_000, random.choice([15_000, 60_000, 47_000]))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_queries_on_random_series_have_the_same_answers(seed):
    random = Random(seed)
    store, queries, answered = random_store(random, markers=True), Queries(random), 0
    with Prometheus(store) as server:
        version = server.version
        for _ in range(QUERIES):
            query = queries.query()
            at, (start, end, step) = spans(random)
            real = asked(server.query, query, at)
            assert equal(real, asked(promql.query, store, query, at, version)), (seed, query, at)
            span = (query, start, max(start, end), step)
            real = asked(server.query_range, *span)
            assert equal(real, asked(promql.query_range, store, *span, version)), (seed, span)
            answered += bool(real)
    assert answered > QUERIES // 3  # agreeing that there is nothing would prove little


def test_the_comparison_notices_a_rate_that_does_not_extrapolate(monkeypatch):
    store = Store()
    for at in range(7_000, 120_000, 15_000):
        store.append(labels("requests_total"), at, at / 7)
    with Prometheus(store) as server:
        real = server.query("increase(requests_total[1m])", 100_000)
    assert equal(real, promql.query(store, "increase(requests_total[1m])", 100_000))
    naive = "requests_total @ 97 - requests_total @ 52"
    assert not equal(real, promql.query(store, naive, 100_000))


def test_a_backfilled_prometheus_answers_like_one_that_was_written_to():
    store = random_store(Random(9), markers=False)
    question = ("sum by (job) (rate(requests_total[5m]))", 0, SPAN_MS, 60_000)
    with Prometheus(store, blocks=True) as server:
        assert equal(server.query_range(*question), promql.query_range(store, *question))


def test_a_stale_marker_ends_a_series_at_once_in_both():
    store = Store()
    store.append(labels("up", job="a"), 0, 1.0)
    store.append(labels("up", job="a"), 15_000, STALE)
    with Prometheus(store) as server:
        for at, count in [(14_999, 1), (15_000, 0), (60_000, 0)]:
            assert len(server.query("up", at).lines) == len(promql.query(store, "up", at).lines)
            assert len(server.query("up", at).lines) == count


def test_a_refused_query_says_what_prometheus_says():
    with Prometheus(random_store(Random(1), markers=False)) as server:
        with pytest.raises(QueryError, match="parse error"):
            server.query("sum(", 0)
        with pytest.raises(QueryError, match="many-to-many matching not allowed"):
            server.query("requests_total / on (job) temperature", 600_000)
