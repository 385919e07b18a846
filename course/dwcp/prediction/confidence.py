"""How far to trust a forecast: how steady the path is, times how right the model has been.

    steadiness   1 - CV in a datacenter, 1 - CV / 2 on the internet, at least 0
                 (CV: standard deviation / mean of the last 10 rates)
    record       accuracy / target, at most 1
    adjustment   1 - 2 x mean relative error of the last 20 forecasts; internet only

Confidence is the product. Before 20 forecasts have met their truth there is no record, and 0.70
stands in its place. On the internet it never falls below 0.40; that is under the 0.50 from which
a forecast is used, so the floor gives nobody leave to use it.

Two formulas in circulation are not built. One minus a sum of variances adds Mbps to ms and falls
below 0 at ordinary jitter. Confidence squared over the target can exceed 1: the record is capped
here instead. Read next: `predictor`.
"""

from collections.abc import Sequence
from statistics import fmean, pstdev

from course.dwcp.mode import Mode
from course.dwcp.prediction.accuracy import Accuracy
from course.dwcp.prediction.forecast import Forecast

TARGETS = {Mode.INTERNET: 0.70, Mode.DATACENTER: 0.85}
RATES = 10
UNPROVED = 0.70  # the record of a model that has none
FLOOR_INTERNET = 0.40


def steadiness(rates_mbps: Sequence[float], mode: Mode) -> float:
    """0 to 1 from the last 10 rates; 0 if there are none or the path stands still.

    >>> steadiness([100, 120, 80, 100], Mode.INTERNET), steadiness([100] * 10, Mode.DATACENTER)
    (0.929, 1.0)
    """
    last = rates_mbps[-RATES:]
    if not last or fmean(last) <= 0:
        return 0.0
    variation = pstdev(last) / fmean(last)
    share = 1.0 if mode is Mode.DATACENTER else 0.5
    return round(max(0.0, 1 - share * variation), 3)


def confidence(rates_mbps: Sequence[float], accuracy: Accuracy, mode: Mode) -> float:
    """Of a model made for `mode` (internet or datacenter), 0 to 1, rounded to 0.01."""
    if mode not in TARGETS:
        raise ValueError(f"no model is made for mode {mode.value}; hybrid blends the two others")
    trust = UNPROVED
    if accuracy.share is not None and accuracy.recent_error is not None:
        trust = min(1.0, accuracy.share / TARGETS[mode])
        if mode is Mode.INTERNET:
            trust *= max(0.0, 1 - 2 * accuracy.recent_error)
    floor = FLOOR_INTERNET if mode is Mode.INTERNET else 0.0
    return round(max(floor, steadiness(rates_mbps, mode) * trust), 2)


def blend(forecasts: Sequence[Forecast]) -> Forecast:
    """One forecast of several, for hybrid mode: each weighs as much as its confidence.

    So does the confidence itself: with the highest instead, one boastful model would speak for
    both. Raises ValueError if there is none, or if they speak of different horizons.
    """
    if not forecasts or len({forecast.horizon_s for forecast in forecasts}) > 1:
        horizons = ", ".join(str(forecast.horizon_s) for forecast in forecasts) or "none"
        raise ValueError(f"forecasts of one horizon can be blended, these have: {horizons}")
    total = sum(forecast.confidence for forecast in forecasts)
    weights = [f.confidence / total if total else 1 / len(forecasts) for f in forecasts]

    def mean(values: Sequence[float], digits: int) -> float:
        return round(sum(w * v for w, v in zip(weights, values, strict=True)), digits)

    times = [f.valid_until for f in forecasts if f.valid_until is not None]
    return Forecast(
        rate_mbps=mean([f.rate_mbps for f in forecasts], 2),
        rtt_ms=mean([f.rtt_ms for f in forecasts], 3),
        loss=mean([f.loss for f in forecasts], 5),
        confidence=mean([f.confidence for f in forecasts], 2),
        horizon_s=forecasts[0].horizon_s,
        jitter_ms=mean([f.jitter_ms for f in forecasts], 3),
        valid_until=min(times) if times else None,
        model=" + ".join(f.model for f in forecasts),
    )
