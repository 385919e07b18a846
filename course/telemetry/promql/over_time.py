"""Functions of a range: rate, increase, delta and the `_over_time` family.

`rate`, `increase` and `delta` measure between the first and the last sample of the window and then
extrapolate towards its ends: up to the end if that is within 1.1 sampling intervals, else by half
an interval; a counter is not extrapolated below zero. So `increase` of whole numbers may be
fractional. A counter that falls has restarted: what it had before is added.

The functions that graphs use most work on all windows of a series at once; the others go window by
window. Left out: double exponential smoothing and everything for native histograms.
"""

import math
from collections.abc import Callable

import numpy as np

from course.telemetry.promql.values import Row, Window

Outcome = tuple[np.ndarray, np.ndarray]  # values and there, [moments]
Fold = Callable[[np.ndarray], float]


def _ends(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """The index of the first and last sample of each window, clipped to be usable as an index."""
    top = max(len(window.at) - 1, 0)
    return np.clip(window.low, 0, top), np.clip(window.high - 1, 0, top)


def _lost(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """What restarts took away between two samples. [moments]"""
    lost = np.where(values[1:] < values[:-1], values[:-1], 0.0)
    endless = np.isinf(lost)
    total = np.concatenate(([0.0], np.cumsum(np.where(endless, 0.0, lost))))
    infinities = np.concatenate(([0], np.cumsum(endless)))
    finite = total[last] - total[first]
    return np.where(infinities[last] > infinities[first], np.inf, finite)


def _extrapolated(window: Window, counter: bool, per_second: bool) -> Outcome:
    there = window.high - window.low >= 2
    if not there.any():
        return np.zeros(len(there)), there
    first, last = _ends(window)
    rise = window.values[last] - window.values[first]
    if counter:
        rise = rise + _lost(window.values, first, last)
    factor = _factor(window, first, last, rise if counter else None)
    return rise * (factor / window.seconds if per_second else factor), there


def _factor(
    window: Window, first: np.ndarray, last: np.ndarray, rise: np.ndarray | None
) -> np.ndarray:
    """By how much the sampled interval is stretched. `rise` is given for counters only."""
    sampled = (window.at[last] - window.at[first]) / 1000.0
    between = sampled / (last - first)
    to_start = (window.at[first] - window.start) / 1000.0
    to_end = (window.end - window.at[last]) / 1000.0
    if rise is not None:
        value = window.values[first]
        to_zero = np.where((rise > 0) & (value >= 0), sampled * (value / rise), np.inf)
        to_start = np.where(to_zero < to_start, to_zero, to_start)
    limit = between * 1.1
    stretched = sampled + np.where(to_start < limit, to_start, between / 2)
    return (stretched + np.where(to_end < limit, to_end, between / 2)) / sampled


def rate(window: Window) -> Outcome:
    return _extrapolated(window, counter=True, per_second=True)


def increase(window: Window) -> Outcome:
    return _extrapolated(window, counter=True, per_second=False)


def delta(window: Window) -> Outcome:
    return _extrapolated(window, counter=False, per_second=False)


def _last_two(window: Window, counter: bool, per_second: bool) -> Outcome:
    there = window.high - window.low >= 2
    if not there.any():
        return np.zeros(len(there)), there
    _, last = _ends(window)
    before = np.maximum(last - 1, 0)
    now, then = window.values[last], window.values[before]
    rise = np.where(now < then, now, now - then) if counter else now - then
    seconds = (window.at[last] - window.at[before]) / 1000.0
    return rise / seconds if per_second else rise, there


def irate(window: Window) -> Outcome:
    return _last_two(window, counter=True, per_second=True)


def idelta(window: Window) -> Outcome:
    return _last_two(window, counter=False, per_second=False)


def _counted(window: Window, happened: np.ndarray) -> Outcome:
    """How often something happened between neighbours of the window. `happened` [samples - 1]"""
    total = np.concatenate(([0], np.cumsum(happened)))
    first, last = _ends(window)
    return (total[last] - total[first]).astype(float), window.high > window.low


def changes(window: Window) -> Outcome:
    now, before = window.values[1:], window.values[:-1]
    return _counted(window, (now != before) & ~(np.isnan(now) & np.isnan(before)))


def resets(window: Window) -> Outcome:
    return _counted(window, window.values[1:] < window.values[:-1])


def count_over_time(window: Window) -> Outcome:
    return (window.high - window.low).astype(float), window.high > window.low


def present_over_time(window: Window) -> Outcome:
    return np.ones(len(window.low)), window.high > window.low


def last_over_time(window: Window) -> Outcome:
    _, last = _ends(window)
    there = window.high > window.low
    return (window.values[last] if there.any() else np.zeros(len(there))), there


def folded(window: Window, fold: Fold, at_least: int = 1) -> Outcome:
    """`fold` of the values of each window that has enough of them."""
    there = window.high - window.low >= at_least
    values = np.full(len(there), np.nan)
    for i in np.flatnonzero(there):
        values[i] = fold(window.values[window.low[i] : window.high[i]])
    return values, there


def total(values: np.ndarray) -> float:
    """A sum without rounding on the way, when all values are finite."""
    if not np.isfinite(values).all():
        return float(np.sum(values))
    try:
        return math.fsum(values)
    except OverflowError:
        return float(np.sum(values))


def mean(values: np.ndarray) -> float:
    """A mean that does not overflow on the way."""
    result = total(values) / len(values)
    if math.isinf(result) and np.isfinite(values).all():
        return total(values / len(values))
    return result


def variance(values: np.ndarray) -> float:
    """The population variance."""
    if not np.isfinite(values).all():
        return math.nan
    return mean((values - mean(values)) ** 2)


def smallest(values: np.ndarray) -> float:
    """The minimum; NaN only if there is nothing else."""
    return float(np.fmin.reduce(values))


def largest(values: np.ndarray) -> float:
    """The maximum; NaN only if there is nothing else."""
    return float(np.fmax.reduce(values))


def quantile(q: float, values: np.ndarray) -> float:
    """The q-quantile, linear between neighbours; NaN sorts below everything."""
    if math.isnan(q) or len(values) == 0:
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q - 0.5)
    nans = int(np.isnan(values).sum())
    ordered = np.concatenate((np.full(nans, np.nan), np.sort(values[~np.isnan(values)])))
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    weight = rank - low
    return float(ordered[low] * (1 - weight) + ordered[high] * weight)


def line(window: Window, i: int, origin_ms: int) -> tuple[float, float]:
    """Slope (per second) and value at `origin_ms` of the least-squares line through window i."""
    part = slice(window.low[i], window.high[i])
    x, y = (window.at[part] - origin_ms) / 1000.0, window.values[part]
    if (y == y[0]).all():
        return (0.0, float(y[0])) if math.isfinite(y[0]) else (math.nan, math.nan)
    middle_x, middle_y = mean(x), mean(y)
    slope = total((x - middle_x) * (y - middle_y)) / total((x - middle_x) ** 2)
    return slope, middle_y - slope * middle_x


def deriv(window: Window) -> Outcome:
    there = window.high - window.low >= 2
    values = np.full(len(there), np.nan)
    for i in np.flatnonzero(there):
        values[i] = line(window, int(i), int(window.at[window.low[i]]))[0]
    return values, there


def predict_linear(window: Window, times: np.ndarray, ahead: np.ndarray) -> Outcome:
    """The line through each window, continued to `ahead` seconds after each of `times`."""
    there = window.high - window.low >= 2
    values = np.full(len(there), np.nan)
    for i in np.flatnonzero(there):
        slope, now = line(window, int(i), int(times[i]))
        values[i] = slope * ahead[i] + now
    return values, there


FUNCTIONS: dict[str, Callable[[Window], Outcome]] = {
    "rate": rate,
    "increase": increase,
    "delta": delta,
    "irate": irate,
    "idelta": idelta,
    "deriv": deriv,
    "changes": changes,
    "resets": resets,
    "count_over_time": count_over_time,
    "present_over_time": present_over_time,
    "last_over_time": last_over_time,
    "sum_over_time": lambda window: folded(window, total),
    "avg_over_time": lambda window: folded(window, mean),
    "min_over_time": lambda window: folded(window, smallest),
    "max_over_time": lambda window: folded(window, largest),
    "stdvar_over_time": lambda window: folded(window, variance),
    "stddev_over_time": lambda window: folded(window, lambda v: math.sqrt(variance(v))),
}


def quantile_over_time(window: Window, q: np.ndarray) -> Outcome:
    """The quantile of each window, each moment with its own q."""
    there = window.high > window.low
    values = np.full(len(there), np.nan)
    for i in np.flatnonzero(there):
        values[i] = quantile(float(q[i]), window.values[window.low[i] : window.high[i]])
    return values, there


def row(window: Window, outcome: Outcome) -> Row:
    """One row of the result."""
    return Row(window.labels, *outcome)
