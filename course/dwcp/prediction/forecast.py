"""Forecasts without a model: what PBA answers until it has 60 samples, and the yardstick after.

A forecast is a value with a horizon and a confidence. It says nothing about the time after its
horizon, so a 30 s forecast must not decide about a transfer of 80 s. One with a confidence under
0.5 is shown to people and used by nobody. Read next: `features`, `schedule`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from course.dwcp.mode import Mode

CONFIDENCE_MIN = 0.5
DEFER_BELOW = 0.7  # of the present rate
HORIZON_S = 30
HORIZON_S_MAX = 300
FALLBACK_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of a path; loss is a fraction, `hour` is of the day (0 to 24)."""

    rate_mbps: float
    rtt_ms: float
    loss: float
    jitter_ms: float = 0.0
    hour: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected mean over the next `horizon_s` seconds; `confidence` is 0 to 1."""

    rate_mbps: float
    rtt_ms: float
    loss: float
    confidence: float
    horizon_s: int = HORIZON_S
    jitter_ms: float = 2.0
    valid_until: int | None = None  # us; None: no time was given
    model: str = "fallback"  # the version of the model that made it

    @property
    def usable(self) -> bool:
        return self.confidence >= CONFIDENCE_MIN


def fallback(samples: Sequence[Sample], mode: Mode = Mode.INTERNET) -> Forecast:
    """The mean of the last five samples, or a static guess when there is none.

    Confidence is 0.35 (0.45 in datacenter mode) and 0.02 more per sample, up to 0.20 more.
    """
    base = 0.45 if mode is Mode.DATACENTER else 0.35
    if not samples:
        return Forecast(rate_mbps=100.0, rtt_ms=10.0, loss=0.01, confidence=base)
    last = samples[-FALLBACK_SAMPLES:]
    return Forecast(
        rate_mbps=fmean(s.rate_mbps for s in last),
        rtt_ms=fmean(s.rtt_ms for s in last),
        loss=fmean(s.loss for s in last),
        confidence=round(base + min(0.20, 0.02 * len(samples)), 2),
        jitter_ms=fmean(s.jitter_ms for s in last),
    )


def should_defer(forecast: Forecast, rate_mbps_now: float) -> bool:
    """Wait? Only if a usable forecast expects less than 0.7 of the present rate."""
    return forecast.usable and forecast.rate_mbps < DEFER_BELOW * rate_mbps_now
