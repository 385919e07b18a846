"""histogram_quantile: a quantile from the counts under bucket bounds.

The bucket that holds the wanted observation is found, and the value is put on a straight line
between its bounds. So the answer is never finer than the buckets, and a quantile beyond the last
bound is reported as that bound. Only classic histograms, with the label `le`.
"""

import math

import numpy as np

from course.telemetry.labels import Labels, get, nameless, without
from course.telemetry.promql.values import Row, Vector, vector

Bucket = tuple[float, Row]


def histogram_quantile(q: np.ndarray, buckets: Vector) -> Vector:
    """The q-quantile of each histogram in `buckets`, each moment with its own q."""
    groups: dict[Labels, list[Bucket]] = {}
    for row in buckets.rows:
        bound = _bound(get(row.labels, "le"))
        if bound is not None:
            groups.setdefault(without(row.labels, ("le",)), []).append((bound, row))
    return vector(_row(nameless(labels), q, group) for labels, group in groups.items())


def _bound(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _row(labels: Labels, q: np.ndarray, group: list[Bucket]) -> Row:
    group = sorted(group, key=lambda bucket: bucket[0])
    bounds = np.array([bound for bound, _ in group])
    counts = np.array([row.values for _, row in group])  # [buckets, moments]
    there = np.array([row.there for _, row in group])  # [buckets, moments]
    values = np.full(len(q), np.nan)
    patterns, which = np.unique(there.T, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        moments = np.flatnonzero(which.reshape(-1) == number)
        if pattern.any():
            part = counts[np.ix_(pattern, moments)]
            values[moments] = _quantiles(q[moments], *_coalesced(bounds[pattern], part))
    return Row(labels, values, np.any(there, axis=0))


def _coalesced(bounds: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Buckets with the same bound (`le="1"` and `le="1.0"`) added up."""
    unique, which = np.unique(bounds, return_inverse=True)
    if len(unique) == len(bounds):
        return bounds, counts
    summed = np.zeros((len(unique), counts.shape[1]))
    np.add.at(summed, which, counts)
    return unique, summed


def _quantiles(q: np.ndarray, bounds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The quantiles of one histogram. `bounds` [buckets], `counts` [buckets, moments]"""
    if len(bounds) < 2 or bounds[-1] != math.inf:
        return _impossible(q, np.full(len(q), np.nan))
    counts = np.fmax.accumulate(counts, axis=0)  # a count that falls is a scrape caught half-way
    seen = counts[-1]
    rank = q * seen
    here = np.argmax(np.vstack([counts[:-1] >= rank, np.ones_like(rank, bool)]), axis=0)
    below = np.maximum(here - 1, 0)
    columns = np.arange(len(q))
    lower = np.where(here > 0, bounds[below], 0.0)
    under = np.where(here > 0, counts[below, columns], 0.0)
    share = (rank - under) / (counts[here, columns] - under)
    value = lower + (bounds[here] - lower) * share
    value = np.where((here == 0) & (bounds[0] <= 0), bounds[0], value)
    value = np.where(here == len(bounds) - 1, bounds[-2], value)
    return _impossible(q, np.where(seen == 0, np.nan, value))


def _impossible(q: np.ndarray, value: np.ndarray) -> np.ndarray:
    """What a quantile outside 0 to 1 is: infinite; that of NaN is NaN."""
    value = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, value))
    return np.where(np.isnan(q), np.nan, value)
